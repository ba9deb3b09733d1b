/**
 * What state machines tell each other: one message with parts, most of which a given one lacks. `codec.ts` has its bytes,
 * `exchange.ts` who says what when.
 */
import type { ExchangeMode } from "./config.ts";
import type { Stamp } from "./hlc.ts";

/** First byte of every message, outside the range of Serf's (0xe0 and up is ours). */
export const stateMessageType = 0xe0;

/** The two sets of items that are compared. */
export const Tree = { owners: 0, keys: 1 } as const;
export type TreeId = (typeof Tree)[keyof typeof Tree];

/** How much somebody has of an owner's map. */
export interface OwnerLine {
  readonly owner: string;
  /** Which life of the owner: grows with every start. */
  readonly generation: number;
  /** The highest version held. */
  readonly maxVersion: number;
  /** Highest version of a tombstone that was dropped. */
  readonly lastGcVersion: number;
  /** u32, of the live keys. Another one under the same generation and version: somebody has told what the owner did not write. */
  readonly hash: number;
}

/** Which write of a shared key somebody has. */
export interface KeyLine extends Stamp {
  readonly key: string;
  readonly writer: string;
  /** Deleted, or its time to live is over. */
  readonly dead: boolean;
  /** u32: tells two values under one stamp apart. */
  readonly hash: number;
}

export interface NodeWrite {
  readonly key: string;
  readonly version: number;
  /** Null: deleted. */
  readonly value: Uint8Array | null;
}

/** All that an owner's map has above `from`, up to `to`, in order of versions. */
export interface OwnerDelta {
  readonly owner: string;
  readonly generation: number;
  readonly from: number;
  readonly to: number;
  readonly lastGcVersion: number;
  readonly writes: readonly NodeWrite[];
}

export interface SharedWrite extends Stamp {
  readonly key: string;
  readonly writer: string;
  /** 0: for ever. */
  readonly ttlMs: number;
  /** Null: deleted. */
  readonly value: Uint8Array | null;
}

/** A node of a tree and its sixteen children's hashes. */
export interface TreeNode {
  readonly tree: TreeId;
  readonly node: number;
  readonly children: readonly number[];
}

/** What the sender has under a node of a tree: all of it, or a random part where all is too much for a packet. */
export interface Cover {
  readonly tree: TreeId;
  readonly node: number;
  readonly complete: boolean;
  readonly owners: readonly OwnerLine[];
  readonly keys: readonly KeyLine[];
}

export interface Heartbeat {
  readonly owner: string;
  readonly generation: number;
  readonly beat: number;
}

/** The same in few bytes. */
export interface ShortBeat {
  /** u32 of owner and generation: `lifeHash`. */
  readonly hash: number;
  readonly beat: number;
}

/** How fast somebody may write its own map, and wants to: thousandths of a write a second. */
export interface RateLine {
  /** u32: the opener's number of the exchange, given back in the answer. */
  readonly exchange: number;
  readonly rate: number;
  readonly wish: number;
}

export interface StateMessage {
  readonly mode: ExchangeMode;
  /** Whether the sender opened the exchange. */
  readonly initiator: boolean;
  /** Fresh writes, to be passed on; nothing is answered. */
  readonly rumour: boolean;
  /** The sender's shared watermark: what it does not have at or below this is deleted. */
  readonly gc: Stamp;
  /** Opens an exchange: the roots of both trees. */
  readonly roots: readonly [owners: number, keys: number] | undefined;
  readonly nodes: readonly TreeNode[];
  readonly covers: readonly Cover[];
  /** Asks for what is above these. */
  readonly ownerWants: readonly OwnerLine[];
  readonly keyWants: readonly string[];
  readonly deltas: readonly OwnerDelta[];
  readonly writes: readonly SharedWrite[];
  readonly beats: readonly Heartbeat[];
  readonly shortBeats: readonly ShortBeat[];
  /** Of who has flow control: in the opening, and in the answer when the two have shared. */
  readonly rates: RateLine | undefined;
}

/** Parts of a message in the order in which they are written. */
export const Section = {
  nodes: 0,
  covers: 1,
  ownerWants: 2,
  keyWants: 3,
  deltas: 4,
  writes: 5,
  beats: 6,
} as const;
export type SectionId = (typeof Section)[keyof typeof Section];
export const sectionCount = 7;
