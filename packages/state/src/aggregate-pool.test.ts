import { describe, expect, it } from "vitest";
import { AggregateNet, meanOf, worst } from "./testing/aggregate-net.ts";

const light = { maxBuckets: 0, extrema: 16 };
const skewed = (node: number): number => Math.exp((node % 977) / 200);

describe("a pool of 1,000", () => {
  it("is within 1 % after 25 rounds and within a millionth after 50, in mean, count, sum and variance", () => {
    const net = new AggregateNet({ size: 1_000, value: skewed, settings: light });
    const mean = meanOf(net.values);
    const variance = meanOf(net.values.map((x) => (x - mean) ** 2));
    const sum = mean * 1_000;
    net.runTo(1, 25);
    let found = net.presents();
    expect(found).toHaveLength(1_000);
    for (const error of errors()) expect(error).toBeLessThan(0.01);
    net.runTo(2, 1);
    found = net.estimates();
    expect(found.every((x) => x.finished && x.epoch === 1 && x.countedBy === "averaged")).toBe(true);
    for (const error of errors()) expect(error).toBeLessThan(1e-6);

    function errors(): number[] {
      return [
        worst(
          found.map((x) => x.mean),
          mean,
        ),
        worst(
          found.map((x) => x.count),
          1_000,
        ),
        worst(
          found.map((x) => x.sum),
          sum,
        ),
        worst(
          found.map((x) => x.variance),
          variance,
        ),
        worst(
          found.map((x) => x.max),
          Math.exp(976 / 200),
        ),
        worst(
          found.map((x) => x.min),
          1,
        ),
      ];
    }
  });
});

describe("loss", () => {
  it("of every third packet, with others coming twice, loses nothing of anybody's share", () => {
    const net = new AggregateNet({ size: 200, loss: 0.3, duplicates: 0.3, value: skewed, settings: light });
    net.runTo(2, 1);
    const found = net.estimates();
    expect(net.stat("repeated")).toBeGreaterThan(1_000);
    expect(net.stat("stale")).toBeGreaterThan(100);
    expect(
      worst(
        found.map((x) => x.mean),
        meanOf(net.values),
      ),
    ).toBeLessThan(1e-3);
    expect(
      worst(
        found.map((x) => x.count),
        200,
      ),
    ).toBeLessThan(1e-2);
    // All that is short of exact is that they have not all met as often: the average over them is as if nothing was lost.
    expect(meanOf(found.map((x) => x.mean)) / meanOf(net.values)).toBeCloseTo(1, 4);
    expect(meanOf(found.map((x) => 1 / x.count)) * 200).toBeCloseTo(1, 4);
  });

  it("of a tenth, with a hundredth of the members replaced in each epoch, keeps the error bounded epoch after epoch", () => {
    const net = new AggregateNet({ size: 200, loss: 0.1, value: skewed, settings: light });
    const errors: number[][] = [];
    net.runTo(1, 1);
    for (let epoch = 1; epoch <= 3; epoch++) {
      for (let i = 0; i < 2; i++) {
        net.runTo(epoch, 5 + 20 * i);
        net.kill();
        net.join();
      }
      net.runTo(epoch + 1, 1);
      const found = net.estimates().filter((x) => x.finished);
      const truth = meanOf(net.values);
      errors.push([
        worst(
          found.map((x) => x.mean),
          truth,
        ),
        worst(
          found.map((x) => x.count),
          200,
        ),
      ]);
      expect(found.length).toBeGreaterThan(190);
    }
    for (const [mean, count] of errors) {
      expect(mean).toBeLessThan(0.03);
      expect(count).toBeLessThan(0.05);
    }
  });
});
