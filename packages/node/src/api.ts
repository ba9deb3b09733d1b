/** What a Hearsay node looks like from outside. `createNode` gives one; the worker-isolated node has the same shape. */
import type { Evidence, MemberStateName } from "@hearsay/core";
import type { Coordinate, IncomingQuery, NameVote, PoolKeys, QueryCall, QueryOptions, UserEvent } from "./serf-api.ts";
import type { SharedChange, StateApi, StateChange, StateNodeOptions } from "./state-api.ts";

/** Serf's words for what becomes of a member (serf reference 7.1). */
export type MemberStatus = "alive" | "leaving" | "left" | "failed" | "none";

/** A member as this node sees it. A snapshot: it does not change after it was handed out. */
export interface Member {
  readonly name: string;
  /** IP address text. */
  readonly address: string;
  readonly port: number;
  /** Its application's own. */
  readonly tags: Readonly<Record<string, string>>;
  /** The reserved ones: `hs`, of which `capabilities` are made. On the wire they stand among the others. */
  readonly reservedTags: Readonly<Record<string, string>>;
  /**
   * What it understands beyond Serf, a letter each: `s` replicated state, `c` counters, `a` aggregates. Empty for members of
   * other makes.
   */
  readonly capabilities: string;
  /** As `StateApi.phi` said when this was made; left out where that says nothing. */
  readonly phi?: number;
  readonly status: MemberStatus;
  /** The failure detector's state beneath the status: a suspect is still `alive` to Serf. */
  readonly state: MemberStateName;
  readonly incarnation: number;
  /** When it came into its present status, as this node saw it. */
  readonly since: Date;
  /** memberlist protocol versions. */
  readonly protocolMin: number;
  readonly protocolMax: number;
  readonly protocolCur: number;
  /** Serf protocol versions. */
  readonly delegateMin: number;
  readonly delegateMax: number;
  readonly delegateCur: number;
}

/** An observation with wall time. */
export type WallEvidence = Evidence & { readonly time: Date };

/** The answer to "why do you think that of this member?" */
export interface Explanation {
  readonly name: string;
  /** Undefined when the member is forgotten but its evidence is not. */
  readonly member: Member | undefined;
  /** Oldest first. */
  readonly evidence: readonly WallEvidence[];
  /** One sentence for people, such as "failed at …: 2 probes unanswered (direct, 3 relays, TCP), accused by web-1, …". */
  readonly summary: string;
}

export type MemberEventType =
  | "member-join"
  | "member-leave"
  | "member-failed"
  | "member-update"
  | "member-reap"
  /** A suspicion began. Not one of Serf's events. */
  | "member-suspect"
  /** A suspicion was refuted. Not one of Serf's events. */
  | "member-refuted";

export interface MemberEvent {
  readonly type: MemberEventType;
  readonly member: Member;
  readonly time: Date;
}

export interface NodeEventMap {
  "member-join": [Member];
  "member-leave": [Member];
  "member-failed": [Member];
  "member-update": [Member];
  "member-reap": [Member];
  "member-suspect": [Member];
  "member-refuted": [Member];
  /** Another process claims a name that is taken. `own`: our name. */
  conflict: [{ readonly name: string; readonly own: boolean; readonly held: string; readonly claimed: string }];
  /** No other member is reachable any more; the node goes on trying. */
  isolated: [];
  /** Members are reachable again after `isolated`. */
  reconnected: [];
  /** A push/pull was refused, by us or by the peer; `reason` is one line for people. */
  "merge-refused": [{ readonly peer: string; readonly reason: string }];
  /** Something from the network was dropped. Rate-limited to one a second for each reason; the counters have all. */
  dropped: [{ readonly reason: string; readonly peer: string; readonly count: number }];
  "user-event": [UserEvent];
  /** Somebody asks; answer with `respond`. Serf's own queries are answered below and not told. */
  query: [IncomingQuery];
  /** After a `conflict` about our own name: what the pool says of it. */
  "name-vote": [NameVote];
  /** A key of one member's map has changed here. */
  "state-change": [StateChange];
  /** A shared key has changed here. */
  "shared-change": [SharedChange];
  /** The node has stopped on its own account; `code` as in NodeError. */
  error: [Error];
}

export interface JoinResult {
  /** How many addresses answered. */
  readonly contacted: number;
  /** One for each address that did not. */
  readonly failures: readonly { readonly address: string; readonly error: string }[];
}

export interface NodeStats {
  readonly members: number;
  readonly alive: number;
  readonly failed: number;
  readonly left: number;
  readonly healthScore: number;
  /** Lamport clocks (serf reference 6). */
  readonly memberTime: number;
  readonly eventTime: number;
  readonly queryTime: number;
  /** Broadcasts waiting. */
  readonly memberQueue: number;
  readonly intentQueue: number;
  readonly eventQueue: number;
  readonly queryQueue: number;
  readonly encrypted: boolean;
  /** How often our place in the network had to be forgotten because it made no sense any more. */
  readonly coordinateResets: number;
  readonly packetsSent: number;
  readonly packetsReceived: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly streamsSent: number;
  readonly streamsReceived: number;
  /** Messages of replicated state, counters and aggregates that went by packet, and their bytes; 0 without any of it. */
  readonly statePacketsSent: number;
  readonly statePacketsReceived: number;
  readonly stateBytesSent: number;
  readonly stateBytesReceived: number;
  /** Drops by reason code. */
  readonly drops: Readonly<Record<string, number>>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** A member of a pool: all that Serf's protocol can say, and replicated state. See `SerfNode` for errors. */
export interface HearsayNode extends SerfNode, StateApi {}

/**
 * What a node has of Serf. Errors thrown by its methods are `NodeError`s with a stable `code`; a rejected call leaves the
 * node as it was unless its doc says otherwise.
 */
export interface SerfNode extends AsyncDisposable {
  readonly name: string;
  /** What is advertised to others: address text and port (the real one where 0 was asked for). */
  readonly address: string;
  readonly port: number;
  local(): Member;
  /** Everyone known, in name order, this node included. */
  members(): Member[];
  member(name: string): Member | undefined;
  /** Why `name` is thought what it is thought; undefined when nothing is known of it. */
  why(name: string): Explanation | undefined;
  stats(): NodeStats;
  on<K extends keyof NodeEventMap>(event: K, listener: (...args: NodeEventMap[K]) => void): this;
  once<K extends keyof NodeEventMap>(event: K, listener: (...args: NodeEventMap[K]) => void): this;
  off<K extends keyof NodeEventMap>(event: K, listener: (...args: NodeEventMap[K]) => void): this;
  /**
   * Member events from now on, until `signal` aborts or the node closes. The buffer holds 1024; when the reader is
   * slower, the oldest are dropped and counted in the next event's `dropped`.
   */
  events(options?: CallOptions): AsyncIterable<MemberEvent & { readonly dropped: number }>;
  /**
   * Push/pull with each address (`[name/]host[:port]` or `srv:…`; the own gossip port by default). Never rejects because
   * a target cannot be reached: that is in `failures`. User events from before the join are ignored unless `replay`.
   */
  join(targets: readonly string[], options?: CallOptions & { readonly replay?: boolean }): Promise<JoinResult>;
  /** Leaves gracefully: resolves when the news has been spread or could not be, then the node is closed. */
  leave(options?: CallOptions): Promise<void>;
  /**
   * Declares a failed member left (and erases it with `prune`). Resolves when broadcast. Of a name unknown here the pool
   * is told all the same, for others may know it.
   */
  forceLeave(name: string, options?: CallOptions & { readonly prune?: boolean }): Promise<void>;
  setTags(tags: Readonly<Record<string, string>>, options?: CallOptions): Promise<void>;
  /**
   * Tells everybody, this node included: `user-event` there. Resolves when it is on its way. `payload` is copied.
   * @throws NodeError EVENT_TOO_LARGE for what the limit or a packet cannot hold, LEFT, CLOSED
   */
  userEvent(
    name: string,
    payload?: Uint8Array | string,
    options?: CallOptions & { readonly coalesce?: boolean },
  ): Promise<void>;
  /** Asks everybody, or those that the filters name. See `QueryCall`; a query that nobody reads is still asked. */
  query(name: string, payload?: Uint8Array | string, options?: QueryOptions): QueryCall;
  readonly keys: PoolKeys;
  /**
   * Estimated round-trip time between two members: ms. Undefined when the place of one is not known here: a node knows
   * its own and those of members that it has probed. `b`: default this node.
   */
  rtt(a: string, b?: string): number | undefined;
  /** A member's place in the network as it last told us. Default: our own. */
  coordinate(name?: string): Coordinate | undefined;
  /** "Drain me": while unhealthy, a node answers no probes and refutes nothing, so that others take it out. Default healthy. */
  setHealthy(healthy: boolean): void;
  /**
   * Stops at once without a word; the others will find out. Resolves when sockets and timers are gone. Safe to call
   * twice. `await using` ends with this: call `leave` first for a goodbye.
   */
  close(): Promise<void>;
}

/** pino-shaped; the library is silent without one. Lines that repeat an event of the node have its name in `event`. */
export interface Logger {
  trace(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What every pool needs, Serf's or raw. */
export interface PoolOptions {
  /** Unique in the pool. Default: the host name. 1 … 255 bytes of UTF-8. */
  readonly name?: string;
  /**
   * `host:port`, `host` or `:port`; IPv6 in brackets, `[::]` for both families. Default `0.0.0.0:7946`. Port 0 picks
   * one that is free for UDP and TCP.
   */
  readonly bind?: string;
  /**
   * What others shall dial, if not the bind address: `host[:port]`. Default: the bind address, or for a wildcard the
   * first private IPv4 address of this machine.
   */
  readonly advertise?: string;
  /** `host[:port]`, IPs, names (A, AAAA) or `srv:_service._proto.domain`. Looked up again for every try. */
  readonly seeds?: readonly string[];
  /**
   * The seeds are not tried at the start, but only when the node has had company and lost it: for callers who `join`
   * themselves and want to know what came of it. Default false.
   */
  readonly lazySeeds?: boolean;
  readonly profile?: "lan" | "wan" | "local";
  /** Overrides single settings of the profile. */
  readonly config?: Partial<import("@hearsay/core").SwimConfig>;
  /** Raw keys of 16, 24 or 32 bytes, primary first, as bytes or base64. Encrypts all traffic. */
  readonly keys?: readonly (Uint8Array | string)[];
  /**
   * With keys: false accepts plain packets beside encrypted ones (`verifyIncoming`), sends plain in spite of the keys
   * (`verifyOutgoing`); for bringing encryption into a running pool. Default true, true.
   */
  readonly verifyIncoming?: boolean;
  readonly verifyOutgoing?: boolean;
  /** Keeps pools on one network apart; at most 255 bytes. */
  readonly label?: string;
  /** LZW on streams and large packets. Default true. */
  readonly compression?: boolean;
  readonly logger?: Logger;
  /** Ends the node: aborted while it starts, the start is rejected with ABORTED; later, it closes at once. */
  readonly signal?: AbortSignal;
}

export interface NodeOptions extends PoolOptions, StateNodeOptions {
  /** Short texts about this node that everybody sees; at most 512 bytes encoded. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Run machine and sockets in a worker thread, so that a blocked main thread neither kills nor accuses. */
  readonly isolate?: boolean;
  /** Serf protocol version to speak: 2 … 5. Default 5; below 3, only the tag `role` reaches others. */
  readonly protocol?: number;
  /** How long `forceLeave` and `setTags`, and each of the two broadcasts of `leave`, may take: ms. Default 5000. */
  readonly broadcastTimeoutMs?: number;
  /** How long members that left are remembered: ms. Default 24 h. For the failed see `config.reconnectTimeoutMs`. */
  readonly tombstoneTimeoutMs?: number;
  /**
   * File that keeps the keys: JSON array of base64, primary first, mode 0600. Must exist with at least one key; excludes
   * `keys`. Rewritten after every change of the keys.
   */
  readonly keyringFile?: string;
  /**
   * File that remembers the pool (Serf's snapshot format): a node that starts again joins the members it knew, and takes no
   * events or queries that it has seen. Made if missing, in a folder that exists; one node a file.
   */
  readonly snapshotPath?: string;
  /** Join again also after a graceful leave. Default false. */
  readonly rejoinAfterLeave?: boolean;
  /** Largest user event, encoded: bytes, 1 … 9216. Default 512. What no packet can hold is refused whatever this says. */
  readonly userEventSizeLimit?: number;
  /** Largest query, encoded: bytes. Default 1024. */
  readonly querySizeLimit?: number;
  /** Largest response to a query, encoded: bytes. Default 1024. What no datagram can hold is refused whatever this says. */
  readonly queryResponseSizeLimit?: number;
  /** Measure distances. Default true. */
  readonly coordinates?: boolean;
}

/** A member of a raw pool. A snapshot; its bytes are a copy. */
export interface RawMember {
  readonly name: string;
  /** IP address text. */
  readonly address: string;
  readonly port: number;
  /** What the member's application says about it; at most 512 bytes. */
  readonly meta: Uint8Array;
  readonly state: MemberStateName;
  readonly incarnation: number;
  readonly since: Date;
  readonly protocolMin: number;
  readonly protocolMax: number;
  readonly protocolCur: number;
  readonly delegateMin: number;
  readonly delegateMax: number;
  readonly delegateCur: number;
}

export type RawMemberEventType = "member-join" | "member-leave" | "member-update" | "member-suspect" | "member-refuted";

export interface RawMemberEvent {
  readonly type: RawMemberEventType;
  /** After `member-leave`, `state` says whether it died (`dead`) or said goodbye (`left`). */
  readonly member: RawMember;
  readonly time: Date;
}

export interface MemberlistEventMap
  extends Record<RawMemberEventType, [RawMember]>,
    Pick<NodeEventMap, "conflict" | "isolated" | "reconnected" | "merge-refused" | "dropped" | "error"> {}

/**
 * The application's part of a raw pool. The node waits for `localState` and `acceptMerge`: from within them its calls that
 * ask for something are refused with REENTRANT. What it throws is treated as said at each; then it surfaces as an uncaught
 * exception.
 */
export interface MemberlistDelegate {
  /** A message sent or gossiped by another member; `payload` is yours to keep. Gossip must be passed on by you: call
   *  `broadcast` when you see a message for the first time. */
  onMessage?(payload: Uint8Array, from: { readonly address: string; readonly port: number } | undefined): void;
  /** Your state for a push/pull; at most 20 MiB. Thrown: none is sent. `join`: one of the two is joining. */
  localState?(join: boolean): Uint8Array;
  /** The other side's state from a push/pull; yours to keep. Must bear repetition and any order. */
  mergeRemoteState?(state: Uint8Array, join: boolean): void;
  /** Whether to merge with these members, when one of the two joins. A text refuses and says why. Thrown: refused. */
  acceptMerge?(
    members: readonly {
      readonly name: string;
      readonly address: string;
      readonly port: number;
      readonly meta: Uint8Array;
    }[],
  ): string | undefined;
}

export interface MemberlistOptions extends PoolOptions {
  /** At most 512 bytes. */
  readonly meta?: Uint8Array;
  /** Minimum, maximum and current version of your own protocol; pools check them. Default 0, 0, 0. */
  readonly delegateVersions?: readonly [min: number, max: number, cur: number];
  readonly delegate?: MemberlistDelegate;
}

export type MemberlistStats = Omit<
  NodeStats,
  | "failed"
  | "memberTime"
  | "eventTime"
  | "queryTime"
  | "intentQueue"
  | "eventQueue"
  | "queryQueue"
  | "coordinateResets"
  | Extract<keyof NodeStats, `state${string}`>
> & { readonly dead: number; readonly messageQueue: number };

/** A member of a pool that speaks memberlist without Serf's layer, such as Alertmanager's or Loki's. */
export interface Memberlist extends AsyncDisposable {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  local(): RawMember;
  /** Everyone known, in name order, this node and the recently dead and left included. */
  members(): RawMember[];
  member(name: string): RawMember | undefined;
  why(name: string): (Omit<Explanation, "member"> & { readonly member: RawMember | undefined }) | undefined;
  stats(): MemberlistStats;
  on<K extends keyof MemberlistEventMap>(event: K, listener: (...args: MemberlistEventMap[K]) => void): this;
  once<K extends keyof MemberlistEventMap>(event: K, listener: (...args: MemberlistEventMap[K]) => void): this;
  off<K extends keyof MemberlistEventMap>(event: K, listener: (...args: MemberlistEventMap[K]) => void): this;
  /** As `HearsayNode.events`. */
  events(options?: CallOptions): AsyncIterable<RawMemberEvent & { readonly dropped: number }>;
  /** As `HearsayNode.join`. */
  join(targets: readonly string[], options?: CallOptions): Promise<JoinResult>;
  leave(options?: CallOptions): Promise<void>;
  /** New meta for all to see. Resolves when it has been spread. */
  setMeta(meta: Uint8Array, options?: CallOptions): Promise<void>;
  /**
   * Gossips a message: a few random members get it, and shall pass it on. It must fit into a packet
   * (MESSAGE_TOO_LARGE). `payload` is copied.
   */
  broadcast(payload: Uint8Array): void;
  /**
   * A message for one member, by its name. By packet, without a guarantee; `reliable` sends it on a stream, then it may
   * be up to 20 MiB, and a failure to deliver is still not reported. `payload` is copied.
   * @throws NodeError UNKNOWN_MEMBER, MESSAGE_TOO_LARGE
   */
  send(to: string, payload: Uint8Array, options?: { readonly reliable?: boolean }): void;
  setHealthy(healthy: boolean): void;
  close(): Promise<void>;
}
