import { describe, expect, it } from "vitest";
import { Awareness } from "./awareness.ts";
import { confirmationsWanted, pushPullScale, retransmitLimit, suspicionMinMs, suspicionTotalMs } from "./formulas.ts";
import { memberlistVectors } from "./testing/vectors.ts";

interface FormulaVector {
  readonly name: string;
  readonly inputs: Record<string, number> & { deltas?: number[] };
  readonly expect: { ns?: number; limit?: number; scores?: number[]; v0?: number; v1?: number };
}

const vectors = memberlistVectors<FormulaVector>("formulas");
const ms = (ns: number | undefined) => ns! / 1e6;

describe("formulas equal those of the Go program", () => {
  let seen = 0;
  for (const { name, inputs, expect: expected } of vectors) {
    if (name.startsWith("encrypt-")) continue; // the codec's
    seen++;
    it(name, () => {
      if (name.startsWith("suspicion-timeout")) {
        expect(suspicionMinMs(inputs.mult!, inputs.n!, ms(inputs.probeIntervalNs))).toBe(ms(expected.ns));
      } else if (name.startsWith("retransmit")) {
        expect(retransmitLimit(inputs.mult!, inputs.n!)).toBe(expected.limit);
      } else if (name.startsWith("push-pull")) {
        expect(ms(inputs.intervalNs) * pushPullScale(inputs.n!)).toBe(ms(expected.ns));
      } else if (name.startsWith("remaining")) {
        const total = suspicionTotalMs(inputs.n!, inputs.k!, ms(inputs.minNs), ms(inputs.maxNs));
        expect(total - ms(inputs.elapsedNs)).toBe(ms(expected.ns));
      } else if (name.startsWith("awareness")) {
        const awareness = new Awareness(inputs.max!);
        const scores = inputs.deltas!.map((delta) => {
          awareness.apply(delta);
          return awareness.score;
        });
        expect(scores).toEqual(expected.scores);
      } else {
        throw new Error(`a vector nobody checks: ${name}`);
      }
    });
  }
  it("checks more than fifty of them", () => expect(seen).toBeGreaterThan(50));
});

describe("confirmations wanted", () => {
  it.each([
    [4, 2, 0],
    [4, 3, 0],
    [4, 4, 2],
    [4, 100, 2],
    [6, 5, 0],
    [6, 6, 4],
    [3, 3, 1],
    [1, 100, 0],
  ])("suspicionMult %i in a pool of %i: %i", (mult, n, wanted) => {
    expect(confirmationsWanted(mult, n)).toBe(wanted);
  });
});
