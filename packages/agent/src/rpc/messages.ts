/**
 * Headers, bodies and records of Serf's RPC, to and from bytes (Serf protocol notes, sections 2 and 18). Each value on
 * the wire is one MessagePack map with sorted keys; what is read may have any form that Go's reader takes, too.
 */
import { addressBytes, addressText } from "@hearsay/core";
import type { Coordinate, KeyResult, Member, QueryRecord } from "@hearsay/node";
import { type MsgpackInput, Reader, Writer } from "@hearsay/wire";
import type { AgentEvent } from "../agent/agent-event.ts";
import { RefusedRequest } from "./errors.ts";

export const IPC_VERSION = 1;
const INT32 = 0x7fff_ffff;
const UINT16 = 0xffff;
const UINT8 = 0xff;
const EMPTY = new Uint8Array(0);

export interface RequestHeader {
  readonly command: string;
  /** 64 bits, echoed as they came. */
  readonly seq: bigint;
}

export interface ResponseHeader {
  readonly seq: bigint;
  /** Empty: success. */
  readonly error: string;
}

/** A member as RPC shows it. */
export interface MemberRecord {
  readonly name: string;
  /** IP address text. */
  readonly address: string;
  readonly port: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly status: string;
  readonly protocolMin: number;
  readonly protocolMax: number;
  readonly protocolCur: number;
  readonly delegateMin: number;
  readonly delegateMax: number;
  readonly delegateCur: number;
}

/** Several values back to back. */
export function encode(...values: readonly MsgpackInput[]): Uint8Array {
  const writer = new Writer({ dialect: "new" });
  for (const value of values) writer.value(value);
  return writer.finish();
}

export function encodeResponse(seq: bigint, error: string, body?: MsgpackInput): Uint8Array {
  const header = { Error: error, Seq: seq };
  return body === undefined ? encode(header) : encode(header, body);
}

/** As `encodeResponse`, for a body that is encoded already. */
export function encodeResponseWith(seq: bigint, error: string, body: Uint8Array): Uint8Array {
  return new Writer({ dialect: "new" }).value({ Error: error, Seq: seq }).raw(body).finish();
}

/** Reads one structure; a field that is missing keeps whatever `visit` did not set. Throws RefusedRequest. */
export function decodeStruct(
  bytes: Uint8Array,
  fields: readonly string[],
  visit: (field: number, reader: Reader) => void,
): void {
  const reader = new Reader(bytes);
  reader.struct(fields, (field) => visit(field, reader));
  if (!reader.ok) throw new RefusedRequest(`a value that cannot be read (${reader.failure})`);
}

/** Both fields must be there: a header is never completed from the one before. Throws RefusedRequest. */
export function decodeRequestHeader(bytes: Uint8Array): RequestHeader {
  let command: string | undefined;
  let seq: bigint | undefined;
  decodeStruct(bytes, ["Command", "Seq"], (field, reader) => {
    if (field === 0) command = reader.text();
    else seq = reader.u64();
  });
  if (command === undefined || seq === undefined) throw new RefusedRequest("a header without Command or Seq");
  return { command, seq };
}

export function decodeResponseHeader(bytes: Uint8Array): ResponseHeader {
  let error = "";
  let seq: bigint | undefined;
  decodeStruct(bytes, ["Error", "Seq"], (field, reader) => {
    if (field === 0) error = reader.textLossy();
    else seq = reader.u64();
  });
  if (seq === undefined) throw new RefusedRequest("a header without Seq");
  return { error, seq };
}

// ---- request bodies

export function decodeHandshake(bytes: Uint8Array): { readonly version: number } {
  let version = 0;
  decodeStruct(bytes, ["Version"], (_field, reader) => {
    version = reader.int(-INT32 - 1, INT32);
  });
  return { version };
}

/** A body of one text: `AuthKey`, `Type`, `LogLevel`, `Node`. */
export function decodeText(bytes: Uint8Array, field: string): string {
  let text = "";
  decodeStruct(bytes, [field], (_field, reader) => {
    text = reader.text();
  });
  return text;
}

export function decodeStop(bytes: Uint8Array): bigint {
  let stop = 0n;
  decodeStruct(bytes, ["Stop"], (_field, reader) => {
    stop = reader.u64();
  });
  return stop;
}

export function decodeForceLeave(bytes: Uint8Array): { readonly node: string; readonly prune: boolean } {
  let node = "";
  let prune = false;
  decodeStruct(bytes, ["Node", "Prune"], (field, reader) => {
    if (field === 0) node = reader.text();
    else prune = reader.bool();
  });
  return { node, prune };
}

export function decodeJoin(bytes: Uint8Array): { readonly existing: readonly string[]; readonly replay: boolean } {
  let existing: readonly string[] = [];
  let replay = false;
  decodeStruct(bytes, ["Existing", "Replay"], (field, reader) => {
    if (field === 0) existing = readTexts(reader);
    else replay = reader.bool();
  });
  return { existing, replay };
}

/** Patterns by tag, and for status and name; empty means no filter for those two. */
export interface FilterBody {
  readonly tags: Readonly<Record<string, string>>;
  readonly status: string;
  readonly name: string;
}

export function decodeFilter(bytes: Uint8Array): FilterBody {
  let tags: Readonly<Record<string, string>> = {};
  let status = "";
  let name = "";
  decodeStruct(bytes, ["Tags", "Status", "Name"], (field, reader) => {
    if (field === 0) tags = readTextMap(reader);
    else if (field === 1) status = reader.text();
    else name = reader.text();
  });
  return { tags, status, name };
}

export function decodeTags(bytes: Uint8Array): {
  readonly set: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
} {
  let set: Readonly<Record<string, string>> = {};
  let remove: readonly string[] = [];
  decodeStruct(bytes, ["Tags", "DeleteTags"], (field, reader) => {
    if (field === 0) set = readTextMap(reader);
    else remove = readTexts(reader);
  });
  return { set, remove };
}

export interface EventBody {
  readonly name: string;
  readonly payload: Uint8Array;
  readonly coalesce: boolean;
}

export function decodeEvent(bytes: Uint8Array): EventBody {
  let name = "";
  let payload: Uint8Array | null = null;
  let coalesce = false;
  decodeStruct(bytes, ["Name", "Payload", "Coalesce"], (field, reader) => {
    if (field === 0) name = reader.text();
    else if (field === 1) payload = reader.blobCopy();
    else coalesce = reader.bool();
  });
  return { name, payload: payload ?? EMPTY, coalesce };
}

export interface QueryBody {
  readonly filterNodes: readonly string[];
  readonly filterTags: Readonly<Record<string, string>>;
  readonly requestAck: boolean;
  readonly relayFactor: number;
  /** ms; 0 for the default. */
  readonly timeoutMs: number;
  readonly name: string;
  /** Null where it is nil or absent, which is not the same as empty for Serf's own queries. */
  readonly payload: Uint8Array | null;
  /** Ours: end when everybody has answered. */
  readonly endEarly: boolean;
}

const QUERY_FIELDS = [
  ...["FilterNodes", "FilterTags", "RequestAck", "RelayFactor", "Timeout", "Name", "Payload", "EndEarly"],
] as const;

export function decodeQuery(bytes: Uint8Array): QueryBody {
  let filterNodes: readonly string[] = [];
  let filterTags: Readonly<Record<string, string>> = {};
  let requestAck = false;
  let relayFactor = 0;
  let timeoutNs = 0n;
  let name = "";
  let payload: Uint8Array | null = null;
  let endEarly = false;
  decodeStruct(bytes, QUERY_FIELDS, (field, reader) => {
    if (field === 0) filterNodes = readTexts(reader);
    else if (field === 1) filterTags = readTextMap(reader);
    else if (field === 2) requestAck = reader.bool();
    else if (field === 3) relayFactor = reader.uint(UINT8);
    else if (field === 4) timeoutNs = reader.i64();
    else if (field === 5) name = reader.text();
    else if (field === 6) payload = reader.blobCopy();
    else endEarly = reader.bool();
  });
  // Go takes a negative timeout for one that has passed already; it asks nothing useful.
  const timeoutMs = timeoutNs > 0n ? Number(timeoutNs) / 1e6 : 0;
  return { filterNodes, filterTags, requestAck, relayFactor, timeoutMs, name, payload, endEarly };
}

export function decodeRespond(bytes: Uint8Array): { readonly id: bigint; readonly payload: Uint8Array } {
  let id = 0n;
  let payload: Uint8Array | null = null;
  decodeStruct(bytes, ["ID", "Payload"], (field, reader) => {
    if (field === 0) id = reader.u64();
    else payload = reader.blobCopy();
  });
  return { id, payload: payload ?? EMPTY };
}

function readTexts(reader: Reader): readonly string[] {
  const texts: string[] = [];
  const count = reader.array();
  for (let i = 0; i < count && reader.ok; i++) texts.push(reader.text());
  return texts;
}

/** Keys that an object would take for its own are as good as any. */
function readTextMap(reader: Reader): Readonly<Record<string, string>> {
  const pairs: (readonly [string, string])[] = [];
  const count = reader.map();
  for (let i = 0; i < count && reader.ok; i++) pairs.push([reader.textLossy(), reader.textLossy()]);
  return Object.fromEntries(pairs);
}

// ---- member records

export function memberBody(member: Member): MsgpackInput {
  return {
    Name: member.name,
    Addr: addressBytes(member.address) ?? new Uint8Array(0),
    Port: member.port,
    Tags: member.tags,
    Status: member.status,
    ProtocolMin: member.protocolMin,
    ProtocolMax: member.protocolMax,
    ProtocolCur: member.protocolCur,
    DelegateMin: member.delegateMin,
    DelegateMax: member.delegateMax,
    DelegateCur: member.delegateCur,
  };
}

const MEMBER_FIELDS = [
  ...["Name", "Addr", "Port", "Tags", "Status"],
  ...["ProtocolMin", "ProtocolMax", "ProtocolCur", "DelegateMin", "DelegateMax", "DelegateCur"],
] as const;

export function decodeMembers(bytes: Uint8Array): readonly MemberRecord[] {
  const members: MemberRecord[] = [];
  decodeStruct(bytes, ["Members"], (_field, reader) => {
    const count = reader.array();
    for (let i = 0; i < count && reader.ok; i++) members.push(readMember(reader));
  });
  return members;
}

function readMember(reader: Reader): MemberRecord {
  let name = "";
  let address = "";
  let port = 0;
  let tags: Readonly<Record<string, string>> = {};
  let status = "none";
  const versions = [0, 0, 0, 0, 0, 0];
  reader.struct(MEMBER_FIELDS, (field) => {
    if (field === 0) name = reader.textLossy();
    else if (field === 1) address = addressText(reader.blobView() ?? new Uint8Array(0));
    else if (field === 2) port = reader.uint(UINT16);
    else if (field === 3) tags = readTextMap(reader);
    else if (field === 4) status = reader.textLossy();
    else versions[field - 5] = reader.uint(UINT8);
  });
  const [protocolMin, protocolMax, protocolCur, delegateMin, delegateMax, delegateCur] = versions as Six;
  return {
    ...{ name, address, port, tags, status },
    ...{ protocolMin, protocolMax, protocolCur, delegateMin, delegateMax, delegateCur },
  };
}
type Six = [number, number, number, number, number, number];

// ---- records of streams and queries

/** One event as a stream's record. `id`: the connection's number for a query. */
export function eventBody(event: AgentEvent, id: bigint): MsgpackInput {
  if (event.kind === "user") {
    const { lTime, name, payload, coalesce } = event.event;
    return { Event: "user", LTime: lTime, Name: name, Payload: orNil(payload), Coalesce: coalesce };
  }
  if (event.kind === "query") {
    const { lTime, name, payload } = event.query;
    return { Event: "query", ID: id, LTime: lTime, Name: name, Payload: orNil(payload) };
  }
  return { Event: event.kind, Members: event.members.map(memberBody) };
}

export function queryRecordBody(record: QueryRecord | { readonly type: "done" }): MsgpackInput {
  const from = record.type === "done" ? "" : record.from;
  const payload = record.type === "response" ? record.payload : null;
  return { From: from, Payload: payload, Type: record.type };
}

function orNil(payload: Uint8Array): Uint8Array | null {
  return payload.length === 0 ? null : payload;
}

// ---- other response bodies

/** @param list whether it answers a `list-keys`: others have no keys at all. `PrimaryKeys` is ours. */
export function keyBody(result: KeyResult, list: boolean): MsgpackInput {
  return {
    Keys: list ? result.keys : null,
    Messages: result.messages,
    NumErr: result.errors,
    NumNodes: result.nodes,
    NumResp: result.responses,
    ...(list ? { PrimaryKeys: result.primaryKeys } : {}),
    ...(result.silent.length > 0 ? { Silent: result.silent } : {}),
  };
}

/** What follows the error when nobody could be asked. */
export const NO_KEY_BODY: MsgpackInput = { Keys: null, Messages: {}, NumErr: 0, NumNodes: 0, NumResp: 0 };

/** Encoded, since all its numbers are floats whatever their value. Unknown: zeros, as Go has it. */
export function encodeCoordinateBody(coordinate: Coordinate | undefined): Uint8Array {
  const writer = new Writer({ dialect: "new" });
  writer.map(2).text("Coord").map(4);
  writer.text("Adjustment").float(coordinate?.adjustment ?? 0);
  writer.text("Error").float(coordinate?.error ?? 0);
  writer.text("Height").float(coordinate?.height ?? 0);
  writer.text("Vec");
  if (coordinate === undefined) writer.nil();
  else {
    writer.array(coordinate.vec.length);
    for (const x of coordinate.vec) writer.float(x);
  }
  writer.text("Ok").bool(coordinate !== undefined);
  return writer.finish();
}

export function decodeNum(bytes: Uint8Array): number {
  let num = 0;
  decodeStruct(bytes, ["Num"], (_field, reader) => {
    num = reader.int(-INT32 - 1, INT32);
  });
  return num;
}

/** Groups of text by name, as `stats` answers. */
export function decodeGroups(bytes: Uint8Array): Record<string, Record<string, string>> {
  const groups: (readonly [string, Record<string, string>])[] = [];
  const reader = new Reader(bytes);
  const count = reader.map();
  for (let i = 0; i < count && reader.ok; i++) groups.push([reader.textLossy(), readTextMap(reader)]);
  if (!reader.ok) throw new RefusedRequest(`a value that cannot be read (${reader.failure})`);
  return Object.fromEntries(groups);
}
