import { describe, expect, test } from "vitest";
import { SwimPool } from "../pool.ts";
import { bandwidth } from "./bandwidth.ts";
import { probeChances, simulatorTimers } from "./chance.ts";
import { health } from "./health.ts";
import { latencySigma, type PlanInputs, planInputs } from "./inputs.ts";
import { mistakes } from "./mistakes.ts";

const size = 60;

/** A pool of these inputs that has found its even state. */
function settled(inputs: PlanInputs, suspicionMult = 1000): SwimPool {
  const { config, loss, latencyMs, nodes } = inputs;
  const latency = { kind: "lognormal", medianMs: latencyMs, sigma: latencySigma } as const;
  const pool = new SwimPool({
    seed: 7,
    size: nodes,
    fidelity: "objects",
    config: { ...config, suspicionMult },
    network: { loss, latency },
  });
  pool.addConverged(nodes);
  pool.world.run(60_000);
  return pool;
}

type Counter = "probes" | "probesFailed";
const sum = (pool: SwimPool, key: Counter) => pool.nodes.reduce((all, { machine }) => all + machine.counters[key], 0);

test("nobody's health suffers without loss, nor where scores end at 0", () => {
  expect(health(planInputs(100))).toEqual({ score: 0, probes: 1, accusations: 0 });
  const inputs = planInputs(100, { loss: 0.3, config: { awarenessMaxMult: 1 } });
  const { packetsFail, accused } = probeChances(inputs);
  const { score, probes, accusations } = health(inputs);
  expect(score).toBe(0);
  expect(probes).toBeCloseTo(1 / (1 + packetsFail / 2), 12);
  expect(accusations).toBeCloseTo(accused * probes, 12);
});

describe.each([0.2, 0.3])("loss %d", (loss) => {
  test.each([true, false])("probes and accusations as in the simulator, nacks %s", (nacks) => {
    const inputs = planInputs(size, { loss, config: { nacks, streamPings: false } });
    const pool = settled(inputs);
    const before = { probes: sum(pool, "probes"), failed: sum(pool, "probesFailed") };
    pool.world.run(120_000);
    const memberIntervals = size * 120;
    const predicted = health(inputs, simulatorTimers);
    const probes = (sum(pool, "probes") - before.probes) / memberIntervals;
    expect(Math.abs(probes / predicted.probes - 1)).toBeLessThan(0.12);
    const failed = (sum(pool, "probesFailed") - before.failed) / memberIntervals;
    expect(Math.abs(failed / predicted.accusations - 1)).toBeLessThan(0.12);
  });

  test("nacks that miss make slower probers, and fewer accusations", () => {
    const of = (nacks: boolean) => health(planInputs(size, { loss, config: { nacks, streamPings: false } }));
    expect(of(true).score).toBeGreaterThan(1.5 * of(false).score);
    expect(of(true).probes).toBeLessThan(of(false).probes);
    expect(of(true).accusations).toBeLessThan(of(false).accusations);
  });
});

test("packets with nacks and without, as in the simulator", () => {
  const measured = [true, false].map((nacks) => {
    const inputs = planInputs(size, { loss: 0.2, config: { nacks } });
    const pool = settled(inputs);
    const packets = () => pool.nodes.reduce((all, { traffic }) => all + traffic.packetsSent, 0);
    const before = packets();
    pool.world.run(60_000);
    const rate = (packets() - before) / size / 60;
    expect(Math.abs(rate / bandwidth(inputs, simulatorTimers).packetsPerSecond - 1)).toBeLessThan(0.2);
    return rate;
  });
  expect(measured[0]!).toBeGreaterThan(measured[1]!);
  const planned = [true, false].map((nacks) => bandwidth(planInputs(size, { loss: 0.2, config: { nacks } })));
  expect(planned[0]!.packetsPerSecond).toBeGreaterThan(planned[1]!.packetsPerSecond);
});

describe("the buddy system", () => {
  // Few transmissions, so that gossip alone often leaves the accused without the news.
  const inputs = (buddy: boolean) =>
    planInputs(size, {
      loss: 0.3,
      config: { buddy, retransmitMult: 1, gossipNodes: 1, streamPings: false, awarenessMaxMult: 1 },
    });

  test("without its pings the accused hears by gossip only (Lifeguard, IV-C)", () => {
    // Two transmissions by each member, of which 70 % arrive.
    expect(mistakes(inputs(false)).unheard).toBeCloseTo(Math.exp(-0.7 * 2), 12);
    expect(mistakes(inputs(true)).unheard).toBeLessThan(mistakes(inputs(false)).unheard / 1000);
    expect(mistakes(inputs(true)).deathsPerMemberDay).toBeLessThan(mistakes(inputs(false)).deathsPerMemberDay);
    expect(mistakes(planInputs(size, { config: { buddy: false } })).deathsPerMemberDay).toBe(0);
  });

  test("fewer accusations are never heard of in the simulator, too", () => {
    const unheard = [true, false].map((buddy) => {
      // Long enough for pings to come, and no push/pull to tell instead.
      const planned = inputs(buddy);
      const pool = settled({ ...planned, config: { ...planned.config, pushPullIntervalMs: 0 } }, 1000);
      const refuted = pool.nodes.reduce((all, { machine }) => all + machine.counters.refutations, 0);
      return 1 - refuted / sum(pool, "probesFailed");
    });
    expect(unheard[0]!).toBeLessThan(unheard[1]!);
  });
});
