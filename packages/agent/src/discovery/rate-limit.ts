/** So much a second, from all and from each. Time is an argument. */

const WINDOW_MS = 1000;

export class RateLimit {
  readonly #total: number;
  readonly #each: number;
  #since = Number.NEGATIVE_INFINITY;
  #taken = 0;
  /** Never more than `total` entries. */
  readonly #byKey = new Map<string, number>();

  constructor(limits: { readonly total: number; readonly each: number }) {
    this.#total = limits.total;
    this.#each = limits.each;
  }

  /** @param now ms, monotonic. False when it is too much; then nothing is taken. */
  take(key: string, now: number, amount = 1): boolean {
    if (now - this.#since >= WINDOW_MS) {
      this.#since = now;
      this.#taken = 0;
      this.#byKey.clear();
    }
    const ofKey = this.#byKey.get(key) ?? 0;
    if (this.#taken + amount > this.#total || ofKey + amount > this.#each) return false;
    this.#taken += amount;
    this.#byKey.set(key, ofKey + amount);
    return true;
  }
}
