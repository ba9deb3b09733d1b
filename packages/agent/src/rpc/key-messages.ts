/** The body that follows every key command, also when it failed (Serf protocol notes, sections 11.3 and 18.3). */
import type { KeyResult } from "@hearsay/node";
import type { MsgpackInput, Reader } from "@hearsay/wire";
import { decodeStruct } from "./messages.ts";

const INT32 = 0x7fff_ffff;

/** Of an operation that reached nobody. */
export const NO_KEY_BODY: MsgpackInput = { Messages: {}, Keys: null, NumNodes: 0, NumErr: 0, NumResp: 0 };

/**
 * Two fields are ours, and clients of Serf skip them: `PrimaryKeys`, how many members encrypt with each key, which comes with
 * a list only; and `Silent`, the names of those who have not answered, if there are any.
 */
export function keyBody(result: KeyResult, list: boolean): MsgpackInput {
  return {
    Messages: result.messages,
    Keys: list ? result.keys : null,
    NumNodes: result.nodes,
    NumErr: result.errors,
    NumResp: result.responses,
    ...(list ? { PrimaryKeys: result.primaryKeys } : {}),
    ...(result.silent.length > 0 ? { Silent: result.silent } : {}),
  };
}

/** What came of a key operation, as a client sees it. */
export interface KeyBody {
  /** The agent's words; empty when everybody has done it. */
  readonly error: string;
  /** By member: reasons of failures, and remarks. */
  readonly messages: Record<string, string>;
  /** How many members have each key (base64); of a list only. */
  readonly keys: Record<string, number>;
  /** How many members encrypt with each key; of a list only, and only from Hearsay's agents. */
  readonly primaryKeys: Record<string, number>;
  /** Who has not answered, in name order; only from Hearsay's agents. */
  readonly silent: readonly string[];
  /** Alive when it was asked. */
  readonly numNodes: number;
  readonly numErr: number;
  readonly numResp: number;
}

const FIELDS = ["Messages", "Keys", "NumNodes", "NumErr", "NumResp", "PrimaryKeys", "Silent"] as const;

/** Throws RefusedRequest. */
export function decodeKeyBody(bytes: Uint8Array, error: string): KeyBody {
  let messages: Record<string, string> = {};
  let keys: Record<string, number> = {};
  let primaryKeys: Record<string, number> = {};
  let silent: readonly string[] = [];
  const counts = [0, 0, 0];
  const count = (reader: Reader) => reader.int(-INT32 - 1, INT32);
  decodeStruct(bytes, FIELDS, (field, reader) => {
    if (field === 0) messages = readMap(reader, () => reader.textLossy());
    else if (field === 1) keys = readMap(reader, () => count(reader));
    else if (field === 5) primaryKeys = readMap(reader, () => count(reader));
    else if (field === 6) silent = readTexts(reader);
    else counts[field - 2] = count(reader);
  });
  const [numNodes, numErr, numResp] = counts as [number, number, number];
  return { error, messages, keys, primaryKeys, silent, numNodes, numErr, numResp };
}

function readTexts(reader: Reader): string[] {
  const texts: string[] = [];
  const count = reader.array();
  for (let i = 0; i < count && reader.ok; i++) texts.push(reader.textLossy());
  return texts;
}

function readMap<T>(reader: Reader, readValue: () => T): Record<string, T> {
  const pairs: (readonly [string, T])[] = [];
  const count = reader.map();
  for (let i = 0; i < count && reader.ok; i++) pairs.push([reader.textLossy(), readValue()]);
  return Object.fromEntries(pairs);
}
