import { describe, expect, it } from "vitest";
import { strategyNames } from "../strategies/cluster.ts";
import { runWhole, type Settings, settingsOf } from "./experiment.ts";
import { Report, type Row, type Table } from "./report.ts";
import { strategies } from "./strategies.ts";
import { behaviour, type TroubleFacts } from "./strategies-trouble.ts";

const small: Settings = {
  nodes: "10,40",
  crashes: 4,
  lossNodes: 20,
  losses: "0.2",
  lossMs: 30_000,
  troubleNodes: 12,
  faultMs: 40_000,
};

function run(changes: Settings, seed = 1): Report {
  const settings = settingsOf(strategies, { ...small, ...changes });
  const report = new Report("strategies", seed, settings as Report["settings"]);
  runWhole(strategies, report, settings);
  return report;
}

function table(report: Report, name: string): Table {
  return report.tables.find((each) => each.name === name)!;
}

function row(report: Report, name: string, wanted: Row): Row {
  return table(report, name).rows.find((each) => Object.entries(wanted).every(([key, value]) => each[key] === value))!;
}

const whole = run({});

describe("the experiment", () => {
  it("says the same for the same seed, to the byte", () => {
    expect(JSON.stringify(run({}))).toBe(JSON.stringify(whole));
    expect(JSON.stringify(run({ strategy: "swim" }, 2).tables)).not.toBe(
      JSON.stringify(run({ strategy: "swim" }).tables),
    );
  });

  it("fills every column of its tables, and no others", () => {
    for (const { columns, rows } of whole.tables) {
      expect(rows.length).toBeGreaterThan(0);
      for (const each of rows) expect(Object.keys(each).sort()).toEqual(columns.map(({ key }) => key).sort());
    }
  });

  it("loads the master with what all-to-all loads everyone with, and SWIM's nodes alike at any size", () => {
    for (const nodes of [10, 40]) {
      expect(Number(row(whole, "cost", { strategy: "central", nodes }).busiestMessages)).toBeCloseTo(
        2 * (nodes - 1),
        0,
      );
      expect(Number(row(whole, "cost", { strategy: "all-to-all", nodes }).messages)).toBeCloseTo(nodes - 1, 5);
      expect(Number(row(whole, "cost", { strategy: "swim", nodes }).busiestMessages)).toBeLessThan(7);
    }
    const gossip = [10, 40].map((nodes) => Number(row(whole, "cost", { strategy: "gossip", nodes }).bytes));
    expect(gossip[1]! / gossip[0]!).toBeGreaterThan(2);
  });

  it("sees every crash known to everyone, first by some, near the theory", () => {
    for (const each of table(whole, "detection").rows) {
      expect(each.incomplete).toBe(0);
      expect(Number(each.firstMs)).toBeLessThanOrEqual(Number(each.everyoneMs));
    }
    for (const nodes of [10, 40]) {
      for (const strategy of ["central", "all-to-all"]) {
        const { firstMs, everyoneWorstMs } = row(whole, "detection", { strategy, nodes });
        expect(Number(firstMs)).toBeGreaterThan(5500);
        expect(Number(everyoneWorstMs)).toBeLessThan(6510);
      }
      // T ln 2 + T + suspicion in the median, and rarely a period or two more.
      const swim = 1000 * (Math.LN2 + 1 + 4 * Math.log10(nodes));
      expect(Number(row(whole, "detection", { strategy: "swim", nodes }).everyoneMs)).toBeGreaterThan(swim - 1500);
      expect(Number(row(whole, "detection", { strategy: "swim", nodes }).everyoneMs)).toBeLessThan(swim + 3000);
    }
  });

  it("counts false alarms: a timeout too short is wrong often, a long one seldom", () => {
    const hasty = row(run({ strategy: "all-to-all", missed: 1 }), "false-alarms", { strategy: "all-to-all" });
    const patient = row(run({ strategy: "all-to-all", missed: 20 }), "false-alarms", { strategy: "all-to-all" });
    // 380 pairs, 30 s, one heartbeat in five lost: each loss after an arrival is a verdict.
    expect(Number(hasty.verdicts)).toBeGreaterThan(380 * 30 * 0.16 * 0.8);
    expect(Number(hasty.verdicts)).toBeLessThan(380 * 30 * 0.16 * 1.2);
    expect(hasty.accused).toBe(20);
    expect(patient.verdicts).toBe(0);
    expect(patient.longestMs).toBe(0);
  });

  it("finds what the textbooks say about trouble", () => {
    const words = (fault: string, strategy: string) => String(row(whole, "trouble", { fault, strategy }).behaviour);
    expect(words("node 0 dies", "central")).toContain("all 8 members left are unseen from then on");
    for (const strategy of ["all-to-all", "gossip", "swim"]) {
      expect(words("node 0 dies", strategy)).toContain("3 crashes after that are known to everyone");
    }
    for (const fault of ["link dies", "one-way link"]) {
      expect(words(fault, "central")).toContain("node 11, which is alive, is held for dead by all 11 others");
      expect(words(fault, "all-to-all")).toContain("node 0 alone holds node 11 for dead");
      expect(words(fault, "gossip")).toBe("nobody living is held for dead");
      expect(words(fault, "swim")).toBe("nobody living is held for dead");
    }
    for (const strategy of strategyNames) {
      expect(words("mute", strategy)).toContain("node 11, which is alive, is held for dead by all 11 others");
    }
  });

  it("runs one strategy by itself as it runs among the others", () => {
    const alone = run({ strategy: "swim" });
    for (const { name, rows } of alone.tables) {
      expect(rows).toEqual(table(whole, name).rows.filter(({ strategy }) => strategy === "swim"));
    }
  });

  it("never goes backwards", () => {
    const settings = settingsOf(strategies, small);
    let last = 0;
    for (const { share } of strategies.run(new Report("strategies", 1, {}), settings)) {
      expect(share).toBeGreaterThanOrEqual(last);
      last = share;
    }
    expect(last).toBeGreaterThan(0.9);
    expect(last).toBeLessThanOrEqual(1);
  });
});

describe("the words about trouble", () => {
  const base: TroubleFacts = {
    fault: "mute",
    nodes: 10,
    peer: 9,
    faultMs: 60_000,
    crashes: [],
    living: 10,
    wrong: [],
    views: 1,
    changes: 0,
    healedMs: 0,
  };
  const pairs = (observer: number, members: readonly number[]) => members.map((member) => ({ observer, member }));

  it("say who is held for dead, by how many, and for how long", () => {
    expect(behaviour(base)).toBe("nobody living is held for dead");
    expect(behaviour({ ...base, wrong: [...pairs(1, [9]), ...pairs(2, [9])], healedMs: 1500 })).toBe(
      "node 9, which is alive, is held for dead by 2 of 9 others; 8 members see nothing wrong; right again 1.5 s after mending",
    );
    expect(behaviour({ ...base, wrong: pairs(9, [0, 1, 2, 3]), healedMs: undefined })).toBe(
      "node 9 alone holds 4 of 9 others for dead; 9 members see nothing wrong; not all right again 60.0 s after mending",
    );
  });

  it("say which crashes went unnoticed", () => {
    const crash = (member: number, known: number, everyoneMs?: number) => ({ member, known, everyoneMs });
    const dies = { ...base, fault: "node 0 dies", living: 7 } as const;
    expect(behaviour({ ...dies, crashes: [crash(0, 7, 6000), crash(9, 0), crash(8, 0)] })).toBe(
      "its death is known to all 7 survivors after 6.0 s; none of 2 crashes after that is noticed by anyone in 60.0 s: " +
        "all 7 members left are unseen from then on",
    );
    expect(behaviour({ ...dies, crashes: [crash(0, 3), crash(9, 7, 5000), crash(8, 0)] })).toBe(
      "its death is known to 3 of 7 survivors; of 2 crashes after that 1 are noticed by nobody, 1 by everyone",
    );
    // Too short a time to conclude anything.
    expect(behaviour({ ...dies, faultMs: 1000, crashes: [crash(0, 0), crash(9, 0)] })).toBe(
      "its death is known to none of 7 survivors; none of 1 crashes after that is noticed by anyone in 1.0 s",
    );
    expect(behaviour({ ...dies, crashes: [crash(0, 0), crash(9, 7, 5000), crash(8, 7, 7000)] })).toBe(
      "its death is known to none of 7 survivors; 2 crashes after that are known to everyone within 7.0 s",
    );
  });
});
