import { describe, expect, it } from "vitest";
import { counter } from "./counter.ts";
import { CounterPool } from "./counter-pool.ts";
import { runWhole, type Settings, settingsOf } from "./experiment.ts";
import { Report } from "./report.ts";

function reportOf(changes: Settings): Report {
  const report = new Report("counter", 3, {});
  runWhole(counter, report, settingsOf(counter, changes));
  return report;
}

const small = { nodes: 8, runMs: 30_000, kills: 4, gone: 1 };

describe("counter", () => {
  const report = reportOf(small);
  const { rows } = report.tables[0]!;
  const row = (trouble: string) => rows.find((one) => one.trouble === trouble)!;

  it("is exact through every trouble, and quiet after it", () => {
    expect(rows).toHaveLength(7);
    for (const one of rows) {
      expect(one).toMatchObject({ exact: "yes" });
      expect(one.agreedS).toBeLessThan(20);
      expect(one.adds).toBeGreaterThan(400);
      // Two questions of eight bytes in a round.
      expect(one.restBytes).toBeLessThan(20);
      expect(one.restBytes).toBeLessThan((one.busyBytes as number) / 10);
    }
  });

  it("loses what a killed process had told nobody, unless it was stored", () => {
    expect(row("killed writers, with a disk").lost).toBe(0);
    expect(row("killed writers, no disk").lost).toBeGreaterThan(0);
    for (const trouble of ["none", "loss and doubles", "a partition in halves"]) expect(row(trouble).lost).toBe(0);
  });

  it("keeps a life for each process, and folds those of the dead", () => {
    expect(row("none")).toMatchObject({ lives: 8, folded: 0 });
    expect(row("killed writers, no disk")).toMatchObject({ lives: 12, folded: 0 });
    expect(row("deaths for good, collected")).toMatchObject({ lives: 8, folded: 1 });
  });

  it("draws how far the last is behind: a lot while parted, nothing in the end", () => {
    const series = report.plots[0]!.series.find(({ name }) => name === "a partition in halves")!;
    const parted = series.points.filter(([at]) => at > 8 && at < 15);
    expect(Math.max(...parted.map(([, behind]) => behind))).toBeGreaterThan(0.15);
    expect(series.points.at(-1)![1]).toBe(0);
  });

  it("repeats itself byte for byte", () => {
    const one = { ...small, nodes: 5, runMs: 20_000 };
    expect(JSON.stringify(reportOf(one))).toBe(JSON.stringify(reportOf(one)));
  });
});

describe("its verdict", () => {
  it("says no while members differ, and knows adds that died untold", () => {
    const options = { seed: 1, nodes: 3, counters: 2, loss: 0, duplicates: 0, detectMs: 0, disk: false, settings: {} };
    const pool = new CounterPool(options);
    pool.add(0);
    expect(pool.verdict()).toMatchObject({ agreed: false, exact: false, adds: 1, lost: 0 });
    pool.world.run(8_000);
    expect(pool.verdict()).toMatchObject({ agreed: true, exact: true, lost: 0 });
    pool.add(1);
    pool.kill(1);
    pool.world.run(3_000);
    expect(pool.verdict()).toEqual({ agreed: true, exact: true, adds: 2, lost: 1 });
    expect(pool.totals()).toHaveLength(2);
    expect(pool.totals()[0]).not.toBe(pool.added);
  });
});
