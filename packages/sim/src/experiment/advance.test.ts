import { expect, test } from "vitest";
import { advance, advanceUntil, type Steppable } from "./experiment.ts";

/** Times at which adding what is left, rounded, gives the same time again. */
function clock(now: number): Steppable & { now: number } {
  return {
    now,
    nodes: { length: 30 },
    run(ms: number) {
      this.now += ms;
    },
  };
}

test("a time that rounding never quite reaches is reached all the same", () => {
  for (let i = 0; i < 2000; i++) {
    const ms = 100 + i * 0.7310585786300049;
    const world = clock(1e5 / 3 + i * 17.77);
    const start = world.now;
    let steps = 0;
    for (const _ of advance(world, ms, (share) => ({ share, doing: "" }))) expect(++steps).toBeLessThan(10);
    expect(world.now - start).toBeCloseTo(ms, 5);
    steps = 0;
    for (const _ of advanceUntil(
      world,
      () => false,
      ms,
      77.7,
      (share) => ({ share, doing: "" }),
    ))
      expect(++steps).toBeLessThan(30);
  }
});
