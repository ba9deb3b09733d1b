/**
 * A client of Serf's RPC, for Hearsay's and Serf's own agents alike. One connection, requests answered in order; each
 * call takes an AbortSignal and has a time limit. Whatever goes wrong is an RpcError.
 */
import { connect, type Socket } from "node:net";
import type { CallOptions } from "@hearsay/node";
import type { MsgpackInput } from "@hearsay/wire";
import { RPC_ERRORS } from "./errors.ts";
import {
  decodeGroups,
  decodeMembers,
  decodeNum,
  decodeResponseHeader,
  encode,
  type FilterBody,
  IPC_VERSION,
  type MemberRecord,
  type ResponseHeader,
} from "./messages.ts";
import { ValueSplitter } from "./value-splitter.ts";
import { decodeExplanation, type ExplanationRecord } from "./why.ts";

/**
 * | code | meaning |
 * | --- | --- |
 * | `UNREACHABLE` | nobody listens there, the name is unknown, or nothing answered in time |
 * | `REFUSED` | the agent answered with an error; the message is the agent's |
 * | `CLOSED` | the connection ended before the answer: the agent could not read the request, or stopped |
 * | `TIMED_OUT` | no answer in time |
 * | `ABORTED` | the signal fired |
 * | `BAD_ANSWER` | what came is no answer: something else than an agent listens there |
 */
export type RpcErrorCode = "UNREACHABLE" | "REFUSED" | "CLOSED" | "TIMED_OUT" | "ABORTED" | "BAD_ANSWER";

export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code: RpcErrorCode;
  constructor(code: RpcErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

export interface RpcClientOptions extends CallOptions {
  readonly host: string;
  readonly port: number;
  /** For agents that ask for one; empty or missing: none is sent. */
  readonly token?: string;
  /** ms for the connection, and for each answer that needs no network round on the agent's side. Default 10 000. */
  readonly timeoutMs?: number;
}

/** Longest answer: a list of 100 000 members with full tags. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
/** ms that an agent may take for what goes through the network: per address of a join, or for a leave. */
const NETWORK_ROUND_MS = 35_000;

interface Pending {
  readonly seq: bigint;
  /** Whether a body follows this header. */
  readonly expectBody: (header: ResponseHeader) => boolean;
  readonly resolve: (answer: { header: ResponseHeader; body: Uint8Array | undefined }) => void;
  readonly reject: (error: RpcError) => void;
}

export class RpcClient implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  readonly #splitter = new ValueSplitter(MAX_ANSWER_BYTES);
  readonly #pending: Pending[] = [];
  #header: ResponseHeader | undefined;
  #nextSeq = 0n;
  #failure: RpcError | undefined;

  private constructor(socket: Socket, timeoutMs: number) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    socket.on("data", (chunk: Uint8Array) => this.#receive(chunk));
    socket.on("error", (error) => this.#fail(new RpcError("CLOSED", error.message, error)));
    socket.on("close", () => this.#fail(new RpcError("CLOSED", "the agent closed the connection without an answer")));
  }

  /** Connects, greets, and authenticates if there is a token. Rejects with RpcError. */
  static async connect(options: RpcClientOptions): Promise<RpcClient> {
    const timeoutMs = options.timeoutMs ?? 10_000;
    const client = new RpcClient(await dial(options, timeoutMs), timeoutMs);
    try {
      await client.#call("handshake", { Version: IPC_VERSION }, () => false, options);
      if (options.token) await client.#call("auth", { AuthKey: options.token }, () => false, options);
    } catch (error) {
      client.#socket.destroy();
      throw error;
    }
    return client;
  }

  async members(options?: CallOptions): Promise<readonly MemberRecord[]> {
    return readBody(await this.#call("members", undefined, onSuccess, options), decodeMembers);
  }

  /** Each pattern must match from start to end; those left out filter nothing. */
  async membersFiltered(filter: Partial<FilterBody>, options?: CallOptions): Promise<readonly MemberRecord[]> {
    const body = { Tags: filter.tags ?? {}, Status: filter.status ?? "", Name: filter.name ?? "" };
    return readBody(await this.#call("members-filtered", body, onSuccess, options), decodeMembers);
  }

  /** How many addresses answered. Rejects with REFUSED when none did. */
  async join(addresses: readonly string[], options: CallOptions & { readonly replay?: boolean } = {}): Promise<number> {
    const body = { Existing: addresses, Replay: options.replay ?? false };
    const limit = NETWORK_ROUND_MS * Math.max(addresses.length, 1);
    // A body follows also when nobody could be joined, but not when the command itself was refused.
    const expectBody = ({ error }: ResponseHeader) =>
      error !== RPC_ERRORS.authRequired && error !== RPC_ERRORS.handshakeRequired;
    return readBody(await this.#call("join", body, expectBody, options, limit), decodeNum);
  }

  /** Resolves when the agent has left its pool. */
  async leave(options?: CallOptions): Promise<void> {
    await this.#call("leave", undefined, () => false, options, NETWORK_ROUND_MS);
  }

  async forceLeave(name: string, options: CallOptions & { readonly prune?: boolean } = {}): Promise<void> {
    // Prune is sent only where it is meant: agents before 0.8.4 have no such field.
    const body = options.prune ? { Node: name, Prune: true } : { Node: name };
    await this.#call("force-leave", body, () => false, options, NETWORK_ROUND_MS);
  }

  async stats(options?: CallOptions): Promise<Record<string, Record<string, string>>> {
    return readBody(await this.#call("stats", undefined, onSuccess, options), decodeGroups);
  }

  /** Hearsay agents only: a Serf agent answers `Unsupported command`. */
  async why(name: string, options?: CallOptions): Promise<ExplanationRecord> {
    return readBody(await this.#call("why", { Node: name }, onSuccess, options), decodeExplanation);
  }

  async close(): Promise<void> {
    this.#socket.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Rejects with REFUSED for an error answer, whose body, if any, is dropped. */
  async #call(
    command: string,
    body: MsgpackInput | undefined,
    expectBody: Pending["expectBody"],
    options: CallOptions = {},
    limitMs = this.#timeoutMs,
  ): Promise<Uint8Array> {
    if (this.#failure !== undefined) throw this.#failure;
    const seq = this.#nextSeq++;
    const header = { Command: command, Seq: seq };
    const { signal } = options;
    if (signal?.aborted) throw abortedError(signal);
    const answer = await new Promise<{ header: ResponseHeader; body: Uint8Array | undefined }>((resolve, reject) => {
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
      const timer = setTimeout(() => {
        give(new RpcError("TIMED_OUT", `no answer to ${command} within ${limitMs / 1000} s`));
      }, limitMs);
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#pending.push({
        seq,
        expectBody,
        resolve: (value) => {
          end();
          resolve(value);
        },
        reject: (error) => {
          end();
          reject(error);
        },
      });
      this.#socket.write(body === undefined ? encode(header) : encode(header, body));
    });
    if (answer.header.error !== "") throw new RpcError("REFUSED", answer.header.error);
    return answer.body ?? new Uint8Array(0);
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
    const pending = this.#pending[0];
    if (pending === undefined) throw new Error("an answer to nothing");
    if (this.#header === undefined) {
      const header = decodeResponseHeader(value);
      if (header.seq !== pending.seq) throw new Error(`an answer to request ${header.seq}, not ${pending.seq}`);
      if (pending.expectBody(header)) {
        this.#header = header;
        return;
      }
      this.#pending.shift();
      pending.resolve({ header, body: undefined });
      return;
    }
    const header = this.#header;
    this.#header = undefined;
    this.#pending.shift();
    pending.resolve({ header, body: value.slice() });
  }

  /** The first failure stands for all that comes after. */
  #fail(error: RpcError): void {
    this.#failure ??= error;
    for (const pending of this.#pending.splice(0)) pending.reject(this.#failure);
  }
}

const onSuccess = (header: ResponseHeader): boolean => header.error === "";

function readBody<T>(bytes: Uint8Array, decode: (bytes: Uint8Array) => T): T {
  try {
    return decode(bytes);
  } catch (error) {
    throw new RpcError("BAD_ANSWER", `an answer that cannot be read (${messageOf(error)})`, error);
  }
}

function dial(options: RpcClientOptions, timeoutMs: number): Promise<Socket> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) throw abortedError(signal);
    const socket = connect({ host: options.host, port: options.port, noDelay: true });
    const timer = setTimeout(
      () => fail(new RpcError("UNREACHABLE", `no answer within ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    const onAbort = () => fail(abortedError(signal!));
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      socket.removeAllListeners();
    };
    const fail = (error: RpcError) => {
      end();
      socket.on("error", () => {});
      socket.destroy();
      reject(error);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    socket.on("error", (error) => fail(new RpcError("UNREACHABLE", dialProblem(error), error)));
    socket.on("connect", () => {
      end();
      resolve(socket);
    });
  });
}

function dialProblem(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "ECONNREFUSED":
      return "nobody listens there (connection refused)";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "the name cannot be resolved";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return "no route to that address";
    default:
      return error.message || String(error.code);
  }
}

function abortedError(signal: AbortSignal): RpcError {
  return new RpcError("ABORTED", "the call was aborted", signal.reason);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
