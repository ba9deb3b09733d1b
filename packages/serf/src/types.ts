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
  /** A response to a query that we have not asked. */
  | "serf-unasked"
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
}
