/**
 * A distribution in a bounded number of buckets, whose quantiles are right to a stated share of their value. Bucket i holds
 * what lies in (g^(i-1), g^i], so that any value in it is within `relativeError` of its middle. When there are more buckets
 * than may be, every two neighbours become one: g is squared, and the error about doubles, evenly for all quantiles.
 *
 * Weights may be any number, so that sketches can be averaged as well as added. Which buckets there are at the end depends
 * on all that went in and not on the order: merging is commutative and associative, and exactly so for whole weights.
 * Sources: Masson, Rim, Lee, DDSketch, 2019; Epicoco et al., UDDSketch, 2020, for the even collapse.
 */

/** A sketch as it is told. Keys ascend. */
export interface Buckets {
  /** How often neighbours were joined. */
  readonly level: number;
  /** 0 for zero; else the bucket's number plus `keyOffset`, negated for negative values: so keys are in the order of values. */
  readonly keys: readonly number[];
  readonly weights: readonly number[];
}

export const keyOffset = 2 ** 20;
/** At this level all there can be are five buckets. */
export const maxLevel = 20;
/** What is nearer to zero counts as zero. */
const leastValue = 1e-300;
/** ln g at level 0, for an error of 1 %. The same for all: else sketches could not be merged. */
const lnGamma = 2 * Math.atanh(0.01);

export class Sketch implements Buckets {
  readonly maxBuckets: number;
  level = 0;
  /** Replaced, never changed: so that a copy costs nothing. */
  keys: readonly number[] = [];
  weights: readonly number[] = [];

  /** @param maxBuckets 8 ... 255. 96 hold values over a factor of 6.8 to 1 %, 46 to 2 %, 2,100 to 4 %. */
  constructor(maxBuckets = 96) {
    if (!(maxBuckets >= 8 && maxBuckets <= 255))
      throw new RangeError(`sketch: ${maxBuckets} buckets, where 8 to 255 may be`);
    this.maxBuckets = maxBuckets;
  }

  /** @param value any finite number. */
  add(value: number, weight = 1): void {
    if (!Number.isFinite(value)) throw new RangeError(`sketch: ${value} is no value`);
    this.merge({ level: 0, keys: [keyOf(value)], weights: [weight] });
  }

  /** Adds the weights of another, which stays as it is. */
  merge(other: Buckets): void {
    const theirs = this.#level(other);
    const sum = union(this, theirs, (a, b) => a + b);
    this.keys = sum.keys;
    this.weights = sum.weights;
    this.#fit();
  }

  /**
   * Half the way to each other: returns what they lack to the mean of both, rounded to 4-byte floats, having taken exactly that
   * from our weights. When they `merge` it nothing is lost and nothing made.
   */
  meet(other: Buckets): Buckets {
    let theirs = this.#level(other);
    let lack = union(this, theirs, (ours, their) => Math.fround((ours - their) / 2));
    while (lack.keys.length > this.maxBuckets) {
      this.#collapse();
      theirs = this.#level(other);
      lack = union(this, theirs, (ours, their) => Math.fround((ours - their) / 2));
    }
    const left = union(this, { level: this.level, ...lack }, (ours, taken) => ours - taken);
    this.keys = left.keys;
    this.weights = left.weights;
    return { level: this.level, ...lack };
  }

  /** How far a quantile may be off, as a share of its value, by what the buckets are wide. */
  get relativeError(): number {
    return Math.tanh((lnGamma * 2 ** this.level) / 2);
  }

  get total(): number {
    return this.weights.reduce((sum, weight) => sum + weight, 0);
  }

  /** @param q 0 ... 1. Undefined when nothing is in it. */
  quantile(q: number): number | undefined {
    // The weights of an average under way may be a little below zero; those are none yet.
    const total = this.weights.reduce((sum, weight) => sum + Math.max(0, weight), 0);
    if (!(total > 0)) return undefined;
    const rank = Math.min(Math.max(q, 0), 1) * total;
    let seen = 0;
    let last = 0;
    for (let i = 0; i < this.keys.length; i++) {
      if (!(this.weights[i]! > 0)) continue;
      seen += this.weights[i]!;
      last = this.keys[i]!;
      // Sums of shares may end a little below the total.
      if (seen >= rank * (1 - 1e-12)) break;
    }
    return middleOf(last, this.level);
  }

  copy(): Sketch {
    const copy = new Sketch(this.maxBuckets);
    copy.level = this.level;
    copy.keys = this.keys;
    copy.weights = this.weights;
    return copy;
  }

  /** Brings both to the coarser of the two levels. */
  #level(other: Buckets): Buckets {
    while (this.level < other.level) this.#collapse();
    let theirs = other;
    while (theirs.level < this.level) theirs = collapsed(theirs);
    return theirs;
  }

  #fit(): void {
    while (this.keys.length > this.maxBuckets && this.level < maxLevel) this.#collapse();
  }

  #collapse(): void {
    const coarser = collapsed(this);
    this.level = coarser.level;
    this.keys = coarser.keys;
    this.weights = coarser.weights;
  }
}

function keyOf(value: number): number {
  const size = Math.abs(value);
  if (size < leastValue) return 0;
  const key = Math.ceil(Math.log(size) / lnGamma) + keyOffset;
  return value < 0 ? -key : key;
}

function middleOf(key: number, level: number): number {
  if (key === 0) return 0;
  const ln = lnGamma * 2 ** level;
  const index = Math.abs(key) - keyOffset;
  // 2 g^i / (g + 1), by logarithms, since g alone may be too large a number.
  const value = Math.exp(Math.LN2 + (index - 1) * ln - Math.log1p(Math.exp(-ln)));
  return key < 0 ? -value : value;
}

function collapsed({ level, keys, weights }: Buckets): { level: number; keys: number[]; weights: number[] } {
  const out = { level: level + 1, keys: [] as number[], weights: [] as number[] };
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    const joined = key === 0 ? 0 : Math.sign(key) * (Math.ceil((Math.abs(key) - keyOffset) / 2) + keyOffset);
    const last = out.keys.length - 1;
    if (last >= 0 && out.keys[last] === joined) out.weights[last]! += weights[i]!;
    else {
      out.keys.push(joined);
      out.weights.push(weights[i]!);
    }
  }
  return out;
}

/** Of one level: every key of either, with what `combine` makes of the two weights; 0 where there is none. */
function union(
  a: Buckets,
  b: Buckets,
  combine: (a: number, b: number) => number,
): { keys: number[]; weights: number[] } {
  const keys: number[] = [];
  const weights: number[] = [];
  let i = 0;
  let j = 0;
  while (i < a.keys.length || j < b.keys.length) {
    const left = i < a.keys.length ? a.keys[i]! : Number.POSITIVE_INFINITY;
    const right = j < b.keys.length ? b.keys[j]! : Number.POSITIVE_INFINITY;
    keys.push(Math.min(left, right));
    weights.push(combine(left <= right ? a.weights[i++]! : 0, right <= left ? b.weights[j++]! : 0));
  }
  return { keys, weights };
}
