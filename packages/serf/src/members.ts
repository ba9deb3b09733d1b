/**
 * Serf's own table: a status for everybody known, and who is on the lists of the failed and the left (serf protocol
 * notes, section 7.1). It remembers the failed and left for hours after the failure detector has forgotten them, so it
 * keeps what was last known of those; of the living the detector's table is asked. Bookkeeping only: `membership.ts`
 * has the rules.
 *
 * Columns indexed by the name's number, as in the detector's table: seventeen bytes a member.
 */
import type { MemberView, NameTable } from "@hearsay/core";

/** A status by its number on the wire. */
export const statusNames = ["none", "alive", "leaving", "left", "failed"] as const;
export type MemberStatus = (typeof statusNames)[number];

export const Status = { none: 0, alive: 1, leaving: 2, left: 3, failed: 4 } as const;
export type Status = (typeof Status)[keyof typeof Status];

/** A member that failed or left: since when, and what was known of it then. */
export interface Gone {
  /**
   * ms: when it failed or left. One that failed and was then declared left keeps the time of its failure, so that a
   * late declaration does not prolong its stay.
   */
  readonly at: number;
  readonly last: MemberView;
}

export class SerfMembers {
  readonly names: NameTable;
  #statuses = new Uint8Array(16);
  #statusLTimes = new Float64Array(16);
  #since = new Float64Array(16);
  readonly #failed = new Map<number, Gone>();
  readonly #left = new Map<number, Gone>();
  #length = 0;

  constructor(names: NameTable) {
    this.names = names;
  }

  /** Everybody known, whatever the status. */
  get length(): number {
    return this.#length;
  }

  /** By number, oldest first but for those declared left late. */
  get failed(): ReadonlyMap<number, Gone> {
    return this.#failed;
  }

  get left(): ReadonlyMap<number, Gone> {
    return this.#left;
  }

  /** The number of a member in this table, or -1. */
  find(name: string): number {
    const id = this.names.find(name);
    return id >= 0 && this.status(id) !== Status.none ? id : -1;
  }

  /** The numbers of all, in a fixed order. */
  *ids(): IterableIterator<number> {
    for (let id = 0; id < this.#statuses.length; id++) if (this.#statuses[id] !== Status.none) yield id;
  }

  status(id: number): Status {
    return (this.#statuses[id] ?? Status.none) as Status;
  }

  statusLTime(id: number): number {
    return this.#statusLTimes[id]!;
  }

  /** ms: when it came into its present status. */
  since(id: number): number {
    return this.#since[id]!;
  }

  gone(id: number): Gone | undefined {
    return this.#failed.get(id) ?? this.#left.get(id);
  }

  add(name: string, statusLTime: number, now: number): number {
    const id = this.names.acquire(name);
    this.#reserve(id + 1);
    this.#statuses[id] = Status.alive;
    this.#statusLTimes[id] = statusLTime;
    this.#since[id] = now;
    this.#length++;
    return id;
  }

  /** Forgets a member, whatever its status. */
  remove(id: number): void {
    this.#failed.delete(id);
    this.#left.delete(id);
    this.#statuses[id] = Status.none;
    this.#length--;
    this.names.release(id);
  }

  setStatusLTime(id: number, time: number): void {
    this.#statusLTimes[id] = time;
  }

  /** Alive or leaving: among the living, off both lists. */
  setPresent(id: number, status: typeof Status.alive | typeof Status.leaving, now: number): void {
    this.#failed.delete(id);
    this.#left.delete(id);
    this.#setStatus(id, status, now);
  }

  /** Failed or left: on that list, off the other. */
  setGone(id: number, status: typeof Status.failed | typeof Status.left, gone: Gone, now: number): void {
    (status === Status.left ? this.#failed : this.#left).delete(id);
    (status === Status.left ? this.#left : this.#failed).set(id, gone);
    this.#setStatus(id, status, now);
  }

  #setStatus(id: number, status: Status, now: number): void {
    if (this.#statuses[id] !== status) this.#since[id] = now;
    this.#statuses[id] = status;
  }

  #reserve(size: number): void {
    if (size <= this.#statuses.length) return;
    let capacity = this.#statuses.length;
    while (capacity < size) capacity *= 2;
    const statuses = new Uint8Array(capacity);
    statuses.set(this.#statuses);
    this.#statuses = statuses;
    this.#statusLTimes = grown(this.#statusLTimes, capacity);
    this.#since = grown(this.#since, capacity);
  }
}

function grown(old: Float64Array, capacity: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(capacity);
  larger.set(old);
  return larger;
}
