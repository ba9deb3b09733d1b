/** The client's side of replicated state, counters and aggregates. Hearsay agents only: a Serf agent refuses them all. */
import type { CallOptions, StateValue } from "@hearsay/node";
import type { MsgpackInput } from "@hearsay/wire";
import type { AggregateView, AggregateWish } from "../agent/agent-aggregates.ts";
import { decodeAggregates } from "./aggregate-messages.ts";
import type { Calls } from "./calls.ts";
import { type CounterRecord, decodeCounters } from "./counter-commands.ts";
import { RpcError } from "./rpc-error.ts";
import {
  decodeStateChange,
  decodeStatePage,
  decodeStateRecord,
  type StateChangeRecord,
  type StatePage,
  type StateRecord,
  valueBody,
} from "./state-messages.ts";

/** Longest value sent, as JSON or as bytes: with what stands around it, it must fit the agent's 256 KiB for a request. */
export const MAX_SENT_VALUE_BYTES = 255 * 1024;

/** Whose keys. */
export interface StatePlace {
  /** Those that all share. Default false. */
  readonly shared?: boolean;
  /** A member's. Default: the agent's own to read one, everybody's to list and watch. */
  readonly member?: string;
}

/** Which of them. */
export interface StateChoice extends StatePlace {
  /** Keys that begin so. Default: all. */
  readonly prefix?: string;
}

export class StateCalls {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** Rejects with REFUSED: `No such key`, `No such member`. */
  get(key: string, place: StatePlace = {}, options?: CallOptions): Promise<StateRecord> {
    return this.#calls.read(
      { command: "state-get", body: { ...placeBody(place), Key: key } },
      decodeStateRecord,
      options,
    );
  }

  /** @param wish `ttl`: ms after which it is deleted; default never */
  async set(
    key: string,
    value: StateValue,
    wish: { readonly shared?: boolean; readonly ttl?: number } = {},
    options?: CallOptions,
  ): Promise<void> {
    const sent = valueBody(value);
    const bytes = Buffer.byteLength((sent.Json ?? sent.Bytes) as string | Uint8Array);
    if (bytes > MAX_SENT_VALUE_BYTES) {
      throw new RpcError("REFUSED", `a value of ${bytes} bytes is too large: a request takes ${MAX_SENT_VALUE_BYTES}`);
    }
    const body = { Shared: wish.shared ?? false, Key: key, ...sent, TtlMs: wish.ttl ?? 0 };
    await this.#calls.call({ command: "state-set", body }, options);
  }

  /** Rejects with REFUSED, `No such key`, when it was not there. */
  async delete(key: string, place: Pick<StatePlace, "shared"> = {}, options?: CallOptions): Promise<void> {
    await this.#calls.call({ command: "state-delete", body: { ...placeBody(place), Key: key } }, options);
  }

  /** Page by page, as the agent gives them; by member, then by key. */
  async *list(choice: StateChoice = {}, options?: CallOptions): AsyncGenerator<StateRecord> {
    let after: Readonly<Record<string, string>> = {};
    for (;;) {
      const body = { ...placeBody(choice), Prefix: choice.prefix ?? "", ...after };
      const page: StatePage = await this.#calls.read({ command: "state-list", body }, decodeStatePage, options);
      yield* page.entries;
      const last = page.entries.at(-1);
      if (!page.more || last === undefined) return;
      after = { AfterMember: last.member, AfterKey: last.key };
    }
  }

  /**
   * Changes from now on. Ends with the agent's state, by its reader, the signal (ABORTED) or the connection (CLOSED).
   * Unread records hold up all that comes on this connection.
   * @param choice `initial`: first what is there, as changes from nothing
   */
  watch(
    choice: StateChoice & { readonly initial?: boolean } = {},
    options?: CallOptions,
  ): Promise<AsyncIterable<StateChangeRecord>> {
    const body = { ...placeBody(choice), Prefix: choice.prefix ?? "", Initial: choice.initial ?? false };
    return this.#calls.connection.open({ command: "state-watch", body }, decodeStateChange, options);
  }
}

function placeBody({ shared, member }: StatePlace): Readonly<Record<string, MsgpackInput>> {
  return { Shared: shared ?? false, Member: member ?? "" };
}

export class CounterCalls {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** What it is then. @param amount a whole number, -(2^53 - 1) … 2^53 - 1 */
  async add(name: string, amount = 1, options?: CallOptions): Promise<CounterRecord> {
    const body = { Name: name, Amount: amount };
    return (await this.#calls.read({ command: "counter-add", body }, one(decodeCounters), options))[0];
  }

  /** One that nobody has counted with is 0. */
  async get(name: string, options?: CallOptions): Promise<CounterRecord> {
    return (await this.#calls.read({ command: "counter-get", body: { Name: name } }, one(decodeCounters), options))[0];
  }

  list(options?: CallOptions): Promise<readonly CounterRecord[]> {
    return this.#calls.read({ command: "counter-list" }, decodeCounters, options);
  }
}

export class AggregateCalls {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** The agent takes part with this number, until it is told another or `unset`. */
  async set(name: string, value: number, wish: AggregateWish = {}, options?: CallOptions): Promise<void> {
    const body = { Name: name, Value: value, RoundMs: wish.roundMs ?? 0, EpochRounds: wish.epochRounds ?? 0 };
    await this.#calls.call({ command: "aggregate-set", body }, options);
  }

  async unset(name: string, options?: CallOptions): Promise<void> {
    await this.#calls.call({ command: "aggregate-unset", body: { Name: name } }, options);
  }

  /** Rejects with REFUSED: `No such aggregate`, `No result yet`. */
  async get(name: string, options?: CallOptions): Promise<AggregateView> {
    const body = { Name: name };
    return (await this.#calls.read({ command: "aggregate-get", body }, one(decodeAggregates), options))[0];
  }

  list(options?: CallOptions): Promise<readonly AggregateView[]> {
    return this.#calls.read({ command: "aggregate-list" }, decodeAggregates, options);
  }
}

/** Of an answer that must hold one. */
function one<T>(decode: (bytes: Uint8Array) => readonly T[]): (bytes: Uint8Array) => readonly [T] {
  return (bytes) => {
    const [first] = decode(bytes);
    if (first === undefined) throw new Error("nothing in it");
    return [first];
  };
}
