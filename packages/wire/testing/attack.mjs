// @ts-check
/**
 * One hostile input after another into a codec, and what must hold whatever it is: nothing throws, nothing takes long,
 * what comes out keeps to the limits, chunks of a stream make no difference, and what was accepted can be sent on and
 * read again.
 */
import { mutate, Random } from "./mutate.mjs";

/**
 * @typedef {import("./mutate.mjs").Sample} Sample
 * @typedef {any} Codec
 */

/**
 * Samples at the limits, which no recording holds: what unpacks to far more than it is, nests deeply, is too long.
 * @param {Codec} codec one that always compresses
 * @returns {Sample[]}
 */
export function extremes(codec) {
  const member = {
    addr: new Uint8Array(4),
    port: 1,
    meta: new Uint8Array(513),
    vsn: new Uint8Array(6),
    incarnation: 1,
  };
  const nodes = Array.from({ length: 200 }, (_, i) => ({ ...member, name: "n".repeat(i + 100), state: i % 5 }));
  const zeros = codec.encodeStream({ type: 8, payload: new Uint8Array(2_000_000) }, false);
  const bodies = [
    codec.encode({ type: 4, node: "n".repeat(256), ...member }),
    codec.encode({ type: 3, incarnation: 1, node: "é".repeat(130), from: "" }),
    new Uint8Array([4, 0x81, 0xa1, 0x78, ...new Array(400).fill(0x91), 0]),
    zeros,
  ];
  /** @type {Sample[]} */
  const packets = bodies.map((bytes) => ({ kind: "packet", acceptor: true, bytes }));
  const streams = [zeros, codec.encodeStream({ type: 6, join: true, nodes, userState: new Uint8Array(3000) }, false)];
  return [...packets, ...streams.map((bytes) => /** @type {Sample} */ ({ kind: "stream", acceptor: true, bytes }))];
}

export class Attack {
  /**
   * @param {{ codecs: readonly Codec[], samples: readonly Sample[], seed: number }} options The first codec is plain;
   *   the others wrap its packets in their layers, so that the changed message is reached through them.
   */
  constructor({ codecs, samples, seed }) {
    this.codecs = codecs;
    this.samples = samples;
    this.packets = samples.filter((sample) => sample.kind === "packet");
    this.random = new Random(seed);
    this.inputs = 0;
    this.messages = 0;
    this.slowestMs = 0;
    /** @type {Record<string, number>} */
    this.drops = {};
    /** The input at hand, to be printed when something goes wrong. @type {Uint8Array} */
    this.input = new Uint8Array(0);
    this.out = { buffer: new Uint8Array(65_507), length: 0, to: { address: "", port: 0 } };
    /** @type {any[]} */
    this.kept = [];
    this.keep = false;
    const onMessage = (/** @type {any} */ message) => {
      this.messages++;
      checkMessage(message);
      if (this.keep) this.kept.push(owned(message));
    };
    this.sink = {
      onPing: onMessage,
      onIndirectPing: onMessage,
      onAck: onMessage,
      onNack: onMessage,
      onSuspect: onMessage,
      onDead: onMessage,
      onAlive: onMessage,
      onUser: onMessage,
      onDrop: (/** @type {string} */ reason) => this.drop(reason),
    };
  }

  /** Makes the next input and tries it. Throws when something does not hold. */
  step() {
    const { random } = this;
    this.inputs++;
    const sample = this.samples[random.below(this.samples.length)];
    this.input = mutate(sample.bytes, random, this.samples);
    const start = performance.now();
    if (sample.kind === "packet") this.tryPacket();
    else this.tryStream(sample.acceptor);
    this.slowestMs = Math.max(this.slowestMs, performance.now() - start);
  }

  tryPacket() {
    const { random, codecs, out } = this;
    let bytes = this.input;
    let codec = codecs[0];
    if (random.below(4) === 0 && bytes.length > 0 && bytes.length < 60_000) {
      // Inside of layers that are right, checksum and tag included.
      codec = codecs[random.below(codecs.length)];
      const parts = [bytes];
      while (random.below(2) === 0) {
        const more = mutate(this.packets[random.below(this.packets.length)].bytes, random, this.samples);
        if (more.length === 0 || more.length > 2000) break;
        parts.push(more);
      }
      codec.sealPacket(out, new Uint8Array(0), 0, parts, parts.length, random.below(2) === 0);
      bytes = out.buffer.slice(0, out.length);
      this.input = bytes;
    }
    this.keep = random.below(8) === 0;
    codec.openPacket(bytes, this.sink);
    if (!this.keep) return;
    this.keep = false;
    const { kept } = this;
    this.kept = [];
    for (const message of kept) this.tryAgain(message);
  }

  /** What was accepted can be sent on: encoded anew it is the same message.
   *  @param {any} message */
  tryAgain(message) {
    const [codec] = this.codecs;
    this.keep = true;
    codec.openPacket(codec.encode(message), this.sink);
    this.keep = false;
    const [again] = this.kept;
    this.kept = [];
    if (describe(again) !== describe(message)) throw new Error(`changed by encoding: ${describe(message)}`);
  }

  /** @param {boolean} acceptor */
  tryStream(acceptor) {
    const { random, codecs, input } = this;
    const codec = codecs[random.below(2) === 0 ? 0 : random.below(codecs.length)];
    const whole = codec.streamReader(acceptor);
    const result = whole.push(input) ?? whole.end();
    if (!("type" in result)) this.drop(result.error);
    else {
      this.messages++;
      checkMessage(result);
    }
    if (random.below(8) !== 0) return;
    const reader = codec.streamReader(acceptor);
    let chunked;
    for (let at = 0; at < input.length && chunked === undefined; ) {
      const next = Math.min(input.length, at + 1 + random.below(random.below(2) === 0 ? 2 : 200));
      chunked = reader.push(input.slice(at, next));
      at = next;
    }
    chunked ??= reader.end();
    if (describe(chunked) !== describe(result)) throw new Error("chunks make a difference");
  }

  /** @param {string} reason */
  drop(reason) {
    this.drops[reason] = (this.drops[reason] ?? 0) + 1;
  }
}

/** The limits that a receiver may rely on.
 *  @param {any} message */
function checkMessage(message) {
  for (const field of ["seqNo", "incarnation"]) if (field in message) checkInteger(field, message[field], 0xffff_ffff);
  for (const field of ["port", "sourcePort"]) if (field in message) checkInteger(field, message[field], 0xffff);
  for (const field of ["node", "from", "sourceNode", "name"])
    if (field in message && Buffer.byteLength(message[field]) > 255) throw new Error(`${field} is too long`);
  if (message.sourceAddr) checkAddress(message.sourceAddr);
  if (message.type === 1) checkAddress(message.target);
  if (message.type === 4) {
    if (message.node === "") throw new Error("a member without a name");
    checkAddress(message.addr);
    checkMember(message);
  }
  for (const node of message.nodes ?? []) {
    if (node.name === "") throw new Error("a member without a name");
    if (node.addr !== null || node.state === 0) checkAddress(node.addr);
    checkMember(node);
    checkMessage(node);
  }
}

/** @param {any} member */
function checkMember({ meta, vsn }) {
  if (meta !== null && meta.length > 512) throw new Error("meta is too long");
  if (vsn !== null && vsn.length !== 6) throw new Error("versions of other than six bytes");
}

/** @param {any} addr */
function checkAddress(addr) {
  if (addr === null || (addr.length !== 4 && addr.length !== 16)) throw new Error("not an address");
}

/** @param {string} field
 *  @param {number} value
 *  @param {number} max */
function checkInteger(field, value, max) {
  if (!Number.isInteger(value) || value < 0 || value > max) throw new Error(`${field} is ${value}`);
}

/** @param {any} message */
function owned(message) {
  const copy = { ...message };
  for (const [key, value] of Object.entries(copy)) if (value instanceof Uint8Array) copy[key] = Uint8Array.from(value);
  return copy;
}

/** @param {any} message */
function describe(message) {
  return JSON.stringify(message, (_key, value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value,
  );
}
