import { expect, it } from "vitest";
import { mean, median, quantile, seconds, worst } from "./quantile.ts";

it("says where values lie, whatever their order", () => {
  expect(median([5, 1, 3])).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(quantile([0, 10], 0.99)).toBeCloseTo(9.9);
  expect(quantile([7], 0.999)).toBe(7);
  expect(worst([2, 9, 4])).toBe(9);
  expect(mean([2, 4])).toBe(3);
});

it("has nothing to say of nothing", () => {
  for (const of of [median, worst, mean]) expect(of([])).toBe(null);
  expect(seconds(null)).toBe(null);
  expect(seconds(1500)).toBe(1.5);
});
