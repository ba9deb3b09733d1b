/**
 * LZW as GIF has it: 8-bit literals, least significant bit first, codes of 9 to 12 bits, 256 clears, 257 ends. Gives the
 * same bytes as Go's encoder since 1.17.
 *
 * The dictionary is a hash table from (code so far, next byte) to code. Starting over happens for every message, so
 * entries carry a generation instead of being wiped.
 * Source: memberlist protocol notes, section 4.
 */

import type { ByteBuffer } from "./byte-buffer.ts";

const clearCode = 256;
const endCode = 257;
const firstWidth = 9;
const lastCode = 4095;
/** At most 3,838 entries at a time: less than half full. */
const tableSlots = 8192;
const hashShift = 32 - 13;
/** Entries are 20 bits of key under 11 bits of generation. */
const lastGeneration = 2047;

export class LzwEncoder {
  private readonly entries = new Int32Array(tableSlots);
  private readonly codes = new Uint16Array(tableSlots);
  private generation = 0;

  /**
   * Compresses `bytes[start..end)` to the end of `out`.
   * @param maxBytes gives up when the result would be longer
   * @returns whether it fitted; `out.length` is unchanged when not
   */
  encode(bytes: Uint8Array, start: number, end: number, out: ByteBuffer, maxBytes: number): boolean {
    const { entries, codes } = this;
    const from = out.length;
    // A code for each byte at 12 bits, a clear code for each 3,838 of them, both ends, and slack for one flush.
    const worst = Math.ceil((end - start) * 1.501) + 16;
    const target = out.ensure(from + Math.min(worst, maxBytes + 16));
    const limit = from + maxBytes;

    let at = from;
    let bits = clearCode;
    let bitCount = firstWidth;
    let width = firstWidth;
    let high = endCode;
    let generation = this.nextGeneration();

    if (start < end) {
      let code = bytes[start]!;
      for (let i = start + 1; i < end; i++) {
        const byte = bytes[i]!;
        const entry = generation | (code << 8) | byte;
        let slot = Math.imul(entry, 0x9e3779b1) >>> hashShift;
        let held = entries[slot]!;
        while (held !== entry && held >= generation) {
          slot = (slot + 1) & (tableSlots - 1);
          held = entries[slot]!;
        }
        if (held === entry) {
          code = codes[slot]!;
          continue;
        }
        bits |= code << bitCount;
        bitCount += width;
        while (bitCount >= 8) {
          target[at++] = bits;
          bits >>>= 8;
          bitCount -= 8;
        }
        if (at > limit) return false;
        code = byte;
        if (++high === 1 << width) width++;
        if (high < lastCode) {
          entries[slot] = entry;
          codes[slot] = high;
          continue;
        }
        bits |= clearCode << bitCount;
        bitCount += width;
        width = firstWidth;
        high = endCode;
        generation = this.nextGeneration();
      }
      bits |= code << bitCount;
      bitCount += width;
      while (bitCount >= 8) {
        target[at++] = bits;
        bits >>>= 8;
        bitCount -= 8;
      }
      if (++high === 1 << width) width++;
      if (high === lastCode) {
        bits |= clearCode << bitCount;
        bitCount += width;
        width = firstWidth;
      }
    }
    while (bitCount >= 8) {
      target[at++] = bits;
      bits >>>= 8;
      bitCount -= 8;
    }
    bits |= endCode << bitCount;
    bitCount += width;
    while (bitCount > 0) {
      target[at++] = bits;
      bits >>>= 8;
      bitCount -= 8;
    }
    if (at > limit) return false;
    out.length = at;
    return true;
  }

  /** A stamp above all that are in the table, shifted into place. */
  private nextGeneration(): number {
    if (this.generation >= lastGeneration) {
      this.entries.fill(0);
      this.generation = 0;
    }
    this.generation++;
    return this.generation << 20;
  }
}
