/**
 * What travels over RPC about replicated state: requests, entries and changes. Ours, not Serf's. A value is either `Json`,
 * the text of a JSON document, or `Bytes`; neither, in a change, says that there is none. Times are ms since 1970.
 */
import type { JsonValue, SharedChange, StateChange, StateValue, Watched } from "@hearsay/node";
import type { MsgpackInput, Reader } from "@hearsay/wire";
import { RefusedRequest } from "./errors.ts";
import { decodeStruct } from "./messages.ts";
import { type Decoded, DONE } from "./record-stream.ts";

/** ms; a `setTimeout` waits no longer, and nobody means it. */
const MAX_TTL_MS = Number.MAX_SAFE_INTEGER;

/** Of every state command; each looks at its own fields. */
export interface StateRequest {
  /** The keys that all share, rather than one member's. */
  readonly shared: boolean;
  /** Whose keys. Empty: the agent's own, or everybody's in `state-list` and `state-watch`. */
  readonly member: string;
  readonly key: string;
  readonly prefix: string;
  /** Undefined: the request brings none. */
  readonly json: string | undefined;
  readonly bytes: Uint8Array | undefined;
  /** 0: for ever. */
  readonly ttlMs: number;
  readonly initial: boolean;
  /** `state-list`: only what stands behind this entry; empty for the first page. */
  readonly afterMember: string;
  readonly afterKey: string;
}

type Draft = { -readonly [K in keyof StateRequest]: StateRequest[K] };

const TEXTS = {
  Member: "member",
  Key: "key",
  Prefix: "prefix",
  AfterMember: "afterMember",
  AfterKey: "afterKey",
} as const;
const REQUEST_FIELDS = [...Object.keys(TEXTS), "Shared", "Initial", "TtlMs", "Json", "Bytes"];
const TEXT_COUNT = Object.keys(TEXTS).length;
const TEXT_NAMES = Object.values(TEXTS);

/** Throws RefusedRequest. */
export function decodeStateRequest(bytes: Uint8Array): StateRequest {
  const texts = { member: "", key: "", prefix: "", afterMember: "", afterKey: "" };
  const draft: Draft = { shared: false, json: undefined, bytes: undefined, ttlMs: 0, initial: false, ...texts };
  decodeStruct(bytes, REQUEST_FIELDS, (field, reader) => {
    if (field < TEXT_COUNT) draft[TEXT_NAMES[field]!] = reader.text();
    else if (field === TEXT_COUNT) draft.shared = reader.bool();
    else if (field === TEXT_COUNT + 1) draft.initial = reader.bool();
    else if (field === TEXT_COUNT + 2) draft.ttlMs = reader.uint(MAX_TTL_MS);
    else if (field === TEXT_COUNT + 3) draft.json = reader.tryNil() ? undefined : reader.text();
    else draft.bytes = reader.blobCopy() ?? undefined;
  });
  return draft;
}

// ---- values

/** The fields of a value, with `prefix` before their names. */
export function valueBody(value: StateValue | undefined, prefix = ""): Readonly<Record<string, MsgpackInput>> {
  if (value === undefined) return {};
  return value instanceof Uint8Array ? { [`${prefix}Bytes`]: value } : { [`${prefix}Json`]: JSON.stringify(value) };
}

/** Undefined when there is none. Throws RefusedRequest for what is no JSON. */
export function readValue(json: string | undefined, bytes: Uint8Array | undefined): StateValue | undefined {
  if (bytes !== undefined) return bytes;
  if (json === undefined) return undefined;
  try {
    return JSON.parse(json) as JsonValue;
  } catch {
    throw new RefusedRequest("a value that is no JSON");
  }
}

// ---- entries

/** A key, its value, and whose it is. */
export interface StateRecord {
  /** Whose key it is; of a shared one, who wrote it. */
  readonly member: string;
  readonly key: string;
  readonly value: StateValue;
  /** When it was written; known of shared keys only. */
  readonly time: Date | undefined;
}

export function stateRecordBody({ member, key, value, time }: StateRecord): Readonly<Record<string, MsgpackInput>> {
  return { Member: member, Key: key, ...valueBody(value), ...(time === undefined ? {} : { Time: time.getTime() }) };
}

/** Throws RefusedRequest. */
export function decodeStateRecord(bytes: Uint8Array): StateRecord {
  let record: StateRecord | undefined;
  decodeStruct(bytes, ["Entry"], (_field, reader) => {
    record = readStateRecord(reader);
  });
  if (record === undefined) throw new RefusedRequest("an answer without an entry");
  return record;
}

/** One page of a list, and whether there is more behind it. */
export interface StatePage {
  readonly entries: readonly StateRecord[];
  readonly more: boolean;
}

export function decodeStatePage(bytes: Uint8Array): StatePage {
  const entries: StateRecord[] = [];
  let more = false;
  decodeStruct(bytes, ["Entries", "More"], (field, reader) => {
    if (field === 1) {
      more = reader.bool();
      return;
    }
    const count = reader.array();
    for (let i = 0; i < count && reader.ok; i++) entries.push(readStateRecord(reader));
  });
  return { entries, more };
}

function readStateRecord(reader: Reader): StateRecord {
  let member = "";
  let key = "";
  let json: string | undefined;
  let bytes: Uint8Array | undefined;
  let time: Date | undefined;
  reader.struct(["Member", "Key", "Json", "Bytes", "Time"], (field) => {
    if (field === 0) member = reader.textLossy();
    else if (field === 1) key = reader.textLossy();
    else if (field === 2) json = reader.tryNil() ? undefined : reader.text();
    else if (field === 3) bytes = reader.blobCopy() ?? undefined;
    else time = readTime(reader);
  });
  const value = reader.ok ? readValue(json, bytes) : null;
  if (value === undefined) throw new RefusedRequest("an entry without a value");
  return { member, key, value, time };
}

/** ms since 1970. Throws RefusedRequest for what is no time. */
function readTime(reader: Reader): Date {
  const time = new Date(reader.float());
  if (reader.ok && Number.isNaN(time.getTime())) throw new RefusedRequest("a time that is none");
  return time;
}

// ---- changes

/** What `state-watch` tells. */
export interface StateChangeRecord extends Omit<StateRecord, "value" | "time"> {
  /** Undefined: was not there. */
  readonly before: StateValue | undefined;
  /** Undefined: deleted. */
  readonly after: StateValue | undefined;
  /** Written by the agent asked. */
  readonly isLocal: boolean;
  /** When the agent learnt of it. */
  readonly time: Date;
  /** Changes lost before this one, because the reader was slower than they came. */
  readonly dropped: number;
}

export function stateChangeBody(change: Watched<StateChange> | Watched<SharedChange>, dropped: number): MsgpackInput {
  return {
    Member: "writer" in change ? change.writer : change.member,
    Key: change.key,
    ...valueBody(change.before, "Before"),
    ...valueBody(change.after),
    Local: change.isLocal,
    Time: change.time.getTime(),
    Dropped: dropped,
  };
}

/** The last record of a watch. */
export const WATCH_DONE: MsgpackInput = { Done: true };

const CHANGE_FIELDS = [
  "Member",
  "Key",
  "BeforeJson",
  "BeforeBytes",
  "Json",
  "Bytes",
  "Local",
  "Time",
  "Dropped",
  "Done",
];

/** Throws RefusedRequest. */
export function decodeStateChange(bytes: Uint8Array): Decoded<StateChangeRecord> {
  const texts = ["", ""];
  const jsons: (string | undefined)[] = [undefined, undefined];
  const blobs: (Uint8Array | undefined)[] = [undefined, undefined];
  let isLocal = false;
  let time = new Date(0);
  let dropped = 0;
  let done = false;
  decodeStruct(bytes, CHANGE_FIELDS, (field, reader) => {
    if (field < 2) texts[field] = reader.textLossy();
    else if (field === 2 || field === 4) jsons[field / 2 - 1] = reader.tryNil() ? undefined : reader.text();
    else if (field === 3 || field === 5) blobs[(field - 3) / 2] = reader.blobCopy() ?? undefined;
    else if (field === 6) isLocal = reader.bool();
    else if (field === 7) time = readTime(reader);
    else if (field === 8) dropped = reader.uint(Number.MAX_SAFE_INTEGER);
    else done = reader.bool();
  });
  if (done) return DONE;
  const [before, after] = [readValue(jsons[0], blobs[0]), readValue(jsons[1], blobs[1])];
  return { member: texts[0]!, key: texts[1]!, before, after, isLocal, time, dropped };
}
