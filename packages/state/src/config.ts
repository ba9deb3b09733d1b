/**
 * Settings and bounds of replicated state. Milliseconds and bytes throughout, the unit in the name. A pool should agree on
 * the limits and grace periods: a node with narrower ones refuses what the others hold.
 */
import { encodeUtf8, readUtf8, utf8Length } from "@hearsay/wire";
import { StateError } from "./errors.ts";
import { type FlowSettings, flowSettings } from "./flow-config.ts";

/** What an exchange moves: news from who opened it, news to it, or both. */
export type ExchangeMode = "push" | "pull" | "push-pull";

/** Whose writes go into a packet first, where it cannot hold all: of the owner with most, or one of each in turn. */
export type DeltaOrder = "depth" | "breadth";

/** Which packets carry heartbeats. */
export type HeartbeatSpread = "rounds" | "gossip";

export interface StateConfig {
  /** Mean time between rounds of anti-entropy: ms, > 0. Each wait is jittered by a fifth. */
  readonly syncIntervalMs: number;
  /** Live peers that a round opens an exchange with: at least 1. */
  readonly syncNodes: number;
  /** Share of rounds that also try a dead peer, and (by itself) a seed, so that islands meet: 0 … 1. */
  readonly reachOutShare: number;
  readonly mode: ExchangeMode;
  /** Mean time between sendings of fresh writes, while there are any: ms, > 0. */
  readonly gossipIntervalMs: number;
  /** Peers that each sending goes to. 0: no rumours, anti-entropy does it all. */
  readonly gossipNodes: number;
  /** A write is sent on `mult * ceil(log10(n + 1))` times by everyone who hears of it. */
  readonly retransmitMult: number;
  /** Largest packet written, type byte included: bytes, at least 512. */
  readonly maxPacketBytes: number;
  /** Writes that one packet brings at most, own and shared: at least 1. Infinity: as many as the bytes hold. */
  readonly maxPacketWrites: number;
  /** "breadth" has every owner's oldest news go first; "depth" leaves fewer keys stale where writes come too fast. */
  readonly order: DeltaOrder;
  /** Largest message on a stream, either way: bytes. */
  readonly maxStreamBytes: number;
  /** So much wanted that no packet took is fetched by a stream: bytes. A single write over the packet always is. */
  readonly streamThresholdBytes: number;
  /** A stream's time limit: ms. */
  readonly streamTimeoutMs: number;
  /** Largest value: bytes. */
  readonly maxValueBytes: number;
  /** Live keys in one node's map; as many tombstones are kept besides. */
  readonly maxKeysPerOwner: number;
  /** Live keys in the shared map; as many tombstones are kept besides. */
  readonly maxSharedKeys: number;
  /**
   * What one node's keys and values may take: bytes, with 64 for each key, tombstones included. Twice as much is taken of
   * another's.
   */
  readonly maxOwnerBytes: number;
  /** What the maps of all others together may take: bytes, counted likewise. What would pass it is refused. */
  readonly maxOwnersBytes: number;
  /** What the shared map may take: bytes, counted likewise. Twice as much is taken of others' writes. */
  readonly maxSharedBytes: number;
  /** How long a deletion is remembered: ms. A node that was away longer is reset when it comes back. */
  readonly tombstoneGraceMs: number;
  /** How long after its death an owner's map still spreads: ms; much longer than detecting and spreading takes. */
  readonly deadListedMs: number;
  /** How long after its death an owner's map is kept: ms, at least twice `deadListedMs`. */
  readonly deadKeptMs: number;
  /** How far ahead of our wall clock another's stamp may be: ms. Later ones are refused until their time has come. */
  readonly maxDriftMs: number;
  /** How often our heartbeat rises, in a small pool: ms. 0: never, and nobody's is passed on. */
  readonly heartbeatIntervalMs: number;
  /**
   * Heartbeats that each node has to hear of in a second, > 0: with n members ours rises every
   * max(heartbeatIntervalMs, 1000 (n - 1) / this) ms. Each is heard as often as `heartbeatMult` says, at some 6
   * bytes; 32 of them fit the one packet a second that rounds send by default, up to 10,000 members.
   */
  readonly heartbeatBudgetPerSecond: number;
  /** A heartbeat is sent on max(3, `mult * ceil(log10(n + 1))`) times by everyone who hears of it: at least 1. */
  readonly heartbeatMult: number;
  /**
   * "rounds": heartbeats ride on openings and answers of anti-entropy. "gossip": on rumours too, and every
   * `gossipIntervalMs` on packets of their own, to `gossipNodes` peers: sooner heard, for more packets.
   */
  readonly heartbeatSpread: HeartbeatSpread;
  /** Heartbeats in one packet at most: at least 1. Infinity: as many as fit. */
  readonly heartbeatsPerPacket: number;
  /** Flow control of our own map: writes that come faster than the network carries them are held back. Undefined: off. */
  readonly flow: Partial<FlowSettings> | undefined;
  /** Events that wait to be polled; the oldest go first, and `state-overflow` tells of it. */
  readonly maxEvents: number;
}

export const stateDefaults: StateConfig = {
  syncIntervalMs: 1000,
  syncNodes: 1,
  reachOutShare: 0.1,
  mode: "push-pull",
  gossipIntervalMs: 200,
  gossipNodes: 3,
  retransmitMult: 4,
  maxPacketBytes: 1300,
  maxPacketWrites: Number.POSITIVE_INFINITY,
  order: "depth",
  maxStreamBytes: 16 * 1024 * 1024,
  streamThresholdBytes: 8 * 1024,
  streamTimeoutMs: 10_000,
  maxValueBytes: 64 * 1024,
  maxKeysPerOwner: 1024,
  maxSharedKeys: 16_384,
  maxOwnerBytes: 16 * 1024 * 1024,
  maxOwnersBytes: 512 * 1024 * 1024,
  maxSharedBytes: 64 * 1024 * 1024,
  tombstoneGraceMs: 24 * 3600 * 1000,
  deadListedMs: 5 * 60 * 1000,
  deadKeptMs: 24 * 3600 * 1000,
  maxDriftMs: 5 * 60 * 1000,
  heartbeatIntervalMs: 0,
  heartbeatBudgetPerSecond: 32,
  heartbeatMult: 1,
  heartbeatSpread: "rounds",
  heartbeatsPerPacket: Number.POSITIVE_INFINITY,
  flow: undefined,
  maxEvents: 16_384,
};

/** Throws RangeError with the setting's name. */
export function checkedConfig(settings: Partial<StateConfig>): StateConfig {
  const config = { ...stateDefaults, ...settings };
  const atLeast = (name: keyof StateConfig, least: number) => {
    const value = config[name];
    if (typeof value !== "number" || !(value >= least))
      throw new RangeError(`${name}: ${value} is not ${least} or more`);
  };
  for (const name of ["syncIntervalMs", "gossipIntervalMs", "syncNodes", "retransmitMult"] as const) atLeast(name, 1);
  for (const name of ["maxValueBytes", "maxKeysPerOwner", "maxSharedKeys", "maxEvents"] as const) atLeast(name, 1);
  for (const name of ["maxOwnerBytes", "maxOwnersBytes", "maxSharedBytes"] as const) atLeast(name, 1);
  for (const name of ["gossipNodes", "heartbeatIntervalMs", "maxDriftMs"] as const) atLeast(name, 0);
  for (const name of ["heartbeatsPerPacket", "heartbeatMult"] as const) atLeast(name, 1);
  atLeast("heartbeatBudgetPerSecond", 0.001);
  if (config.heartbeatSpread !== "rounds" && config.heartbeatSpread !== "gossip")
    throw new RangeError(`heartbeatSpread: ${String(config.heartbeatSpread)} is not "rounds" or "gossip"`);
  atLeast("maxPacketWrites", 1);
  for (const name of ["tombstoneGraceMs", "deadListedMs", "streamTimeoutMs"] as const) atLeast(name, 1);
  atLeast("maxPacketBytes", 512);
  atLeast("maxStreamBytes", config.maxValueBytes + 1024);
  atLeast("deadKeptMs", 2 * config.deadListedMs);
  if (config.order !== "depth" && config.order !== "breadth")
    throw new RangeError(`order: ${JSON.stringify(config.order)} is neither "depth" nor "breadth"`);
  if (!(config.reachOutShare >= 0 && config.reachOutShare <= 1))
    throw new RangeError("reachOutShare: not within 0 … 1");
  return config.flow === undefined ? config : { ...config, flow: flowSettings(config.flow) };
}

/** A key, in UTF-8: bytes. */
export const maxKeyBytes = 255;
/** A member's name, in UTF-8: bytes. */
export const maxNameBytes = 255;
/** The longest time to live: ms (over a hundred years). */
export const maxTtlMs = 2 ** 42;
/** Generations and versions stay exact as numbers, with room for one more. */
export const maxCounter = 2 ** 52;
/** Owners whose maps are kept, our own included. */
export const maxOwners = 65_536;

export function checkKey(key: string): void {
  const length = utf8Length(key);
  if (length < 1 || length > maxKeyBytes)
    throw new StateError("key-invalid", `the key has ${length} bytes, it may have 1 … ${maxKeyBytes}`);
  // An unpaired surrogate would come out as another key on the other side.
  const bytes = encodeUtf8(key);
  if (readUtf8(bytes, 0, bytes.length) !== key)
    throw new StateError("key-invalid", "the key is not well-formed Unicode: it holds half of a surrogate pair");
}

export function checkValue(value: Uint8Array, config: StateConfig): void {
  if (value.length > config.maxValueBytes)
    throw new StateError("value-too-long", `the value has ${value.length} bytes, it may have ${config.maxValueBytes}`);
}

/** 0 where there is none. */
export function checkedTtl(ttlMs: number | undefined): number {
  if (ttlMs === undefined) return 0;
  if (!Number.isInteger(ttlMs) || ttlMs < 1 || ttlMs > maxTtlMs)
    throw new StateError("ttl-invalid", `a time to live of ${ttlMs} ms: it is a whole number, 1 … ${maxTtlMs}`);
  return ttlMs;
}
