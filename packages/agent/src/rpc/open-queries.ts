/**
 * Queries that one connection has asked and that are under way: each sends its records as they come, in the client's own
 * time, and `done` at the end. A client that stops one, or goes, ends it in the node as well.
 */
import type { QueryCall, SerfNode } from "@hearsay/node";
import type { Answer } from "./commands.ts";
import { RPC_ERRORS, serfText } from "./errors.ts";
import { type QueryBody, queryRecordBody } from "./event-messages.ts";
import { encode } from "./messages.ts";
import type { Outlet } from "./outlet.ts";

/**
 * Queries under way for one connection, and for all connections of a server: a node has room for more, which stays free for
 * its own and those of handlers. Serf knows no limit.
 */
export const MAX_QUERIES = 64;
export const MAX_QUERIES_OF_ALL = 512;
/** ms without taking a byte, while answers wait, after which a client is given up. */
const STALLED_MS = 60_000;

interface OpenQuery {
  readonly seq: bigint;
  readonly call: QueryCall;
  /** Nobody wants to hear of it any more. */
  ended: boolean;
}

/** How many there are in the whole server. */
export interface QueryCount {
  open: number;
}

export class OpenQueries {
  readonly #outlet: Outlet;
  readonly #count: QueryCount;
  readonly #onStall: () => void;
  readonly #queries = new Set<OpenQuery>();

  /** @param onStall called when the client takes nothing; it is to be disconnected, since `done` cannot reach it. */
  constructor(outlet: Outlet, count: QueryCount, onStall: () => void) {
    this.#outlet = outlet;
    this.#count = count;
    this.#onStall = onStall;
  }

  get size(): number {
    return this.#queries.size;
  }

  /** Resolves when the query is on its way, or cannot be. */
  async open(node: SerfNode, seq: bigint, body: QueryBody): Promise<Answer> {
    if (this.#queries.size >= MAX_QUERIES) {
      return { error: `too many queries at once: ${MAX_QUERIES} are open on this connection` };
    }
    if (this.#count.open >= MAX_QUERIES_OF_ALL) {
      return { error: `too many queries at once: ${MAX_QUERIES_OF_ALL} are open on this agent` };
    }
    let query: OpenQuery | undefined;
    try {
      query = { seq, call: ask(node, body), ended: false };
      this.#queries.add(query);
      this.#count.open++;
      await query.call.started;
    } catch (error) {
      if (query !== undefined) this.#close(query);
      return { error: serfText(error, { UNSUPPORTED: RPC_ERRORS.unsupportedFeature }) };
    }
    const started = query;
    return { after: () => void this.#pump(started) };
  }

  async #pump(query: OpenQuery): Promise<void> {
    try {
      for await (const record of query.call.records()) if (!(await this.#send(query, record))) return;
    } catch {
      // The node has left the pool or closed: no answer comes any more, which is what `done` says.
    } finally {
      this.#close(query);
    }
    if (!query.ended) await this.#send(query, undefined);
  }

  /** False: nobody is there to take more. */
  async #send(query: OpenQuery, record: Parameters<typeof queryRecordBody>[0]): Promise<boolean> {
    const header = encode({ Error: "", Seq: query.seq });
    const sent = { header, body: encode(queryRecordBody(record)) };
    while (!query.ended) {
      // Others of this connection wait for the same room, and may have been first.
      if (this.#outlet.record(sent)) return true;
      if (await this.#outlet.room(STALLED_MS)) continue;
      query.ended = true;
      if (!this.#outlet.closed) this.#onStall();
    }
    return false;
  }

  /** Ends the queries of that sequence number, if there are any: without another record. */
  stop(seq: bigint): void {
    for (const query of this.#queries) if (query.seq === seq) this.#end(query);
  }

  /** The client is gone. */
  clear(): void {
    for (const query of this.#queries) this.#end(query);
  }

  #end(query: OpenQuery): void {
    query.ended = true;
    this.#close(query);
  }

  #close(query: OpenQuery): void {
    query.call.close();
    if (this.#queries.delete(query)) this.#count.open--;
  }
}

function ask(node: SerfNode, body: QueryBody): QueryCall {
  const { payload, filterNodes, filterTags, timeout } = body;
  return node.query(body.name, payload.length === 0 ? undefined : payload, {
    // No names and no tags are no filter.
    ...(filterNodes.length > 0 ? { filterNodes } : {}),
    ...(Object.keys(filterTags).length > 0 ? { filterTags } : {}),
    // Serf's agents take a pattern that is broken, and then nobody passes it.
    uncheckedPatterns: true,
    ...(timeout === 0n ? {} : { timeout: Number(timeout) / 1e6 }),
    acks: body.requestAck,
    relayFactor: body.relayFactor,
    endEarly: body.endEarly,
  });
}
