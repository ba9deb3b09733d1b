/**
 * Headers, bodies and records of Serf's RPC, to and from bytes (Serf protocol notes, sections 2 and 18). Each value on
 * the wire is one MessagePack map with sorted keys; what is read may have any form that Go's reader takes, too.
 */
import { addressBytes, addressText } from "@hearsay/core";
import type { Member } from "@hearsay/node";
import { type MsgpackInput, Reader, Writer } from "@hearsay/wire";
import { wireTags } from "../agent/wire-tags.ts";
import { RefusedRequest } from "./errors.ts";

export const IPC_VERSION = 1;
const INT32 = 0x7fff_ffff;
const UINT16 = 0xffff;
const UINT8 = 0xff;

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

/** A body that is bytes already: what plain values cannot say (whole numbers that are floats), or several share. */
export class EncodedBody {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

export type ResponseBody = MsgpackInput | EncodedBody;

export function encodeResponse(seq: bigint, error: string, body?: ResponseBody): Uint8Array {
  const writer = new Writer({ dialect: "new" }).value({ Error: error, Seq: seq });
  if (body instanceof EncodedBody) writer.raw(body.bytes);
  else if (body !== undefined) writer.value(body);
  return writer.finish();
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

export function readTexts(reader: Reader): readonly string[] {
  const texts: string[] = [];
  const count = reader.array();
  for (let i = 0; i < count && reader.ok; i++) texts.push(reader.text());
  return texts;
}

/** Keys that an object would take for its own are as good as any. */
export function readTextMap(reader: Reader): Readonly<Record<string, string>> {
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
    Tags: wireTags(member),
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

export function readMember(reader: Reader): MemberRecord {
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

// ---- other response bodies

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
