/**
 * The view of the pool: one row for each member, as columns indexed by the name's number, and the ring in which members
 * are probed. Bookkeeping only: `claims.ts` decides what goes in.
 */
import { absent, type KnownPool, pageSize } from "./known-pool.ts";
import { MemberState } from "./messages.ts";
import type { MemberRecord, NameTable } from "./names.ts";
import type { Rng } from "./rng.ts";

export class MemberTable {
  readonly names: NameTable;
  #states = new Uint8Array(16).fill(absent);
  #incarnations = new Uint32Array(16);
  #changedAt = new Float64Array(16);
  /** Records in pages, which a warm start shares with other machines until one of a page's records changes. */
  #pages: (MemberRecord | undefined)[][] = [];
  #isOwnPage: boolean[] = [];
  #ring = new Uint32Array(16);
  #length = 0;
  #probeIndex = 0;
  #alive = 0;

  constructor(names: NameTable) {
    this.names = names;
  }

  /** Every entry: alive, suspect, and not yet forgotten dead and left ones. */
  get length(): number {
    return this.#length;
  }

  /** Entries that are alive or suspect. */
  get aliveCount(): number {
    return this.#alive;
  }

  /** The number of a member in this table, or -1. */
  find(name: string): number {
    const id = this.names.find(name);
    return id >= 0 && id < this.#states.length && this.#states[id] !== absent ? id : -1;
  }

  /** The id at a place of the ring, 0 ≤ index < length. */
  at(index: number): number {
    return this.#ring[index]!;
  }

  state(id: number): MemberState {
    return this.#states[id]! as MemberState;
  }

  incarnation(id: number): number {
    return this.#incarnations[id]!;
  }

  /** ms of the last change of state. */
  changedAt(id: number): number {
    return this.#changedAt[id]!;
  }

  record(id: number): MemberRecord {
    return this.#pages[(id / pageSize) | 0]![id % pageSize]!;
  }

  isAliveOrSuspect(id: number): boolean {
    return this.#states[id]! <= MemberState.suspect;
  }

  /** A new member, dead with incarnation 0 until a claim says otherwise, at a random place of the ring (12.1). */
  add(name: string, rng: Rng, now: number): number {
    const id = this.names.acquire(name);
    this.#reserve(id + 1);
    this.#states[id] = MemberState.dead;
    this.#incarnations[id] = 0;
    this.#changedAt[id] = now;
    if (this.#length === this.#ring.length) {
      this.#ring = grown(this.#ring, new Uint32Array(Math.max(16, Math.ceil(this.#ring.length * 1.5))));
    }
    const place = this.#length === 0 ? 0 : rng.below(this.#length);
    this.#ring[this.#length] = this.#ring[place]!;
    this.#ring[place] = id;
    this.#length++;
    return id;
  }

  /** Takes over a pool as it is known; only while empty. The ring is shuffled. */
  load(known: KnownPool, rng: Rng, now: number): void {
    if (this.#length > 0 || known.names !== this.names) throw new Error("load: an empty table with the same names");
    this.names.acquireAll(known.ids);
    this.#states = known.states.slice();
    this.#incarnations = known.incarnations.slice();
    this.#changedAt = new Float64Array(known.states.length);
    if (now !== 0) this.#changedAt.fill(now);
    this.#pages = known.pages.slice() as (MemberRecord | undefined)[][];
    this.#isOwnPage = new Array<boolean>(known.pages.length).fill(false);
    this.#ring = known.ids.slice();
    this.#length = known.ids.length;
    this.#alive = this.#length;
    this.#shuffle(rng);
  }

  setIncarnation(id: number, incarnation: number): void {
    this.#incarnations[id] = incarnation;
  }

  setRecord(id: number, record: MemberRecord): void {
    this.#write(id, record);
  }

  setState(id: number, state: MemberState, now: number): void {
    const before = this.#states[id]! <= MemberState.suspect;
    const after = state <= MemberState.suspect;
    this.#states[id] = state;
    this.#changedAt[id] = now;
    if (before !== after) this.#alive += after ? 1 : -1;
  }

  /**
   * The next member to probe, or -1 when a whole turn finds none. At the end of the ring the dead and left that have
   * been so for longer than `forgetAfterMs` are forgotten (`onForget`, before the row goes) and the ring is shuffled.
   */
  nextToProbe(selfId: number, rng: Rng, now: number, forgetAfterMs: number, onForget: (id: number) => void): number {
    for (let looked = 0; looked < this.#length; looked++) {
      if (this.#probeIndex >= this.#length) this.resetRing(rng, now, forgetAfterMs, onForget);
      if (this.#length === 0) return -1;
      const id = this.#ring[this.#probeIndex++]!;
      if (id !== selfId && this.isAliveOrSuspect(id)) return id;
    }
    return -1;
  }

  resetRing(rng: Rng, now: number, forgetAfterMs: number, onForget: (id: number) => void): void {
    let kept = 0;
    for (let i = 0; i < this.#length; i++) {
      const id = this.#ring[i]!;
      if (!this.isAliveOrSuspect(id) && now - this.#changedAt[id]! > forgetAfterMs) {
        onForget(id);
        this.#states[id] = absent;
        this.#write(id, undefined);
        this.names.release(id);
      } else {
        this.#ring[kept++] = id;
      }
    }
    this.#length = kept;
    this.#shuffle(rng);
    this.#probeIndex = 0;
  }

  #shuffle(rng: Rng): void {
    for (let i = this.#length - 1; i > 0; i--) {
      const j = rng.below(i + 1);
      const id = this.#ring[i]!;
      this.#ring[i] = this.#ring[j]!;
      this.#ring[j] = id;
    }
  }

  /**
   * Up to `k` different members that `accept` takes, at random (12.9). Small lists are gone through whole, so that none
   * is missed; in large ones up to three draws for each entry.
   */
  random(k: number, rng: Rng, accept: (id: number) => boolean): number[] {
    const chosen: number[] = [];
    const n = this.#length;
    if (k <= 0 || n === 0) return chosen;
    if (n < 3 * k + 8) {
      const ids = Array.from(this.#ring.subarray(0, n));
      for (let i = 0; i < n && chosen.length < k; i++) {
        const j = i + rng.below(n - i);
        const id = ids[j]!;
        ids[j] = ids[i]!;
        if (accept(id)) chosen.push(id);
      }
      return chosen;
    }
    for (let draws = 3 * n; draws > 0 && chosen.length < k; draws--) {
      const id = this.#ring[rng.below(n)]!;
      if (!chosen.includes(id) && accept(id)) chosen.push(id);
    }
    return chosen;
  }

  #write(id: number, record: MemberRecord | undefined): void {
    const page = (id / pageSize) | 0;
    while (this.#pages.length <= page) {
      this.#pages.push([]);
      this.#isOwnPage.push(true);
    }
    if (!this.#isOwnPage[page]) {
      this.#pages[page] = this.#pages[page]!.slice();
      this.#isOwnPage[page] = true;
    }
    this.#pages[page]![id % pageSize] = record;
  }

  #reserve(size: number): void {
    if (size <= this.#states.length) return;
    let capacity = Math.max(16, this.#states.length);
    // Large tables grow by halves: a simulator holds thousands of them.
    while (capacity < size) capacity = capacity < 1024 ? capacity * 2 : Math.ceil(capacity * 1.25);
    const states = new Uint8Array(capacity).fill(absent);
    states.set(this.#states);
    this.#states = states;
    this.#incarnations = grown(this.#incarnations, new Uint32Array(capacity));
    this.#changedAt = grown(this.#changedAt, new Float64Array(capacity));
  }
}

function grown<T extends Uint32Array | Float64Array>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}
