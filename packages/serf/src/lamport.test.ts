import { describe, expect, it } from "vitest";
import { LamportClock, maxLTime, maxLTimeLeap } from "./lamport.ts";

describe("LamportClock", () => {
  it("starts at 1 and counts", () => {
    const clock = new LamportClock();
    expect(clock.time).toBe(1);
    expect(clock.increment()).toBe(2);
    expect(clock.time).toBe(2);
  });

  it("moves one past what it witnesses, and never back", () => {
    const clock = new LamportClock();
    clock.witness(0);
    expect(clock.time).toBe(1);
    clock.witness(1);
    expect(clock.time).toBe(2);
    clock.witness(41);
    expect(clock.time).toBe(42);
    clock.witness(41);
    clock.witness(7);
    expect(clock.time).toBe(42);
  });

  it.each([
    2 ** 53,
    2 ** 63,
    2 ** 64,
    Number.MAX_SAFE_INTEGER,
    maxLTime,
    1.5,
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
  ])("is not poisoned by %d", (time) => {
    const clock = new LamportClock();
    expect(clock.accepts(time)).toBe(false);
    clock.witness(time);
    expect(clock.time).toBe(1);
  });

  it("still works after the largest leap it accepts", () => {
    const clock = new LamportClock();
    clock.witness(clock.time + maxLTimeLeap);
    const after = clock.time;
    expect(clock.accepts(after)).toBe(true);
    expect(clock.increment()).toBe(after + 1);
  });

  it("stays exact at the top", () => {
    const clock = new LamportClock();
    while (clock.time < maxLTime) clock.witness(Math.min(clock.time + maxLTimeLeap, maxLTime));
    expect(clock.time).toBe(maxLTime);
    expect(clock.increment()).toBe(maxLTime);
  });
});
