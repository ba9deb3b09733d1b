import { describe, expect, it } from "vitest";
import { detect } from "./detect.ts";
import { theory } from "./detect-theory.ts";
import { runWhole, type Settings, settingsOf } from "./experiment.ts";
import { Report } from "./report.ts";

function reportOf(changes: Settings, seed = 7): Report {
  const settings = settingsOf(detect, changes);
  const report = new Report("detect", seed, settings as Record<string, number>);
  runWhole(detect, report, settings);
  return report;
}

const rowsOf = (report: Report, name: string) => report.tables.find((table) => table.name === name)!.rows;

describe("detect with SWIM as the judge", () => {
  const small = { detector: "swim", nodes: "8,64", loss: "0", slow: "0", repeat: 3, quietMs: 10_000 };
  const report = reportOf(small);

  it("finds every crash when theory says, and nobody else", () => {
    for (const row of rowsOf(report, "detect")) {
      const expected = theory(row.nodes as number, 0, 1000);
      expect(row.missed).toBe(0);
      // A probe has to begin and to fail first: none is quicker than its second.
      expect(row.suspectS).toBeGreaterThan(1);
      expect(row.suspectS).toBeLessThan(4);
      expect(Math.abs((row.deadS as number) - expected.deadMs / 1000)).toBeLessThan(2);
      expect(row.everyoneS).toBeGreaterThanOrEqual(row.deadS as number);
      expect((row.everyoneS as number) - (row.deadS as number)).toBeLessThan(1.5);
    }
    for (const row of rowsOf(report, "false-positives")) expect(row).toMatchObject({ suspicions: 0, declared: 0 });
  });

  it("takes longer among more, by the logarithm of the suspicion", () => {
    const [few, many] = rowsOf(report, "detect");
    // 4 s for up to ten, 4 log10 64 = 7.2 s.
    expect((many!.deadS as number) - (few!.deadS as number)).toBeGreaterThan(1);
  });

  it("fails probes under loss as the formula says once nothing else helps", () => {
    const lossyOnes = { ...small, nodes: "32", loss: "0.2", repeat: 1, quietMs: 40_000 };
    const [lossy] = rowsOf(reportOf({ ...lossyOnes, streamPings: false }), "false-positives");
    // Relays are drawn without the target and late answers count for nothing: the formula's size, not its digits.
    expect(lossy!.failPercent).toBeGreaterThan(0.5 * (lossy!.failTheoryPercent as number));
    expect(lossy!.failPercent).toBeLessThan(2 * (lossy!.failTheoryPercent as number));
    const [mended] = rowsOf(reportOf(lossyOnes), "false-positives");
    expect(mended!.failPercent).toBeLessThan(0.5 * (lossy!.failPercent as number));
  });
});

describe("detect with both", () => {
  const both = { nodes: "12", loss: "0.02", slow: "0,3", repeat: 1, quietMs: 20_000 };
  const report = reportOf(both);
  const [, phi, , phiWithSlow] = rowsOf(report, "detect");
  const [, quiet, , quietWithSlow] = rowsOf(report, "false-positives");

  it("has a row for each, under the same conditions", () => {
    expect(rowsOf(report, "detect").map(({ detector, slow }) => [detector, slow])).toEqual([
      ["SWIM", 0],
      ["phi", 0],
      ["SWIM", 3],
      ["phi", 3],
    ]);
    const names = report.plots.find(({ name }) => name === "detect-by-slow")!.series.map(({ name }) => name);
    expect(names).toContain("phi, everyone knows");
    expect(names).toContain("SWIM, everyone knows");
  });

  it("phi suspects the dead after some five beats, and the suspicion does the rest", () => {
    expect(phi!.missed).toBe(0);
    // The beat before the crash is up to one old, and some have missed another: a silence of 4.6 beats less that.
    expect(phi!.suspectS).toBeGreaterThan(1.5);
    expect(phi!.suspectS).toBeLessThan(7);
    // 4 log10 12 = 4.3 s.
    expect((phi!.deadS as number) - (phi!.suspectS as number)).toBeGreaterThan(4);
    expect(phi!.everyoneS).toBeLessThan(14);
    expect(phiWithSlow!.missed).toBe(0);
  });

  it("declares nobody who is well, also where others are slow, and accuses nobody in quiet", () => {
    expect(quiet).toMatchObject({ suspicions: 0, declared: 0, declaredSlow: 0 });
    expect(quietWithSlow).toMatchObject({ declaredByWell: 0 });
    // Eight seconds of silence are to be noticed.
    expect(quietWithSlow!.suspicions).toBeGreaterThan(0);
  });

  it("holds its own standing still against nobody", () => {
    const still = { ...both, detector: "phi", slow: "3", slowKind: "process", slowForMs: 3000, wellForMs: 9000 };
    const [row] = rowsOf(reportOf(still), "false-positives");
    // Three seconds are no reason to accuse those who stand still, and none to accuse when they go on.
    expect(row).toMatchObject({ suspicions: 0, declared: 0, declaredSlow: 0 });
  });

  it("repeats itself byte for byte, and not with another seed", () => {
    const tiny = { nodes: "8", loss: "0.1", slow: "2", repeat: 1, crashes: 1, quietMs: 5000 };
    const once = reportOf(tiny);
    expect(JSON.stringify(reportOf(tiny))).toBe(JSON.stringify(once));
    expect(JSON.stringify(reportOf(tiny, 8).tables)).not.toBe(JSON.stringify(once.tables));
  });
});

it("detect refuses what is out of bounds, by name", () => {
  expect(() => reportOf({ nodes: "2" })).toThrow("nodes: 4 … 10000, not 2");
  expect(() => reportOf({ loss: "0,x" })).toThrow(/^loss: /);
  expect(() => reportOf({ detector: "both?" })).toThrow(/^detector: both, swim, phi, not /);
  expect(() => reportOf({ nodes: "8", slow: "5" })).toThrow("slow: at most half of the nodes, not 5 of 8");
});
