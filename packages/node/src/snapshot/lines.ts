/**
 * The lines of a snapshot: one record each, ended by a line feed (Serf protocol notes, section 15). Text in, records out,
 * and the other way round; what they add up to is `state.ts`.
 *
 * A name may hold anything, spaces included: the last space of the line parts it from the address. Only a line feed would
 * end the line early, and what follows it in the name would then count as a record of its own; such a name is not written.
 */

import { addressBytes, formatEndpoint } from "@hearsay/core";
import { maxLTime } from "@hearsay/serf";

export type SnapshotRecord =
  | { readonly type: "alive"; readonly name: string; readonly address: string; readonly port: number }
  | { readonly type: "not-alive"; readonly name: string }
  | { readonly type: "clock" | "event-clock" | "query-clock"; readonly time: number }
  | { readonly type: "leave" }
  /** To Serf a comment, as the next: see `seen-events.ts`. */
  | { readonly type: "seen-range"; readonly from: number; readonly to: number }
  | { readonly type: "seen-event"; readonly time: number; readonly hash: string }
  /** Understood, and of no consequence: comments, and what old releases noted. */
  | { readonly type: "nothing" };

/** Longest line read: bytes. The longest that a pool of ours can cause, with a name of 255 bytes, is less than half. */
export const MAX_LINE_BYTES = 1024;

/** What every line that is not just `leave` or a comment begins with. */
const PREFIXES = ["alive: ", "not-alive: ", "clock: ", "event-clock: ", "query-clock: ", "coordinate: "] as const;

/** Whether a line of this name would be one line. */
export function isNameWritable(name: string): boolean {
  return name !== "" && !name.includes("\n");
}

/** The record as a line, its end included. The name must be writable. */
export function formatLine(record: SnapshotRecord): string {
  switch (record.type) {
    case "alive":
      return `alive: ${record.name} ${formatEndpoint(record)}\n`;
    case "not-alive":
      return `not-alive: ${record.name}\n`;
    case "leave":
      return "leave\n";
    case "seen-range":
      return `# seen-range: ${record.from} ${record.to}\n`;
    case "seen-event":
      return `# seen-event: ${record.time} ${record.hash}\n`;
    case "nothing":
      return "";
    default:
      return `${record.type}: ${record.time}\n`;
  }
}

/** @param line without its end. Undefined when it is no record. */
export function parseLine(line: string): SnapshotRecord | undefined {
  if (line === "leave") return { type: "leave" };
  if (line.startsWith("#")) return parseComment(line);
  const prefix = PREFIXES.find((each) => line.startsWith(each));
  if (prefix === undefined) return undefined;
  const rest = line.slice(prefix.length);
  switch (prefix) {
    case "alive: ":
      return parseAlive(rest);
    case "not-alive: ":
      return rest === "" ? undefined : { type: "not-alive", name: rest };
    case "coordinate: ":
      return { type: "nothing" };
    default:
      return parseClock(prefix, rest);
  }
}

/** Whether a line that was broken off could have become a record. */
export function isBegun(line: string): boolean {
  if (line.startsWith("#") || "leave".startsWith(line)) return true;
  return PREFIXES.some((prefix) => line.startsWith(prefix) || prefix.startsWith(line));
}

/** One that is not quite ours is anybody's. */
function parseComment(line: string): SnapshotRecord {
  const at = /^# seen-(?:range: (\d{1,16}) (\d{1,16})|event: (\d{1,16}) ([0-9a-f]{16}))$/.exec(line);
  const [from, to, time] = [at?.[1], at?.[2], at?.[3]].map(Number) as [number, number, number];
  // Of an event that no clock of ours can stand above there is nothing to remember.
  if (from < maxLTime && to < maxLTime) return { type: "seen-range", from, to };
  if (time < maxLTime) return { type: "seen-event", time, hash: at![4]! };
  return { type: "nothing" };
}

function parseAlive(rest: string): SnapshotRecord | undefined {
  const space = rest.lastIndexOf(" ");
  if (space < 1) return undefined;
  const at = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(rest.slice(space + 1));
  const address = at?.[1] ?? at?.[2];
  const isBracketed = at?.[1] !== undefined;
  if (address?.includes(":") !== isBracketed || addressBytes(address) === undefined) return undefined;
  const port = Number(at![3]);
  if (port < 1 || port > 65_535) return undefined;
  return { type: "alive", name: rest.slice(0, space), address, port };
}

function parseClock(prefix: "clock: " | "event-clock: " | "query-clock: ", digits: string): SnapshotRecord | undefined {
  if (!/^\d{1,20}$/.test(digits)) return undefined;
  const time = Number(digits);
  // Serf would take any u64; a time that no clock of ours can stand above is a broken or a forged one.
  if (time >= maxLTime) return undefined;
  return { type: prefix.slice(0, -2) as "clock" | "event-clock" | "query-clock", time };
}
