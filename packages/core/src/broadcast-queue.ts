/**
 * Broadcasts waiting to ride on packets: each is sent a limited number of times, then forgotten. Not a reliable channel;
 * push/pull mends what this loses.
 *
 * Send order: class ascending (failure signals before leaves before joins), then fewest transmissions, then longest,
 * then newest. With a single class it is memberlist's order (reference 12.8). A broadcast with a key replaces the waiting
 * one with the same key: newer news about a member makes older news pointless.
 *
 *   class 0:  tier 0 [long … short]  tier 1 […]  tier 2 …
 *   class 1:  tier 0 …
 */
export interface Broadcast {
  /** The whole message, type byte first; owned by the queue. */
  readonly bytes: Uint8Array;
  /** Replaces a waiting broadcast of the same key; null replaces nothing. */
  readonly key: string | null;
  /** 0 is the most urgent. */
  readonly class: number;
  /** The caller's number for `onFinished`; 0 when nobody asks. */
  readonly id: number;
  transmits: number;
  serial: number;
}

export class BroadcastQueue {
  readonly #classes: Broadcast[][][] = [];
  readonly #byKey = new Map<string, Broadcast>();
  readonly #taken: Broadcast[] = [];
  readonly #onFinished: (broadcast: Broadcast) => void;
  #serial = 0;
  #length = 0;
  #bytes = 0;

  /** @param onFinished called when a broadcast has been sent often enough, was replaced or was pruned. */
  constructor(classes: number, onFinished: (broadcast: Broadcast) => void) {
    for (let i = 0; i < classes; i++) this.#classes.push([]);
    this.#onFinished = onFinished;
  }

  get length(): number {
    return this.#length;
  }

  /** Bytes of all waiting messages, framing not counted. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Queues `bytes`, which the queue keeps. */
  queue(bytes: Uint8Array, key: string | null, urgency: number, id = 0): void {
    if (key !== null) this.remove(key);
    const broadcast: Broadcast = { bytes, key, class: urgency, id, transmits: 0, serial: ++this.#serial };
    if (key !== null) this.#byKey.set(key, broadcast);
    this.#insert(broadcast);
  }

  /** Drops the waiting broadcast with this key; it counts as finished. */
  remove(key: string): void {
    const waiting = this.#byKey.get(key);
    if (!waiting) return;
    this.#delete(waiting);
    this.#finish(waiting);
  }

  /**
   * Appends to `out` what fits into `limit` bytes at `overhead` bytes each, at most `maxParts`, counting one transmission
   * for each; those that reach `transmitLimit` are finished. One message is taken at most once.
   * @returns the bytes used, overheads included.
   */
  take(out: Uint8Array[], overhead: number, limit: number, maxParts: number, transmitLimit: number): number {
    let used = 0;
    let parts = 0;
    const taken = this.#taken;
    taken.length = 0;
    for (const tiers of this.#classes) {
      for (let t = 0; t < tiers.length; t++) {
        const tier = tiers[t]!;
        if (tier.length === 0) continue;
        let room = limit - used - overhead;
        if (room <= 0 || parts >= maxParts) break;
        let at = firstFitting(tier, 0, room);
        while (at < tier.length && parts < maxParts) {
          const start = at;
          while (at < tier.length && tier[at]!.bytes.length <= room && parts < maxParts) {
            const broadcast = tier[at++]!;
            out.push(broadcast.bytes);
            taken.push(broadcast);
            parts++;
            used += overhead + broadcast.bytes.length;
            room = limit - used - overhead;
          }
          tier.splice(start, at - start);
          at = room <= 0 ? tier.length : firstFitting(tier, start, room);
        }
      }
    }
    // Back only now, or a message could be taken twice in one packet.
    for (const broadcast of taken) {
      this.#length--;
      this.#bytes -= broadcast.bytes.length;
      broadcast.transmits++;
      if (broadcast.transmits >= transmitLimit) {
        if (broadcast.key !== null) this.#byKey.delete(broadcast.key);
        this.#finish(broadcast);
      } else {
        this.#insert(broadcast);
      }
    }
    return used;
  }

  /** Drops from the end of the send order until `retain` are left. */
  prune(retain: number): void {
    for (let c = this.#classes.length - 1; c >= 0; c--) {
      const tiers = this.#classes[c]!;
      for (let t = tiers.length - 1; t >= 0; t--) {
        const tier = tiers[t]!;
        while (tier.length > 0 && this.#length > retain) {
          const broadcast = tier[tier.length - 1]!;
          this.#delete(broadcast);
          this.#finish(broadcast);
        }
      }
    }
  }

  /** Everything waiting, in send order. For tests and `inspect`. */
  list(): Broadcast[] {
    return this.#classes.flatMap((tiers) => tiers.flat());
  }

  #insert(broadcast: Broadcast): void {
    const tiers = this.#classes[broadcast.class]!;
    while (tiers.length <= broadcast.transmits) tiers.push([]);
    const tier = tiers[broadcast.transmits]!;
    tier.splice(position(tier, broadcast), 0, broadcast);
    this.#length++;
    this.#bytes += broadcast.bytes.length;
  }

  #delete(broadcast: Broadcast): void {
    const tier = this.#classes[broadcast.class]![broadcast.transmits]!;
    tier.splice(position(tier, broadcast), 1);
    if (broadcast.key !== null) this.#byKey.delete(broadcast.key);
    this.#length--;
    this.#bytes -= broadcast.bytes.length;
  }

  #finish(broadcast: Broadcast): void {
    if (this.#length === 0) this.#serial = 0;
    this.#onFinished(broadcast);
  }
}

/** Index of the first message from `from` on that is no longer than `room`; lengths fall along a tier. */
function firstFitting(tier: readonly Broadcast[], from: number, room: number): number {
  let low = from;
  let high = tier.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (tier[middle]!.bytes.length <= room) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Where `broadcast` stands, or would stand, in its tier. */
function position(tier: readonly Broadcast[], broadcast: Broadcast): number {
  const length = broadcast.bytes.length;
  let low = 0;
  let high = tier.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = tier[middle]!;
    const before = other.bytes.length > length || (other.bytes.length === length && other.serial > broadcast.serial);
    if (before) low = middle + 1;
    else high = middle;
  }
  return low;
}
