/** When one owner's writes were asked for and made, and what somebody who knows it up to some version lacks. */

/** What a copy lacks. */
export interface Behind {
  /** Since the oldest write that it lacks was made: ms. 0: it lacks none. */
  readonly writtenMs: number;
  /** Since the oldest wish that it does not show: ms. */
  readonly askedMs: number;
  /** Keys that differ. */
  readonly keys: number;
}

export class WriteLog {
  /** By version, from the first: when it was made, and when its key was first asked for since it was last made. */
  readonly #madeAt: number[] = [];
  readonly #askedAt: number[] = [];
  /** Of each key: the version that holds. */
  readonly #latest = new Map<string, number>();
  /** Keys asked for and not made yet. */
  readonly #waiting = new Map<string, number>();
  // As of the last `look`.
  #now = 0;
  #latestSorted: readonly number[] = [];
  /** By version: the earliest wish at or above it, the waiting ones included. */
  #earliest: readonly number[] = [];

  get versions(): number {
    return this.#madeAt.length;
  }

  /** The owner wishes to write a key. */
  ask(key: string, now: number): void {
    if (!this.#waiting.has(key)) this.#waiting.set(key, now);
  }

  /** The key was written, as the next version. */
  made(key: string, now: number): void {
    this.#madeAt.push(now);
    this.#askedAt.push(this.#waiting.get(key) ?? now);
    this.#latest.set(key, this.#madeAt.length);
    this.#waiting.delete(key);
  }

  /** Prepares for many questions about this moment. */
  look(now: number): void {
    this.#now = now;
    this.#latestSorted = [...this.#latest.values()].sort((a, b) => a - b);
    const earliest = new Array<number>(this.#askedAt.length + 1);
    let least = now;
    for (const at of this.#waiting.values()) least = Math.min(least, at);
    for (let i = this.#askedAt.length; i >= 0; i--) {
      least = Math.min(least, this.#askedAt[i] ?? now);
      earliest[i] = least;
    }
    this.#earliest = earliest;
  }

  /** Of a copy that is complete up to this version, as of the last `look`. */
  behind(version: number): Behind {
    const madeAt = this.#madeAt[version];
    return {
      writtenMs: madeAt === undefined ? 0 : this.#now - madeAt,
      askedMs: this.#now - this.#earliest[Math.min(version, this.#askedAt.length)]!,
      keys: this.#latestSorted.length - firstAbove(this.#latestSorted, version),
    };
  }
}

/** Index of the first number above `value` in an ascending list. */
function firstAbove(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
