/**
 * One member's share of everything that is averaged. Each number starts as the member's own (its value, the value's square,
 * 1 in its value's bucket), and each exchange moves two members' numbers to their mean. So every share comes to the mean
 * over all. A weight beside them, as others have, would be 1 with everybody and always: each brings one, and the mean of
 * ones is one; so a member that dies takes its own part along and no more.
 *
 * The count is what remains of a 1 that a single member, a leader, started with: at the end its share is one n-th. Some
 * members lead by lot, each with a 1 of its own, and the median of what they say is believed: a leader that crashes early
 * spoils only its own. Beside it, each member draws exponential numbers and all pass on the smallest: rough, and indifferent to
 * any loss and to any leader's death; it is the count when no leader is left.
 * Sources: Jelasity, Montresor, Babaoglu 2005; Kempe, Dobra, Gehrke 2003; Baquero, Almeida, Menezes, Jesus 2012.
 */
import type { Rng } from "@hearsay/core";
import { type Buckets, Sketch } from "./sketch.ts";

/** Leaders whose shares are kept: those of the smallest ids, the same everywhere. */
export const maxLeaders = 8;
/** Leaders wanted on the average. With six, one epoch in 400 has none. */
export const leadersWanted = 6;

/** No draw is smaller: a float with 32 bits of chance has no finer steps. */
export const leastDraw = 2 ** -33;

/** What goes from one to another: a share as it is, or what the other lacks to the mean. */
export interface ShareMessage {
  readonly first: number;
  readonly second: number;
  readonly min: number;
  readonly max: number;
  /** Ids ascend. */
  readonly leaders: readonly { readonly id: number; readonly share: number }[];
  readonly buckets: Buckets;
  readonly smallest: readonly number[];
}

export class Share implements ShareMessage {
  first: number;
  second: number;
  min: number;
  max: number;
  leaders: readonly { readonly id: number; readonly share: number }[] = [];
  /** 4-byte floats: they travel as such, and must be the same everywhere. */
  readonly smallest: number[];
  readonly #sketch: Sketch | undefined;

  /** @param leads the chance of being a leader. */
  constructor(value: number, leads: number, rng: Rng, maxBuckets: number, extrema: number) {
    this.first = value;
    this.second = value * value;
    this.min = value;
    this.max = value;
    if (rng.float() < leads) this.leaders = [{ id: rng.uint32(), share: 1 }];
    this.smallest = Array.from({ length: extrema }, () => Math.fround(-Math.log(1 - rng.float()) + leastDraw));
    if (maxBuckets > 0) {
      this.#sketch = new Sketch(maxBuckets);
      this.#sketch.add(value);
    }
  }

  get buckets(): Buckets {
    return this.#sketch ?? noBuckets;
  }

  sketch(): Sketch | undefined {
    return this.#sketch?.copy();
  }

  /** Goes half way to the other and returns what the other lacks: taken from here, for it to `take`, exactly once. */
  meet(their: ShareMessage): ShareMessage {
    const lack = {
      first: (this.first - their.first) / 2,
      second: (this.second - their.second) / 2,
      leaders: joined(this.leaders, their.leaders, (ours, theirs) => (ours - theirs) / 2),
    };
    this.#move(lack, -1);
    this.#extremes(their);
    const buckets = this.#sketch?.meet(their.buckets) ?? noBuckets;
    return { ...lack, min: this.min, max: this.max, smallest: this.smallest, buckets };
  }

  take(lack: ShareMessage): void {
    this.#move(lack, 1);
    this.#extremes(lack);
    this.#sketch?.merge(lack.buckets);
  }

  #move(by: Pick<ShareMessage, "first" | "second" | "leaders">, sign: 1 | -1): void {
    this.first += sign * by.first;
    this.second += sign * by.second;
    this.leaders = joined(this.leaders, by.leaders, (ours, moved) => ours + sign * moved).slice(0, maxLeaders);
  }

  #extremes({ min, max, smallest }: ShareMessage): void {
    this.min = Math.min(this.min, min);
    this.max = Math.max(this.max, max);
    const both = Math.min(this.smallest.length, smallest.length);
    for (let i = 0; i < both; i++) this.smallest[i] = Math.min(this.smallest[i]!, smallest[i]!);
  }
}

const noBuckets: Buckets = { level: 0, keys: [], weights: [] };

export function varianceOf({ first, second }: Pick<ShareMessage, "first" | "second">): number {
  return Math.max(0, second - first ** 2);
}

/** The median over the leaders of whom there is a share; undefined when there is none. */
export function countOf({ leaders }: Pick<ShareMessage, "leaders">): number | undefined {
  const counts = leaders.filter(({ share }) => share > 0).map(({ share }) => 1 / share);
  if (counts.length === 0) return undefined;
  counts.sort((a, b) => a - b);
  return (counts[(counts.length - 1) >> 1]! + counts[counts.length >> 1]!) / 2;
}

/** The count by the smallest draws: within 1 / sqrt(draws - 2) of it, as a deviation. */
export function countOfExtrema(smallest: readonly number[]): number {
  return (smallest.length - 1) / smallest.reduce((sum, x) => sum + x, 0);
}

function joined(
  a: ShareMessage["leaders"],
  b: ShareMessage["leaders"],
  combine: (a: number, b: number) => number,
): { id: number; share: number }[] {
  const out: { id: number; share: number }[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const left = a[i]?.id ?? Number.POSITIVE_INFINITY;
    const right = b[j]?.id ?? Number.POSITIVE_INFINITY;
    out.push({
      id: Math.min(left, right),
      share: combine(left <= right ? a[i++]!.share : 0, right <= left ? b[j++]!.share : 0),
    });
  }
  return out;
}
