import { expect, test } from "vitest";
import { formatDuration, parseDuration } from "./duration.ts";

test.each([
  ["0", 0],
  ["30s", 30_000],
  ["1h30m", 5_400_000],
  ["1.5s", 1500],
  [".5s", 500],
  ["250ms", 250],
  ["100us", 0.1],
  ["1m0.5s", 60_500],
])("%s", (text, ms) => expect(parseDuration(text)).toBeCloseTo(ms, 9));

test.each(["", "5", "s", "1x", "-1s", "1s ", "1.2.3s", "1 s"])("%j is none", (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test.each([
  [30_000, "30s"],
  [90_000, "1m30s"],
  [5_400_000, "1h30m"],
  [250, "250ms"],
])("%d ms", (ms, text) => expect(formatDuration(ms)).toBe(text));
