import { describe, expect, it } from "vitest";
import { churn } from "./churn.ts";
import { updatesPerChange } from "./churn-capacity.ts";
import { runWhole, type Settings, settingsOf } from "./experiment.ts";
import { Report } from "./report.ts";

function reportOf(changes: Settings): Report {
  const report = new Report("churn", 6, {});
  runWhole(churn, report, settingsOf(churn, changes));
  return report;
}

const small = { nodes: 32, rates: "0.2", runMs: 30_000 };

describe("churn", () => {
  it("keeps up with little: short queues, nobody missed, and agreement once it ends", () => {
    const [row] = reportOf(small).tables[0]!.rows;
    expect(row!.changes).toBeGreaterThan(1);
    expect(row).toMatchObject({ grows: "no", disagreed: 0, missingPercent: 0 });
    expect(row!.queueLast).toBeLessThan(5);
    expect(row!.agreedS).toBeLessThan(30);
  });

  it("has crashes stand in views for as long as detection takes, and leaves not at all", () => {
    const rates = { ...small, rates: "1", runMs: 30_000 };
    const [crashes] = reportOf({ ...rates, crashShare: 1 }).tables[0]!.rows;
    const [leaves] = reportOf({ ...rates, crashShare: 0 }).tables[0]!.rows;
    // One a second, each seen for a probe and a suspicion of about 6 s: some 8 of 32.
    expect(crashes!.stalePercent).toBeGreaterThan(12);
    expect(crashes!.stalePercent).toBeLessThan(50);
    expect(leaves!.stalePercent).toBeLessThan(3);
  });

  it("sees queues fill above the capacity that theory gives to a small fan-out", () => {
    const poor = { ...small, gossipNodes: 1, rates: "0.5,10", settleMs: 0, metaBytes: 200, runMs: 20_000 };
    const [under, over] = reportOf(poor).tables[0]!.rows;
    expect(under!.ofCapacityPercent).toBeLessThan(50);
    expect(over!.ofCapacityPercent).toBeGreaterThan(100);
    expect(over!.queueLast).toBeGreaterThan(10 * (under!.queueLast as number));
  });

  it("counts the news of a change", () => {
    // A leave and an alive; suspicions by three, a dead and an alive.
    expect(updatesPerChange(0)).toBe(2);
    expect(updatesPerChange(1, 4)).toBe(5);
  });

  it("repeats itself byte for byte", () => {
    const one = { ...small, rates: "2", runMs: 10_000 };
    expect(JSON.stringify(reportOf(one))).toBe(JSON.stringify(reportOf(one)));
  });
});
