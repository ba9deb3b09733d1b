/**
 * Suspicions: how long each accused member may still speak up. Not a detector: `probe.ts` accuses, this only counts down.
 * More independent accusers shorten the wait, from the longest towards the shortest. Owns no timer; `claims.ts` keeps the
 * deadlines, and knows which accusers were heard as far as the name table has numbers for them. Source: Lifeguard,
 * LHA-Suspicion; reference 12.4 and 12.5.
 */
import { suspicionTotalMs } from "./formulas.ts";
import { type SuspectRows, SuspectTime, SuspectWord, suspectStride } from "./suspect-rows.ts";

/** One of them, to look at. */
export interface Suspicion {
  readonly startedAt: number;
  /** Accusers that confirmed the first one. */
  readonly confirmations: number;
  readonly wanted: number;
  readonly minMs: number;
  readonly maxMs: number;
  /** When its time is up, as things stand: ms. */
  readonly deadline: number;
}

export class Suspicions {
  readonly #rows: SuspectRows;
  readonly #maxMult: number;
  #count = 0;
  /** Accusers who have no number, by row. At most as many as are wanted, and the first. */
  #others: Map<number, string[]> | undefined;

  /** @param maxMult the longest wait as a multiple of the shortest */
  constructor(rows: SuspectRows, maxMult: number) {
    this.#rows = rows;
    this.#maxMult = maxMult;
  }

  get count(): number {
    return this.#count;
  }

  /** @param row of the suspect (`NameTable.rowOf`) */
  has(row: number): boolean {
    return row >= 0 && row < this.#rows.count && this.#rows.words[this.#at(row) + SuspectWord.had] !== 0;
  }

  get(row: number): Suspicion | undefined {
    if (!this.has(row)) return undefined;
    const { words, doubles } = this.#rows;
    const at = this.#at(row);
    const minMs = doubles[at / 2 + SuspectTime.minMs]!;
    return {
      startedAt: doubles[at / 2 + SuspectTime.startedAt]!,
      confirmations: words[at + SuspectWord.had]! - 1,
      wanted: words[at + SuspectWord.wanted]!,
      minMs,
      maxMs: minMs * this.#maxMult,
      deadline: this.deadline(row),
    };
  }

  /** The first accuser never counts as a confirmation. @param unnumbered its name, where it has no number */
  begin(row: number, wanted: number, minMs: number, now: number, unnumbered: string | undefined): void {
    const rows = this.#rows;
    rows.need(row);
    const at = this.#at(row);
    rows.doubles[at / 2 + SuspectTime.startedAt] = now;
    rows.doubles[at / 2 + SuspectTime.minMs] = minMs;
    rows.doubles[at / 2 + SuspectTime.excusedMs] = 0;
    rows.words[at + SuspectWord.wanted] = wanted;
    rows.words[at + SuspectWord.had] = 1;
    this.#count++;
    if (unnumbered !== undefined) this.#isNew(row, unnumbered);
  }

  /**
   * One more accuser, with a number and not heard before, or `unnumbered`. True when it was still wanted: then it is worth
   * passing on.
   */
  confirm(row: number, unnumbered: string | undefined): boolean {
    if (this.isSettled(row) || (unnumbered !== undefined && !this.#isNew(row, unnumbered))) return false;
    this.#rows.words[this.#at(row) + SuspectWord.had]!++;
    return true;
  }

  /** No further accuser changes anything. */
  isSettled(row: number): boolean {
    const { words } = this.#rows;
    const at = this.#at(row);
    return words[at + SuspectWord.had]! > words[at + SuspectWord.wanted]!;
  }

  /** When its time is up, as things stand: ms. */
  deadline(row: number): number {
    const { words, doubles } = this.#rows;
    const at = this.#at(row);
    const wanted = words[at + SuspectWord.wanted]!;
    const minMs = doubles[at / 2 + SuspectTime.minMs]!;
    const total =
      wanted < 1 ? minMs : suspicionTotalMs(words[at + SuspectWord.had]! - 1, wanted, minMs, minMs * this.#maxMult);
    return doubles[at / 2 + SuspectTime.startedAt]! + total + doubles[at / 2 + SuspectTime.excusedMs]!;
  }

  /** This process stood still for so long, and could not hear a refutation. */
  excuse(row: number, ms: number): void {
    this.#rows.doubles[this.#at(row) / 2 + SuspectTime.excusedMs]! += ms;
  }

  end(row: number): void {
    this.#rows.words[this.#at(row) + SuspectWord.had] = 0;
    this.#others?.delete(row);
    this.#count--;
  }

  #at(row: number): number {
    return this.#rows.at + row * suspectStride;
  }

  #isNew(row: number, accuser: string): boolean {
    this.#others ??= new Map();
    const others = this.#others.get(row);
    if (others === undefined) this.#others.set(row, [accuser]);
    else if (others.includes(accuser)) return false;
    else others.push(accuser);
    return true;
  }
}
