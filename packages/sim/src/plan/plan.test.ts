import { profiles } from "@hearsay/core";
import { describe, expect, test } from "vitest";
import { PlanError, planInputs } from "./inputs.ts";
import { plan } from "./plan.ts";

describe("known values", () => {
  test("a pool of 100 at rest", () => {
    const { bandwidth, memory, detection, convergence } = plan(planInputs(100, { nameBytes: 9 }));
    // The simulator and sockets alike: 79 and 22 bytes, each once a second.
    expect(bandwidth.atRestBytesPerSecond).toBe(101);
    expect(bandwidth.packetsPerSecond).toBe(2);
    expect(bandwidth.gossipBytesPerSecond).toBe(0);
    // ceil(log2 100 - 5) + 1 = 3 times half a minute.
    expect(bandwidth.pushPullEveryMs).toBe(90_000);
    expect(bandwidth.pushPullBytesPerSecond).toBeCloseTo(bandwidth.pushPullExchangeBytes / 90, 9);
    expect(convergence.transmissions).toBe(12);
    expect(detection.suspicionMinMs).toBe(8000);
    expect(detection.suspicionMaxMs).toBe(48_000);
    expect(detection.firstSuspicion.medianMs).toBeCloseTo(1693, 0);
    expect(memory.perNodeBytes).toBe(50_000 + 100 * 509);
  });

  test("meta costs in push/pull and memory, not at rest", () => {
    const bare = plan(planInputs(1000));
    const laden = plan(planInputs(1000, { metaBytes: 200 }));
    expect(laden.bandwidth.atRestBytesPerSecond).toBe(bare.bandwidth.atRestBytesPerSecond);
    // Two bytes more for the length of what is longer than 31 bytes.
    expect(laden.bandwidth.pushPullExchangeBytes - bare.bandwidth.pushPullExchangeBytes).toBe(2 * 1000 * 202);
    expect(laden.memory.perMemberBytes - bare.memory.perMemberBytes).toBe(390);
    expect(laden.churn.capacityUpdatesPerSecond).toBeLessThan(bare.churn.capacityUpdatesPerSecond);
  });

  test("churn: each join is one update, each crash a suspicion, its two confirmations and a death", () => {
    const { bandwidth, churn } = plan(planInputs(1000, { churnPerSecond: 0.5 }));
    expect(churn.offeredUpdatesPerSecond).toBe(0.5 * 2.5);
    // 16 transmissions each.
    expect(bandwidth.gossipBytesPerSecond).toBeGreaterThan(0.5 * 2.5 * 16 * 40);
    expect(bandwidth.gossipBytesPerSecond).toBeLessThan(0.5 * 2.5 * 16 * 90);
  });

  test("every figure says where it comes from", () => {
    const { groups, limits } = plan(planInputs(1000, { loss: 0.02 }));
    expect(groups.map((group) => group.key)).toEqual([
      "traffic",
      "pushPull",
      "convergence",
      "detection",
      "mistakes",
      "memory",
      "churn",
    ]);
    for (const figure of groups.flatMap((group) => group.figures)) {
      expect(figure.formula, figure.key).not.toBe("");
      expect(figure.source, figure.key).not.toBe("");
      expect(figure.value, figure.key).toEqual(expect.any(Number));
    }
    for (const limit of limits) expect(limit.source, limit.key).not.toBe("");
  });

  test("without push/pull", () => {
    const { bandwidth, notes } = plan(planInputs(100, { config: { pushPullIntervalMs: 0 } }));
    expect(bandwidth.pushPullBytesPerSecond).toBe(0);
    expect(notes.join()).toContain("Without push/pull");
  });
});

test.each(Object.keys(profiles) as (keyof typeof profiles)[])(
  "profile %s, from two members to a million",
  (profile) => {
    for (const nodes of [2, 5, 2500, 1_000_000]) {
      const result = plan(planInputs(nodes, { profile }));
      expect(result.bandwidth.packetsPerSecond).toBeGreaterThan(0);
      expect(result.detection.firstDead.medianMs).toBeGreaterThan(result.detection.firstSuspicion.medianMs);
      expect(result.detection.everyone.badMs).toBeGreaterThanOrEqual(result.detection.firstDead.badMs);
    }
  },
);

test.each([
  [1, {}, "nodes: 2 to 1000000, not 1"],
  [10.5, {}, "nodes: a whole number, not 10.5"],
  [10, { loss: 0.6 }, "loss: 0 to 0.5, not 0.6"],
  [10, { loss: Number.NaN }, "loss: 0 to 0.5, not NaN"],
  [10, { latencyMs: 0 }, "latencyMs: 0.001 ms to 10000 ms, not 0 ms"],
  [10, { metaBytes: 513 }, "metaBytes: 0 to 512, not 513"],
  [1001, { nameBytes: 3 }, "nameBytes: 1001 different names take at least 4 bytes"],
  [10, { config: { gossipNodes: 0 } }, "gossipNodes: 1 to 1000, not 0"],
  [10, { config: { probeTimeoutMs: 2000 } }, "probeTimeoutMs: 1 ms to the probe interval, not 2000 ms"],
  [10, { config: { settleIntervalMs: -1 } }, "settleIntervalMs: 0 ms to 1000000000000 ms, not -1 ms"],
])("refused: %d %j", (nodes, changes, message) => {
  expect(() => planInputs(nodes, changes)).toThrow(PlanError);
  expect(() => planInputs(nodes, changes)).toThrow(message);
});
