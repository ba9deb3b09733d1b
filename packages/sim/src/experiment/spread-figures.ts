/** Small arithmetic on repeated measurements, and reading of list settings. */
import type { Cell } from "./report.ts";

/** The middle one, or the mean of the two in the middle; null of nothing. */
export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function largest(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((most, value) => Math.max(most, value));
}

export function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The numbers of a list setting, ascending, each once. @throws RangeError for what is no number or out of bounds. */
export function numberList(name: string, value: Cell | boolean | undefined, min: number, max: number): number[] {
  const numbers = String(value)
    .split(",")
    .map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  for (const [i, number] of numbers.entries()) {
    if (!(number >= min && number <= max)) {
      throw new RangeError(
        `${name}: numbers from ${min} to ${max} with commas between, not "${value}" (number ${i + 1})`,
      );
    }
  }
  return [...new Set(numbers)].sort((a, b) => a - b);
}
