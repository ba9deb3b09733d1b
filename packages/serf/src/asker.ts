/**
 * What this node asks the pool: the application's queries, operations on everybody's keys, and who holds our name. Each is a
 * query that is put on its way and taken here as everybody takes it; they differ in where the answers go.
 */
import { type Endpoint, emptyBytes, type Rng, type Swim } from "@hearsay/core";
import { encodeUtf8 } from "@hearsay/wire";
import { AskedQueries, type QuerySink } from "./asked-queries.ts";
import { defaultQueryTimeoutMs, maxQueryTimeoutMs, wordQuery } from "./asking.ts";
import type { SerfConfig } from "./config.ts";
import { SerfError } from "./errors.ts";
import { encodeKeyRequest } from "./key-messages.ts";
import { KeyTally, keyQueryNames } from "./key-operation.ts";
import { conflictQueryName, NameVote, voteIntervalMs } from "./name-vote.ts";
import type { Queries } from "./queries.ts";
import type { KeyOperation, QueryTicket, QueryWish, SerfDropReason, SerfEvent } from "./types.ts";

/** Serf protocol from which on there are queries. */
const queryProtocol = 4;

const pingQueryName = "_serf_ping";

export interface AskerParts {
  readonly name: string;
  /** Where answers are to go: as on the wire, and as text. */
  readonly addr: Uint8Array;
  readonly endpoint: Endpoint;
  /** Serf protocol spoken. */
  readonly protocol: number;
  readonly config: SerfConfig;
  readonly gossipIntervalMs: number;
  readonly rng: Rng;
  readonly swim: Pick<Swim, "aliveCount" | "members">;
  readonly queries: Queries;
  /** The longest message that a packet can carry. */
  readonly maxMessageBytes: () => number;
  readonly onEvent: (event: SerfEvent) => void;
  readonly onDrop: (reason: SerfDropReason) => void;
}

export class Asker {
  readonly #parts: AskerParts;
  readonly #asked: AskedQueries;
  /** A key operation of ours is under way. */
  #keysBusy = false;
  #voting = false;
  #votedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: AskerParts) {
    this.#parts = parts;
    this.#asked = new AskedQueries(parts.onDrop);
  }

  /** Queries of ours under way. */
  get open(): number {
    return this.#asked.length;
  }

  /** The next of them to end by its deadline: ms; Infinity for none. */
  get deadline(): number {
    return this.#asked.deadline;
  }

  /** As `Serf.query`. */
  query(wish: QueryWish, now: number): QueryTicket {
    const { onEvent } = this.#parts;
    // The events carry the number that the asker gets only when this returns: they are read after that.
    let handle = 0;
    return this.#ask(wish, now, {
      onAck: (from) => onEvent({ type: "query-ack", handle, from }),
      onResponse: (from, payload) => onEvent({ type: "query-response", handle, from, payload }),
      onDone: () => onEvent({ type: "query-done", handle }),
      onAsked: (ticket) => {
        handle = ticket.handle;
      },
    });
  }

  end(handle: number): void {
    this.#asked.end(handle);
  }

  /** As `Serf.keys`. */
  keys(operation: KeyOperation, key: Uint8Array | undefined, now: number): number {
    if (this.#keysBusy) throw new SerfError("key-operation-busy", "a key operation of this node is under way");
    let handle = 0;
    const tally = new KeyTally(new Set(this.#aliveNames()), (result) => {
      this.#keysBusy = false;
      this.#parts.onEvent({ type: "key-result", handle, result });
    });
    const wish = { name: keyQueryNames[operation], payload: encodeKeyRequest(key ?? emptyBytes), endEarly: true };
    this.#ask(wish, now, {
      onResponse: (from, payload) => tally.onResponse(from, payload),
      onDone: () => tally.onDone(),
      onAsked: (ticket) => {
        handle = ticket.handle;
        this.#keysBusy = true;
      },
    });
    return handle;
  }

  /** Asks the pool who holds our name, now and then; `name-vote` tells what it says. */
  voteOnName(now: number): void {
    const { config, protocol, endpoint, name, onEvent } = this.#parts;
    if (!config.resolveConflicts || this.#voting || now - this.#votedAt < voteIntervalMs) return;
    if (protocol < queryProtocol) return;
    const vote = new NameVote(endpoint.address, endpoint.port, (responses, matching, keep) => {
      this.#voting = false;
      onEvent({ type: "name-vote", responses, matching, keep });
    });
    this.#votedAt = now;
    try {
      this.#ask({ name: conflictQueryName, payload: encodeUtf8(name) }, now, vote);
      this.#voting = true;
    } catch (error) {
      // No room for another query, or no packet carries the name: as if nobody had answered.
      if (!(error instanceof SerfError)) throw error;
    }
  }

  /** A response, type byte first. */
  handleResponse(message: Uint8Array, now: number): void {
    this.#asked.handleMessage(message, now);
  }

  handleTimeout(now: number): void {
    this.#asked.handleTimeout(now);
  }

  /** Puts a query on its way, and takes it as everybody does. `onAsked` comes before the first answer. */
  #ask(wish: QueryWish, now: number, sink: QuerySink & { onAsked?(ticket: QueryTicket): void }): QueryTicket {
    const { protocol, queries, swim, config, gossipIntervalMs, rng, addr, endpoint, name } = this.#parts;
    if (protocol < queryProtocol) {
      throw new SerfError("unsupported", `Feature not supported: queries need Serf protocol ${queryProtocol} or later`);
    }
    const lTime = queries.clock.time;
    this.#asked.requireRoom(lTime);
    const alive = swim.aliveCount;
    const byDefault = defaultQueryTimeoutMs(gossipIntervalMs, config.queryTimeoutMult, alive);
    const timeoutMs = Math.min(Math.max(0, wish.timeoutMs || byDefault), maxQueryTimeoutMs);
    const id = rng.uint32() & 0x7fff_ffff;
    const stamp = { lTime, id, addr, port: endpoint.port, sourceNode: name, timeoutMs };
    const limits = { limit: config.querySizeLimit, packetLimit: this.#parts.maxMessageBytes() };
    const { query, message } = wordQuery(wish, stamp, limits);
    const relayed = query.relayFactor > 0;
    const asked = { lTime, id, deadline: now + timeoutMs, alive, relayed, ...this.#expectation(wish) };
    const ticket = this.#asked.add(asked, sink);
    sink.onAsked?.(ticket);
    queries.handleOwn(query, message, now);
    this.#asked.settle(ticket);
    return ticket;
  }

  /** With tag filters nobody can know whom a query is for: others' tags may be news on their way. */
  #expectation(wish: QueryWish): { expected?: ReadonlySet<string>; ackSuffices?: boolean } {
    const byTag = Object.keys(wish.filterTags ?? {}).length > 0;
    if (!wish.endEarly || byTag) return {};
    const names = wish.filterNodes ?? [];
    const alive = this.#aliveNames().filter((name) => names.length === 0 || names.includes(name));
    return { expected: new Set(alive), ackSuffices: wish.name === pingQueryName };
  }

  /** Alive or suspect to the detector, ourselves included. */
  #aliveNames(): string[] {
    const names: string[] = [];
    for (const { name, state } of this.#parts.swim.members()) {
      if (state === "alive" || state === "suspect") names.push(name);
    }
    return names;
  }
}
