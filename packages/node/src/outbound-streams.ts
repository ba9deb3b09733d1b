/** Streams the machine asks for: dial, write, perhaps read one message, report by the request's id. */

import { connect, isIP, type Socket } from "node:net";
import type { Codec, StreamError, StreamFailure, StreamMessage, StreamRequest } from "@hearsay/core";
import { systemCode } from "./errors.ts";

/** Every request ends with exactly one of `reply` and `end`. Calls are made from socket events, never nested. */
export interface OutboundHandler {
  /** The bytes to write as of now; undefined: no longer wanted. */
  payload(id: number): Uint8Array | undefined;
  reply(id: number, message: StreamMessage): void;
  /** `detail`: the system's word for it (`ECONNREFUSED`), if there is one. */
  end(id: number, reason: StreamFailure | undefined, detail: string | undefined): void;
}

/** Dialled at once; more wait. Everybody's first exchange after a partition must not exhaust file descriptors. */
const MAX_DIALLED = 128;

export class OutboundStreams {
  readonly codec: Codec;
  readonly handler: OutboundHandler;
  readonly #streams = new Set<OutboundStream>();
  readonly #waiting: StreamRequest[] = [];
  #closed = false;

  constructor(codec: Codec, handler: OutboundHandler) {
    this.codec = codec;
    this.handler = handler;
  }

  get open(): number {
    return this.#streams.size;
  }

  start(request: StreamRequest): void {
    if (isIP(request.to.address) === 0 || !(request.to.port >= 1 && request.to.port <= 65535)) {
      // A peer's bad claim about somebody's address. `connect` would ask DNS, throw, or dial this machine itself.
      process.nextTick(() => this.#closed || this.handler.end(request.id, "connect", "EINVAL"));
      return;
    }
    if (this.#streams.size >= MAX_DIALLED) this.#waiting.push(request);
    else this.#streams.add(new OutboundStream(this, request));
  }

  /** Cuts every stream; their requests get no answer any more. */
  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
    for (const stream of this.#streams) stream.cut();
  }

  /** For a stream that is gone. */
  forget(stream: OutboundStream): void {
    this.#streams.delete(stream);
    const next = this.#closed ? undefined : this.#waiting.shift();
    if (next) this.#streams.add(new OutboundStream(this, next));
  }
}

class OutboundStream {
  readonly #owner: OutboundStreams;
  readonly #request: StreamRequest;
  readonly #socket: Socket;
  #deadline: NodeJS.Timeout;
  #connected = false;
  /** The outcome has been reported, or nobody wants it. */
  #settled = false;
  #reader: ReturnType<Codec["streamReader"]> | undefined;

  constructor(owner: OutboundStreams, request: StreamRequest) {
    this.#owner = owner;
    this.#request = request;
    const { address: host, port } = request.to;
    this.#deadline = setTimeout(this.#onDeadline, request.timeoutMs).unref();
    this.#socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    this.#socket.once("connect", this.#onConnect);
    this.#socket.on("data", this.#onData);
    this.#socket.on("end", this.#onEnd);
    this.#socket.on("error", this.#onError);
    this.#socket.on("close", this.#onClose);
  }

  /** Hangs up without a report. */
  cut(): void {
    this.#settled = true;
    this.#socket.destroy();
  }

  readonly #onConnect = (): void => {
    this.#connected = true;
    const bytes = this.#owner.handler.payload(this.#request.id);
    if (this.#settled) return;
    if (!bytes) {
      this.#end("aborted");
      return;
    }
    // A ping's time is the probe's: it covers everything. Other exchanges have it again for what they carry.
    if (this.#request.kind !== "ping") {
      clearTimeout(this.#deadline);
      this.#deadline = setTimeout(this.#onDeadline, this.#request.timeoutMs).unref();
    }
    if (this.#request.reply) {
      this.#reader = this.#owner.codec.streamReader(false);
      this.#socket.write(bytes);
    } else {
      // Without a reply the exchange is over when the peer has closed, or has all bytes as far as we can know.
      this.#socket.end(bytes);
    }
  };

  readonly #onData = (chunk: Buffer): void => {
    if (this.#settled || !this.#reader) return;
    const result = this.#reader.push(chunk);
    if (result) this.#received(result);
  };

  readonly #onEnd = (): void => {
    if (this.#settled) return;
    if (this.#reader) this.#received(this.#reader.end());
    else if (this.#request.reply) this.#end("closed");
    else this.#socket.end();
  };

  #received(result: StreamMessage | StreamError): void {
    if (!("type" in result)) {
      // Closed without an answer is how peers refuse; cut in the middle of one is something else.
      this.#end(result.error === "empty" ? "closed" : result.error);
      return;
    }
    this.#settled = true;
    this.#socket.destroy();
    this.#owner.handler.reply(this.#request.id, result);
  }

  readonly #onDeadline = (): void => {
    this.#end(this.#request.reply || !this.#socket.writableFinished ? "timeout" : undefined);
  };

  readonly #onError = (error: Error): void => {
    const code = systemCode(error);
    const refused = code === "ECONNREFUSED" || code === "ECONNRESET";
    this.#end(this.#connected ? "closed" : refused ? "refused" : "connect", code);
  };

  readonly #onClose = (): void => {
    clearTimeout(this.#deadline);
    this.#owner.forget(this);
    const complete = !this.#request.reply && this.#socket.writableFinished;
    this.#end(complete ? undefined : "closed");
  };

  #end(reason: StreamFailure | undefined, detail?: string): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#socket.destroy();
    this.#owner.handler.end(this.#request.id, reason, detail);
  }
}
