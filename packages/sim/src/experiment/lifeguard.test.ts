import { describe, expect, it } from "vitest";
import { runWhole, type Settings, settingsOf } from "./experiment.ts";
import { configurations, lifeguard } from "./lifeguard.ts";
import { Report } from "./report.ts";

function reportOf(changes: Settings): Report {
  const report = new Report("lifeguard", 3, {});
  runWhole(lifeguard, report, settingsOf(lifeguard, changes));
  return report;
}

/** The rows of a table by configuration. */
function rowsOf(report: Report, name: string) {
  const { rows } = report.tables.find((table) => table.name === name)!;
  return new Map(rows.map((row) => [row.configuration as string, row]));
}

const small = { detector: "swim", nodes: 32, slow: "6", runMs: 60_000, quiesceMs: 5000 };

describe("lifeguard", () => {
  const report = reportOf(small);

  it("slanders far fewer with the parts than without, in the order of the paper", () => {
    const falses = rowsOf(report, "false-positives");
    const fp = (name: string) => falses.get(name)!.fp as number;
    expect([...falses.keys()]).toEqual(Object.keys(configurations).slice(0, 5));
    expect(fp("SWIM")).toBeGreaterThan(100);
    expect(fp("LHA-Probe")).toBeLessThan(fp("SWIM") / 2);
    expect(fp("LHA-Suspicion")).toBeLessThan(fp("SWIM") / 2);
    expect(fp("Lifeguard")).toBeLessThan(fp("SWIM") / 20);
    for (const row of falses.values()) expect(row.fpHealthy).toBeLessThanOrEqual(row.fp as number);
  });

  it("still detects those that are slow for long, in SWIM's time", () => {
    for (const row of rowsOf(report, "latencies").values()) {
      expect(row.detected).toBe(6);
      // A probe and the shortest suspicion: 5 log10 32 = 7.5 s.
      expect(row.detectMedianS).toBeGreaterThan(8.5);
      expect(row.detectMedianS).toBeLessThan(11);
      expect(row.knownMedianS).toBeGreaterThanOrEqual(row.detectMedianS as number);
    }
  });

  it("finds nobody slow for less than a probe's time", () => {
    const brief = reportOf({ ...small, thresholdMs: "128", durationMs: "128", intervalMs: "16384", runMs: 30_000 });
    for (const row of rowsOf(brief, "false-positives").values()) expect(row.fp).toBe(0);
    for (const row of rowsOf(brief, "latencies").values()) expect(row.detected).toBe(0);
  });

  it("repeats itself byte for byte", () => {
    const tiny = { nodes: 16, slow: "3", runMs: 40_000, quiesceMs: 2000, durationMs: "16000" };
    expect(JSON.stringify(reportOf(tiny))).toBe(JSON.stringify(reportOf(tiny)));
  });

  it("with phi accrual as the judge slanders no more than SWIM with Lifeguard's parts, and far less than without", () => {
    const both = reportOf({ ...small, detector: "both", nodes: 16, slow: "3", thresholdMs: "16384", runMs: 30_000 });
    const falses = rowsOf(both, "false-positives");
    const fp = (name: string) => falses.get(name)!.fp as number;
    expect([...falses.keys()]).toEqual(Object.keys(configurations));
    expect(fp("SWIM")).toBeGreaterThan(20);
    expect(fp("phi, Lifeguard")).toBeLessThan(fp("SWIM") / 20);
    for (const name of ["phi", "phi, Lifeguard"]) {
      const latency = rowsOf(both, "latencies").get(name)!;
      expect(latency.detected).toBe(3);
      // Some five beats, and the shortest suspicion: 5 log10 16 = 6 s.
      expect(latency.detectMedianS).toBeGreaterThan(8);
      expect(latency.detectMedianS).toBeLessThan(14);
    }
  }, 60_000);
});
