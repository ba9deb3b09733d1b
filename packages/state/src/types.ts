/** What goes into and comes out of the state machine. */
import type { DropReason, Endpoint, Rng } from "@hearsay/core";
import type { StateConfig } from "./config.ts";
import type { Stamp } from "./hlc.ts";
import type { StateMessage } from "./messages.ts";

export interface StateOptions {
  /** Our member's name: 1 … 255 bytes of UTF-8. */
  readonly name: string;
  /**
   * Which life of ours this is: 1 … 2^52, growing with every start. Wall-clock ms do. Others believe none that is more than a
   * year ahead of their clock in ms.
   */
  readonly generation: number;
  readonly rng: Rng;
  readonly config?: Partial<StateConfig>;
  /** For drivers of many machines, to read once what is told to all of them. Default: `decodeStateMessage`. */
  readonly decode?: StateDecoder;
}

/** The message, never to be changed, or why it was refused. @param bytes type byte first; borrowed */
export type StateDecoder = (bytes: Uint8Array, maxValueBytes: number, maxItems?: number) => StateMessage | DropReason;

/** Whether somebody can be spoken to; the suspected still can. Those who left are dead. */
export type PeerStatus = "alive" | "dead";

/** Why something was refused. Stable, as `DropReason` is. */
export type StateDropReason =
  | DropReason
  /** A delta that begins above what we have: anti-entropy sends it again from where we are. */
  | "delta-gap"
  /** A map of somebody who is no member here, or no longer. */
  | "unknown-owner"
  /** A life of an owner whose number is more than a year ahead of our clock. */
  | "generation-ahead"
  /** More keys than anyone may have. */
  | "too-many-keys"
  /** More bytes than anyone may have, or than all others together may. */
  | "too-many-bytes"
  /** A stamp further ahead of our clock than `maxDriftMs`: one of the clocks is wrong. */
  | "clock-drift"
  /** A shared key that was deleted longer ago than the grace period. */
  | "leftover"
  /** Rates in an answer to no opening of ours, or a second time. */
  | "rates-unexpected"
  /** A heartbeat of a life that is not known here, or of a hash that several have. */
  | "beat-unknown"
  | "beat-ambiguous"
  /** A heartbeat out of line with the one held: taken if the next goes on from it. */
  | "beat-leap"
  | "outbox-full";

export type StateEvent =
  | {
      readonly type: "node-change";
      readonly owner: string;
      readonly key: string;
      /** Null: was not there. */
      readonly before: Uint8Array | null;
      /** Null: deleted, over its time, or its owner forgotten. */
      readonly after: Uint8Array | null;
      readonly isLocal: boolean;
    }
  | {
      readonly type: "shared-change";
      readonly key: string;
      readonly before: Uint8Array | null;
      readonly after: Uint8Array | null;
      /** Who wrote it. */
      readonly writer: string;
      readonly stamp: Stamp;
      readonly isLocal: boolean;
    }
  /** A heartbeat of a life of the owner that is higher than any before, or those before were wrong: it lives. */
  | { readonly type: "heartbeat"; readonly owner: string; readonly generation: number; readonly beat: number }
  /** Flow control began to hold writes of our map back, or has written them all. `maxWriteRate`: writes a second. */
  | { readonly type: "flow"; readonly held: number; readonly maxWriteRate: number }
  /** So many events were lost because nobody polled: look at the maps anew. */
  | { readonly type: "state-overflow"; readonly lost: number };

/** A stream wanted: dial, write `streamPayload(id)`, read one message, report it by `handleStreamReply(id, …)`, write
 *  what that returns, close. Each message fills its direction of the stream or is framed by the driver. */
export interface StateStreamRequest {
  readonly id: number;
  readonly to: Endpoint;
  readonly timeoutMs: number;
}

export interface NodeKey {
  readonly key: string;
  /** Borrowed: not to be changed. */
  readonly value: Uint8Array;
  readonly version: number;
}

export interface SharedKey {
  readonly key: string;
  /** Borrowed: not to be changed. */
  readonly value: Uint8Array;
  readonly writer: string;
  readonly stamp: Stamp;
  /** 0: for ever. */
  readonly ttlMs: number;
}

export interface StateCounters {
  packetsSent: number;
  bytesSent: number;
  packetsReceived: number;
  bytesReceived: number;
  /** Exchanges that others or we opened and that found both the same. */
  idleRounds: number;
  streams: number;
  /** Heartbeats sent; those received; and how many of these were news. */
  beatsSent: number;
  beatsReceived: number;
  beatsNew: number;
  readonly drops: Map<StateDropReason, number>;
}

export interface StateInspection {
  readonly name: string;
  readonly generation: number;
  /** Roots of both trees: equal at two nodes that have the same. */
  readonly roots: readonly [owners: number, keys: number];
  readonly owners: readonly {
    readonly owner: string;
    readonly generation: number;
    readonly maxVersion: number;
    readonly lastGcVersion: number;
    readonly keys: number;
    readonly tombstones: number;
    readonly beat: number;
    readonly isListed: boolean;
  }[];
  readonly sharedKeys: number;
  readonly sharedTombstones: number;
  /** What this node lacks of the shared map at or below this is deleted. */
  readonly sharedGc: Stamp;
  readonly rumours: number;
  /** Keys of our map that flow control holds back. */
  readonly heldWrites: number;
  /** Heartbeats that wait to be told of, ours included. */
  readonly beats: number;
}
