/** From the machine's estimate to the plain data that is handed out, and the part of a source that is the application's. */

import type { AggregateEstimate } from "@hearsay/state";
import type { AggregateReading } from "../state-api.ts";

const quantiles = { p01: 0.01, p05: 0.05, p25: 0.25, p50: 0.5, p75: 0.75, p95: 0.95, p99: 0.99 } as const;

export function readingFor(estimate: AggregateEstimate): AggregateReading {
  const { ageMs, epoch, count, sum, mean, min, max, variance, meanError, countError, quantileError } = estimate;
  const at = (q: number) => estimate.quantile(q) ?? Number.NaN;
  return {
    age: ageMs,
    epoch,
    count,
    sum,
    mean,
    min,
    max,
    variance,
    quantiles: {
      p01: at(quantiles.p01),
      p05: at(quantiles.p05),
      p25: at(quantiles.p25),
      p50: at(quantiles.p50),
      p75: at(quantiles.p75),
      p95: at(quantiles.p95),
      p99: at(quantiles.p99),
    },
    meanError,
    countError,
    quantileError,
  };
}

/**
 * A source that never throws and gives a number or nothing. What the application's throws surfaces as an uncaught exception,
 * not in the middle of the machine's work.
 */
export function safeSource(source: () => unknown): () => number | undefined {
  return () => {
    try {
      const value = source();
      return typeof value === "number" && Number.isFinite(value) ? value : undefined;
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
      return undefined;
    }
  };
}
