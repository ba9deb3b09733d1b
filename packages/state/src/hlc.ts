/**
 * Hybrid logical clock: a wall clock that never goes back and is never behind what it has seen, so that a write made in
 * knowledge of another has the later stamp, whatever the clocks say. 48 bits of milliseconds and 16 of a counter, kept
 * apart because together they exceed what a number holds exactly.
 * Source: Kulkarni, Demirbas et al., "Logical Physical Clocks" (2014).
 */

export interface Stamp {
  /** Wall-clock ms since 1970, 0 … 2^48 − 1. */
  readonly ms: number;
  /** Position among those of the same ms: 0 … 65535. */
  readonly count: number;
}

export const maxStampMs = 2 ** 48 - 1;
export const maxStampCount = 0xffff;
export const noStamp: Stamp = { ms: 0, count: 0 };

export function compareStamps(a: Stamp, b: Stamp): number {
  return a.ms - b.ms || a.count - b.count;
}

export class HybridClock {
  #ms = 0;
  #count = 0;

  /** The latest stamp given or seen. */
  get latest(): Stamp {
    return { ms: this.#ms, count: this.#count };
  }

  /** The stamp of a write at `wallMs`: later than all given or seen before. A full counter borrows from the next ms. */
  next(wallMs: number): Stamp {
    const wall = Math.min(Math.max(0, Math.floor(wallMs)), maxStampMs);
    if (wall > this.#ms) {
      this.#ms = wall;
      this.#count = 0;
    } else if (this.#count < maxStampCount) this.#count++;
    else {
      this.#ms++;
      this.#count = 0;
    }
    return this.latest;
  }

  /** Another's stamp, which the caller has found not too far ahead. */
  witness(stamp: Stamp): void {
    if (compareStamps(stamp, this.latest) <= 0) return;
    this.#ms = stamp.ms;
    this.#count = stamp.count;
  }
}
