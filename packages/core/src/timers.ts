/**
 * Timers are data: deadlines, each under a key of kind and number. Setting again replaces, so there are no handles to
 * cancel. Equal deadlines fire by kind (the order of `TimerKind`), then by number: a history is a function of its seed.
 *
 * Of most kinds there is one at most, number 0: those have a fixed place. A kind with other numbers gets a heap when it
 * needs one (`timer-heap.ts`), or for the one kind whose numbers are rows a column (`timer-rows.ts`), and its place holds
 * the earliest.
 */

import { Memory } from "./memory.ts";
import { SuspectRows } from "./suspect-rows.ts";
import { TimerHeap } from "./timer-heap.ts";
import { TimerRows } from "./timer-rows.ts";

/** What a deadline is for. The order decides between equal deadlines. */
export const TimerKind = {
  /** The direct ping's time is up: ask others. */
  probeTimeout: 0,
  /** The whole probe's time is up: verdict. */
  probeEnd: 1,
  /** A ping on behalf of somebody else: nack. Number: the relay's own seqNo. */
  relay: 2,
  /** A suspect's time is up. Number: the member's row (`NameTable.rowOf`). */
  suspicion: 3,
  /** Next member to probe. */
  probe: 4,
  gossip: 5,
  pushPull: 6,
  settle: 7,
  reconnect: 8,
  reclaim: 9,
  leave: 10,
} as const;
export type TimerKind = (typeof TimerKind)[keyof typeof TimerKind];

const kinds = Object.keys(TimerKind).length;
const never = Number.POSITIVE_INFINITY;

export class TimerTable {
  readonly #memory: Memory;
  readonly #rows: SuspectRows;
  /** The earliest deadline of each kind, and behind them the earliest of all. */
  readonly #earliest: Float64Array;
  readonly #at: number;
  readonly #heaps: (TimerHeap | TimerRows | undefined)[] = [];

  /** @param rows where the deadlines of members are */
  constructor(memory = new Memory(), rows = new SuspectRows(memory)) {
    this.#memory = memory;
    this.#rows = rows;
    const block = memory.take(2 * (kinds + 1));
    this.#earliest = block.doubles;
    this.#at = block.start / 2;
    this.#earliest.fill(never, this.#at, this.#at + kinds + 1);
  }

  /** ms; Infinity when no timer is set. */
  get next(): number {
    return this.#earliest[this.#at + kinds]!;
  }

  get length(): number {
    let length = 0;
    for (let kind = 0; kind < kinds; kind++) {
      const heap = this.#heaps[kind];
      length += heap ? heap.length : this.#earliest[this.#at + kind] === never ? 0 : 1;
    }
    return length;
  }

  /** The earliest of all deadlines plus what their kind allows: ms; Infinity when no timer is set. */
  latestWake(slackMs: (kind: TimerKind) => number): number {
    let latest = never;
    for (let kind = 0; kind < kinds; kind++) {
      const earliest = this.#earliest[this.#at + kind]!;
      // What is due later than the best found so far cannot be better.
      if (earliest < latest) latest = Math.min(latest, earliest + slackMs(kind as TimerKind));
    }
    return latest;
  }

  /** @param number u32 */
  set(kind: TimerKind, number: number, deadline: number): void {
    let heap = this.#heaps[kind];
    if (number !== 0 && heap === undefined) heap = this.#makeHeap(kind);
    if (heap === undefined) {
      this.#moved(kind, deadline);
    } else {
      heap.set(number, deadline);
      this.#moved(kind, heap.next);
    }
  }

  get(kind: TimerKind, number = 0): number | undefined {
    const heap = this.#heaps[kind];
    if (heap) return heap.get(number);
    const deadline = this.#earliest[this.#at + kind]!;
    return number !== 0 || deadline === never ? undefined : deadline;
  }

  clear(kind: TimerKind, number = 0): void {
    const heap = this.#heaps[kind];
    if (heap) {
      heap.clear(number);
      this.#moved(kind, heap.next);
    } else if (number === 0) {
      this.#moved(kind, never);
    }
  }

  /** Takes out the first timer due at `now` and calls `fire` with it; false when none is due. */
  fireDue(now: number, fire: (kind: TimerKind, number: number) => void): boolean {
    const { next } = this;
    if (next > now || next === never) return false;
    let first = 0;
    while (this.#earliest[this.#at + first] !== next) first++;
    const kind = first as TimerKind;
    const number = this.#heaps[kind]?.firstNumber ?? 0;
    this.clear(kind, number);
    fire(kind, number);
    return true;
  }

  /** Moves all deadlines of one kind later by `ms`. */
  postpone(kind: TimerKind, ms: number): void {
    this.#heaps[kind]?.postpone(ms);
    this.#moved(kind, this.#earliest[this.#at + kind]! + ms);
  }

  #makeHeap(kind: TimerKind): TimerHeap | TimerRows {
    const heap = kind === TimerKind.suspicion ? new TimerRows(this.#memory, this.#rows) : new TimerHeap();
    const earliest = this.#earliest[this.#at + kind]!;
    if (earliest !== never) heap.set(0, earliest);
    while (this.#heaps.length <= kind) this.#heaps.push(undefined);
    this.#heaps[kind] = heap;
    return heap;
  }

  /** The earliest of a kind is another now. */
  #moved(kind: TimerKind, deadline: number): void {
    const earliest = this.#earliest;
    const at = this.#at;
    const before = earliest[at + kind]!;
    if (before === deadline) return;
    earliest[at + kind] = deadline;
    if (deadline <= earliest[at + kinds]!) {
      earliest[at + kinds] = deadline;
    } else if (before === earliest[at + kinds]) {
      let first = earliest[at]!;
      for (let other = 1; other < kinds; other++) if (earliest[at + other]! < first) first = earliest[at + other]!;
      earliest[at + kinds] = first;
    }
  }
}
