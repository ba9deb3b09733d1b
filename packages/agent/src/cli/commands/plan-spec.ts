/** The flags of `hearsay plan`: the pool and its network, then every number of the protocol. */
import type { SwimConfig } from "@hearsay/core";
import type { CommandSpec, FlagSpec } from "../spec.ts";

export type PlanFlagKind = "integer" | "duration" | "share" | "rate" | "bytes-rate" | "switch";

export interface PlanFlag {
  readonly flag: string;
  readonly kind: PlanFlagKind;
  readonly help: string;
}

/** By their names in the planner's inputs. */
export const PLAN_INPUTS = {
  nodes: { flag: "nodes", kind: "integer", help: "Members of the pool. Needed." },
  loss: { flag: "loss", kind: "share", help: "Share of packets that are lost: 2% or 0.02. Default 0." },
  latencyMs: {
    flag: "latency",
    kind: "duration",
    help: "Typical delay one way. Default 0.5ms in the lan profile, 40ms in wan, 0.1ms in local.",
  },
  metaBytes: { flag: "meta", kind: "integer", help: "Bytes of meta (tags) of each member. Default 0." },
  nameBytes: { flag: "name-bytes", kind: "integer", help: "Bytes of a member's name. Default 12." },
  broadcastBytes: { flag: "broadcast-bytes", kind: "integer", help: "Payload of a user broadcast. Default 64." },
  churnPerSecond: {
    flag: "churn",
    kind: "rate",
    help: "Changes in the whole pool, half joins and half crashes: 5/min, 2/s, 100/h, 50/day. Default 0.",
  },
  budgetBytesPerSecond: {
    flag: "budget",
    kind: "bytes-rate",
    help: "What one member may send on average. Default 125kB/s.",
  },
} as const satisfies Readonly<Record<string, PlanFlag>>;

/** By their keys in SwimConfig. */
export const PLAN_SETTINGS = {
  probeIntervalMs: { flag: "probe-interval", kind: "duration", help: "How often a member probes another." },
  probeTimeoutMs: { flag: "probe-timeout", kind: "duration", help: "How long a direct ping may take." },
  indirectChecks: { flag: "indirect-checks", kind: "integer", help: "Members asked for an indirect ping." },
  gossipNodes: { flag: "gossip-nodes", kind: "integer", help: "Members gossiped to in a round." },
  gossipIntervalMs: { flag: "gossip-interval", kind: "duration", help: "Time between rounds of gossip." },
  gossipToTheDeadMs: { flag: "gossip-to-the-dead", kind: "duration", help: "How long the dead are remembered." },
  retransmitMult: { flag: "retransmit-mult", kind: "integer", help: "Transmissions of a broadcast, per log10 n." },
  suspicionMult: { flag: "suspicion-mult", kind: "integer", help: "Shortest suspicion, in probes per log10 n." },
  suspicionMaxTimeoutMult: {
    flag: "suspicion-max-timeout-mult",
    kind: "integer",
    help: "Longest suspicion, as a multiple of the shortest.",
  },
  awarenessMaxMult: { flag: "awareness-max-mult", kind: "integer", help: "Most that a slow member stretches probes." },
  buddy: {
    flag: "buddy",
    kind: "switch",
    help: "Pings tell a suspect of it (Lifeguard's buddy system); on by default.",
  },
  nacks: { flag: "nacks", kind: "switch", help: "Relays say when they had no ack either; on by default." },
  pushPullIntervalMs: { flag: "push-pull-interval", kind: "duration", help: "Time between push/pulls, 0 for none." },
  settleIntervalMs: { flag: "settle-interval", kind: "duration", help: "Time to an early push/pull." },
  streamPings: { flag: "stream-pings", kind: "switch", help: "Ping on TCP when packets fail; on by default." },
  streamTimeoutMs: { flag: "stream-timeout", kind: "duration", help: "How long a stream may take." },
  maxPacketBytes: { flag: "max-packet-bytes", kind: "integer", help: "Budget of a packet." },
  userShare: { flag: "user-share", kind: "share", help: "Share of a packet kept for user messages." },
  maxMembers: { flag: "max-members", kind: "integer", help: "Most members kept." },
  deadNodeReclaimMs: { flag: "dead-node-reclaim", kind: "duration", help: "How long a dead name stays bound." },
  reconnectIntervalMs: { flag: "reconnect-interval", kind: "duration", help: "How often the lost are tried." },
  reconnectTimeoutMs: { flag: "reconnect-timeout", kind: "duration", help: "How long the lost are tried." },
} as const satisfies Readonly<Partial<Record<keyof SwimConfig, PlanFlag>>>;

const VALUES: Readonly<Record<PlanFlagKind, string | undefined>> = {
  integer: "N",
  duration: "DURATION",
  share: "SHARE",
  rate: "RATE",
  "bytes-rate": "RATE",
  switch: undefined,
};

function flagSpec({ flag, kind, help }: PlanFlag): FlagSpec {
  const value = VALUES[kind];
  return value === undefined ? { name: flag, help } : { name: flag, value, help };
}

export const PLAN_SPEC: CommandSpec = {
  name: "plan",
  minArgs: 0,
  maxArgs: 0,
  summary: "Works out what a pool of a given size costs and how fast it is",
  about: `Works out what to expect of a pool before there is one: bandwidth, time for news to spread, time to detect a
crash, mistakes, memory, and the limit that would be reached first, each with its formula's source. With
-verify the same pool runs in the simulator, and the measurements are shown beside the predictions; Ctrl-C
keeps what was measured.`,
  flags: [
    flagSpec(PLAN_INPUTS.nodes),
    { name: "profile", value: "PROFILE", help: "Timing: lan (the default), wan or local." },
    ...Object.values<PlanFlag>(PLAN_INPUTS).slice(1).map(flagSpec),
    { name: "verify", help: "Run the simulator on it, too (at most 10000 members)." },
    { name: "seed", value: "N", help: "Seed of the simulator. The same seed gives the same result. Default 1." },
    { name: "broadcasts", value: "N", help: "Broadcasts that -verify measures." },
    { name: "crashes", value: "N", help: "Members that -verify crashes." },
    { name: "json", help: "Print JSON." },
    ...Object.values<PlanFlag>(PLAN_SETTINGS).map(flagSpec),
  ],
  load: () => import("./plan.ts"),
};
