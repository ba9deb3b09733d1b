import { Rng } from "@hearsay/core";
import { describe, expect, it } from "vitest";
import { runWhole, type Settings, settingsOf } from "./experiment.ts";
import { fullState, memberlistIntervalMs } from "./full-state.ts";
import { Report, type Row } from "./report.ts";
import { state } from "./state.ts";

function reportOf(changes: Settings): Report {
  const report = new Report("state", 3, {});
  runWhole(state, report, settingsOf(state, changes));
  return report;
}

function rowsOf(report: Report, name: string): readonly Row[] {
  return report.tables.find((table) => table.name === name)!.rows;
}

const quick = { restMs: 20_000, repeat: 4 };

describe("state", () => {
  const report = reportOf({ ...quick, nodes: "10,100" });
  const [few, many] = rowsOf(report, "rest");

  it("sends the same at rest in pools of any size", () => {
    expect(few!.bytes).toBeGreaterThan(15);
    expect(many!.bytes).toBeLessThan(40);
    expect(Math.abs((many!.bytes as number) / (few!.bytes as number) - 1)).toBeLessThan(0.1);
    expect(many!.packets).toBeCloseTo(1, 1);
  });

  it("sends twenty times less at rest than exchanging everything, even seldom", () => {
    expect(many!.fullEveryS).toBe(90);
    expect(many!.times).toBeGreaterThan(20);
    expect(many!.sameTimes).toBeGreaterThan(1000);
  });

  it("takes for the whole state what it really takes", () => {
    // 100 maps of 5 keys with 32 bytes each; a key and its version add some, and so does an owner.
    const bytes = (many!.stateKib as number) * 1024;
    expect(many!.keys).toBe(501);
    expect(bytes).toBeGreaterThan(500 * (32 + 5));
    expect(bytes).toBeLessThan(500 * (32 + 16) + 100 * 40 + 200);
  });

  it("brings a change to everybody in about so many ticks as the logarithm of their number", () => {
    for (const { nodes, incomplete, ticks, log, worstMs } of rowsOf(report, "changes")) {
      expect(incomplete, `${nodes}`).toBe(0);
      expect(ticks, `${nodes}`).toBeLessThanOrEqual((log as number) + 1);
      expect(worstMs, `${nodes}`).toBeLessThan(2 * 200 * (log as number));
    }
    const [ten, , hundred] = rowsOf(report, "changes").map(({ everyoneMs }) => everyoneMs as number);
    expect(hundred! / ten!).toBeLessThan(5);
  });

  it("counts for a change what each is to pass on, and little besides", () => {
    for (const { nodes, packets, bytes } of rowsOf(report, "changes")) {
      // Every node tells it at most 4 or 8 or 12 times, by the logarithm of their number.
      expect(packets as number).toBeGreaterThan(0.5 * 4 * Math.ceil(Math.log10((nodes as number) + 1)));
      expect(packets as number).toBeLessThan(1.5 * 4 * Math.ceil(Math.log10((nodes as number) + 1)));
      expect((bytes as number) / (packets as number)).toBeGreaterThan(32);
      expect((bytes as number) / (packets as number)).toBeLessThan(150);
    }
  });

  it("compares the modes: both ways at once is fastest, and each is near its epidemic", () => {
    const rows = rowsOf(report, "modes");
    expect(rows.map(({ mode, rumours }) => `${mode} ${rumours}`)).toEqual([
      "push none",
      "pull none",
      "push-pull none",
      "push-pull to 3",
    ]);
    const [push, pull, both, rumours] = rows.map(({ rounds }) => rounds as number);
    expect(both).toBeLessThan(push!);
    expect(both).toBeLessThan(pull!);
    expect(rumours).toBeLessThan(both! / 2);
    for (const { rounds, theory, incomplete } of rows.slice(0, 3)) {
      expect(incomplete).toBe(0);
      expect(rounds).toBeGreaterThan(0.4 * (theory as number));
      expect(rounds).toBeLessThan(1.5 * (theory as number));
    }
  });
});

describe("its settings", () => {
  it("loses packets and still reaches everybody; each mode for itself", () => {
    for (const mode of ["push", "pull", "push-pull"]) {
      const report = reportOf({ ...quick, nodes: "2,20", mode, gossipNodes: 0, loss: 0.2 });
      expect(rowsOf(report, "changes").map(({ incomplete }) => incomplete)).toEqual([0, 0, 0, 0]);
    }
  });

  it("puts smaller pools beside a single one", () => {
    const report = reportOf({ ...quick, nodes: 31, repeat: 1 });
    expect(rowsOf(report, "rest").map(({ nodes }) => nodes)).toEqual([10, 30, 31]);
  });

  it("gives the same again for the same seed", () => {
    const one = { ...quick, nodes: "5,20", repeat: 2, loss: 0.1 };
    expect(JSON.stringify(reportOf(one))).toBe(JSON.stringify(reportOf(one)));
  });

  it("refuses a mode that there is none of", () => {
    expect(() => reportOf({ mode: "shout" })).toThrow(RangeError);
  });
});

describe("exchanging everything", () => {
  it("grows rarer with the pool, as memberlist's push/pull does", () => {
    expect([2, 32, 33, 64, 65, 1000].map(memberlistIntervalMs)).toEqual([
      30_000, 30_000, 60_000, 60_000, 90_000, 180_000,
    ]);
  });

  it("sends the state twice in an interval, until everyone has heard and ever after", () => {
    const full = fullState(2, 5000, 10_000, new Rng(1));
    expect(full).toMatchObject({ bytesPerNodeSecond: 1000, everyoneMs: 10_000, bytesPerNode: 10_000 });
    const larger = fullState(1000, 5000, 10_000, new Rng(1));
    expect(larger.everyoneMs).toBeGreaterThanOrEqual(80_000);
    expect(larger.bytesPerNode).toBe(larger.everyoneMs);
  });
});
