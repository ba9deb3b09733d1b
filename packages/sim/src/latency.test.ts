import { Rng } from "@hearsay/core";
import { describe, expect, it } from "vitest";
import { type Latency, LatencySampler, lanLatency, normalQuantile } from "./latency.ts";

const draws = 20_000;

function sorted(latency: Latency, seed = 1, from = 0, to = 0): number[] {
  const sampler = new LatencySampler(latency);
  const rng = new Rng(seed);
  return Array.from({ length: draws }, () => sampler.sample(rng, from, to)).sort((a, b) => a - b);
}

/** The value below which this share of the draws lies. */
const at = (values: readonly number[], share: number) => values[Math.floor(share * values.length)]!;
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe("a constant delay", () => {
  it("is the same each time", () => {
    const values = sorted({ kind: "constant", ms: 7 });
    expect(values[0]).toBe(7);
    expect(values.at(-1)).toBe(7);
    expect(new LatencySampler({ kind: "constant", ms: 7 }).meanMs()).toBe(7);
  });
});

describe("a uniform delay", () => {
  const latency: Latency = { kind: "uniform", minMs: 10, maxMs: 30 };

  it("stays between its bounds and fills them evenly", () => {
    const values = sorted(latency);
    expect(values[0]).toBeGreaterThanOrEqual(10);
    expect(values.at(-1)).toBeLessThanOrEqual(30);
    // The share of n draws below a quantile p deviates by sqrt(p (1 - p) / n) at most 0.0035; four of them.
    for (const p of [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99]) {
      expect(Math.abs(at(values, p) - (10 + 20 * p)) / 20).toBeLessThan(0.015);
    }
    expect(new LatencySampler(latency).meanMs()).toBeCloseTo(20, 9);
  });

  it("may have no width", () => {
    expect(sorted({ kind: "uniform", minMs: 3, maxMs: 3 }).at(-1)).toBe(3);
  });
});

describe.each([0, 0.3, 0.4, 1, 3])("a log-normal delay with sigma %d", (sigma) => {
  const latency: Latency = { kind: "lognormal", medianMs: 5, sigma };

  it("has the quantiles of its distribution", () => {
    const values = sorted(latency);
    for (const p of [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99]) {
      // In the logarithm the distribution is normal: an error in p of four deviations, through the density there.
      const z = normalQuantile(p);
      const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
      const tolerance = (sigma * 4 * Math.sqrt((p * (1 - p)) / draws)) / density + 0.01;
      expect(Math.abs(Math.log(at(values, p) / 5) - sigma * z), `quantile ${p}`).toBeLessThan(tolerance);
    }
  });

  it("has bounded tails", () => {
    const values = sorted(latency);
    const bound = Math.exp(sigma * normalQuantile(0.9995));
    expect(values[0]).toBeGreaterThanOrEqual((5 / bound) * (1 - 1e-9));
    expect(values.at(-1)).toBeLessThanOrEqual(5 * bound * (1 + 1e-9));
  });

  it("says its mean", () => {
    const said = new LatencySampler(latency).meanMs();
    const values = sorted(latency);
    const deviation = Math.sqrt(mean(values.map((value) => (value - said) ** 2)));
    expect(Math.abs(mean(values) - said)).toBeLessThanOrEqual((4 * deviation) / Math.sqrt(draws) + 1e-9);
    // Without the far tails it is a little less than the whole distribution's.
    if (sigma <= 1) expect(Math.abs(said / (5 * Math.exp(sigma ** 2 / 2)) - 1)).toBeLessThan(0.02);
  });
});

describe("zones", () => {
  const rows = [
    [0.5, 10, 80],
    [12, 0.6, 90],
    [70, 95, 0.7],
  ];
  const latency: Latency = { kind: "zones", medianMs: rows, sigma: 0.3 };

  it("have a delay for each pair and direction", () => {
    for (const [from, row] of rows.entries()) {
      for (const [to, median] of row.entries()) {
        expect(Math.abs(at(sorted(latency, 3, from, to), 0.5) / median - 1)).toBeLessThan(0.02);
      }
    }
  });

  it("without a row count as the last one", () => {
    expect(sorted(latency, 3, 7, 9)).toEqual(sorted(latency, 3, 2, 2));
    expect(sorted(latency, 3, 0, 5)).toEqual(sorted(latency, 3, 0, 2));
  });

  it("give the mean within the first zone", () => {
    const inside = new LatencySampler({ kind: "lognormal", medianMs: 0.5, sigma: 0.3 }).meanMs();
    expect(new LatencySampler(latency).meanMs()).toBeCloseTo(inside, 12);
  });
});

it("one seed gives one sequence, and a draw costs one random number", () => {
  const sampler = new LatencySampler(lanLatency);
  const rng = new Rng(5);
  const twin = new Rng(5);
  const first = Array.from({ length: 100 }, () => sampler.sample(rng, 0, 0));
  for (let i = 0; i < 100; i++) twin.float();
  expect(rng.uint32()).toBe(twin.uint32());
  const again = new Rng(5);
  expect(Array.from({ length: 100 }, () => sampler.sample(again, 0, 0))).toEqual(first);
});

it.each<Latency>([
  { kind: "constant", ms: 0 },
  { kind: "constant", ms: -1 },
  { kind: "constant", ms: Number.NaN },
  { kind: "constant", ms: Number.POSITIVE_INFINITY },
  { kind: "uniform", minMs: 0, maxMs: 1 },
  { kind: "uniform", minMs: 2, maxMs: 1 },
  { kind: "uniform", minMs: 1, maxMs: Number.POSITIVE_INFINITY },
  { kind: "lognormal", medianMs: 0, sigma: 0.4 },
  { kind: "lognormal", medianMs: 1, sigma: -0.1 },
  { kind: "lognormal", medianMs: 1, sigma: 3.1 },
  { kind: "lognormal", medianMs: 1, sigma: Number.NaN },
  { kind: "zones", medianMs: [], sigma: 0.4 },
  { kind: "zones", medianMs: [[1, 2]], sigma: 0.4 },
  { kind: "zones", medianMs: [[1, 2], [3]], sigma: 0.4 },
  {
    kind: "zones",
    medianMs: [
      [1, 0],
      [1, 1],
    ],
    sigma: 0.4,
  },
  { kind: "zones", medianMs: [[1]], sigma: 4 },
])("is refused: %j", (latency) => {
  expect(() => new LatencySampler(latency)).toThrow(RangeError);
});

it("the inverse of the normal distribution is right to nine digits", () => {
  // From tables: Abramowitz and Stegun 26.2, R's qnorm.
  const known = [
    [0.5, 0],
    [0.75, 0.674489750196082],
    [0.975, 1.959963984540054],
    [0.999, 3.090232306167813],
    [0.9999, 3.719016485455709],
    [0.01, -2.326347874040841],
    [0.0013498980316300933, -3],
  ] as const;
  for (const [p, z] of known) expect(normalQuantile(p)).toBeCloseTo(z, 8);
});
