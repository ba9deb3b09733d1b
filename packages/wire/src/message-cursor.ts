/**
 * The quick half of decoding. Go writes every message the same way: all keys, in byte order, in raw form, integers in
 * their shortest form. The cursor steps through exactly that and says "unusual" at the first byte that is otherwise; the
 * caller then starts over with the tolerant `Reader`. So nothing here has to explain itself, and whatever the cursor
 * accepts the reader would accept with the same meaning.
 */

import type { Constant } from "./constant.ts";

/** Length of a nil blob. */
export const nilBlob = -1;
/** Not what Go would have written; read it the tolerant way. */
export const unusual = -2;

export class MessageCursor {
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;
  end = 0;
  /** All of `bytes`, after `attach`. */
  words: DataView = new DataView(new ArrayBuffer(0));

  reset(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  /** Whether the next byte is this one; it is then passed. */
  byte(expected: number): boolean {
    if (this.at >= this.end || this.bytes[this.at] !== expected) return false;
    this.at++;
    return true;
  }

  /** Whether these bytes come next; they are then passed. */
  constant(expected: Uint8Array): boolean {
    const { bytes, at } = this;
    const length = expected.length;
    if (at + length > this.end) return false;
    for (let i = 0; i < length; i++) if (bytes[at + i] !== expected[i]) return false;
    this.at = at + length;
    return true;
  }

  /** Prepares `bytes` for `key`. Making a view pays where many fields are read from the same bytes. */
  attach(bytes: Uint8Array): void {
    this.words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** The same as `constant`, by words, in the attached bytes. At least three bytes more must follow. */
  key(expected: Constant): boolean {
    const { words, at } = this;
    const { words: wanted, length } = expected;
    const last = wanted.length - 1;
    if (at + 4 * wanted.length > this.end) return false;
    for (let i = 0; i < last; i++) if (words.getInt32(at + 4 * i, true) !== wanted[i]) return false;
    if (((words.getInt32(at + 4 * last, true) ^ wanted[last]!) & expected.lastMask) !== 0) return false;
    this.at = at + length;
    return true;
  }

  /** An unsigned integer up to 32 bits, or `unusual`. */
  uint(): number {
    const { bytes, at, end } = this;
    if (at >= end) return unusual;
    const code = bytes[at]!;
    if (code <= 0x7f) {
      this.at = at + 1;
      return code;
    }
    if (code === 0xcd && at + 2 < end) {
      this.at = at + 3;
      return (bytes[at + 1]! << 8) | bytes[at + 2]!;
    }
    if (code === 0xce && at + 4 < end) {
      this.at = at + 5;
      return ((bytes[at + 1]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!) >>> 0;
    }
    if (code === 0xcc && at + 1 < end) {
      this.at = at + 2;
      return bytes[at + 1]!;
    }
    return unusual;
  }

  /** The length of text or bytes that lie at `at` after this, or `nilBlob`, or `unusual`. */
  blob(): number {
    const { bytes, at, end } = this;
    if (at >= end) return unusual;
    const code = bytes[at]!;
    if (code >= 0xa0 && code <= 0xbf) {
      const length = code & 0x1f;
      this.at = at + 1;
      return at + 1 + length <= end ? length : unusual;
    }
    if (code === 0xc0) {
      this.at = at + 1;
      return nilBlob;
    }
    if (code === 0xda && at + 2 < end) {
      const length = (bytes[at + 1]! << 8) | bytes[at + 2]!;
      this.at = at + 3;
      return at + 3 + length <= end ? length : unusual;
    }
    return unusual;
  }
}
