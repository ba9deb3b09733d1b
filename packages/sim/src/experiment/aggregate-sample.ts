/** How far a pool's estimates are off at one moment. */
import type { AggregateEstimate } from "@hearsay/state";
import type { AggregatePool, Truth } from "./aggregate-pool.ts";

/** Errors are shares of the truth; the worst is that of the member that is off most. */
export interface Sample {
  readonly epoch: number;
  /** Age of the epoch in rounds. */
  readonly round: number;
  /** ms of the world. */
  readonly at: number;
  readonly members: number;
  readonly mean: Errors;
  readonly count: Errors;
  readonly sum: Errors;
  readonly p50: Errors;
  readonly p99: Errors;
  /** The largest that a member states itself. */
  readonly statedMean: number;
  readonly statedCount: number;
  /** Of the members' means, as an average over all: what exchanges lost or made. */
  readonly mass: number;
}

export interface Errors {
  readonly worst: number;
  /** Root of the mean square over all members. */
  readonly typical: number;
}

/** Undefined before the first epoch. */
export function sampleOf(pool: AggregatePool, roundMs: number): Sample | undefined {
  const all = pool.presents();
  const epoch = all.reduce((most, x) => Math.max(most, x.epoch), 0);
  if (epoch === 0) return undefined;
  const found = all.filter((x) => x.epoch === epoch);
  const ageMs = found.reduce((most, x) => Math.max(most, x.ageMs), 0);
  const truth = pool.inputs(epoch);
  return {
    epoch,
    round: ageMs / roundMs,
    at: pool.world.now,
    members: found.length,
    ...errorsOf(found, truth),
    statedMean: found.reduce((most, x) => Math.max(most, x.meanError), 0),
    statedCount: found.reduce((most, x) => Math.max(most, x.countError), 0),
    mass: found.reduce((sum, x) => sum + x.mean, 0) / found.length / truth.mean - 1,
  };
}

export function errorsOf(found: readonly AggregateEstimate[], truth: Truth) {
  const of = (value: (x: AggregateEstimate) => number, right: number) => errors(found.map(value), right);
  return {
    mean: of((x) => x.mean, truth.mean),
    count: of((x) => x.count, truth.count),
    sum: of((x) => x.sum, truth.sum),
    p50: of((x) => x.quantile(0.5) ?? Number.NaN, truth.p50),
    p99: of((x) => x.quantile(0.99) ?? Number.NaN, truth.p99),
  };
}

function errors(found: readonly number[], right: number): Errors {
  let worst = 0;
  let squares = 0;
  for (const value of found) {
    const off = value / right - 1;
    worst = Math.max(worst, Math.abs(off));
    squares += off * off;
  }
  return { worst, typical: Math.sqrt(squares / Math.max(1, found.length)) };
}
