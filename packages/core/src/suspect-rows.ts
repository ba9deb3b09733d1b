/**
 * What a machine notes about each suspect: one row, whoever of its parts it is for. What happens to a suspect in a large
 * pool under load is then one wait for memory, not one for each part. The parts own their columns; nobody else writes
 * them. There are no rows until the first suspicion.
 */
import { type Memory, Rows } from "./memory.ts";

/** Words of a row. */
export const suspectStride = 10;

/** Columns of words, `Suspicions`' own: confirmations wanted; and had, plus one, or 0 for no suspicion. */
export const SuspectWord = { wanted: 0, had: 1 } as const;

/** Columns of doubles. */
export const SuspectTime = {
  /** `Suspicions` */
  startedAt: 1,
  minMs: 2,
  excusedMs: 3,
  /** `TimerRows`: Infinity for none. */
  deadline: 4,
} as const;

export class SuspectRows extends Rows {
  constructor(memory: Memory) {
    super(memory, suspectStride);
  }

  /** Makes room for the row of this number (`NameTable.rowOf`). */
  need(row: number): void {
    if (row < this.count) return;
    const before = this.count;
    this.reserve(row, 0);
    for (let i = before; i < this.count; i++) {
      this.doubles[(this.at + i * suspectStride) / 2 + SuspectTime.deadline] = Number.POSITIVE_INFINITY;
    }
  }
}
