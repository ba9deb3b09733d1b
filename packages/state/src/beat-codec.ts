/**
 * Heartbeats in few bytes. The heartbeats of a message are an array of two kinds of items: an array of owner, generation
 * and beat, as long as the name is; or bytes that hold many, each as
 *
 *   u32 hash of owner and generation, big-endian | beat, seven bits a byte from the lowest, the top bit: more follows
 *
 * which takes five bytes up to beat 127, six up to 16,383, seven up to 2,097,151.
 */
import { Writer } from "@hearsay/wire";
import { maxCounter } from "./config.ts";
import type { ShortBeat } from "./messages.ts";

/** Bytes of the hash, and of the longest beat (2^52). */
const hashBytes = 4;
const maxBeatBytes = 8;
/** Before many: their length. */
const headBytes = 3;

/** Puts heartbeats together, up to a limit. */
export class ShortBeatWriter {
  readonly #bytes: Uint8Array;
  #length = 0;

  count = 0;

  /** @param most bytes of what `finish` gives */
  constructor(most: number) {
    this.#bytes = new Uint8Array(Math.max(0, most - headBytes));
  }

  /** Bytes of what `finish` gives: at most. */
  get length(): number {
    return this.#length + headBytes;
  }

  /** False when it would be longer than that, and nothing was added. @param most as above, or less */
  add(hash: number, beat: number, most: number): boolean {
    if (this.length + hashBytes + beatBytes(beat) > most) return false;
    this.count++;
    for (let shift = 24; shift >= 0; shift -= 8) this.#bytes[this.#length++] = hash >>> shift;
    let rest = beat;
    // Not by shifts: beats are longer than 32 bits may be.
    for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
    this.#bytes[this.#length++] = rest;
    return true;
  }

  finish(): Uint8Array {
    const writer = new Writer({ dialect: "new", initialBytes: this.#length + headBytes });
    return writer.bytes(this.#bytes.subarray(0, this.#length)).finish();
  }
}

/** What `ShortBeatWriter` wrote, its head read already; undefined when it is malformed or has more than `most`. */
export function readShortBeats(bytes: Uint8Array, most: number): ShortBeat[] | undefined {
  const beats: ShortBeat[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (beats.length >= most || bytes.length - at <= hashBytes) return undefined;
    const hash = ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
    at += hashBytes;
    const end = endOfBeat(bytes, at);
    const beat = end === undefined ? maxCounter + 1 : beatAt(bytes, at, end);
    if (beat > maxCounter) return undefined;
    beats.push({ hash, beat });
    at = end!;
  }
  return beats;
}

function endOfBeat(bytes: Uint8Array, start: number): number | undefined {
  const last = Math.min(bytes.length, start + maxBeatBytes);
  for (let at = start; at < last; at++) if (bytes[at]! < 0x80) return at + 1;
  return undefined;
}

function beatAt(bytes: Uint8Array, start: number, end: number): number {
  let beat = 0;
  for (let at = end - 1; at >= start; at--) beat = beat * 0x80 + (bytes[at]! & 0x7f);
  return beat;
}

function beatBytes(beat: number): number {
  let count = 1;
  for (let rest = beat; rest > 0x7f; rest = Math.floor(rest / 0x80)) count++;
  return count;
}
