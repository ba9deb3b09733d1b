/** Axes of a plot: where the range ends, where the ticks are, how numbers are written, where a value lies. */
import type { Axis } from "./report.ts";

export interface Scale {
  readonly min: number;
  readonly max: number;
  readonly log: boolean;
  readonly ticks: readonly Tick[];
  /** 0 at `min`, 1 at `max`; undefined for what has no place (not finite, or not above 0 on a logarithmic axis). */
  place(value: number): number | undefined;
}

export interface Tick {
  readonly value: number;
  /** "" for a line without a number. */
  readonly label: string;
}

/** Spaces between ticks, about. */
const wantedTicks = 6;

export function scaleOf(axis: Axis, values: readonly number[]): Scale {
  const log = axis.scale === "log";
  const usable = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
  // Without a value there is still a picture, with its axes.
  const low = usable.reduce((a, b) => Math.min(a, b), usable.length > 0 ? Number.POSITIVE_INFINITY : 1);
  const high = usable.reduce((a, b) => Math.max(a, b), usable.length > 0 ? Number.NEGATIVE_INFINITY : 10);
  return log ? logScale(low, high) : linearScale(low, high);
}

function linearScale(low: number, high: number): Scale {
  // From 0 unless the values are far from it and close together.
  const bottom = low > 0 && low < 0.6 * high ? 0 : low;
  const span = high - bottom || Math.abs(high) || 1;
  const step = niceStep(span / wantedTicks);
  const first = Math.floor(bottom / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  const min = first * step;
  const max = last * step;
  const ticks: Tick[] = [];
  for (let i = first; i <= last; i++) ticks.push({ value: i * step, label: numberText(i * step) });
  return {
    min,
    max,
    log: false,
    ticks,
    place: (value) => (Number.isFinite(value) ? (value - min) / (max - min) : undefined),
  };
}

/** 1, 2 or 5 times a power of ten, at least `step`. */
function niceStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step) + 1e-9);
  const factor = [1, 2, 5, 10].find((one) => one * power >= step * (1 - 1e-9))!;
  return factor * power;
}

function logScale(low: number, high: number): Scale {
  let first = Math.floor(Math.log10(low) + 1e-9);
  let last = Math.ceil(Math.log10(high) - 1e-9);
  if (last === first) last++;
  // From decimal text: 10 ** -4 is a little less than 0.0001.
  let min = Number(`1e${first}`);
  let max = Number(`1e${last}`);
  const decades = last - first;
  const ticks: Tick[] = [];
  // Over a few decades the steps between them have room for numbers, over many not even each decade has.
  const factors = decades <= 2 ? [1, 2, 5] : decades <= 5 ? [1] : [];
  const every = Math.max(1, Math.ceil(decades / wantedTicks));
  for (let exponent = first; exponent <= last; exponent++) {
    for (const factor of [1, 2, 3, 4, 5, 6, 7, 8, 9]) {
      const value = Number(`${factor}e${exponent}`);
      if (value > max) break;
      if (factor > 1 && decades > 5) break;
      const named = factors.includes(factor) || (factor === 1 && (exponent - first) % every === 0);
      ticks.push({ value, label: named ? numberText(value) : "" });
    }
  }
  // Half a decade of nothing at either end helps nobody.
  const named = ticks.filter((tick) => tick.label !== "");
  min = [...named].reverse().find((tick) => tick.value <= low * (1 + 1e-9))?.value ?? min;
  max = named.find((tick) => tick.value >= high * (1 - 1e-9))?.value ?? max;
  if (max <= min) max = named.find((tick) => tick.value > min)?.value ?? 10 * min;
  first = Math.log10(min);
  last = Math.log10(max);
  const span = last - first;
  return {
    min,
    max,
    log: true,
    ticks: ticks.filter(({ value }) => value >= min * (1 - 1e-9) && value <= max * (1 + 1e-9)),
    place: (value) => (Number.isFinite(value) && value > 0 ? (Math.log10(value) - first) / span : undefined),
  };
}

/** `0.05`, `1500`, `20,000`, `3M`, `1e-7`: short, and the same everywhere. */
export function numberText(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 1e-4 || size >= 1e12) return value.toExponential(0).replace("e+", "e");
  for (const [unit, word] of [
    [1e9, "G"],
    [1e6, "M"],
  ] as const) {
    if (size >= unit) return `${Number((value / unit).toPrecision(4))}${word}`;
  }
  // Sums of steps carry dust in their last digits.
  const text = String(Number(value.toPrecision(6)));
  if (size < 10_000) return text;
  const [whole, rest] = text.split(".");
  return whole!.replace(/\B(?=(\d{3})+$)/g, ",") + (rest === undefined ? "" : `.${rest}`);
}
