/**
 * A client of Serf's RPC, for Hearsay's and Serf's own agents alike. One connection, requests answered in order, and
 * between the answers the records of the streams it opened; each call takes an AbortSignal and has a time limit. Whatever
 * goes wrong is an RpcError. A call that is aborted ends the connection; a stream that is aborted ends alone.
 */
import type { CallOptions, Coordinate } from "@hearsay/node";
import type { MsgpackInput } from "@hearsay/wire";
import { Calls, readBody } from "./calls.ts";
import { AggregateCalls, CounterCalls, StateCalls } from "./client-state.ts";
import { RpcConnection } from "./connection.ts";
import { decodeCoordinate } from "./coordinate-messages.ts";
import { dial } from "./dial.ts";
import { RPC_ERRORS } from "./errors.ts";
import {
  decodeLog,
  decodeQueryRecord,
  decodeStreamRecord,
  type RpcQueryRecord,
  type StreamRecord,
} from "./event-messages.ts";
import { decodeKeyBody, type KeyBody } from "./key-messages.ts";
import {
  decodeGroups,
  decodeMembers,
  decodeNum,
  type FilterBody,
  IPC_VERSION,
  type MemberRecord,
  type ResponseHeader,
} from "./messages.ts";
import { RpcError } from "./rpc-error.ts";
import { decodeExplanation, type ExplanationRecord } from "./why.ts";

export type { StateChoice, StatePlace } from "./client-state.ts";
export type { CounterRecord } from "./counter-commands.ts";
export type { RpcQueryRecord, StreamRecord } from "./event-messages.ts";
export type { KeyBody } from "./key-messages.ts";
export { RpcError, type RpcErrorCode } from "./rpc-error.ts";
export type { StateChangeRecord, StateRecord } from "./state-messages.ts";

export interface RpcClientOptions extends CallOptions {
  readonly host: string;
  readonly port: number;
  /** For agents that ask for one; empty or missing: none is sent. */
  readonly token?: string;
  /** ms for the connection, and for each answer that needs no network round on the agent's side. Default 10 000. */
  readonly timeoutMs?: number;
}

export interface RpcQuery {
  readonly name: string;
  readonly payload?: Uint8Array;
  /** Only these members. Default: everybody. */
  readonly filterNodes?: readonly string[];
  /** Only members whose tag matches: tag to RE2 pattern, found anywhere in the value. */
  readonly filterTags?: Readonly<Record<string, string>>;
  /** Default false. */
  readonly requestAck?: boolean;
  /** 0 … 255. Default 0. */
  readonly relayFactor?: number;
  /** ms; default: the agent's, by the size of its pool. */
  readonly timeoutMs?: number;
  /** End when everybody has answered. Hearsay agents only; Serf's wait for the deadline all the same. */
  readonly endEarly?: boolean;
}

/**
 * ms that an agent may take for what goes through the network: per target of a join, which may be a name of ten addresses
 * that take 30 s each in the wan profile; or for a leave, two broadcasts of as long as -broadcast-timeout says. Serf's own
 * client waits for ever.
 */
const NETWORK_ROUND_MS = 300_000;
/** The longest that a timer can be set for. */
const MAX_LIMIT_MS = 2 ** 31 - 1;
/** ms for a key operation: a query in the whole pool, behind another one that has begun. */
const KEY_ROUND_MS = 2 * NETWORK_ROUND_MS;

export class RpcClient implements AsyncDisposable {
  /** Replicated state, counters and aggregates: Hearsay agents only. */
  readonly state: StateCalls;
  readonly counters: CounterCalls;
  readonly aggregates: AggregateCalls;
  readonly #connection: RpcConnection;
  readonly #calls: Calls;

  private constructor(connection: RpcConnection) {
    this.#connection = connection;
    this.#calls = new Calls(connection);
    this.state = new StateCalls(this.#calls);
    this.counters = new CounterCalls(this.#calls);
    this.aggregates = new AggregateCalls(this.#calls);
  }

  /** Connects, greets, and authenticates if there is a token. Rejects with RpcError. */
  static async connect(options: RpcClientOptions): Promise<RpcClient> {
    const timeoutMs = options.timeoutMs ?? 10_000;
    const client = new RpcClient(new RpcConnection(await dial(options, timeoutMs), timeoutMs));
    try {
      await client.#calls.call({ command: "handshake", body: { Version: IPC_VERSION } }, options);
      if (options.token) await client.#calls.call({ command: "auth", body: { AuthKey: options.token } }, options);
    } catch (error) {
      await client.close();
      throw error;
    }
    return client;
  }

  async members(options?: CallOptions): Promise<readonly MemberRecord[]> {
    return this.#calls.read({ command: "members" }, decodeMembers, options);
  }

  /** Each pattern must match from start to end; those left out filter nothing. */
  async membersFiltered(filter: Partial<FilterBody>, options?: CallOptions): Promise<readonly MemberRecord[]> {
    const body = { Tags: filter.tags ?? {}, Status: filter.status ?? "", Name: filter.name ?? "" };
    return this.#calls.read({ command: "members-filtered", body }, decodeMembers, options);
  }

  /** How many addresses answered. Rejects with REFUSED when none did. */
  async join(addresses: readonly string[], options: CallOptions & { readonly replay?: boolean } = {}): Promise<number> {
    const body = { Existing: addresses, Replay: options.replay ?? false };
    const limitMs = Math.min(NETWORK_ROUND_MS * Math.max(addresses.length, 1), MAX_LIMIT_MS);
    // A body follows also when nobody could be joined.
    return this.#calls.read({ command: "join", body, expectBody: unlessRefused, limitMs }, decodeNum, options);
  }

  /** Resolves when the agent has left its pool. */
  async leave(options?: CallOptions): Promise<void> {
    await this.#calls.call({ command: "leave", limitMs: NETWORK_ROUND_MS }, options);
  }

  async forceLeave(name: string, options: CallOptions & { readonly prune?: boolean } = {}): Promise<void> {
    // Prune is sent only where it is meant: agents before 0.8.4 have no such field.
    const body = options.prune ? { Node: name, Prune: true } : { Node: name };
    await this.#calls.call({ command: "force-leave", body, limitMs: NETWORK_ROUND_MS }, options);
  }

  /** The agent's tags become (current without `remove`) with `set` on top. */
  async tags(set: Readonly<Record<string, string>>, remove: readonly string[], options?: CallOptions): Promise<void> {
    await this.#calls.call(
      { command: "tags", body: { Tags: set, DeleteTags: remove }, limitMs: NETWORK_ROUND_MS },
      options,
    );
  }

  async stats(options?: CallOptions): Promise<Record<string, Record<string, string>>> {
    return this.#calls.read({ command: "stats" }, decodeGroups, options);
  }

  /** Hearsay agents only: a Serf agent answers `Unsupported command`. */
  async why(name: string, options?: CallOptions): Promise<ExplanationRecord> {
    return this.#calls.read({ command: "why", body: { Node: name } }, decodeExplanation, options);
  }

  /** Its place in the network; undefined when the agent does not know it. */
  async getCoordinate(node: string, options?: CallOptions): Promise<Coordinate | undefined> {
    return this.#calls.read({ command: "get-coordinate", body: { Node: node } }, decodeCoordinate, options);
  }

  // ---- events and queries

  async event(
    name: string,
    payload: Uint8Array | string,
    options: CallOptions & { readonly coalesce?: boolean } = {},
  ): Promise<void> {
    const body = { Name: name, Payload: bytesOf(payload), Coalesce: options.coalesce ?? false };
    await this.#calls.call({ command: "event", body }, options);
  }

  /**
   * Resolves when the agent has asked; the iterable gives what comes, and ends with the query. Ending it early, or the
   * signal, tells the agent to stop. Read it once, and read it: unread records hold up all that comes on this connection.
   */
  async query(wish: RpcQuery, options?: CallOptions): Promise<AsyncIterable<RpcQueryRecord>> {
    const body: Record<string, MsgpackInput> = {
      FilterNodes: wish.filterNodes ?? null,
      FilterTags: wish.filterTags ?? null,
      RequestAck: wish.requestAck ?? false,
      RelayFactor: wish.relayFactor ?? 0,
      Timeout: BigInt(Math.round((wish.timeoutMs ?? 0) * 1e6)),
      Name: wish.name,
      // Serf takes a ping only without a payload; an empty one is none.
      Payload: wish.payload?.length ? wish.payload : null,
    };
    if (wish.endEarly) body.EndEarly = true;
    return this.#connection.open({ command: "query", body }, decodeQueryRecord, options);
  }

  /** @param id of a query that `stream` brought on this connection */
  async respond(id: bigint, payload: Uint8Array, options?: CallOptions): Promise<void> {
    await this.#calls.call({ command: "respond", body: { ID: id, Payload: payload } }, options);
  }

  /**
   * Events from now on, by Serf's filter (`member-join,user:deploy`, `*`). Ends only by its reader, the signal (ABORTED)
   * or the connection (CLOSED). Unread records hold up all that comes on this connection; the agent drops what is too much.
   */
  async stream(type: string, options?: CallOptions): Promise<AsyncIterable<StreamRecord>> {
    return this.#connection.open({ command: "stream", body: { Type: type } }, decodeStreamRecord, options);
  }

  /** The agent's log: its last lines of that level or above, then what comes. Ends as `stream` does. */
  async monitor(level: string, options?: CallOptions): Promise<AsyncIterable<string>> {
    return this.#connection.open({ command: "monitor", body: { LogLevel: level } }, decodeLog, options);
  }

  // ---- keys: each resolves also when the pool has not done it, see `KeyBody`

  /** @param key base64 */
  installKey(key: string, options?: CallOptions): Promise<KeyBody> {
    return this.#keys("install-key", { Key: key }, options);
  }

  useKey(key: string, options?: CallOptions): Promise<KeyBody> {
    return this.#keys("use-key", { Key: key }, options);
  }

  removeKey(key: string, options?: CallOptions): Promise<KeyBody> {
    return this.#keys("remove-key", { Key: key }, options);
  }

  listKeys(options?: CallOptions): Promise<KeyBody> {
    return this.#keys("list-keys", undefined, options);
  }

  async #keys(command: string, body: MsgpackInput | undefined, options: CallOptions | undefined): Promise<KeyBody> {
    const spec = { command, body, expectBody: unlessRefused, limitMs: KEY_ROUND_MS };
    const reply = await this.#connection.call(spec, options);
    const { body: bytes } = reply;
    if (bytes === undefined) throw new RpcError("REFUSED", reply.header.error);
    return readBody(bytes, () => decodeKeyBody(bytes, reply.header.error));
  }

  // ---- life

  async close(): Promise<void> {
    this.#connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** For commands whose body follows also when they failed: not when the command itself was refused. */
const unlessRefused = ({ error }: ResponseHeader): boolean =>
  error !== RPC_ERRORS.authRequired &&
  error !== RPC_ERRORS.handshakeRequired &&
  error !== RPC_ERRORS.unsupportedCommand;

function bytesOf(payload: Uint8Array | string): Uint8Array {
  return typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
}
