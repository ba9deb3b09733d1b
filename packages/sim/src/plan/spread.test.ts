import { describe, expect, test } from "vitest";
import { type SpreadInputs, spread } from "./spread.ts";

const lan: SpreadInputs = {
  n: 1000,
  gossipNodes: 3,
  gossipIntervalMs: 200,
  probeIntervalMs: 1000,
  transmitLimit: 16,
  loss: 0,
  latencyMs: 0.5,
};

describe("the curve", () => {
  test("falls, from one that has it to nearly nobody without", () => {
    const { without } = spread(lan);
    expect(without[0]).toBe(1);
    for (let i = 1; i < without.length; i++) expect(without[i]).toBeLessThanOrEqual(without[i - 1]!);
    expect(without[without.length - 1]! * 999).toBeLessThan(0.01);
  });

  test("who transmits m times misses e^-m (Demers et al. 1987, 1.4)", () => {
    for (const transmitLimit of [3, 5]) {
      for (const loss of [0, 0.2]) {
        const missed = spread({ ...lan, n: 100_000, transmitLimit, loss }).missed();
        // Only those reached transmit: s = e^(-m (1 - loss) (1 - s)).
        expect(missed).toBeCloseTo(Math.exp(-transmitLimit * (1 - loss) * (1 - missed)), 3);
      }
    }
  });

  test("grows with the logarithm of the pool", () => {
    const half = [100, 1000, 10_000, 100_000].map((n) => spread({ ...lan, n }).shareMs(0.5)!);
    const steps = half.slice(1).map((ms, i) => ms - half[i]!);
    for (const step of steps) expect(step).toBeGreaterThan(5);
    expect(Math.max(...steps) / Math.min(...steps)).toBeLessThan(1.3);
  });

  test("finer steps change little", () => {
    const fine = spread({ ...lan, steps: 2000 });
    const coarse = spread({ ...lan, steps: 500 });
    expect(coarse.shareMs(0.5)! / fine.shareMs(0.5)!).toBeCloseTo(1, 1);
    expect(coarse.meanEveryoneMs() / fine.meanEveryoneMs()).toBeCloseTo(1, 1);
  });

  test("loss and latency slow it down, fan-out hurries it", () => {
    const ms = (changes: Partial<SpreadInputs>) => spread({ ...lan, ...changes }).shareMs(0.99)!;
    expect(ms({ loss: 0.3 })).toBeGreaterThan(ms({}));
    expect(ms({ latencyMs: 50 })).toBeGreaterThan(ms({ latencyMs: 5 }));
    expect(ms({ gossipNodes: 6, transmitLimit: 32 })).toBeLessThan(ms({}));
  });

  test("two members, and a budget that reaches only some", () => {
    expect(spread({ ...lan, n: 2 }).everyoneMs(0.99)).toBeLessThan(20);
    expect(spread({ ...lan, transmitLimit: 2 }).everyoneMs(0.5)).toBeNull();
    expect(spread({ ...lan, transmitLimit: 2 }).shareMs(0.5)).toBeGreaterThan(0);
  });

  test("those who learn of it otherwise need no packet", () => {
    const news = spread(lan);
    const both = spread({ ...lan, otherwise: news });
    expect(both.shareMs(0.5)!).toBeLessThan(news.shareMs(0.5)!);
    expect(both.meanEveryoneMs()).toBeLessThan(news.meanEveryoneMs());
  });
});
