/** What the Serf machine takes, shows and reports. */
import type { Endpoint, MemberStateName, SwimEvent, SwimOptions } from "@hearsay/core";
import type { SerfConfig } from "./config.ts";
import type { MemberStatus } from "./members.ts";
import type { Tags } from "./tags.ts";

export interface SerfOptions extends Omit<SwimOptions, "meta" | "delegateVersions" | "localState" | "ackPayload"> {
  /** At most 512 bytes encoded. Default none. */
  readonly tags?: Tags;
  /** Serf protocol spoken: 2 … 5, default 5. Below 3 only the tag `role` is sent. */
  readonly protocol?: number;
  /** Overrides single settings of `serfDefaults`. */
  readonly serfConfig?: Partial<SerfConfig>;
  /** The keys that key queries change. Without one they are answered as by a node without encryption. */
  readonly keyring?: KeyringPort;
  /**
   * What a snapshot remembers: the highest times seen. No query up to them is delivered, and of the user events none that
   * was seen; without `seenEvents`, none at all.
   */
  readonly restored?: RestoredPast;
  /** Measure distances and tell our place in acks. Default true. */
  readonly coordinates?: boolean;
  /**
   * Hand messages outside Serf's range, from 0xE0 up, to the layer above as `extension-message` events instead of refusing
   * them. Default false.
   */
  readonly extensions?: boolean;
}

/**
 * The keyring as the machine sees it. Each method may throw an Error, whose message the asker is told; the caller of the
 * machine persists what has changed before it returns.
 */
export interface KeyringPort {
  /** Appends a key of 16, 24 or 32 bytes; one that is there already is fine. */
  install(key: Uint8Array): void;
  /** Makes an installed key the primary. */
  use(key: Uint8Array): void;
  remove(key: Uint8Array): void;
  /** Primary first; empty without encryption. */
  keys(): readonly Uint8Array[];
}

export interface RestoredClocks {
  readonly memberTime: number;
  readonly eventTime: number;
  readonly queryTime: number;
}

export interface RestoredPast extends RestoredClocks {
  readonly seenEvents?: SeenEvents;
}

/** Which user events were seen of late. */
export interface SeenEvents {
  /** The lowest Lamport time from which on all that were seen are among them. Earlier events are not wanted. */
  readonly fromTime: number;
  /** Lamport time to hashes as of `eventHash`. */
  readonly hashes: ReadonlyMap<number, ReadonlySet<string>>;
}

/** A query to be asked. See `QueryOptions` of `@hearsay/node` for what each field means to people. */
export interface QueryWish {
  readonly name: string;
  readonly payload: Uint8Array | null;
  readonly filterNodes?: readonly string[];
  /** Tag to RE2 pattern. */
  readonly filterTags?: Readonly<Record<string, string>>;
  /** Take patterns that are broken, too: nobody passes them. */
  readonly uncheckedPatterns?: boolean;
  readonly requestAck?: boolean;
  /** 0 … 255. */
  readonly relayFactor?: number;
  /** ms; 0 or missing: the default for the pool's size. */
  readonly timeoutMs?: number;
  readonly endEarly?: boolean;
}

/** A query of ours that is under way. */
export interface QueryTicket {
  /** Ours alone: what `query-ack`, `query-response` and `query-done` carry. Positive. */
  readonly handle: number;
  readonly lTime: number;
  /** u32. */
  readonly id: number;
  /** ms: answers after that do not count. */
  readonly deadline: number;
}

export type KeyOperation = "install" | "use" | "remove" | "list";

/** What came of a key operation in the pool (serf protocol notes, section 11.3). Names and keys in sorted order. */
export interface KeyOperationResult {
  /** Alive when it was asked, ourselves included. */
  readonly nodes: number;
  readonly responses: number;
  readonly errors: number;
  readonly messages: ReadonlyMap<string, string>;
  /** Base64 to number of nodes; list only. */
  readonly keys: ReadonlyMap<string, number>;
  readonly primaryKeys: ReadonlyMap<string, number>;
  /** Names of those who were alive and have not answered. */
  readonly silent: readonly string[];
  /** Serf's words for what went wrong; empty if nothing did. */
  readonly error: string;
}

/** A member as this node sees it. A snapshot; its bytes are shared and must not be changed. */
export interface SerfMember {
  readonly name: string;
  /** As on the wire, 4 or 16 bytes. */
  readonly addr: Uint8Array;
  readonly port: number;
  readonly endpoint: Endpoint;
  readonly tags: Record<string, string>;
  readonly status: MemberStatus;
  /** The failure detector's state beneath the status: of one it has forgotten, the last. */
  readonly state: MemberStateName;
  readonly incarnation: number;
  /** ms: when it came into its present status, as seen here. */
  readonly since: number;
  /** Lamport time of the last intent that counted; 0 for none. */
  readonly statusLTime: number;
  /** Minimum, maximum and current version of memberlist, then of Serf. */
  readonly vsn: Uint8Array;
}

export type SerfMemberEventType =
  | "member-join"
  | "member-leave"
  | "member-failed"
  | "member-update"
  | "member-reap"
  | "member-suspect"
  | "member-refuted";

/** A user event, as it came: once, in order of arrival and not of time. */
export interface SerfUserEvent {
  readonly type: "user-event";
  readonly name: string;
  readonly payload: Uint8Array | null;
  readonly lTime: number;
  readonly coalesce: boolean;
}

/** A query for us that is not one of Serf's own. It has been acknowledged if that was asked. */
export interface SerfQueryEvent {
  readonly type: "query";
  readonly name: string;
  readonly payload: Uint8Array | null;
  readonly lTime: number;
  readonly id: number;
  /** The asker's name. */
  readonly from: string;
  /** ms: when an answer comes too late. */
  readonly deadline: number;
}

export type SerfEvent =
  | { readonly type: SerfMemberEventType; readonly member: SerfMember }
  | SerfUserEvent
  | SerfQueryEvent
  /** Of a query of ours: each member at most once. */
  | { readonly type: "query-ack"; readonly handle: number; readonly from: string }
  | { readonly type: "query-response"; readonly handle: number; readonly from: string; readonly payload: Uint8Array }
  /** No more comes: the deadline has passed, or everybody has answered and that was to be the end. */
  | { readonly type: "query-done"; readonly handle: number }
  | { readonly type: "key-result"; readonly handle: number; readonly result: KeyOperationResult }
  /** The pool's vote about our name; without responses there is no decision and `keep` is true. */
  | { readonly type: "name-vote"; readonly responses: number; readonly matching: number; readonly keep: boolean }
  /** A message that is none of Serf's; `payload` belongs to the reader of the event. */
  | { readonly type: "extension-message"; readonly payload: Uint8Array; readonly from: Endpoint | undefined }
  /** A member's place or our own was measured anew. */
  | { readonly type: "coordinate"; readonly name: string }
  | Extract<
      SwimEvent,
      {
        readonly type:
          | "conflict"
          | "join-result"
          | "broadcast-done"
          | "left-pool"
          | "isolated"
          | "reconnected"
          | "merge-refused"
          | "ping-complete"
          | "evidence"
          | "dropped";
      }
    >;

/** Why the Serf layer refused something; counted beside the detector's own reasons, under these words. */
export type SerfDropReason =
  /** A first byte that is no Serf message, or one that does not travel by itself. */
  | "serf-unknown-type"
  /** A Lamport time that no sound peer sends. */
  | "serf-ltime"
  /** Older than the buffer reaches back. */
  | "serf-too-old"
  /** More events or queries of one time than are kept. */
  | "serf-buffer-full"
  /** A name that is empty or longer than 255. */
  | "serf-name"
  /** A relay to somebody who is no member, or of more than a packet can carry. */
  | "serf-relay"
  /** More relays a second than are handed on. */
  | "serf-relay-limit"
  /** A query to be answered to no address, or to one that is no member's more often than is allowed. */
  | "serf-query-address"
  /** More new queries a second than are taken. */
  | "serf-query-limit"
  /** A query whose filters are too costly to judge now: passed on, but not taken to be for us. */
  | "serf-filter-limit"
  /** A response to a query that we have not asked, or that has ended. */
  | "serf-unasked"
  /** A second response of one member that was not to be relayed, or more responses than there were members. */
  | "serf-surplus-response"
  /** A message of ours or others' was given up before it was sent often enough: too many wait. */
  | "serf-queue-full"
  /** A place in the network that cannot be: of other dimensions, infinite, or after an impossible time. */
  | "serf-coordinate"
  /** A message larger than any packet, which only a stream can have brought, or a user event over 9216 bytes. */
  | "serf-too-long"
  /** One of Serf's own queries that we do not answer. */
  | "serf-internal-query"
  /** The value is not MessagePack, or a field does not fit. */
  | "serf-malformed";

export interface SerfStats {
  /** Everybody known, whatever the status. */
  readonly members: number;
  /** Alive or suspect to the detector, self included. */
  readonly alive: number;
  readonly failed: number;
  readonly left: number;
  readonly healthScore: number;
  readonly memberTime: number;
  readonly eventTime: number;
  readonly queryTime: number;
  readonly memberQueue: number;
  readonly intentQueue: number;
  readonly eventQueue: number;
  readonly queryQueue: number;
  /** Members that failed and were back within the flap timeout. */
  readonly flaps: number;
  readonly coordinateResets: number;
}

/** The machine's state as plain data, for checkers and tests. */
export interface SerfInspection {
  readonly name: string;
  readonly members: readonly SerfMember[];
  readonly stats: SerfStats;
  readonly leavePhase: string;
  readonly recentIntents: number;
  readonly bufferedEvents: number;
  readonly prunes: number;
  /** Queries of ours that still take answers. */
  readonly openQueries: number;
  /** Queries of others, and ours, that were delivered and are remembered for their answer. */
  readonly answerable: number;
}
