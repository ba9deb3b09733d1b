/**
 * Queries that one connection was told of and may still answer, under the numbers that `respond` brings: from 1, a new one
 * for each record delivered. A query is forgotten at its deadline, so that a late answer finds none, as with Serf.
 */
import type { IncomingQuery } from "@hearsay/node";

/** Queries remembered for one connection; beyond that the oldest can no longer be answered. Serf knows no limit. */
export const MAX_PENDING_QUERIES = 1024;

export class PendingQueries {
  readonly #byId = new Map<bigint, IncomingQuery>();
  #lastId = 0n;

  /** What the next query will be called. */
  get nextId(): bigint {
    return this.#lastId + 1n;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Remembers a query that was delivered under `nextId`. */
  add(query: IncomingQuery, now = Date.now()): void {
    if (this.#byId.size >= MAX_PENDING_QUERIES) this.#makeRoom(now);
    this.#byId.set(++this.#lastId, query);
  }

  find(id: bigint, now = Date.now()): IncomingQuery | undefined {
    const query = this.#byId.get(id);
    if (query === undefined || query.deadline.getTime() >= now) return query;
    this.#byId.delete(id);
    return undefined;
  }

  clear(): void {
    this.#byId.clear();
  }

  #makeRoom(now: number): void {
    for (const [id, query] of this.#byId) if (query.deadline.getTime() < now) this.#byId.delete(id);
    for (const id of this.#byId.keys()) {
      if (this.#byId.size < MAX_PENDING_QUERIES) return;
      this.#byId.delete(id);
    }
  }
}
