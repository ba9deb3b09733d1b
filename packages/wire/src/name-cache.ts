/**
 * Turns the bytes of member names into strings without building the same string again and again: in a cluster the same
 * few names arrive in packet after packet. Direct-mapped: a name has one slot and takes it from whoever was there. It
 * starts small and doubles while names keep pushing each other out, up to its bound, so that many codecs in one process
 * stay cheap and a hostile flood of names costs no memory.
 */

import { readUtf8, utf8Equals } from "./utf8.ts";

const firstSlots = 64;

export class NameCache {
  private slots: (string | undefined)[];
  private mask: number;
  private evictions = 0;
  private readonly maxSlots: number;

  /** @param maxSlots power of two; names remembered at most. */
  constructor(maxSlots: number) {
    this.maxSlots = maxSlots;
    this.slots = new Array(Math.min(firstSlots, maxSlots)).fill(undefined);
    this.mask = this.slots.length - 1;
  }

  /** The text of `bytes[start..end)`, or undefined when it is not UTF-8. */
  get(bytes: Uint8Array, start: number, end: number): string | undefined {
    if (start === end) return "";
    const slot = hash(bytes, start, end) & this.mask;
    const known = this.slots[slot];
    if (known !== undefined && utf8Equals(known, bytes, start, end)) return known;
    const text = readUtf8(bytes, start, end);
    if (text === undefined) return undefined;
    this.slots[slot] = text;
    if (known !== undefined && ++this.evictions > this.slots.length) this.grow();
    return text;
  }

  private grow(): void {
    this.evictions = 0;
    if (this.slots.length >= this.maxSlots) return;
    // Refilled by use: rehashing would need the bytes again.
    this.slots = new Array(this.slots.length * 2).fill(undefined);
    this.mask = this.slots.length - 1;
  }
}

/** FNV-1a over all bytes, folded. Names often differ in a few characters at either end. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  let value = 0x811c9dc5;
  for (let i = start; i < end; i++) value = Math.imul(value ^ bytes[i]!, 0x01000193);
  return value ^ (value >>> 15);
}
