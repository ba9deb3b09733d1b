/**
 * memberlist's messages as records (reference section 10). Field names are the wire's, in camel case.
 *
 * Byte fields are `null` for the wire's nil. In messages handed out by a decoder, records and byte views are borrowed:
 * valid for the call only, reused for the next message. Keep nothing without a copy. Names are ordinary strings and may
 * be kept.
 */

import type { DropReason } from "./drop-reason.ts";
import type { Subject } from "./names.ts";

/** First byte of every message (reference section 1.1). */
export const MessageType = {
  ping: 0,
  indirectPing: 1,
  ack: 2,
  suspect: 3,
  alive: 4,
  dead: 5,
  pushPull: 6,
  compound: 7,
  user: 8,
  compress: 9,
  encrypt: 10,
  nack: 11,
  hasCrc: 12,
  err: 13,
  hasLabel: 244,
} as const;

/** Where the answer to a ping shall go. All three absent (null, 0, "") means: to the packet's own source. */
export interface PingSource {
  /** 4 or 16 bytes, or null. */
  sourceAddr: Uint8Array | null;
  sourcePort: number;
  sourceNode: string;
}

export interface Ping extends PingSource {
  readonly type: 0;
  /** u32, chosen by the sender; the ack carries it back. */
  seqNo: number;
  /** Name of the node that is meant; "" means any. */
  node: string;
}

export interface IndirectPing extends PingSource {
  readonly type: 1;
  seqNo: number;
  /** Address bytes of the node to probe, 4 or 16. */
  target: Uint8Array | null;
  /** 0 means: the receiver's own bind port (protocol 1). */
  port: number;
  node: string;
  /** The requester wants a nack (protocol 4). */
  nack: boolean;
}

export interface Ack {
  readonly type: 2;
  seqNo: number;
  payload: Uint8Array | null;
}

export interface Nack {
  readonly type: 11;
  seqNo: number;
}

/**
 * What an accusation may carry beside the wire's fields where it travels by reference and is read by thousands of machines,
 * in a simulator: the first of them notes who it is about, and the others need not look it up. A codec that allows it sets
 * the fields to undefined and 0; one whose messages are borrowed leaves them out.
 */
export interface Noted {
  subject?: Subject | undefined;
  /** See `NameTable.accuserBit`. */
  accuserBit?: number;
}

export interface Suspect extends Noted {
  readonly type: 3;
  incarnation: number;
  /** The accused. */
  node: string;
  /** The accuser. */
  from: string;
}

export interface Dead extends Noted {
  readonly type: 5;
  incarnation: number;
  node: string;
  /** The accuser; equal to `node` when the node leaves by its own will. */
  from: string;
}

export interface Alive {
  readonly type: 4;
  incarnation: number;
  node: string;
  addr: Uint8Array | null;
  port: number;
  meta: Uint8Array | null;
  /** Six version bytes (reference 9.2), or null. */
  vsn: Uint8Array | null;
}

/** A user message in a packet: raw bytes. */
export interface UserPacket {
  readonly type: 8;
  payload: Uint8Array;
}

/** What can stand in a packet, framing aside. */
export type PacketMessage = Ping | IndirectPing | Ack | Nack | Suspect | Dead | Alive | UserPacket;

/** Wire numbers of a member's state in push/pull (reference 10.8). */
export const MemberState = { alive: 0, suspect: 1, dead: 2, left: 3 } as const;
export type MemberState = (typeof MemberState)[keyof typeof MemberState];
/** The states by their number. */
export const memberStateNames = ["alive", "suspect", "dead", "left"] as const;
export type MemberStateName = (typeof memberStateNames)[number];

/** One entry of a push/pull's node list. Entries of one's own list are shared and not to be changed. */
export interface PushPullNode {
  name: string;
  addr: Uint8Array | null;
  port: number;
  meta: Uint8Array | null;
  incarnation: number;
  /** 0 … 3; other numbers are ignored by the receiver. */
  state: number;
  vsn: Uint8Array | null;
  /** Who it is about, where lists travel by reference; decoders leave it out. */
  subject?: Subject;
  /** For such a codec to note what the entry weighs. */
  encodedBytes?: number;
}

export interface PushPull {
  readonly type: 6;
  join: boolean;
  nodes: PushPullNode[];
  /** Empty when there is none. */
  userState: Uint8Array;
  /** Set by a decoder that left entries out of `nodes`: the reason for each. */
  refusals?: readonly DropReason[];
}

/** A user message on a stream. */
export interface UserStream {
  readonly type: 8;
  payload: Uint8Array;
}

export interface Err {
  readonly type: 13;
  error: string;
}

/** What can stand on a stream, one in each direction (reference section 8). Owned by the receiver, unlike packets. */
export type StreamMessage = Ping | Ack | PushPull | UserStream | Err;
