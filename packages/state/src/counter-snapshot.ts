/**
 * Counters in bytes, for a file: four bytes "HCNT", the format's number, one MessagePack array of lives as in a delta (a
 * large one in several pieces), and the CRC-32 of all before it, 4 bytes.
 */
import { crc32, Reader, Writer } from "@hearsay/wire";
import { readLife, writeLife } from "./counter-codec.ts";
import { CounterError } from "./counter-errors.ts";
import type { LifeDelta } from "./counter-table.ts";

const magic = [0x48, 0x43, 0x4e, 0x54];
const format = 1;
const headBytes = 5;
const checkBytes = 4;

export function encodeLives(lives: readonly LifeDelta[]): Uint8Array {
  const writer = new Writer({ dialect: "new", initialBytes: 4_096 });
  for (const byte of [...magic, format]) writer.byte(byte);
  writer.array(lives.length);
  for (const life of lives) writeLife(writer, life);
  const body = writer.finish();
  const bytes = new Uint8Array(body.length + checkBytes);
  bytes.set(body);
  new DataView(bytes.buffer).setUint32(body.length, crc32(body));
  return bytes;
}

/** Throws CounterError "counter-snapshot". */
export function decodeLives(bytes: Uint8Array): LifeDelta[] {
  const end = bytes.length - checkBytes;
  if (end < headBytes || magic.some((byte, i) => bytes[i] !== byte)) throw invalid("these are no counters");
  if (bytes[4] !== format) throw invalid(`they are of format ${bytes[4]}, where ${format} can be read`);
  const body = bytes.subarray(0, end);
  if (new DataView(bytes.buffer, bytes.byteOffset).getUint32(end) !== crc32(body)) throw invalid("they are damaged");
  const reader = new Reader(body, headBytes);
  const lives: LifeDelta[] = [];
  for (let left = reader.array(); left > 0 && reader.ok; left--) lives.push(readLife(reader));
  if (!reader.ok || reader.remaining > 0) throw invalid("they are malformed");
  return lives;
}

function invalid(why: string): CounterError {
  return new CounterError("counter-snapshot", `saved counters cannot be restored: ${why}`);
}
