import { describe, expect, it } from "vitest";
import { runWhole, type Settings, settingsOf } from "./experiment.ts";
import { overload } from "./overload.ts";
import { OverloadPool } from "./overload-pool.ts";
import { Report } from "./report.ts";
import { reportText } from "./report-text.ts";
import { WriteLog } from "./write-log.ts";

/** An eighth of the paper's pool with an eighth of its packets: the same rates of writes fill them. */
const small = { nodes: 16, packetWrites: 12, keys: 32 };

function reportOf(changes: Settings, seed = 1): Report {
  const report = new Report("overload", seed, {});
  runWhole(overload, report, settingsOf(overload, changes));
  return report;
}

describe("overload", () => {
  it("has staleness peak and drain, sooner in depth order than in breadth order", () => {
    const report = reportOf(small, 2);
    const [depth, breadth, flow] = report.tables[0]!.rows;
    for (const row of [depth!, breadth!]) {
      expect(row.peakMeanS).toBeGreaterThan(2.5 * (row.beforeMeanS as number));
      expect(row.endMeanS).toBeLessThan(1.5 * (row.beforeMeanS as number));
      // Nothing is held: what was asked for was written.
      expect(row).toMatchObject({ peakHeld: 0, askedMaxS: row.peakMaxS, askedMeanS: row.peakMeanS });
    }
    expect(depth!.peakMeanS).toBeLessThan(breadth!.peakMeanS as number);
    expect(depth!.peakKeys).toBeLessThan(breadth!.peakKeys as number);
    expect(depth!.overS).toBeLessThan(breadth!.overS as number);
    // Held writes leave copies fresher, and writers waiting.
    expect(flow!.peakMeanS).toBeLessThan(depth!.peakMeanS as number);
    expect(flow!.made).toBeLessThan(depth!.made as number);
    expect(flow!.askedMaxS).toBeGreaterThan(flow!.peakMaxS as number);
    expect(flow!.peakHeld).toBeGreaterThan(1);
    expect(report.plots.map(({ name }) => name)).toEqual(["max-staleness", "mean-staleness", "stale-keys"]);
    for (const { series } of report.plots) expect(series.filter(({ points }) => points.length >= 60)).not.toEqual([]);
  }, 120_000);

  it("shows nothing of the kind while packets carry what is written", () => {
    const report = reportOf({ ...small, load: 0.2, afterMs: 10_000 });
    for (const row of report.tables[0]!.rows) {
      expect(row.peakMaxS).toBeLessThan(12);
      expect(row.peakMeanS).toBeLessThan(2);
    }
  }, 120_000);

  const short = { nodes: 8, packetWrites: 6, keys: 8, normalMs: 5000, overloadMs: 5000, afterMs: 5000 };

  it("keeps what was measured when it is broken off", () => {
    const report = new Report("overload", 1, {});
    const run = overload.run(report, settingsOf(overload, short));
    for (let i = 0; i < 22; i++) expect(run.next().done).toBe(false);
    report.complete = false;
    const [summary, course] = report.tables;
    expect(summary!.rows.map(({ variant }) => variant)).toEqual(["depth"]);
    expect(course!.rows[0]).toMatchObject({ atS: 5, meanS0: expect.any(Number), meanS1: expect.any(Number) });
    expect(course!.rows[2]).not.toHaveProperty("meanS1");
    expect(report.plots[0]!.series.find(({ name }) => name === "breadth")!.points).toHaveLength(6);
    expect(reportText(report)).toContain("INCOMPLETE");
  });

  it("repeats itself byte for byte, and differs with the seed", () => {
    const text = (seed: number) => JSON.stringify(reportOf(short, seed));
    expect(text(1)).toBe(text(1));
    expect(text(1)).not.toBe(text(2));
  });
});

describe("OverloadPool", () => {
  it("writes at the rate that it is told, and is not behind once it has rested", () => {
    const pool = new OverloadPool({
      seed: 3,
      nodes: 6,
      keys: 4,
      latency: { kind: "constant", ms: 1 },
      config: { gossipNodes: 0 },
    });
    pool.setRate(2);
    pool.run(100_000);
    expect(pool.wishes / (6 * 100)).toBeGreaterThan(1.8);
    expect(pool.wishes / (6 * 100)).toBeLessThan(2.2);
    expect(pool.versions).toBe(pool.wishes);
    expect(pool.staleness().maxMs).toBeGreaterThan(0);
    pool.setRate(0);
    pool.run(20_000);
    expect(pool.versions).toBe(pool.wishes);
    expect(pool.staleness()).toEqual({ maxMs: 0, meanMs: 0, askedMaxMs: 0, askedMeanMs: 0, staleKeys: 0 });
    for (const node of pool.nodes) expect(node.roots).toEqual(pool.nodes[0]!.roots);
  });
});

describe("WriteLog", () => {
  it("tells how long a copy has lacked something, and which keys differ", () => {
    const log = new WriteLog();
    for (const [key, at] of [
      ["a", 10],
      ["b", 20],
      ["a", 30],
    ] as const) {
      log.ask(key, at);
      log.made(key, at);
    }
    log.ask("c", 35);
    log.ask("c", 38);
    log.look(50);
    expect(log.behind(0)).toEqual({ writtenMs: 40, askedMs: 40, keys: 2 });
    expect(log.behind(1)).toEqual({ writtenMs: 30, askedMs: 30, keys: 2 });
    expect(log.behind(2)).toEqual({ writtenMs: 20, askedMs: 20, keys: 1 });
    // Held since 35.
    expect(log.behind(3)).toEqual({ writtenMs: 0, askedMs: 15, keys: 0 });
    log.made("c", 60);
    log.look(70);
    expect(log.behind(3)).toEqual({ writtenMs: 10, askedMs: 35, keys: 1 });
    expect(log.behind(4)).toEqual({ writtenMs: 0, askedMs: 0, keys: 0 });
  });
});
