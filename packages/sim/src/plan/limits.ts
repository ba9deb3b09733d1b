/**
 * What would break first. Each limit says how much of it is used: at 1 it is reached, and the first to break is the one
 * that is used most. `breakingPoint` grows the pool with the same settings until something is reached.
 */

import { suspicionMinMs } from "@hearsay/core";
import { limits as wireLimits } from "@hearsay/wire";
import { bandwidth } from "./bandwidth.ts";
import { delayQuantileMs } from "./chance.ts";
import { churn } from "./churn.ts";
import { convergence } from "./convergence.ts";
import { papers } from "./figure.ts";
import type { PlanInputs } from "./inputs.ts";
import { mistakes } from "./mistakes.ts";
import { sizesOf } from "./sizes.ts";
import { carriersPerSecond, transmitLimit } from "./transmissions.ts";

export interface Limit {
  /** kebab-case. */
  readonly key: string;
  readonly title: string;
  /** The setting to change, as in `PlanInputs` or `SwimConfig`. */
  readonly setting: string;
  /** Used and available, in the same unit; `used / available` is how near it is. */
  readonly used: number;
  readonly available: number;
  readonly unit: "bytes" | "bytes/s" | "ms" | "per second" | "per day" | "count" | "share";
  readonly share: number;
  /** What happens beyond it. */
  readonly beyond: string;
  readonly formula: string;
  readonly source: string;
}

/** Taking in and answering a push/pull: ms for each member in it. Measured: a machine alone in its process, 10,000 members,
 *  30 ms for decoding, merging and answering; Node 20 on one core of an AMD EPYC. */
const mergeMsPerMember = 0.003;
/** The share of the probe timeout from which a pause counts as standing still (`swim.ts`). */
const stallShare = 0.5;
/** What Linux makes of the 2 MiB that the driver asks for, and what it counts for a packet beside its bytes. */
const receiveBufferBytes = 4 * 1024 * 1024;
const packetCostBytes = 800;
/** A pause of a process that its socket should bridge: ms. */
const pauseMs = 1000;
/** An Ethernet frame, less the headers of IPv4 and UDP: bytes. */
const frameBytes = 1500 - 28;
/** Coarse steps are enough here. */
const coarse = 250;
/** Beyond this nobody asks: members. */
const mostNodes = 1_000_000;

/** The most used first. */
export function limitsOf(inputs: PlanInputs): Limit[] {
  const { config, nodes, latencyMs, loss } = inputs;
  const sizes = sizesOf(inputs);
  const traffic = bandwidth(inputs);
  const carried = churn(inputs);
  const wrong = mistakes(inputs);
  const news = convergence(inputs, coarse);
  const list: Limit[] = [];
  const add = (limit: Omit<Limit, "share">): void => {
    list.push({ ...limit, share: limit.used / limit.available });
  };
  add({
    key: "packet-budget",
    title: "an update with its meta in a packet",
    setting: "metaBytes",
    used: sizes.aliveMessage + 2,
    available: config.maxPacketBytes - 2 - sizes.ping,
    unit: "bytes",
    beyond: "joins and changes of meta no longer fit beside a ping, then into no packet at all",
    formula: "alive + 2 <= packet - ping - 2",
    source: "core/src/gossip.ts fill",
  });
  add({
    key: "broadcast-size",
    title: "the user broadcast in a packet",
    setting: "broadcastBytes",
    used: sizes.userMessage + 2,
    available: config.maxPacketBytes - 2,
    unit: "bytes",
    beyond: "the broadcast fits into no packet and is never sent",
    formula: "payload + 3 <= packet - 2",
    source: "core/src/gossip.ts fill",
  });
  if (config.maxPacketBytes > frameBytes) {
    add({
      key: "frame",
      title: "a packet in an Ethernet frame",
      setting: "maxPacketBytes",
      used: config.maxPacketBytes,
      available: frameBytes,
      unit: "bytes",
      beyond: "full packets travel in fragments, and the loss of one loses all",
      formula: "packet <= 1500 - 28",
      source: "RFC 791, RFC 768",
    });
  }
  add({
    key: "queue-growth",
    title: "updates, whole pool",
    setting: "churnPerSecond",
    used: carried.offeredUpdatesPerSecond,
    available: carried.capacityUpdatesPerSecond,
    unit: "per second",
    beyond: "queues grow without end, news arrives late or never",
    formula: "updates/s x transmissions <= packets/s x updates in a packet",
    source: "core/src/broadcast-queue.ts",
  });
  add({
    key: "transmissions",
    title: "transmissions that reach everybody",
    setting: "retransmitMult",
    used: Math.log(nodes) / (1 - loss),
    available: transmitLimit(inputs),
    unit: "count",
    beyond: "each broadcast misses somebody on average, who waits for a push/pull",
    formula: "ln n/(1 - loss) <= mult x ceil(log10(n + 1))",
    source: `${papers.demers} 1.4; core/src/formulas.ts`,
  });
  add({
    key: "probe-timeout",
    title: "99 % of round trips in the probe timeout",
    setting: "probeTimeoutMs",
    used: delayQuantileMs(2, latencyMs, 0.99),
    available: config.probeTimeoutMs,
    unit: "ms",
    beyond: "healthy members miss pings, relays and streams take over",
    formula: "q99(round trip) <= probe timeout",
    source: `${papers.swim} 3.1 (T >= 3 x RTT)`,
  });
  // Where gossip alone does not get to everybody, that is the limit of transmissions.
  if (news.everyoneMs !== null) {
    add({
      key: "suspicion",
      title: "accusation and refutation in a suspicion",
      setting: "suspicionMult",
      used: 2 * news.everyoneMs,
      available: suspicionMinMs(config.suspicionMult, nodes, config.probeIntervalMs),
      unit: "ms",
      beyond: "a healthy suspect's answer comes too late",
      formula: "2 x time to everybody <= mult x log10 n x T",
      source: `${papers.swim} 4.2; ${papers.lifeguard} IV-B`,
    });
  }
  add({
    key: "false-deaths",
    title: "healthy members declared dead, whole pool",
    setting: "loss",
    used: wrong.deathsPerPoolDay,
    available: 1,
    unit: "per day",
    beyond: "more than one wrong death a day",
    formula: "n x suspicions x (unheard + missed)",
    source: `${papers.swim} 3.1, 4.2`,
  });
  add({
    key: "bandwidth",
    title: `bandwidth, ${percent(traffic.pushPullBytesPerSecond / traffic.totalBytesPerSecond)} of it push/pull`,
    setting: traffic.pushPullBytesPerSecond > traffic.atRestBytesPerSecond ? "pushPullIntervalMs" : "probeIntervalMs",
    used: traffic.totalBytesPerSecond,
    available: inputs.budgetBytesPerSecond,
    unit: "bytes/s",
    beyond: "a member sends more than its budget (-budget)",
    formula: "probes + gossip + 2 x list/(interval x scale)",
    source: "core/src/push-pull.ts",
  });
  if (config.pushPullIntervalMs > 0) {
    add({
      key: "push-pull-pause",
      title: "the pause that a push/pull makes",
      setting: "nodes",
      used: nodes * mergeMsPerMember,
      available: stallShare * config.probeTimeoutMs,
      unit: "ms",
      beyond: "merging a list counts as standing still, and probes end without a verdict",
      formula: "n x 3 us (measured) <= 0.5 x probe timeout",
      source: "sim/src/plan/limits.ts; core/src/swim.ts onStall",
    });
    add({
      key: "stream-size",
      title: "a push/pull's list on an encrypted stream",
      setting: "nodes",
      used: sizes.pushPull,
      available: wireLimits.maxSealedStreamBytes,
      unit: "bytes",
      beyond: "lists are refused when encrypted; without encryption at twice that",
      formula: "head + n x entry <= 20 MiB",
      source: "wire/src/limits.ts",
    });
    add({
      key: "settling",
      title: "newcomers between two push/pulls",
      setting: "pushPullIntervalMs",
      // Half of the changes are joins; a member takes part in two exchanges in an interval.
      used: ((inputs.churnPerSecond / 2) * traffic.pushPullEveryMs) / 2 / 1000,
      available: Math.max(1, Math.floor(nodes / 16)),
      unit: "count",
      beyond: "each burst of newcomers brings early push/pulls on top",
      formula: "joins/s x interval x scale/2 <= n/16",
      source: "core/src/push-pull.ts onJoined",
    });
  }
  add({
    key: "members",
    title: "members",
    setting: "maxMembers",
    used: nodes,
    available: config.maxMembers,
    unit: "count",
    beyond: "newcomers are refused",
    formula: "n <= maxMembers",
    source: "core/src/config.ts",
  });
  add({
    key: "udp-buffer",
    title: "packets that come in a pause of 1 s",
    setting: "gossipNodes",
    used: ((carriersPerSecond(inputs) * pauseMs) / 1000) * (config.maxPacketBytes + packetCostBytes),
    available: receiveBufferBytes,
    unit: "bytes",
    beyond: "the system drops packets while a process stands still",
    formula: "packets/s at full load x 1 s x (packet + 800) <= 4 MiB",
    source: "node/src/sockets.ts; socket(7) SO_RCVBUF",
  });
  if (config.gossipToTheDeadMs > 0 && news.everyoneBadMs !== null) {
    add({
      key: "dead-memory",
      title: "a death reaches everybody before it is forgotten",
      setting: "gossipToTheDeadMs",
      used: news.everyoneBadMs,
      available: config.gossipToTheDeadMs,
      unit: "ms",
      beyond: "a push/pull with somebody who has not heard brings the dead back",
      formula: "time to everybody (99 %) <= gossip to the dead",
      source: `${papers.demers} 2.1 (death certificates)`,
    });
  }
  return list.sort((a, b) => b.share - a.share || (a.key < b.key ? -1 : 1));
}

/** The smallest pool, to about one in a hundred, at which a limit is reached with these settings; undefined if none is. */
export function breakingPoint(inputs: PlanInputs): { readonly nodes: number; readonly limit: Limit } | undefined {
  // Churn comes from members: with more of them there is more of it.
  const at = (nodes: number): Limit => {
    const scaled = (inputs.churnPerSecond * nodes) / inputs.nodes;
    return limitsOf({ ...inputs, nodes, churnPerSecond: scaled })[0]!;
  };
  let low = inputs.nodes;
  const first = at(low);
  if (first.share >= 1) return { nodes: low, limit: first };
  let high = low;
  let broken = first;
  while (broken.share < 1) {
    if (high >= mostNodes) return undefined;
    low = high;
    high = Math.min(mostNodes, high * 2);
    broken = at(high);
  }
  while (high - low > 1 && high / low > 1.01) {
    const middle = Math.round(Math.sqrt(low * high));
    const limit = at(middle);
    if (limit.share >= 1) {
      high = middle;
      broken = limit;
    } else {
      low = middle;
    }
  }
  return { nodes: high, limit: broken };
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
