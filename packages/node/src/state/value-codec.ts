/**
 * Values of replicated state as bytes, and back: one leading byte says what follows. What another program wrote without
 * such a byte is read as the bytes it is.
 *
 *     0x00   bytes as they are
 *     0x01   JSON in UTF-8
 */

import { NodeError } from "../errors.ts";
import type { JsonValue, StateValue } from "../state-api.ts";

const Kind = { bytes: 0, json: 1 } as const;

/** Lists and objects within each other; more is a mistake, or would be one for the stack. */
const MAX_DEPTH = 200;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * A fresh copy.
 * @throws NodeError BAD_VALUE, with the place in the value that JSON cannot hold
 */
export function encodeValue(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return withKind(Kind.bytes, value);
  checkJson(value, "value", []);
  return withKind(Kind.json, encoder.encode(JSON.stringify(value)));
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

/** @param around the lists and objects that this stands in */
function checkJson(value: unknown, place: string, around: readonly object[]): void {
  switch (typeof value) {
    case "string":
    case "boolean":
      return;
    case "number":
      if (!Number.isFinite(value)) throw badValue(place, `is ${value}`);
      return;
    case "object":
      if (value !== null) checkParts(value, place, around);
      return;
    default:
      throw badValue(place, `is ${typeof value === "undefined" ? "undefined" : `a ${typeof value}`}`);
  }
}

function checkParts(value: object, place: string, around: readonly object[]): void {
  if (around.includes(value)) throw badValue(place, "contains itself");
  if (around.length >= MAX_DEPTH) throw badValue(shortened(place), `is nested more than ${MAX_DEPTH} deep`);
  const inside = [...around, value];
  if (Array.isArray(value)) {
    // By number: `forEach` passes over holes, which JSON makes nulls.
    for (let i = 0; i < value.length; i++) checkJson(value[i], `${place}[${i}]`, inside);
    return;
  }
  if (!isPlain(value)) throw badValue(place, `is ${nameOf(value)}, no plain object`);
  if (Object.getOwnPropertySymbols(value).length > 0) throw badValue(place, "has a symbol for a key");
  for (const [key, part] of Object.entries(value)) checkJson(part, `${place}.${key}`, inside);
}

/** Made by `{}`, here or in another realm, or without a prototype. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return (
    prototype === null ||
    (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, "isPrototypeOf"))
  );
}

function nameOf(value: object): string {
  const { name } = value.constructor ?? {};
  return typeof name === "string" && name !== "" ? `of the class ${shortened(name)}` : "of a class";
}

function badValue(place: string, problem: string): NodeError {
  return new NodeError(
    "BAD_VALUE",
    `${shortened(place)} ${problem}; want bytes (a Uint8Array), or what JSON can hold`,
    {
      option: "value",
    },
  );
}

function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 40)}…${text.slice(-16)}` : text;
}
