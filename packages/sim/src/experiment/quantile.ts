/** What a handful of measured values says. Pure. */

/** The value below which a share `q` of all lies, by linear interpolation; null when there are none. */
export function quantile(values: readonly number[], q: number): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const i = Math.floor(at);
  const low = sorted[i]!;
  const high = sorted[Math.min(i + 1, sorted.length - 1)]!;
  return low + (high - low) * (at - i);
}

export function median(values: readonly number[]): number | null {
  return quantile(values, 0.5);
}

/** The greatest; null when there are none. */
export function worst(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((most, value) => Math.max(most, value));
}

export function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** ms as seconds, null staying null: for tables. */
export function seconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1000;
}
