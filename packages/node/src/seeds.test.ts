import { expect, test } from "vitest";
import { SeedAliases, SeedPlan } from "./seeds.ts";

/** Runs a plan whose rounds take no time; `fate` says after which task company comes. */
function run(plan: SeedPlan, from: number, until: number, onTask: (task: string, at: number) => void): void {
  let now = from;
  while (plan.deadline <= until) {
    now = Math.max(now, plan.deadline);
    const task = plan.take(now);
    if (task) {
      onTask(task, now);
      plan.done(now);
    }
  }
}

test("alone: at once, then with pauses that double from one to thirty seconds, each from half to whole", () => {
  for (const random of [0, 0.5, 0.999]) {
    const plan = new SeedPlan({ random: () => random });
    const at: number[] = [];
    run(plan, 1000, 201_000, (task, when) => {
      expect(task).toBe("join");
      at.push(when);
    });
    expect(at[0]).toBe(1000);
    const pauses = at.slice(1).map((when, i) => when - at[i]!);
    const scale = 0.5 + random / 2;
    for (const [i, pause] of pauses.entries()) {
      expect(pause).toBeCloseTo(Math.min(1000 * 2 ** i, 30_000) * scale, 6);
    }
    expect(pauses.length).toBeGreaterThan(6);
  }
});

test("in company: a look after one to two minutes, never a join", () => {
  let draw = 0;
  const plan = new SeedPlan({ random: () => (draw = (draw + 0.37) % 1) });
  expect(plan.take(0)).toBe("join");
  plan.accompanied(10);
  plan.done(20);
  const at: number[] = [20];
  run(plan, 20, 3_600_000, (task, when) => {
    expect(task).toBe("look");
    const pause = when - at.at(-1)!;
    expect(pause).toBeGreaterThanOrEqual(60_000);
    expect(pause).toBeLessThan(120_000);
    at.push(when);
  });
  expect(at.length).toBeGreaterThan(29);
});

test("isolated again: within a second, with short pauses again", () => {
  const plan = new SeedPlan({ random: () => 0.5 });
  for (let now = 0; now < 300_000; now += 1000) if (plan.take(now)) plan.done(now);
  plan.accompanied(300_000);
  plan.isolated(400_000);
  const at: number[] = [];
  run(plan, 400_000, 404_000, (task, when) => {
    expect(task).toBe("join");
    at.push(when);
  });
  expect(at).toEqual([400_500, 401_250, 402_750]);
});

test("one task at a time: nothing is due while one runs, even if the situation changes", () => {
  const plan = new SeedPlan({ random: () => 0.5 });
  expect(plan.take(0)).toBe("join");
  expect(plan.deadline).toBe(Infinity);
  plan.accompanied(5);
  plan.isolated(6);
  expect(plan.take(100_000)).toBeUndefined();
  plan.done(100_000);
  expect(plan.deadline).toBe(100_750);
});

test("an address that answers and is no member's is left alone for a while", () => {
  const aliases = new SeedAliases();
  expect(aliases.worthTrying("10.0.0.1:7946")).toBe(true);
  aliases.answered("10.0.0.1:7946", false);
  const tries = Array.from({ length: 11 }, () => aliases.worthTrying("10.0.0.1:7946"));
  expect(tries).toEqual([...new Array<boolean>(10).fill(false), true]);
  aliases.answered("10.0.0.1:7946", false);
  aliases.answered("10.0.0.1:7946", true);
  expect(aliases.worthTrying("10.0.0.1:7946")).toBe(true);
});

test("lazy: nothing before there has been company, then as ever", () => {
  const plan = new SeedPlan({ random: () => 0.5, lazy: true });
  expect(plan.deadline).toBe(Infinity);
  plan.isolated(10);
  expect(plan.deadline).toBe(Infinity);
  plan.accompanied(20);
  expect(plan.deadline).toBe(20 + 90_000);
  plan.isolated(30);
  expect(plan.deadline).toBe(30 + 500);
  expect(plan.take(600)).toBe("join");
});
