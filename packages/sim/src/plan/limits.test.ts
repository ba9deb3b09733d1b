import { expect, test } from "vitest";
import { type PlanInputs, planInputs } from "./inputs.ts";
import { breakingPoint, limitsOf } from "./limits.ts";

const first = (inputs: PlanInputs) => limitsOf(inputs)[0]!;

test.each([
  ["packet-budget", planInputs(100, { metaBytes: 500, config: { maxPacketBytes: 600 } })],
  ["broadcast-size", planInputs(100, { broadcastBytes: 1500 })],
  ["frame", planInputs(100, { config: { maxPacketBytes: 3000 } })],
  ["queue-growth", planInputs(100, { churnPerSecond: 50 })],
  ["transmissions", planInputs(1000, { config: { retransmitMult: 1 } })],
  ["probe-timeout", planInputs(100, { latencyMs: 200 })],
  [
    "suspicion",
    planInputs(1000, { latencyMs: 80, config: { suspicionMult: 1, probeTimeoutMs: 1000, gossipIntervalMs: 2000 } }),
  ],
  ["false-deaths", planInputs(1000, { loss: 0.3 })],
  ["bandwidth", planInputs(5000, { budgetBytesPerSecond: 1000 })],
  ["push-pull-pause", planInputs(90_000)],
  ["members", planInputs(2000, { config: { maxMembers: 1000 } })],
  ["settling", planInputs(100, { churnPerSecond: 1 })],
  ["dead-memory", planInputs(1000, { config: { gossipToTheDeadMs: 100 } })],
])("%s is seen", (key, inputs) => {
  const limit = limitsOf(inputs).find((one) => one.key === key)!;
  expect(limit.share).toBeGreaterThan(1);
  expect(breakingPoint(inputs)!.nodes).toBe(inputs.nodes);
});

test("the most used is first, and a sound pool is within all", () => {
  const limits = limitsOf(planInputs(1000));
  const shares = limits.map((limit) => limit.share);
  expect(shares).toEqual(shares.toSorted((a, b) => b - a));
  expect(shares[0]).toBeLessThan(1);
});

test("growing, a pool breaks where its first limit is reached", () => {
  for (const inputs of [
    planInputs(3),
    planInputs(5000, { metaBytes: 512 }),
    planInputs(100, { churnPerSecond: 0.1 }),
  ]) {
    const { nodes, limit } = breakingPoint(inputs)!;
    const at = (n: number) =>
      first({ ...inputs, nodes: n, churnPerSecond: (inputs.churnPerSecond * n) / inputs.nodes });
    expect(at(nodes).key).toBe(limit.key);
    expect(at(nodes).share).toBeGreaterThanOrEqual(1);
    expect(at(Math.floor(nodes * 0.98)).share).toBeLessThan(1);
  }
});
