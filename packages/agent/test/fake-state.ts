/**
 * Replicated state without a network, for tests of what stands in front of a node: nodes that share one `FakeStatePool` see
 * each other's writes at once. Statistics are exact, and there as soon as somebody has a value.
 */
import type {
  Aggregate,
  AggregateOptions,
  Counter,
  MemberState,
  NodeErrorCode,
  NodeState,
  SharedChange,
  SharedState,
  StateApi,
  StateChange,
  StateEntry,
  StateValue,
  Watched,
  WatchOptions,
} from "@hearsay/node";
import { NodeError } from "@hearsay/node";

const MAX_VALUE = 64 * 1024;
/** Changes that wait for one reader. */
const BUFFER = 1024;

interface Written {
  readonly value: StateValue;
  readonly writer: string;
  readonly time: Date;
}

/** A map of everybody's, under one owner's name; "" is the one that all share. */
class FakeMap {
  readonly keys = new Map<string, Written>();
}

type Listener = (owner: string, change: SharedChange & StateChange) => void;

class FakeStatePool {
  readonly maps = new Map<string, FakeMap>();
  readonly counters = new Map<string, Map<string, bigint>>();
  readonly aggregates = new Map<string, Map<string, () => number | undefined>>();
  readonly listeners = new Set<Listener>();

  map(owner: string): FakeMap {
    const known = this.maps.get(owner) ?? new FakeMap();
    this.maps.set(owner, known);
    return known;
  }

  write(owner: string, writer: string, key: string, value: StateValue | undefined): boolean {
    const { keys } = this.map(owner);
    const before = keys.get(key)?.value;
    const time = new Date();
    if (value === undefined) keys.delete(key);
    else keys.set(key, { value, writer, time });
    const change = { member: owner, writer, key, before, after: value, isLocal: false, time };
    for (const listener of this.listeners) listener(owner, change);
    return before !== undefined;
  }
}

export class FakeStateNode implements StateApi {
  readonly #name: string;
  #shares = new FakeStatePool();
  /** As if the node had been started with `state: false`. */
  stateOff = false;

  constructor(name: string) {
    this.#name = name;
  }

  static share(nodes: readonly FakeStateNode[]): void {
    for (const node of nodes) node.#shares = nodes[0]!.#shares;
  }

  /** As if another member had written. */
  writeAs(owner: string, key: string, value: StateValue | undefined): void {
    this.#shares.write(owner, owner, key, value);
  }

  /** Watches that somebody still reads. */
  get watchers(): number {
    return this.#shares.listeners.size;
  }

  get state(): NodeState {
    this.#check();
    const own = this.#mapOf(this.#name);
    return {
      ...own,
      set: async (key, value, { ttl } = {}) => this.#set(this.#name, key, value, ttl),
      delete: async (key) => this.#shares.write(this.#name, this.#name, key, undefined),
      of: (member) => this.#mapOf(member),
      members: () => [...this.#shares.maps.keys()].filter((owner) => owner !== "").sort(),
      watch: (prefix, options) => this.#watch((owner) => owner !== "", prefix, options),
    };
  }

  get shared(): SharedState {
    this.#check();
    const entries = this.#mapOf("").entries;
    const written = (entry: StateEntry) => ({ ...entry, ...this.#shares.map("").keys.get(entry.key)! });
    return {
      ...this.#mapOf(""),
      entries: (prefix) => entries(prefix).map(written),
      scan: (prefix, after) => scanned(entries(prefix).map(written), after),
      set: async (key, value, { ttl } = {}) => this.#set("", key, value, ttl),
      delete: async (key) => this.#shares.write("", this.#name, key, undefined),
      watch: (prefix, options) => this.#watch((owner) => owner === "", prefix, options),
    };
  }

  #mapOf(owner: string): MemberState {
    const { keys } = this.#shares.maps.get(owner) ?? new FakeMap();
    const entries = (prefix = "") =>
      [...keys].filter(([key]) => key.startsWith(prefix)).map(([key, { value }]) => ({ key, value }));
    return {
      get: (key) => keys.get(key)?.value,
      entries,
      scan: (prefix, after) => scanned(entries(prefix), after),
      count: () => keys.size,
    };
  }

  #set(owner: string, key: string, value: StateValue, ttl: number | undefined): void {
    if (key === "" || Buffer.byteLength(key) > 255) throw stateError("BAD_KEY_NAME", "a key has 1 to 255 bytes");
    const size = value instanceof Uint8Array ? value.length : Buffer.byteLength(JSON.stringify(value));
    if (size > MAX_VALUE) throw stateError("VALUE_TOO_LARGE", `a value of ${size} bytes is over the limit`);
    if (ttl !== undefined) {
      // A timer waits no longer, and no test does.
      const ms = Math.min(ttl, 2 ** 31 - 1);
      setTimeout(() => this.#shares.write(owner, this.#name, key, undefined), ms).unref();
    }
    this.#shares.write(owner, this.#name, key, value);
  }

  async *#watch(
    wants: (owner: string) => boolean,
    prefix = "",
    { initial = false, signal }: WatchOptions = {},
  ): AsyncGenerator<Watched<SharedChange & StateChange>> {
    const waiting: (SharedChange & StateChange)[] = [];
    let dropped = 0;
    let wake = () => {};
    const listener: Listener = (owner, change) => {
      if (!wants(owner) || !change.key.startsWith(prefix)) return;
      waiting.push({ ...change, isLocal: change.writer === this.#name });
      if (waiting.length > BUFFER) {
        waiting.shift();
        dropped++;
      }
      wake();
    };
    const first = initial ? this.#known(wants, prefix) : [];
    this.#shares.listeners.add(listener);
    signal?.addEventListener("abort", () => wake(), { once: true });
    try {
      for (const change of first) yield { ...change, dropped: 0 };
      while (!signal?.aborted) {
        const change = waiting.shift();
        if (change !== undefined) {
          const lost = dropped;
          dropped = 0;
          yield { ...change, dropped: lost };
        } else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.#shares.listeners.delete(listener);
    }
  }

  #known(wants: (owner: string) => boolean, prefix: string): (SharedChange & StateChange)[] {
    return [...this.#shares.maps]
      .filter(([owner]) => wants(owner))
      .flatMap(([member, { keys }]) =>
        [...keys]
          .filter(([key]) => key.startsWith(prefix))
          .map(([key, { value, writer, time }]) => ({
            ...{ member, writer, key, before: undefined, after: value, isLocal: writer === this.#name, time },
          })),
      );
  }

  counter(name: string): Counter {
    this.#check();
    if (name === "" || Buffer.byteLength(name) > 128)
      throw stateError("BAD_KEY_NAME", "a counter's name has 1 to 128 bytes");
    const shares = () => this.#shares.counters.get(name) ?? new Map<string, bigint>();
    return {
      name,
      add: async (amount = 1) => {
        const counted = shares();
        counted.set(this.#name, (counted.get(this.#name) ?? 0n) + BigInt(amount));
        this.#shares.counters.set(name, counted);
      },
      value: () => [...shares().values()].reduce((sum, share) => sum + share, 0n),
      contribution: (member = this.#name) => shares().get(member) ?? 0n,
    };
  }

  counters(): string[] {
    this.#check();
    return [...this.#shares.counters.keys()].sort();
  }

  aggregate(name: string, source: () => number | undefined, options: AggregateOptions = {}): Aggregate {
    this.#check();
    if (name === "" || Buffer.byteLength(name) > 64)
      throw stateError("BAD_KEY_NAME", "an aggregate's name has 1 to 64 bytes");
    if ((options.roundMs ?? 1) > 3_600_000) throw new NodeError("BAD_OPTION", "roundMs: want 1 to 3600000");
    const sources = this.#shares.aggregates.get(name) ?? new Map<string, () => number | undefined>();
    if (sources.has(this.#name)) throw stateError("ALREADY_OPEN", `"${name}" is open`);
    this.#shares.aggregates.set(name, sources.set(this.#name, source));
    const close = () => void sources.delete(this.#name);
    return { name, close, [Symbol.dispose]: close, read: () => statistics([...sources.values()]) };
  }

  aggregates(): string[] {
    return [...this.#shares.aggregates].filter(([, sources]) => sources.has(this.#name)).map(([name]) => name);
  }

  phi(): number | undefined {
    return undefined;
  }

  async saveState(): Promise<void> {}

  #check(): void {
    if (this.stateOff) throw new NodeError("UNSUPPORTED", "this node has no replicated state");
  }
}

function scanned<E extends StateEntry>(entries: readonly E[], after: string | undefined): IterableIterator<E> {
  const rest = entries.filter(({ key }) => after === undefined || key > after);
  return rest.sort((a, b) => (a.key < b.key ? -1 : 1)).values();
}

function statistics(sources: readonly (() => number | undefined)[]): ReturnType<Aggregate["read"]> {
  const values = sources.flatMap((source) => source() ?? []).sort((a, b) => a - b);
  const count = values.length;
  // A number that no test asks for twice stands for "not yet".
  if (count === 0 || values.includes(-404)) return undefined;
  const sum = values.reduce((total, value) => total + value, 0);
  const mean = sum / count;
  const variance = values.reduce((total, value) => total + (value - mean) ** 2, 0) / count;
  const at = (share: number) => values[Math.min(count - 1, Math.floor(share * count))]!;
  return {
    ...{ age: 2100, epoch: 3, count, sum, mean, min: values[0]!, max: values.at(-1)!, variance },
    quantiles: {
      p01: at(0.01),
      p05: at(0.05),
      p25: at(0.25),
      p50: at(0.5),
      p75: at(0.75),
      p95: at(0.95),
      p99: at(0.99),
    },
    ...{ meanError: 0.0012, countError: 0.034, quantileError: 0.01 },
  };
}

function stateError(code: string, message: string): NodeError {
  return new NodeError(code as NodeErrorCode, message);
}
