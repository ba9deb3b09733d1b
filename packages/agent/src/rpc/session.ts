/**
 * One client's connection to the RPC server: cuts requests out of the bytes, answers them strictly in order, and carries
 * the streams the client asked for. While a request is being worked on, nothing more is read from the connection, so a
 * client that sends much or reads little waits for itself alone.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Socket } from "node:net";
import type { IncomingQuery, QueryCall } from "@hearsay/node";
import type { AgentEvent } from "../agent/agent-event.ts";
import { type LogLevel, passes } from "../log/level.ts";
import type { LogLine } from "../log/log-book.ts";
import { COMMANDS, type Command } from "./commands.ts";
import { RefusedRequest, RPC_ERRORS } from "./errors.ts";
import type { EventFilter } from "./event-filter.ts";
import type { RpcHost } from "./host.ts";
import {
  decodeRequestHeader,
  encodeResponse,
  encodeResponseWith,
  eventBody,
  queryRecordBody,
  type RequestHeader,
} from "./messages.ts";
import { PendingQueries } from "./pending-queries.ts";
import { RecordQueue } from "./record-queue.ts";
import { SplitError, ValueSplitter } from "./value-splitter.ts";

/** Longest header or body of a request: bytes. Serf's own clients stay under 20 KiB. */
export const MAX_REQUEST_BYTES = 256 * 1024;
/** Bytes waiting to be sent above which stream records wait in their queues, where they are counted. */
const RECORD_ROOM_BYTES = 64 * 1024;
/** Bytes waiting to be sent above which the next request is not begun. */
const ANSWER_ROOM_BYTES = 1024 * 1024;
/**
 * ms that a client gets to hang up by itself after the last answer. Serf's Go client may take a connection that ends right
 * behind its answer for a lost one, and then reports an error although the agent has left (hashicorp/serf#400).
 */
const LINGER_MS = 1000;
/** Streams, and queries under way, on one connection, at most. */
const MAX_STREAMS = 64;
const MAX_QUERIES = 64;

const EMPTY = new Uint8Array(0);

export class Session {
  readonly host: RpcHost;
  readonly peer: string;
  handshaken = false;
  /** The last answer is out, and the client has a moment to hang up by itself. */
  lingering = false;
  readonly #socket: Socket;
  readonly #token: string;
  #authenticated = false;
  readonly #streams = new Map<bigint, { readonly filter: EventFilter; readonly queue: RecordQueue }>();
  readonly #pending = new PendingQueries();
  readonly #calls = new Map<bigint, QueryCall>();
  #monitor: { readonly seq: bigint; readonly queue: RecordQueue; readonly end: () => void } | undefined;

  /** @param token what `auth` must bring; empty when none is asked for */
  constructor(socket: Socket, host: RpcHost, token: string) {
    this.#socket = socket;
    this.host = host;
    this.#token = token;
    this.peer = `${socket.remoteAddress}:${socket.remotePort}`;
    socket.on("drain", () => {
      for (const stream of this.#streams.values()) stream.queue.flush();
      this.#monitor?.queue.flush();
    });
  }

  /** Serves until either side has enough. Never rejects. */
  async run(): Promise<void> {
    const splitter = new ValueSplitter(MAX_REQUEST_BYTES);
    try {
      for await (const chunk of this.#socket.iterator({ destroyOnReturn: false })) {
        splitter.push(chunk as Uint8Array);
        if (await this.#serve(splitter)) break;
      }
    } catch (error) {
      if (error instanceof RefusedRequest || error instanceof SplitError) {
        this.host.log.warn({ component: "agent.ipc" }, `closed ${this.peer}: sent ${error.message}`);
      } else {
        this.host.log.debug({ component: "agent.ipc" }, `lost ${this.peer}: ${String(error)}`);
      }
    }
    this.#monitor?.end();
    this.#streams.clear();
    for (const call of this.#calls.values()) call.close();
    this.#calls.clear();
    if (this.lingering) await this.#hungUp();
    this.#socket.end();
  }

  /** Until the client ends its side, or has had its time. */
  #hungUp(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#socket.off("end", done).off("close", done);
        resolve();
      };
      const timer = setTimeout(done, LINGER_MS);
      this.#socket.on("end", done).on("close", done).resume();
      if (this.#socket.destroyed || this.#socket.readableEnded) done();
    });
  }

  /** The request whose body has not come yet. */
  #open: { readonly header: RequestHeader; readonly command: Command } | undefined;

  /** Answers what is complete. True: the connection ends. */
  async #serve(splitter: ValueSplitter): Promise<boolean> {
    for (let value = splitter.next(); value !== undefined; value = splitter.next()) {
      if (this.#open === undefined) {
        const header = decodeRequestHeader(value);
        const command = COMMANDS.get(header.command);
        const refusal = this.#refuseEarly(header, command);
        if (refusal !== undefined) {
          this.#answer(header.seq, refusal);
          return true;
        }
        if (command === undefined) continue;
        if (command.hasBody) this.#open = { header, command };
        else if (await this.#execute(header, command, EMPTY)) return true;
      } else {
        const { header, command } = this.#open;
        this.#open = undefined;
        if (await this.#execute(header, command, value)) return true;
      }
    }
    return false;
  }

  /** What ends the connection whatever the body: its error. */
  #refuseEarly(header: RequestHeader, command: Command | undefined): string | undefined {
    if (!this.handshaken && command?.open !== "handshake") return RPC_ERRORS.handshakeRequired;
    if (command !== undefined) return undefined;
    if (!this.#mustAuthenticate) return RPC_ERRORS.unsupportedCommand;
    this.#answer(header.seq, RPC_ERRORS.authRequired);
    return undefined;
  }

  async #execute(header: RequestHeader, command: Command, body: Uint8Array): Promise<boolean> {
    if (this.#mustAuthenticate && command.open === undefined) {
      // The body, if any, has been consumed: Serf reads it as another header and errs twice (notes, section 26).
      this.#answer(header.seq, RPC_ERRORS.authRequired);
      return false;
    }
    const answer = await command.run(this, body, header.seq);
    if (answer.encodedBody === undefined) this.#answer(header.seq, answer.error ?? "", answer.body);
    else this.#write(encodeResponseWith(header.seq, answer.error ?? "", answer.encodedBody));
    this.lingering = answer.close === true;
    answer.after?.();
    if (this.#socket.writableLength > ANSWER_ROOM_BYTES) await this.#drained();
    return answer.close === true || this.#socket.destroyed;
  }

  get #mustAuthenticate(): boolean {
    return this.#token !== "" && !this.#authenticated;
  }

  #answer(seq: bigint, error: string, body?: Parameters<typeof encodeResponse>[2]): void {
    this.#write(encodeResponse(seq, error, body));
  }

  #write(bytes: Uint8Array): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes);
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#socket.off("drain", done).off("close", done);
        resolve();
      };
      this.#socket.on("drain", done).on("close", done);
      if (this.#socket.destroyed) done();
    });
  }

  /** Once right, always right on this connection. */
  authenticate(token: string): boolean {
    const right = timingSafeEqual(digest(token), digest(this.#token));
    if (right) this.#authenticated = true;
    return right;
  }

  // ---- streams

  hasStream(seq: bigint): boolean {
    return this.#streams.has(seq);
  }

  /** There is room for another stream. */
  get mayStream(): boolean {
    return this.#streams.size < MAX_STREAMS;
  }

  /** Returns what begins it, for after its answer. */
  openStream(seq: bigint, filter: EventFilter): () => void {
    return () => {
      this.#streams.set(seq, { filter, queue: this.#newQueue("stream") });
    };
  }

  get hasMonitor(): boolean {
    return this.#monitor !== undefined;
  }

  /** Returns what begins it, for after its answer: first the history, then each new line. */
  openMonitor(seq: bigint, threshold: LogLevel): () => void {
    return () => {
      const queue = this.#newQueue("monitor");
      const offer = (line: LogLine) => {
        if (passes(line.level, threshold)) queue.offer(encodeResponse(seq, "", { Log: line.text }));
      };
      const { logBook } = this.host;
      for (const line of logBook.history()) offer(line);
      this.#monitor = { seq, queue, end: logBook.follow(offer) };
    };
  }

  /** Ends the stream, the monitor and the query of that sequence number, if there are any. */
  stop(seq: bigint): void {
    this.#streams.delete(seq);
    this.#calls.get(seq)?.close();
    this.#calls.delete(seq);
    if (this.#monitor?.seq !== seq) return;
    this.#monitor.end();
    this.#monitor = undefined;
  }

  onEvent(event: AgentEvent): void {
    const name = event.kind === "user" ? event.event.name : event.kind === "query" ? event.query.name : "";
    for (const [seq, { filter, queue }] of this.#streams) {
      if (!filter.wants(event.kind, name)) continue;
      const id = event.kind === "query" ? this.#pending.add(event.query) : 0n;
      queue.offer(encodeResponse(seq, "", eventBody(event, id)));
    }
  }

  // ---- queries

  /** A query that a stream of this connection told of, by the number it told. */
  pendingQuery(id: bigint): IncomingQuery | undefined {
    return this.#pending.get(id);
  }

  /** There is room for another query of this client's. */
  get mayQuery(): boolean {
    return this.#calls.size < MAX_QUERIES;
  }

  /** Returns what begins it, for after its answer: records as they come, then `done`. */
  openQuery(seq: bigint, call: QueryCall): () => void {
    return () => {
      this.#calls.set(seq, call);
      void this.#tellAnswers(seq, call);
    };
  }

  /** A client that reads slowly holds up its own records alone: there is one of each member, and they wait in the call. */
  async #tellAnswers(seq: bigint, call: QueryCall): Promise<void> {
    const isOpen = () => this.#calls.get(seq) === call && !this.#socket.destroyed;
    try {
      for await (const record of call.records()) {
        if (!isOpen()) return;
        this.#write(encodeResponse(seq, "", queryRecordBody(record)));
        if (this.#socket.writableLength > RECORD_ROOM_BYTES) await this.#drained();
      }
    } catch {
      // The node has left or was closed: that ends the query like its deadline.
    }
    if (!isOpen()) return;
    this.#calls.delete(seq);
    this.#write(encodeResponse(seq, "", queryRecordBody({ type: "done" })));
  }

  #newQueue(what: string): RecordQueue {
    const send = (bytes: Uint8Array) => {
      if (this.#socket.destroyed || this.#socket.writableLength > RECORD_ROOM_BYTES) return false;
      this.#socket.write(bytes);
      return true;
    };
    return new RecordQueue(send, () => {
      this.host.log.warn({ component: "agent.ipc" }, `${what} of ${this.peer} is read too slowly: records are lost`);
    });
  }
}

/** Texts of any length compared in one time. */
function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
