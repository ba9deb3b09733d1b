/**
 * Writes MessagePack in the two dialects the field uses. "old": text and bytes alike in the raw family (0xa0, 0xda,
 * 0xdb), as everything in gossip and push/pull is written; older peers refuse anything else. "new": str8 for text and
 * the bin family for bytes, as Serf's RPC is written.
 *
 * Field order is the caller's: Go sorts the keys of a structure by byte value, so write them in that order.
 * Sources: memberlist protocol notes, section 6; Serf protocol notes, section 2; the MessagePack specification.
 */

import { utf8Length, writeUtf8 } from "./utf8.ts";

export type Dialect = "old" | "new";

export interface WriterOptions {
  /** Default "old". */
  readonly dialect?: Dialect;
  /**
   * How `int` writes 128 and above: "unsigned" (0xcc …, like go-msgpack 0.5.x) or "signed" (0xd1 …, like its successors).
   * Readers of both kinds accept both. Default "unsigned".
   */
  readonly signedForm?: "unsigned" | "signed";
  /** First size of the buffer, bytes. It doubles when it is full. Default 256. */
  readonly initialBytes?: number;
}

/** What `value` can write. Records are written with their keys sorted by byte value, maps in their own order. */
export type MsgpackInput =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly MsgpackInput[]
  | ReadonlyMap<string | number, MsgpackInput>
  | { readonly [key: string]: MsgpackInput };

/** A growing buffer of MessagePack. Reusable: `reset()` and write again. Arguments out of range throw RangeError. */
export class Writer {
  private readonly old: boolean;
  private readonly signed: boolean;
  private bytesWritten = 0;
  private buffer: Uint8Array;
  private view: DataView | undefined;

  constructor(options: WriterOptions = {}) {
    this.old = (options.dialect ?? "old") === "old";
    this.signed = options.signedForm === "signed";
    this.buffer = new Uint8Array(options.initialBytes ?? 256);
  }

  /** Bytes written since the last reset. */
  get length(): number {
    return this.bytesWritten;
  }

  /** Forgets what was written; keeps the buffer. */
  reset(): void {
    this.bytesWritten = 0;
  }

  /** What was written, copied. */
  finish(): Uint8Array {
    return this.buffer.slice(0, this.bytesWritten);
  }

  /** What was written, lent: valid until the next call that writes or resets. */
  finishShared(): Uint8Array {
    return this.buffer.subarray(0, this.bytesWritten);
  }

  nil(): this {
    return this.byte(0xc0);
  }

  bool(value: boolean): this {
    return this.byte(value ? 0xc3 : 0xc2);
  }

  /** An unsigned field in the shortest form: 0 … 2⁶⁴−1. A number must be a safe integer, a bigint need not. */
  uint(value: number | bigint): this {
    if (typeof value === "bigint") return this.bigUint(value);
    if (value >= 0 && value <= 0xff && Number.isInteger(value)) {
      if (value > 0x7f) this.byte(0xcc);
      return this.byte(value);
    }
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not an unsigned integer: ${value}`);
    if (value <= 0xffff) return this.head16(0xcd, value);
    if (value <= 0xffffffff) return this.head32(0xce, value);
    return this.head64(0xcf, Math.floor(value / 0x1_0000_0000), value >>> 0);
  }

  /** A signed field in the shortest form: −2⁶³ … 2⁶³−1. See `signedForm` for positive values over 127. */
  int(value: number | bigint): this {
    if (typeof value === "bigint") return this.bigInt(value);
    if (!Number.isSafeInteger(value)) throw new RangeError(`not an integer: ${value}`);
    if (value >= 0) {
      if (!this.signed || value <= 0x7f) return this.uint(value);
      if (value <= 0x7fff) return this.head16(0xd1, value);
      if (value <= 0x7fffffff) return this.head32(0xd2, value);
    } else {
      if (value >= -32) return this.byte(value & 0xff);
      if (value >= -0x80) return this.byte(0xd0).byte(value & 0xff);
      if (value >= -0x8000) return this.head16(0xd1, value & 0xffff);
      if (value >= -0x8000_0000) return this.head32(0xd2, value >>> 0);
    }
    return this.head64(0xd3, Math.floor(value / 0x1_0000_0000) >>> 0, value >>> 0);
  }

  /** A float field: always the 8-byte form, also for whole numbers. */
  float(value: number): this {
    this.reserve(9);
    this.buffer[this.bytesWritten] = 0xcb;
    this.view ??= new DataView(this.buffer.buffer, this.buffer.byteOffset, this.buffer.byteLength);
    this.view.setFloat64(this.bytesWritten + 1, value);
    this.bytesWritten += 9;
    return this;
  }

  text(value: string): this {
    const length = utf8Length(value);
    if (length <= 31) this.byte(0xa0 | length);
    else if (!this.old && length <= 0xff) this.byte(0xd9).byte(length);
    else if (length <= 0xffff) this.head16(0xda, length);
    else this.head32(0xdb, length);
    this.reserve(length);
    this.bytesWritten = writeUtf8(value, this.buffer, this.bytesWritten);
    return this;
  }

  /** Bytes, or nil for null. */
  bytes(value: Uint8Array | null | undefined): this {
    if (value === null || value === undefined) return this.nil();
    const length = value.length;
    if (this.old) {
      if (length <= 31) this.byte(0xa0 | length);
      else if (length <= 0xffff) this.head16(0xda, length);
      else this.head32(0xdb, length);
    } else if (length <= 0xff) this.byte(0xc4).byte(length);
    else if (length <= 0xffff) this.head16(0xc5, length);
    else this.head32(0xc6, length);
    return this.raw(value);
  }

  /** Head of an array: `count` values follow. */
  array(count: number): this {
    if (count <= 15) return this.byte(0x90 | count);
    return count <= 0xffff ? this.head16(0xdc, count) : this.head32(0xdd, count);
  }

  /** Head of a map: `count` pairs of key and value follow. */
  map(count: number): this {
    if (count <= 15) return this.byte(0x80 | count);
    return count <= 0xffff ? this.head16(0xde, count) : this.head32(0xdf, count);
  }

  /** Bytes as they are: a type byte's neighbours, or a value that is already encoded. */
  raw(value: Uint8Array): this {
    this.reserve(value.length);
    this.buffer.set(value, this.bytesWritten);
    this.bytesWritten += value.length;
    return this;
  }

  /** One byte as it is. */
  byte(value: number): this {
    this.reserve(1);
    this.buffer[this.bytesWritten++] = value;
    return this;
  }

  /** Any plain value. Numbers that are safe integers go by `int`, others by `float`; undefined is nil. */
  value(input: MsgpackInput): this {
    if (input === null || input === undefined) return this.nil();
    switch (typeof input) {
      case "boolean":
        return this.bool(input);
      case "number":
        return Number.isSafeInteger(input) && !Object.is(input, -0) ? this.int(input) : this.float(input);
      case "bigint":
        return input >= 0n ? this.uint(input) : this.int(input);
      case "string":
        return this.text(input);
    }
    if (input instanceof Uint8Array) return this.bytes(input);
    if (isArray(input)) {
      this.array(input.length);
      for (const item of input) this.value(item);
      return this;
    }
    if (isMap(input)) {
      this.map(input.size);
      for (const [key, item] of input) {
        if (typeof key === "string") this.text(key);
        else this.int(key);
        this.value(item);
      }
      return this;
    }
    const keys = Object.keys(input).sort(compareUtf8);
    this.map(keys.length);
    for (const key of keys) this.text(key).value(input[key]);
    return this;
  }

  private bigUint(value: bigint): this {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) throw new RangeError(`not an unsigned 64-bit integer: ${value}`);
    if (value <= 0xffff_ffffn) return this.uint(Number(value));
    return this.head64(0xcf, Number(value >> 32n), Number(value & 0xffff_ffffn));
  }

  private bigInt(value: bigint): this {
    if (value < -0x8000_0000_0000_0000n || value > 0x7fff_ffff_ffff_ffffn)
      throw new RangeError(`not a signed 64-bit integer: ${value}`);
    const narrow = Number(value);
    if (Number.isSafeInteger(narrow)) return this.int(narrow);
    if (value >= 0n && !this.signed) return this.bigUint(value);
    const bits = BigInt.asUintN(64, value);
    return this.head64(0xd3, Number(bits >> 32n), Number(bits & 0xffff_ffffn));
  }

  private head16(code: number, value: number): this {
    this.reserve(3);
    this.buffer[this.bytesWritten++] = code;
    this.buffer[this.bytesWritten++] = value >> 8;
    this.buffer[this.bytesWritten++] = value;
    return this;
  }

  private head32(code: number, value: number): this {
    this.reserve(5);
    this.buffer[this.bytesWritten++] = code;
    this.put32(value);
    return this;
  }

  private head64(code: number, high: number, low: number): this {
    this.reserve(9);
    this.buffer[this.bytesWritten++] = code;
    this.put32(high);
    this.put32(low);
    return this;
  }

  private put32(value: number): void {
    this.buffer[this.bytesWritten++] = value >>> 24;
    this.buffer[this.bytesWritten++] = value >>> 16;
    this.buffer[this.bytesWritten++] = value >>> 8;
    this.buffer[this.bytesWritten++] = value;
  }

  private reserve(count: number): void {
    const needed = this.bytesWritten + count;
    if (needed <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.buffer.length * 2));
    grown.set(this.buffer.subarray(0, this.bytesWritten));
    this.buffer = grown;
    this.view = undefined;
  }
}

/** Byte order of the UTF-8 forms, which differs from the order of UTF-16 units above U+FFFF. */
function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above all others. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function isArray(input: MsgpackInput): input is readonly MsgpackInput[] {
  return Array.isArray(input);
}

function isMap(input: MsgpackInput): input is ReadonlyMap<string | number, MsgpackInput> {
  return input instanceof Map;
}
