/**
 * Deadlines under small numbers, for a kind of timer of which there are many, close together: a column. The earliest is
 * kept at hand, and the earliest of each group of rows, so that even a hundred thousand of them, which a peer's list may
 * put there at once, are gone through in groups. To set or move a deadline is to write one number.
 */

import { type Memory, Rows } from "./memory.ts";
import { type SuspectRows, SuspectTime, suspectStride } from "./suspect-rows.ts";

/** Rows of a group: 32. */
const groupBits = 5;
const groupSize = 1 << groupBits;
const never = Number.POSITIVE_INFINITY;

export class TimerRows {
  readonly #rows: SuspectRows;
  readonly #groups: Rows;
  #next = never;
  #length = 0;

  constructor(memory: Memory, rows: SuspectRows) {
    this.#rows = rows;
    this.#groups = new Rows(memory, 2);
  }

  /** ms; Infinity when no timer is set. */
  get next(): number {
    return this.#next;
  }

  /** Of equal deadlines the lowest number. Only when `next` is finite. */
  get firstNumber(): number {
    const groupsAt = this.#groups.at / 2;
    let group = 0;
    while (this.#groups.doubles[groupsAt + group] !== this.#next) group++;
    let number = group << groupBits;
    while (this.#rows.doubles[this.#at(number)] !== this.#next) number++;
    return number;
  }

  get length(): number {
    return this.#length;
  }

  get(number: number): number | undefined {
    const deadline = number < this.#rows.count ? this.#rows.doubles[this.#at(number)]! : never;
    return deadline === never ? undefined : deadline;
  }

  /** @param number 0 and up, and dense: there is a row for each up to the highest @param deadline finite */
  set(number: number, deadline: number): void {
    this.#rows.need(number);
    this.#groups.reserve(number >> groupBits, never);
    this.#write(number, deadline);
  }

  clear(number: number): void {
    if (number < this.#rows.count) this.#write(number, never);
  }

  /** All later by `ms`: the order stays. */
  postpone(ms: number): void {
    for (let row = 0; row < this.#rows.count; row++) this.#rows.doubles[this.#at(row)]! += ms;
    const { doubles, at, count } = this.#groups;
    for (let i = at / 2; i < at / 2 + count; i++) doubles[i]! += ms;
    this.#next += ms;
  }

  #write(number: number, deadline: number): void {
    const rows = this.#rows.doubles;
    const at = this.#at(number);
    const before = rows[at]!;
    if (before === deadline) return;
    rows[at] = deadline;
    if (before === never) this.#length++;
    else if (deadline === never) this.#length--;
    const groups = this.#groups.doubles;
    const groupAt = this.#groups.at / 2 + (number >> groupBits);
    const earliest = groups[groupAt]!;
    if (deadline <= earliest) groups[groupAt] = deadline;
    else if (before === earliest) groups[groupAt] = this.#earliestOf(number >> groupBits);
    else return;
    if (deadline <= this.#next) this.#next = deadline;
    else if (before === this.#next) this.#next = this.#earliestGroup();
  }

  #earliestOf(group: number): number {
    const { doubles, count } = this.#rows;
    const end = this.#at(Math.min((group + 1) * groupSize, count));
    let earliest = never;
    for (let i = this.#at(group * groupSize); i < end; i += suspectStride / 2) {
      if (doubles[i]! < earliest) earliest = doubles[i]!;
    }
    return earliest;
  }

  #at(row: number): number {
    return this.#rows.at / 2 + row * (suspectStride / 2) + SuspectTime.deadline;
  }

  #earliestGroup(): number {
    const { doubles, at, count } = this.#groups;
    let earliest = never;
    for (let i = at / 2; i < at / 2 + count; i++) if (doubles[i]! < earliest) earliest = doubles[i]!;
    return earliest;
  }
}
