/**
 * The main thread's side: replicated state as the worker last told it, so that looking is synchronous; wishes are calls to the
 * worker. What a call has changed stands here by the time it is answered. Changes in quick succession come as one.
 */

import { CounterTable } from "@hearsay/state";
import type {
  AggregateTerms,
  RawChange,
  RawSharedChange,
  StatePort,
  StoredKey,
  StoredShared,
} from "../state/state-port.ts";
import type { AggregateReading } from "../state-api.ts";
import type { StateNews } from "../state-calls.ts";
import { type PlainReading, type StateBatch, type StateCallArgs, sharedNow } from "./state-protocol.ts";

/** How often a source is asked at most: ms. */
const LEAST_ASK_MS = 20;

/** How it reaches the worker. */
export interface StateLink {
  readonly name: string;
  readonly maxValueBytes: number;
  /** @throws NodeError CLOSED, LEFT */
  requireOpen(): void;
  /** Asks, and waits for the answer. Rejects as the node's calls do. */
  call<K extends keyof StateCallArgs>(
    method: K,
    args: StateCallArgs[K],
    signal: AbortSignal | undefined,
  ): Promise<unknown>;
  /** Says something that nobody answers. */
  tell<K extends keyof StateCallArgs>(method: K, args: StateCallArgs[K]): void;
}

interface Source {
  readonly ask: () => number | undefined;
  readonly timer: NodeJS.Timeout;
  told: number | undefined;
}

export class MirroredState implements StatePort {
  readonly name: string;
  readonly maxValueBytes: number;
  /** The worker's, life by life. Nothing is counted in it here. */
  readonly counters: CounterTable;
  readonly #link: StateLink;
  readonly #maps = new Map<string, Map<string, Uint8Array>>();
  readonly #shared = new Map<string, StoredShared>();
  readonly #readings = new Map<string, PlainReading>();
  readonly #sources = new Map<string, Source>();
  #phis: ReadonlyMap<string, number> = new Map();

  constructor(link: StateLink) {
    this.name = link.name;
    this.maxValueBytes = link.maxValueBytes;
    this.#link = link;
    // Without bounds of its own: what the worker has taken is taken. No process has a life of this number.
    this.counters = new CounterTable({
      writer: link.name,
      life: 0,
      maxCounters: 0xffff,
      maxLives: Number.POSITIVE_INFINITY,
    });
  }

  requireOpen(): void {
    this.#link.requireOpen();
  }

  get(owner: string, key: string): Uint8Array | undefined {
    return this.#maps.get(owner)?.get(key);
  }

  entries(owner: string): StoredKey[] {
    return Array.from(this.#maps.get(owner) ?? [], ([key, value]) => ({ key, value }));
  }

  owners(): Iterable<string> {
    return this.#maps.keys();
  }

  getShared(key: string): StoredShared | undefined {
    return this.#shared.get(key);
  }

  sharedEntries(): Iterable<StoredShared> {
    return this.#shared.values();
  }

  phi(member: string): number | undefined {
    return member === this.name ? 0 : this.#phis.get(member);
  }

  reading(aggregate: string): AggregateReading | undefined {
    const known = this.#readings.get(aggregate);
    return known && { ...known.reading, age: known.reading.age + sharedNow() - known.at };
  }

  async set(key: string, value: Uint8Array, ttl: number | undefined, signal: AbortSignal | undefined): Promise<void> {
    await this.#link.call("setState", [key, value, ttl], signal);
  }

  async delete(key: string, signal: AbortSignal | undefined): Promise<boolean> {
    return (await this.#link.call("deleteState", [key], signal)) as boolean;
  }

  async setShared(key: string, value: Uint8Array, ttl: number | undefined, signal?: AbortSignal): Promise<void> {
    await this.#link.call("setShared", [key, value, ttl], signal);
  }

  async deleteShared(key: string, signal: AbortSignal | undefined): Promise<boolean> {
    return (await this.#link.call("deleteShared", [key], signal)) as boolean;
  }

  async add(counter: string, amount: number, signal: AbortSignal | undefined): Promise<void> {
    await this.#link.call("addTo", [counter, amount], signal);
  }

  async saveState(signal: AbortSignal | undefined): Promise<void> {
    await this.#link.call("saveState", [], signal);
  }

  /** The source is asked here, once a round; the worker takes the latest it was told. */
  openAggregate(name: string, source: () => number | undefined, terms: AggregateTerms): void {
    const told = source();
    // It may have closed the node.
    this.#link.requireOpen();
    this.#link.tell("openAggregate", [name, terms, told]);
    const timer = setInterval(() => this.#ask(name), Math.max(terms.roundMs, LEAST_ASK_MS)).unref();
    this.#sources.set(name, { ask: source, timer, told });
  }

  closeAggregate(name: string): void {
    clearInterval(this.#sources.get(name)?.timer);
    this.#sources.delete(name);
    this.#readings.delete(name);
    this.#link.tell("closeAggregate", [name]);
  }

  /** Takes a batch in; returns what is to be told of it, once all of it can be seen. */
  apply(batch: StateBatch): (news: StateNews) => void {
    const time = new Date();
    const changes = [...(batch.isWhole ? this.#missing(batch) : []), ...batch.keys].flatMap(([owner, key, value]) =>
      this.#put(owner, key, value, time),
    );
    const shared = [...(batch.isWhole ? this.#missingShared(batch) : []), ...batch.shared].flatMap((one) =>
      this.#putShared(one, time),
    );
    for (const life of batch.lives) this.counters.merge(life);
    if (batch.phis) this.#phis = new Map(batch.phis);
    for (const reading of batch.readings)
      if (this.#sources.has(reading.name)) this.#readings.set(reading.name, reading);
    return (news) => {
      for (const change of changes) news.changed(change);
      for (const change of shared) news.sharedChanged(change);
    };
  }

  /** The member is forgotten; as in the worker, what it counted stays, without its name. */
  forget(member: string): void {
    this.counters.fold(member);
  }

  #ask(name: string): void {
    const source = this.#sources.get(name);
    const value = source?.ask();
    if (!source || Object.is(value, source.told)) return;
    source.told = value;
    this.#link.tell("aggregateValue", [name, value]);
  }

  #put(member: string, key: string, after: Uint8Array | undefined, time: Date): RawChange[] {
    const map = this.#maps.get(member) ?? new Map<string, Uint8Array>();
    const before = map.get(key);
    if (after) this.#maps.set(member, map.set(key, after));
    else map.delete(key);
    if (map.size === 0) this.#maps.delete(member);
    if (sameValue(before, after)) return [];
    return [{ member, key, before, after, isLocal: member === this.name, time }];
  }

  #putShared(news: StateBatch["shared"][number], time: Date): RawSharedChange[] {
    const { key, value: after, writer, ms } = news;
    const before = this.#shared.get(key)?.value;
    if (after) this.#shared.set(key, { key, value: after, writer, ms });
    else this.#shared.delete(key);
    if (!before && !after) return [];
    return [{ key, before, after, writer, isLocal: writer === this.name, time }];
  }

  #missing(batch: StateBatch): [owner: string, key: string, value: undefined][] {
    const there = new Set(batch.keys.map(([owner, key]) => JSON.stringify([owner, key])));
    return Array.from(this.#maps).flatMap(([owner, map]) =>
      Array.from(map.keys())
        .filter((key) => !there.has(JSON.stringify([owner, key])))
        .map((key) => [owner, key, undefined] as [string, string, undefined]),
    );
  }

  #missingShared(batch: StateBatch): StateBatch["shared"] {
    const there = new Set(batch.shared.map(({ key }) => key));
    return Array.from(this.#shared.values())
      .filter(({ key }) => !there.has(key))
      .map(({ key, writer }) => ({ key, value: undefined, writer, ms: 0 }));
  }
}

function sameValue(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Buffer.compare(a, b) === 0);
}
