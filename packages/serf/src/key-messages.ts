/** Key requests and responses (serf protocol notes, sections 4.1, 10 and 11): payloads of queries and their answers. */
import { Reader, Writer } from "@hearsay/wire";
import { SerfType } from "./messages.ts";

export interface KeyResponse {
  result: boolean;
  /** Why not, or a remark. */
  message: string;
  /** List only: base64. */
  keys: string[] | null;
  /** List only: base64; else empty. */
  primaryKey: string;
}

/** More keys than any ring has; the surplus of a list is passed over. */
const maxListedKeys = 1024;

const requestFields = ["Key"] as const;
const responseFields = ["Result", "Message", "Keys", "PrimaryKey"] as const;

/** `key`: raw bytes; empty to list. */
export function encodeKeyRequest(key: Uint8Array): Uint8Array {
  const writer = new Writer({ initialBytes: 64 }).byte(SerfType.keyRequest).map(1);
  writer.text("Key").bytes(key);
  return writer.finish();
}

/** The key, a view of the input; undefined if it is no key request. */
export function readKeyRequest(payload: Uint8Array | null): Uint8Array | undefined {
  if (payload?.[0] !== SerfType.keyRequest) return undefined;
  const reader = new Reader(payload, 1);
  let key: Uint8Array | null = null;
  reader.struct(requestFields, () => {
    key = reader.blobView();
  });
  return reader.ok ? (key ?? new Uint8Array(0)) : undefined;
}

export function encodeKeyResponse(response: KeyResponse): Uint8Array {
  const writer = new Writer({ initialBytes: 128 }).byte(SerfType.keyResponse).map(4);
  writer.text("Keys");
  if (response.keys === null) writer.nil();
  else {
    writer.array(response.keys.length);
    for (const key of response.keys) writer.text(key);
  }
  writer.text("Message").text(response.message);
  writer.text("PrimaryKey").text(response.primaryKey);
  writer.text("Result").bool(response.result);
  return writer.finish();
}

/** Undefined when the value cannot be read; the type byte is the caller's to look at. */
export function readKeyResponse(payload: Uint8Array): KeyResponse | undefined {
  const reader = new Reader(payload, 1);
  const response: KeyResponse = { result: false, message: "", keys: null, primaryKey: "" };
  reader.struct(responseFields, (field) => {
    if (field === 0) response.result = reader.bool();
    else if (field === 1) response.message = reader.textLossy();
    else if (field === 3) response.primaryKey = reader.textLossy();
    else {
      const count = reader.array();
      if (count < 0) return;
      response.keys = [];
      for (let i = 0; i < count && reader.ok; i++) {
        const key = reader.textLossy();
        if (response.keys.length < maxListedKeys) response.keys.push(key);
      }
    }
  });
  return reader.ok ? response : undefined;
}
