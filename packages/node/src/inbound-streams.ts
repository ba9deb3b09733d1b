/**
 * Accepted streams: one message in, perhaps one out, closed. A peer can neither hold a stream beyond its deadline (they
 * are absolute, not per read) nor hold all of them, nor make us keep more than a fixed amount of unread bytes.
 */

import type { Server, Socket } from "node:net";
import type { Codec, DropReason, Endpoint, StreamError, StreamMessage, StreamReply } from "@hearsay/core";
import { plainAddress } from "./sockets.ts";

export interface InboundLimits {
  /** Streams at once. At the limit the oldest unfinished one goes if it had its chance, else the newcomer. */
  readonly maxStreams: number;
  /** Bytes of unfinished messages, all streams together. Beyond, the stream that adds to it goes. */
  readonly maxBytes: number;
  /** For the request to arrive whole, and again for the answer to be taken: ms. */
  readonly timeoutMs: number;
}

export const defaultInboundLimits = { maxStreams: 512, maxBytes: 128 * 1024 * 1024 } as const;

/** An honest peer sends its request within a few round trips. */
const CHANCE_MS = 2000;
/** What a peer may send behind its request. */
const MAX_SURPLUS_BYTES = 64 * 1024;
/** How long a peer may leave its side open after it has our answer. */
const LINGER_MS = 1000;

/** What a stream's end is told to. Calls are made from socket events, never nested in one another. */
export interface InboundHandler {
  request(from: Endpoint, message: StreamMessage): StreamReply;
  requestError(from: Endpoint, reason: DropReason): StreamReply;
}

export class InboundStreams {
  accepted = 0;
  refused = 0;
  readonly limits: InboundLimits;
  readonly codec: Codec;
  readonly handler: InboundHandler;
  readonly #server: Server;
  /** In order of accepting. */
  readonly #streams = new Set<InboundStream>();
  #bytes = 0;

  constructor(server: Server, codec: Codec, handler: InboundHandler, limits: InboundLimits) {
    this.#server = server;
    this.codec = codec;
    this.handler = handler;
    this.limits = limits;
    server.on("connection", this.#onConnection);
  }

  get open(): number {
    return this.#streams.size;
  }

  /** Cuts every stream and accepts no more. Closing the server is its owner's. */
  close(): void {
    this.#server.off("connection", this.#onConnection);
    // Connections that the server still hands over must not linger.
    this.#server.on("connection", (socket) => socket.destroy());
    for (const stream of this.#streams) stream.cut();
  }

  readonly #onConnection = (socket: Socket): void => {
    if (this.#streams.size >= this.limits.maxStreams && !this.#makeRoom()) {
      this.refused++;
      socket.destroy();
      return;
    }
    this.accepted++;
    this.#streams.add(new InboundStream(this, socket));
  };

  #makeRoom(): boolean {
    const now = performance.now();
    for (const stream of this.#streams) {
      if (now - stream.since < CHANCE_MS) return false;
      if (stream.reading) {
        stream.cut();
        this.refused++;
        return true;
      }
    }
    return false;
  }

  /** For a stream: reserves room for bytes it has read; false when there is none. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.limits.maxBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
  }

  forget(stream: InboundStream): void {
    this.#streams.delete(stream);
  }
}

class InboundStream {
  readonly since = performance.now();
  /** The request is not complete yet. */
  reading = true;
  readonly #owner: InboundStreams;
  readonly #socket: Socket;
  readonly #from: Endpoint;
  readonly #reader;
  #deadline: NodeJS.Timeout;
  #bytes = 0;
  /** Bytes that came after the request. */
  #surplus = 0;

  constructor(owner: InboundStreams, socket: Socket) {
    this.#owner = owner;
    this.#socket = socket;
    this.#from = { address: plainAddress(socket.remoteAddress ?? ""), port: socket.remotePort ?? 0 };
    this.#reader = owner.codec.streamReader(true);
    this.#deadline = setTimeout(this.#onDeadline, owner.limits.timeoutMs).unref();
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("error", this.#onError);
    socket.on("close", this.#onClose);
  }

  /** Ends the stream without a word. */
  cut(): void {
    this.#socket.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (!this.reading) {
      // Thrown away, but read, so as to see the peer's end; not for ever.
      this.#surplus += chunk.length;
      if (this.#surplus > MAX_SURPLUS_BYTES) this.cut();
      return;
    }
    if (!this.#owner.take(chunk.length)) {
      this.#failed("queue-full");
      return;
    }
    this.#bytes += chunk.length;
    const result = this.#reader.push(chunk);
    if (result) this.#complete(result);
  };

  readonly #onEnd = (): void => {
    if (this.reading) {
      // Connected and gone: a port check, not a protocol error.
      if (this.#bytes === 0) this.cut();
      else this.#complete(this.#reader.end());
    } else if (this.#socket.writableFinished) {
      this.cut();
    }
  };

  readonly #onError = (): void => {
    // "close" follows and tidies up; what the machine needs to know it has been told.
  };

  readonly #onDeadline = (): void => {
    if (this.reading && this.#bytes > 0) this.#failed("stream-truncated");
    this.cut();
  };

  readonly #onClose = (): void => {
    clearTimeout(this.#deadline);
    this.#releaseBytes();
    this.#owner.forget(this);
  };

  #complete(result: StreamMessage | StreamError): void {
    if (!("type" in result)) {
      this.#failed(result.error);
      return;
    }
    this.#stopReading();
    this.#answer(this.#owner.handler.request(this.#from, result));
  }

  #failed(reason: DropReason): void {
    this.#stopReading();
    this.#answer(this.#owner.handler.requestError(this.#from, reason));
  }

  #stopReading(): void {
    this.reading = false;
    this.#releaseBytes();
  }

  #releaseBytes(): void {
    this.#owner.release(this.#bytes);
    this.#bytes = 0;
  }

  /** Writes the answer and ends our side. Then the peer closes; closing first would throw away what it has not read. */
  #answer(reply: StreamReply): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    this.#setDeadline(this.#owner.limits.timeoutMs);
    const finished = () => {
      if (socket.readableEnded) this.cut();
      else this.#setDeadline(LINGER_MS);
    };
    if (reply.bytes) socket.end(reply.bytes, finished);
    else socket.end(finished);
  }

  #setDeadline(ms: number): void {
    if (this.#socket.destroyed) return;
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(this.#onDeadline, ms).unref();
  }
}
