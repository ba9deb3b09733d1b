import { describe, expect, test } from "vitest";
import { Schedule } from "./schedule.ts";
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

const stepMs = 0.2;

function whole(inputs: SpreadInputs, step = stepMs): Schedule {
  const schedule = new Schedule(inputs, step);
  schedule.reach(Number.POSITIVE_INFINITY);
  return schedule;
}

describe("a schedule", () => {
  test("asked for bit by bit, or at once: the same to the last bit", () => {
    const slow = new Schedule(lan, stepMs);
    for (let age = 0; age < 8000; age++) {
      const before = slow.ages.length;
      slow.reach(age);
      // Nothing comes in behind an age that was asked for.
      if (before > 0 && slow.ages.length > before) expect(slow.ages[before]!).toBeGreaterThan(slow.ages[before - 1]!);
    }
    const all = whole(lan);
    expect(slow.ages).toEqual(all.ages);
    expect(slow.packets).toEqual(all.packets);
  });

  test.each([
    [lan, stepMs],
    [{ ...lan, transmitLimit: 7, gossipNodes: 1 }, stepMs],
    [{ ...lan, latencyMs: 3000 }, 3],
    [{ ...lan, transmitLimit: 400, gossipIntervalMs: 5, latencyMs: 700 }, 0.7],
  ])("every transmission arrives once: %j", (inputs, step) => {
    const sum = whole(inputs, step).packets.reduce((all, packets) => all + packets, 0);
    expect(sum / inputs.transmitLimit).toBeCloseTo(1, 1);
  });

  test("of seven hundred transmissions only those are worked out that somebody waits for", () => {
    const schedule = new Schedule({ ...lan, transmitLimit: 700, gossipNodes: 1 }, stepMs);
    schedule.reach(3000);
    expect(schedule.ages.at(-1)!).toBeLessThan(6000);
    expect(schedule.lifeMs).toBeGreaterThan(50_000);
  });
});

test("a hundred transmissions for each power of ten spread as sixteen do, and leave nobody out", () => {
  const [some, many] = [112, 700].map((transmitLimit) => spread({ ...lan, n: 1_000_000, transmitLimit }));
  expect(many!.everyoneMs(0.5)).toBe(some!.everyoneMs(0.5));
  expect(many!.missed() * 1e6).toBeLessThan(1e-6);
});

test("seconds of delay: each hop takes one, whatever the interval", () => {
  const half = [1, 200].map(
    (gossipIntervalMs) => spread({ ...lan, gossipIntervalMs, latencyMs: 10_000 }).shareMs(0.5)!,
  );
  for (const ms of half) {
    expect(ms).toBeGreaterThan(2 * 10_000);
    expect(ms).toBeLessThan(6 * 10_000);
  }
});

test("finer steps change little where delays are long", () => {
  const of = (steps: number) => spread({ ...lan, latencyMs: 2000, steps });
  expect(of(1000).shareMs(0.5)! / of(3000).shareMs(0.5)!).toBeCloseTo(1, 2);
  expect(of(1000).meanEveryoneMs() / of(3000).meanEveryoneMs()).toBeCloseTo(1, 2);
});
