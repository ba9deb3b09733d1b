import { Rng } from "@hearsay/core";
import { describe, expect, test } from "vitest";
import { type Coordinate, distanceMs, freshCoordinate, isSound, maxExtent } from "./coordinate.ts";
import { LatencyFilter, Vivaldi } from "./vivaldi.ts";

/** On the first axis. */
function at(x: number, height: number, error: number, adjustment = 0): Coordinate {
  return { vec: [x, 0, 0, 0, 0, 0, 0, 0], error, adjustment, height };
}

function length(vec: readonly number[]): number {
  return Math.hypot(...vec);
}

/** A node that begins, after measurements by hand: each to a peer of its own. */
function after(...measured: readonly [place: Coordinate, rtt: number][]): Vivaldi {
  const vivaldi = new Vivaldi(new Rng(1));
  for (const [place, rtt] of measured) expect(vivaldi.update(new LatencyFilter(), place, rtt)).toBe(true);
  return vivaldi;
}

describe("one measurement, worked out by hand", () => {
  test("to somebody at the same spot: away in some direction, and no higher", () => {
    const { place } = after([freshCoordinate(), 0.1]);
    // d 0.00002, wrongness 0.9998, weight 0.5: 0.25 * 0.5 * 0.9998 + 1.5 * 0.875.
    expect(place.error).toBeCloseTo(1.437475, 12);
    // (0.1 − (0.0124975 + 0.00002)) / 40.
    expect(place.adjustment).toBeCloseTo(0.0021870625, 12);
    // 0.125 * (0.1 − 0.00002), less the pull of the origin: (0.014704562 / 150)².
    expect(length(place.vec)).toBeCloseTo(0.0124975 - 9.60978e-9, 12);
    expect(place.height).toBe(1e-5);
    expect(
      place.vec.filter((x) => x !== 0),
      "any direction, not an axis",
    ).toHaveLength(8);
  });

  test("to somebody who seems too far: towards them, and as low as can be", () => {
    const { place } = after([at(1, 0.01, 0.5), 0.2]);
    expect(place.error, "1.978, but for the limit").toBe(1.5);
    // (0.2 − (0.848123125 + 0.01001)) / 40.
    expect(place.adjustment).toBeCloseTo(-0.016453328125, 12);
    // 0.25 * 0.75 * (1.01001 − 0.2), less (0.135443546 / 150)².
    expect(place.vec[0]).toBeCloseTo(0.151876875 - 8.153313e-7, 11);
    expect(place.vec.slice(1)).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(place.height).toBe(1e-5);
  });

  test("to somebody who seems too near: away from them, and up", () => {
    const { place } = after([at(0.01, 0.02, 1.5), 0.2]);
    // 0.25 * 0.5 * (0.2 − 0.03001), away from a peer to the right.
    expect(place.vec[0]).toBeCloseTo(-0.02124875, 6);
    // (0.00001 + 0.02) * 0.02124875 / 0.01 + 0.00001; the origin's pull takes 7e-8.
    expect(place.height).toBeCloseTo(0.04252874875, 6);
    expect(place.height).toBeLessThan(0.04252874875);
  });

  test("from a peer that is sure moves more than from one that is not", () => {
    const sure = after([at(1, 0.01, 0.1), 0.2]).place.vec[0]!;
    const unsure = after([at(1, 0.01, 1.5), 0.2]).place.vec[0]!;
    expect(sure / unsure).toBeCloseTo(1.5 / 1.6 / 0.5, 4);
  });

  test("of no time at all counts as a microsecond", () => {
    const { place } = after([at(0.001, 1e-5, 0.5), 0]);
    expect(isSound(place)).toBe(true);
    // 0.25 * 0.75 * (0.001 + 0.00002 − 0.000001).
    expect(place.vec[0]).toBeCloseTo(0.0001910625, 9);
  });
});

describe("what is refused has no effect", () => {
  test.each([-1e-9, 10.000_001, Number.NaN, Number.POSITIVE_INFINITY])("a time of %d s", (rtt) => {
    const vivaldi = after([at(0.5, 0.1, 1), 0.1]);
    const before = vivaldi.place;
    const latencies = new LatencyFilter();
    expect(vivaldi.update(latencies, at(1, 0.1, 1), rtt)).toBe(false);
    expect(vivaldi.place).toEqual(before);
    expect(latencies.add(3), "it was not noted either").toBe(3);
  });

  test("a place that cannot be", () => {
    const vivaldi = after([at(0.5, 0.1, 1), 0.1]);
    const before = vivaldi.place;
    for (const place of [{ ...at(1, 1, 1), vec: [1] }, at(Number.NaN, 1, 1), at(0, 1e9, 1), at(0, 1, 9)]) {
      expect(vivaldi.update(new LatencyFilter(), place, 0.1)).toBe(false);
    }
    expect(vivaldi.place).toEqual(before);
  });

  test("the limits themselves are taken", () => {
    expect(after([at(0, 0.1, 1), 0], [at(0, 0.1, 1), 10]).resets).toBe(0);
  });
});

test("a place that was shown does not change when we move", () => {
  const vivaldi = after([at(0.5, 0.1, 1), 0.1]);
  const shown = vivaldi.place;
  const copy = structuredClone(shown);
  expect(vivaldi.place).toBe(shown);
  vivaldi.update(new LatencyFilter(), at(0.7, 0.1, 1), 0.1);
  expect(shown).toEqual(copy);
  expect(vivaldi.place).not.toEqual(copy);
});

test("of the last three times to a peer the median counts; of two, the larger", () => {
  const latencies = new LatencyFilter();
  expect([0.1, 0.3, 0.2, 0.9, 0.9, 0.1, 0.1].map((time) => latencies.add(time))).toEqual([
    0.1, 0.3, 0.2, 0.3, 0.9, 0.9, 0.1,
  ]);
});

test("the median against all orders of up to six times", () => {
  const rng = new Rng(3);
  for (let round = 0; round < 500; round++) {
    const latencies = new LatencyFilter();
    const times: number[] = [];
    for (let i = 0; i < 6; i++) {
      times.push(rng.below(4));
      const last = times.slice(-3).sort((a, b) => a - b);
      expect(latencies.add(times.at(-1)!)).toBe(last[Math.floor(last.length / 2)]);
    }
  }
});

test("adjustments are those of the last twenty measurements", () => {
  // A pair that never moves far: the peer is sure of its place, we measure twice what the places say.
  const vivaldi = new Vivaldi(new Rng(1));
  const latencies = new LatencyFilter();
  const peer = at(0.05, 0.01, 1.5);
  const misses: number[] = [];
  for (let i = 0; i < 50; i++) {
    vivaldi.update(latencies, peer, 0.1);
    // Before the origin pulls, which it does by less than a microsecond here.
    misses.push(0.1 - rawOf(vivaldi.place, peer));
    const expected = misses.slice(-20).reduce((a, b) => a + b, 0) / 40;
    expect(vivaldi.place.adjustment).toBeCloseTo(expected, 5);
  }
});

function rawOf(a: Coordinate, b: Coordinate): number {
  return Math.hypot(...a.vec.map((x, i) => x - b.vec[i]!)) + a.height + b.height;
}

test("a node that is measured to right comes to rest where the times say", () => {
  const places = [0, 1, 2].map((i) => after([at(i + 1, 0.01, 1), 0.01]));
  const filters = places.map(() => places.map(() => new LatencyFilter()));
  // A triangle of 30, 40 and 50 ms.
  const rtts = [
    [0, 0.03, 0.04],
    [0.03, 0, 0.05],
    [0.04, 0.05, 0],
  ];
  for (let round = 0; round < 300; round++) {
    for (const [i, vivaldi] of places.entries()) {
      const j = (i + 1 + (round % 2)) % 3;
      vivaldi.update(filters[i]![j]!, places[j]!.place, rtts[i]![j]!);
    }
  }
  for (const [i, j] of [
    [0, 1],
    [0, 2],
    [1, 2],
  ] as const) {
    const estimated = distanceMs(places[i]!.place, places[j]!.place);
    expect(Math.abs(estimated / (rtts[i]![j]! * 1000) - 1), `${i} to ${j}: ${estimated} ms`).toBeLessThan(0.02);
  }
});

test("a place that was led out of range begins anew, and that is counted", () => {
  const vivaldi = after([at(1, 0.01, 1), 0.1]);
  const { vec } = vivaldi.place;
  // Close by, by the adjustment, and so high that standing off from it means to rise beyond all limits.
  const tower: Coordinate = {
    vec: vec.map((x, i) => x + (i === 0 ? 1e-5 : 0)),
    error: 0,
    adjustment: -95,
    height: 99,
  };
  expect(vivaldi.update(new LatencyFilter(), tower, 10)).toBe(true);
  expect(vivaldi.place).toEqual(freshCoordinate());
  expect(vivaldi.resets).toBe(1);
  expect(vivaldi.update(new LatencyFilter(), at(1, 0.01, 1), 0.1)).toBe(true);
  expect(vivaldi.resets).toBe(1);
});

test("whatever peers tell and whatever time it takes, every number stays finite and within its range", () => {
  const rng = new Rng(11);
  /** Mostly the ends of ranges, and what lies beyond. */
  const number = (): number => {
    const extremes = [
      0,
      -0,
      1e-320,
      1e-9,
      1e-5,
      1.5,
      maxExtent,
      -maxExtent,
      1e300,
      -1e300,
      Number.NaN,
      Number.POSITIVE_INFINITY,
    ];
    return rng.below(3) === 0 ? extremes[rng.below(extremes.length)]! : (rng.float() - 0.5) * 10 ** (rng.below(8) - 4);
  };
  let taken = 0;
  for (let round = 0; round < 300; round++) {
    const vivaldi = new Vivaldi(new Rng(round));
    const peers = Array.from({ length: 4 }, () => new LatencyFilter());
    for (let i = 0; i < 200; i++) {
      const height = Math.abs(number());
      const vec = Array.from({ length: 8 }, () =>
        rng.below(20) === 0 ? number() : (rng.float() - 0.5) * 2 * maxExtent,
      );
      const other = { vec, error: Math.abs(number()), adjustment: number(), height };
      if (vivaldi.update(peers[rng.below(4)]!, other, number() * 10)) {
        taken++;
        expect(isSound(vivaldi.place)).toBe(true);
        expect(Number.isFinite(distanceMs(vivaldi.place, other))).toBe(true);
      }
    }
  }
  expect(taken).toBeGreaterThan(3000);
});
