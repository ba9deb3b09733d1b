/** A rate with a burst: so much a second on the average, and so much at once. Driven by the machine's time. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  /** ms: when `#tokens` was right. */
  #at = 0;

  /** Begins full. */
  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** What may be spent now. */
  available(now: number): number {
    if (now > this.#at) {
      this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) * this.#perSecond) / 1000);
      this.#at = now;
    }
    return this.#tokens;
  }

  /** Takes one if there is a whole one. */
  take(now: number): boolean {
    if (this.available(now) < 1) return false;
    this.#tokens--;
    return true;
  }

  /** Takes `count`, at most what there is. */
  spend(count: number, now: number): void {
    this.#tokens = Math.max(0, this.available(now) - count);
  }
}
