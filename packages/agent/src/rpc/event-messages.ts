/**
 * What travels over RPC about events and queries: requests, and the records of streams (Serf protocol notes, section
 * 18.4). Payloads that are empty go out as nil, as Serf sends them.
 */
import type { QueryRecord, UserEvent } from "@hearsay/node";
import type { MsgpackInput } from "@hearsay/wire";
import type { AgentEvent, MemberEventKind } from "../agent/agent-event.ts";
import {
  decodeStruct,
  EncodedBody,
  encode,
  type MemberRecord,
  memberBody,
  readMember,
  readTextMap,
  readTexts,
} from "./messages.ts";
import { type Decoded, DONE } from "./record-stream.ts";

const UINT8 = 0xff;
const NONE: Uint8Array = new Uint8Array(0);

// ---- requests

export interface EventBody {
  readonly name: string;
  readonly payload: Uint8Array;
  readonly coalesce: boolean;
}

export function decodeEvent(bytes: Uint8Array): EventBody {
  let name = "";
  let payload = NONE;
  let coalesce = false;
  decodeStruct(bytes, ["Name", "Payload", "Coalesce"], (field, reader) => {
    if (field === 0) name = reader.text();
    else if (field === 1) payload = reader.blobCopy() ?? NONE;
    else coalesce = reader.bool();
  });
  return { name, payload, coalesce };
}

export interface QueryBody {
  readonly name: string;
  readonly payload: Uint8Array;
  readonly filterNodes: readonly string[];
  readonly filterTags: Readonly<Record<string, string>>;
  readonly requestAck: boolean;
  readonly relayFactor: number;
  /** Nanoseconds, signed; 0 for the default. */
  readonly timeout: bigint;
  /** Ours: the end may come when everybody has answered. A Serf agent skips the field. */
  readonly endEarly: boolean;
}

const QUERY_FIELDS = [
  ...["FilterNodes", "FilterTags", "RequestAck", "RelayFactor", "Timeout", "Name", "Payload"],
  "EndEarly",
] as const;

export function decodeQuery(bytes: Uint8Array): QueryBody {
  let filterNodes: readonly string[] = [];
  let filterTags: Readonly<Record<string, string>> = {};
  let requestAck = false;
  let relayFactor = 0;
  let timeout = 0n;
  let name = "";
  let payload = NONE;
  let endEarly = false;
  decodeStruct(bytes, QUERY_FIELDS, (field, reader) => {
    if (field === 0) filterNodes = readTexts(reader);
    else if (field === 1) filterTags = readTextMap(reader);
    else if (field === 2) requestAck = reader.bool();
    else if (field === 3) relayFactor = reader.uint(UINT8);
    else if (field === 4) timeout = reader.i64();
    else if (field === 5) name = reader.text();
    else if (field === 6) payload = reader.blobCopy() ?? NONE;
    else endEarly = reader.bool();
  });
  return { name, payload, filterNodes, filterTags, requestAck, relayFactor, timeout, endEarly };
}

export function decodeRespond(bytes: Uint8Array): { readonly id: bigint; readonly payload: Uint8Array } {
  let id = 0n;
  let payload = NONE;
  decodeStruct(bytes, ["ID", "Payload"], (field, reader) => {
    if (field === 0) id = reader.u64();
    else payload = reader.blobCopy() ?? NONE;
  });
  return { id, payload };
}

// ---- records of `stream`

/** One body for all streams that want the event. Queries have one for each stream: see `queryBody`. */
export function eventBody(event: Exclude<AgentEvent, { readonly kind: "query" }>): EncodedBody {
  if (event.kind === "user") return new EncodedBody(encode(userBody(event.event)));
  return new EncodedBody(encode({ Event: event.kind, Members: event.members.map(memberBody) }));
}

function userBody({ name, payload, lTime, coalesce }: UserEvent): MsgpackInput {
  return { Event: "user", LTime: lTime, Name: name, Payload: orNil(payload), Coalesce: coalesce };
}

/** @param id what `respond` is to bring */
export function queryBody(
  id: bigint,
  query: { readonly name: string; readonly payload: Uint8Array; readonly lTime: number },
): EncodedBody {
  const body = { Event: "query", ID: id, LTime: query.lTime, Name: query.name, Payload: orNil(query.payload) };
  return new EncodedBody(encode(body));
}

/** A record as a client sees it. */
export type StreamRecord =
  | { readonly event: MemberEventKind; readonly members: readonly MemberRecord[] }
  | {
      readonly event: "user";
      readonly lTime: number;
      readonly name: string;
      readonly payload: Uint8Array;
      readonly coalesce: boolean;
    }
  | {
      readonly event: "query";
      /** What `respond` wants. */
      readonly id: bigint;
      readonly lTime: number;
      readonly name: string;
      readonly payload: Uint8Array;
    };

const RECORD_FIELDS = ["Event", "Members", "LTime", "Name", "Payload", "Coalesce", "ID"] as const;

/** Undefined for an event of a kind that this program does not know. Throws RefusedRequest. */
export function decodeStreamRecord(bytes: Uint8Array): StreamRecord | undefined {
  let event = "";
  const members: MemberRecord[] = [];
  let lTime = 0;
  let name = "";
  let payload = NONE;
  let coalesce = false;
  let id = 0n;
  decodeStruct(bytes, RECORD_FIELDS, (field, reader) => {
    if (field === 0) event = reader.textLossy();
    else if (field === 1) {
      const count = reader.array();
      for (let i = 0; i < count && reader.ok; i++) members.push(readMember(reader));
    } else if (field === 2) lTime = Number(reader.u64());
    else if (field === 3) name = reader.textLossy();
    else if (field === 4) payload = reader.blobCopy() ?? NONE;
    else if (field === 5) coalesce = reader.bool();
    else id = reader.u64();
  });
  if (event === "user") return { event, lTime, name, payload, coalesce };
  if (event === "query") return { event, id, lTime, name, payload };
  return isMemberEvent(event) ? { event, members } : undefined;
}

function isMemberEvent(event: string): event is MemberEventKind {
  return /^member-(join|leave|failed|update|reap)$/.test(event);
}

// ---- records of `query`

/** Undefined: the last record, `done`. */
export function queryRecordBody(record: QueryRecord | undefined): MsgpackInput {
  if (record === undefined) return { From: "", Payload: null, Type: "done" };
  return { From: record.from, Payload: record.type === "ack" ? null : orNil(record.payload), Type: record.type };
}

export interface RpcQueryRecord {
  readonly type: "ack" | "response";
  /** The member's name. */
  readonly from: string;
  /** Empty in an ack. */
  readonly payload: Uint8Array;
}

/** Serf's agents may send records of nobody just before the last: they are skipped. Throws RefusedRequest. */
export function decodeQueryRecord(bytes: Uint8Array): Decoded<RpcQueryRecord> {
  let type = "";
  let from = "";
  let payload = NONE;
  decodeStruct(bytes, ["Type", "From", "Payload"], (field, reader) => {
    if (field === 0) type = reader.textLossy();
    else if (field === 1) from = reader.textLossy();
    else payload = reader.blobCopy() ?? NONE;
  });
  if (type === "done") return DONE;
  return (type === "ack" || type === "response") && from !== "" ? { type, from, payload } : undefined;
}

/** A record of `monitor`. */
export function decodeLog(bytes: Uint8Array): string {
  let line = "";
  decodeStruct(bytes, ["Log"], (_field, reader) => {
    line = reader.textLossy();
  });
  return line;
}

function orNil(payload: Uint8Array): Uint8Array | null {
  return payload.length === 0 ? null : payload;
}
