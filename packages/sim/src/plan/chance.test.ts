import { describe, expect, test } from "vitest";
import { normalQuantile } from "../latency.ts";
import { SwimPool } from "../pool.ts";
import { chanceWithin, delayQuantileMs, normalShare, probeChances, simulatorTimers } from "./chance.ts";
import { health } from "./health.ts";
import { latencySigma, planInputs } from "./inputs.ts";

test("the normal distribution and its inverse agree", () => {
  for (const share of [0.001, 0.03, 0.5, 0.9, 0.999]) expect(normalShare(normalQuantile(share))).toBeCloseTo(share, 6);
});

test("round trips: chance and quantile agree, one delay is the network's", () => {
  expect(chanceWithin(1, 0.5, 0.5)).toBeCloseTo(0.5, 6);
  expect(chanceWithin(2, delayQuantileMs(2, 40, 0.99), 40)).toBeCloseTo(0.99, 6);
  expect(chanceWithin(2, 0, 40)).toBe(0);
});

describe("a probe of a healthy member", () => {
  test("SWIM's formula, where packets are either lost or in time", () => {
    const q = 0.9;
    const inputs = planInputs(100, { loss: 0.1, config: { streamPings: false } });
    const { accused, packetsFail } = probeChances(inputs);
    expect(packetsFail).toBeCloseTo((1 - q ** 2) * (1 - q ** 4) ** 3, 9);
    expect(accused).toBe(packetsFail);
  });

  test("nothing fails without loss; the stream saves most where there is some", () => {
    expect(probeChances(planInputs(100)).accused).toBe(0);
    const { accused, packetsFail, stream } = probeChances(planInputs(100, { loss: 0.02 }));
    // A lost SYN or its answer costs a second, more than is left; one lost ping or ack does not.
    expect(stream).toBeCloseTo(0.98 ** 2 * (1 - 0.02 ** 2) ** 2, 2);
    expect(accused).toBeCloseTo(packetsFail * (1 - stream), 12);
  });

  test("late answers count as lost", () => {
    expect(probeChances(planInputs(100, { latencyMs: 300 })).direct).toBeLessThan(0.4);
    expect(probeChances(planInputs(100, { latencyMs: 300 })).accused).toBeGreaterThan(0.1);
  });

  test.each([true, false])("as often as in the simulator, stream pings %s", (streamPings) => {
    // Nobody's own health stretches its probes.
    const inputs = planInputs(40, { loss: 0.3, config: { streamPings, awarenessMaxMult: 1 } });
    const pool = new SwimPool({
      seed: 7,
      size: 40,
      fidelity: "objects",
      // Nobody is taken out in this time.
      config: { ...inputs.config, suspicionMult: 1000 },
      network: { loss: 0.3, latency: { kind: "lognormal", medianMs: inputs.latencyMs, sigma: latencySigma } },
    });
    pool.addConverged(40);
    pool.world.run(120_000);
    const chances = probeChances(inputs, simulatorTimers);
    const failed = pool.nodes.reduce((sum, { machine }) => sum + machine.counters.probesFailed, 0);
    const begun = pool.nodes.reduce((sum, { machine }) => sum + machine.counters.probes, 0);
    expect(begun / 40 / 120).toBeCloseTo(health(inputs, simulatorTimers).probes, 1);
    const expected = begun * chances.accused;
    expect(Math.abs(failed - expected)).toBeLessThan(4 * Math.sqrt(expected) + 0.05 * expected);
  });
});
