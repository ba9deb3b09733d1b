/**
 * φ accrual over the arrivals of news about each member: how unlikely this silence is, given how often there has been news
 * so far. The exponential model of Cassandra: φ = t / (μ ln 10), so Φ = 8 is a silence of 18.4 mean intervals; the model
 * must be said with the threshold, because a normal one means another silence by the same number.
 *
 * As in Cassandra, an interval longer than a cap is not counted, or each outage would teach patience. Its window of the
 * last thousand intervals is a running mean of that weight here: N² windows of a thousand would be gigabytes.
 * Source: Hayashibara et al. 2004; Cassandra `FailureDetector`.
 */
const window = 1000;
/** The expected interval weighs as much as so many measured ones, until the window has filled up. */
const priorWeight = 20;

export class Arrivals {
  /** Mean interval between news about each member: ms. */
  readonly #means: Float64Array;
  readonly #counts: Uint16Array;
  readonly #last: Float64Array;
  readonly #capMs: number;

  /** @param expectedMs what each mean begins with: few samples by themselves say nothing, and convict the healthy. */
  constructor(members: number, expectedMs: number, capMs: number) {
    this.#means = new Float64Array(members).fill(expectedMs);
    this.#counts = new Uint16Array(members).fill(priorWeight);
    this.#last = new Float64Array(members);
    this.#capMs = capMs;
  }

  /** Of everyone there was news just now. */
  begin(now: number): void {
    this.#last.fill(now);
  }

  arrived(member: number, now: number): void {
    const interval = now - this.#last[member]!;
    this.#last[member] = now;
    if (interval > this.#capMs) return;
    if (this.#counts[member]! < window) this.#counts[member]!++;
    this.#means[member]! += (interval - this.#means[member]!) / this.#counts[member]!;
  }

  meanMs(member: number): number {
    return this.#means[member]!;
  }

  phi(member: number, now: number): number {
    return (now - this.#last[member]!) / (this.#means[member]! * Math.LN10);
  }
}
