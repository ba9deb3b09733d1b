import { describe, expect, it } from "vitest";
import { aggregate } from "./aggregate.ts";
import { AggregatePool } from "./aggregate-pool.ts";
import { sampleOf } from "./aggregate-sample.ts";
import { runWhole, type Settings, settingsOf } from "./experiment.ts";
import { Report } from "./report.ts";
import { cellText } from "./report-text.ts";

function reportOf(changes: Settings): Report {
  const report = new Report("aggregate", 2, {});
  runWhole(aggregate, report, settingsOf(aggregate, changes));
  return report;
}

const small = { nodes: 60, epochs: 3, buckets: 32, extrema: 16, churn: 0.05 };

describe("aggregate", () => {
  const report = reportOf(small);
  const [goals, rounds, epochs] = report.tables.map(({ rows }) => rows) as [...(typeof report.tables)[0]["rows"][]];

  it("tells when the worst member is within 1 % and a millionth", () => {
    expect(goals!.map(({ condition }) => condition)).toEqual(["quiet", "10 % loss", "10 % loss, 5 % churn"]);
    const [quiet, loss] = goals!;
    expect(quiet!.mean1).toBeLessThanOrEqual(quiet!.mean6 as number);
    for (const key of ["mean1", "count1", "sum1"]) expect(quiet![key]).toBeLessThan(25);
    for (const key of ["mean6", "count6", "sum6"]) expect(quiet![key]).toBeLessThan(50);
    // Nothing is lost with a packet.
    for (const { mass } of [quiet!, loss!]) expect(mass).toBeLessThan(1e-4);
  });

  it("has errors fall round by round", () => {
    const quiet = rounds!.filter(({ condition }) => condition === "quiet");
    expect(quiet.map(({ round }) => round)).toEqual([5, 10, 15, 20, 25, 30, 35, 40, 45, 50]);
    for (let i = 1; i < 8; i++) expect(quiet[i]!.meanTypical).toBeLessThan((quiet[i - 1]!.meanTypical as number) / 3);
    for (const row of quiet) expect(row.mean).toBeLessThanOrEqual(Math.max(1e-12, row.statedMean as number));
  });

  it("keeps errors bounded epoch after epoch, of the epoch's own inputs and of what a program is given", () => {
    expect(epochs).toHaveLength(3);
    for (const row of epochs!) {
      expect(row).toMatchObject({ replaced: 3 });
      expect(row.mean).toBeLessThan(0.2);
      expect(row.count).toBeLessThan(0.1);
    }
    for (const row of epochs!.slice(1)) {
      expect(row.served).toBeLessThan(0.4);
      expect(row.ageS).toBeGreaterThan(15);
      expect(row.ageS).toBeLessThan(100);
    }
    const long = report.plots.find(({ name }) => name === "long")!;
    expect(long.y.scale).toBe("log");
    expect(long.series[0]!.points).toHaveLength(150);
  });

  it("repeats itself byte for byte", () => {
    const one = { ...small, nodes: 12, epochs: 2, epochRounds: 12 };
    expect(JSON.stringify(reportOf(one))).toBe(JSON.stringify(reportOf(one)));
  });

  it("writes numbers over many decades with their exponent", () => {
    expect(cellText(7.24e-12, { style: "exponent", digits: 1 })).toBe("7.2e-12");
    expect(cellText(25, { style: "exponent" })).toBe("3e1");
    expect(cellText(0, { style: "exponent" })).toBe("0");
  });
});

describe("a pool of aggregates", () => {
  it("knows an epoch's inputs, also of those who ended in it, beside the values of now", () => {
    const settings = { maxBuckets: 0, extrema: 8 };
    const options = { seed: 4, nodes: 20, loss: 0, detectMs: 1_000, driftPerMinute: 0.6, settings };
    const pool = new AggregatePool(options);
    pool.world.run(20_000);
    const before = pool.inputs(1);
    expect(before.count).toBe(20);
    for (let i = 0; i < 5; i++) pool.replaceOne();
    pool.world.run(5_000);
    expect(pool.inputs(1)).toEqual(before);
    expect(pool.values().count).toBe(20);
    expect(pool.presents()).toHaveLength(15);
    const sample = sampleOf(pool, 1_000)!;
    expect(sample).toMatchObject({ epoch: 1, members: 15 });
    expect(sample.mass).not.toBe(0);
    // By the next epoch the newly come take part, and all that has grown is seen.
    pool.world.run(40_000);
    expect(pool.inputs(2).count).toBe(20);
    expect(sampleOf(pool, 1_000)!.mean.worst).toBeLessThan(0.1);
  });
});
