/**
 * Queries of ours under way: who has acknowledged, who has answered, and when no more counts (serf protocol notes, section
 * 9.1). Found by their Lamport time, as the answers are; what they are for is the business of their sinks.
 *
 * Bounded: each query takes at most as many acknowledgements, and as many answers, as members were alive when it was
 * asked, and there are at most `maxOpen` of them.
 */
import { Reader } from "@hearsay/wire";
import { readQueryResponse } from "./decode.ts";
import { SerfError } from "./errors.ts";
import { type QueryResponse, responseAckFlag } from "./messages.ts";
import type { QueryTicket, SerfDropReason } from "./types.ts";

/** Most queries of ours at one time. */
export const maxOpenQueries = 1024;

/** Where a query's answers go. `payload` is the sink's to keep. */
export interface QuerySink {
  onAck?(from: string): void;
  onResponse?(from: string, payload: Uint8Array): void;
  /** The deadline has passed, or everybody expected has answered. Not after `end`. */
  onDone(): void;
}

export interface Asked {
  readonly lTime: number;
  /** u32. */
  readonly id: number;
  /** ms. */
  readonly deadline: number;
  /** Members alive when it was asked: how many acknowledgements, and answers, are taken. */
  readonly alive: number;
  /** When all of these have answered, it is over; at once, if they are none. Undefined: only at the deadline. */
  readonly expected?: ReadonlySet<string>;
  /** An acknowledgement counts as an answer. */
  readonly ackSuffices?: boolean;
  /** Copies of answers are to be expected: relays were asked for. */
  readonly relayed?: boolean;
}

/** Longest name of one who answers: UTF-16 units. They are kept until the end. */
const maxNameLength = 255;

interface Open {
  readonly handle: number;
  readonly asked: Asked;
  readonly sink: QuerySink;
  readonly acks: Set<string>;
  readonly responses: Set<string>;
  missing: number;
}

export class AskedQueries {
  readonly #open = new Map<number, Open>();
  readonly #onDrop: (reason: SerfDropReason) => void;
  #nextHandle = 0;
  #deadline = Number.POSITIVE_INFINITY;

  constructor(onDrop: (reason: SerfDropReason) => void) {
    this.#onDrop = onDrop;
  }

  get length(): number {
    return this.#open.size;
  }

  /** The next query to end by its deadline: ms; Infinity for none. */
  get deadline(): number {
    return this.#deadline;
  }

  /** Throws SerfError "too-many-queries" when there is no room for another, stamped with this time. */
  requireRoom(lTime: number): void {
    // The second: at the end of all times the clock stands still.
    if (this.#open.size >= maxOpenQueries || this.#open.has(lTime)) {
      throw new SerfError("too-many-queries", `${maxOpenQueries} queries of this node are open: wait for one to end`);
    }
  }

  /** From now on its answers count. No two queries of ours have one Lamport time. */
  add(asked: Asked, sink: QuerySink): QueryTicket {
    const handle = ++this.#nextHandle;
    const { lTime, id, deadline } = asked;
    this.#open.set(lTime, {
      handle,
      asked,
      sink,
      acks: new Set(),
      responses: new Set(),
      missing: asked.expected?.size ?? Number.POSITIVE_INFINITY,
    });
    this.#deadline = Math.min(this.#deadline, deadline);
    return { handle, lTime, id, deadline };
  }

  /** Takes no more answers for it; its sink hears nothing more. */
  end(handle: number): void {
    for (const [lTime, open] of this.#open) {
      if (open.handle !== handle) continue;
      this.#open.delete(lTime);
      this.#findDeadline();
      return;
    }
  }

  /** A response, type byte first, perhaps an acknowledgement. Whose it is depends on what it says: it is not signed. */
  handleMessage(message: Uint8Array, now: number): void {
    const reader = new Reader(message, 1);
    const response = readQueryResponse(reader);
    if (!reader.ok) {
      this.#onDrop("serf-malformed");
      return;
    }
    const open = this.#open.get(response.lTime);
    if (open?.asked.id !== response.id || now > open.asked.deadline) this.#onDrop("serf-unasked");
    else if (response.from === "" || response.from.length > maxNameLength) this.#onDrop("serf-name");
    else this.#take(open, response);
  }

  /** Ends a query that waits for nobody. To be called once it has been asked. */
  settle({ lTime }: QueryTicket): void {
    const open = this.#open.get(lTime);
    if (open?.missing === 0) this.#finish(open);
  }

  handleTimeout(now: number): void {
    if (now < this.#deadline) return;
    const due = [...this.#open.values()].filter(({ asked }) => now >= asked.deadline);
    for (const { asked } of due) this.#open.delete(asked.lTime);
    this.#findDeadline();
    for (const { sink } of due) sink.onDone();
  }

  #take(open: Open, { from, flags, payload }: QueryResponse): void {
    const { asked, sink } = open;
    const isAck = (flags & responseAckFlag) !== 0;
    const heard = isAck ? open.acks : open.responses;
    if (heard.has(from) && asked.relayed) return;
    if (heard.has(from) || heard.size >= asked.alive) {
      this.#onDrop("serf-surplus-response");
      return;
    }
    heard.add(from);
    if (isAck) sink.onAck?.(from);
    else sink.onResponse?.(from, payload === null ? new Uint8Array(0) : payload.slice());
    if (isAck !== (asked.ackSuffices ?? false) || !asked.expected?.has(from)) return;
    open.missing--;
    // A sink may have ended it meanwhile.
    if (open.missing === 0 && this.#open.get(asked.lTime) === open) this.#finish(open);
  }

  #finish({ asked, sink }: Open): void {
    this.#open.delete(asked.lTime);
    this.#findDeadline();
    sink.onDone();
  }

  #findDeadline(): void {
    this.#deadline = Number.POSITIVE_INFINITY;
    for (const { asked } of this.#open.values()) this.#deadline = Math.min(this.#deadline, asked.deadline);
  }
}
