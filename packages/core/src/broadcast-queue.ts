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
 * Kept in that order, sorted by a rank that holds all of it but the age. A packet takes from the front, and what it took
 * is merged back in one pass: in a large pool under load that is what a machine does most, and the fewer bytes it has to
 * look at, the better. What is cheap for some hundred is not for a hundred thousand, which one peer's list may bring:
 * from `indexFrom` on, places are found by an index and moved as a block.
 */
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

/** Of each broadcast: its rank, its age (the newest has the highest number), its key, where its message is kept. */
const stride = 4;
const lastSerial = 0x7fff_ffff;
const empty = new Int32Array(0);
/** In places of messages that wait no longer. */
const noBytes = new Uint8Array(0);

/** An index by key is kept from so many messages on, until there are as few as these again. */
const indexFrom = 512;
const indexUntil = 128;

/** What tells where the message of a key stands. */
interface Mark {
  rank: number;
  readonly serial: number;
}

// What one packet has taken, and what of it will be sent again: used within `take` only.
const takenFrom: number[] = [];
const again: number[] = [];

export class BroadcastQueue {
  #columns = empty;
  #length = 0;
  /** Messages stay where they are put while their rows move: long lists of objects are slow to shift. */
  readonly #messages: Uint8Array[] = [];
  readonly #freePlaces: number[] = [];
  /** The numbers of those messages that have one. */
  #ids: Map<Uint8Array, number> | undefined;
  readonly #onFinished: (broadcast: Broadcast) => void;
  #serial = 0;
  #bytes = 0;
  /** No waiting message is shorter. */
  #shortest = longest;
  #index: Map<number, Mark> | undefined;

  /** @param onFinished called when a broadcast has been sent often enough, was replaced or was pruned. */
  constructor(onFinished: (broadcast: Broadcast) => void) {
    this.#onFinished = onFinished;
  }

  get length(): number {
    return this.#length;
  }

  /** Bytes of all waiting messages, framing not counted. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Queues `bytes`, which the queue keeps. @param key u31 or `noKey` @param urgency 0 … 3, 0 is the most urgent */
  queue(bytes: Uint8Array, key: number, urgency: number, id = 0): void {
    const { length } = bytes;
    let gap = key === noKey ? -1 : this.#find(key);
    const replaced = gap < 0 ? undefined : this.#messageAt(gap);
    if (replaced === undefined) {
      gap = this.#length++;
      if (gap === 0) {
        this.#serial = 0;
        this.#shortest = longest;
        this.#index = undefined;
        // What a flood has left behind; the usual memory is kept.
        if (this.#messages.length > indexFrom) {
          this.#messages.length = 0;
          this.#freePlaces.length = 0;
        }
      }
      if (gap * stride === this.#columns.length) this.#grow();
    } else {
      this.#bytes -= replaced.length;
    }
    const place =
      replaced === undefined ? (this.#freePlaces.pop() ?? this.#messages.length) : this.#columns[gap * stride + 3]!;
    if (length < this.#shortest) this.#shortest = length;
    this.#bytes += length;
    if (this.#serial === lastSerial) this.#renumber();
    const rank = (urgency << (lengthBits + transmitBits)) | (longest - Math.min(length, longest));
    const at = this.#length < indexFrom ? this.#moveGap(gap, rank) : this.#moveBlock(gap, rank);
    const columns = this.#columns;
    columns[at * stride] = rank;
    columns[at * stride + 1] = ++this.#serial;
    columns[at * stride + 2] = key;
    columns[at * stride + 3] = place;
    this.#messages[place] = bytes;
    if (this.#index !== undefined) {
      if (key !== noKey) this.#index.set(key, { rank, serial: this.#serial });
    } else if (this.#length >= indexFrom) this.#makeIndex();
    if (replaced !== undefined) this.#finish(replaced, key);
    if (id !== 0) {
      this.#ids ??= new Map();
      this.#ids.set(bytes, id);
    }
  }

  /** Whether a broadcast with this key waits. */
  has(key: number): boolean {
    return this.#find(key) >= 0;
  }

  /**
   * Appends to `out` what fits into `limit` bytes at `overhead` bytes each, at most `maxParts`, counting one transmission
   * for each; those that reach `transmitLimit` are finished. One message is taken at most once.
   * @returns the bytes used, overheads included.
   */
  take(out: Uint8Array[], overhead: number, limit: number, maxParts: number, transmitLimit: number): number {
    const columns = this.#columns;
    const length = this.#length;
    let room = limit - overhead;
    let count = 0;
    for (let i = 0; i < length && room > 0 && room >= this.#shortest && count < maxParts; i++) {
      const bytes = longest - (columns[i * stride]! & longest);
      if (bytes > room) continue;
      out.push(this.#messageAt(i));
      takenFrom[count++] = i;
      room -= bytes + overhead;
    }
    if (count > 0) this.#putBack(count, Math.min(transmitLimit, mostTransmits));
    return limit - overhead - room;
  }

  /** Drops from the end of the send order until `retain` are left. */
  prune(retain: number): void {
    while (this.#length > retain) this.#finishAt(--this.#length);
  }

  /** Everything waiting, in send order. For tests and `inspect`. */
  list(): Broadcast[] {
    return Array.from({ length: this.#length }, (_, i) => {
      const bytes = this.#messageAt(i);
      return { bytes, key: this.#columns[i * stride + 2]!, id: this.#ids?.get(bytes) ?? 0 };
    });
  }

  /**
   * Merges what was taken, one transmission older, with the rest. What comes back stands behind its old place, so the
   * pass never writes over what it has yet to read.
   */
  #putBack(count: number, transmitLimit: number): void {
    const columns = this.#columns;
    const length = this.#length;
    let back = 0;
    for (let i = 0; i < count; i++) {
      const from = takenFrom[i]! * stride;
      const rank = columns[from]! + oneTransmit;
      if (((rank >>> lengthBits) & mostTransmits) >= transmitLimit) continue;
      again[back * stride] = rank;
      again[back * stride + 1] = columns[from + 1]!;
      again[back * stride + 2] = columns[from + 2]!;
      const mark = this.#index?.get(columns[from + 2]!);
      if (mark !== undefined) mark.rank = rank;
      again[back++ * stride + 3] = columns[from + 3]!;
    }
    if (back < count) this.#finishTaken(count, transmitLimit);
    let skipped = 0;
    let merged = 0;
    let read = takenFrom[0]!;
    let write = read;
    while (skipped < count || merged < back) {
      if (skipped < count && takenFrom[skipped] === read) {
        skipped++;
        read++;
      } else if (merged < back && (read === length || isBefore(again, merged * stride, columns, read * stride))) {
        columns[write * stride] = again[merged * stride]!;
        columns[write * stride + 1] = again[merged * stride + 1]!;
        columns[write * stride + 2] = again[merged * stride + 2]!;
        columns[write++ * stride + 3] = again[merged++ * stride + 3]!;
      } else {
        columns[write * stride] = columns[read * stride]!;
        columns[write * stride + 1] = columns[read * stride + 1]!;
        columns[write * stride + 2] = columns[read * stride + 2]!;
        columns[write++ * stride + 3] = columns[read++ * stride + 3]!;
      }
    }
    if (write === read) return;
    if (read < length) columns.copyWithin(write * stride, read * stride, length * stride);
    this.#length -= read - write;
    if (this.#length <= indexUntil) this.#index = undefined;
  }

  #finishTaken(count: number, transmitLimit: number): void {
    for (let i = 0; i < count; i++) {
      const from = takenFrom[i]!;
      const rank = this.#columns[from * stride]! + oneTransmit;
      if (((rank >>> lengthBits) & mostTransmits) >= transmitLimit) this.#finishAt(from);
    }
  }

  #messageAt(at: number): Uint8Array {
    return this.#messages[this.#columns[at * stride + 3]!]!;
  }

  /** The one in this row waits no longer; the row itself is the caller's to take away. */
  #finishAt(at: number): void {
    const bytes = this.#messageAt(at);
    const key = this.#columns[at * stride + 2]!;
    const place = this.#columns[at * stride + 3]!;
    this.#messages[place] = noBytes;
    this.#freePlaces.push(place);
    this.#bytes -= bytes.length;
    this.#index?.delete(key);
    this.#finish(bytes, key);
  }

  #find(key: number): number {
    const columns = this.#columns;
    if (this.#index !== undefined) {
      const mark = this.#index.get(key);
      return mark === undefined ? -1 : this.#placeOf(mark.rank, mark.serial, this.#length);
    }
    const end = this.#length * stride;
    for (let i = 2; i < end; i += stride) if (columns[i] === key) return (i - 2) / stride;
    return -1;
  }

  /** Moves an unused place to where a new message of this rank stands: the first of its like. */
  #moveGap(gap: number, rank: number): number {
    const columns = this.#columns;
    let at = gap;
    while (at > 0 && columns[(at - 1) * stride]! >= rank) this.#move(at - 1, at--);
    if (at < gap) return at;
    while (at + 1 < this.#length && columns[(at + 1) * stride]! < rank) this.#move(at + 1, at++);
    return at;
  }

  /** The same for many, in a block. */
  #moveBlock(gap: number, rank: number): number {
    const columns = this.#columns;
    // A gap at the end is left out of the search: it may be new and hold nothing yet. Any other still stands in order.
    let at = this.#placeOf(rank, lastSerial, gap === this.#length - 1 ? gap : this.#length);
    if (at > gap) at--;
    if (at < gap) columns.copyWithin((at + 1) * stride, at * stride, gap * stride);
    else columns.copyWithin(gap * stride, (gap + 1) * stride, (at + 1) * stride);
    return at;
  }

  /** The first place, of the first `length`, whose message does not stand before one of this rank and age. */
  #placeOf(rank: number, serial: number, length: number): number {
    const columns = this.#columns;
    let low = 0;
    let high = length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = columns[middle * stride]!;
      if (other < rank || (other === rank && columns[middle * stride + 1]! > serial)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #makeIndex(): void {
    const columns = this.#columns;
    this.#index = new Map();
    for (let at = 0; at < this.#length * stride; at += stride) {
      const key = columns[at + 2]!;
      if (key !== noKey) this.#index.set(key, { rank: columns[at]!, serial: columns[at + 1]! });
    }
  }

  #move(from: number, to: number): void {
    const columns = this.#columns;
    columns[to * stride] = columns[from * stride]!;
    columns[to * stride + 1] = columns[from * stride + 1]!;
    columns[to * stride + 2] = columns[from * stride + 2]!;
    columns[to * stride + 3] = columns[from * stride + 3]!;
  }

  #grow(): void {
    const columns = new Int32Array(Math.max(8 * stride, 2 * this.#columns.length));
    columns.set(this.#columns);
    this.#columns = columns;
  }

  /** Only the order of ages matters, and no queue holds that many. */
  #renumber(): void {
    const columns = this.#columns;
    const places = Array.from({ length: this.#length }, (_, i) => i * stride + 1);
    places.sort((a, b) => columns[a]! - columns[b]!);
    for (const [i, place] of places.entries()) columns[place] = i + 1;
    this.#serial = places.length;
    // Made anew once the message that is being queued has its place.
    this.#index = undefined;
  }

  #finish(bytes: Uint8Array, key: number): void {
    const id = this.#ids?.get(bytes) ?? 0;
    if (id !== 0) this.#ids!.delete(bytes);
    this.#onFinished({ bytes, key, id });
  }
}

/** Whether the broadcast at place `i` of `a` stands before the one at place `j` of `b`. */
function isBefore(a: readonly number[], i: number, b: Int32Array, j: number): boolean {
  const difference = a[i]! - b[j]!;
  return difference < 0 || (difference === 0 && a[i + 1]! > b[j + 1]!);
}
