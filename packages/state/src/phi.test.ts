import { Rng } from "@hearsay/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PhiDetector } from "./phi.ts";
import { deviationsForPhi, phiOfExponential, phiOfNormal } from "./phi-tail.ts";
import { IntervalWindows } from "./phi-window.ts";

describe("the normal tail", () => {
  // Reference values of -log10(erfc(z / sqrt 2) / 2), from the complementary distribution in 40 digits.
  it.each([
    [0, 0.3010299956639812],
    [1, 0.7995455414919705],
    [2, 1.643016080140937],
    [3, 2.869699035929369],
    [6, 9.005864327476704],
    [10, 23.118053405486076],
    [20, 88.56009534307559],
    [38, 315.5397897039625],
    [50, 544.9663358619966],
  ])("is right %d deviations out", (z, phi) => {
    expect(phiOfNormal(z) / phi).toBeCloseTo(1, 12);
  });

  it("keeps its digits where the tail is close to one", () => {
    // P(Z > -8) = 1 - 6.22096e-16.
    expect(phiOfNormal(-8) * Math.LN10).toBeCloseTo(6.22096057427e-16, 24);
  });

  it("grows without a step, far past where the tail underflows", () => {
    let before = phiOfNormal(-10);
    for (let z = -9.99; z < 60; z += 0.01) {
      const phi = phiOfNormal(z);
      expect(phi).toBeGreaterThanOrEqual(before);
      expect(phi - before).toBeLessThan(0.3);
      before = phi;
    }
    expect(phiOfNormal(1e4)).toBeGreaterThan(2e7);
  });

  it("gives the times of the published table: 1.28, 3.09, 4.26 and 5.61 deviations", () => {
    const wanted = [1.2816, 3.0902, 4.2649, 5.612];
    [1, 3, 5, 8].forEach((phi, i) => {
      expect(deviationsForPhi(phi)).toBeCloseTo(wanted[i]!, 3);
    });
    expect(phiOfExponential(18.42)).toBeCloseTo(8, 2);
  });

  it("is undone by its inverse", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 900, noNaN: true }), (phi) => {
        expect(phiOfNormal(deviationsForPhi(phi)) / phi).toBeCloseTo(1, 9);
      }),
    );
  });
});

describe("the window", () => {
  it("has the mean and deviation of its last intervals, exactly, after any number", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 12 }),
        fc.array(fc.integer({ min: 0, max: 4_000_000 }), { minLength: 1, maxLength: 200 }),
        (length, eighths) => {
          const windows = new IntervalWindows(length);
          windows.grow(2);
          for (const interval of eighths) windows.push(1, interval / 8);
          const kept = eighths.slice(-length);
          const mean = kept.reduce((sum, x) => sum + x, 0) / kept.length;
          const square = kept.reduce((sum, x) => sum + x * x, 0) / kept.length;
          expect(windows.mean(1)).toBe(mean / 8);
          expect(windows.deviation(1)).toBe(Math.sqrt(Math.max(0, square - mean * mean)) / 8);
          expect(windows.count(0)).toBe(0);
        },
      ),
    );
  });
});

describe("a member's phi", () => {
  it("is low while it keeps its rhythm and passes the threshold when it falls silent, at the time foretold", () => {
    const detector = new PhiDetector();
    const now = beats(detector, "a", 200, 1_000);
    expect(detector.suspected("a", now + 1_000)).toBe(false);
    const at = detector.suspectAt("a");
    // The seeds are gone from the window: mean 1,000, deviation the floor.
    expect(at - now).toBeCloseTo(1_000 + 100 * 5.612, 0);
    expect(detector.suspected("a", at - 1)).toBe(false);
    expect(detector.suspected("a", at)).toBe(true);
    expect(detector.suspectAt("a")).toBe(Number.POSITIVE_INFINITY);
  });

  it("convicts a member that was heard once", () => {
    const detector = new PhiDetector();
    detector.heartbeat("a", 0);
    const at = detector.suspectAt("a");
    // Seeds 750 and 1,250: mean 1,000, deviation 250.
    expect(at).toBeCloseTo(1_000 + 250 * 5.612, 0);
    expect(detector.suspected("a", at)).toBe(true);
  });

  it("forgives the acceptable pause", () => {
    const detector = new PhiDetector({ acceptablePauseMs: 3_000 });
    const now = beats(detector, "a", 200, 1_000);
    expect(detector.suspectAt("a") - now).toBeCloseTo(4_000 + 561.2, 0);
  });

  it("takes 18.4 means with the exponential model", () => {
    const detector = new PhiDetector({ model: "exponential" });
    const now = beats(detector, "a", 200, 1_000);
    expect(detector.suspectAt("a") - now).toBeCloseTo(18_420, -1);
    expect(detector.suspected("a", detector.suspectAt("a"))).toBe(true);
  });

  it("does not learn the interval that ends an outage", () => {
    const detector = new PhiDetector();
    const now = beats(detector, "a", 200, 1_000);
    expect(detector.heartbeat("a", now + 30_000)).toBe("outage");
    expect(detector.inspect("a", now)?.meanMs).toBe(1_000);
    expect(detector.heartbeat("a", now + 31_000)).toBe("learnt");
  });

  it("believes a new rhythm after some outages in a row", () => {
    const detector = new PhiDetector({ relearnAfter: 3 });
    const now = beats(detector, "a", 200, 1_000);
    const outcomes = [1, 2, 3, 4].map((i) => detector.heartbeat("a", now + i * 20_000));
    expect(outcomes).toEqual(["outage", "outage", "relearnt", "learnt"]);
    expect(detector.inspect("a", now)?.meanMs).toBe(20_000);
  });

  it("never learns an interval over the cap, even a rhythm of them", () => {
    const detector = new PhiDetector({ maxIntervalMs: 5_000, relearnAfter: 2 });
    beats(detector, "a", 50, 60_000);
    expect(detector.inspect("a", 0)?.meanMs).toBeLessThanOrEqual(5_000);
  });

  it("raises the threshold of a member it was wrong about, and lowers it after a calm window", () => {
    const detector = new PhiDetector({ windowSamples: 10 });
    let now = beats(detector, "a", 30, 1_000);
    expect(detector.sweep(now + 5_000)).toMatchObject([{ name: "a", suspected: true }]);
    // Hysteresis: it stays suspected, however often it is asked.
    expect(detector.sweep(now + 5_001)).toEqual([]);
    now += 5_500;
    detector.heartbeat("a", now);
    expect(detector.inspect("a", now)).toMatchObject({ suspected: false, suspectPhi: 9 });
    for (let i = 0; i < 10; i++) detector.heartbeat("a", (now += 1_000));
    expect(detector.inspect("a", now)?.suspectPhi).toBe(8);
  });
});

describe("a rhythm that is told of", () => {
  it("when slower, is not taken for silence, and does not acquit those suspected", () => {
    const detector = new PhiDetector();
    const now = beats(detector, "a", 100, 1_000);
    beats(detector, "b", 50, 1_000);
    expect(detector.sweep(now)).toMatchObject([{ name: "b", suspected: true }]);
    detector.expect(10_000, 0);
    expect(detector.sweep(now + 15_000)).toEqual([]);
    expect(detector.inspect("a", now)).toMatchObject({ meanMs: 10_000, samples: 2 });
    expect(detector.inspect("b", now)).toMatchObject({ meanMs: 1_000, suspected: true });
    // By little: what was learnt stays.
    for (let i = 1; i <= 4; i++) detector.heartbeat("a", now + 10_000 * i);
    detector.expect(12_000, 5_000);
    expect(detector.inspect("a", now)?.samples).toBe(6);
    detector.heartbeat("c", now);
    expect(detector.suspectAt("c") - now).toBeCloseTo(5_000 + 12_000 + 3_000 * 5.612, -1);
  });

  it("when faster, is learnt; small steps add up until the windows start anew", () => {
    const detector = new PhiDetector();
    const now = beats(detector, "a", 100, 1_000);
    detector.expect(500, 0);
    expect(detector.inspect("a", now)).toMatchObject({ meanMs: 1_000, samples: 100 });
    for (const intervalMs of [550, 600]) detector.expect(intervalMs, 0);
    expect(detector.inspect("a", now)?.samples).toBe(100);
    detector.expect(650, 0);
    expect(detector.inspect("a", now)).toMatchObject({ samples: 2, meanMs: 650 });
  });

  it("may be longer than what is learnt by default, and is refused out of range with no effect", () => {
    const detector = new PhiDetector();
    detector.expect(100_000, 0);
    const now = beats(detector, "a", 10, 120_000);
    expect(detector.inspect("a", now)?.samples).toBe(12);
    for (const [intervalMs, pauseMs] of [
      [0, 0],
      [Number.NaN, 0],
      [1_000, -1],
    ] as const)
      expect(() => detector.expect(intervalMs, pauseMs)).toThrow(RangeError);
    expect(detector.inspect("a", now)?.samples).toBe(12);
    detector.expect(1e9, 0);
    expect(detector.inspect("a", now)?.meanMs).toBe(400_000);
  });
});

describe("a pause of our own", () => {
  it("is held against nobody", () => {
    const detector = new PhiDetector();
    for (const name of ["a", "b", "c"]) beats(detector, name, 100, 1_000);
    const now = 100_000;
    detector.localPause(20_000, now + 20_000);
    expect(detector.sweep(now + 20_500)).toEqual([]);
    // What waited meanwhile arrives in a heap, and is no rhythm.
    for (let i = 0; i < 20; i++) expect(detector.heartbeat("a", now + 20_001)).toBe("settling");
    expect(detector.inspect("a", now)?.meanMs).toBe(1_000);
    // One that really died is found once all has settled.
    expect(detector.suspected("c", now + 22_000)).toBe(true);
  });

  it("gives nothing to a member that was heard in it", () => {
    const detector = new PhiDetector();
    const now = beats(detector, "a", 100, 1_000);
    detector.localPause(500, now + 100);
    expect(detector.inspect("a", now + 300)?.silentMs).toBe(300);
  });
});

describe("the detector", () => {
  it("keeps few bytes a member, and rows of the forgotten serve again", () => {
    const detector = new PhiDetector({ maxMembers: 2 });
    expect(detector.memberBytes).toBeLessThan(450);
    expect(detector.heartbeat("a", 0)).toBe("first");
    beats(detector, "b", 50, 100);
    expect(detector.heartbeat("c", 0)).toBe("refused");
    expect(detector.phi("c", 1e6)).toBe(0);
    expect(detector.forget("b")).toBe(true);
    expect(detector.heartbeat("c", 9_000)).toBe("first");
    expect(detector.inspect("c", 9_000)).toMatchObject({ samples: 2, meanMs: 1_000, silentMs: 0 });
  });

  it("is seldom wrong about arrivals that are as they should be", () => {
    const rng = new Rng(7);
    const detector = new PhiDetector({ suspectPhi: 3, maxSuspectPhi: 3, minDeviationMs: 1 });
    let now = 0;
    let wrong = 0;
    const beatsInAll = 200_000;
    for (let i = 0; i < beatsInAll; i++) {
      now += 1_000 + 50 * gaussian(rng);
      if (detector.suspected("a", now)) wrong++;
      detector.heartbeat("a", now);
    }
    // One in a thousand by the model; the deviation is estimated from a hundred samples, which costs a little.
    expect(wrong / beatsInAll).toBeGreaterThan(0.0003);
    expect(wrong / beatsInAll).toBeLessThan(0.003);
  });

  it.each([
    [{ windowSamples: 1 }, "windowSamples is 1, where a whole number from 2 to 512 belongs"],
    [{ trustPhi: 9 }, "trustPhi is 9, where a number from 0.31 to 8 belongs"],
    [{ minDeviationMs: Number.NaN }, "minDeviationMs is NaN"],
  ])("refuses settings out of range: %o", (settings, message) => {
    expect(() => new PhiDetector(settings)).toThrow(message);
  });
});

/** `count` heartbeats from 0 on; returns the time of the last. */
function beats(detector: PhiDetector, name: string, count: number, everyMs: number): number {
  for (let i = 0; i <= count; i++) detector.heartbeat(name, i * everyMs);
  return count * everyMs;
}

function gaussian(rng: Rng): number {
  return Math.sqrt(-2 * Math.log(1 - rng.float())) * Math.cos(2 * Math.PI * rng.float());
}
