/**
 * Where messages are written: bytes, a view of the same bytes that takes four of them at a time, and the texts that were
 * written before. Constants and known texts go in whole words, so up to `overrun` bytes behind what is written are
 * overwritten with anything: the caller has room for them, and the next field covers them.
 */

import type { Constant } from "./constant.ts";
import type { TextCache } from "./text-cache.ts";
import { utf8Length, writeUtf8 } from "./utf8.ts";

/** Bytes that may be spoilt behind the end of what was written. */
export const overrun = 3;

export class Pen {
  readonly bytes: Uint8Array;
  readonly memory: ArrayBufferLike;
  readonly view: DataView;
  readonly texts: TextCache;

  constructor(bytes: Uint8Array, texts: TextCache) {
    this.bytes = bytes;
    this.memory = bytes.buffer;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.texts = texts;
  }
}

// Each writes at `offset` and returns the offset behind it.

export function put(constant: Constant, pen: Pen, offset: number): number {
  const { words } = constant;
  const { view } = pen;
  for (let i = 0; i < words.length; i++) view.setInt32(offset + 4 * i, words[i]!, true);
  return offset + constant.length;
}

export function putText(text: string, pen: Pen, offset: number): number {
  const { texts, view } = pen;
  const place = texts.find(text);
  if (place === undefined) return putNewText(text, pen, offset);
  const { words } = texts;
  const end = offset + words[place]!;
  for (let at = offset, i = place + 1; at < end; at += 4) view.setInt32(at, words[i++]!, true);
  return end;
}

function putNewText(text: string, pen: Pen, offset: number): number {
  const { bytes } = pen;
  const length = text.length;
  let end = offset + 1 + length;
  // Written as if it were short and ASCII, and once more if it was not.
  let units = length > 31 ? 0x80 : 0;
  for (let i = 0; i < length && units < 0x80; i++) {
    const unit = text.charCodeAt(i);
    units |= unit;
    bytes[offset + 1 + i] = unit;
  }
  if (units < 0x80) bytes[offset] = 0xa0 | length;
  else end = writeUtf8(text, bytes, putBlobHead(utf8Length(text), bytes, offset));
  pen.texts.keep(text, bytes, offset, end);
  return end;
}

/** Bytes in raw form, or nil. */
export function putBlob(blob: Uint8Array | null, pen: Pen, offset: number): number {
  const { bytes } = pen;
  if (blob === null) {
    bytes[offset] = 0xc0;
    return offset + 1;
  }
  return putBytes(blob, bytes, putBlobHead(blob.length, bytes, offset));
}

/** The head of text or bytes. */
export function putBlobHead(length: number, target: Uint8Array, offset: number): number {
  if (length <= 31) {
    target[offset] = 0xa0 | length;
    return offset + 1;
  }
  if (length <= 0xffff) {
    target[offset] = 0xda;
    target[offset + 1] = length >>> 8;
    target[offset + 2] = length;
    return offset + 3;
  }
  target[offset] = 0xdb;
  target[offset + 1] = length >>> 24;
  target[offset + 2] = length >>> 16;
  target[offset + 3] = length >>> 8;
  target[offset + 4] = length;
  return offset + 5;
}

/** The bytes themselves. */
export function putBytes(bytes: Uint8Array, target: Uint8Array, offset: number): number {
  const length = bytes.length;
  // The call into the engine pays from about here on.
  if (length > 32) target.set(bytes, offset);
  else for (let i = 0; i < length; i++) target[offset + i] = bytes[i]!;
  return offset + length;
}

/** A u32 in its shortest form. */
export function putUint(value: number, target: Uint8Array, offset: number): number {
  if (value <= 0x7f) {
    target[offset] = value;
    return offset + 1;
  }
  if (value <= 0xff) {
    target[offset] = 0xcc;
    target[offset + 1] = value;
    return offset + 2;
  }
  if (value <= 0xffff) {
    target[offset] = 0xcd;
    target[offset + 1] = value >>> 8;
    target[offset + 2] = value;
    return offset + 3;
  }
  target[offset] = 0xce;
  target[offset + 1] = value >>> 24;
  target[offset + 2] = value >>> 16;
  target[offset + 3] = value >>> 8;
  target[offset + 4] = value;
  return offset + 5;
}
