/**
 * Writes of our own map, where flow control says how many may go: what comes faster is held, a key at a time in the order
 * of asking, and a key that is written again while it is held costs one write all the same. Without flow control nothing
 * is held.
 */
import { checkedTtl, checkKey, checkValue, type StateConfig } from "./config.ts";
import { StateError } from "./errors.ts";
import type { RateLine } from "./messages.ts";
import type { NodeMaps } from "./node-maps.ts";
import { sameBytes } from "./owner-map.ts";
import type { WriteRate } from "./write-rate.ts";

interface Held {
  /** Null: to be deleted. */
  readonly value: Uint8Array | null;
  /** Monotonic ms; Infinity: for ever. */
  readonly expiresAt: number;
}

export class OwnWrites {
  readonly #maps: NodeMaps;
  readonly #config: StateConfig;
  readonly #rate: WriteRate | undefined;
  readonly #held = new Map<string, Held>();

  /** @param rate undefined: without flow control */
  constructor(maps: NodeMaps, config: StateConfig, rate: WriteRate | undefined) {
    this.#maps = maps;
    this.#config = config;
    this.#rate = rate;
  }

  get heldCount(): number {
    return this.#held.size;
  }

  /** Writes a second; Infinity without flow control. */
  get maxRate(): number {
    return this.#rate?.perSecond ?? Number.POSITIVE_INFINITY;
  }

  /** Monotonic ms of the next write; Infinity when nothing is held. */
  get deadline(): number {
    return this.#rate === undefined || this.#held.size === 0 ? Number.POSITIVE_INFINITY : this.#rate.leaveAt;
  }

  /** What was asked for last, written yet or not. */
  get(key: string): Uint8Array | null {
    const held = this.#held.get(key);
    return held === undefined ? this.#maps.own.get(key) : held.value;
  }

  /** Throws StateError, before anything changed. What it holds `release` writes. */
  set(key: string, value: Uint8Array, ttlMs: number | undefined, now: number): void {
    if (this.#rate === undefined) {
      this.#maps.set(key, value, ttlMs, now);
      return;
    }
    checkKey(key);
    checkValue(value, this.#config);
    const ttl = checkedTtl(ttlMs);
    this.#checkRoom(key);
    if (sameBytes(this.#maps.own.get(key), value)) {
      // As it was: at most its time to live changes, which costs no write.
      this.#held.delete(key);
      this.#maps.set(key, value, ttlMs, now);
      return;
    }
    this.#rate.wish(now);
    this.#held.set(key, { value: value.slice(), expiresAt: ttl === 0 ? Number.POSITIVE_INFINITY : now + ttl });
  }

  /** Whether the key was there. What it holds `release` writes. */
  delete(key: string, now: number): boolean {
    if (this.#rate === undefined) return this.#maps.delete(key, now);
    if (this.get(key) === null) return false;
    // Never written: nobody has to hear of it.
    if (this.#maps.own.get(key) === null) this.#held.delete(key);
    else {
      this.#rate.wish(now);
      this.#held.set(key, { value: null, expiresAt: Number.POSITIVE_INFINITY });
    }
    return true;
  }

  /** Writes what may be written by now. */
  release(now: number): void {
    while (this.#held.size > 0) {
      const key = this.#nextKey();
      const { value, expiresAt } = this.#held.get(key)!;
      const isOver = value === null || expiresAt <= now;
      if (isOver && this.#maps.own.get(key) === null) this.#held.delete(key);
      else if (this.#rate!.take(now)) {
        this.#held.delete(key);
        if (isOver) this.#maps.delete(key, now);
        else this.#maps.set(key, value, leftMs(expiresAt, now), now);
      } else return;
    }
  }

  /** What to say of our rate when opening an exchange. */
  openRates(now: number): RateLine | undefined {
    return this.#rate?.open(this.#held.size, now);
  }

  /** Shares with who opened an exchange; what to say to that. */
  answerRates(theirs: RateLine, now: number): RateLine | undefined {
    return this.#rate?.answer(theirs, this.#held.size, now);
  }

  /** The oldest; but where the map is full, a new key waits for a deletion. */
  #nextKey(): string {
    const isFull = this.#maps.own.liveCount >= this.#config.maxKeysPerOwner;
    let first: string | undefined;
    for (const [key, { value }] of this.#held) {
      first ??= key;
      const before = this.#maps.own.get(key);
      if (!isFull || value === null || before !== null) return key;
    }
    return first!;
  }

  /** Counts what is held as if it were written. */
  #checkRoom(key: string): void {
    const { own } = this.#maps;
    const { maxKeysPerOwner } = this.#config;
    if (this.get(key) !== null || own.liveCount + this.#held.size < maxKeysPerOwner) return;
    let live = own.liveCount;
    for (const [other, { value }] of this.#held) {
      live += (value === null ? 0 : 1) - (own.get(other) === null ? 0 : 1);
    }
    if (live < maxKeysPerOwner) return;
    throw new StateError("too-many-keys", `this node has ${maxKeysPerOwner} keys, the most that it may have`);
  }
}

function leftMs(expiresAt: number, now: number): number | undefined {
  return expiresAt === Number.POSITIVE_INFINITY ? undefined : Math.max(1, Math.ceil(expiresAt - now));
}
