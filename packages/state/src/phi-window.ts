/**
 * The last intervals of thousands of members, as columns: a ring of 4-byte integers each, with its sum and its sum of
 * squares. Intervals are eighths of a millisecond, at most 2^22 of them, and a ring holds at most 512: so both sums are
 * whole numbers below 2^53, and however long it runs they are exact, with no drift to mend.
 */

const perMs = 8;

export class IntervalWindows {
  readonly #length: number;
  #intervals: Uint32Array;
  #sums: Float64Array;
  #squares: Float64Array;
  #counts: Uint16Array;
  #heads: Uint16Array;

  /** @param length intervals kept in each row, 1 ... 512. */
  constructor(length: number) {
    this.#length = length;
    this.#intervals = new Uint32Array(0);
    this.#sums = new Float64Array(0);
    this.#squares = new Float64Array(0);
    this.#counts = new Uint16Array(0);
    this.#heads = new Uint16Array(0);
  }

  /** Makes room for this many rows; those there are keep what they hold. */
  grow(rows: number): void {
    this.#intervals = copied(new Uint32Array(rows * this.#length), this.#intervals);
    this.#sums = copied(new Float64Array(rows), this.#sums);
    this.#squares = copied(new Float64Array(rows), this.#squares);
    this.#counts = copied(new Uint16Array(rows), this.#counts);
    this.#heads = copied(new Uint16Array(rows), this.#heads);
  }

  clear(row: number): void {
    this.#sums[row] = 0;
    this.#squares[row] = 0;
    this.#counts[row] = 0;
    this.#heads[row] = 0;
  }

  /** @param ms 0 ... 524,287; rounded to an eighth. The oldest goes when the row is full. */
  push(row: number, ms: number): void {
    const head = this.#heads[row]!;
    const at = row * this.#length + head;
    if (this.#counts[row] === this.#length) {
      const oldest = this.#intervals[at]!;
      this.#sums[row]! -= oldest;
      this.#squares[row]! -= oldest * oldest;
    } else this.#counts[row]!++;
    const interval = Math.round(ms * perMs);
    this.#intervals[at] = interval;
    this.#sums[row]! += interval;
    this.#squares[row]! += interval * interval;
    this.#heads[row] = head + 1 === this.#length ? 0 : head + 1;
  }

  count(row: number): number {
    return this.#counts[row]!;
  }

  /** ms; 0 of an empty row. */
  mean(row: number): number {
    return this.#sums[row]! / Math.max(1, this.#counts[row]!) / perMs;
  }

  /** ms, of the row as a whole; 0 of an empty row. */
  deviation(row: number): number {
    const count = Math.max(1, this.#counts[row]!);
    const mean = this.#sums[row]! / count;
    return Math.sqrt(Math.max(0, this.#squares[row]! / count - mean * mean)) / perMs;
  }

  /** Bytes that one row takes. */
  get rowBytes(): number {
    return this.#length * 4 + 20;
  }
}

function copied<T extends Uint32Array | Float64Array | Uint16Array>(to: T, from: T): T {
  to.set(from);
  return to;
}
