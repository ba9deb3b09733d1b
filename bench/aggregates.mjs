// @ts-check
/**
 * How fast and how exactly aggregates come together: N simulated nodes of the real machine, messages encoded, a network
 * that takes a tenth of a round for a packet. One line for each fifth round; deviations are shares of the truth, over all nodes.
 *
 *   node bench/aggregates.mjs --n=10000 --rounds=50 [--loss=0.1] [--churn=0.01] [--buckets=96] [--seed=1] [--csv]
 *
 * Loss is each packet's. Churn is the share of nodes replaced, evenly through an epoch. The truth is that of those who live
 * at the moment; the newly come wait, so a part of the deviation under churn is theirs.
 */
import { parseArgs } from "node:util";
import { Rng } from "../packages/core/dist/index.js";
import { Aggregates } from "../packages/state/dist/index.js";

const { values: flags } = parseArgs({
  options: {
    n: { type: "string", default: "10000" },
    rounds: { type: "string", default: "50" },
    loss: { type: "string", default: "0" },
    churn: { type: "string", default: "0" },
    buckets: { type: "string", default: "96" },
    seed: { type: "string", default: "1" },
    csv: { type: "boolean", default: false },
  },
});
const count = Number(flags.n);
const rounds = Number(flags.rounds);
const loss = Number(flags.loss);
const churn = Number(flags.churn);
const seed = Number(flags.seed);
const tickMs = 100;
const roundMs = 1_000;

/** @typedef {{ id: number, value: number, aggregates: Aggregates }} Node */
/** @typedef {import("../packages/state/dist/index.js").AggregateEstimate} Estimate */

const rng = new Rng(seed);
/** @type {Node[]} */
const nodes = [];
/** @type {Map<string, Node>} */
const byName = new Map();
let nextId = 0;
let now = 0;
let packets = 0;
let bytes = 0;
/** @type {{ from: string, to: string, bytes: Uint8Array }[]} */
let flying = [];

for (let i = 0; i < count; i++) join();
while (!nodes.some((node) => node.aggregates.present("load", now))) tick();
const start = now;
packets = 0;
bytes = 0;
const began = process.hrtime.bigint();
const columns = [
  "round",
  "members",
  "mean rms",
  "mean worst",
  "says",
  "count rms",
  "count worst",
  "says",
  "p50 worst",
  "p99 worst",
];
print(columns);
let replaced = 0;
while (now - start < rounds * roundMs - tickMs) {
  tick();
  for (; replaced < ((now - start) / (rounds * roundMs)) * churn * count; replaced++) {
    leave(rng.below(nodes.length));
    join();
  }
  // One tick before the epoch's end, since then the shares are gone.
  const ends = now - start >= rounds * roundMs - 2 * tickMs;
  if ((now - start) % (5 * roundMs) === 0 || ends) row(ends ? rounds : (now - start) / roundMs);
  if (ends) break;
}
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
const perNodeSecond = (bytes / count / rounds).toFixed(0);
console.log(`${packets} packets, ${perNodeSecond} bytes per node and round, ${seconds.toFixed(1)} s`);

/** @param {number} round */
function row(round) {
  const found = /** @type {Estimate[]} */ (nodes.map((node) => node.aggregates.present("load", now)).filter(Boolean));
  const values = nodes.map((node) => node.value).sort((a, b) => a - b);
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const means = found.map((x) => x.mean / mean - 1);
  const counts = found.map((x) => x.count / nodes.length - 1);
  print([
    String(Math.round(round)),
    String(found.length),
    share(rms(means)),
    share(worst(means)),
    share(Math.max(...found.map((x) => x.meanError))),
    share(rms(counts)),
    share(worst(counts)),
    share(Math.max(...found.map((x) => x.countError))),
    ...[0.5, 0.99].map((q) => {
      const truth = values[Math.ceil(q * values.length) - 1] ?? 0;
      return share(worst(found.map((x) => (x.quantile(q) ?? 0) / truth - 1)));
    }),
  ]);
}

/** @param {readonly string[]} cells */
function print(cells) {
  console.log(flags.csv ? cells.join(",") : cells.map((cell, i) => cell.padStart(i < 2 ? 8 : 12)).join(""));
}

/** @param {readonly number[]} list */
function rms(list) {
  return Math.sqrt(list.reduce((sum, x) => sum + x * x, 0) / list.length);
}

/** @param {readonly number[]} list */
function worst(list) {
  return list.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
}

/** @param {number} x */
function share(x) {
  return x.toExponential(1);
}

function join() {
  const id = nextId++;
  const name = `n${id}`;
  const peers = {
    count: () => nodes.length - 1,
    /** @param {Rng} draw */
    pick(draw) {
      for (let tries = 0; tries < 8; tries++) {
        const node = nodes[draw.below(nodes.length)];
        if (node && node.id !== id) return `n${node.id}`;
      }
      return undefined;
    },
  };
  // Log-normal: a few values are far above the rest, as load is.
  const normal = Math.sqrt(-2 * Math.log(1 - rng.float())) * Math.cos(2 * Math.PI * rng.float());
  const node = { id, value: Math.exp(3 + normal), aggregates: new Aggregates(peers, new Rng(seed * 1_000_003 + id)) };
  nodes.push(node);
  byName.set(name, node);
  node.aggregates.open("load", () => node.value, now, {
    maxBuckets: Number(flags.buckets),
    epochRounds: Math.max(10, rounds),
  });
}

/** @param {number} at */
function leave(at) {
  const [node] = nodes.splice(at, 1);
  if (!node) return;
  byName.delete(`n${node.id}`);
  for (const { aggregates } of nodes) aggregates.handleGone(`n${node.id}`);
}

function tick() {
  now += tickMs;
  const arriving = flying;
  flying = [];
  for (const packet of arriving) {
    const node = byName.get(packet.to);
    node?.aggregates.handlePacket(packet.from, packet.bytes, now);
    if (node) drain(node);
  }
  for (const node of nodes) {
    if (node.aggregates.nextDeadline() > now) continue;
    node.aggregates.handleTimeout(now);
    drain(node);
  }
}

/** @param {Node} node */
function drain(node) {
  for (let packet = node.aggregates.pollTransmit(); packet; packet = node.aggregates.pollTransmit()) {
    packets++;
    bytes += packet.bytes.length;
    if (rng.float() >= loss) flying.push({ from: `n${node.id}`, to: packet.to, bytes: packet.bytes });
  }
}
