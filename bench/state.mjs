#!/usr/bin/env node
// @ts-check
/**
 * What replicated state costs one node: merges and deltas a second (applied, encoded, decoded), memory per key, an idle
 * round, a write with its place in the hash tree. One machine that knows 1,000 owners with 100 keys each, and as many
 * shared keys; all bytes come from the machines themselves, by their own doors.
 *
 *   node --expose-gc bench/state.mjs [--owners 1000] [--keys 100] [--value 32] [--rounds 5]
 *
 * Times are CPU time of the whole process, collecting garbage included, the best of some rounds: other work on the machine
 * costs it caches, but not its turn. Prints Markdown.
 */
import { cpus, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { Rng } from "../packages/core/dist/index.js";
import { decodeStateMessage, ReplicatedState } from "../packages/state/dist/index.js";

/** @typedef {import("../packages/core/dist/index.js").Endpoint} Endpoint */

const { values: flags } = parseArgs({
  options: {
    owners: { type: "string", default: "1000" },
    keys: { type: "string", default: "100" },
    value: { type: "string", default: "32" },
    rounds: { type: "string", default: "5" },
  },
});
const ownerCount = Number(flags.owners);
const keyCount = Number(flags.keys);
const valueBytes = Number(flags.value);
const rounds = Number(flags.rounds);
const sharedCount = ownerCount * keyCount;
const wallMs = 1_800_000_000_000;
/** @type {Endpoint} */
const somewhere = { address: "10.0.0.1", port: 7946 };
/** @type {Endpoint} */
const nowhere = { address: "", port: 0 };
const out = { buffer: new Uint8Array(65_536), length: 0, to: nowhere };
const limits = { maxSharedKeys: sharedCount, maxKeysPerOwner: keyCount, maxStreamBytes: 2 ** 40, maxEvents: 1 };
/** @type {(() => void) | undefined} */
const collectGarbage = globalThis.gc;
if (collectGarbage === undefined) {
  console.error("memory cannot be measured without --expose-gc: node --expose-gc bench/state.mjs");
  process.exit(2);
}
const gc = collectGarbage;
const nameOf = (/** @type {number} */ i) => `node-${String(i).padStart(4, "0")}`;

console.log(heading());
const owned = ownMaps();
const shared = sharedMap();
console.log(table(["what", "a second", "us each"], [...owned.rows, ...shared.rows]));
console.log(table(["memory", "keys", "MB", "bytes a key"], [owned.memory, shared.memory]));

/** @param {string} name @param {Partial<import("../packages/state/dist/index.js").StateConfig>} config */
function machine(name, config = {}) {
  return new ReplicatedState({
    name,
    generation: wallMs,
    rng: new Rng(1).fork(name),
    config: { ...limits, ...config },
  });
}

/** The first of all owners, who knows the others, and nothing of them; any two of them are the same. */
function holder() {
  const state = machine(nameOf(0), { gossipNodes: 0 });
  write(state, 0);
  for (let i = 1; i < ownerCount; i++) state.setPeer(nameOf(i), somewhere, "alive", 0);
  state.start(0, wallMs);
  return state;
}

/** @param {ReplicatedState} state @param {number} i */
function write(state, i) {
  for (let k = 0; k < keyCount; k++) state.set(`key-${k}`, valueFor(`${i} ${k}`), 0);
}

function ownMaps() {
  const messages = Array.from({ length: ownerCount }, (_, i) => mapOf(i));
  const singles = Array.from({ length: ownerCount }, (_, i) => rumourOf(i));
  const writes = ownerCount * keyCount;
  const bytes = messages.reduce((sum, message) => sum + message.length, 0);
  const memory = heapOf(() => filled(messages));
  const full = memory.made;
  const twin = filled(messages);
  const rows = [
    best(
      `applying deltas of ${keyCount} writes: writes`,
      writes,
      () => holder(),
      (state) => take(state, messages),
    ),
    best(
      "the same: deltas",
      ownerCount,
      () => holder(),
      (state) => take(state, messages),
    ),
    best(
      "the same again, nothing of it new: writes",
      writes,
      () => full,
      (state) => take(state, messages),
    ),
    best(
      "applying packets of one write: packets",
      ownerCount,
      () => holder(),
      (state) => {
        for (const packet of singles) state.handlePacket(somewhere, packet, 1000);
      },
    ),
    best(
      "decoding deltas alone: writes",
      writes,
      () => undefined,
      () => {
        for (const message of messages) decodeStateMessage(message, 65_536);
      },
    ),
    best(
      "giving a newcomer all (encoding): writes",
      writes,
      () => newcomerQuestion(full),
      (question) => {
        answerOf(full, question);
      },
    ),
    idleRound(full, twin),
    best(
      "a write of one's own key (with its hash): writes",
      10_000,
      () => full,
      (state) => {
        for (let i = 0; i < 10_000; i++) state.set(`key-${i % keyCount}`, valueFor(`${i}`), 2000);
      },
    ),
  ];
  console.log(`\nAll ${writes} own keys in bytes: ${number(bytes / 1024)} KiB.\n`);
  return { rows, memory: ["own keys of all owners", number(writes), mb(memory.bytes), number(memory.bytes / writes)] };
}

function sharedMap() {
  const writer = holder();
  for (let i = 0; i < sharedCount; i++) writer.setShared(`shared-${i}`, valueFor(`${i}`), 1000);
  const message = writer.saveShared();
  const take = (/** @type {ReplicatedState} */ state) => state.handleStreamPush(somewhere, message, 2000);
  const memory = heapOf(() => {
    const state = holder();
    take(state);
    return state;
  });
  const full = memory.made;
  if (full.sharedEntries().length !== sharedCount) throw new Error("not all shared keys were taken");
  const rows = [
    best("merging shared writes: writes", sharedCount, () => holder(), take),
    best("the same again, nothing of it new: writes", sharedCount, () => full, take),
    best(
      "writing all shared keys out: writes",
      sharedCount,
      () => full,
      (state) => state.saveShared(),
    ),
    best(
      "a write of a shared key (with its hash): writes",
      10_000,
      () => full,
      (state) => {
        for (let i = 0; i < 10_000; i++) state.setShared(`shared-${i}`, valueFor(`again ${i}`), 3000);
      },
    ),
  ];
  return { rows, memory: ["shared keys", number(sharedCount), mb(memory.bytes), number(memory.bytes / sharedCount)] };
}

/** The whole map of an owner, as a peer without it is given it. @param {number} i */
function mapOf(i) {
  const state = machine(nameOf(i), { gossipNodes: 0 });
  write(state, i);
  return answerOf(state, newcomerQuestion(state));
}

/** A packet with an owner's first write alone. @param {number} i */
function rumourOf(i) {
  const state = machine(nameOf(i));
  state.setPeer("holder", somewhere, "alive", 0);
  state.set("key-0", valueFor(`${i} 0`), 0);
  state.handleTimeout(state.nextDeadline());
  if (!state.pollTransmit(out)) throw new Error("no rumour");
  return out.buffer.slice(0, out.length);
}

/** What somebody who knows the same members and nothing else says last, before all is given. @param {ReplicatedState} of */
function newcomerQuestion(of) {
  const state = machine("newcomer", { mode: "pull", gossipNodes: 0 });
  for (const owner of of.owners()) state.setPeer(owner, somewhere, "alive", 0);
  state.start(0, wallMs);
  state.handleTimeout(2000);
  if (!state.pollTransmit(out)) throw new Error("no opening");
  /** @type {Uint8Array} */
  let question = out.buffer.slice(0, out.length);
  for (;;) {
    const answer = of.handleStreamRequest(somewhere, question, 2000);
    if (answer === undefined) throw new Error("no answer");
    const read = decodeStateMessage(answer, 65_536);
    if (typeof read === "string") throw new Error(read);
    if (read.deltas.length > 0) return question;
    const next = state.handleStreamRequest(somewhere, answer, 2000);
    if (next === undefined) throw new Error("no question");
    question = next;
  }
}

/** @param {ReplicatedState} state @param {Uint8Array} question */
function answerOf(state, question) {
  const answer = state.handleStreamRequest(somewhere, question, 2000);
  if (answer === undefined) throw new Error("no answer");
  return answer;
}

/** @param {ReplicatedState} state @param {readonly Uint8Array[]} messages */
function take(state, messages) {
  for (const message of messages) state.handleStreamPush(somewhere, message, 1000);
}

/** @param {readonly Uint8Array[]} messages */
function filled(messages) {
  const state = holder();
  take(state, messages);
  if (state.entries(nameOf(ownerCount - 1)).length !== keyCount) throw new Error("not all own keys were taken");
  return state;
}

/** Two who have the same: one opens, the other finds nothing to answer. @param {ReplicatedState} a @param {ReplicatedState} b */
function idleRound(a, b) {
  let now = 10_000;
  const before = b.counters.idleRounds;
  const times = 2000;
  const row = best(
    "a round that finds nothing new, both ends: rounds",
    times,
    () => a,
    (state) => {
      for (let i = 0; i < times; i++) {
        now += 2000;
        state.handleTimeout(now);
        while (state.pollTransmit(out)) b.handlePacket(somewhere, out.buffer.subarray(0, out.length), now);
      }
    },
  );
  if (b.counters.idleRounds - before !== times * (rounds + 1)) throw new Error("not every round was idle");
  return row;
}

/**
 * The best of some rounds, each with a subject of its own.
 * @template T
 * @param {string} what @param {number} count @param {() => T} prepare @param {(subject: T) => unknown} run
 */
function best(what, count, prepare, run) {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rounds + 1; i++) {
    const subject = prepare();
    gc();
    const start = process.cpuUsage();
    run(subject);
    const { user, system } = process.cpuUsage(start);
    // The first one pays for compiling.
    if (i > 0) least = Math.min(least, user + system);
  }
  return [what, number((count * 1e6) / least), (least / count).toFixed(2)];
}

/**
 * What is live afterwards and was not before.
 * @template T
 * @param {() => T} make
 */
function heapOf(make) {
  gc();
  const before = process.memoryUsage();
  const made = make();
  gc();
  const after = process.memoryUsage();
  return { made, bytes: after.heapUsed + after.external - before.heapUsed - before.external };
}

/** @param {string} text */
function valueFor(text) {
  const value = new Uint8Array(Math.max(valueBytes, text.length)).fill(0x2e);
  value.set(new TextEncoder().encode(text));
  return value;
}

function heading() {
  const command = ["node", ...process.execArgv, "bench/state.mjs", ...process.argv.slice(2)].join(" ");
  const processor = cpus()[0]?.model.trim() ?? "?";
  const memory = number(totalmem() / 2 ** 30);
  const date = new Date().toISOString().slice(0, 10);
  return `\`${command}\`\n\n${cpus().length} × ${processor}, ${memory} GiB; Node ${process.version}; ${date}`;
}

/** @param {readonly string[]} columns @param {readonly (readonly string[])[]} rows */
function table(columns, rows) {
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.join(" | ")} |`;
  const rule = columns.map((_, i) => (i === 0 ? "---" : "---:"));
  return `${[line(columns), line(rule), ...rows.map(line)].join("\n")}\n`;
}

/** @param {number} value */
function number(value) {
  return Math.round(value).toLocaleString("en");
}

/** @param {number} bytes */
function mb(bytes) {
  return (bytes / 1e6).toFixed(1);
}
