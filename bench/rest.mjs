#!/usr/bin/env node
// @ts-check
/**
 * What a node at rest costs: N nodes of one pool in this process (with `--apart` each in one of its own), in which nothing
 * happens, without replicated state and with it.
 *
 *   node bench/rest.mjs [--n 10,50] [--state off,on] [--seconds 30] [--settle 15] [--rounds 1] [--apart]
 *     [--root DIR] [--net 62]
 *
 * CPU is user and system, of all processes, both ends of each packet. `timer` is how often the one timer of each process
 * fired, together, `woken` how often a node had something to do by it, `packets` how many each sent. `--root` names another checkout,
 * built, whose nodes are taken: to compare before with after, turn by turn. Prints Markdown.
 */
import { fork, spawnSync } from "node:child_process";
import { cpus, totalmem } from "node:os";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

/** @typedef {import("../packages/node/dist/index.js").HearsayNode} HearsayNode */
/** @typedef {{ cpuMs: number, timer: number, woken: number, packets: number, bytes: number }} Cost a node and second */
/** @typedef {Cost & { alive: number }} Totals */

const { values: flags } = parseArgs({
  options: {
    n: { type: "string", default: "10,50" },
    state: { type: "string", default: "off,on" },
    seconds: { type: "string", default: "30" },
    settle: { type: "string", default: "15" },
    rounds: { type: "string", default: "1" },
    root: { type: "string", default: fileURLToPath(new URL("..", import.meta.url)) },
    net: { type: "string", default: "62" },
    apart: { type: "boolean", default: false },
    /** One turn, and one node of one: what the bench runs itself with. */
    turn: { type: "boolean", default: false },
    room: { type: "boolean", default: false },
  },
});
const root = resolve(flags.root);
const totalKeys = /** @type {const} */ (["cpuMs", "timer", "woken", "packets", "bytes", "alive"]);

if (flags.room) serveRoom();
else if (flags.turn) console.log(JSON.stringify(await turn(Number(flags.n), flags.state === "on")));
else bench();

/** Each turn in a process of its own, since what was compiled for one would serve the next. */
function bench() {
  const [cpu] = cpus();
  console.log(
    `${cpus().length} × ${cpu?.model ?? "?"}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${new Date().toISOString().slice(0, 10)}, ` +
      `Node ${process.versions.node}; \`node bench/rest.mjs ${process.argv.slice(2).join(" ")}\`\n`,
  );
  console.log("| nodes | state | CPU ms per node and second | timer per second | woken | packets | bytes |");
  console.log("| --- | --- | --- | --- | --- | --- | --- |");
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const n of flags.n.split(",")) for (const state of flags.state.split(",")) row(n, state);
  }
}

/** @param {string} n @param {string} state */
function row(n, state) {
  const { seconds, settle, net } = flags;
  const args = [
    "--turn",
    ...(flags.apart ? ["--apart"] : []),
    "--n",
    n,
    "--state",
    state,
    "--seconds",
    seconds,
    "--settle",
    settle,
    "--root",
    root,
    "--net",
    net,
  ];
  const { status, stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...args], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`the turn of ${n} nodes failed: ${stderr}`);
  /** @type {Cost} */
  const cost = JSON.parse(stdout);
  const figures = [cost.cpuMs.toFixed(3), (cost.timer * Number(n)).toFixed(1), cost.woken.toFixed(2)];
  console.log(`| ${[n, state, ...figures, cost.packets.toFixed(2), cost.bytes.toFixed(0)].join(" | ")} |`);
}

/** @param {number} count @param {boolean} state @returns {Promise<Cost>} */
async function turn(count, state) {
  const room = flags.apart ? await rooms(count, state) : await open(count, state);
  await sleep(Number(flags.settle) * 1000);
  const before = await room.totals();
  if (before.alive !== count * count) throw new Error("not all see all: give it more time to settle");
  await sleep(Number(flags.seconds) * 1000);
  const after = await room.totals();
  await room.close();
  const per = (/** @type {keyof Totals} */ key) => (after[key] - before[key]) / (Number(flags.seconds) * count);
  return {
    cpuMs: per("cpuMs"),
    timer: per("timer"),
    woken: per("woken"),
    packets: per("packets"),
    bytes: per("bytes"),
  };
}

/** Nodes in this process. @param {number} count @param {boolean} state @param {string} [seed] @param {number} [first] */
async function open(count, state, seed, first = 0) {
  const { createNode } = await load("packages/node/dist/index.js");
  const counts = countWakes((await load("packages/node/dist/scheduler.js")).sharedScheduler());
  /** @type {HearsayNode[]} */
  const nodes = [];
  for (let i = first; i < first + count; i++) {
    const from = nodes[0] ? `${nodes[0].address}:${nodes[0].port}` : seed;
    const bind = `127.${flags.net}.${i >> 8}.${(i & 255) + 1}:0`;
    nodes.push(await createNode({ name: `node-${i}`, bind, seeds: from ? [from] : [], state }));
  }
  return {
    address: `${nodes[0]?.address}:${nodes[0]?.port}`,
    totals: async () => ({ ...totals(nodes), ...counts() }),
    close: async () => void (await Promise.all(nodes.map((node) => node.close()))),
  };
}

/** A process for each node. @param {number} count @param {boolean} state */
async function rooms(count, state) {
  /** @type {import("node:child_process").ChildProcess[]} */
  const children = [];
  const ask = (/** @type {import("node:child_process").ChildProcess} */ child, /** @type {unknown} */ what) =>
    new Promise((resolve, reject) => {
      child.once("message", resolve).once("exit", () => reject(new Error("a node's process has ended")));
      child.send(/** @type {import("node:child_process").Serializable} */ (what));
    });
  let seed;
  for (let i = 0; i < count; i++) {
    const child = fork(fileURLToPath(import.meta.url), ["--room", "--root", root, "--net", flags.net]);
    children.push(child);
    const address = await ask(child, { state, seed, first: i });
    seed ??= address;
  }
  return {
    totals: async () => {
      /** @type {Totals[]} */
      const all = await Promise.all(children.map((child) => ask(child, "totals")));
      const sum = (/** @type {keyof Totals} */ key) => all.reduce((total, each) => total + each[key], 0);
      return /** @type {Totals} */ (Object.fromEntries(totalKeys.map((key) => [key, sum(key)])));
    },
    close: async () => {
      for (const child of children) child.disconnect();
    },
  };
}

/** One node, for the process that asks. */
function serveRoom() {
  process.once(
    "message",
    async (/** @type {{ state: boolean, seed?: string, first: number }} */ { state, seed, first }) => {
      const room = await open(1, state, seed, first);
      process.on("message", async () => void process.send?.(await room.totals()));
      process.on("disconnect", () => process.exit());
      process.send?.(room.address);
    },
  );
}

/** @param {string} path */
function load(path) {
  return import(pathToFileURL(resolve(root, path)).href);
}

/** Counts how often the timer fires, and who is woken by it; from now on.
 *  @param {import("../packages/node/dist/scheduler.js").Scheduler} scheduler */
function countWakes(scheduler) {
  let woken = 0;
  const add = scheduler.add.bind(scheduler);
  scheduler.add = (wake) =>
    add((now) => {
      woken++;
      wake(now);
    });
  return () => ({ timer: scheduler.wakeUps, woken });
}

/** CPU and traffic so far, and how many each sees, all together.
 *  @param {readonly HearsayNode[]} nodes */
function totals(nodes) {
  const { user, system } = process.cpuUsage();
  let packets = 0;
  let bytes = 0;
  let alive = 0;
  for (const stats of nodes.map((node) => node.stats())) {
    packets += stats.packetsSent;
    bytes += stats.bytesSent;
    alive += stats.alive;
  }
  return { cpuMs: (user + system) / 1000, packets, bytes, alive };
}
