/**
 * The view of the pool: one row for each member, and the ring in which members are probed. Bookkeeping only: `claims.ts`
 * decides what goes in.
 *
 * Columns hold what this machine has learned by itself; what it has only been told at a warm start stays in the pool it
 * was told of, which thousands of machines may share. A row's number belongs to the name (`NameTable.rowOf`).
 */
import { absent, type KnownPool } from "./known-pool.ts";
import { type Dead, MemberState, MessageType, type Suspect } from "./messages.ts";
import type { MemberRecord, NameTable } from "./names.ts";
import type { Rng } from "./rng.ts";

/** In a row: nothing of our own; the known pool has it, or nobody has. */
const unwritten = 254;
/** Of a mark: the state, and beside it that further accusers change nothing. */
const stateBits = 0x0f;
const noteBits = 0xf0;
const settled = 0x10;
/** The dead and the left: 0x12 and 0x13. */
const goneBits = 0xf2;
const gone = 0x12;
/** Numbers below fit a ring of half the size. */
const smallIds = 0x1_0000;

type Ring = Uint16Array | Uint32Array;

export class MemberTable {
  readonly names: NameTable;
  #known: KnownPool | undefined;
  /** When the known pool was taken over: ms. */
  #knownAt = 0;
  /** State, whether accusers matter, and which of them were heard: 4, 4 and 24 bits. */
  #marks = new Int32Array(0);
  readonly #incarnations: number[] = [];
  readonly #changedAt: number[] = [];
  readonly #records: (MemberRecord | undefined)[] = [];
  #ring: Ring = new Uint16Array(0);
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
    return id >= 0 && this.has(id) ? id : -1;
  }

  /** Whether a member's name is this address: hardly ever, but then its record is at hand (reference section 5). */
  isNamed(address: string): boolean {
    return this.names.anyLikeAddresses && this.find(address) >= 0;
  }

  /** Whether the name of this number is a member here. */
  has(id: number): boolean {
    return this.#stateAt(this.#rowOf(id), id) !== absent;
  }

  /** The id at a place of the ring, 0 ≤ index < length. */
  at(index: number): number {
    return this.#ring[index]!;
  }

  state(id: number): MemberState {
    return this.#stateAt(this.#rowOf(id), id) as MemberState;
  }

  incarnation(id: number): number {
    const row = this.#rowOf(id);
    return row >= 0 ? this.#incarnations[row]! : this.#known!.incarnations[id]!;
  }

  /** ms of the last change of state. */
  changedAt(id: number): number {
    const row = this.#rowOf(id);
    return row >= 0 ? this.#changedAt[row]! : this.#knownAt;
  }

  record(id: number): MemberRecord {
    const row = this.#rowOf(id);
    return (row >= 0 ? this.#records[row] : this.#known!.records[id])!;
  }

  isAliveOrSuspect(id: number): boolean {
    return this.state(id) <= MemberState.suspect;
  }

  /**
   * Whether an accusation is known to do nothing, because its subject is gone, because that is a suspect with all the
   * accusers that count, or because this accuser was heard. May say no where the answer is yes; does so for messages that
   * carry no notes, and leaves incarnations to the caller.
   */
  isDeafTo(claim: Suspect | Dead): boolean {
    const { subject } = claim;
    if (subject === undefined || subject.table !== this.names) return false;
    const { row } = subject;
    if (row < 0 || row >= this.#marks.length) return false;
    const mark = this.#marks[row]!;
    if (claim.type === MessageType.dead) return (mark & goneBits) === gone;
    return (mark & noteBits) === settled || (mark & (claim.accuserBit ?? 0)) !== 0;
  }

  /** A suspect's accuser has been heard (`NameTable.accuserBit`). Until its next change of state. */
  hear(id: number, accuserBit: number): void {
    this.#marks[this.#write(id)]! |= accuserBit;
  }

  /** A suspect's wait cannot be shortened any more. Until its next change of state. */
  settle(id: number): void {
    this.#marks[this.#write(id)]! |= settled;
  }

  /** A new member, dead with incarnation 0 until a claim says otherwise, at a random place of the ring (12.1). */
  add(name: string, rng: Rng, now: number): number {
    const id = this.names.acquire(name);
    const row = this.#write(id);
    this.#marks[row] = MemberState.dead;
    this.#incarnations[row] = 0;
    this.#changedAt[row] = now;
    if (this.#length === this.#ring.length || (id >= smallIds && this.#ring.BYTES_PER_ELEMENT === 2)) {
      this.#growRing(id);
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
    this.#known = known;
    this.#knownAt = now;
    this.#ring = known.states.length <= smallIds ? new Uint16Array(known.ids) : known.ids.slice();
    this.#length = known.ids.length;
    this.#alive = this.#length;
    this.#shuffle(rng);
  }

  setIncarnation(id: number, incarnation: number): void {
    this.#incarnations[this.#write(id)] = incarnation;
  }

  setRecord(id: number, record: MemberRecord): void {
    this.#records[this.#write(id)] = record;
  }

  setState(id: number, state: MemberState, now: number): void {
    const row = this.#write(id);
    const before = (this.#marks[row]! & stateBits) <= MemberState.suspect;
    const after = state <= MemberState.suspect;
    this.#marks[row] = state >= MemberState.dead ? state | settled : state;
    this.#changedAt[row] = now;
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
      if (!this.isAliveOrSuspect(id) && now - this.changedAt(id) > forgetAfterMs) {
        onForget(id);
        this.#forget(id);
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

  /** The row that says something about this number here, or -1: then the known pool does, if anything. */
  #rowOf(id: number): number {
    const row = this.names.rowOf(id);
    return row >= 0 && row < this.#marks.length && this.#marks[row] !== unwritten ? row : -1;
  }

  #stateAt(row: number, id: number): number {
    if (row >= 0) return this.#marks[row] === absent ? absent : this.#marks[row]! & stateBits;
    return this.#known !== undefined && id < this.#known.states.length ? this.#known.states[id]! : absent;
  }

  /** The row of this number, with what is known so far in it. */
  #write(id: number): number {
    const row = this.names.needRow(id);
    if (row >= this.#marks.length) this.#reserve(this.names.rowCount);
    if (this.#marks[row] === unwritten) {
      const known = this.#known !== undefined && id < this.#known.states.length ? this.#known : undefined;
      this.#marks[row] = known?.states[id] ?? MemberState.dead;
      this.#incarnations[row] = known?.incarnations[id] ?? 0;
      this.#changedAt[row] = this.#knownAt;
      this.#records[row] = known?.records[id];
    }
    return row;
  }

  /** A known pool's names keep their rows; others may pass theirs on, so nothing must be left in it. */
  #forget(id: number): void {
    const row = this.#write(id);
    this.#records[row] = undefined;
    const isKnown = this.#known !== undefined && id < this.#known.states.length && this.#known.states[id] !== absent;
    this.#marks[row] = isKnown ? absent : unwritten;
    this.names.release(id);
  }

  #reserve(size: number): void {
    let capacity = Math.max(16, this.#marks.length);
    // Large tables grow by a quarter: a simulator holds thousands of them.
    while (capacity < size) capacity = capacity < 1024 ? capacity * 2 : Math.ceil(capacity * 1.25);
    const marks = new Int32Array(capacity).fill(unwritten);
    marks.set(this.#marks);
    this.#marks = marks;
    while (this.#incarnations.length < capacity) {
      this.#incarnations.push(0);
      this.#changedAt.push(0);
      this.#records.push(undefined);
    }
  }

  #growRing(id: number): void {
    const capacity = Math.max(16, Math.ceil(this.#length * 1.5));
    const wide = id >= smallIds || this.#ring.BYTES_PER_ELEMENT === 4;
    const ring = wide ? new Uint32Array(capacity) : new Uint16Array(capacity);
    ring.set(this.#ring.subarray(0, this.#length));
    this.#ring = ring;
  }
}
