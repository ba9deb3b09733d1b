import { describe, expect, it } from "vitest";
import { LamportClock, maxLeapTarget, maxLTime, maxLTimeLeap, maxSteps, windowMs } from "./lamport.ts";

describe("LamportClock", () => {
  it("starts at 1 and counts", () => {
    const clock = new LamportClock();
    expect(clock.time).toBe(1);
    expect(clock.increment()).toBe(2);
    expect(clock.time).toBe(2);
  });

  it("moves one past what it witnesses, and never back", () => {
    const clock = new LamportClock();
    clock.witness(0, 0);
    expect(clock.time).toBe(1);
    clock.witness(1, 0);
    expect(clock.time).toBe(2);
    clock.witness(41, 0);
    expect(clock.time).toBe(42);
    clock.witness(41, 0);
    clock.witness(7, 0);
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
    expect(clock.accepts(time, 0)).toBe(false);
    expect(clock.witness(time, 0)).toBe(false);
    expect(clock.time).toBe(1);
  });

  it("leaps once a minute, however many would have it leap", () => {
    const clock = new LamportClock();
    for (let i = 0; i < 20; i++) clock.witness(clock.time + maxLTimeLeap, 0);
    expect(clock.time).toBe(maxLTimeLeap + 2);
    expect(clock.accepts(clock.time + maxLTimeLeap, windowMs - 1)).toBe(false);
    expect(clock.accepts(clock.time + maxLTimeLeap, windowMs)).toBe(true);
    const after = clock.time;
    expect(clock.accepts(after, 1)).toBe(true);
    expect(clock.increment()).toBe(after + 1);
  });

  it("takes so many steps a minute, in however many messages", () => {
    const clock = new LamportClock();
    expect(clock.witness(maxSteps / 2, 0, false)).toBe(true);
    expect(clock.witness(maxSteps, 10, false)).toBe(true);
    for (let i = 0; i < 50; i++) expect(clock.witness(clock.time + 1 + i * maxSteps, 20, false)).toBe(false);
    expect(clock.time).toBe(maxSteps + 1);
    // Nor is one step too many a leap, unless a leap may be.
    expect(clock.witness(maxSteps + 2, windowMs, false)).toBe(true);
  });

  it("counts its own ticks as nobody's steps", () => {
    const clock = new LamportClock();
    clock.witness(maxSteps, 0, false);
    for (let i = 0; i < 100; i++) clock.increment();
    expect(clock.witness(clock.time, 0, false)).toBe(true);
  });

  it("believes the peer it has asked at once, and whoever is near that time then", () => {
    const clock = new LamportClock();
    clock.witness(maxLTimeLeap, 0);
    clock.learn(5 * maxLTimeLeap, 1);
    expect(clock.time).toBe(5 * maxLTimeLeap);
    expect(clock.witness(5 * maxLTimeLeap + 1000, 1, false)).toBe(true);
    clock.learn(7, 2);
    expect(clock.time).toBe(5 * maxLTimeLeap + 1001);
  });

  it.each([2 ** 53, 1.5, Number.NaN, Number.POSITIVE_INFINITY, -1])("learns nothing from %d", (time) => {
    const clock = new LamportClock();
    clock.learn(time, 0);
    expect(clock.time).toBe(1);
  });

  it("cannot be brought near the top, and meets those who are a little past the highest leap", () => {
    const clock = new LamportClock();
    const peer = new LamportClock();
    for (let i = 0; i < 100; i++) clock.learn(maxLTime, 0);
    expect(clock.time).toBeLessThanOrEqual(maxLeapTarget + maxSteps);
    for (let i = 1; i <= 10; i++) clock.learn(maxLTime, i * windowMs);
    expect(clock.time).toBeGreaterThan(maxLeapTarget + 10 * maxSteps);
    expect(clock.time).toBeLessThan(maxLeapTarget + 12 * maxSteps);
    for (let i = 0; i <= 12; i++) peer.learn(clock.time, i * windowMs);
    expect(peer.time).toBe(clock.time);
  });
});
