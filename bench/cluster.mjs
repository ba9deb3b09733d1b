// @ts-check
/**
 * Our column of the cluster bench: N raw memberlist nodes in this process, doing and reporting what
 * peers/memberlist/cluster.go does and reports, under the same names.
 *
 *   node --expose-gc bench/cluster.mjs cluster --n=100 --parts=rest,broadcast,crash
 *   node bench/cluster.mjs rush --n=300 --limit=60
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createMemberlist } from "../packages/node/dist/index.js";

/** @typedef {import("@hearsay/node").Memberlist} Memberlist */

const port = 7946;
const { positionals, values: flags } = parseArgs({
  allowPositionals: true,
  options: {
    n: { type: "string", default: "100" },
    net: { type: "string", default: "44" },
    parts: { type: "string", default: "rest,broadcast,crash" },
    rest: { type: "string", default: "30" },
    broadcasts: { type: "string", default: "9" },
    crashes: { type: "string", default: "3" },
    limit: { type: "string", default: "180" },
  },
});
const count = Number(flags.n);
const limitMs = Number(flags.limit) * 1000;

/** One member of the cluster, with what it has seen. */
class Node {
  /** Members that it holds alive, itself included. */
  alive = 1;
  /** @type {Memberlist | undefined} */
  pool;
  /** Messages by number. */
  seen = new Set();

  /** @param {Cluster} cluster
   *  @param {number} index */
  constructor(cluster, index) {
    this.cluster = cluster;
    this.name = `node-${String(index).padStart(5, "0")}`;
    this.address = `127.${flags.net}.${index >> 8}.${index & 255}`;
  }

  /** Opens the sockets; it is not joined to anyone. */
  async start() {
    this.alive = 1;
    this.pool = await createMemberlist({
      name: this.name,
      bind: `${this.address}:${port}`,
      delegate: { onMessage: (payload) => this.#take(payload) },
    });
    this.pool
      .on("member-join", () => void this.alive++)
      .on("member-leave", ({ name }) => {
        this.alive--;
        this.cluster.died(name);
      })
      .on("member-suspect", ({ name }) => this.cluster.suspected(name));
    return this;
  }

  /** @param {Node} seed */
  async join(seed) {
    const result = await this.pool?.join([`${seed.address}:${port}`]);
    if (result?.contacted === 0) this.cluster.failedJoins++;
  }

  /** Says something new; the others pass it on at first sight, as users of the library do.
   *  @param {Uint8Array} payload */
  say(payload) {
    this.seen.add(numberOf(payload));
    this.pool?.broadcast(payload);
  }

  /** @param {Uint8Array} payload */
  #take(payload) {
    this.cluster.copies++;
    const number = numberOf(payload);
    if (this.seen.has(number)) return;
    this.seen.add(number);
    this.cluster.arrived(number);
    this.pool?.broadcast(payload);
  }
}

/** N nodes, and what is counted over all of them. */
class Cluster {
  /** @type {Node[]} */
  nodes = [];
  copies = 0;
  failedJoins = 0;
  suspicions = 0;
  deaths = 0;
  // What is being waited for: one broadcast, or one victim.
  message = 0;
  /** @type {number[]} */
  arrivals = [];
  victim = "";
  accused = 0;
  /** @type {number[]} */
  ends = [];

  /** @param {number} number */
  async open(number) {
    const first = this.nodes.length;
    const added = Array.from({ length: number }, (_, i) => new Node(this, first + i));
    this.nodes.push(...(await Promise.all(added.map((node) => node.start()))));
    return added;
  }

  /** Through the first node, 32 at a time.
   *  @param {readonly Node[]} joining */
  async joinAll(joining) {
    const seed = this.node(0);
    const queue = joining.filter((node) => node !== seed);
    const turns = Array.from({ length: 32 }, async () => {
      for (let node = queue.shift(); node; node = queue.shift()) await node.join(seed);
    });
    await Promise.all(turns);
  }

  /** @param {number} index */
  node(index) {
    return /** @type {Node} */ (this.nodes[index]);
  }

  complete() {
    return this.nodes.every((node) => node.alive === this.nodes.length);
  }

  /** @param {string} name */
  suspected(name) {
    this.suspicions++;
    if (name === this.victim) this.accused ||= performance.now();
  }

  /** @param {string} name */
  died(name) {
    this.deaths++;
    if (name === this.victim) this.ends.push(performance.now());
  }

  /** @param {number} number */
  arrived(number) {
    if (number === this.message) this.arrivals.push(performance.now());
  }

  /** Packets and payload bytes sent so far. */
  traffic() {
    let packets = 0;
    let bytes = 0;
    for (const { pool } of this.nodes) {
      const stats = pool?.stats();
      packets += stats?.packetsSent ?? 0;
      bytes += stats?.bytesSent ?? 0;
    }
    return { packets, bytes };
  }

  async close() {
    await Promise.all(this.nodes.map((node) => node.pool?.close()));
  }
}

/** Everybody at once through one seed. */
async function rush() {
  const cluster = new Cluster();
  await cluster.open(count);
  const begin = readUsage();
  void cluster.joinAll(cluster.nodes);
  const complete = await waitFor(limitMs, () => cluster.complete());
  const { wall, own, others } = spent(begin);
  const result = {
    n: count,
    complete,
    seconds: wall,
    cpuSeconds: own,
    otherCores: others,
    ...cluster.traffic(),
    suspicions: cluster.suspicions,
    wrongDeaths: cluster.deaths,
    failedJoins: cluster.failedJoins,
  };
  await cluster.close();
  return result;
}

/** A cluster that comes up in waves, and the parts asked for. */
async function scenario() {
  trim();
  const empty = rss();
  const emptyLive = live();
  const cluster = new Cluster();
  const begin = readUsage();
  while (cluster.nodes.length < count) {
    await cluster.joinAll(await cluster.open(Math.min(50, count - cluster.nodes.length)));
    await waitFor(20_000, () => cluster.complete());
  }
  const complete = await waitFor(limitMs, () => cluster.complete());
  const { wall, own, others } = spent(begin);
  const join = { complete, seconds: wall, cpuSeconds: own, otherCores: others };
  /** @type {Record<string, unknown>} */
  const result = { n: count, join };
  if (complete) {
    await sleep(10_000); // what the join has left to say
    const parts = flags.parts.split(",");
    let idle = 0;
    if (parts.includes("rest")) {
      const rest = await restPart(cluster, empty, emptyLive);
      idle = (rest.cpuMsPerNodeSecond * count) / 1000;
      result.rest = rest;
    }
    if (parts.includes("broadcast")) result.broadcast = await broadcastPart(cluster, idle);
    if (parts.includes("crash")) result.crash = await crashPart(cluster);
  }
  await cluster.close();
  return result;
}

/** A window in which nothing changes.
 *  @param {Cluster} cluster
 *  @param {number} empty
 *  @param {number} emptyLive */
async function restPart(cluster, empty, emptyLive) {
  const before = cluster.traffic();
  const { suspicions, deaths } = cluster;
  const begin = readUsage();
  await sleep(Number(flags.rest) * 1000);
  const { wall, own, others } = spent(begin);
  const per = wall * count;
  const resident = rss();
  const after = cluster.traffic();
  trim();
  return {
    seconds: wall,
    otherCores: others,
    cpuMsPerNodeSecond: (own * 1000) / per,
    packetsPerNodeSecond: (after.packets - before.packets) / per,
    bytesPerNodeSecond: (after.bytes - before.bytes) / per,
    suspicions: cluster.suspicions - suspicions,
    wrongDeaths: cluster.deaths - deaths,
    rssMb: resident / 1e6,
    emptyRssMb: empty / 1e6,
    rssKbPerNode: resident / 1e3 / count,
    rssAddedKbPerNode: (resident - empty) / 1e3 / count,
    trimmedRssKbPerNode: rss() / 1e3 / count,
    liveKbPerNode: (live() - emptyLive) / 1e3 / count,
  };
}

/** A message of 64 bytes from the first node, again and again.
 *  @param {Cluster} cluster
 *  @param {number} idle CPU seconds per second at rest */
async function broadcastPart(cluster, idle) {
  const series = new Series();
  for (let i = 1; i <= Number(flags.broadcasts); i++) {
    const body = new Uint8Array(64);
    new DataView(body.buffer).setBigUint64(0, BigInt(i));
    const before = cluster.traffic().packets;
    const { copies } = cluster;
    cluster.message = i;
    const begin = readUsage();
    cluster.arrivals = [begin.at];
    cluster.node(0).say(body);
    const complete = await waitFor(10_000, () => cluster.arrivals.length === count);
    await sleep(Math.max(0, begin.at + 2500 - performance.now())); // until all copies are sent
    const { wall, own } = spent(begin);
    const at = (/** @type {number} */ share) => {
      const time = cluster.arrivals[Math.ceil(share * count) - 1];
      return time === undefined ? 2 ** 31 - 1 : time - begin.at;
    };
    series.add("ms50", at(0.5));
    series.add("ms99", at(0.99));
    series.add("ms100", at(1));
    if (!complete) series.add("incomplete", i - 1);
    // Probes go on meanwhile: two packets a node and second.
    const sent = cluster.traffic().packets - before - 2 * count * wall;
    const cpu = own - idle * wall;
    series.add("packets", sent);
    series.add("copies", cluster.copies - copies);
    series.add("cpuMs", cpu * 1000);
    series.add("cpuUsPerPacket", (cpu * 1e6) / sent);
  }
  return series.values;
}

/** One node stops without a word: who learns of it when. Then it comes back.
 *  @param {Cluster} cluster */
async function crashPart(cluster) {
  const series = new Series();
  for (let i = 0; i < Number(flags.crashes); i++) {
    const victim = cluster.node(1 + ((i * 37 + 11) % (count - 1)));
    Object.assign(cluster, { victim: victim.name, accused: 0, ends: [] });
    const begin = performance.now();
    await victim.pool?.close();
    const complete = await waitFor(60_000, () => cluster.ends.length >= count - 1);
    if (complete) {
      series.add("firstSuspicionMs", cluster.accused - begin);
      series.add("firstDeadMs", Number(cluster.ends[0]) - begin);
      series.add("allMs", Number(cluster.ends[count - 2]) - begin);
    } else {
      series.add("incomplete", cluster.ends.length);
    }
    cluster.victim = "";
    await victim.start();
    await victim.join(cluster.node(0));
    await waitFor(limitMs, () => cluster.complete());
    await sleep(3000);
  }
  return series.values;
}

class Series {
  /** @type {Record<string, number[]>} */
  values = {};

  /** @param {string} key
   *  @param {number} value */
  add(key, value) {
    this.values[key] ??= [];
    this.values[key].push(value);
  }
}

/** @param {Uint8Array} payload */
function numberOf(payload) {
  return Number(new DataView(payload.buffer, payload.byteOffset).getBigUint64(0));
}

/** Polls until `done`, or the limit has passed.
 *  @param {number} ms
 *  @param {() => boolean} done */
async function waitFor(ms, done) {
  const end = performance.now() + ms;
  while (!done()) {
    if (performance.now() > end) return done();
    await sleep(10);
  }
  return true;
}

/** The clocks: wall (ms), this process's CPU, and that of the whole machine (s). */
function readUsage() {
  const { user, system } = process.cpuUsage();
  return { at: performance.now(), own: (user + system) / 1e6, machine: machineBusy() };
}

/** Seconds since a reading; `others`: what the rest of the machine used, in cores.
 *  @param {ReturnType<typeof readUsage>} from */
function spent(from) {
  const to = readUsage();
  const wall = (to.at - from.at) / 1000;
  const own = to.own - from.own;
  return { wall, own, others: Math.max(0, to.machine - from.machine - own) / wall };
}

/** CPU seconds of all processes since boot: user, nice, system, irq, softirq. */
function machineBusy() {
  try {
    const fields = (readFileSync("/proc/stat", "utf8").split("\n")[0] ?? "").split(/\s+/).map(Number);
    return [1, 2, 3, 6, 7].reduce((sum, i) => sum + (fields[i] ?? 0), 0) / 100;
  } catch {
    return 0;
  }
}

function rss() {
  return process.memoryUsage.rss();
}

/** What the program holds in use: live objects after a collection, and the buffers outside the heap. */
function live() {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Gives back what garbage holds, where `--expose-gc` allows it. */
function trim() {
  globalThis.gc?.();
  globalThis.gc?.();
}

const parts = { rush, cluster: scenario };
const part = parts[/** @type {keyof typeof parts} */ (positionals[0])];
if (!part) {
  console.error("usage: node --expose-gc bench/cluster.mjs cluster|rush [--n=100] …");
  process.exit(1);
}
const version = JSON.parse(readFileSync(new URL("../packages/hearsay/package.json", import.meta.url), "utf8")).version;
const result = await part();
console.log(JSON.stringify({ what: `Hearsay ${version}, Node ${process.versions.node}`, result }));
process.exit(0);
