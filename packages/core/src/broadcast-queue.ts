/**
 * Broadcasts waiting to ride on packets: each is sent a limited number of times, then forgotten. Not a reliable channel;
 * push/pull mends what this loses.
 *
 * Send order: class ascending (failure signals before leaves before joins), then fewest transmissions, then longest,
 * then newest. With a single class it is memberlist's order (reference 12.8). A broadcast with a key replaces the waiting
 * one with the same key: newer news about a member makes older news pointless.
 *
 *   class 0:  0 sent [long … short]  1 sent […]  2 sent …  class 1:  0 sent …
 *
 * Kept in that order, the front at the end of the array: what is new goes there, and what a packet takes and gives back
 * moves no further than it must. In a large pool under load this is what a machine does most, and the fewer bytes it has
 * to look at, the better. A broadcast that is replaced stays where it is, and is passed over as stale when met.
 */
import { noGist } from "./hearing.ts";
import { type Block, Memory, Rows } from "./memory.ts";
import type { NameTable } from "./names.ts";

export interface Broadcast {
  /** The whole message, type byte first; owned by the queue. */
  readonly bytes: Uint8Array;
  /** Replaces a waiting broadcast of the same key; `noKey` replaces nothing. */
  readonly key: number;
  /** The caller's number for `onFinished`; 0 when nobody asks. */
  readonly id: number;
}

export const noKey = -1;

/** A rank: class, then transmissions, then what the length lacks of the longest: 2, 12 and 17 bits. */
const lengthBits = 17;
const longest = (1 << lengthBits) - 1;
const oneTransmit = 1 << lengthBits;
const transmitBits = 12;
const mostTransmits = (1 << transmitBits) - 1;

/** Of each broadcast in order: its rank, its age (the newest has the highest number), its slot, its gist. */
const stride = 4;
/** Of each slot: the age of what waits there, or 0, and its key. All are looked at often, and so kept close. */
const slotStride = 2;
const lastSerial = 0x7fff_ffff;
/** Slots beyond which an emptied queue gives its memory back: what a flood has left behind. */
const usualSlots = 512;
/** From so many rows on, a place is searched for by halves. */
const stepsAtMost = 16;
/** In slots where nothing waits. */
const noBytes = new Uint8Array(0);

// What one packet has taken, what of it will be sent again, and the new order: used within `take` only.
let takenFrom: Int32Array = new Int32Array(128);
let again: Int32Array = new Int32Array(128 * stride);
let merged: Int32Array = new Int32Array(512 * stride);

export class BroadcastQueue {
  readonly #memory: Memory;
  readonly #names: NameTable | undefined;
  #order: Block | undefined;
  #rows: Int32Array = new Int32Array(0);
  #at = 0;
  /** Rows in the order, the stale included. */
  #entries = 0;
  #length = 0;
  readonly #slots: Rows;
  readonly #messages: Uint8Array[] = [];
  readonly #freeSlots: number[] = [];
  /** Where keys are not members. */
  #slotOfKey: Map<number, number> | undefined;
  /** The numbers of those messages that have one. */
  #ids: Map<Uint8Array, number> | undefined;
  readonly #onFinished: (broadcast: Broadcast) => void;
  #serial = 0;
  #bytes = 0;
  /** No waiting message is shorter. */
  #shortest = longest;

  /**
   * @param onFinished called when a broadcast has been sent often enough, was replaced or was pruned.
   * @param names keys are numbers of this table, which are not released while something waits under them; there is none
   * without a key. Then a broadcast's slot is its member's row.
   */
  constructor(onFinished: (broadcast: Broadcast) => void, names?: NameTable) {
    this.#onFinished = onFinished;
    this.#names = names;
    this.#memory = names?.memory ?? new Memory();
    this.#slots = new Rows(this.#memory, slotStride);
  }

  get length(): number {
    return this.#length;
  }

  /** Bytes of all waiting messages, framing not counted. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Queues `bytes`, which the queue keeps.
   * @param key u31 or `noKey`
   * @param urgency 0 … 3, 0 is the most urgent
   * @param gist see `hearing.ts`
   */
  queue(bytes: Uint8Array, key: number, urgency: number, id = 0, gist = noGist): void {
    const slot = this.#slotFor(key);
    const replaced = this.#slots.words[this.#slotAt(slot)] === 0 ? undefined : this.#messages[slot]!;
    if (replaced !== undefined) {
      this.#bytes -= replaced.length;
      this.#length--;
    }
    if (this.#length === 0) {
      this.#entries = 0;
      this.#serial = 0;
      this.#shortest = longest;
    } else if (this.#entries > 2 * this.#length + 32) this.#compact();
    if (this.#serial === lastSerial) this.#renumber();
    const { length } = bytes;
    if (length < this.#shortest) this.#shortest = length;
    this.#bytes += length;
    this.#length++;
    const serial = ++this.#serial;
    const { words } = this.#slots;
    const slotAt = this.#slotAt(slot);
    words[slotAt] = serial;
    words[slotAt + 1] = key;
    this.#messages[slot] = bytes;
    const rank = (urgency << (lengthBits + transmitBits)) | (longest - Math.min(length, longest));
    this.#insert(rank, serial, slot, gist);
    if (replaced !== undefined) this.#finish(replaced, key);
    if (id !== 0) {
      this.#ids ??= new Map();
      this.#ids.set(bytes, id);
    }
  }

  /** Whether a broadcast with this key waits. */
  has(key: number): boolean {
    const slot = this.#names === undefined ? (this.#slotOfKey?.get(key) ?? -1) : this.#names.rowOf(key);
    return slot >= 0 && slot < this.#slots.count && this.#slots.words[this.#slotAt(slot)] !== 0;
  }

  /**
   * Appends to `out` what fits into `limit` bytes at `overhead` bytes each, at most `maxParts`, counting one transmission
   * for each; those that reach `transmitLimit` are finished. One message is taken at most once.
   * @param gists gets the gist of each that has one
   * @returns the bytes used, overheads included.
   */
  take(
    out: Uint8Array[],
    overhead: number,
    limit: number,
    maxParts: number,
    transmitLimit: number,
    gists?: number[],
  ): number {
    const rows = this.#rows;
    const at = this.#at;
    const slots = this.#slots;
    let room = limit - overhead;
    let count = 0;
    for (let i = this.#entries - 1; i >= 0 && room > 0 && room >= this.#shortest && count < maxParts; i--) {
      const row = at + i * stride;
      const bytes = longest - (rows[row]! & longest);
      if (bytes > room) continue;
      const slot = rows[row + 2]!;
      if (slots.words[slots.at + slot * slotStride] !== rows[row + 1]) continue;
      out.push(this.#messages[slot]!);
      if (gists !== undefined) {
        const gist = rows[row + 3]!;
        if (gist !== noGist) gists.push(gist);
      }
      if (count === takenFrom.length) takenFrom = twice(takenFrom);
      takenFrom[count++] = i;
      room -= bytes + overhead;
    }
    if (count > 0) this.#putBack(count, Math.min(transmitLimit, mostTransmits));
    return limit - overhead - room;
  }

  /** Drops from the end of the send order until `retain` are left. */
  prune(retain: number): void {
    if (this.#length <= retain) return;
    let last = 0;
    for (; this.#length > retain; last++) {
      const row = this.#at + last * stride;
      if (!this.#isStale(row)) this.#finishAt(row);
    }
    this.#rows.copyWithin(this.#at, this.#at + last * stride, this.#at + this.#entries * stride);
    this.#entries -= last;
  }

  /** Everything waiting, in send order. For tests and `inspect`. */
  list(): Broadcast[] {
    const list: Broadcast[] = [];
    for (let i = this.#entries - 1; i >= 0; i--) {
      const row = this.#at + i * stride;
      if (this.#isStale(row)) continue;
      const slot = this.#rows[row + 2]!;
      const bytes = this.#messages[slot]!;
      list.push({ bytes, key: this.#slots.words[this.#slotAt(slot) + 1]!, id: this.#ids?.get(bytes) ?? 0 });
    }
    return list;
  }

  /** Merges what was taken, one transmission older, with those behind it, as far as they stand before any of it. */
  #putBack(count: number, transmitLimit: number): void {
    const rows = this.#rows;
    const at = this.#at;
    const { length } = takenFrom;
    if (again.length < length * stride) again = new Int32Array(length * stride);
    let back = 0;
    for (let i = 0; i < count; i++) {
      const row = at + takenFrom[i]! * stride;
      const rank = rows[row]! + oneTransmit;
      if (((rank >>> lengthBits) & mostTransmits) >= transmitLimit) {
        this.#finishAt(row);
        continue;
      }
      again[back] = rank;
      again[back + 1] = rows[row + 1]!;
      again[back + 2] = rows[row + 2]!;
      again[back + 3] = rows[row + 3]!;
      back += stride;
    }
    let skipped = 0;
    let next = 0;
    let written = 0;
    let read = this.#entries - 1;
    while (skipped < count || next < back) {
      const row = at + read * stride;
      if (skipped < count && takenFrom[skipped] === read) {
        skipped++;
        read--;
        continue;
      }
      if (written === merged.length) merged = twice(merged);
      if (next < back && (read < 0 || isBefore(again, next, rows, row))) {
        merged[written] = again[next]!;
        merged[written + 1] = again[next + 1]!;
        merged[written + 2] = again[next + 2]!;
        merged[written + 3] = again[next + 3]!;
        next += stride;
        written += stride;
      } else {
        read--;
        if (this.#isStale(row)) continue;
        merged[written] = rows[row]!;
        merged[written + 1] = rows[row + 1]!;
        merged[written + 2] = rows[row + 2]!;
        merged[written + 3] = rows[row + 3]!;
        written += stride;
      }
    }
    let write = at + (read + 1) * stride;
    for (let from = written - stride; from >= 0; from -= stride, write += stride) {
      rows[write] = merged[from]!;
      rows[write + 1] = merged[from + 1]!;
      rows[write + 2] = merged[from + 2]!;
      rows[write + 3] = merged[from + 3]!;
    }
    this.#entries = (write - at) / stride;
    if (this.#length === 0) this.#shrink();
  }

  /** What stood in this row was replaced or is finished. */
  #isStale(row: number): boolean {
    return this.#slots.words[this.#slotAt(this.#rows[row + 2]!)] !== this.#rows[row + 1];
  }

  /** The one in this row waits no longer; the row itself is stale, or the caller's to take away. */
  #finishAt(row: number): void {
    const slot = this.#rows[row + 2]!;
    const bytes = this.#messages[slot]!;
    const key = this.#slots.words[this.#slotAt(slot) + 1]!;
    this.#messages[slot] = noBytes;
    this.#slots.words[this.#slotAt(slot)] = 0;
    if (this.#names === undefined) {
      this.#freeSlots.push(slot);
      if (key !== noKey) this.#slotOfKey!.delete(key);
    }
    this.#bytes -= bytes.length;
    this.#length--;
    this.#finish(bytes, key);
  }

  /** Puts a row where it stands: behind those of lower rank, before those of its like, which are older. */
  #insert(rank: number, serial: number, slot: number, gist: number): void {
    if (this.#order === undefined || (this.#entries + 1) * stride > this.#order.size) this.#growOrder();
    const rows = this.#rows;
    const end = this.#at + this.#entries++ * stride;
    let row = end;
    for (let steps = 0; row > this.#at && rows[row - stride]! < rank; row -= stride) {
      if (++steps === stepsAtMost) {
        row = this.#search(rank, row);
        break;
      }
    }
    if (row < end) rows.copyWithin(row + stride, row, end);
    rows[row] = rank;
    rows[row + 1] = serial;
    rows[row + 2] = slot;
    rows[row + 3] = gist;
  }

  /** The first row, before `end`, from which on all have a lower rank. */
  #search(rank: number, end: number): number {
    let low = 0;
    let high = (end - this.#at) / stride;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#rows[this.#at + middle * stride]! < rank) high = middle;
      else low = middle + 1;
    }
    return this.#at + low * stride;
  }

  /** The slot of a key, or a free one. */
  #slotFor(key: number): number {
    let slot: number;
    if (this.#names !== undefined) {
      slot = this.#names.needRow(key);
    } else {
      const known = key === noKey ? undefined : this.#slotOfKey?.get(key);
      slot = known ?? this.#freeSlots.pop() ?? this.#messages.length;
      if (known === undefined && key !== noKey) {
        this.#slotOfKey ??= new Map();
        this.#slotOfKey.set(key, slot);
      }
    }
    this.#slots.reserve(slot, 0);
    while (this.#messages.length <= slot) this.#messages.push(noBytes);
    return slot;
  }

  #slotAt(slot: number): number {
    return this.#slots.at + slot * slotStride;
  }

  #growOrder(): void {
    const block = this.#memory.take(this.#order === undefined ? 16 * stride : 2 * this.#order.size);
    block.words.set(this.#rows.subarray(this.#at, this.#at + this.#entries * stride), block.start);
    if (this.#order !== undefined) this.#memory.give(this.#order);
    this.#order = block;
    this.#rows = block.words;
    this.#at = block.start;
  }

  /** Nothing waits: the usual memory is kept. */
  #shrink(): void {
    this.#entries = 0;
    if (this.#messages.length <= usualSlots && (this.#order?.size ?? 0) <= 2 * usualSlots * stride) return;
    if (this.#order !== undefined) this.#memory.give(this.#order);
    this.#order = undefined;
    this.#messages.length = 0;
    this.#freeSlots.length = 0;
  }

  /** Takes the stale rows out. */
  #compact(): void {
    const rows = this.#rows;
    const end = this.#at + this.#entries * stride;
    let write = this.#at;
    for (let row = this.#at; row < end; row += stride) {
      if (this.#isStale(row)) continue;
      rows[write] = rows[row]!;
      rows[write + 1] = rows[row + 1]!;
      rows[write + 2] = rows[row + 2]!;
      rows[write + 3] = rows[row + 3]!;
      write += stride;
    }
    this.#entries = (write - this.#at) / stride;
  }

  /** Only the order of ages matters, and no queue holds that many. */
  #renumber(): void {
    this.#compact();
    const rows = this.#rows;
    const places = Array.from({ length: this.#entries }, (_, i) => this.#at + i * stride + 1);
    places.sort((a, b) => rows[a]! - rows[b]!);
    for (const [i, place] of places.entries()) {
      rows[place] = i + 1;
      this.#slots.words[this.#slotAt(rows[place + 1]!)] = i + 1;
    }
    this.#serial = places.length;
  }

  #finish(bytes: Uint8Array, key: number): void {
    const id = this.#ids?.get(bytes) ?? 0;
    if (id !== 0) this.#ids!.delete(bytes);
    this.#onFinished({ bytes, key, id });
  }
}

/** Whether the broadcast at `i` of `a` stands before the one at `j` of `b`. */
function isBefore(a: Int32Array, i: number, b: Int32Array, j: number): boolean {
  const difference = a[i]! - b[j]!;
  return difference < 0 || (difference === 0 && a[i + 1]! > b[j + 1]!);
}

function twice(array: Int32Array): Int32Array {
  const larger = new Int32Array(2 * array.length);
  larger.set(array);
  return larger;
}
