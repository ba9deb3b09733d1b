/** Replicated state as a node's user sees it: checks what is asked for, turns values into bytes and back, tells of changes. */

import { NodeError } from "../errors.ts";
import type {
  Aggregate,
  AggregateOptions,
  Counter,
  MemberState,
  NodeState,
  SharedChange,
  SharedEntry,
  SharedState,
  StateApi,
  StateChange,
  StateEntry,
  StateValue,
  WatchOptions,
} from "../state-api.ts";
import { OpenAggregates } from "./open-aggregates.ts";
import {
  checkAmount,
  checkCounterName,
  checkKeyName,
  checkPrefix,
  checkSignal,
  checkWatch,
  checkWrite,
} from "./state-checks.ts";
import type { RawChange, RawSharedChange, StatePort, StoredKey, StoredShared } from "./state-port.ts";
import { decodeValue, encodeValue } from "./value-codec.ts";
import { Watches } from "./watch.ts";

export class StateFace implements StateApi {
  readonly state: NodeState;
  readonly shared: SharedState;
  readonly #port: StatePort | undefined;
  readonly #aggregates: OpenAggregates | undefined;
  readonly #changes = new Watches<RawChange, StateChange>(changeFor);
  readonly #sharedChanges = new Watches<RawSharedChange, SharedChange>(sharedChangeFor);

  /** @param port undefined: this node has none of it, and everything throws UNSUPPORTED */
  constructor(port: StatePort | undefined) {
    this.#port = port;
    this.#aggregates = port && new OpenAggregates(port);
    const needed = () => this.#needed;
    this.state = nodeState(needed, this.#changes);
    this.shared = sharedState(needed, this.#sharedChanges);
  }

  counter(name: string): Counter {
    const port = this.#needed;
    return counterFor(checkCounterName(name), port);
  }

  counters(): string[] {
    return [...this.#needed.counters.names()].sort();
  }

  aggregate(name: string, source: () => number | undefined, options: AggregateOptions = {}): Aggregate {
    if (!this.#aggregates) throw unsupported();
    return this.#aggregates.open(name, source, options);
  }

  aggregates(): string[] {
    if (!this.#aggregates) throw unsupported();
    return this.#aggregates.names();
  }

  phi(member: string): number | undefined {
    return this.#needed.phi(member);
  }

  async saveState(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    await this.#needed.saveState(checkSignal(options));
  }

  /** A member's key has changed; watchers are told. */
  changed(change: RawChange): void {
    this.#changes.push(change);
  }

  sharedChanged(change: RawSharedChange): void {
    this.#sharedChanges.push(change);
  }

  /** So many changes were lost on the way here, of either kind. */
  lost(count: number): void {
    this.#changes.skip(count);
    this.#sharedChanges.skip(count);
  }

  /** The node has gone: nothing more comes. */
  end(): void {
    this.#aggregates?.end();
    this.#changes.end();
    this.#sharedChanges.end();
  }

  get #needed(): StatePort {
    if (!this.#port) throw unsupported();
    return this.#port;
  }
}

/** As it is handed out. Decoded anew each time: whoever gets it may keep and change its values. */
export function changeFor({ member, key, before, after, isLocal, time }: RawChange): StateChange {
  return { member, key, before: decoded(before), after: decoded(after), isLocal, time };
}

export function sharedChangeFor({ writer, key, before, after, isLocal, time }: RawSharedChange): SharedChange {
  return { key, before: decoded(before), after: decoded(after), isLocal, time, writer };
}

function nodeState(port: () => StatePort, changes: Watches<RawChange, StateChange>): NodeState {
  const of = (member: () => string): MemberState => ({
    get: (key) => decoded(port().get(member(), key)),
    entries: (prefix = "") => sorted(port().entries(member()), prefix, entryFor),
    *scan(prefix = "", after) {
      for (const stored of sorted(port().entries(member()), prefix, itself, after)) yield entryFor(stored);
    },
    count: () => [...port().entries(member())].length,
  });
  return {
    ...of(() => port().name),
    async set(key, value, options = {}) {
      const { ttl, signal } = checkWrite(options);
      await port().set(checkKeyName(key), encodeValue(value, port().maxValueBytes), ttl, signal);
    },
    delete: async (key, options = {}) => port().delete(checkKeyName(key), checkSignal(options)),
    // As text: to the machine no name at all means ours.
    of: (member) => of(() => String(member)),
    members: () => withKeys(port()),
    watch(prefix = "", options = {}) {
      const from = port();
      const checked = checkWatch(prefix, options);
      return changes.open(checked, options.initial ? presentKeys(from, checked) : [], options.signal);
    },
  };
}

function sharedState(port: () => StatePort, changes: Watches<RawSharedChange, SharedChange>): SharedState {
  return {
    get: (key) => decoded(port().getShared(key)?.value),
    entries: (prefix = "") => sorted(port().sharedEntries(), prefix, sharedEntryFor),
    *scan(prefix = "", after) {
      for (const stored of sorted(port().sharedEntries(), prefix, itself, after)) yield sharedEntryFor(stored);
    },
    count: () => [...port().sharedEntries()].length,
    async set(key, value, options = {}) {
      const { ttl, signal } = checkWrite(options);
      await port().setShared(checkKeyName(key), encodeValue(value, port().maxValueBytes), ttl, signal);
    },
    delete: async (key, options = {}) => port().deleteShared(checkKeyName(key), checkSignal(options)),
    watch(prefix = "", options: WatchOptions = {}) {
      const from = port();
      const checked = checkWatch(prefix, options);
      return changes.open(checked, options.initial ? presentShared(from, checked) : [], options.signal);
    },
  };
}

function counterFor(name: string, port: StatePort): Counter {
  return {
    name,
    add: async (amount = 1, options = {}) => port.add(name, checkAmount(amount), checkSignal(options)),
    value: () => port.counters.value(name),
    contribution: (member = port.name) => port.counters.contribution(member, name),
  };
}

function withKeys(port: StatePort): string[] {
  const names: string[] = [];
  for (const owner of port.owners()) {
    for (const _ of port.entries(owner)) {
      names.push(owner);
      break;
    }
  }
  return names.sort();
}

/** What is there, as changes from nothing. */
function presentKeys(port: StatePort, prefix: string): RawChange[] {
  const time = new Date();
  return withKeys(port).flatMap((member) =>
    sorted(port.entries(member), prefix, ({ key, value }) => {
      return { member, key, before: undefined, after: value, isLocal: member === port.name, time };
    }),
  );
}

function presentShared(port: StatePort, prefix: string): RawSharedChange[] {
  const time = new Date();
  return sorted(port.sharedEntries(), prefix, ({ key, value, writer }) => {
    return { key, before: undefined, after: value, isLocal: writer === port.name, time, writer };
  });
}

function sorted<S extends StoredKey, T>(
  stored: Iterable<S>,
  prefix: unknown,
  make: (one: S) => T,
  after: string | undefined = undefined,
): T[] {
  const wanted: S[] = [];
  const checked = checkPrefix(prefix);
  for (const one of stored) {
    if (one.key.startsWith(checked) && (after === undefined || one.key > after)) wanted.push(one);
  }
  return wanted.sort((a, b) => (a.key < b.key ? -1 : 1)).map(make);
}

const itself = <S>(stored: S): S => stored;

function sharedEntryFor({ key, value, writer, ms }: StoredShared): SharedEntry {
  return { key, value: decodeValue(value), writer, time: new Date(ms) };
}

function entryFor({ key, value }: StoredKey): StateEntry {
  return { key, value: decodeValue(value) };
}

function decoded(stored: Uint8Array | undefined): StateValue | undefined {
  return stored && decodeValue(stored);
}

function unsupported(): NodeError {
  return new NodeError(
    "UNSUPPORTED",
    "this node has no replicated state: it was started with state: false, or a protocol below 3",
  );
}
