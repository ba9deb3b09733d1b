/** Swarm runs: some dozens of seeds as they come, and those that once found something, each with its story. */
import { type Fault, runSwarm, type SwarmResult } from "@hearsay/sim";
import { describe, expect, it } from "vitest";
import kept from "./swarm-seeds.json" with { type: "json" };

/** What a failing seed has to say. */
function told({ violations }: SwarmResult): string[] {
  return violations.map(({ checker, at, node, message, trace }) =>
    [`${checker} at ${(at / 1000).toFixed(1)} s on ${node}: ${message}`, ...trace].join("\n"),
  );
}

describe("seeds as they come", () => {
  const small = { nodes: [5, 14] } as const;

  it.each(Array.from({ length: 30 }, (_, i) => 1000 + i))("seed %i, up to 14 members", (seed) => {
    const result = runSwarm({ seed, ...small });
    expect(told(result)).toEqual([]);
    expect(result.agreedAfterMs).toBeGreaterThan(0);
  });

  it.each([2001, 2002, 2003])("seed %i, up to 50 members", (seed) => {
    expect(told(runSwarm({ seed, nodes: [30, 50] }))).toEqual([]);
  });

  it("draw every kind of fault", () => {
    const kinds = new Set<Fault["kind"]>();
    for (let seed = 1; seed <= 12; seed++) {
      for (const { kind } of runSwarm({ seed, nodes: [5, 5], settings: { breakMs: 0 } }).faults) kinds.add(kind);
    }
    expect(kinds.size).toBe(17);
  });
});

describe("seeds that found something", () => {
  it.each(kept)("seed $seed: $story", ({ seed }) => {
    expect(told(runSwarm({ seed }))).toEqual([]);
  });
});

describe("a seed", () => {
  it("is one history: the same twice, another one for another seed", () => {
    const runs = [3, 3, 4].map((seed) => runSwarm({ seed, nodes: [5, 14] }));
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[2]!.digest).not.toBe(runs[0]!.digest);
  });

  it.each([5, 6, 7])("is the same history in bytes and in objects: %i", (seed) => {
    const [bytes, objects] = (["bytes", "objects"] as const).map((fidelity) =>
      runSwarm({ seed, nodes: [5, 14], fidelity }),
    );
    expect(objects!.digest).toBe(bytes!.digest);
    expect(objects!.events).toBe(bytes!.events);
    expect(objects!.agreedAfterMs).toBe(bytes!.agreedAfterMs);
  });
});
