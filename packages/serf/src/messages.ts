/**
 * Serf's messages as records (serf protocol notes, section 4). Field names are the wire's, in camel case. A time that a
 * number cannot hold exactly arrives as something above `maxLTime`, which no clock accepts.
 */

/** First byte of every Serf message. */
export const SerfType = {
  leave: 0,
  join: 1,
  pushPull: 2,
  userEvent: 3,
  query: 4,
  queryResponse: 5,
  conflictResponse: 6,
  keyRequest: 7,
  keyResponse: 8,
  relay: 9,
} as const;

/** Somebody leaves, or is declared to have left: `node`, which need not be the sender. */
export interface LeaveIntent {
  lTime: number;
  node: string;
  /** Erase it rather than remember it as left. */
  prune: boolean;
}

/** Somebody is here to stay; also the answer to a false leave intent. */
export interface JoinIntent {
  lTime: number;
  node: string;
}

/** The user state of a push/pull. */
export interface SerfState {
  /** The sender's clocks: what it would stamp its next message with. */
  lTime: number;
  eventLTime: number;
  queryLTime: number;
  /** Every member the sender knows, with its status time. */
  statusLTimes: Map<string, number>;
  leftMembers: string[];
  /** What is in the sender's event buffer: only slots that are not empty. */
  events: EventSlot[];
}

/** All events of one Lamport time. */
export interface EventSlot {
  lTime: number;
  events: { name: string; payload: Uint8Array | null }[];
}

export interface UserEvent {
  lTime: number;
  name: string;
  /** Null for none. */
  payload: Uint8Array | null;
  /** Of several events of this name, an application may be told of the latest only. */
  coalesce: boolean;
}

export const QueryFlag = { ack: 1, noBroadcast: 2 } as const;

/**
 * Filters of one query: Serf's agents send one of names and one for each tag asked about. More than any gossiped query
 * can hold; of more, one beyond is kept, to tell.
 */
export const maxFilters = 100;

export interface Query {
  lTime: number;
  /** u32, random. */
  id: number;
  /** Where to answer: 4 or 16 bytes. */
  addr: Uint8Array | null;
  port: number;
  sourceNode: string;
  /** Each a type byte and a MessagePack value; see `filters.ts`. Null for none. */
  filters: Uint8Array[] | null;
  /** Bits of `QueryFlag`. */
  flags: number;
  relayFactor: number;
  /** Nanoseconds, exact to 2^53 (over a hundred days). */
  timeoutNs: number;
  name: string;
  payload: Uint8Array | null;
}

/** Bit of a response's flags: this is only an acknowledgement. */
export const responseAckFlag = 1;

export interface QueryResponse {
  lTime: number;
  id: number;
  /** The responder's name. */
  from: string;
  flags: number;
  payload: Uint8Array | null;
}

/** A message to be sent on to somebody else. */
export interface Relay {
  addr: Uint8Array | null;
  port: number;
  zone: string;
  destName: string;
  /** The message, type byte first. A view of the input when read. */
  message: Uint8Array;
}

/** A member as told in the answer to a name conflict. */
export interface MemberRecordMessage {
  name: string;
  addr: Uint8Array | null;
  port: number;
  tags: Record<string, string>;
  /** A number of section 7.1. */
  status: number;
  protocolMin: number;
  protocolMax: number;
  protocolCur: number;
  delegateMin: number;
  delegateMax: number;
  delegateCur: number;
}
