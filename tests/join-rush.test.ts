/** A rush of joiners through one seed: all see all within ten seconds, every time; no update stays lost. */
import { expect, it } from "vitest";
import { Swarm } from "./swarm.ts";

for (const [n, seeds] of [
  [50, 10],
  [100, 10],
  [300, 2],
] as const) {
  it(`${n} joiners, ${seeds} times`, () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const swarm = new Swarm(seed);
      for (let i = 0; i < n; i++) swarm.add();
      for (const node of swarm.nodes.slice(1)) swarm.join(node, swarm.nodes[0]!);
      const took = swarm.world.runUntil(() => swarm.agreed(), 120_000);
      expect(took, `seed ${seed}`).toBeLessThan(10_000);
      const suspected = swarm.nodes.some(({ events }) => events.some(({ event }) => event.type === "member-suspect"));
      expect(suspected, `seed ${seed}: nobody was suspected`).toBe(false);
    }
  });
}
