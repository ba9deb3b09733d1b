import { describe, expect, it } from "vitest";
import { TokenBucket } from "./token-bucket.ts";

describe("TokenBucket", () => {
  it("gives a burst at once, then the rate", () => {
    const bucket = new TokenBucket(10, 3);
    expect([0, 0, 0, 0].map((now) => bucket.take(now))).toEqual([true, true, true, false]);
    expect(bucket.take(99)).toBe(false);
    expect(bucket.take(100)).toBe(true);
    expect(bucket.take(101)).toBe(false);
  });

  it("never holds more than the burst, nor less than nothing", () => {
    const bucket = new TokenBucket(1000, 5);
    bucket.spend(100, 0);
    expect(bucket.available(0)).toBe(0);
    expect(bucket.available(1e9)).toBe(5);
    expect(bucket.available(0)).toBe(5);
  });
});
