/**
 * Values of replicated state as bytes, and back: one leading byte says what follows. What another program wrote without
 * such a byte is read as the bytes it is.
 *
 *     0x00   bytes as they are
 *     0x01   JSON in UTF-8
 */

import { types } from "node:util";
import type { JsonValue, StateValue } from "../state-api.ts";
import { MAX_DEPTH, plainCopy, tooLarge } from "./plain-copy.ts";

const Kind = { bytes: 0, json: 1 } as const;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * A fresh copy.
 * @param mostBytes as stored
 * @throws NodeError BAD_VALUE, with the place in the value that JSON cannot hold; VALUE_TOO_LARGE
 */
export function encodeValue(value: unknown, mostBytes = Number.POSITIVE_INFINITY): Uint8Array {
  // Of any realm: under some test runners a Buffer is no instance of the Uint8Array that we see.
  const isBytes = types.isUint8Array(value);
  const content = isBytes ? value : encoder.encode(JSON.stringify(plainCopy(value, mostBytes)));
  if (content.length >= mostBytes) throw tooLarge(mostBytes);
  return withKind(isBytes ? Kind.bytes : Kind.json, content);
}

/** @param stored borrowed; what is returned is the caller's */
export function decodeValue(stored: Uint8Array): StateValue {
  if (stored[0] === Kind.bytes) return stored.slice(1);
  if (stored[0] !== Kind.json) return stored.slice();
  try {
    const text = decoder.decode(stored.subarray(1));
    // Parsed it could be; but whoever then writes it as JSON, compares or copies it runs out of stack.
    if (!isTooDeep(text)) return JSON.parse(text) as JsonValue;
  } catch {
    // Not ours after all.
  }
  return stored.slice();
}

/** Nested deeper than is ever written. */
function isTooDeep(text: string): boolean {
  // It takes a bracket of either kind for each.
  if (text.length <= 2 * MAX_DEPTH) return false;
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const letter = text[i];
    if (letter === '"') quoted = !quoted;
    else if (quoted) i += letter === "\\" ? 1 : 0;
    else if (letter === "[" || letter === "{") depth++;
    else if (letter === "]" || letter === "}") depth--;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
}

function withKind(kind: number, bytes: Uint8Array): Uint8Array {
  const stored = new Uint8Array(1 + bytes.length);
  stored[0] = kind;
  stored.set(bytes, 1);
  return stored;
}
