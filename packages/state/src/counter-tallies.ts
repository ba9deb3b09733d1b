/**
 * What one life did to each counter, in one of two forms: a map while it goes on, an array once it is folded, at a third of
 * the room. Both take the maximum of what they hold and what is told, and give what is newer than a version, oldest first.
 */

/** What one life did to one counter. */
export interface Tally {
  /** Added in all, 0 ... 2^53 - 1. Never falls. */
  readonly plus: number;
  /** Subtracted in all, 0 ... 2^53 - 1. Never falls. */
  readonly minus: number;
  /** Of the life, when this last changed. */
  readonly version: number;
}

export interface NumberedTally extends Tally {
  /** The counter's number in its table. */
  readonly counter: number;
}

export interface Tallies {
  readonly size: number;
  get(counter: number): Tally | undefined;
  /** In its place, whatever was there. */
  set(counter: number, tally: Tally): void;
  /** At most so many of those of a version above `from`, in the order of versions. */
  since(from: number, most: number): NumberedTally[];
  all(): Iterable<NumberedTally>;
}

/** Kept in the order of versions: what changes goes to the end, so that news are found without sorting. */
export class OpenTallies implements Tallies {
  readonly #map = new Map<number, Tally>();
  #last = 0;
  #sorted = true;

  get size(): number {
    return this.#map.size;
  }

  get(counter: number): Tally | undefined {
    return this.#map.get(counter);
  }

  set(counter: number, tally: Tally): void {
    this.#map.delete(counter);
    this.#map.set(counter, tally);
    // Only what is told anew, because members differed, comes out of order.
    if (tally.version < this.#last) this.#sorted = false;
    this.#last = Math.max(this.#last, tally.version);
  }

  since(from: number, most: number): NumberedTally[] {
    if (!this.#sorted) return oldest(this.all(), from, most);
    const out: NumberedTally[] = [];
    for (const [counter, tally] of this.#map) {
      if (tally.version <= from) continue;
      if (out.length >= most) break;
      out.push({ counter, ...tally });
    }
    return out;
  }

  *all(): Generator<NumberedTally> {
    for (const [counter, tally] of this.#map) yield { counter, ...tally };
  }
}

/** Numbers of one tally: which counter, plus, minus, version. */
const stride = 4;

/** Ordered by counter, 32 bytes each. It may still grow: a life that was given up may come back. */
export class PackedTallies implements Tallies {
  #numbers: Float64Array;
  #size: number;

  constructor(tallies: Tallies) {
    const sorted = [...tallies.all()].sort((a, b) => a.counter - b.counter);
    this.#numbers = new Float64Array(sorted.length * stride);
    this.#size = sorted.length;
    sorted.forEach(({ counter, plus, minus, version }, i) => {
      this.#numbers.set([counter, plus, minus, version], i * stride);
    });
  }

  get size(): number {
    return this.#size;
  }

  get(counter: number): Tally | undefined {
    const at = this.#place(counter);
    return at < this.#size && this.#numbers[at * stride] === counter ? this.#at(at) : undefined;
  }

  set(counter: number, { plus, minus, version }: Tally): void {
    const at = this.#place(counter);
    if (at >= this.#size || this.#numbers[at * stride] !== counter) this.#open(at);
    this.#numbers.set([counter, plus, minus, version], at * stride);
  }

  since(from: number, most: number): NumberedTally[] {
    return oldest(this.all(), from, most);
  }

  *all(): Generator<NumberedTally> {
    for (let i = 0; i < this.#size; i++) yield this.#at(i);
  }

  #at(i: number): NumberedTally {
    const [counter, plus, minus, version] = this.#numbers.subarray(i * stride, (i + 1) * stride);
    return { counter: counter!, plus: plus!, minus: minus!, version: version! };
  }

  /** Where it is, or belongs. */
  #place(counter: number): number {
    let low = 0;
    let high = this.#size;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#numbers[middle * stride]! < counter) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #open(at: number): void {
    if ((this.#size + 1) * stride > this.#numbers.length) {
      const numbers = new Float64Array((this.#size + 4 + (this.#size >> 3)) * stride);
      numbers.set(this.#numbers);
      this.#numbers = numbers;
    }
    this.#numbers.copyWithin((at + 1) * stride, at * stride, this.#size * stride);
    this.#size++;
  }
}

function oldest(tallies: Iterable<NumberedTally>, from: number, most: number): NumberedTally[] {
  return [...tallies]
    .filter(({ version }) => version > from)
    .sort((a, b) => a.version - b.version)
    .slice(0, most);
}
