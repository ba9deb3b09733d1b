/**
 * What a machine notes about each member that something happened to, beside its mark: one row, one cache line, whoever of
 * its parts it is for. What happens to a member in a large pool under load is then one wait for memory, not one for each
 * part. The parts own their columns; nobody else writes them.
 */
import { type Memory, Rows } from "./memory.ts";

/** Words of a row. */
export const rowStride = 16;

/** Columns of words; see the part that owns each. */
export const Column = {
  /** `MemberTable` */
  incarnation: 0,
  /** `Suspicions`: confirmations wanted; and had, plus one, or 0. */
  wanted: 1,
  had: 2,
} as const;

/** Columns of doubles, which follow. */
export const Time = {
  /** `MemberTable` */
  changedAt: 2,
  /** `Suspicions` */
  startedAt: 3,
  minMs: 4,
  excusedMs: 5,
  /** `TimerRows`: Infinity for none. */
  deadline: 6,
} as const;

export class MemberRows extends Rows {
  constructor(memory: Memory) {
    super(memory, rowStride);
  }

  /** Makes room for the row of this number. */
  need(row: number): void {
    if (row < this.count) return;
    const before = this.count;
    this.reserve(row, 0);
    for (let i = before; i < this.count; i++) {
      this.doubles[(this.at + i * rowStride) / 2 + Time.deadline] = Number.POSITIVE_INFINITY;
    }
  }
}
