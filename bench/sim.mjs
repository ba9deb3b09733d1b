#!/usr/bin/env node
/**
 * What the simulator costs: pools of `Swim` machines that know each other already, in the objects fidelity, at rest, and
 * when 1 % of them crash at once, until every survivor holds every one of them for dead (LAN profile, no loss, one seed).
 *
 *   node bench/sim.mjs [--nodes 1000,2000,5000,10000] [--crash 1%] [--seed 1] [--evidence 0]
 *
 * Each size runs in a process of its own. Times are CPU time of the whole process, garbage collection and compiling
 * included, beside the wall clock; on a machine that does nothing else the two are nearly equal. Prints Markdown.
 */
import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { parseArgs } from "node:util";

const usage = "node bench/sim.mjs [--nodes 1000,2000,5000,10000] [--crash 1%] [--seed 1] [--evidence 0]";
/** Room for new objects: with the default of 16 MB, what lives for a second is copied again and again. */
const flags = ["--max-semi-space-size=64", "--max-old-space-size=4000"];
/** Looked at this often, in simulated ms; so the simulated times are that exact. */
const lookEveryMs = 500;
const limitMs = 120_000;

const { values } = parseArgs({
  options: {
    nodes: { type: "string", default: "1000,2000,5000,10000" },
    crash: { type: "string", default: "1%" },
    seed: { type: "string", default: "1" },
    evidence: { type: "string", default: "0" },
    one: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(usage);
} else if (values.one) {
  process.send(await measure(Number(values.nodes)));
} else {
  await main();
}

function fail(text) {
  console.error(`${text}\nusage: ${usage}`);
  process.exit(2);
}

function crashCount(nodes) {
  const share = /^([0-9.]+)%$/.exec(values.crash);
  return Math.max(1, Math.round(share ? (nodes * Number(share[1])) / 100 : Number(values.crash)));
}

async function measure(size) {
  const { SwimPool } = await import("../packages/sim/dist/index.js");
  const start = clock();
  const pool = new SwimPool({
    seed: Number(values.seed),
    size,
    fidelity: "objects",
    evidencePerMember: Number(values.evidence),
  });
  pool.addConverged(size);
  const setUp = since(start);
  const setUpBytes = process.memoryUsage().rss;
  const { world } = pool;

  // Past the random delays of the start, and with the code compiled.
  world.run(3000);
  const restMs = Math.max(5000, Math.min(60_000, 60_000_000 / size));
  const before = totals(pool);
  const restStart = clock();
  world.run(restMs);
  const rest = since(restStart);
  const restPackets = totals(pool).packets - before.packets;

  const dead = crashCount(size);
  let messages = 0;
  for (let i = 0; i < dead; i++) world.crash(pool.nodes[Math.floor(((i + 0.5) * size) / dead)]);
  const survivors = pool.living();
  const atCrash = totals(pool);
  world.onPacket = (_from, _to, packet) => {
    messages += packet.messages.length;
  };
  const crashStart = clock();
  const simulatedMs = world.runUntil(
    () => survivors.every(({ machine }) => machine.aliveCount === size - dead),
    limitMs,
    lookEveryMs,
  );
  const crash = since(crashStart);
  const after = totals(pool);
  const packets = after.packets - atCrash.packets;
  const bytes = after.bytes - atCrash.bytes;

  return {
    size,
    dead,
    setUp,
    setUpBytes,
    restCpuMsPerSecond: (rest.cpuMs * 1000) / restMs,
    restUsPerPacket: (rest.cpuMs * 1000) / restPackets,
    simulatedMs: simulatedMs ?? Number.NaN,
    crash,
    packets,
    bytes,
    messages,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
}

function totals(pool) {
  let packets = 0;
  let bytes = 0;
  for (const { traffic } of pool.nodes) {
    packets += traffic.packetsSent;
    bytes += traffic.bytesSent;
  }
  return { packets, bytes };
}

function clock() {
  const { user, system } = process.cpuUsage();
  return { cpuMs: (user + system) / 1000, wallMs: performance.now() };
}

function since(start) {
  const now = clock();
  return { cpuMs: now.cpuMs - start.cpuMs, wallMs: now.wallMs - start.wallMs };
}

async function main() {
  const sizes = values.nodes.split(",").map(Number);
  if (!sizes.every((size) => Number.isInteger(size) && size >= 10)) fail(`--nodes: not "${values.nodes}"`);
  if (!sizes.every((size) => crashCount(size) > 0 && crashCount(size) < size)) fail(`--crash: not "${values.crash}"`);
  const results = [];
  for (const size of sizes) {
    process.stderr.write(`${size} nodes …\n`);
    results.push(await inProcess(size));
  }
  console.log(render(results));
}

function inProcess(size) {
  return new Promise((resolve, reject) => {
    const args = ["--one", "--nodes", String(size), "--crash", values.crash, "--seed", values.seed];
    const child = fork(new URL(import.meta.url), [...args, "--evidence", values.evidence], { execArgv: flags });
    let result;
    child.on("message", (message) => {
      result = message;
      child.disconnect();
    });
    child.on("exit", (code) => {
      if (result && code === 0) resolve(result);
      else reject(new Error(`${size} nodes: the process ended with ${code}`));
    });
  });
}

function render(results) {
  const { version } = JSON.parse(readFileSync(new URL("../packages/sim/package.json", import.meta.url), "utf8"));
  const processor = cpus()[0];
  const number = (value, digits = 0) =>
    value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const mb = (bytes) => number(bytes / 1e6);
  const lines = [
    `### Simulator ${version}, ${new Date().toISOString().slice(0, 10)}`,
    "",
    `${processor.model.trim()} (${cpus().length} CPUs, one used, ${number(totalmem() / 2 ** 30)} GiB), Node.js ${process.version} ` +
      `with \`${flags.join(" ")}\`; objects fidelity, LAN profile, seed ${values.seed}, evidence kept per member: ${values.evidence}.`,
    "",
    "| nodes | set-up, CPU s | after set-up, MB | at rest, CPU ms per simulated s | per node, us | per packet, us |",
    "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ...results.map((r) =>
      row(
        number(r.size),
        number(r.setUp.cpuMs / 1000, 2),
        mb(r.setUpBytes),
        number(r.restCpuMsPerSecond, 1),
        number((r.restCpuMsPerSecond * 1000) / r.size, 2),
        number(r.restUsPerPacket, 2),
      ),
    ),
    "",
    `${values.crash} crash at once, until every survivor has every death:`,
    "",
    "| nodes | crashed | simulated s | wall s | CPU s | simulated / CPU | packets | messages | CPU us per packet | CPU us per node and simulated s | peak MB |",
    "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...results.map((r) =>
      row(
        number(r.size),
        number(r.dead),
        number(r.simulatedMs / 1000, 1),
        number(r.crash.wallMs / 1000, 1),
        number(r.crash.cpuMs / 1000, 1),
        `${number(r.simulatedMs / r.crash.cpuMs, 2)}x`,
        number(r.packets),
        number(r.messages),
        number((r.crash.cpuMs * 1000) / r.packets, 2),
        number((r.crash.cpuMs * 1e6) / r.simulatedMs / r.size, 1),
        mb(r.peakBytes),
      ),
    ),
  ];
  return lines.join("\n");
}

function row(...cells) {
  return `| ${cells.join(" | ")} |`;
}
