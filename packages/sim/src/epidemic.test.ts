import { Rng } from "@hearsay/core";
import { describe, expect, it } from "vitest";
import {
  type Epidemic,
  epidemicModes,
  formulaRounds,
  nextUninformed,
  roundsToShare,
  runEpidemic,
  theoryRounds,
  uninformedCurve,
  waveResidue,
} from "./epidemic.ts";

const runs = 40;

function many(epidemic: Epidemic): number[][] {
  const rng = new Rng(7);
  return Array.from({ length: runs }, (_, i) => runEpidemic(epidemic, rng.fork(`run ${i}`)));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

describe("an epidemic", () => {
  it("begins with one holder, never forgets, and ends with all", () => {
    for (const mode of epidemicModes) {
      const history = runEpidemic({ mode, nodes: 200, fanout: 2, loss: 0.2 }, new Rng(1));
      expect(history[0]).toBe(1);
      expect(history.at(-1)).toBe(200);
      for (let i = 1; i < history.length; i++) expect(history[i]).toBeGreaterThanOrEqual(history[i - 1]!);
    }
  });

  it("is the same for the same seed", () => {
    const epidemic: Epidemic = { mode: "push-pull", nodes: 500, fanout: 1, loss: 0.1 };
    expect(runEpidemic(epidemic, new Rng(3))).toEqual(runEpidemic(epidemic, new Rng(3)));
    expect(runEpidemic(epidemic, new Rng(3))).not.toEqual(runEpidemic(epidemic, new Rng(4)));
  });

  it("grows by 1 + f(1−ℓ) a round under push while hardly anyone has it", () => {
    // From some hundred holders on chance is averaged out; up to a tenth of the pool few meet a holder.
    const nodes = 100_000;
    const history = runEpidemic({ mode: "push", nodes, fanout: 2, loss: 0.25 }, new Rng(5));
    const from = history.findIndex((holders) => holders > 300);
    expect(history[from + 1]! / history[from]!).toBeGreaterThan(2.4);
    expect(history[from + 1]! / history[from]!).toBeLessThan(2.6);
  });

  it.each(epidemicModes)("follows the recurrence from the middle on: %s", (mode) => {
    const epidemic: Epidemic = { mode, nodes: 20_000, fanout: 1, loss: 0.1 };
    const history = runEpidemic(epidemic, new Rng(11));
    const start = history.findIndex((holders) => holders > 2000);
    for (let i = start; i + 1 < history.length; i++) {
      const u = 1 - history[i]! / epidemic.nodes;
      if (u < 0.02) break;
      const next = 1 - history[i + 1]! / epidemic.nodes;
      expect(Math.abs(next - nextUninformed(epidemic, u))).toBeLessThan(0.01);
    }
  });

  it.each([
    ["push", 1, 0],
    ["push", 3, 0],
    ["push", 3, 0.2],
    ["pull", 1, 0],
    ["pull", 2, 0.2],
    ["push-pull", 1, 0],
    ["push-pull", 1, 0.2],
  ] as const)("takes as many rounds as the recurrence says: %s, fan-out %d, loss %d", (mode, fanout, loss) => {
    const epidemic: Epidemic = { mode, nodes: 1000, fanout, loss };
    const measured = mean(many(epidemic).map((history) => history.length - 1));
    // The first rounds of one holder are luck that the recurrence does not know: a round or two.
    expect(measured).toBeGreaterThan(theoryRounds(epidemic, 1) - 0.7);
    expect(measured).toBeLessThan(theoryRounds(epidemic, 1) + 2.2);
  });

  it("is ended soonest by push-pull and latest by push, of fan-out 1", () => {
    const [push, pull, both] = epidemicModes.map((mode) =>
      mean(many({ mode, nodes: 1000, fanout: 1, loss: 0 }).map((history) => history.length - 1)),
    );
    expect(both).toBeLessThan(pull!);
    expect(pull).toBeLessThan(push!);
  });
});

describe("the theory", () => {
  it("knows the textbooks' figures for fan-out 1", () => {
    // log2 1000 + ln 1000 = 9.97 + 6.91; log2 1000 + log2 ln 1000 = 9.97 + 2.79; log3 1000 + log2 ln 1000 = 6.29 + 2.79.
    const rounds = (mode: Epidemic["mode"]) => formulaRounds({ mode, nodes: 1000, fanout: 1, loss: 0 });
    expect(rounds("push")).toBeCloseTo(16.87, 2);
    expect(rounds("pull")).toBeCloseTo(12.75, 2);
    expect(rounds("push-pull")).toBeCloseTo(9.08, 2);
    expect(formulaRounds({ mode: "pull", nodes: 1000, fanout: 1, loss: 0.1 })).toBeUndefined();
  });

  it("divides the rest by e^f a round at the end of push, and raises it to the power 1 + f under pull", () => {
    const u = 1e-4;
    expect(nextUninformed({ mode: "push", nodes: 1000, fanout: 2, loss: 0 }, u) / u).toBeCloseTo(Math.exp(-2), 3);
    expect(nextUninformed({ mode: "pull", nodes: 1000, fanout: 2, loss: 0 }, u)).toBeCloseTo(u ** 3, 15);
  });

  it("grows by the logarithm of the pool's size: ten times the members cost the same rounds more each time", () => {
    const rounds = [100, 1000, 10_000, 100_000].map((nodes) =>
      theoryRounds({ mode: "push", nodes, fanout: 3, loss: 0 }, 1),
    );
    const more = rounds.slice(1).map((value, i) => value - rounds[i]!);
    const expected = Math.LN10 / Math.log(4) + Math.LN10 / 3;
    for (const step of more) expect(Math.abs(step - expected)).toBeLessThan(0.1);
  });

  it("starts its curve with all but one", () => {
    const curve = uninformedCurve({ mode: "push", nodes: 50, fanout: 1, loss: 0 }, 3);
    expect(curve).toHaveLength(4);
    expect(curve[0]).toBe(0.98);
  });
});

describe("one wave", () => {
  it("leaves out the root of its equation, and everyone when each reaches no more than one", () => {
    // x = 1 − e^(−3x) has the root 0.9405 (two messages: 0.7968).
    expect(1 - waveResidue(3, 0)).toBeCloseTo(0.9405, 4);
    expect(1 - waveResidue(2, 0)).toBeCloseTo(0.7968, 4);
    expect(1 - waveResidue(4, 0.25)).toBeCloseTo(0.9405, 4);
    expect(waveResidue(1, 0)).toBe(1);
  });
});

describe("rounds to a share", () => {
  it("counts from the round before the first", () => {
    expect(roundsToShare([1, 3, 8, 10], 10, 0.1)).toBe(0);
    expect(roundsToShare([1, 3, 8, 10], 10, 0.5)).toBe(2);
    expect(roundsToShare([1, 3, 8, 10], 10, 1)).toBe(3);
    expect(roundsToShare([1, 3, 8], 10, 1)).toBeUndefined();
  });
});
