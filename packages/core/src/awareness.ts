/**
 * Awareness: how much this process should trust its own judgement (Lifeguard's local health multiplier). 0 is healthy;
 * each point stretches a probe by one more probe interval, so that a slow process accuses later.
 */
export class Awareness {
  #score = 0;
  readonly #max: number;

  /** @param maxMult scores run from 0 to `maxMult - 1`. */
  constructor(maxMult: number) {
    this.#max = Math.max(0, maxMult - 1);
  }

  get score(): number {
    return this.#score;
  }

  /** Adds `delta` (negative heals) and clamps. */
  apply(delta: number): void {
    this.#score = Math.min(this.#max, Math.max(0, this.#score + delta));
  }

  scale(ms: number): number {
    return ms * (this.#score + 1);
  }
}
