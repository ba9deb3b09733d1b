/**
 * How long a packet is under way. A distribution becomes a table of quantiles once, so that a draw costs one random number
 * and no logarithm, tails are bounded, and the same seed gives the same delays on any engine.
 */
import type { Rng } from "@hearsay/core";

/** One way, in ms. */
export type Latency =
  | { readonly kind: "constant"; readonly ms: number }
  | { readonly kind: "uniform"; readonly minMs: number; readonly maxMs: number }
  /** Half of all packets are faster than `medianMs`; `sigma` is the deviation of the logarithm (0.3 narrow, 1 wide). */
  | { readonly kind: "lognormal"; readonly medianMs: number; readonly sigma: number }
  /** `medianMs[from][to]` between zones by number, each spread by the same `sigma`. */
  | { readonly kind: "zones"; readonly medianMs: readonly (readonly number[])[]; readonly sigma: number };

/** A data centre: half a millisecond, now and then several. */
export const lanLatency: Latency = { kind: "lognormal", medianMs: 0.5, sigma: 0.4 };

const quantiles = 1024;

export class LatencySampler {
  readonly #latency: Latency;
  /** Whether it matters which zones a packet goes from and to. */
  readonly zoned: boolean;
  /** Quantiles of a log-normal distribution around 1; or of the whole delay where there are no zones. */
  readonly #table: Float64Array;

  /** @throws RangeError for settings that give no delay. */
  constructor(latency: Latency) {
    checkLatency(latency);
    this.#latency = latency;
    this.zoned = latency.kind === "zones";
    this.#table = tableOf(latency);
  }

  /** One delay: ms, above 0. `from` and `to` are zone numbers; zones without a row count as the last one. */
  sample(rng: Rng, from: number, to: number): number {
    const at = rng.float() * (quantiles - 1);
    const i = at | 0;
    const low = this.#table[i]!;
    const value = low + (this.#table[i + 1]! - low) * (at - i);
    if (!this.zoned || this.#latency.kind !== "zones") return value;
    const rows = this.#latency.medianMs;
    const row = rows[Math.min(from, rows.length - 1)]!;
    return value * row[Math.min(to, row.length - 1)]!;
  }

  /** The mean over all draws within one zone: ms. */
  meanMs(): number {
    let sum = 0;
    for (let i = 0; i + 1 < quantiles; i++) sum += (this.#table[i]! + this.#table[i + 1]!) / 2;
    const mean = sum / (quantiles - 1);
    return this.#latency.kind === "zones" ? mean * this.#latency.medianMs[0]![0]! : mean;
  }
}

function checkLatency(latency: Latency): void {
  const positive = (value: number) => Number.isFinite(value) && value > 0;
  const fine =
    latency.kind === "constant"
      ? positive(latency.ms)
      : latency.kind === "uniform"
        ? positive(latency.minMs) && latency.maxMs >= latency.minMs && Number.isFinite(latency.maxMs)
        : latency.kind === "lognormal"
          ? positive(latency.medianMs) && latency.sigma >= 0 && latency.sigma <= 3
          : latency.medianMs.length > 0 &&
            latency.medianMs.every((row) => row.length === latency.medianMs.length && row.every(positive)) &&
            latency.sigma >= 0 &&
            latency.sigma <= 3;
  if (!fine) throw new RangeError(`latency: delays are above 0 ms and sigma is 0 … 3, not ${JSON.stringify(latency)}`);
}

function tableOf(latency: Latency): Float64Array {
  const table = new Float64Array(quantiles);
  for (let i = 0; i < quantiles; i++) {
    const share = i / (quantiles - 1);
    // From the 0.05th to the 99.95th percentile: no packet is infinitely fast or slow.
    const clipped = 0.0005 + share * 0.999;
    switch (latency.kind) {
      case "constant":
        table[i] = latency.ms;
        break;
      case "uniform":
        table[i] = latency.minMs + share * (latency.maxMs - latency.minMs);
        break;
      case "lognormal":
        table[i] = latency.medianMs * Math.exp(latency.sigma * normalQuantile(clipped));
        break;
      case "zones":
        table[i] = Math.exp(latency.sigma * normalQuantile(clipped));
        break;
    }
  }
  return table;
}

/** Inverse of the normal distribution (Acklam's rational approximation, relative error below 1.2e-9). */
export function normalQuantile(p: number): number {
  const a = [
    -39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716, 2.506628277459239,
  ];
  const b = [-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572];
  const c = [
    -0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968,
    2.938163982698783,
  ];
  const d = [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416];
  const poly = (x: number, coefficients: readonly number[]) => coefficients.reduce((sum, k) => sum * x + k, 0);
  if (p < 0.02425) {
    const q = Math.sqrt(-2 * Math.log(p));
    return poly(q, c) / (poly(q, d) * q + 1);
  }
  if (p > 1 - 0.02425) return -normalQuantile(1 - p);
  const q = p - 0.5;
  const r = q * q;
  return (poly(r, a) * q) / (poly(r, b) * r + 1);
}
