// @ts-check
/**
 * Hostile input for the decoder, from recorded traffic: a seeded source of packets and streams that are nearly right.
 * Plain JavaScript, because interop/fuzz.mjs runs it on the built packages and the tests on the sources.
 */
import { readFileSync } from "node:fs";

/**
 * @typedef {{ kind: "packet" | "stream", acceptor: boolean, bytes: Uint8Array }} Sample
 * @typedef {{ hex?: string, hexNewest?: string, inputs?: any, expect?: any }} Vector
 */

/** xorshift32: fast, and the same everywhere. */
export class Random {
  /** @param {number} seed */
  constructor(seed) {
    this.state = seed | 0 || 1;
    for (let i = 0; i < 8; i++) this.next();
  }

  /** 0 … 2³²−1. */
  next() {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return x >>> 0;
  }

  /** 0 … n−1.
   *  @param {number} n */
  below(n) {
    return this.next() % n;
  }
}

/**
 * All recorded images, without those that are encrypted: what is inside of them is there in plain as well.
 * @param {URL} vectors folder with the vector files
 * @returns {Sample[]}
 */
export function corpus(vectors) {
  /** @type {Sample[]} */
  const samples = [];
  /** @param {"packet" | "stream"} kind
   *  @param {string | undefined} hex
   *  @param {string} [prefix] */
  const add = (kind, hex, prefix = "") => {
    if (hex) samples.push({ kind, acceptor: true, bytes: Uint8Array.from(Buffer.from(prefix + hex, "hex")) });
  };
  const types = { ping: "00", indirectPing: "01", alive: "04", pushPullHeader: "06" };
  for (const name of [
    "messages",
    "compound",
    "compress",
    "label",
    "packet",
    "respond",
    "serf-capture",
    "stream",
    "decode",
  ]) {
    /** @type {Vector[]} */
    const list = JSON.parse(readFileSync(new URL(`${name}.json`, vectors), "utf8")).vectors;
    for (const vector of list) {
      const { inputs, expect } = vector;
      if (inputs?.key) continue;
      if (name === "decode") {
        const prefix = /** @type {Record<string, string>} */ (types)[inputs.type];
        if (prefix !== undefined) add(prefix === "06" ? "stream" : "packet", vector.hex, prefix);
        continue;
      }
      const kind = name === "stream" || inputs?.kind === "stream" ? "stream" : "packet";
      add(kind, vector.hex);
      add(kind, vector.hexNewest);
      if (name === "messages") add("stream", vector.hex);
      if (typeof expect?.response === "string") add("stream", expect.response);
      for (const send of expect?.sends ?? []) add("packet", send.hex);
    }
  }
  return samples;
}

/** Bytes that mean something at most places: heads of every form, limits of widths, message types. */
const telling = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0x1f, 0x20, 0x7f, 0x80, 0x81, 0x82, 0x86, 0x8f, 0x90, 0x96, 0x9f, 0xa0,
  0xa4, 0xbf, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd1, 0xd2,
  0xd3, 0xd4, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xf4, 0xff,
];

/**
 * A changed copy of a sample: one to four changes, each a flipped bit, a telling byte, a shifted length, a cut, an
 * insertion, a repetition, or a splice with another sample; now and then nothing but chance.
 * @param {Uint8Array} bytes
 * @param {Random} random
 * @param {readonly Sample[]} samples
 * @returns {Uint8Array}
 */
export function mutate(bytes, random, samples) {
  if (random.below(64) === 0) {
    const noise = new Uint8Array(random.below(200));
    for (let i = 0; i < noise.length; i++) noise[i] = random.next();
    return noise;
  }
  let result = bytes.slice();
  for (let changes = 1 + random.below(4); changes > 0; changes--) result = change(result, random, samples);
  return result;
}

/** @param {Uint8Array} bytes
 *  @param {Random} random
 *  @param {readonly Sample[]} samples */
function change(bytes, random, samples) {
  const { length } = bytes;
  if (length === 0) return new Uint8Array([random.next()]);
  // Beginnings decide more than ends.
  const at = random.below(random.below(3) === 0 ? Math.min(length, 24) : length);
  const span = 1 + random.below(Math.min(32, length - at));
  switch (random.below(9)) {
    case 0:
    case 1:
      bytes[at] ^= 1 << random.below(8);
      return bytes;
    case 2:
    case 3:
      bytes[at] = telling[random.below(telling.length)];
      return bytes;
    case 4:
      bytes[at] += random.below(9) - 4;
      return bytes;
    case 5:
      return random.below(2) === 0 ? bytes.slice(0, at) : splice(bytes, at, at + span, new Uint8Array(0));
    case 6: {
      const noise = new Uint8Array(1 + random.below(9));
      for (let i = 0; i < noise.length; i++) noise[i] = random.next();
      return splice(bytes, at, at, noise);
    }
    case 7:
      return splice(bytes, at, at, bytes.slice(at, at + span));
    default: {
      const other = samples[random.below(samples.length)].bytes;
      const from = random.below(other.length + 1);
      return splice(bytes, at, random.below(2) === 0 ? length : at, other.slice(from, from + 400));
    }
  }
}

/** @param {Uint8Array} bytes
 *  @param {number} from
 *  @param {number} to
 *  @param {Uint8Array} middle */
function splice(bytes, from, to, middle) {
  const result = new Uint8Array(from + middle.length + bytes.length - to);
  result.set(bytes.subarray(0, from));
  result.set(middle, from);
  result.set(bytes.subarray(to), from + middle.length);
  return result;
}
