/**
 * The view of the pool: one row for each member, and the ring in which members are probed. Bookkeeping only: `claims.ts`
 * decides what goes in.
 *
 * Columns hold what this machine has learned by itself; what it has only been told at a warm start stays in the pool it
 * was told of, which thousands of machines may share. A row's number belongs to the name (`NameTable.rowOf`).
 */
import { isDeaf, settled, stateBits, unwritten } from "./hearing.ts";
import { absent, type KnownPool } from "./known-pool.ts";
import { type Block, Rows } from "./memory.ts";
import { type Dead, MemberState, type Suspect } from "./messages.ts";
import type { MemberRecord, NameTable } from "./names.ts";
import type { Rng } from "./rng.ts";

/** Numbers below fit a ring of half the size. */
const smallIds = 0x1_0000;

type Ring = Uint16Array | Uint32Array;

/** Words of a row of details. */
const detailStride = 4;

const nothing: Block = { words: new Int32Array(0), doubles: new Float64Array(0), start: 0, size: 0 };

export class MemberTable {
  readonly names: NameTable;
  #known: KnownPool | undefined;
  /** When the known pool was taken over: ms. */
  #knownAt = 0;
  /** Marks, for so many rows: state, whether accusers matter, and which of them were heard: 4, 4 and 24 bits. */
  #block: Block;
  #rows = 0;
  #words: Int32Array;
  #marksAt = 0;
  /** Of each row: the incarnation, and as a double when the state changed. */
  readonly #details: Rows;
  /** Of those members of whom the known pool has no record, or another one. */
  readonly #records: (MemberRecord | undefined)[] = [];
  #ring: Ring = new Uint16Array(0);
  #length = 0;
  #probeIndex = 0;
  #alive = 0;

  /** Its number in the names' `hearing`. */
  readonly listener: number;

  constructor(names: NameTable) {
    this.names = names;
    this.listener = names.hearing.add();
    this.#block = nothing;
    this.#words = nothing.words;
    this.#details = new Rows(names.memory, detailStride);
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
    return row >= 0
      ? this.#details.words[this.#details.at + row * detailStride]! >>> 0
      : this.#known!.incarnations[id]!;
  }

  /** ms of the last change of state. */
  changedAt(id: number): number {
    const row = this.#rowOf(id);
    return row >= 0 ? this.#details.doubles[this.#details.at / 2 + row * (detailStride / 2) + 1]! : this.#knownAt;
  }

  record(id: number): MemberRecord {
    if (this.#records.length > 0) {
      const row = this.names.rowOf(id);
      const own = row >= 0 && row < this.#records.length ? this.#records[row] : undefined;
      if (own !== undefined) return own;
    }
    return this.#known!.records[id]!;
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
    return row >= 0 && row < this.#rows && isDeaf(this.#words[this.#marksAt + row]!, claim);
  }

  /** Whether a suspect's accuser was heard (`hear`). */
  hasHeard(id: number, accuserBit: number): boolean {
    const row = this.#rowOf(id);
    return row >= 0 && (this.#words[this.#marksAt + row]! & accuserBit) !== 0;
  }

  /** A suspect's accuser has been heard (`NameTable.accuserBit`). Until its next change of state. */
  hear(id: number, accuserBit: number): void {
    const row = this.#write(id);
    this.#words[this.#marksAt + row]! |= accuserBit;
  }

  /** A suspect's wait cannot be shortened any more. Until its next change of state. */
  settle(id: number): void {
    const row = this.#write(id);
    this.#words[this.#marksAt + row]! |= settled;
  }

  /** A new member, dead with incarnation 0 until a claim says otherwise, at a random place of the ring (12.1). */
  add(name: string, rng: Rng, now: number): number {
    const id = this.names.acquire(name);
    const row = this.#write(id);
    this.#words[this.#marksAt + row] = MemberState.dead;
    this.#setIncarnation(row, 0);
    this.#setChangedAt(row, now);
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
    this.#setIncarnation(this.#write(id), incarnation);
  }

  setRecord(id: number, record: MemberRecord): void {
    const row = this.#write(id);
    if (row >= this.#records.length) {
      // Who the known pool has said the truth about needs none here.
      if (this.#isKnown(id) && this.#known!.records[id] === record) return;
      while (this.#records.length <= row) this.#records.push(undefined);
    }
    this.#records[row] = record;
  }

  setState(id: number, state: MemberState, now: number): void {
    const row = this.#write(id);
    const mark = this.#marksAt + row;
    const before = (this.#words[mark]! & stateBits) <= MemberState.suspect;
    const after = state <= MemberState.suspect;
    this.#words[mark] = state >= MemberState.dead ? state | settled : state;
    this.#setChangedAt(row, now);
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
    return row >= 0 && row < this.#rows && this.#words[this.#marksAt + row] !== unwritten ? row : -1;
  }

  #stateAt(row: number, id: number): number {
    if (row < 0) return this.#known !== undefined && id < this.#known.states.length ? this.#known.states[id]! : absent;
    const mark = this.#words[this.#marksAt + row]!;
    return mark === absent ? absent : mark & stateBits;
  }

  /** Whether the known pool says anything of this number. */
  #isKnown(id: number): boolean {
    return this.#known !== undefined && id < this.#known.states.length && this.#known.states[id] !== absent;
  }

  /** The row of this number, with what is known so far in it. */
  #write(id: number): number {
    const row = this.names.needRow(id);
    if (row >= this.#rows) this.#reserve(this.names.rowCount);
    this.#details.reserve(row, 0);
    if (this.#words[this.#marksAt + row] === unwritten) {
      const known = this.#known !== undefined && id < this.#known.states.length ? this.#known : undefined;
      this.#words[this.#marksAt + row] = known?.states[id] ?? MemberState.dead;
      this.#setIncarnation(row, known?.incarnations[id] ?? 0);
      this.#setChangedAt(row, this.#knownAt);
    }
    return row;
  }

  /** A known pool's names keep their rows; others may pass theirs on, so nothing must be left in it. */
  #forget(id: number): void {
    const row = this.#write(id);
    if (row < this.#records.length) this.#records[row] = undefined;
    this.#words[this.#marksAt + row] = this.#isKnown(id) ? absent : unwritten;
    this.names.release(id);
  }

  #reserve(size: number): void {
    const before = this.#rows;
    let rows = Math.max(16, before);
    // Large tables grow by a quarter: a simulator holds thousands of them.
    while (rows < size) rows = rows < 1024 ? rows * 2 : Math.ceil((rows * 1.25) / 16) * 16;
    const { memory, hearing } = this.names;
    const block = memory.take(rows);
    const { words, start } = block;
    words.set(this.#words.subarray(this.#marksAt, this.#marksAt + before), start);
    words.fill(unwritten, start + before, start + rows);
    if (before > 0) memory.give(this.#block);
    this.#block = block;
    this.#rows = rows;
    this.#words = words;
    this.#marksAt = start;
    hearing.moved(this.listener, block, rows);
  }

  #setIncarnation(row: number, incarnation: number): void {
    const { words, at } = this.#details;
    words[at + row * detailStride] = incarnation;
  }

  #setChangedAt(row: number, now: number): void {
    const { doubles, at } = this.#details;
    doubles[at / 2 + row * (detailStride / 2) + 1] = now;
  }

  #growRing(id: number): void {
    const capacity = Math.max(16, Math.ceil(this.#length * 1.5));
    const wide = id >= smallIds || this.#ring.BYTES_PER_ELEMENT === 4;
    const ring = wide ? new Uint32Array(capacity) : new Uint16Array(capacity);
    ring.set(this.#ring.subarray(0, this.#length));
    this.#ring = ring;
  }
}
