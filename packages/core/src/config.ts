/**
 * The machine's settings and the three profiles, with memberlist's words and numbers (reference section 13).
 * Milliseconds throughout; an interval of 0 switches that activity off.
 */

export interface SwimConfig {
  /** How often one member is probed: ms, at least `probeTimeoutMs`. Detection time grows with it, load shrinks. */
  readonly probeIntervalMs: number;
  /** How long a direct ping may take before others are asked to ping: ms. Above the 99th percentile of round trips. */
  readonly probeTimeoutMs: number;
  /** How many members are asked for an indirect ping (SWIM's k). 0: none. */
  readonly indirectChecks: number;
  /** A broadcast is sent `retransmitMult * ceil(log10(n + 1))` times by each member that has it. */
  readonly retransmitMult: number;
  /** Shortest suspicion: `suspicionMult * max(1, log10 n) * probeIntervalMs`. */
  readonly suspicionMult: number;
  /** Longest suspicion as a multiple of the shortest; confirmations by others move it from long to short. */
  readonly suspicionMaxTimeoutMult: number;
  /** Health score runs from 0 to this minus 1, and stretches probes by score + 1 (Lifeguard; reference 12.6). */
  readonly awarenessMaxMult: number;
  /** A ping to a suspect carries the suspicion (Lifeguard's buddy system). Off only to measure what it does. */
  readonly buddy: boolean;
  /** Relays are asked to say when they had no ack either (Lifeguard's nacks). Off only to measure what they do. */
  readonly nacks: boolean;
  /** Full state exchange with one random member: ms, multiplied above 32 members (reference 12.10). */
  readonly pushPullIntervalMs: number;
  /** At most one round of gossip in this time: ms. */
  readonly gossipIntervalMs: number;
  /** Members gossiped to in one round (the fan-out). */
  readonly gossipNodes: number;
  /** How long the dead are still gossiped to, so that a wrongly accused one can refute; then they are forgotten: ms. */
  readonly gossipToTheDeadMs: number;
  /**
   * How long a dead member's name stays bound to its old address: ms. 0, our default: a dead name may come back from
   * anywhere at once (containers move). memberlist's 0 means the opposite, never.
   */
  readonly deadNodeReclaimMs: number;
  /** Streams: connecting, and reading and writing: ms. */
  readonly streamTimeoutMs: number;
  /** Ping on a stream when packets seem lost (reference 12.2 step 4). */
  readonly streamPings: boolean;
  /** Budget for packing messages into one packet: bytes. */
  readonly maxPacketBytes: number;
  /** Share of each packet's room kept for user messages when there are any: 0 … 0.5. */
  readonly userShare: number;
  /**
   * After a burst of news about members, an early full exchange is due within one to two of these: ms; 0 is off. It
   * mends what gossip lost without waiting for the periodic exchange. Stretched above 500 members.
   */
  readonly settleIntervalMs: number;
  /** How often a lost member, if there is one, is tried again: ms; 0 is off. Serf's reconnect (serf reference 12). */
  readonly reconnectIntervalMs: number;
  /** How long lost members are tried: ms. */
  readonly reconnectTimeoutMs: number;
  /** Most members kept; newcomers beyond are refused ("member-limit"). */
  readonly maxMembers: number;
}

/** memberlist's LAN profile: one data centre. */
export const lanConfig: SwimConfig = {
  probeIntervalMs: 1000,
  probeTimeoutMs: 500,
  indirectChecks: 3,
  retransmitMult: 4,
  suspicionMult: 4,
  suspicionMaxTimeoutMult: 6,
  awarenessMaxMult: 8,
  buddy: true,
  nacks: true,
  pushPullIntervalMs: 30_000,
  gossipIntervalMs: 200,
  gossipNodes: 3,
  gossipToTheDeadMs: 30_000,
  deadNodeReclaimMs: 0,
  streamTimeoutMs: 10_000,
  streamPings: true,
  maxPacketBytes: 1400,
  userShare: 0.25,
  settleIntervalMs: 1000,
  reconnectIntervalMs: 15_000,
  reconnectTimeoutMs: 24 * 3600 * 1000,
  maxMembers: 100_000,
};

/** memberlist's WAN profile: slow links. */
export const wanConfig: SwimConfig = {
  ...lanConfig,
  streamTimeoutMs: 30_000,
  suspicionMult: 6,
  pushPullIntervalMs: 60_000,
  probeTimeoutMs: 3000,
  probeIntervalMs: 5000,
  gossipNodes: 4,
  gossipIntervalMs: 500,
  gossipToTheDeadMs: 60_000,
  settleIntervalMs: 3000,
  reconnectIntervalMs: 30_000,
};

/** memberlist's local profile: one machine. */
export const localConfig: SwimConfig = {
  ...lanConfig,
  streamTimeoutMs: 1000,
  indirectChecks: 1,
  retransmitMult: 2,
  suspicionMult: 3,
  pushPullIntervalMs: 15_000,
  probeTimeoutMs: 200,
  probeIntervalMs: 1000,
  gossipIntervalMs: 100,
  gossipToTheDeadMs: 15_000,
  settleIntervalMs: 500,
  reconnectIntervalMs: 5000,
};

export const profiles = { lan: lanConfig, wan: wanConfig, local: localConfig } as const;
export type ProfileName = keyof typeof profiles;
