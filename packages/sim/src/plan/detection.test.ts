import { expect, test } from "vitest";
import { SwimPool } from "../pool.ts";
import { detection } from "./detection.ts";
import { planInputs } from "./inputs.ts";
import { CrashTrial } from "./trials.ts";

test("as quick as in the simulator: single crashes in pools of 60", () => {
  const runs = 60;
  const expected = detection(planInputs(60));
  const sums = [0, 0, 0];
  for (let seed = 1; seed <= runs; seed++) {
    const pool = new SwimPool({ seed, size: 60, fidelity: "objects" });
    pool.addConverged(60);
    pool.world.run(3000 + 77 * seed);
    const trial = new CrashTrial(pool, [seed % 60]);
    expect(pool.world.runUntil(() => trial.done, 90_000, 50)).toBeDefined();
    sums[0]! += trial.firstSuspicionMs[0]! / runs;
    sums[1]! += trial.firstDeadMs[0]! / runs;
    sums[2]! += trial.everyoneMs[0]! / runs;
  }
  const chance = (3 * expected.chanceMs) / Math.sqrt(runs);
  expect(Math.abs(sums[0]! - expected.firstSuspicion.meanMs)).toBeLessThan(chance);
  expect(Math.abs(sums[1]! - expected.firstDead.meanMs)).toBeLessThan(chance);
  expect(Math.abs(sums[2]! - expected.everyone.meanMs)).toBeLessThan(chance);
});

test("without confirmers a suspicion lasts its shortest; with few, sometimes longer", () => {
  expect(detection(planInputs(2)).firstDead.meanMs).toBe(2000 + 4000);
  const { firstDead, suspicionMinMs } = detection(planInputs(10));
  expect(suspicionMinMs).toBe(4000);
  expect(firstDead.meanMs).toBeGreaterThan(6000);
  expect(firstDead.badMs).toBeGreaterThan(firstDead.medianMs);
});
