import { describe, expect, it } from "vitest";
import { runWhole, type Settings, settingsOf } from "./experiment.ts";
import { Report } from "./report.ts";
import { restart } from "./restart.ts";

function reportOf(changes: Settings): Report {
  const report = new Report("restart", 4, {});
  runWhole(restart, report, settingsOf(restart, changes));
  return report;
}

const small = { nodes: 24, batches: "2", repeat: 2 };

describe("restart", () => {
  const [leave, kill] = reportOf(small).tables[0]!.rows;

  it("brings everybody back before anybody is missed", () => {
    for (const row of [leave, kill]) {
      expect(row).toMatchObject({ trueDeaths: 0, disagreed: 0, unsettled: 0 });
      expect(row!.agreedS).toBeLessThan(5);
      // Not more than now and then: a refutation runs out of transmissions before it has reached the last member.
      expect(row!.falseDeaths).toBeLessThanOrEqual(1);
    }
    expect(leave!.falseDeaths).toBe(0);
  });

  it("tells each member of every leave and return; of quick kills only what the newcomers learn", () => {
    expect(leave!.leavesPerNode).toBeGreaterThan(20);
    // The 23 that it learns itself, and the 23 that it sees return.
    expect(leave!.joinsPerNode).toBeGreaterThan(40);
    expect(kill).toMatchObject({ leavesPerNode: 0 });
    expect(kill!.joinsPerNode).toBeCloseTo(23, 0);
  });

  it("has the dead declared when processes stay away for longer than a suspicion", () => {
    const away = reportOf({ ...small, nodes: 16, stop: "kill", downMs: 30_000, repeat: 1 }).tables[0]!.rows[0]!;
    expect(away.trueDeaths).toBeGreaterThan(16 * 10);
    expect(away).toMatchObject({ falseDeaths: 0, disagreed: 0 });
  });

  it("shows the pool that falls in two when all seeds leave together, and that killing them does not do it", () => {
    const wide = { ...small, batches: "20", seeds: 2, repeat: 1 };
    const [left, killed] = reportOf(wide).tables[0]!.rows;
    expect(left).toMatchObject({ unsettled: 1, disagreed: 0 });
    expect(killed).toMatchObject({ unsettled: 0, disagreed: 0 });
  });

  it("repeats itself byte for byte", () => {
    const one = { ...small, nodes: 16, repeat: 1 };
    expect(JSON.stringify(reportOf(one))).toBe(JSON.stringify(reportOf(one)));
  });
});
