/**
 * One client's connection to the RPC server: cuts requests out of the bytes, answers them strictly in order, and carries
 * the streams the client asked for. While a request is being worked on, nothing more is read from the connection, so a
 * client that sends much or reads little waits for itself alone.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { ClientStreams } from "./client-streams.ts";
import { COMMANDS, type Command } from "./commands.ts";
import { RefusedRequest, RPC_ERRORS } from "./errors.ts";
import type { RpcHost } from "./host.ts";
import { decodeRequestHeader, encodeResponse, type RequestHeader, type ResponseBody } from "./messages.ts";
import { OpenQueries, type QueryCount } from "./open-queries.ts";
import { OpenWatches, type WatchCount } from "./open-watches.ts";
import { Outlet } from "./outlet.ts";
import { SplitError, ValueSplitter } from "./value-splitter.ts";

/** Longest header or body of a request: bytes. Serf's own clients stay under 20 KiB. */
export const MAX_REQUEST_BYTES = 256 * 1024;
/**
 * ms that a client gets to hang up by itself after the last answer. Serf's Go client may take a connection that ends right
 * behind its answer for a lost one, and then reports an error although the agent has left (hashicorp/serf#400).
 */
const LINGER_MS = 1000;

/** ms of work on one client's requests before everybody else gets a turn: 256 of them may be at it at once. */
const SLICE_MS = 2;

const EMPTY = new Uint8Array(0);

/** What is open for all clients of a server together. */
export interface OpenCounts {
  readonly queries: QueryCount;
  readonly watches: WatchCount;
}

export class Session {
  readonly host: RpcHost;
  readonly peer: string;
  readonly streams: ClientStreams;
  readonly queries: OpenQueries;
  readonly watches: OpenWatches;
  /** Fires when nobody waits for answers any more. */
  readonly gone: AbortSignal;
  handshaken = false;
  /** The last answer is out, and the client has a moment to hang up by itself. */
  lingering = false;
  readonly #socket: Socket;
  readonly #outlet: Outlet;
  readonly #token: string;
  readonly #leaving = new AbortController();
  #authenticated = false;

  /**
   * @param token what `auth` must bring; empty when none is asked for
   * @param counts how many are open in the whole server
   */
  constructor(socket: Socket, host: RpcHost, token: string, counts: OpenCounts) {
    this.#socket = socket;
    this.host = host;
    this.#token = token;
    this.peer = `${socket.remoteAddress}:${socket.remotePort}`;
    this.gone = this.#leaving.signal;
    this.#outlet = new Outlet(socket);
    this.streams = new ClientStreams(this.#outlet, (what) => {
      this.warn(`${what} of ${this.peer} is read too slowly: records are lost`);
    });
    this.queries = new OpenQueries(this.#outlet, counts.queries, () => {
      this.warn(`closed ${this.peer}: it does not read the answers to its query`);
      socket.destroy();
    });
    this.watches = new OpenWatches(this.#outlet, counts.watches);
    socket.on("drain", () => this.streams.flush()).on("close", () => this.#end());
  }

  warn(text: string): void {
    this.host.log.warn({ component: "agent.ipc" }, text);
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
        this.warn(`closed ${this.peer}: sent ${error.message}`);
      } else {
        this.host.log.debug({ component: "agent.ipc" }, `lost ${this.peer}: ${String(error)}`);
      }
    }
    this.#end();
    if (this.lingering) await this.#hungUp();
    this.#socket.end();
  }

  /** Ends whatever goes on for this client. */
  #end(): void {
    this.#leaving.abort();
    this.streams.clear();
    this.queries.clear();
    this.watches.clear();
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
    let sliceBegan = performance.now();
    for (let value = splitter.next(); value !== undefined; value = splitter.next()) {
      if (this.#open === undefined) {
        const header = decodeRequestHeader(value);
        const command = COMMANDS.get(header.command);
        const refusal = this.#refuseEarly(header, command);
        if (refusal !== undefined) {
          this.#answer(header.seq, refusal);
          return true;
        }
        if (command?.hasBody) this.#open = { header, command };
        else if (command !== undefined && (await this.#execute(header, command, EMPTY))) return true;
      } else {
        const { header, command } = this.#open;
        this.#open = undefined;
        if (await this.#execute(header, command, value)) return true;
      }
      await this.#outlet.drained();
      if (this.#socket.destroyed) return true;
      if (performance.now() - sliceBegan > SLICE_MS) {
        await nextTurn();
        sliceBegan = performance.now();
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
    this.#answer(header.seq, answer.error ?? "", answer.body);
    this.lingering = answer.close === true;
    // A stream begun for somebody who has gone meanwhile would never end.
    if (!this.gone.aborted || answer.close === true) answer.after?.();
    return answer.close === true;
  }

  get #mustAuthenticate(): boolean {
    return this.#token !== "" && !this.#authenticated;
  }

  #answer(seq: bigint, error: string, body?: ResponseBody): void {
    this.#outlet.answer(encodeResponse(seq, error, body));
  }

  /** Once right, always right on this connection. */
  authenticate(token: string): boolean {
    const right = timingSafeEqual(digest(token), digest(this.#token));
    if (right) this.#authenticated = true;
    return right;
  }

  /** Ends the stream, the monitor, the watch and the queries of that sequence number, if there are any. */
  stop(seq: bigint): void {
    this.streams.stop(seq);
    this.queries.stop(seq);
    this.watches.stop(seq);
  }
}

/** Texts of any length compared in one time. */
function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
