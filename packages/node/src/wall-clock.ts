/** From the machine's monotonic milliseconds to dates. */

/** A step of the system's clock smaller than this is jitter of reading it: ms. */
const STEP_MS = 20;

export class WallClock {
  #offset = Number.NaN;

  /** The date of a monotonic time; the same time gives the same date, until somebody sets the clock. */
  date(monotonicMs: number): Date {
    const offset = Date.now() - performance.now();
    if (!(Math.abs(offset - this.#offset) < STEP_MS)) this.#offset = offset;
    return new Date(Math.round(this.#offset + monotonicMs));
  }
}
