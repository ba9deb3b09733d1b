import { Rng } from "@hearsay/core";
import { describe, expect, it } from "vitest";
import { StatePool } from "../state-pool.ts";
import { ownKey, sharedKey } from "../state-warm.ts";
import { runWhole, type Settings, settingsOf } from "./experiment.ts";
import { Report } from "./report.ts";
import { reportText } from "./report-text.ts";
import { statePartition } from "./state-partition.ts";
import { type Differences, StateWrites } from "./state-writes.ts";

function reportOf(changes: Settings, seed = 2): Report {
  const report = new Report("state-partition", seed, {});
  runWhole(statePartition, report, settingsOf(statePartition, changes));
  return report;
}

const small = { nodes: 12, sharedKeys: 30, writes: 150, repeat: 1, watchMs: 20_000 };
const right = { unequal: 0, wrong: 0, missing: 0, resurrected: 0 };

describe("state-partition", () => {
  // After the longer one the lost are no longer listed.
  it.each(["30000", "330000"])(
    "makes the sides the same within 15 s after %s ms, as last written; nothing comes back",
    (splitMs) => {
      const report = reportOf({ ...small, splitMs });
      expect(report.failures).toEqual([]);
      const [row] = report.tables[0]!.rows;
      expect(row).toMatchObject({ ...right, givenUpPercent: 100 });
      expect(row!.equalWorstS).toBeLessThanOrEqual(15);
      expect(row!.deletions).toBeGreaterThan(20);
      expect(row!.contested).toBeGreaterThan(10);
    },
  );

  it("does so under loss, and when one member stood alone", () => {
    const report = reportOf({ ...small, splitMs: "60000", share: 0.01, loss: 0.1, withinMs: 30_000 });
    expect(report.failures).toEqual([]);
    expect(report.tables[0]!.rows[0]).toMatchObject(right);
  });

  it("says so plainly when it takes longer than it may", () => {
    const report = reportOf({ ...small, splitMs: "30000", withinMs: 100, watchMs: 0 });
    expect(report.failures).toHaveLength(1);
    expect(report.failures[0]).toMatch(/^split for 30 s, run 1: all the same after \d+(\.\d+)? s, not 0\.1$/);
    expect(reportText(report)).toContain(`FAILED: ${report.failures[0]}\n`);
    expect(JSON.parse(JSON.stringify(report)).failures).toEqual(report.failures);
  });

  it("says so plainly when it does not come about", () => {
    const report = reportOf({ ...small, splitMs: "30000", healMs: 1000, watchMs: 0 });
    expect(report.failures.join("\n")).toContain("not everybody had the same when the wait was over");
  });

  it("gives the same again for the same seed", () => {
    const one = { ...small, splitMs: "20000" };
    expect(JSON.stringify(reportOf(one))).toBe(JSON.stringify(reportOf(one)));
  });
});

describe("what must come of writes", () => {
  const contents = { keysPerNode: 3, sharedKeys: 5, valueBytes: 16 };

  function poolOf(): StatePool {
    const steps = StatePool.create({ seed: 5, nodes: 4, contents });
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
    }
  }

  function differences(pool: StatePool, writes: StateWrites): Differences {
    const found = { wrong: 0, missing: 0, resurrected: 0 };
    for (let i = 0; i < pool.nodes.length; i++) writes.compare(i, found);
    return found;
  }

  it("is what there is, once all have heard of all", () => {
    const pool = poolOf();
    const writes = new StateWrites(pool, contents, new Rng(1));
    for (let i = 0; i < 60; i++) {
      writes.act(i % 4, i % 2 === 0 ? 0 : 1);
      pool.world.run(50);
    }
    expect(writes.counts.writes).toBeGreaterThan(20);
    expect(writes.counts.deletions).toBeGreaterThan(5);
    expect(writes.counts.contested).toBeGreaterThan(2);
    expect(differences(pool, writes)).not.toEqual({ wrong: 0, missing: 0, resurrected: 0 });
    pool.world.run(10_000);
    expect(differences(pool, writes)).toEqual({ wrong: 0, missing: 0, resurrected: 0 });
  });

  it("is not what somebody wrote behind its back: other values, missing ones and new ones are counted at every node", () => {
    const pool = poolOf();
    const writes = new StateWrites(pool, contents, new Rng(1));
    pool.act(1, (state, now) => state.set(ownKey(0), new Uint8Array(16), now));
    pool.act(2, (state, now) => state.setShared(sharedKey(1), new Uint8Array(16), now));
    pool.act(3, (state, now) => state.delete(ownKey(2), now));
    pool.act(0, (state, now) => state.setShared("another", new Uint8Array(16), now));
    pool.world.run(10_000);
    expect(differences(pool, writes)).toEqual({ wrong: 8, missing: 4, resurrected: 4 });
  });
});
