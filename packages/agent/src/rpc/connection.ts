/**
 * A client's side of one RPC connection, strict about what comes: answers in the order of the requests, each with its
 * number; between them the records of streams that were opened. Anything else ends the connection. What nobody has read
 * yet is bounded: beyond that the socket is not read, and the agent waits or drops at its own side.
 */
import type { Socket } from "node:net";
import type { CallOptions } from "@hearsay/node";
import type { MsgpackInput } from "@hearsay/wire";
import { decodeResponseHeader, encode, type ResponseHeader } from "./messages.ts";
import { type Decoded, DONE, RecordStream } from "./record-stream.ts";
import { abortedError, messageOf, RpcError } from "./rpc-error.ts";
import { ValueSplitter } from "./value-splitter.ts";

/** Longest answer: a list of 100 000 members with full tags. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
/** Bytes of unread records above which nothing more is read. */
const HELD_BYTES = 1024 * 1024;
/** The same while a call waits for its answer, which may stand behind records in what the agent has sent. */
const HELD_BYTES_IN_CALL = 64 * 1024 * 1024;
/** Stopped streams remembered, of which late records may still come. */
const MAX_STOPPED = 1024;

export interface CallSpec {
  readonly command: string;
  readonly body?: MsgpackInput;
  /** Whether a body follows this header. Default: never. */
  readonly expectBody?: (header: ResponseHeader) => boolean;
  /** ms for the answer, from when those before it have come. Default: the connection's. */
  readonly limitMs?: number;
}

export interface Reply {
  readonly header: ResponseHeader;
  readonly body: Uint8Array | undefined;
}

interface Pending {
  readonly seq: bigint;
  readonly expectBody: (header: ResponseHeader) => boolean;
  /** Its turn has come: the time limit begins. */
  readonly begin: () => void;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: RpcError) => void;
}

/** Takes a record of one stream; true: it was the last. */
type Feed = (bytes: Uint8Array) => boolean;

export class RpcConnection {
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  readonly #splitter = new ValueSplitter(MAX_ANSWER_BYTES);
  readonly #pending: Pending[] = [];
  readonly #feeds = new Map<bigint, Feed>();
  /** Streams that somebody may still read. */
  readonly #streams = new Map<bigint, { end(failure?: RpcError): void }>();
  readonly #stopped: bigint[] = [];
  /** The header whose body comes next. */
  #header: ResponseHeader | undefined;
  #nextSeq = 0n;
  #held = 0;
  #failure: RpcError | undefined;

  constructor(socket: Socket, timeoutMs: number) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    socket.on("data", (chunk: Uint8Array) => this.#receive(chunk));
    socket.on("error", (error) => this.#fail(new RpcError("CLOSED", error.message, error)));
    socket.on("close", () => this.#fail(new RpcError("CLOSED", "the agent closed the connection")));
  }

  /** Ends calls and streams with CLOSED. */
  close(): void {
    this.#fail(new RpcError("CLOSED", "the client was closed"));
    this.#socket.destroy();
  }

  /** Resolves with whatever the agent answers, errors too. */
  call(spec: CallSpec, options: CallOptions = {}): Promise<Reply> {
    return this.#send(this.#nextSeq++, spec, options, () => {});
  }

  /**
   * Resolves when the stream is open. Rejects with REFUSED for an error answer.
   * @param decode a record; throws for what is none, which ends the connection
   */
  async open<T>(
    spec: CallSpec,
    decode: (bytes: Uint8Array) => Decoded<T>,
    options: CallOptions = {},
  ): Promise<RecordStream<T>> {
    const seq = this.#nextSeq++;
    let stream: RecordStream<T> | undefined;
    // Records may stand right behind the answer: the stream is there before they are looked at.
    const { header } = await this.#send(seq, spec, options, (answer) => {
      if (answer.error === "") stream = this.#newStream(seq, decode, options.signal);
    });
    if (stream === undefined) throw new RpcError("REFUSED", header.error);
    return stream;
  }

  #newStream<T>(
    seq: bigint,
    decode: (bytes: Uint8Array) => Decoded<T>,
    signal: AbortSignal | undefined,
  ): RecordStream<T> {
    const stream = new RecordStream<T>({
      signal,
      onHeld: (bytes) => {
        this.#held += bytes;
        this.#regulate();
      },
      onStop: () => this.#stop(seq),
    });
    this.#streams.set(seq, stream);
    this.#feeds.set(seq, (bytes) => {
      const record = decode(bytes);
      if (record === DONE) {
        stream.end();
        this.#streams.delete(seq);
        return true;
      }
      if (record !== undefined) stream.push(record, bytes.length);
      return false;
    });
    return stream;
  }

  /** Nobody reads it any more: the agent is told, and what it has sent already is dropped when it comes. */
  #stop(seq: bigint): void {
    this.#streams.delete(seq);
    if (this.#failure !== undefined) return;
    this.#stopped.push(seq);
    if (this.#stopped.length > MAX_STOPPED) this.#feeds.delete(this.#stopped.shift()!);
    this.call({ command: "stop", body: { Stop: seq } }).catch(() => {});
  }

  async #send(
    seq: bigint,
    spec: CallSpec,
    { signal }: CallOptions,
    onAnswer: (header: ResponseHeader) => void,
  ): Promise<Reply> {
    if (this.#failure !== undefined) throw this.#failure;
    if (signal?.aborted) throw abortedError(signal);
    const { command, body, expectBody = () => false, limitMs = this.#timeoutMs } = spec;
    const header = { Command: command, Seq: seq };
    // Throws for what cannot be written: before anybody waits for its answer.
    const bytes = body === undefined ? encode(header) : encode(header, body);
    return new Promise<Reply>((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
      };
      // An answer that nobody waits for would be taken for the next one's: the connection ends with the call.
      const give = (error: RpcError) => {
        this.#fail(error);
        this.#socket.destroy();
      };
      const onAbort = () => give(abortedError(signal!));
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#pending.push({
        seq,
        expectBody,
        begin: () => {
          timer = setTimeout(() => {
            give(new RpcError("TIMED_OUT", `no answer to ${command} within ${limitMs / 1000} s`));
          }, limitMs);
        },
        resolve: (reply) => {
          end();
          onAnswer(reply.header);
          resolve(reply);
        },
        reject: (error) => {
          end();
          reject(error);
        },
      });
      if (this.#pending.length === 1) this.#pending[0]!.begin();
      this.#regulate();
      this.#socket.write(bytes);
    });
  }

  #receive(chunk: Uint8Array): void {
    try {
      this.#splitter.push(chunk);
      for (let value = this.#splitter.next(); value !== undefined; value = this.#splitter.next()) this.#take(value);
    } catch (error) {
      this.#fail(new RpcError("BAD_ANSWER", `what answers there is no Serf or Hearsay agent (${messageOf(error)})`));
      this.#socket.destroy();
    }
  }

  #take(value: Uint8Array): void {
    if (this.#header !== undefined) {
      const header = this.#header;
      this.#header = undefined;
      if (header.seq === this.#pending[0]?.seq) this.#answered({ header, body: value.slice() });
      else if (this.#feeds.get(header.seq)?.(value)) this.#feeds.delete(header.seq);
      return;
    }
    const header = decodeResponseHeader(value);
    const pending = this.#pending[0];
    if (header.seq === pending?.seq) {
      if (pending.expectBody(header)) this.#header = header;
      else this.#answered({ header, body: undefined });
    } else if (this.#feeds.has(header.seq)) {
      if (header.error !== "") throw new Error(`an error in the midst of stream ${header.seq}: ${header.error}`);
      this.#header = header;
    } else if (pending === undefined) throw new Error("an answer to nothing");
    else throw new Error(`an answer to request ${header.seq}, not ${pending.seq}`);
  }

  #answered(reply: Reply): void {
    const pending = this.#pending.shift()!;
    this.#pending[0]?.begin();
    pending.resolve(reply);
    this.#regulate();
  }

  /** Reads on, or not. */
  #regulate(): void {
    const limit = this.#pending.length > 0 ? HELD_BYTES_IN_CALL : HELD_BYTES;
    if (this.#held > limit) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
  }

  /** The first failure stands for all that comes after. */
  #fail(error: RpcError): void {
    this.#failure ??= error;
    for (const pending of this.#pending.splice(0)) pending.reject(this.#failure);
    for (const stream of this.#streams.values()) stream.end(this.#failure);
    this.#streams.clear();
    this.#feeds.clear();
  }
}
