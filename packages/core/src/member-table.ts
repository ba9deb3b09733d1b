/**
 * The view of the pool: one row for each member, as columns indexed by the name's number, and the ring in which members
 * are probed. Bookkeeping only: `claims.ts` decides what goes in.
 */
import { MemberState } from "./messages.ts";
import type { MemberRecord, NameTable } from "./names.ts";
import type { Rng } from "./rng.ts";

const absent = 255;

export class MemberTable {
  readonly names: NameTable;
  #states = new Uint8Array(16).fill(absent);
  #incarnations = new Uint32Array(16);
  #changedAt = new Float64Array(16);
  readonly #records: (MemberRecord | undefined)[] = [];
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
    return this.#records[id]!;
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
    if (this.#length === this.#ring.length) this.#ring = grown(this.#ring, new Uint32Array(this.#ring.length * 2));
    const place = this.#length === 0 ? 0 : rng.below(this.#length);
    this.#ring[this.#length] = this.#ring[place]!;
    this.#ring[place] = id;
    this.#length++;
    return id;
  }

  setIncarnation(id: number, incarnation: number): void {
    this.#incarnations[id] = incarnation;
  }

  setRecord(id: number, record: MemberRecord): void {
    this.#records[id] = record;
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
        this.#records[id] = undefined;
        this.names.release(id);
      } else {
        this.#ring[kept++] = id;
      }
    }
    this.#length = kept;
    for (let i = kept - 1; i > 0; i--) {
      const j = rng.below(i + 1);
      const id = this.#ring[i]!;
      this.#ring[i] = this.#ring[j]!;
      this.#ring[j] = id;
    }
    this.#probeIndex = 0;
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

  #reserve(size: number): void {
    if (size <= this.#states.length) return;
    let capacity = this.#states.length;
    while (capacity < size) capacity *= 2;
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
