import { describe, expect, test } from "vitest";
import { settingsOf } from "../experiment/experiment.ts";
import { Report } from "../experiment/report.ts";
import { type PlanInputs, planInputs } from "./inputs.ts";
import { verification } from "./verify.ts";

function verified(inputs: PlanInputs, seed: number, steps = Number.POSITIVE_INFINITY): Report {
  const experiment = verification(inputs);
  const settings = settingsOf(experiment);
  const report = new Report(experiment.name, seed, settings as Record<string, number>);
  const run = experiment.run(report, settings);
  for (let i = 0; i < steps && !run.next().done; i++);
  run.return();
  return report;
}

const row = (report: Report, quantity: string) =>
  report.tables[0]!.rows.find((one) => String(one.quantity).startsWith(quantity))!;

describe("a pool of 100", () => {
  const inputs = planInputs(100);
  const report = verified(inputs, 1);

  test.each([
    "at rest, by packets",
    "packets",
    "push/pull, by streams",
    "all together",
    "broadcast: half",
    "broadcast: 99 %",
    "broadcast: everybody",
    "broadcast: packets",
    "broadcast: bytes",
  ])("%s: within 20 %% of the prediction", (quantity) => {
    expect(Math.abs(Number(row(report, quantity).differencePercent))).toBeLessThanOrEqual(20);
  });

  test("what is further off says why", () => {
    for (const one of report.tables[0]!.rows) {
      const far = Math.abs(Number(one.differencePercent)) > 20;
      expect(one.explanation !== "", String(one.quantity)).toBe(far);
    }
  });

  test("the same seed measures the same, another one something else", () => {
    expect(JSON.stringify(verified(inputs, 1))).toBe(JSON.stringify(report));
    expect(JSON.stringify(verified(inputs, 2))).not.toBe(JSON.stringify(report));
  });
});

test("with loss: more packets, as predicted, and accusations counted", () => {
  const report = verified(planInputs(50, { loss: 0.2 }), 3);
  expect(Math.abs(Number(row(report, "all together").differencePercent))).toBeLessThanOrEqual(20);
  expect(row(report, "false accusations").predicted).toBeGreaterThan(0);
});

test("over satellites: delays longer than all the rounds of a broadcast", () => {
  const config = { probeIntervalMs: 30_000, probeTimeoutMs: 15_000, pushPullIntervalMs: 0 };
  const report = verified(planInputs(30, { profile: "wan", latencyMs: 2000, config }), 1);
  for (const quantity of ["broadcast: half", "broadcast: 99 %", "broadcast: everybody", "broadcast: packets"]) {
    expect(Math.abs(Number(row(report, quantity).differencePercent)), quantity).toBeLessThanOrEqual(20);
  }
});

test("broken off, it keeps what was measured", () => {
  const report = verified(planInputs(40), 1, 400);
  const quantities = report.tables[0]!.rows.map((one) => String(one.quantity));
  expect(quantities[0]).toBe("at rest, by packets");
  expect(quantities.some((quantity) => quantity.startsWith("broadcast"))).toBe(true);
  expect(quantities.some((quantity) => quantity.startsWith("crash"))).toBe(false);
  expect(verified(planInputs(40), 1, 2).tables[0]!.rows).toEqual([]);
});
