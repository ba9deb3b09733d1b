import { describe, expect, it } from "vitest";
import { theoryRounds, waveResidue } from "../epidemic.ts";
import { lanLatency } from "../latency.ts";
import { runWhole, type Settings, settingsOf } from "./experiment.ts";
import { Report, type Table } from "./report.ts";
import { spread } from "./spread.ts";
import { median, numberList } from "./spread-figures.ts";
import { type Broadcast, SpreadPool, type SpreadPoolOptions, shareMs, uninformedAt } from "./spread-pool.ts";

function run(changes: Settings, seed = 1): Report {
  const settings = settingsOf(spread, changes);
  const report = new Report("spread", seed, settings as Report["settings"]);
  runWhole(spread, report, settings);
  return report;
}

function table(report: Report, name: string): Table {
  return report.tables.find((each) => each.name === name)!;
}

const small: Settings = { nodes: "10,100", fanouts: "2,4", intervals: "200", repeat: 3, epidemicRuns: 20 };

function broadcasts(changes: Partial<SpreadPoolOptions>, count: number): { pool: SpreadPool; results: Broadcast[] } {
  const pool = new SpreadPool({
    seed: 1,
    nodes: 200,
    gossipNodes: 3,
    gossipIntervalMs: 200,
    loss: 0,
    latency: lanLatency,
    payloadBytes: 16,
    ...changes,
  });
  const progress = (share: number) => ({ share, doing: "" });
  finish(pool.settle(progress));
  const results: Broadcast[] = [];
  for (let i = 0; i < count; i++) results.push(finish(pool.broadcast(i, progress)));
  return { pool, results };
}

function finish<T>(steps: Generator<unknown, T, void>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

describe("a broadcast through a real pool", () => {
  it("reaches everyone, each counted once, in order of time", () => {
    for (const { timesMs } of broadcasts({}, 3).results) {
      expect(timesMs).toHaveLength(200);
      expect(timesMs[0]).toBe(0);
      expect([...timesMs].sort((a, b) => a - b)).toEqual(timesMs);
    }
  });

  it("is passed on by each node as often as its limit says, and no more", () => {
    // 4 * ceil(log10 201) = 12 transmissions of each of 200 nodes, and nothing is lost.
    for (const { copies } of broadcasts({}, 3).results) expect(copies).toBe(200 * 12);
  });

  describe("of 400", () => {
    const { results } = broadcasts({ nodes: 400 }, 6);

    it("leaves out what one wave leaves out, and is over within few intervals", () => {
      // Before the second round begins, at nine tenths of an interval.
      const left = results.map((broadcast) => uninformedAt(broadcast, 400, 170));
      expect(median(left)!).toBeGreaterThan(0.5 * waveResidue(3, 0));
      expect(median(left)!).toBeLessThan(1.5 * waveResidue(3, 0));
      for (const broadcast of results) expect(shareMs(broadcast, 400, 1)!).toBeLessThan(4 * 200);
    });

    it("takes as many hops as push takes rounds, or some more", () => {
      const rounds = theoryRounds({ mode: "push", nodes: 400, fanout: 3, loss: 0 }, 1);
      const hops = median(results.map((broadcast) => broadcast.hops))!;
      expect(hops).toBeGreaterThan(rounds);
      expect(hops).toBeLessThan(3 * rounds);
    });
  });

  it("leaves quiet machines behind", () => {
    const { pool } = broadcasts({ nodes: 50 }, 1);
    expect(pool.pool.nodes.map(({ machine }) => machine.queueLength(0))).toEqual(new Array(50).fill(0));
  });
});

describe("shares of a broadcast", () => {
  const broadcast: Broadcast = { timesMs: [0, 10, 10, 40], hops: 2, copies: 6 };

  it("are read from the times", () => {
    expect(shareMs(broadcast, 4, 0.5)).toBe(10);
    expect(shareMs(broadcast, 4, 1)).toBe(40);
    expect(shareMs(broadcast, 5, 1)).toBeUndefined();
    expect([-1, 0, 10, 39, 40].map((ms) => uninformedAt(broadcast, 4, ms))).toEqual([1, 0.75, 0.25, 0.25, 0]);
  });
});

const whole = run(small);

describe("the experiment", () => {
  it("says the same for the same seed, to the byte", () => {
    expect(JSON.stringify(run(small))).toBe(JSON.stringify(whole));
    expect(JSON.stringify(run(small, 2))).not.toBe(JSON.stringify(whole));
  });

  it("has a row for each size and mode, near the recurrence", () => {
    const rows = table(whole, "rounds").rows;
    expect(rows).toHaveLength(2 * 4);
    for (const row of rows) {
      expect(Number(row.everyone)).toBeGreaterThan(Number(row.recurrence) - 1);
      expect(Number(row.everyone)).toBeLessThan(Number(row.recurrence) + 2.5);
    }
  });

  it("looks at a single size in depth, and draws the growth from smaller ones", () => {
    const report = run({ ...small, nodes: "50" });
    expect(table(report, "broadcasts").rows).toHaveLength(3);
    expect(table(report, "pools").rows.map((row) => row.nodes)).toEqual([10, 30, 50]);
    const growth = report.plots.find(({ name }) => name === "growth")!;
    expect(growth.series.filter(({ kind }) => kind === "theory").length).toBeGreaterThan(0);
    for (const { points } of growth.series) expect(points.map(([nodes]) => nodes)).toEqual([10, 30, 50]);
  });

  it("takes longer with a smaller fan-out", () => {
    const rows = table(run({ ...small, fanouts: "1,6", repeat: 5 }), "fanouts").rows;
    expect(Number(rows[0]!.everyoneMs)).toBeGreaterThan(2 * Number(rows[1]!.everyoneMs));
  });

  it("fills every column of its tables, and no others", () => {
    for (const { columns, rows } of whole.tables) {
      for (const row of rows) expect(Object.keys(row).sort()).toEqual(columns.map(({ key }) => key).sort());
    }
  });

  it("keeps what it has when it is broken off, and never goes backwards", () => {
    const settings = settingsOf(spread, small);
    const report = new Report("spread", 1, settings as Report["settings"]);
    let last = 0;
    for (const { share } of spread.run(report, settings)) {
      expect(share).toBeGreaterThanOrEqual(last);
      expect(share).toBeLessThanOrEqual(1);
      last = share;
      if (table(report, "pools")?.rows.length === 1) break;
    }
    expect(table(report, "pools").rows[0]!.nodes).toBe(10);
  });

  it("refuses a list that is none", () => {
    expect(() => run({ ...small, nodes: "10,many" })).toThrow("nodes: numbers from 2 to 20000");
    expect(() => numberList("nodes", "", 1, 10)).toThrow(RangeError);
    expect(numberList("nodes", "30, 10,30", 1, 100)).toEqual([10, 30]);
  });
});
