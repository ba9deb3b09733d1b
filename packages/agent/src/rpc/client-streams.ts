/**
 * What one client follows: streams of events, the log, and the queries it may answer. Each has a queue of its own; all
 * share the room that one connection is given.
 */
import type { IncomingQuery } from "@hearsay/node";
import type { AgentEvent } from "../agent/agent-event.ts";
import { type LogLevel, passes } from "../log/level.ts";
import type { LogBook, LogLine } from "../log/log-book.ts";
import type { EventFilter } from "./event-filter.ts";
import { queryBody } from "./event-messages.ts";
import { type EncodedBody, encode } from "./messages.ts";
import type { Outlet } from "./outlet.ts";
import { PendingQueries } from "./pending-queries.ts";
import { RecordQueue, WaitingBytes } from "./record-queue.ts";

/** Streams on one connection, at most. Serf knows no limit. */
export const MAX_STREAMS = 64;

export class ClientStreams {
  readonly pending = new PendingQueries();
  readonly #outlet: Outlet;
  readonly #onOverflow: (what: string) => void;
  readonly #bytes = new WaitingBytes();
  readonly #streams = new Map<bigint, { readonly filter: EventFilter; readonly queue: RecordQueue }>();
  #monitor: { readonly seq: bigint; readonly queue: RecordQueue; readonly end: () => void } | undefined;

  /** @param onOverflow told what loses records, because it is read too slowly */
  constructor(outlet: Outlet, onOverflow: (what: string) => void) {
    this.#outlet = outlet;
    this.#onOverflow = onOverflow;
  }

  get size(): number {
    return this.#streams.size;
  }

  has(seq: bigint): boolean {
    return this.#streams.has(seq);
  }

  open(seq: bigint, filter: EventFilter): void {
    this.#streams.set(seq, { filter, queue: this.#newQueue("stream") });
  }

  get hasMonitor(): boolean {
    return this.#monitor !== undefined;
  }

  /** First the history, then each new line. */
  openMonitor(seq: bigint, threshold: LogLevel, logBook: LogBook): void {
    const queue = this.#newQueue("monitor");
    const offer = (line: LogLine) => {
      if (passes(line.level, threshold)) queue.offer({ header: header(seq), body: encode({ Log: line.text }) });
    };
    for (const line of logBook.history()) offer(line);
    this.#monitor = { seq, queue, end: logBook.follow(offer) };
  }

  /** Ends the stream and the monitor of that sequence number, if there are any. */
  stop(seq: bigint): void {
    this.#streams.get(seq)?.queue.clear();
    this.#streams.delete(seq);
    if (this.#monitor?.seq !== seq) return;
    this.#monitor.end();
    this.#monitor.queue.clear();
    this.#monitor = undefined;
  }

  clear(): void {
    if (this.#monitor !== undefined) this.stop(this.#monitor.seq);
    for (const seq of this.#streams.keys()) this.stop(seq);
    this.pending.clear();
  }

  /** The connection takes bytes again. */
  flush(): void {
    for (const { queue } of this.#streams.values()) queue.flush();
    this.#monitor?.queue.flush();
  }

  /** @param body of anything but a query: encoded at the first call, for all clients */
  tell(event: AgentEvent, body: () => EncodedBody): void {
    const name = event.kind === "user" ? event.event.name : event.kind === "query" ? event.query.name : "";
    for (const [seq, { filter, queue }] of this.#streams) {
      if (!filter.wants(event.kind, name)) continue;
      if (event.kind === "query") this.#ask(seq, queue, event.query);
      else queue.offer({ header: header(seq), body: body().bytes });
    }
  }

  /** Only a query that was delivered has a number. */
  #ask(seq: bigint, queue: RecordQueue, query: IncomingQuery): void {
    const body = queryBody(this.pending.nextId, query).bytes;
    if (queue.offer({ header: header(seq), body })) this.pending.add(query);
  }

  #newQueue(what: string): RecordQueue {
    return new RecordQueue(
      (record) => this.#outlet.record(record),
      this.#bytes,
      () => this.#onOverflow(what),
    );
  }
}

/** Of every record. */
function header(seq: bigint): Uint8Array {
  return encode({ Error: "", Seq: seq });
}
