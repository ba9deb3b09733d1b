/**
 * Queries that one connection was told of, by the numbers it was told: 1, 2, … (Serf protocol notes, section 18.4). Each
 * record gets its own, so one query in two streams has two. Those whose time is over go when there are many.
 */
import type { IncomingQuery } from "@hearsay/node";

/** Most remembered; the oldest go first. */
export const MAX_PENDING = 1024;

export class PendingQueries {
  readonly #queries = new Map<bigint, IncomingQuery>();
  #last = 0n;

  get size(): number {
    return this.#queries.size;
  }

  /** Returns its number. */
  add(query: IncomingQuery): bigint {
    if (this.#queries.size >= MAX_PENDING) this.#makeRoom();
    const id = ++this.#last;
    this.#queries.set(id, query);
    return id;
  }

  get(id: bigint): IncomingQuery | undefined {
    return this.#queries.get(id);
  }

  #makeRoom(): void {
    const now = Date.now();
    for (const [id, { deadline }] of this.#queries) if (deadline.getTime() < now) this.#queries.delete(id);
    for (const id of this.#queries.keys()) {
      if (this.#queries.size < MAX_PENDING / 2) break;
      this.#queries.delete(id);
    }
  }
}
