/**
 * What one member sends: bytes and packets a second on average, by part. Payloads as the sockets get them; IP and UDP add
 * 28 bytes to each packet. Compression, which shortens push/pulls on real sockets, is left out.
 *
 *   probes      (ping + ack)/T, and for pings without answer the relays' packets and a stream
 *   push/pull   2 · list / (interval · scale): as often asked as asking
 *   gossip      changes/s · transmissions · their bytes; nothing at rest
 */
import { confirmationsWanted, pushPullScale } from "@hearsay/core";
import { probeChances, type StreamTimers } from "./chance.ts";
import { type Figure, type FigureGroup, papers } from "./figure.ts";
import { health } from "./health.ts";
import type { PlanInputs } from "./inputs.ts";
import { type Sizes, sizesOf } from "./sizes.ts";
import { carriersPerSecond, transmitLimit } from "./transmissions.ts";

/** One member's, out. */
export interface Bandwidth {
  readonly probeBytesPerSecond: number;
  /** The part of it that goes over streams. */
  readonly probeStreamBytesPerSecond: number;
  readonly gossipBytesPerSecond: number;
  readonly pushPullBytesPerSecond: number;
  /** Probes and, with churn, gossip. */
  readonly atRestBytesPerSecond: number;
  readonly totalBytesPerSecond: number;
  readonly packetsPerSecond: number;
  /** Exchanges that one member begins: ms between two; Infinity when they are off. */
  readonly pushPullEveryMs: number;
  /** Both directions of one exchange. */
  readonly pushPullExchangeBytes: number;
  readonly poolPushPullsPerSecond: number;
  readonly poolPushPullBytesPerSecond: number;
  /** One user broadcast, in the whole pool. */
  readonly broadcastPackets: number;
  readonly broadcastBytes: number;
}

export function bandwidth(inputs: PlanInputs, timers?: StreamTimers): Bandwidth {
  const sizes = sizesOf(inputs);
  const probes = probeTraffic(inputs, sizes, timers);
  const gossip = gossipTraffic(inputs, sizes, timers);
  const every = inputs.config.pushPullIntervalMs * pushPullScale(inputs.nodes);
  const pushPullEveryMs = every > 0 ? every : Number.POSITIVE_INFINITY;
  const pushPullBytesPerSecond = (2 * sizes.pushPull * 1000) / pushPullEveryMs;
  const atRestBytesPerSecond = probes.bytes + gossip.bytes;
  const limit = transmitLimit(inputs);
  const { gossipShare } = carriers(inputs);
  const alone = inputs.nodes * limit * gossipShare;
  const aboard = inputs.nodes * limit * (1 - gossipShare);
  return {
    probeBytesPerSecond: probes.bytes,
    probeStreamBytesPerSecond: probes.streamBytes,
    gossipBytesPerSecond: gossip.bytes,
    pushPullBytesPerSecond,
    atRestBytesPerSecond,
    totalBytesPerSecond: atRestBytesPerSecond + pushPullBytesPerSecond,
    packetsPerSecond: probes.packets + gossip.packets,
    pushPullEveryMs,
    pushPullExchangeBytes: 2 * sizes.pushPull,
    poolPushPullsPerSecond: (inputs.nodes * 1000) / pushPullEveryMs,
    poolPushPullBytesPerSecond: inputs.nodes * pushPullBytesPerSecond,
    broadcastPackets: alone,
    broadcastBytes: alone * sizes.gossipPacket(1, sizes.userMessage) + aboard * aboardBytes(sizes.userMessage),
  };
}

function probeTraffic(
  inputs: PlanInputs,
  sizes: Sizes,
  timers?: StreamTimers,
): { bytes: number; streamBytes: number; packets: number } {
  const { config, loss, nodes } = inputs;
  const chances = probeChances(inputs, timers);
  const arrives = 1 - loss;
  const indirect = 1 - chances.direct;
  const asked = indirect * Math.min(config.indirectChecks, Math.max(0, nodes - 2));
  const relayed = asked * arrives;
  const acked = relayed * arrives ** 2;
  const nacked = config.nacks ? relayed - acked : 0;
  const streams = (config.streamPings ? indirect : 0) * (sizes.ping + sizes.ack);
  const bytes =
    sizes.ping +
    arrives * sizes.ack +
    asked * sizes.indirectPing +
    relayed * (sizes.ping + arrives * sizes.ack) +
    acked * sizes.ack +
    nacked * sizes.nack +
    streams;
  const packets = 1 + arrives + asked + relayed * (1 + arrives) + acked + nacked;
  const rate = (1000 * health(inputs, timers).probes) / config.probeIntervalMs;
  return { bytes: rate * bytes, streamBytes: rate * streams, packets: rate * packets };
}

/** Updates that a change of membership makes, half of them joins, half crashes: what each member passes on. */
export function updatesPerChange({ nodes, config }: PlanInputs): number {
  const crash = 2 + confirmationsWanted(config.suspicionMult, nodes);
  return (1 + crash) / 2;
}

function gossipTraffic(inputs: PlanInputs, sizes: Sizes, timers?: StreamTimers): { bytes: number; packets: number } {
  // Each false suspicion is passed on, and so is its refutation.
  const suspicions = (1000 * health(inputs, timers).accusations) / inputs.config.probeIntervalMs;
  const mistaken = 2 * inputs.nodes * suspicions;
  const updates = inputs.churnPerSecond * updatesPerChange(inputs) + mistaken;
  if (updates === 0) return { bytes: 0, packets: 0 };
  const transmissions = updates * transmitLimit(inputs);
  const perChange = updatesPerChange(inputs);
  const crash = 2 * perChange - 1;
  const message = (sizes.aliveMessage + (crash - 1) * sizes.suspectMessage + sizes.deadMessage) / (2 * perChange);
  const { perSecond, gossipShare } = carriers(inputs);
  // News under way at one time is Poisson; a packet takes all of it that it finds.
  const underWay = transmissions / perSecond;
  const perPacket = underWay / (1 - Math.exp(-underWay));
  const packets = (transmissions * gossipShare) / perPacket;
  const bytes =
    packets * (sizes.gossipPacket(1, message) + (perPacket - 1) * aboardBytes(message)) +
    transmissions * (1 - gossipShare) * aboardBytes(message);
  return { bytes, packets };
}

/** In a compound that is there anyhow. */
function aboardBytes(message: number): number {
  return message + 2;
}

function carriers(inputs: PlanInputs): { perSecond: number; gossipShare: number } {
  const perSecond = carriersPerSecond(inputs);
  return { perSecond, gossipShare: 1 - 2000 / inputs.config.probeIntervalMs / perSecond };
}

export function bandwidthGroup(inputs: PlanInputs, b: Bandwidth): FigureGroup {
  const figure = (
    key: string,
    title: string,
    value: number,
    unit: Figure["unit"],
    formula: string,
    source: string,
  ): Figure => ({ key, title, value: Number.isFinite(value) ? value : null, unit, formula, source });
  const figures = [
    figure(
      "probeBytesPerSecond",
      "probes",
      b.probeBytesPerSecond,
      "bytes/s",
      inputs.loss > 0 ? "(ping + ack + lost share x (relays + stream))/T" : "(ping + ack)/T",
      `${papers.swim} 3.1; wire/src/sizes.ts`,
    ),
    figure(
      "gossipBytesPerSecond",
      "gossip",
      b.gossipBytesPerSecond,
      "bytes/s",
      "changes/s x updates x transmissions x bytes",
      "core/src/gossip.ts, broadcast-queue.ts",
    ),
    figure(
      "atRestBytesPerSecond",
      "together, at rest",
      b.atRestBytesPerSecond,
      "bytes/s",
      "probes + gossip",
      "this plan",
    ),
    figure(
      "pushPullBytesPerSecond",
      "push/pull",
      b.pushPullBytesPerSecond,
      "bytes/s",
      "2 x list/(interval x scale)",
      "core/src/push-pull.ts; formulas.ts pushPullScale",
    ),
    figure(
      "totalBytesPerSecond",
      "all, with push/pull",
      b.totalBytesPerSecond,
      "bytes/s",
      "at rest + push/pull",
      "this plan",
    ),
    figure(
      "packetsPerSecond",
      "packets",
      b.packetsPerSecond,
      "packets/s",
      "2/T + lost share x 4 x relays + gossip",
      `${papers.swim} 3.1`,
    ),
  ];
  return { key: "traffic", title: "One member sends", figures };
}

export function pushPullGroup(b: Bandwidth): FigureGroup {
  const source = "core/src/push-pull.ts; formulas.ts pushPullScale";
  const every = Number.isFinite(b.pushPullEveryMs) ? b.pushPullEveryMs : null;
  return {
    key: "pushPull",
    title: "Push/pull",
    figures: [
      {
        key: "everyMs",
        title: "a member begins one every",
        value: every,
        unit: "ms",
        formula: "interval x (ceil(log2 n - 5) + 1), above 32 members",
        source,
      },
      {
        key: "exchangeBytes",
        title: "one exchange, both ways",
        value: b.pushPullExchangeBytes,
        unit: "bytes",
        formula: "2 x (head + n x entry)",
        source: "wire/src/sizes.ts",
      },
      {
        key: "poolPerSecond",
        title: "in the whole pool",
        value: b.poolPushPullsPerSecond,
        unit: "per second",
        formula: "n/(interval x scale)",
        source,
      },
      {
        key: "poolBytesPerSecond",
        title: "in the whole pool",
        value: b.poolPushPullBytesPerSecond,
        unit: "bytes/s",
        formula: "n x 2 x list/(interval x scale)",
        source,
      },
    ],
  };
}
