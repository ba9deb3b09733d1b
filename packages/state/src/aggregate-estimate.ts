/** What a share says about all, and how far it may be off. */
import type { AggregateEstimate } from "./aggregate-config.ts";
import { countOf, countOfExtrema, type Share, type ShareMessage, varianceOf } from "./aggregate-share.ts";

export interface Outcome {
  /** ms: when the epoch began. */
  readonly at: number;
  readonly estimate: Omit<AggregateEstimate, "ageMs">;
}

export interface Circumstances {
  readonly epoch: number;
  readonly at: number;
  readonly finished: boolean;
  readonly exchanges: number;
  /** Members that went during the epoch. */
  readonly gone: number;
  /** The most that we know to have been there. */
  readonly members: number;
  /** Undefined when there is nobody to differ from. */
  readonly gaps: GapMeter | undefined;
}

export function outcomeOf(share: Share, { at, gone, members, gaps, ...rest }: Circumstances): Outcome {
  const averaged = countOf(share);
  // Early in an epoch, or after a lie, it may be anything; more than twice those whom we know it is not.
  const count = Math.min(2 * members, Math.max(1, averaged ?? countOfExtrema(share.smallest)));
  const mean = share.first;
  const sketch = share.sketch();
  const spread = averaged === undefined ? 1 / Math.sqrt(share.smallest.length - 2) : (gaps?.countError ?? 0);
  const { min, max } = share;
  const variance = varianceOf(share);
  const scale = Math.max(Math.abs(mean), Math.sqrt(variance));
  // Those who went, and as many who may have come, move the mean by about this much, as a deviation.
  const moved = scale > 0 ? (Math.sqrt(2 * gone) * Math.sqrt(variance)) / scale / Math.max(1, count) : 0;
  const estimate = {
    ...rest,
    count,
    sum: count * mean,
    mean,
    min,
    max,
    variance,
    quantile(q: number): number | undefined {
      const value = sketch?.quantile(q);
      return value === undefined ? undefined : Math.min(max, Math.max(min, value));
    },
    quantileError: sketch?.relativeError ?? 0,
    meanError: Math.min(1, (gaps?.meanError ?? 0) + 2 * moved),
    countError: Math.min(1, spread + gone / Math.max(1, count)),
    countedBy: averaged === undefined ? ("extrema" as const) : ("averaged" as const),
  };
  return { at, estimate };
}

/** Exchanges that the error is judged by: one alone may be with somebody who happens to agree. */
const kept = 6;

/**
 * Measures how far apart partners are: in an exchange each moves half the gap. As the gaps fall by about 1.8 a round,
 * the widest of the latest few lies above the present error in 99 of 100 cases.
 */
export class GapMeter {
  #mean = 0;
  #count: number | undefined;
  readonly #means: number[] = [];
  readonly #counts: number[] = [];

  before(share: ShareMessage): void {
    this.#mean = share.first;
    this.#count = countOf(share);
  }

  after(share: ShareMessage): void {
    const mean = share.first;
    const scale = Math.max(Math.abs(mean), Math.sqrt(varianceOf(share)));
    push(this.#means, scale > 0 ? (2 * Math.abs(mean - this.#mean)) / scale : 0);
    const count = countOf(share);
    push(this.#counts, count && this.#count ? (2 * Math.abs(count - this.#count)) / count : 1);
  }

  get meanError(): number {
    return widest(this.#means);
  }

  get countError(): number {
    return widest(this.#counts);
  }
}

function push(gaps: number[], gap: number): void {
  if (gaps.length >= kept) gaps.shift();
  gaps.push(gap);
}

function widest(gaps: readonly number[]): number {
  return gaps.length < kept ? 1 : Math.min(1, Math.max(...gaps));
}
