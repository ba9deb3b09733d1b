/**
 * Overload of anti-entropy (Scuttlebutt paper, section 5): every member writes its own keys, first within what packets of
 * so many deltas can carry, for a while so much faster that they cannot, then as before. How stale do copies become, and
 * how soon is that over, by the order of deltas in full packets, and under flow control?
 */
import type { DeltaOrder } from "@hearsay/state";
import { advance, type Experiment, type Progress, type Settings } from "./experiment.ts";
import { OverloadOutput, type OverloadSample } from "./overload-output.ts";
import { OverloadPool } from "./overload-pool.ts";
import { runSeed, SettingReader } from "./read-settings.ts";
import type { Report } from "./report.ts";

export const overload: Experiment = {
  name: "overload",
  summary:
    "members write faster than packets can carry, for a while: staleness by order of deltas, and with flow control",
  settings: [
    { name: "nodes", help: "members", kind: "integer", default: 128, min: 2, max: 512 },
    { name: "keys", help: "keys of each member", kind: "integer", default: 64, min: 1, max: 1024 },
    { name: "packetWrites", help: "deltas in a packet at most", kind: "integer", default: 100, min: 1, max: 1000 },
    {
      name: "load",
      help: "share of what packets can carry that is written in normal times",
      kind: "number",
      default: 0.55,
      min: 0.01,
      max: 10,
    },
    { name: "factor", help: "so many times as much in overload", kind: "number", default: 2, min: 1, max: 100 },
    { name: "normalMs", help: "before the overload", kind: "duration", default: 10_000, min: 1000, max: 3_600_000 },
    { name: "overloadMs", help: "how long it lasts", kind: "duration", default: 20_000, min: 1000, max: 3_600_000 },
    { name: "afterMs", help: "after it", kind: "duration", default: 40_000, min: 0, max: 3_600_000 },
    {
      name: "syncIntervalMs",
      help: "between a member's rounds",
      kind: "duration",
      default: 1000,
      min: 50,
      max: 60_000,
    },
    {
      name: "latencyMs",
      help: "median of one packet's delay (log-normal), ms",
      kind: "number",
      default: 0.5,
      min: 0.01,
      max: 1000,
    },
  ],
  run,
};

/** Deviation of the delays' logarithm, as in `lanLatency`. */
const latencySigma = 0.4;
/** How often copies are looked at: ms. */
const sampleMs = 1000;
/** Packets are limited in deltas, not in bytes: room for them and a list of all owners. */
const packetBytes = 60_000;

/** What is compared. */
interface Variant {
  readonly name: string;
  readonly order: DeltaOrder;
  readonly hasFlow: boolean;
}

const variants: readonly Variant[] = [
  { name: "depth", order: "depth", hasFlow: false },
  { name: "breadth", order: "breadth", hasFlow: false },
  { name: "depth, flow control", order: "depth", hasFlow: true },
];

function* run(report: Report, settings: Settings): Generator<Progress, void, void> {
  const read = new SettingReader(overload, settings);
  const phases = [read.number("normalMs"), read.number("overloadMs"), read.number("afterMs")] as const;
  const nodes = read.number("nodes");
  const syncIntervalMs = read.number("syncIntervalMs");
  const capacity = (2 * read.number("packetWrites") * 1000) / (nodes * syncIntervalMs);
  const rates = { capacity, normal: read.number("load") * capacity, factor: read.number("factor") };
  const output = new OverloadOutput(report, { variants: variants.map(({ name }) => name), nodes, phases, ...rates });
  for (const [i, variant] of variants.entries()) {
    const progress = (share: number) => ({ share: (i + share) / variants.length, doing: variant.name });
    yield* measure(read, variant, runSeed(report.seed, "overload"), rates, phases, output, progress);
  }
}

function* measure(
  read: SettingReader,
  variant: Variant,
  seed: number,
  { normal, factor }: { readonly normal: number; readonly factor: number },
  phases: readonly number[],
  output: OverloadOutput,
  progress: (share: number) => Progress,
): Generator<Progress, void, void> {
  const pool = poolOf(read, variant, seed);
  const total = phases.reduce((sum, ms) => sum + ms, 0);
  output.begin(variant.name, variant.hasFlow);
  for (const [phase, ms] of phases.entries()) {
    pool.setRate(phase === 1 ? normal * factor : normal);
    const end = pool.now + ms;
    while (pool.now < end) {
      yield* advance(pool, Math.min(sampleMs, end - pool.now), () => progress(pool.now / total));
      output.add(sampleOf(pool, phase));
    }
  }
  output.end();
}

function poolOf(read: SettingReader, { order, hasFlow }: Variant, seed: number): OverloadPool {
  const maxPacketWrites = read.number("packetWrites");
  const syncIntervalMs = read.number("syncIntervalMs");
  return new OverloadPool({
    seed,
    nodes: read.number("nodes"),
    keys: read.number("keys"),
    latency: { kind: "lognormal", medianMs: read.number("latencyMs"), sigma: latencySigma },
    config: {
      order,
      maxPacketWrites,
      syncIntervalMs,
      mode: "push-pull",
      gossipNodes: 0,
      maxPacketBytes: packetBytes,
      maxKeysPerOwner: read.number("keys"),
      streamThresholdBytes: Number.POSITIVE_INFINITY,
      // No faster than a packet in a round, as in the paper.
      flow: hasFlow ? { maxRate: Math.max(10, (maxPacketWrites * 1000) / syncIntervalMs) } : undefined,
    },
  });
}

function sampleOf(pool: OverloadPool, phase: number): OverloadSample {
  const { now, wishes, versions } = pool;
  const held = pool.nodes.reduce((sum, node) => sum + node.heldWrites, 0);
  return { atMs: now, phase, wishes, versions, held, ...pool.staleness() };
}
