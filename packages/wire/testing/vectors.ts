/** The recorded vectors of `interop/vectors`, and their spelling of bytes. For tests only. */
import { readFileSync } from "node:fs";

export interface Vector {
  readonly name: string;
  readonly description: string;
  readonly inputs: Record<string, unknown> | null;
  readonly hex: string;
  readonly hexNewest?: string;
  readonly expect: Record<string, unknown>;
}

/** All vectors of one file, e.g. "memberlist/messages". */
export function vectors(file: string): Vector[] {
  const url = new URL(`../../../interop/vectors/${file}.json`, import.meta.url);
  return (JSON.parse(readFileSync(url, "utf8")) as { vectors: Vector[] }).vectors;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** Bytes that are no Buffer, so that what works here works without Node. */
export function unhex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "hex"));
}

/** Fields as the vectors have them: bytes as `{ hex }`, nil as null, keys in the wire's spelling. */
export type Fields = Record<string, unknown>;

/** The bytes of a field: null stays null. */
export function bytesOf(value: unknown): Uint8Array | null {
  return value === null || value === undefined ? null : unhex((value as { hex: string }).hex);
}

function blob(bytes: Uint8Array | null): unknown {
  return bytes === null ? null : { hex: hex(bytes) };
}

/** A record in the vectors' spelling. */
export function toFields(record: object): Fields {
  const fields: Fields = {};
  for (const [key, value] of Object.entries(record)) {
    if (key === "type") continue;
    const name = `${key[0]!.toUpperCase()}${key.slice(1)}`;
    fields[name] = value instanceof Uint8Array ? blob(value) : value;
  }
  return fields;
}

/** A record with the keys of `like`, filled from fields in the vectors' spelling. */
export function fromFields<T extends object>(fields: Fields, like: T): T {
  const record = Object.fromEntries(Object.entries(like)) as Record<string, unknown>;
  for (const [key, value] of Object.entries(fields)) {
    const name = `${key[0]!.toLowerCase()}${key.slice(1)}`;
    if (!(name in like)) throw new Error(`no field ${key}`);
    record[name] = value !== null && typeof value === "object" ? bytesOf(value) : value;
  }
  return record as unknown as T;
}

/** Pseudo-random bytes of the compress vectors. */
export function lcgBytes(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let x = BigInt(seed);
  for (let i = 0; i < length; i++) {
    x = (x * 1103515245n + 12345n) & 0x7fffffffn;
    bytes[i] = Number((x >> 16n) & 255n);
  }
  return bytes;
}
