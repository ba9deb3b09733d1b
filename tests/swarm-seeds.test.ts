/** Swarm runs: some dozens of seeds as they come, and those that once found something, each with its story. */
import { type Fault, faultKinds, runSwarm, type SwarmOptions, type SwarmResult } from "@hearsay/sim";
import { describe, expect, it } from "vitest";
import kept from "./swarm-seeds.json" with { type: "json" };

/** What a failing seed has to say. */
function told({ violations }: SwarmResult): string[] {
  return violations.map(({ checker, at, node, message, trace }) =>
    [`${checker} at ${(at / 1000).toFixed(1)} s on ${node}: ${message}`, ...trace].join("\n"),
  );
}

describe("seeds as they come", () => {
  const small = { nodes: [5, 12] } as const;

  it.each(Array.from({ length: 24 }, (_, i) => 1000 + i))("seed %i, up to 12 members", (seed) => {
    const result = runSwarm({ seed, ...small });
    expect(told(result)).toEqual([]);
    expect(result.agreedAfterMs).toBeGreaterThan(0);
  });

  it("seed 2003, up to 50 members", () => {
    expect(told(runSwarm({ seed: 2003, nodes: [30, 50] }))).toEqual([]);
  });

  it("draw every kind of fault", () => {
    const kinds = new Set<Fault["kind"]>();
    for (let seed = 1; seed <= 12; seed++) {
      for (const { kind } of runSwarm({ seed, nodes: [5, 5], settings: { breakMs: 0 } }).faults) kinds.add(kind);
    }
    expect([...kinds].sort()).toEqual([...faultKinds].sort());
  });
});

describe("seeds that found something", () => {
  it.each(kept)("seed $seed: $story", ({ seed, options }) => {
    expect(told(runSwarm({ seed, ...(options as Partial<SwarmOptions>) }))).toEqual([]);
  });
});

describe("a seed", () => {
  it("is one history: the same twice, another one for another seed", () => {
    const runs = [6, 6, 7].map((seed) => runSwarm({ seed, nodes: [5, 9] }));
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[2]!.digest).not.toBe(runs[0]!.digest);
  });

  it.each([6, 7])("is the same history in bytes and in objects: %i", (seed) => {
    const [bytes, objects] = (["bytes", "objects"] as const).map((fidelity) =>
      runSwarm({ seed, nodes: [5, 9], fidelity }),
    );
    expect(objects!.digest).toBe(bytes!.digest);
    expect(objects!.events).toBe(bytes!.events);
    expect(objects!.agreedAfterMs).toBe(bytes!.agreedAfterMs);
  });
});
