import { describe, expect, it } from "vitest";
import { asymmetric } from "./asymmetric.ts";
import { runWhole, type Settings, settingsOf } from "./experiment.ts";
import { Report } from "./report.ts";

function reportOf(changes: Settings): Report {
  const report = new Report("asymmetric", 5, {});
  runWhole(asymmetric, report, settingsOf(asymmetric, changes));
  return report;
}

const small = { nodes: 40, faultyShare: 0.05, faultForMs: 60_000 };

describe("asymmetric", () => {
  const report = reportOf(small);
  const rows = new Map(report.tables[0]!.rows.map((row) => [row.fault as string, row]));

  it("removes the crashed for good, and nobody else", () => {
    expect(rows.get("crash")).toMatchObject({
      faulty: 2,
      faultyRemoved: 2,
      faultyGone: 2,
      flapsMost: 0,
      healthyAccused: 0,
      agreedS: 0,
      disagreed: 0,
    });
    // 40, 39, 38: the two deaths are declared apart or together.
    expect(rows.get("crash")!.sizes).toBeLessThanOrEqual(3);
  });

  it("removes those who hear nobody and those whom nobody hears, and takes them back", () => {
    for (const fault of ["ingress lost", "egress lost"]) {
      expect(rows.get(fault), fault).toMatchObject({ faultyRemoved: 2, faultyGone: 2, disagreed: 0 });
    }
  });

  it("sees flip-flop links come and go, where crashes only go", () => {
    expect(rows.get("ingress flip-flops")).toMatchObject({ faultyRemoved: 2, disagreed: 0 });
    expect(rows.get("ingress flip-flops")!.flapsMean).toBeGreaterThanOrEqual(0.9);
    expect(rows.get("ingress flip-flops")!.faultyGone).toBe(2);
    const whole = reportOf({ ...small, fault: "flip-flop", faultForMs: 80_000 });
    // Two cuts of 20 s are over, and the last mended half has brought everybody back.
    expect(whole.tables[0]!.rows[0]!.faultyGone).toBe(0);
  });

  it("draws the sizes seen, second by second, between all and all but the faulty", () => {
    const plot = report.plots.find(({ name }) => name === "sizes-crash")!;
    expect(plot.series.map(({ name }) => name)).toEqual(["largest", "median", "smallest"]);
    for (const { points } of plot.series) {
      expect(points).toHaveLength(60);
      expect(points[0]![1]).toBe(38 + 2);
      expect(points.at(-1)![1]).toBe(38);
    }
  });

  it("repeats itself byte for byte", () => {
    const one = { ...small, fault: "loss", repeat: 2 };
    expect(JSON.stringify(reportOf(one))).toBe(JSON.stringify(reportOf(one)));
  });
});
