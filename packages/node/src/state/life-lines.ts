/**
 * What one life has counted, as a line of a file: a checksum and JSON. Lines may be read in any order and more than once.
 *
 *     1c291ca3 {"id":"…","writer":"web-1","from":0,"to":3,"tallies":[["hits",3,0,3]]}
 */

import { crc32 } from "node:zlib";
import type { LifeDelta } from "@hearsay/state";

export function lifeLine({ id, writer, from, to, tallies }: LifeDelta): string {
  const rows = tallies.map(({ counter, plus, minus, version }) => [counter, plus, minus, version]);
  const json = JSON.stringify({ id, writer, from, to, tallies: rows });
  return `${checksum(json)} ${json}\n`;
}

/** Undefined when it is no such line, or a damaged one. @param line without its line feed */
export function parseLifeLine(line: string): LifeDelta | undefined {
  const json = line.slice(9);
  if (line[8] !== " " || line.slice(0, 8) !== checksum(json)) return undefined;
  try {
    return lifeOf(JSON.parse(json));
  } catch {
    return undefined;
  }
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}

function lifeOf(value: unknown): LifeDelta | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { id, writer, from, to, tallies } = value as Partial<Record<keyof LifeDelta, unknown>>;
  if (typeof id !== "string" || !/^[0-9a-f]{16}$/.test(id) || typeof writer !== "string" || writer.length > 255)
    return undefined;
  if (!isCount(from) || !isCount(to) || from > to || !Array.isArray(tallies)) return undefined;
  const rows = tallies.map((row: unknown) => tallyOf(row, to));
  return rows.includes(undefined) ? undefined : { id, writer, from, to, tallies: rows as LifeDelta["tallies"] };
}

function tallyOf(row: unknown, to: number): LifeDelta["tallies"][number] | undefined {
  if (!Array.isArray(row)) return undefined;
  const [counter, plus, minus, version] = row as unknown[];
  if (typeof counter !== "string" || !isCount(plus) || !isCount(minus) || !isCount(version)) return undefined;
  const bytes = Buffer.byteLength(counter);
  return bytes >= 1 && bytes <= 128 && version <= to ? { counter, plus, minus, version } : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
