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
 * Kept as columns in that order, sorted by a rank that holds all of it but the age. A packet takes from the front, and
 * what it took is merged back in one pass: in a large pool under load that is what a machine does most.
 */
export interface Broadcast {
  /** The whole message, type byte first; owned by the queue. */
  readonly bytes: Uint8Array;
  /** Replaces a waiting broadcast of the same key; null replaces nothing. */
  readonly key: string | null;
  /** The caller's number for `onFinished`; 0 when nobody asks. */
  readonly id: number;
}

/** A rank: class, then transmissions, then what the length lacks of the longest: 2, 12 and 17 bits. */
const lengthBits = 17;
const longest = (1 << lengthBits) - 1;
const oneTransmit = 1 << lengthBits;
const transmitBits = 12;
const mostTransmits = (1 << transmitBits) - 1;

/** What one packet has taken and will be sent again: used within `take` only. */
const again = {
  ranks: [] as number[],
  serials: [] as number[],
  messages: [] as Uint8Array[],
  keys: [] as (string | null)[],
};
/** Where it stood. */
const takenFrom: number[] = [];

export class BroadcastQueue {
  readonly #ranks: number[] = [];
  /** Age: the newest has the highest. */
  readonly #serials: number[] = [];
  readonly #messages: Uint8Array[] = [];
  readonly #keys: (string | null)[] = [];
  /** The waiting message of each key. */
  readonly #byKey = new Map<string, Uint8Array>();
  /** The numbers of those messages that have one. */
  readonly #ids = new Map<Uint8Array, number>();
  readonly #classes: number;
  readonly #onFinished: (broadcast: Broadcast) => void;
  #serial = 0;
  #bytes = 0;
  /** No waiting message is shorter. */
  #shortest = longest;

  /** @param onFinished called when a broadcast has been sent often enough, was replaced or was pruned. */
  constructor(classes: number, onFinished: (broadcast: Broadcast) => void) {
    this.#classes = classes;
    this.#onFinished = onFinished;
  }

  get length(): number {
    return this.#ranks.length;
  }

  /** Bytes of all waiting messages, framing not counted. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Queues `bytes`, which the queue keeps. */
  queue(bytes: Uint8Array, key: string | null, urgency: number, id = 0): void {
    if (urgency >= this.#classes) throw new RangeError(`class ${urgency} of ${this.#classes}`);
    const { length } = bytes;
    const waiting = key === null ? undefined : this.#byKey.get(key);
    let gap = this.#ranks.length;
    if (waiting === undefined) {
      if (gap === 0) {
        this.#serial = 0;
        this.#shortest = longest;
      }
      this.#ranks.push(0);
      this.#serials.push(0);
      this.#messages.push(bytes);
      this.#keys.push(key);
    } else {
      gap = this.#messages.indexOf(waiting);
      this.#bytes -= waiting.length;
    }
    if (length < this.#shortest) this.#shortest = length;
    this.#bytes += length;
    const rank = (urgency << (lengthBits + transmitBits)) | (longest - Math.min(length, longest));
    const at = this.#moveGap(gap, rank);
    this.#ranks[at] = rank;
    this.#serials[at] = ++this.#serial;
    this.#messages[at] = bytes;
    this.#keys[at] = key;
    if (key !== null) this.#byKey.set(key, bytes);
    if (waiting !== undefined) this.#finish(waiting, key);
    if (id !== 0) this.#ids.set(bytes, id);
  }

  /** Drops the waiting broadcast with this key; it counts as finished. */
  remove(key: string): void {
    const waiting = this.#byKey.get(key);
    if (waiting !== undefined) this.#removeAt(this.#messages.indexOf(waiting));
  }

  /**
   * Appends to `out` what fits into `limit` bytes at `overhead` bytes each, at most `maxParts`, counting one transmission
   * for each; those that reach `transmitLimit` are finished. One message is taken at most once.
   * @returns the bytes used, overheads included.
   */
  take(out: Uint8Array[], overhead: number, limit: number, maxParts: number, transmitLimit: number): number {
    const ranks = this.#ranks;
    const messages = this.#messages;
    const { length } = ranks;
    const shortest = this.#shortest;
    let room = limit - overhead;
    let count = 0;
    for (let i = 0; i < length && room > 0 && room >= shortest && count < maxParts; i++) {
      const bytes = longest - (ranks[i]! & longest);
      if (bytes > room) continue;
      out.push(messages[i]!);
      takenFrom[count++] = i;
      room -= bytes + overhead;
    }
    if (count > 0) this.#putBack(count, Math.min(transmitLimit, mostTransmits));
    return limit - overhead - room;
  }

  /** Drops from the end of the send order until `retain` are left. */
  prune(retain: number): void {
    while (this.#ranks.length > retain) this.#removeAt(this.#ranks.length - 1);
  }

  /** Everything waiting, in send order. For tests and `inspect`. */
  list(): Broadcast[] {
    return this.#messages.map((bytes, i) => ({ bytes, key: this.#keys[i]!, id: this.#ids.get(bytes) ?? 0 }));
  }

  /**
   * Merges what was taken, one transmission older, with the rest. What comes back stands behind its old place, so the
   * pass never writes over what it has yet to read.
   */
  #putBack(count: number, transmitLimit: number): void {
    const ranks = this.#ranks;
    const serials = this.#serials;
    const messages = this.#messages;
    const keys = this.#keys;
    const { length } = ranks;
    let back = 0;
    for (let i = 0; i < count; i++) {
      const from = takenFrom[i]!;
      const rank = ranks[from]! + oneTransmit;
      if (((rank >>> lengthBits) & mostTransmits) >= transmitLimit) continue;
      again.ranks[back] = rank;
      again.serials[back] = serials[from]!;
      again.messages[back] = messages[from]!;
      again.keys[back] = keys[from]!;
      back++;
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
      } else if (merged < back && (read === length || this.#isBefore(merged, read))) {
        ranks[write] = again.ranks[merged]!;
        serials[write] = again.serials[merged]!;
        messages[write] = again.messages[merged]!;
        keys[write++] = again.keys[merged++]!;
      } else {
        ranks[write] = ranks[read]!;
        serials[write] = serials[read]!;
        messages[write] = messages[read]!;
        keys[write++] = keys[read++]!;
      }
    }
    if (write < read) this.#closeGap(write, read);
  }

  /** Whether one that goes back stands before the one at a place. */
  #isBefore(merged: number, at: number): boolean {
    const rank = again.ranks[merged]!;
    const other = this.#ranks[at]!;
    return rank < other || (rank === other && again.serials[merged]! > this.#serials[at]!);
  }

  #finishTaken(count: number, transmitLimit: number): void {
    for (let i = 0; i < count; i++) {
      const from = takenFrom[i]!;
      const rank = this.#ranks[from]! + oneTransmit;
      if (((rank >>> lengthBits) & mostTransmits) < transmitLimit) continue;
      const bytes = this.#messages[from]!;
      const key = this.#keys[from]!;
      this.#bytes -= bytes.length;
      if (key !== null) this.#byKey.delete(key);
      this.#finish(bytes, key);
    }
  }

  /** Moves an unused place to where a new message of this rank stands: the first of its like. */
  #moveGap(gap: number, rank: number): number {
    const ranks = this.#ranks;
    const serials = this.#serials;
    const messages = this.#messages;
    const keys = this.#keys;
    let at = gap;
    while (at > 0 && ranks[at - 1]! >= rank) {
      ranks[at] = ranks[at - 1]!;
      serials[at] = serials[at - 1]!;
      messages[at] = messages[at - 1]!;
      keys[at] = keys[at - 1]!;
      at--;
    }
    if (at < gap) return at;
    while (at + 1 < ranks.length && ranks[at + 1]! < rank) {
      ranks[at] = ranks[at + 1]!;
      serials[at] = serials[at + 1]!;
      messages[at] = messages[at + 1]!;
      keys[at] = keys[at + 1]!;
      at++;
    }
    return at;
  }

  #removeAt(at: number): void {
    const bytes = this.#messages[at]!;
    const key = this.#keys[at]!;
    this.#closeGap(at, at + 1);
    this.#bytes -= bytes.length;
    if (key !== null) this.#byKey.delete(key);
    this.#finish(bytes, key);
  }

  /** Everything from `from` on moves up to `to`. */
  #closeGap(to: number, from: number): void {
    const length = this.#ranks.length - (from - to);
    if (length > to) {
      this.#ranks.copyWithin(to, from);
      this.#serials.copyWithin(to, from);
      this.#messages.copyWithin(to, from);
      this.#keys.copyWithin(to, from);
    }
    this.#ranks.length = length;
    this.#serials.length = length;
    this.#messages.length = length;
    this.#keys.length = length;
  }

  #finish(bytes: Uint8Array, key: string | null): void {
    let id = 0;
    if (this.#ids.size > 0) {
      id = this.#ids.get(bytes) ?? 0;
      if (id !== 0) this.#ids.delete(bytes);
    }
    this.#onFinished({ bytes, key, id });
  }
}
