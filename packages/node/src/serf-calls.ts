/**
 * What a node asks of its pool beyond membership: events told, queries asked and answered, keys changed. Hands wishes to the
 * machine and its events back to those who wait. Knows neither members nor sockets.
 */

import type { KeyOperation, QueryTicket, QueryWish, SerfEvent, SerfQueryEvent, SerfUserEvent } from "@hearsay/serf";
import { checkPayload } from "./call-checks.ts";
import { abortable } from "./errors.ts";
import { KeyQueue } from "./key-queue.ts";
import { keyResult, poolKeys } from "./pool-keys.ts";
import { RunningQuery } from "./query-call.ts";
import type { IncomingQuery, KeyResult, PoolKeys, QueryCall, UserEvent } from "./serf-api.ts";
import { inOurWords } from "./serf-errors.ts";
import type { WallClock } from "./wall-clock.ts";

/** The machine's verbs that are used here. */
export interface SerfVerbs {
  userEvent(name: string, payload: Uint8Array | null, coalesce: boolean, now: number): number;
  query(wish: QueryWish, now: number): QueryTicket;
  endQuery(handle: number, now: number): void;
  respond(lTime: number, id: number, payload: Uint8Array, now: number): void;
  keys(operation: KeyOperation, key: Uint8Array | undefined, now: number): number;
}

/** The engine's, or a stand-in. */
export interface Wishes {
  readonly closed: boolean;
  run<T>(wish: (now: number) => T): T;
  /** Throws when the node takes no wishes any more. */
  requireOpen(): void;
  /** Throws when the node has nothing more to say; one that is leaving may still answer. */
  requireVoice(): void;
}

interface KeyWaiter {
  resolve(result: KeyResult): void;
  reject(error: Error): void;
}

const noBytes = new Uint8Array(0);

export class SerfCalls {
  readonly keys: PoolKeys = poolKeys((operation, key, signal) => this.changeKeys(operation, key, signal));
  readonly #serf: SerfVerbs;
  readonly #wishes: Wishes;
  readonly #clock: WallClock;
  /** Ours, by the machine's handle. */
  readonly #queries = new Map<number, RunningQuery>();
  readonly #keyQueue = new KeyQueue();
  readonly #keyWaiters = new Map<number, KeyWaiter>();

  constructor(serf: SerfVerbs, wishes: Wishes, clock: WallClock) {
    this.#serf = serf;
    this.#wishes = wishes;
    this.#clock = clock;
  }

  /** How many queries and key operations are under way. */
  get pending(): number {
    return this.#queries.size + this.#keyWaiters.size;
  }

  /** @throws NodeError as `HearsayNode.userEvent` */
  userEvent(name: string, payload: Uint8Array | null, coalesce: boolean): void {
    this.#wishes.requireOpen();
    inOurWords(() => this.#wishes.run((now) => this.#serf.userEvent(name, payload, coalesce, now)));
  }

  /** `wish` may throw: whatever is wrong is told by the call. */
  query(wish: () => QueryWish, signal: AbortSignal | undefined): QueryCall {
    let handle: number | undefined;
    const call = new RunningQuery(signal, () => {
      // Of one that the machine has ended it needs no telling.
      if (handle === undefined || !this.#queries.delete(handle) || this.#wishes.closed) return;
      const ended = handle;
      this.#wishes.run((now) => this.#serf.endQuery(ended, now));
    });
    if (call.ended) return call;
    try {
      const checked = wish();
      this.#wishes.requireOpen();
      inOurWords(() =>
        this.#wishes.run((now) => {
          // Entered before the machine is drained: our own answer may be among what comes out.
          const ticket = this.#serf.query(checked, now);
          handle = ticket.handle;
          this.#queries.set(handle, call);
          call.begin({ lTime: ticket.lTime, id: ticket.id, deadline: this.#clock.date(ticket.deadline) });
        }),
      );
    } catch (error) {
      call.fail(error instanceof Error ? error : new Error(String(error)));
    }
    return call;
  }

  /** @throws NodeError as `IncomingQuery.respond` */
  respond(lTime: number, id: number, payload: Uint8Array): void {
    this.#wishes.requireVoice();
    inOurWords(() => this.#wishes.run((now) => this.#serf.respond(lTime, id, payload, now)));
  }

  /** @throws NodeError as `PoolKeys` */
  async changeKeys(
    operation: KeyOperation,
    key: Uint8Array | undefined,
    signal: AbortSignal | undefined,
  ): Promise<KeyResult> {
    const what = operation === "list" ? "listing the keys" : `the operation to ${operation} a key`;
    this.#wishes.requireOpen();
    const run = () => this.#keyQueue.run(() => this.#askForKeys(operation, key), signal, what);
    return abortable(run(), signal, what);
  }

  /** As it is told to the application. */
  incoming(event: SerfQueryEvent): IncomingQuery {
    const { name, lTime, id, from } = event;
    return {
      name,
      payload: ownBytes(event.payload),
      lTime,
      id,
      from,
      deadline: this.#clock.date(event.deadline),
      respond: async (payload) => this.respond(lTime, id, checkPayload(payload) ?? noBytes),
    };
  }

  /** The machine's events that somebody here waits for. */
  onEvent(event: SerfEvent): void {
    switch (event.type) {
      case "query-ack":
        this.#queries.get(event.handle)?.push({ type: "ack", from: event.from });
        break;
      case "query-response": {
        const { handle, from, payload } = event;
        this.#queries.get(handle)?.push({ type: "response", from, payload: ownBytes(payload) });
        break;
      }
      case "query-done": {
        const call = this.#queries.get(event.handle);
        this.#queries.delete(event.handle);
        call?.done();
        break;
      }
      case "key-result": {
        const waiter = this.#keyWaiters.get(event.handle);
        this.#keyWaiters.delete(event.handle);
        waiter?.resolve(keyResult(event.result));
        break;
      }
      default:
    }
  }

  /** The node has gone: nobody here waits any longer. */
  close(error: Error): void {
    const queries = [...this.#queries.values()];
    const waiters = [...this.#keyWaiters.values()];
    this.#queries.clear();
    this.#keyWaiters.clear();
    for (const query of queries) query.fail(error);
    this.#keyQueue.close(error);
    for (const waiter of waiters) waiter.reject(error);
  }

  async #askForKeys(operation: KeyOperation, key: Uint8Array | undefined): Promise<KeyResult> {
    // It may have waited for its turn.
    this.#wishes.requireOpen();
    return new Promise((resolve, reject) => {
      inOurWords(() =>
        this.#wishes.run((now) => {
          const handle = this.#serf.keys(operation, key, now);
          this.#keyWaiters.set(handle, { resolve, reject });
        }),
      );
    });
  }
}

export function userEventFor(event: SerfUserEvent): UserEvent {
  const { name, payload, lTime, coalesce } = event;
  return { name, payload: ownBytes(payload), lTime, coalesce };
}

/** A copy: the machine keeps its own, and may have cut it from a packet. */
function ownBytes(payload: Uint8Array | null): Uint8Array {
  return payload ? new Uint8Array(payload) : new Uint8Array(0);
}
