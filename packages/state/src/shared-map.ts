/**
 * The shared map: anyone writes any key, and the last writer wins, by hybrid logical clock, then by name. Writes are
 * totally ordered, so merging is taking the greater one, in any order and as often as one likes.
 *
 * A deletion is a write without a value, remembered for the grace period. When it is dropped the watermark `gc` rises to its
 * stamp: from then on, what this node lacks at or below the watermark is deleted, not unheard of. Of two nodes that differ
 * below it the one with the higher watermark is right, the other one has been away for longer than the grace period:
 * its leftovers become tombstones under their own stamps, which spread like any deletion.
 * A node may say so only if it has been in touch with the others all that time (`completeFromMs`), or has at some time had
 * exactly what another had, whose watermark it then takes.
 */

import { finish, hashBytes, hashNumber, hashText } from "./hash.ts";
import { compareStamps, HybridClock, noStamp, type Stamp } from "./hlc.ts";
import type { KeyLine, SharedWrite } from "./messages.ts";
import { entryBytes } from "./owner-map.ts";

export interface SharedEntry extends SharedWrite {
  /** Deleted, or over its time: no value from now on. */
  readonly dead: boolean;
  /** u32, of all that tells this write from another. */
  readonly hash: number;
  /** Until when a tombstone is kept in any case: wall-clock ms. It has only just been heard of. */
  readonly holdUntilMs: number;
}

/**
 * What came of a write: taken; nothing new; stamped too far ahead; a leftover of what was deleted long ago; no room, of either kind.
 */
export type SharedOutcome = "applied" | "stale" | "clock-drift" | "leftover" | "too-many-keys" | "too-many-bytes";

export interface SharedLimits {
  readonly maxSharedKeys: number;
  readonly maxSharedBytes: number;
  readonly tombstoneGraceMs: number;
  readonly maxDriftMs: number;
}

/** How long a tombstone is kept at least: ms, or half the grace period if that is less. */
const holdMs = 60_000;

/** How late a time to live may end: ms. Those that end one by one, each a ms after the other, are ended together. */
const lookEveryMs = 50;

export type OnShared = (entry: SharedEntry, before: Uint8Array | null) => void;

export class SharedMap {
  clock = new HybridClock();
  gc: Stamp = noStamp;
  /**
   * Since when nothing was missed: wall-clock ms; a tombstone stamped later may raise the watermark when it is dropped.
   * Infinity: others were not heard of for so long that we cannot know.
   */
  completeFromMs = Number.POSITIVE_INFINITY;
  readonly #entries = new Map<string, SharedEntry>();
  readonly #limits: SharedLimits;
  /** Hears of every change of an entry. */
  readonly #onEntry: OnShared;
  readonly #onDropped: (key: string) => void;
  #live = 0;
  /** What keys and values take, by `entryBytes`. */
  #bytes = 0;
  /** Wall-clock ms of the first time to live that ends. */
  #expiresAt = Number.POSITIVE_INFINITY;
  /** Wall-clock ms of the next look for those that have ended, which passes over all keys. */
  #lookAt = Number.NEGATIVE_INFINITY;

  constructor(limits: SharedLimits, onEntry: OnShared, onDropped: (key: string) => void) {
    this.#limits = limits;
    this.#onEntry = onEntry;
    this.#onDropped = onDropped;
  }

  get liveCount(): number {
    return this.#live;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Wall-clock ms; Infinity when nothing ends by itself. */
  get expiresAt(): number {
    return Math.max(this.#expiresAt, this.#lookAt);
  }

  get(key: string): SharedEntry | undefined {
    return this.#entries.get(key);
  }

  /** Tombstones included, in no particular order. */
  entries(): IterableIterator<SharedEntry> {
    return this.#entries.values();
  }

  line(key: string): KeyLine | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const { ms, count, writer, dead, hash } = entry;
    return { key, ms, count, writer, dead, hash };
  }

  /** Whether there is room for a write of our own to this key. */
  hasRoomFor(key: string, value: Uint8Array): boolean {
    const entry = this.#entries.get(key);
    if (this.#bytesWith(key, value) > this.#limits.maxSharedBytes) return false;
    if (entry !== undefined && !entry.dead) return true;
    const { maxSharedKeys } = this.#limits;
    return this.#live < maxSharedKeys && (entry !== undefined || this.#entries.size < 2 * maxSharedKeys);
  }

  /** A write of our own, later than all that is known. */
  write(key: string, value: Uint8Array | null, ttlMs: number, writer: string, wallMs: number): void {
    const write = { key, ...this.clock.next(wallMs), writer, ttlMs, value };
    this.#put(write, value === null, wallMs);
  }

  /** A write of anybody's. @param senderGc the watermark of whom we have it from */
  apply(write: SharedWrite, senderGc: Stamp, wallMs: number): SharedOutcome {
    if (write.ms > wallMs + this.#limits.maxDriftMs) return "clock-drift";
    const dead = write.value === null || isOver(write, wallMs);
    const known = this.#entries.get(write.key);
    if (known === undefined) {
      if (dead && this.#isForgettable(write, wallMs)) return "stale";
      if (!dead && compareStamps(write, this.gc) <= 0 && compareStamps(senderGc, this.gc) < 0) return "leftover";
      if (this.#entries.size >= this.#mostRemote) return "too-many-keys";
    } else if (compareWrites(write, known) <= 0) return "stale";
    // Ended elsewhere, and not by our clock: taken as it is, its value would never be asked for.
    if (write.value === null && write.ttlMs > 0 && !isOver(write, wallMs)) return "clock-drift";
    // What frees room is always taken.
    const bytes = this.#bytesWith(write.key, dead ? null : write.value);
    if (bytes > this.#bytes && bytes > 2 * this.#limits.maxSharedBytes) return "too-many-bytes";
    this.clock.witness(write);
    this.#put(dead && write.value !== null ? { ...write, value: null } : write, dead, wallMs);
    return "applied";
  }

  /** Makes a leftover of ours a tombstone, under its own stamp. */
  bury(key: string, wallMs: number): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined && !entry.dead) this.#put({ ...entry, ttlMs: 0, value: null }, true, wallMs);
  }

  /** Whether the entry, which another with this watermark lacks, was deleted there long ago. */
  isLeftover(entry: SharedEntry, othersGc: Stamp): boolean {
    return !entry.dead && compareStamps(othersGc, this.gc) > 0 && compareStamps(entry, othersGc) <= 0;
  }

  /** Whether what another has, and we lack, was deleted here long ago. */
  wasDeletedHere(line: KeyLine, othersGc: Stamp): boolean {
    return compareStamps(this.gc, othersGc) > 0 && compareStamps(line, this.gc) <= 0;
  }

  /** Whether another's line, of a key that we lack, is worth fetching. */
  isWorthFetching(line: KeyLine, othersGc: Stamp, wallMs: number): boolean {
    if (line.ms > wallMs + this.#limits.maxDriftMs || this.#entries.size >= this.#mostRemote) return false;
    if (line.dead) return line.ms + this.#limits.tombstoneGraceMs > wallMs;
    return !this.wasDeletedHere(line, othersGc);
  }

  /** Whether another's line, later than ours, will be taken. */
  isWorthReplacing(line: KeyLine, wallMs: number): boolean {
    return line.ms <= wallMs + this.#limits.maxDriftMs;
  }

  /** Another has exactly what we have: then its watermark holds for us too, and we have missed nothing. */
  becomeComplete(othersGc: Stamp): void {
    if (compareStamps(othersGc, this.gc) > 0) this.gc = othersGc;
    this.completeFromMs = 0;
  }

  /**
   * Whether a watermark can be true: it is the stamp of a tombstone that has had its grace. One from a clock that is fast
   * would have everybody's latest writes taken for leftovers.
   */
  isCredible(gc: Stamp, wallMs: number): boolean {
    const { tombstoneGraceMs, maxDriftMs } = this.#limits;
    return gc.ms + tombstoneGraceMs <= wallMs + Math.min(maxDriftMs, tombstoneGraceMs / 2);
  }

  /**
   * The wall clock was set. What we vouched for while it was fast holds no longer; and what was written by it, which others
   * refuse until that time has come, is written again, by us and now. Returns those keys.
   */
  doubt(wallMs: number, self: string): string[] {
    this.#lookAt = Number.NEGATIVE_INFINITY;
    if (!this.isCredible(this.gc, wallMs)) {
      this.gc = noStamp;
      this.completeFromMs = Number.POSITIVE_INFINITY;
    }
    const limit = wallMs + this.#limits.maxDriftMs;
    if (this.clock.latest.ms <= limit) return [];
    const ahead: SharedEntry[] = [];
    this.clock = new HybridClock();
    for (const entry of this.#entries.values()) {
      if (entry.ms > limit) ahead.push(entry);
      else this.clock.witness(entry);
    }
    ahead.sort(compareWrites);
    for (const { key, value, ttlMs } of ahead) this.write(key, value, value === null ? 0 : ttlMs, self, wallMs);
    return ahead.map(({ key }) => key);
  }

  /** Ends what has had its time. */
  expire(wallMs: number): void {
    if (wallMs < this.expiresAt) return;
    this.#expiresAt = Number.POSITIVE_INFINITY;
    this.#lookAt = wallMs + lookEveryMs;
    for (const entry of this.#entries.values()) {
      if (entry.dead || entry.ttlMs === 0) continue;
      if (isOver(entry, wallMs)) this.#put({ ...entry, value: null }, true, wallMs);
      else this.#expiresAt = Math.min(this.#expiresAt, entry.ms + entry.ttlMs);
    }
  }

  /**
   * Drops tombstones that have had their grace.
   * @param inTouch whether others were heard of lately; else they may not have heard of the deletion, and it is kept
   */
  collect(wallMs: number, inTouch: boolean): void {
    if (!inTouch || this.#entries.size === this.#live) return;
    for (const entry of this.#entries.values()) {
      if (!entry.dead || entry.holdUntilMs > wallMs || !this.#isForgettable(entry, wallMs)) continue;
      this.#entries.delete(entry.key);
      this.#bytes -= entryBytes(entry.key, entry.value);
      this.#onDropped(entry.key);
      // What our clock has ended is not what was deleted: were it fast, others would bury what still has its time.
      if (entry.ttlMs === 0 && entry.ms >= this.completeFromMs && compareStamps(entry, this.gc) > 0)
        this.gc = { ms: entry.ms, count: entry.count };
    }
  }

  /** Peers may be at their limit when ours is lower, or write at the same time: to refuse too early is to differ for good. */
  get #mostRemote(): number {
    return 4 * this.#limits.maxSharedKeys;
  }

  #bytesWith(key: string, value: Uint8Array | null): number {
    const before = this.#entries.get(key);
    return this.#bytes + entryBytes(key, value) - (before ? entryBytes(key, before.value) : 0);
  }

  #isForgettable(write: SharedWrite, wallMs: number): boolean {
    return write.ms + write.ttlMs + this.#limits.tombstoneGraceMs <= wallMs;
  }

  #put(write: SharedWrite, dead: boolean, wallMs: number): void {
    const { key, ms, count, writer, ttlMs, value } = write;
    const before = this.#entries.get(key);
    const holdUntilMs = wallMs + Math.min(holdMs, this.#limits.tombstoneGraceMs / 2);
    const entry: SharedEntry = {
      key,
      ms,
      count,
      writer,
      ttlMs,
      value,
      dead,
      hash: hashWrite(write),
      holdUntilMs,
    };
    this.#bytes = this.#bytesWith(key, value);
    this.#entries.set(key, entry);
    this.#live += (dead ? 0 : 1) - (before === undefined || before.dead ? 0 : 1);
    if (ttlMs > 0 && !dead) this.#expiresAt = Math.min(this.#expiresAt, ms + ttlMs);
    this.#onEntry(entry, before?.value ?? null);
  }
}

/**
 * Total: 0 only for the same write. Of one stamp and writer a deletion is the later. A write whose time is over is still
 * the same write: everyone ends it by the own clock, or one that is fast would end it for all.
 */
export function compareWrites(a: SharedWrite, b: SharedWrite): number {
  const stamps = compareStamps(a, b);
  if (stamps !== 0) return stamps;
  if (a.writer !== b.writer) return a.writer < b.writer ? -1 : 1;
  const deletions = (isDeletion(a) ? 1 : 0) - (isDeletion(b) ? 1 : 0);
  if (deletions !== 0) return deletions;
  // Two values under one stamp come of a writer whose clock went back between two lives: any order will do, but one.
  if (a.ttlMs !== b.ttlMs) return a.ttlMs - b.ttlMs;
  return a.value === null || b.value === null ? 0 : compareBytes(a.value, b.value);
}

/** Without a value, and not because its time was over. */
function isDeletion(write: SharedWrite): boolean {
  return write.value === null && write.ttlMs === 0;
}

/** As far as lines tell: 0 also for two values under one stamp. */
export function compareLines(a: Omit<KeyLine, "key" | "hash">, b: Omit<KeyLine, "key" | "hash">): number {
  const stamps = compareStamps(a, b);
  if (stamps !== 0) return stamps;
  if (a.writer !== b.writer) return a.writer < b.writer ? -1 : 1;
  return (a.dead ? 1 : 0) - (b.dead ? 1 : 0);
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

function isOver(write: SharedWrite, wallMs: number): boolean {
  return write.ttlMs > 0 && write.ms + write.ttlMs <= wallMs;
}

/** The same before and after a time to live has ended. */
function hashWrite(write: SharedWrite): number {
  const { key, ms, count, writer, ttlMs, value } = write;
  const stamp = hashNumber(ttlMs, hashText(writer, hashNumber(count, hashNumber(ms, hashText(key)))));
  if (ttlMs > 0) return finish(hashNumber(2, stamp));
  return finish(value === null ? hashNumber(0, stamp) : hashBytes(value, hashNumber(1, stamp)));
}
