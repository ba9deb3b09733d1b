/**
 * Turns the bytes of member names into strings without building the same string again and again: in a cluster the same
 * few names arrive in packet after packet. Direct-mapped: a name has one slot and takes it from whoever was there. It
 * starts small and doubles while names keep pushing each other out, up to its bound, so that many codecs in one process
 * stay cheap and a hostile flood of names costs no memory.
 */

import { readUtf8 } from "./utf8.ts";

const firstSlots = 64;
/** Longer names are built every time. */
const slotBytes = 96;

export class NameCache {
  private names: string[] = [];
  private lengths = new Uint8Array(0);
  /** The names' bytes, each in its slot: comparing them is cheaper than comparing with the string. */
  private bytes = new Uint8Array(0);
  /** The same bytes, to be compared by words. */
  private view = new DataView(this.bytes.buffer);
  private mask = 0;
  private evictions = 0;
  private readonly maxSlots: number;

  /** @param maxSlots power of two; names remembered at most. */
  constructor(maxSlots: number) {
    this.maxSlots = maxSlots;
    this.resize(Math.min(firstSlots, maxSlots));
  }

  /** The text of `bytes[start..end)`, or undefined when it is not UTF-8. */
  get(bytes: Uint8Array, start: number, end: number): string | undefined {
    const length = end - start;
    if (length === 0) return "";
    if (length > slotBytes) return readUtf8(bytes, start, end);
    const slot = hash(bytes, start, end) & this.mask;
    if (this.lengths[slot] === length && this.holds(slot * slotBytes, bytes, start, length)) return this.names[slot];
    return this.put(slot, bytes, start, end);
  }

  /** The same for a caller that has a view of all of `bytes`: four bytes at a time. */
  getByWords(view: DataView, bytes: Uint8Array, start: number, end: number): string | undefined {
    const length = end - start;
    if (length === 0) return "";
    if (length > slotBytes) return readUtf8(bytes, start, end);
    const slot = hashByWords(view, start, end) & this.mask;
    if (this.lengths[slot] === length && this.holdsWords(slot * slotBytes, view, start, length))
      return this.names[slot];
    return this.put(slot, bytes, start, end);
  }

  private holdsWords(at: number, view: DataView, start: number, length: number): boolean {
    const own = this.view;
    let i = 0;
    for (; i + 4 <= length; i += 4) if (own.getInt32(at + i, true) !== view.getInt32(start + i, true)) return false;
    for (; i < length; i++) if (own.getUint8(at + i) !== view.getUint8(start + i)) return false;
    return true;
  }

  private holds(at: number, bytes: Uint8Array, start: number, length: number): boolean {
    const own = this.bytes;
    for (let i = 0; i < length; i++) if (own[at + i] !== bytes[start + i]) return false;
    return true;
  }

  private put(slot: number, bytes: Uint8Array, start: number, end: number): string | undefined {
    const text = readUtf8(bytes, start, end);
    if (text === undefined) return undefined;
    if (this.lengths[slot] !== 0 && ++this.evictions > this.lengths.length && this.lengths.length < this.maxSlots) {
      // Filled again by use.
      this.resize(this.lengths.length * 2);
      return text;
    }
    const at = slot * slotBytes;
    for (let i = start; i < end; i++) this.bytes[at + i - start] = bytes[i]!;
    this.lengths[slot] = end - start;
    this.names[slot] = text;
    return text;
  }

  private resize(slots: number): void {
    this.names = new Array<string>(slots).fill("");
    this.lengths = new Uint8Array(slots);
    this.bytes = new Uint8Array(slots * slotBytes);
    this.view = new DataView(this.bytes.buffer);
    this.mask = slots - 1;
    this.evictions = 0;
  }
}

/** Over all bytes, four at a time, folded: names often differ in a few characters at either end. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  let value = 0x811c9dc5 ^ (end - start);
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    value = Math.imul(value ^ word, 0x9e3779b1);
    value ^= value >>> 15;
  }
  for (; at < end; at++) value = Math.imul(value ^ bytes[at]!, 0x01000193);
  return value ^ (value >>> 13);
}

/** The same value. */
function hashByWords(view: DataView, start: number, end: number): number {
  let value = 0x811c9dc5 ^ (end - start);
  let at = start;
  for (; at + 4 <= end; at += 4) {
    value = Math.imul(value ^ view.getInt32(at, true), 0x9e3779b1);
    value ^= value >>> 15;
  }
  for (; at < end; at++) value = Math.imul(value ^ view.getUint8(at), 0x01000193);
  return value ^ (value >>> 13);
}
