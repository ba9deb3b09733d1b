import { describe, expect, it } from "vitest";
import { runWhole, type Settings, settingsOf } from "./experiment.ts";
import { partition } from "./partition.ts";
import { Report } from "./report.ts";

function rowsOf(changes: Settings) {
  return reportOf(changes).tables[0]!.rows;
}

function reportOf(changes: Settings): Report {
  const report = new Report("partition", 2, {});
  runWhole(partition, report, settingsOf(partition, changes));
  return report;
}

const small = { nodes: 24, repeat: 2, shares: "0.5" };

describe("partition", () => {
  it("passes unnoticed when shorter than a suspicion", () => {
    expect(rowsOf({ ...small, splitMs: "3000" })[0]).toMatchObject({
      givenUpPercent: 0,
      agreedS: 0,
      contactS: null,
      lateDeaths: 0,
    });
  });

  it("makes each side give up the other, and heals by itself", () => {
    const [row] = rowsOf({ ...small, splitMs: "60000" });
    expect(row).toMatchObject({ givenUpPercent: 100, disagreed: 0, runs: 2 });
    expect(row!.agreedS).toBeGreaterThan(0);
    expect(row!.contactS).toBeLessThanOrEqual(row!.agreedS as number);
    expect(row!.agreedWorstS).toBeLessThan(40);
  });

  it("does not heal when nobody tries the lost", () => {
    // The dead are gossiped to for half a minute and forgotten after: nothing else crosses.
    const [row] = rowsOf({ ...small, splitMs: "120000", reconnectIntervalMs: 0, healMs: 120_000, repeat: 1 });
    expect(row).toMatchObject({ givenUpPercent: 100, disagreed: 1, agreedS: null });
  });

  it("takes the side of one member as well", () => {
    const [row] = rowsOf({ ...small, shares: "0.001", splitMs: "60000" });
    expect(row).toMatchObject({ sidePercent: 0.1, disagreed: 0 });
  });

  it("repeats itself byte for byte", () => {
    const one = { ...small, splitMs: "10000,30000", shares: "0.5,0.2" };
    expect(JSON.stringify(reportOf(one))).toBe(JSON.stringify(reportOf(one)));
  });
});
