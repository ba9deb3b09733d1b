/** What people hand to a node's methods, checked and made into what the machine takes. One line for each wrong thing. */

import { withCapabilities } from "@hearsay/extended";
import { encodeTags, type QueryWish, SerfError } from "@hearsay/serf";
import { NodeError, optionError } from "./errors.ts";
import type { QueryOptions } from "./serf-api.ts";

/** A query of which nobody gives an end is no query: ms. What comes in is held no longer either. */
const MAX_QUERY_TIMEOUT_MS = 24 * 3600 * 1000;

const encoder = new TextEncoder();

/**
 * @param isExtended the reserved tag goes with them
 * @throws NodeError TAGS_TOO_LARGE
 */
export function checkTagLength(tags: Readonly<Record<string, string>>, isExtended: boolean): void {
  try {
    encodeTags(isExtended ? withCapabilities(tags) : tags);
  } catch (error) {
    if (!(error instanceof SerfError)) throw error;
    throw new NodeError("TAGS_TOO_LARGE", "tags: encoded they exceed 512 bytes; set fewer or shorter ones", {
      cause: error,
      option: "tags",
    });
  }
}

/** @throws NodeError BAD_OPTION */
export function checkTargets(targets: unknown): readonly string[] {
  if (!Array.isArray(targets)) throw optionError("targets", targets, "is no list; want texts such as 10.0.0.1:7946");
  for (const target of targets) {
    if (typeof target !== "string") throw optionError("targets", target, "is no text; want host[:port]");
  }
  return targets as readonly string[];
}

/** The payload as bytes of its own; null when there is none. Texts become UTF-8. */
export function checkPayload(payload: unknown): Uint8Array | null {
  if (payload === undefined || payload === null) return null;
  if (typeof payload === "string") return encoder.encode(payload);
  if (payload instanceof Uint8Array) return new Uint8Array(payload);
  throw optionError("payload", payload, "is neither bytes (a Uint8Array) nor text");
}

/** The name of an event or query. Its length is limited with the payload's. */
export function checkEventName(name: unknown): string {
  return checkText("name", name, "is no name; want a text");
}

export function checkQuery(name: unknown, payload: unknown, options: QueryOptions): QueryWish {
  if (typeof options !== "object" || options === null) throw optionError("options", options, "is no object");
  const { filterNodes, filterTags, acks, relayFactor, timeout, endEarly, uncheckedPatterns, signal } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw optionError("signal", signal, "is no AbortSignal");
  checkFlag("acks", acks);
  checkFlag("endEarly", endEarly);
  checkFlag("uncheckedPatterns", uncheckedPatterns);
  return {
    name: checkEventName(name),
    payload: checkPayload(payload),
    ...(filterNodes === undefined ? {} : { filterNodes: checkNodes(filterNodes) }),
    ...(filterTags === undefined ? {} : { filterTags: checkTagFilters(filterTags) }),
    uncheckedPatterns: uncheckedPatterns ?? false,
    requestAck: acks ?? true,
    relayFactor: checkNumber("relayFactor", relayFactor ?? 0, 255, Number.isInteger, "a whole number from 0 to 255"),
    timeoutMs: checkNumber(
      "timeout",
      timeout ?? 0,
      MAX_QUERY_TIMEOUT_MS,
      Number.isFinite,
      `milliseconds from 0 (the default for the pool's size) to ${MAX_QUERY_TIMEOUT_MS} (a day)`,
    ),
    endEarly: endEarly ?? false,
  };
}

/** The signal of a query's options; what is none is for `checkQuery` to refuse. */
export function querySignal(options: QueryOptions): AbortSignal | undefined {
  return options?.signal instanceof AbortSignal ? options.signal : undefined;
}

function checkText(option: string, text: unknown, problem: string): string {
  if (typeof text !== "string") throw optionError(option, text, problem);
  if (/\p{Surrogate}/u.test(text)) throw optionError(option, text, "is not well-formed Unicode");
  return text;
}

function checkNodes(nodes: unknown): string[] {
  if (!Array.isArray(nodes)) throw optionError("filterNodes", nodes, "is no list; want names of members");
  // To Serf an empty list is none, and everybody answers: too much of a surprise for a list that was computed.
  if (nodes.length === 0) throw optionError("filterNodes", nodes, "names nobody; leave it out to ask everybody");
  return nodes.map((name: unknown, i) => checkText(`filterNodes[${i}]`, name, "is no member's name"));
}

function checkTagFilters(filters: unknown): Record<string, string> {
  if (typeof filters !== "object" || filters === null || Array.isArray(filters)) {
    throw optionError("filterTags", filters, 'is no object; want patterns by tag, such as { role: "web" }');
  }
  for (const [tag, pattern] of Object.entries(filters)) {
    checkText(`filterTags.${tag}`, pattern, "is no pattern; want a text such as ^web$");
  }
  return { ...(filters as Record<string, string>) };
}

/** A switch of a method's options; undefined is not said. */
export function checkFlag(option: string, value: unknown): void {
  if (value !== undefined && typeof value !== "boolean") throw optionError(option, value, "is neither true nor false");
}

function checkNumber(
  option: string,
  value: unknown,
  greatest: number,
  isKind: (value: unknown) => boolean,
  want: string,
): number {
  if (typeof value === "number" && isKind(value) && value >= 0 && value <= greatest) return value;
  throw optionError(option, value, `is out of range; want ${want}`);
}
