// @ts-check
/**
 * What the codec costs, operation by operation, under the same names and with the same values as the reference column
 * (bench/peers/memberlist/codec.go).
 *
 *   node bench/codec.mjs [--json] [--round=0.3] [--only=alive]
 *
 * Median of three rounds of about `--round` seconds. Encoding gives bytes of its own, as the reference does; decoding
 * goes through `openPacket`, that is with all checks and the call into a sink.
 */
import { randomFillSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { nodeCipher, randomNonces } from "../packages/node/dist/cipher.js";
import { createCodec, Keyring } from "../packages/wire/dist/index.js";

/** @typedef {import("@hearsay/core").PacketMessage} PacketMessage */
/** @typedef {{ name: string, wireBytes: number, ns: number }} Figure */

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    round: { type: "string", default: "0.3" },
    only: { type: "string", default: "" },
  },
});
const roundMs = Number(flags.round) * 1000;
/** @type {Figure[]} */
const figures = [];

const codec = createCodec({ compression: false });
const keyed = createCodec({
  compression: false,
  keyring: new Keyring([new Uint8Array(16).fill(7)]),
  cipherFactory: nodeCipher,
  nonceSource: randomNonces(),
});
const squeezing = createCodec({ compression: "always" });
const usual = createCodec();
const usualKeyed = createCodec({
  keyring: new Keyring([new Uint8Array(16).fill(7)]),
  cipherFactory: nodeCipher,
  nonceSource: randomNonces(),
});
const none = new Uint8Array(0);
const out = { buffer: new Uint8Array(codec.maxPacketBytes), length: 0, to: { address: "127.0.0.1", port: 7946 } };

/** What came out last, so that nothing can be optimised away. */
let seen = 0;
const sink = {
  /** @param {{ seqNo: number }} m */
  onPing: (m) => void (seen += m.seqNo),
  /** @param {{ seqNo: number }} m */
  onIndirectPing: (m) => void (seen += m.seqNo),
  /** @param {{ seqNo: number }} m */
  onAck: (m) => void (seen += m.seqNo),
  /** @param {{ seqNo: number }} m */
  onNack: (m) => void (seen += m.seqNo),
  /** @param {{ incarnation: number }} m */
  onSuspect: (m) => void (seen += m.incarnation),
  /** @param {{ incarnation: number }} m */
  onDead: (m) => void (seen += m.incarnation),
  /** @param {{ incarnation: number }} m */
  onAlive: (m) => void (seen += m.incarnation),
  /** @param {{ payload: Uint8Array }} m */
  onUser: (m) => void (seen += m.payload.length),
  onDrop: () => void (seen += 1),
};

const meta = randomFillSync(new Uint8Array(128));
const source = { sourceAddr: new Uint8Array([10, 0, 3, 7]), sourcePort: 7946, sourceNode: name(7) };
const claim = { incarnation: 12, node: name(42), from: name(7) };
/** @type {[string, PacketMessage][]} */
const messages = [
  ["ping", { type: 0, seqNo: 123456, node: name(42), ...source }],
  [
    "indirect ping",
    {
      ...{ type: 1, seqNo: 123456, target: new Uint8Array([10, 0, 3, 9]), port: 7946, node: name(42), nack: true },
      ...source,
    },
  ],
  ["ack", { type: 2, seqNo: 123456, payload: null }],
  ["nack", { type: 11, seqNo: 123456 }],
  ["suspect", { type: 3, ...claim }],
  ["alive", alive(42, null)],
  ["alive with 128 bytes of meta", alive(42, meta)],
  ["dead", { type: 5, ...claim }],
];

for (const [what, message] of messages) {
  const wire = codec.encode(message);
  measure(`encode ${what}`, wire.length, () => {
    seen += codec.encode(message).length;
  });
  measure(`decode ${what}`, wire.length, () => codec.openPacket(wire, sink));
}

const records = Array.from({ length: 17 }, (_, i) => alive(i, null));
const parts = records.map((record) => codec.encode(record));
codec.sealPacket(out, none, 0, parts, parts.length, false);
const packed = out.buffer.slice(0, out.length);
measure("pack 17 alives into a compound", packed.length, () => codec.sealPacket(out, none, 0, parts, 17, false));
// Parts are handed on where they lie. With a type that nobody knows nothing follows, so this is the unpacking alone.
const strangers = packed.slice();
for (let i = 0, at = 2 + 2 * 17; i < 17; at += parts[i++].length) strangers[at] = 200;
measure("unpack a compound of 17", packed.length, () => codec.openPacket(strangers, sink));
measure("encode a packet of 17 alives", packed.length, () => {
  const encoded = new Array(17);
  for (let i = 0; i < 17; i++) encoded[i] = codec.encode(records[i]);
  codec.sealPacket(out, none, 0, encoded, 17, false);
});
measure("decode a packet of 17 alives", packed.length, () => codec.openPacket(packed, sink));

const nodes = Array.from({ length: 100 }, (_, i) => {
  const { node, type, ...rest } = alive(i, null);
  return { name: node, state: 0, ...rest };
});
/** @type {import("@hearsay/core").PushPull} */
const pushPull = { type: 6, join: false, nodes, userState: none };
const stream = codec.encodeStream(pushPull, true);
measure("encode a push/pull of 100 members", stream.length, () => {
  seen += codec.encodeStream(pushPull, true).length;
});
measure("decode a push/pull of 100 members", stream.length, () => {
  const read = codec.streamReader(true).push(stream);
  if (read === undefined || "error" in read || read.type !== 6) throw new Error("not read");
  seen += read.nodes.length;
});

squeezing.sealPacket(out, packed, packed.length, [], 0, false);
const squeezed = out.buffer.slice(0, out.length);
measure("compress a packet of 17 alives", squeezed.length, () => {
  squeezing.sealPacket(out, packed, packed.length, [], 0, false);
});
// Again a type that nobody knows, inside.
squeezing.sealPacket(out, packed.with(0, 200), packed.length, [], 0, false);
const squeezedStranger = out.buffer.slice(0, out.length);
measure("decompress a packet of 17 alives", squeezed.length, () => codec.openPacket(squeezedStranger, sink));

for (const size of [100, 1371]) {
  const plain = randomFillSync(new Uint8Array(size));
  plain[0] = 8;
  keyed.sealPacket(out, plain, size, [], 0, false);
  const sealed = out.buffer.slice(0, out.length);
  const what = `${size} bytes, AES-128-GCM`;
  measure(`encrypt ${what}`, sealed.length, () => keyed.sealPacket(out, plain, size, [], 0, false));
  measure(`decrypt ${what}`, sealed.length, () => keyed.openPacket(sealed, sink));
}

const head = new Uint8Array(512);
const ping = messages[0][1];
measure("send path of a ping", 0, () => usual.sealPacket(out, head, usual.encodeInto(ping, head, 0), [], 0, true));
measure("send path of a ping, encrypted", 0, () => {
  usualKeyed.sealPacket(out, head, usualKeyed.encodeInto(ping, head, 0), [], 0, true);
});

if (flags.json) {
  const { version } = JSON.parse(readFileSync(new URL("../packages/wire/package.json", import.meta.url), "utf8"));
  console.log(JSON.stringify({ what: `hearsay ${version}, Node ${process.version}`, result: figures }));
} else {
  const width = Math.max(...figures.map((figure) => figure.name.length));
  for (const { name, wireBytes, ns } of figures)
    console.log(`${name.padEnd(width)} ${(wireBytes || "").toString().padStart(6)} B ${ns.toFixed(0).padStart(8)} ns`);
}
if (seen === 0) process.exitCode = 1;

/** @param {number} i */
function name(i) {
  return `web-${String(i).padStart(5, "0")}.eu.example`;
}

/** @param {number} i
 *  @param {Uint8Array | null} meta
 *  @returns {import("@hearsay/core").Alive} */
function alive(i, meta) {
  const addr = new Uint8Array([10, 0, i >> 8, i]);
  return { type: 4, incarnation: 12, node: name(i), addr, port: 7946, meta, vsn: new Uint8Array([1, 5, 2, 2, 5, 5]) };
}

/** Times `run`, after finding out how often it fits a round.
 *  @param {string} name
 *  @param {number} wireBytes
 *  @param {() => void} run */
function measure(name, wireBytes, run) {
  if (!name.includes(flags.only)) return;
  let calls = 1;
  for (;;) {
    const took = time(run, calls);
    if (took > roundMs / 10) {
      calls = Math.max(1, Math.round((calls * roundMs) / took));
      break;
    }
    calls *= 2;
  }
  const rounds = [time(run, calls), time(run, calls), time(run, calls)].sort((a, b) => a - b);
  figures.push({ name, wireBytes, ns: (rounds[1] / calls) * 1e6 });
}

/** @param {() => void} run
 *  @param {number} calls */
function time(run, calls) {
  const start = performance.now();
  for (let i = 0; i < calls; i++) run();
  return performance.now() - start;
}
