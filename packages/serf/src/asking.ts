/** A query of ours: checked, and put into words (serf protocol notes, sections 9.1 and 9.2). */
import { encodeUtf8, Writer } from "@hearsay/wire";
import { encodeQuery } from "./encode.ts";
import { SerfError } from "./errors.ts";
import { FilterType } from "./filters.ts";
import { type Query, QueryFlag } from "./messages.ts";
import { Pattern } from "./pattern.ts";
import type { QueryWish } from "./types.ts";

/** Longest time that answers are taken: ms, a day. Members hold a query open for no longer. */
export const maxQueryTimeoutMs = 24 * 3600 * 1000;

/**
 * At most one filter of names, then one for each tag, as Serf's agents send them. Throws SerfError "query-filter": a
 * broken pattern would silently match nobody, of which Serf says nothing; `uncheckedPatterns` is for its clients.
 */
export function encodeFilters(wish: QueryWish): Uint8Array[] | null {
  const filters: Uint8Array[] = [];
  const names = wish.filterNodes ?? [];
  if (names.length > 0) {
    const writer = new Writer().byte(FilterType.node).array(names.length);
    for (const name of names) writer.text(name);
    filters.push(writer.finish());
  }
  for (const [tag, expression] of Object.entries(wish.filterTags ?? {})) {
    if (!wish.uncheckedPatterns && !Pattern.compile(expression)) {
      throw new SerfError("query-filter", `tag "${tag}": "${expression}" is no pattern of RE2's syntax, or too long`);
    }
    const writer = new Writer().byte(FilterType.tag).map(2);
    writer.text("Expr").text(expression).text("Tag").text(tag);
    filters.push(writer.finish());
  }
  return filters.length > 0 ? filters : null;
}

/** gossip interval * mult * ceil(log10(alive + 1)): ms. */
export function defaultQueryTimeoutMs(gossipIntervalMs: number, mult: number, alive: number): number {
  return gossipIntervalMs * mult * Math.ceil(Math.log10(alive + 1));
}

export interface Stamp {
  readonly lTime: number;
  readonly id: number;
  readonly addr: Uint8Array;
  readonly port: number;
  readonly sourceNode: string;
  /** 0 … `maxQueryTimeoutMs`. */
  readonly timeoutMs: number;
}

/**
 * The query and its message.
 * @param limit largest encoded query by the settings, and what a packet can carry: bytes
 * Throws SerfError "query-filter", "query-too-long"; RangeError for a relay factor that is none.
 */
export function wordQuery(
  wish: QueryWish,
  stamp: Stamp,
  { limit, packetLimit }: { readonly limit: number; readonly packetLimit: number },
): { readonly query: Query; readonly message: Uint8Array } {
  const { timeoutMs, ...rest } = stamp;
  const { relayFactor = 0 } = wish;
  if (!Number.isInteger(relayFactor) || relayFactor < 0 || relayFactor > 255) {
    throw new RangeError(`relayFactor: a whole number from 0 to 255, not ${relayFactor}`);
  }
  const query: Query = {
    ...rest,
    filters: encodeFilters(wish),
    flags: wish.requestAck ? QueryFlag.ack : 0,
    relayFactor,
    timeoutNs: Math.round(timeoutMs * 1e6),
    name: wish.name,
    payload: wish.payload,
  };
  // Before it is encoded: a payload of megabytes need not be.
  const raw = encodeUtf8(wish.name).length + (wish.payload?.length ?? 0);
  const message = raw > limit ? undefined : encodeQuery(query);
  if (!message || message.length > limit)
    throw new SerfError("query-too-long", `query exceeds limit of ${limit} bytes`);
  if (message.length > packetLimit) {
    const text = `encoded query of ${message.length} bytes fits no packet: ${packetLimit} is the most`;
    throw new SerfError("query-too-long", text);
  }
  return { query, message };
}
