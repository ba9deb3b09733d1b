import { expect, test } from "vitest";
import { Throttle } from "./throttle.ts";

test("each cause once in a while, and no more causes than a thousand", () => {
  let now = 0;
  const throttle = new Throttle(100, () => now);
  expect([throttle.allows("a"), throttle.allows("a"), throttle.allows("b")]).toEqual([true, false, true]);
  now = 100;
  expect(throttle.allows("a")).toBe(true);
  for (let i = 0; i < 1000; i++) throttle.allows(`c${i}`);
  // Forgotten, not remembered for ever.
  expect(throttle.allows("a")).toBe(true);
});
