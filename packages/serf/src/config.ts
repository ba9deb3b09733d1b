/** The Serf layer's own settings (serf protocol notes, section 12). Milliseconds throughout. */

export interface SerfConfig {
  /** How often the remembered are looked through for those to forget: ms. */
  readonly reapIntervalMs: number;
  /** How long a failed member is remembered, and tried again: ms since it failed. */
  readonly reconnectTimeoutMs: number;
  /** How long a member that left is remembered: ms since it left (for one forced out: since it failed). */
  readonly tombstoneTimeoutMs: number;
  /** How long an intent about an unknown name waits for its member: ms. */
  readonly recentIntentTimeoutMs: number;
  /** The longest wait for a broadcast to have been spread, in `leave` and before a prune: ms. */
  readonly broadcastTimeoutMs: number;
  /** How long a leaving node stays after its leave was spread, still answering probes: ms. */
  readonly leavePropagateMs: number;
  /** A member back within this time after failing counts as flapping: ms. Telemetry only. */
  readonly flapTimeoutMs: number;
  /** Most intents about unknown names kept; the oldest go first. */
  readonly maxRecentIntents: number;
  /** User events remembered for duplicates and state exchange, in times; a pool should agree. Serf's is 512. */
  readonly eventBuffer: number;
  /** The same for queries. */
  readonly queryBuffer: number;
  /** Most bytes of names and payloads in the event buffer; the oldest times go first. */
  readonly maxEventBytes: number;
  /** Largest encoded response to a query: bytes. */
  readonly queryResponseSizeLimit: number;
  /** Largest encoded query of ours: bytes. */
  readonly querySizeLimit: number;
  /** Largest user event of ours, encoded: bytes, at most 9216. */
  readonly userEventSizeLimit: number;
  /** A query's default timeout in gossip intervals, for each power of ten of members. */
  readonly queryTimeoutMult: number;
  /**
   * Most intents, queries and events that wait to be gossiped, each by themselves; at least 1. Beyond it the most often
   * sent go first, at once and not at the next of Serf's looks, which are 30 s apart: peers fill these queues as well.
   */
  readonly maxQueueDepth: number;
  /** Ask the pool who holds our name when another claims it too. */
  readonly resolveConflicts: boolean;
}

export const serfDefaults: SerfConfig = {
  reapIntervalMs: 15_000,
  reconnectTimeoutMs: 24 * 3600 * 1000,
  tombstoneTimeoutMs: 24 * 3600 * 1000,
  recentIntentTimeoutMs: 5 * 60 * 1000,
  broadcastTimeoutMs: 5000,
  leavePropagateMs: 1000,
  flapTimeoutMs: 60_000,
  maxRecentIntents: 8192,
  eventBuffer: 512,
  queryBuffer: 512,
  maxEventBytes: 2 * 1024 * 1024,
  queryResponseSizeLimit: 1024,
  querySizeLimit: 1024,
  userEventSizeLimit: 512,
  queryTimeoutMult: 16,
  maxQueueDepth: 4096,
  resolveConflicts: true,
};
