/**
 * Reads MessagePack of both dialects, as tolerantly as the Go decoders do together (memberlist protocol notes, section
 * 6.2): text and bytes in any raw, str or bin form, integers of any width that fit, nil for everything, structures as
 * maps in any order with unknown keys or as arrays.
 *
 * Nothing throws. The first thing wrong is kept in `failure`, the cursor goes to the end, and every later read gives a
 * zero value; so read a whole structure and ask once. Counts and lengths are compared with the bytes that are there
 * before anything is allocated.
 */

import { copyOf, viewOf } from "./byte-views.ts";
import { maxMsgpackDepth } from "./limits.ts";
import { type MsgpackValue, readValue, type ValueLimits } from "./msgpack-value.ts";
import { readUtf8, readUtf8Lossy } from "./utf8.ts";

/** Why a read failed. The words are drop reasons of `@hearsay/core`. */
export type ReadFailure = "msgpack-invalid" | "msgpack-truncated" | "msgpack-too-deep" | "field-range" | "name-invalid";

/** What kind of value comes next. "none": the end, or a byte that starts nothing. */
export type MsgpackKind = "nil" | "bool" | "int" | "float" | "text" | "bytes" | "array" | "map" | "extension" | "none";

export class Reader {
  /** Borrowed. */
  bytes: Uint8Array;
  /** Index of the next byte. */
  offset: number;
  /** Index behind the last byte. */
  end: number;
  /** The first thing that was wrong, if anything. */
  failure: ReadFailure | undefined;

  constructor(bytes: Uint8Array = new Uint8Array(0), start = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.offset = start;
    this.end = end;
    this.failure = undefined;
  }

  /** Starts anew on other bytes. */
  reset(bytes: Uint8Array, start = 0, end: number = bytes.length): this {
    this.bytes = bytes;
    this.offset = start;
    this.end = end;
    this.failure = undefined;
    return this;
  }

  get ok(): boolean {
    return this.failure === undefined;
  }

  /** Bytes not yet read. */
  get remaining(): number {
    return this.end - this.offset;
  }

  /** Records the first failure and puts the cursor at the end. */
  fail(failure: ReadFailure): void {
    this.failure ??= failure;
    this.offset = this.end;
  }

  /** Looks at the next value without reading it. */
  peek(): MsgpackKind {
    if (this.offset >= this.end) return "none";
    const code = this.bytes[this.offset]!;
    if (code <= 0x7f || code >= 0xe0) return "int";
    if (code <= 0x8f) return "map";
    if (code <= 0x9f) return "array";
    if (code <= 0xbf) return "text";
    return kinds[code - 0xc0]!;
  }

  /** Reads a nil if one is there. */
  tryNil(): boolean {
    if (this.offset >= this.end || this.bytes[this.offset] !== 0xc0) return false;
    this.offset++;
    return true;
  }

  /** A bool; the integers 0 and 1 in their one-byte form count, nil is false. */
  bool(): boolean {
    const code = this.code();
    if (code === 0xc3 || code === 0x01) return true;
    if (code !== 0xc2 && code !== 0x00 && code !== 0xc0) this.fail("msgpack-invalid");
    return false;
  }

  /** An integer of any form between 0 and `max` (at most 2⁵³−1); nil is 0. Others fail with "field-range". */
  uint(max: number): number {
    return this.int(0, max);
  }

  /** An integer of any form between `min` and `max` (safe integers); nil is 0. Others fail with "field-range". */
  int(min: number, max: number): number {
    const value = this.integer(false);
    if (typeof value === "number" && value >= min && value <= max) return value;
    this.fail("field-range");
    return 0;
  }

  /** An unsigned 64-bit field, exactly; nil is 0. */
  u64(): bigint {
    const value = this.integer(true);
    if (value >= 0n) return value;
    this.fail("field-range");
    return 0n;
  }

  /** A signed 64-bit field, exactly; nil is 0. */
  i64(): bigint {
    const value = this.integer(true);
    if (value <= 0x7fff_ffff_ffff_ffffn) return value;
    this.fail("field-range");
    return 0n;
  }

  /** A float of either width, or an integer; nil is 0. */
  float(): number {
    const code = this.offset < this.end ? this.bytes[this.offset]! : 0;
    if (code !== 0xca && code !== 0xcb) return Number(this.integer(true));
    const width = code === 0xca ? 4 : 8;
    if (this.remaining < width + 1) {
      this.fail("msgpack-truncated");
      return 0;
    }
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset + this.offset + 1, width);
    this.offset += width + 1;
    return width === 4 ? view.getFloat32(0) : view.getFloat64(0);
  }

  /** A text in raw, str or bin form; nil is "". Fails with "name-invalid" when it is not UTF-8. */
  text(): string {
    const length = this.blob();
    if (length <= 0) return "";
    const start = this.offset;
    const text = readUtf8(this.bytes, start, start + length);
    this.offset += length;
    if (text === undefined) {
      this.fail("name-invalid");
      return "";
    }
    return text;
  }

  /** A text for people: malformed UTF-8 becomes U+FFFD. */
  textLossy(): string {
    const length = this.blob();
    if (length <= 0) return "";
    this.offset += length;
    return readUtf8Lossy(this.bytes, this.offset - length, this.offset);
  }

  /** Bytes in raw, str or bin form (a view of the input) or as an array of integers (a copy); null for nil. */
  blobView(): Uint8Array | null {
    const code = this.offset < this.end ? this.bytes[this.offset]! : 0;
    if ((code >= 0x90 && code <= 0x9f) || code === 0xdc || code === 0xdd) return this.byteArray();
    const length = this.blob();
    if (length < 0) return null;
    this.offset += length;
    return viewOf(this.bytes, this.offset - length, this.offset);
  }

  /** The same, always copied. */
  blobCopy(): Uint8Array | null {
    const view = this.blobView();
    return view === null ? null : copyOf(view);
  }

  /**
   * Head of a text or of bytes, for callers that want neither a string nor a view: the length, or −1 for nil and for a
   * failure. The bytes are there from `offset` on; move `offset` behind them.
   */
  blobHead(): number {
    return this.blob();
  }

  /** Head of an array: how many values follow. −1 for nil (and for a failure). */
  array(): number {
    const code = this.code();
    if (code >= 0x90 && code <= 0x9f) return this.count(code & 0x0f, 1);
    if (code === 0xdc) return this.count(this.be(2), 1);
    if (code === 0xdd) return this.count(this.be(4), 1);
    if (code !== 0xc0) this.fail("msgpack-invalid");
    return -1;
  }

  /** Head of a map: how many pairs follow. −1 for nil (and for a failure). */
  map(): number {
    const code = this.code();
    if (code >= 0x80 && code <= 0x8f) return this.count(code & 0x0f, 2);
    if (code === 0xde) return this.count(this.be(2), 2);
    if (code === 0xdf) return this.count(this.be(4), 2);
    if (code !== 0xc0) this.fail("msgpack-invalid");
    return -1;
  }

  /**
   * A structure: a map by field names, or an array in declaration order, or nil. Calls `visit` with the index into
   * `fields` for each value that is there; it must read exactly that value. Unknown keys and surplus values are skipped,
   * and the last of a repeated key wins. Missing fields are not visited.
   */
  struct(fields: readonly string[], visit: (field: number) => void): void {
    const code = this.offset < this.end ? this.bytes[this.offset]! : 0;
    if ((code >= 0x90 && code <= 0x9f) || code === 0xdc || code === 0xdd) {
      const count = this.array();
      for (let i = 0; i < count && this.failure === undefined; i++) {
        if (i < fields.length) visit(i);
        else this.skip();
      }
      return;
    }
    const count = this.map();
    for (let i = 0; i < count && this.failure === undefined; i++) {
      const field = this.key(fields);
      if (field >= 0) visit(field);
      else this.skip();
    }
  }

  /** A key out of `fields` (ASCII): its index, or −1 for any other text. Nil counts as the empty text. */
  key(fields: readonly string[]): number {
    const length = this.blob();
    if (length < 0) return -1;
    const start = this.offset;
    this.offset += length;
    for (let i = 0; i < fields.length; i++) {
      const name = fields[i]!;
      if (name.length === length && asciiEquals(name, this.bytes, start)) return i;
    }
    return -1;
  }

  /** Passes over one value of any kind, without recursion. */
  skip(): void {
    // Values still to pass at each level.
    const open: number[] = [1];
    while (open.length > 0 && this.failure === undefined) {
      const level = open.length - 1;
      if (open[level] === 0) {
        open.pop();
        continue;
      }
      open[level]!--;
      const inner = this.skipToken();
      if (inner === 0) continue;
      if (open.length > maxMsgpackDepth) this.fail("msgpack-too-deep");
      else open.push(inner);
    }
  }

  /** Any value, copied out of the input. Bounded in depth and number; undefined when it fails. */
  value(limits: ValueLimits = {}): MsgpackValue | undefined {
    return readValue(this, limits);
  }

  /** Passes one head with its own bytes; returns how many values inside it are still to pass. */
  private skipToken(): number {
    const code = this.code();
    if (this.failure !== undefined || code <= 0x7f || code >= 0xe0) return 0;
    if (code <= 0x8f) return this.count(code & 0x0f, 2) * 2;
    if (code <= 0x9f) return this.count(code & 0x0f, 1);
    if (code <= 0xbf) return this.pass(code & 0x1f);
    switch (code) {
      case 0xc0:
      case 0xc2:
      case 0xc3:
        return 0;
      case 0xc4:
      case 0xd9:
        return this.pass(this.be(1));
      case 0xc5:
      case 0xda:
        return this.pass(this.be(2));
      case 0xc6:
      case 0xdb:
        return this.pass(this.be(4));
      case 0xc7:
        return this.pass(this.be(1) + 1);
      case 0xc8:
        return this.pass(this.be(2) + 1);
      case 0xc9:
        return this.pass(this.be(4) + 1);
      case 0xcc:
      case 0xd0:
        return this.pass(1);
      case 0xcd:
      case 0xd1:
        return this.pass(2);
      case 0xca:
      case 0xce:
      case 0xd2:
        return this.pass(4);
      case 0xcb:
      case 0xcf:
      case 0xd3:
        return this.pass(8);
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.pass(1 + (1 << (code - 0xd4)));
      case 0xdc:
        return this.count(this.be(2), 1);
      case 0xdd:
        return this.count(this.be(4), 1);
      case 0xde:
        return this.count(this.be(2), 2) * 2;
      case 0xdf:
        return this.count(this.be(4), 2) * 2;
      default:
        this.fail("msgpack-invalid");
        return 0;
    }
  }

  /** Moves over `count` bytes; always 0. */
  private pass(count: number): 0 {
    if (this.failure !== undefined) return 0;
    if (this.end - this.offset < count) this.fail("msgpack-truncated");
    else this.offset += count;
    return 0;
  }

  /** A count from a head, checked against the bytes there are: each item takes at least `least` of them. */
  private count(count: number, least: number): number {
    if (this.failure !== undefined) return 0;
    if (count * least <= this.end - this.offset) return count;
    this.fail("msgpack-truncated");
    return 0;
  }

  /** The next byte; 0xc1, which starts nothing, at the end. */
  private code(): number {
    if (this.offset < this.end) return this.bytes[this.offset++]!;
    this.fail("msgpack-truncated");
    return 0xc1;
  }

  /** Big-endian unsigned integer of 1, 2 or 4 bytes. */
  private be(width: 1 | 2 | 4): number {
    const { bytes, offset } = this;
    if (this.end - offset < width) {
      this.fail("msgpack-truncated");
      return 0;
    }
    this.offset += width;
    if (width === 1) return bytes[offset]!;
    if (width === 2) return (bytes[offset]! << 8) | bytes[offset + 1]!;
    return ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>> 0;
  }

  /**
   * An integer of any form; nil is 0. Wide: always a bigint. Else a number while it is a safe integer, a bigint beyond.
   */
  integer(wide: true): bigint;
  integer(wide: false): number | bigint;
  integer(wide: boolean): number | bigint {
    const code = this.code();
    let value: number;
    if (code <= 0x7f) value = code;
    else if (code >= 0xe0) value = code - 0x100;
    else {
      switch (code) {
        case 0xc0:
          value = 0;
          break;
        case 0xcc:
          value = this.be(1);
          break;
        case 0xcd:
          value = this.be(2);
          break;
        case 0xce:
          value = this.be(4);
          break;
        case 0xd0:
          value = (this.be(1) << 24) >> 24;
          break;
        case 0xd1:
          value = (this.be(2) << 16) >> 16;
          break;
        case 0xd2:
          value = this.be(4) | 0;
          break;
        case 0xcf:
        case 0xd3: {
          let high = this.be(4);
          const low = this.be(4);
          if (code === 0xd3) high |= 0;
          value = high * 0x1_0000_0000 + low;
          if (!Number.isSafeInteger(value)) return (BigInt(high) << 32n) | BigInt(low);
          break;
        }
        default:
          this.fail("msgpack-invalid");
          value = 0;
      }
    }
    return wide ? BigInt(value) : value;
  }

  /** Reads the head of text or bytes and checks that they are there: their length, −1 for nil or a failure. */
  private blob(): number {
    const code = this.code();
    let length: number;
    if (code >= 0xa0 && code <= 0xbf) length = code & 0x1f;
    else {
      switch (code) {
        case 0xc0:
          return -1;
        case 0xc4:
        case 0xd9:
          length = this.be(1);
          break;
        case 0xc5:
        case 0xda:
          length = this.be(2);
          break;
        case 0xc6:
        case 0xdb:
          length = this.be(4);
          break;
        default:
          this.fail("msgpack-invalid");
          return -1;
      }
    }
    if (this.failure !== undefined) return -1;
    if (this.end - this.offset >= length) return length;
    this.fail("msgpack-truncated");
    return -1;
  }

  private byteArray(): Uint8Array | null {
    const count = this.array();
    if (count < 0) return null;
    const bytes = new Uint8Array(count);
    for (let i = 0; i < count && this.failure === undefined; i++) bytes[i] = this.uint(0xff);
    return this.failure === undefined ? bytes : null;
  }
}

function asciiEquals(name: string, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name.charCodeAt(i)) return false;
  return true;
}

/** Kinds of the codes 0xc0 … 0xdf. */
const kinds: readonly MsgpackKind[] = [
  "nil",
  "none",
  "bool",
  "bool",
  "bytes",
  "bytes",
  "bytes",
  "extension",
  "extension",
  "extension",
  "float",
  "float",
  "int",
  "int",
  "int",
  "int",
  "int",
  "int",
  "int",
  "int",
  "extension",
  "extension",
  "extension",
  "extension",
  "extension",
  "text",
  "text",
  "text",
  "array",
  "array",
  "map",
  "map",
];
