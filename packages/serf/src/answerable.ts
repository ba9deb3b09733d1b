/** Queries that were delivered and can still be answered: once each, before their deadline (serf protocol notes, 9.4). */
import { SerfError } from "./errors.ts";
import type { Addressee, Responses } from "./responses.ts";

/** Most queries remembered; the oldest go first. At the rate that queries are taken, those of the last half minute. */
export const maxAnswerable = 16_384;

interface Waiting {
  readonly query: Addressee;
  readonly deadline: number;
  answered: boolean;
}

export class Answerable {
  readonly #waiting = new Map<string, Waiting>();
  readonly #responses: Responses;
  #sweepAt = 64;

  constructor(responses: Responses) {
    this.#responses = responses;
  }

  get length(): number {
    return this.#waiting.size;
  }

  /** @param deadline ms: when an answer comes too late */
  add(query: Addressee, deadline: number, now: number): void {
    // In proportion to what was added, so that each costs the same however many there are.
    if (this.#waiting.size >= this.#sweepAt) this.#sweep(now);
    const { lTime, id, addr, port, sourceNode, relayFactor } = query;
    // What is no address is not worth keeping, however long: a stream can bring far more than a packet.
    const isAddress = addr?.length === 4 || addr?.length === 16;
    const kept = { lTime, id, addr: isAddress ? addr.slice() : null, port, sourceNode, relayFactor };
    this.#waiting.set(keyOf(lTime, id), { query: kept, deadline, answered: false });
  }

  /**
   * Sends the answer. Throws SerfError, in this order: "response-too-long" (it can still be answered), "response-sent",
   * "response-late" (or the query is not known).
   */
  respond(lTime: number, id: number, payload: Uint8Array, now: number): void {
    const waiting = this.#waiting.get(keyOf(lTime, id));
    if (waiting && !this.#responses.fits(waiting.query, payload.length)) {
      throw new SerfError("response-too-long", `response exceeds limit of ${this.#responses.limit} bytes`);
    }
    if (waiting?.answered) throw new SerfError("response-sent", "response already sent");
    if (!waiting || now > waiting.deadline) {
      throw new SerfError("response-late", "response is past the deadline");
    }
    waiting.answered = true;
    this.#responses.respond(waiting.query, payload, now);
  }

  #sweep(now: number): void {
    for (const [key, { deadline }] of this.#waiting) if (now > deadline) this.#waiting.delete(key);
    if (this.#waiting.size >= maxAnswerable) {
      // A good part at once, or every further one would cost a look at all.
      for (const key of this.#waiting.keys()) {
        this.#waiting.delete(key);
        if (this.#waiting.size <= 0.75 * maxAnswerable) break;
      }
    }
    this.#sweepAt = Math.min(maxAnswerable, Math.max(64, 2 * this.#waiting.size));
  }
}

function keyOf(lTime: number, id: number): string {
  return `${lTime} ${id}`;
}
