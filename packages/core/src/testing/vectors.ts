/** Reads the vectors made by the real Go programs. For tests only; not part of the package's door. */
import { readFileSync } from "node:fs";

export interface VectorFile<V> {
  readonly topic: string;
  readonly vectors: readonly V[];
}

export function memberlistVectors<V>(topic: string): readonly V[] {
  const url = new URL(`../../../../interop/vectors/memberlist/${topic}.json`, import.meta.url);
  return (JSON.parse(readFileSync(url, "utf8")) as VectorFile<V>).vectors;
}

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
