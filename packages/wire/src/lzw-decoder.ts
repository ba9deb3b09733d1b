/**
 * The reverse of `lzw-encoder.ts`, for streams of any encoder of that format, with and without a clear code in front.
 *
 * A dictionary string is always something that was just put out, so an entry is a place and a length in the output and a
 * code is answered by copying from there. The limit is kept while decoding, before anything is written.
 * Source: memberlist protocol notes, section 4.
 */

import type { DropReason } from "@hearsay/core";
import type { ByteBuffer } from "./byte-buffer.ts";

const clearCode = 256;
const endCode = 257;
const firstWidth = 9;
const lastWidth = 12;

export class LzwDecoder {
  private readonly starts = new Int32Array(1 << lastWidth);
  private readonly lengths = new Int32Array(1 << lastWidth);

  /**
   * Decompresses `bytes[start..end)` into `out`, from its beginning. Bytes after the end code are ignored.
   * @param maxBytes more than this is refused with "compress-too-large"
   * @returns why not, if it does not decode; `out` then holds a part of no use
   */
  decode(bytes: Uint8Array, start: number, end: number, out: ByteBuffer, maxBytes: number): DropReason | undefined {
    const { starts, lengths } = this;
    out.length = 0;
    let target = out.ensure(Math.min(maxBytes, 4 * (end - start)));
    let capacity = Math.min(target.length, maxBytes);
    let size = 0;

    let at = start;
    let bits = 0;
    let bitCount = 0;
    let width = firstWidth;
    let high = endCode;
    let previousStart = 0;
    // 0: no previous code.
    let previousLength = 0;

    for (;;) {
      while (bitCount < width) {
        if (at >= end) return "compress-corrupt";
        bits |= bytes[at++]! << bitCount;
        bitCount += 8;
      }
      const code = bits & ((1 << width) - 1);
      bits >>>= width;
      bitCount -= width;

      let length = 1;
      let from = 0;
      if (code > endCode) {
        if (code < high) {
          from = starts[code]!;
          length = lengths[code]!;
        } else if (code === high && previousLength > 0) {
          // The string that is being made right now: the previous one and its own first byte.
          from = previousStart;
          length = previousLength + 1;
        } else return "compress-corrupt";
      } else if (code === clearCode) {
        width = firstWidth;
        high = endCode;
        previousLength = 0;
        continue;
      } else if (code === endCode) {
        out.length = size;
        return undefined;
      }

      const grown = size + length;
      if (grown > capacity) {
        if (grown > maxBytes) return "compress-too-large";
        out.length = size;
        target = out.ensure(grown, maxBytes);
        capacity = Math.min(target.length, maxBytes);
      }
      if (code < clearCode) target[size] = code;
      else for (let i = 0; i < length; i++) target[size + i] = target[from + i]!;

      if (previousLength > 0) {
        // The previous string is followed in the output by the first byte of this one: that is the new entry.
        starts[high] = previousStart;
        lengths[high] = previousLength + 1;
      }
      previousStart = size;
      previousLength = length;
      size = grown;
      if (++high === 1 << width) {
        if (width < lastWidth) width++;
        else {
          // The table is full: nothing more is added until a clear code.
          high--;
          previousLength = 0;
        }
      }
    }
  }
}
