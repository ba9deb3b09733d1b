import { describe, expect, it } from "vitest";
import { detect } from "./detect.ts";
import { theory } from "./detect-theory.ts";
import { runWhole, type Settings, settingsOf } from "./experiment.ts";
import { Report } from "./report.ts";

function reportOf(changes: Settings): Report {
  const settings = settingsOf(detect, changes);
  const report = new Report("detect", 7, settings as Record<string, number>);
  runWhole(detect, report, settings);
  return report;
}

const rowsOf = (report: Report, name: string) => report.tables.find((table) => table.name === name)!.rows;

describe("detect", () => {
  const small = { detector: "swim", nodes: "8,64", loss: "0", slow: "0", repeat: 3, quietMs: 20_000 };
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

  it("repeats itself byte for byte, and not with another seed", () => {
    const twice = { nodes: "16", loss: "0.1", slow: "0,2", repeat: 2, quietMs: 10_000 };
    expect(JSON.stringify(reportOf(twice))).toBe(JSON.stringify(reportOf(twice)));
    const other = new Report("detect", 8, {});
    runWhole(detect, other, settingsOf(detect, twice));
    expect(JSON.stringify(other.tables)).not.toBe(JSON.stringify(reportOf(twice).tables));
  });

  it("fails probes under loss as the formula says once nothing else helps", () => {
    const lossy = rowsOf(
      reportOf({ ...small, nodes: "64", loss: "0.2", repeat: 2, streamPings: false }),
      "false-positives",
    );
    // Relays are drawn without the target and late answers count for nothing: the formula's size, not its digits.
    expect(lossy[0]!.failPercent).toBeGreaterThan(0.5 * (lossy[0]!.failTheoryPercent as number));
    expect(lossy[0]!.failPercent).toBeLessThan(2 * (lossy[0]!.failTheoryPercent as number));
    const mended = rowsOf(reportOf({ ...small, nodes: "64", loss: "0.2", repeat: 2 }), "false-positives");
    expect(mended[0]!.failPercent).toBeLessThan(0.5 * (lossy[0]!.failPercent as number));
  });

  it("refuses what is out of bounds, by name", () => {
    expect(() => reportOf({ nodes: "2" })).toThrow("nodes: 4 … 10000, not 2");
    expect(() => reportOf({ loss: "0,x" })).toThrow(/^loss: /);
  });
});
