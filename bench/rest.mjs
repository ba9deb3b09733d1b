#!/usr/bin/env node
// @ts-check
/**
 * What a node at rest costs: N nodes of one pool in this process, in which nothing happens, without replicated state and
 * with it.
 *
 *   node bench/rest.mjs [--n 10,50] [--state off,on] [--seconds 30] [--settle 15] [--rounds 1] [--root DIR] [--net 62]
 *
 * CPU is user and system, of the whole process, both ends of each packet. `timer` is how often the one timer of the process
 * fired, `woken` how often a node had something to do by it, `packets` how many each sent. `--root` names another checkout,
 * built, whose nodes are taken: to compare before with after, turn by turn. Prints Markdown.
 */
import { spawnSync } from "node:child_process";
import { cpus, totalmem } from "node:os";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

/** @typedef {import("../packages/node/dist/index.js").HearsayNode} HearsayNode */
/** @typedef {{ cpuMs: number, timer: number, woken: number, packets: number, bytes: number }} Cost a node and second */

const { values: flags } = parseArgs({
  options: {
    n: { type: "string", default: "10,50" },
    state: { type: "string", default: "off,on" },
    seconds: { type: "string", default: "30" },
    settle: { type: "string", default: "15" },
    rounds: { type: "string", default: "1" },
    root: { type: "string", default: fileURLToPath(new URL("..", import.meta.url)) },
    net: { type: "string", default: "62" },
    /** One turn, in this process: what the bench runs itself with. */
    turn: { type: "boolean", default: false },
  },
});
const root = resolve(flags.root);

if (flags.turn) console.log(JSON.stringify(await turn(Number(flags.n), flags.state === "on")));
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
  const { createNode } = await load("packages/node/dist/index.js");
  const counts = countWakes((await load("packages/node/dist/scheduler.js")).sharedScheduler());
  /** @type {HearsayNode[]} */
  const nodes = [];
  for (let i = 0; i < count; i++) {
    const seeds = nodes[0] ? [`${nodes[0].address}:${nodes[0].port}`] : [];
    nodes.push(
      await createNode({ name: `node-${i}`, bind: `127.${flags.net}.${i >> 8}.${(i & 255) + 1}:0`, seeds, state }),
    );
  }
  await sleep(Number(flags.settle) * 1000);
  if (nodes.some((node) => node.stats().alive !== count))
    throw new Error("not all see all: give it more time to settle");
  const before = { ...totals(nodes), ...counts() };
  await sleep(Number(flags.seconds) * 1000);
  const after = { ...totals(nodes), ...counts() };
  await Promise.all(nodes.map((node) => node.close()));
  const per = (/** @type {keyof typeof before} */ key) => (after[key] - before[key]) / ((after.at - before.at) * count);
  return {
    cpuMs: per("cpuMs"),
    timer: per("timer"),
    woken: per("woken"),
    packets: per("packets"),
    bytes: per("bytes"),
  };
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

/** Seconds, and CPU and traffic so far.
 *  @param {readonly HearsayNode[]} nodes */
function totals(nodes) {
  const { user, system } = process.cpuUsage();
  let packets = 0;
  let bytes = 0;
  for (const { packetsSent, bytesSent } of nodes.map((node) => node.stats())) {
    packets += packetsSent;
    bytes += bytesSent;
  }
  return { at: performance.now() / 1000, cpuMs: (user + system) / 1000, packets, bytes };
}
