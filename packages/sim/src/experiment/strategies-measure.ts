/**
 * The part of `strategies` that measures one cluster at a time: what it costs at rest, how soon crashes are known, and how
 * often the living are held for dead while packets are lost.
 */
import type { Rng } from "@hearsay/core";
import type { TrafficCounters } from "../sim-node.ts";
import type { Cluster, StrategyName } from "../strategies/cluster.ts";
import { advance, advanceUntil, type Progress } from "./experiment.ts";

/**
 * Intervals before anything is measured, and intervals over which traffic is counted. Gossip's means need time to fill;
 * its traffic and SWIM's vary (partners, push/pull), while heartbeats of the other two are the same in each interval.
 */
export const warmIntervals: Readonly<Record<StrategyName, number>> = {
  central: 3,
  "all-to-all": 3,
  gossip: 30,
  swim: 3,
};
export const windowIntervals: Readonly<Record<StrategyName, number>> = {
  central: 5,
  "all-to-all": 3,
  gossip: 20,
  swim: 30,
};

/** IP and UDP headers of one datagram: bytes. */
export const headerBytes = 28;
/** Between two crashes in one cluster: intervals. */
const staggerIntervals = 0.37;
/** After which an unnoticed crash is given up: intervals. */
const limitIntervals = 120;

type Doing = (share: number) => Progress;

export interface Cost {
  /** Sent by a node on average, per second. */
  readonly messages: number;
  readonly bytes: number;
  readonly wireBytes: number;
  /** Sent and received by the node that has most, per second. */
  readonly busiestMessages: number;
  readonly busiestBytes: number;
}

/** Traffic of a healthy cluster over so long. A stream counts as two messages at the node that opened it. */
export function* measureCost(cluster: Cluster, ms: number, doing: Doing): Generator<Progress, Cost, void> {
  const before = cluster.nodes.map(({ traffic }) => ({ ...traffic }));
  yield* advance(cluster, ms, doing);
  const seconds = ms / 1000;
  let messages = 0;
  let bytes = 0;
  let packets = 0;
  let busiestMessages = 0;
  let busiestBytes = 0;
  for (const [i, { traffic }] of cluster.nodes.entries()) {
    const more = (key: keyof TrafficCounters) => traffic[key] - before[i]![key];
    const sent = more("packetsSent") + 2 * more("streamsOpened");
    const sentBytes = more("bytesSent") + more("streamBytesSent");
    messages += sent;
    bytes += sentBytes;
    packets += more("packetsSent");
    busiestMessages = Math.max(busiestMessages, sent + more("packetsReceived"));
    busiestBytes = Math.max(busiestBytes, sentBytes + more("bytesReceived"));
  }
  const each = seconds * cluster.nodes.length;
  return {
    messages: messages / each,
    bytes: bytes / each,
    wireBytes: (bytes + headerBytes * packets) / each,
    busiestMessages: busiestMessages / seconds,
    busiestBytes: busiestBytes / seconds,
  };
}

export interface Crash {
  readonly member: number;
  /** ms until the first living member held it for dead; undefined when nobody did in time. */
  readonly firstMs: number | undefined;
  /** ms until all living members did. */
  readonly everyoneMs: number | undefined;
}

/** Crashes members at random, never number 0, one soon after another; waits until all who live know all. */
export function* measureCrashes(
  cluster: Cluster,
  count: number,
  intervalMs: number,
  rng: Rng,
  doing: Doing,
): Generator<Progress, Crash[], void> {
  const { length } = cluster.nodes;
  const crashed = new Map<number, { at: number; knows: Float64Array }>();
  cluster.onVerdict = (observer, member, alive, now) => {
    const crash = crashed.get(member);
    if (crash) crash.knows[observer] = alive ? Number.NaN : now - crash.at;
  };
  // At any point of the heartbeats' interval.
  yield* advance(cluster, rng.float() * intervalMs, () => doing(0));
  while (crashed.size < count) {
    const member = 1 + rng.below(length - 1);
    if (crashed.has(member)) continue;
    cluster.crash(member);
    const crash = { at: cluster.now, knows: new Float64Array(length).fill(Number.NaN) };
    crashed.set(member, crash);
    // Who had accused it falsely before knows already.
    for (const { index, alive } of cluster.nodes) {
      if (alive && !cluster.holdsAlive(index, member)) crash.knows[index] = 0;
    }
    yield* advance(cluster, staggerIntervals * intervalMs, () => doing(0));
  }
  const living = cluster.nodes.filter(({ alive }) => alive).map(({ index }) => index);
  const known = () => [...crashed.values()].every(({ knows }) => living.every((index) => !Number.isNaN(knows[index]!)));
  yield* advanceUntil(cluster, known, limitIntervals * intervalMs, intervalMs / 4, doing);
  cluster.onVerdict = undefined;
  return [...crashed].map(([member, { knows }]): Crash => {
    const times = living.map((index) => knows[index]!).filter((ms) => !Number.isNaN(ms));
    return {
      member,
      firstMs: times.length > 0 ? times.reduce((least, ms) => Math.min(least, ms)) : undefined,
      everyoneMs: times.length === living.length ? times.reduce((most, ms) => Math.max(most, ms)) : undefined,
    };
  });
}

export interface FalseAlarms {
  /** Verdicts "dead" about living members, by anyone. */
  readonly verdicts: number;
  /** Times that a member nobody had doubted came to be held for dead by somebody. */
  readonly episodes: number;
  /** Members to whom that happened. */
  readonly accused: number;
  /** The longest such episode, as far as it was watched: ms. */
  readonly longestMs: number;
}

/** Watches a cluster without any crash for so long. */
export function* measureFalseAlarms(
  cluster: Cluster,
  ms: number,
  doing: Doing,
): Generator<Progress, FalseAlarms, void> {
  const { length } = cluster.nodes;
  const accusers = Array.from({ length }, () => new Set<number>());
  const since = new Float64Array(length);
  const accused = new Set<number>();
  let verdicts = 0;
  let episodes = 0;
  let longestMs = 0;
  const end = (member: number) => {
    longestMs = Math.max(longestMs, cluster.now - since[member]!);
  };
  cluster.onVerdict = (observer, member, alive, now) => {
    const set = accusers[member]!;
    if (alive) {
      if (set.delete(observer) && set.size === 0) end(member);
      return;
    }
    verdicts++;
    accused.add(member);
    if (set.size === 0) {
      episodes++;
      since[member] = now;
    }
    set.add(observer);
  };
  yield* advance(cluster, ms, doing);
  cluster.onVerdict = undefined;
  for (const [member, set] of accusers.entries()) if (set.size > 0) end(member);
  return { verdicts, episodes, accused: accused.size, longestMs };
}
