/** Lets the same thing through once in a while: for log lines that a peer could otherwise cause without end. */

/** Causes remembered; beyond, the oldest are forgotten and may speak again. */
const MAX_CAUSES = 1000;

export class Throttle {
  readonly #intervalMs: number;
  readonly #now: () => number;
  readonly #last = new Map<string, number>();

  constructor(intervalMs: number, now: () => number = () => performance.now()) {
    this.#intervalMs = intervalMs;
    this.#now = now;
  }

  /** True for the first of each cause, and again after the interval. */
  allows(cause: string): boolean {
    const now = this.#now();
    const last = this.#last.get(cause);
    if (last !== undefined && now - last < this.#intervalMs) return false;
    this.#last.delete(cause);
    this.#last.set(cause, now);
    if (this.#last.size > MAX_CAUSES) this.#last.delete(this.#last.keys().next().value!);
    return true;
  }
}
