/**
 * What a node asks of replicated state: keys written, counters raised, aggregates opened. Hands wishes to the machine and its
 * changes to those who watch; what is counted is written down before the caller hears of it. The part of `serf-calls.ts` for
 * what is beyond Serf.
 */

import type { ExtendedEvent, ExtendedSerf } from "@hearsay/extended";
import type { CounterTable } from "@hearsay/state";
import { abortable, optionError, throwIfAborted } from "./errors.ts";
import type { Wishes } from "./serf-calls.ts";
import { readingFor } from "./state/aggregate-reading.ts";
import { inStateWords } from "./state/state-errors.ts";
import type {
  AggregateTerms,
  RawChange,
  RawSharedChange,
  StatePort,
  StoredKey,
  StoredShared,
} from "./state/state-port.ts";
import type { StateStore } from "./state/state-store.ts";
import { WallWatch } from "./state/wall-watch.ts";
import type { AggregateReading } from "./state-api.ts";

/** The machine's verbs that are used here. */
export type StateVerbs = Pick<
  ExtendedSerf,
  | "name"
  | "state"
  | "counters"
  | "setState"
  | "deleteState"
  | "setShared"
  | "deleteShared"
  | "addTo"
  | "openAggregate"
  | "closeAggregate"
  | "estimate"
  | "phi"
  | "extensionDrops"
  | "setWallClock"
>;

/** Who is told of changes. */
export interface StateNews {
  changed(change: RawChange): void;
  sharedChanged(change: RawSharedChange): void;
  /** So many changes, of either kind, were lost. */
  lost(count: number): void;
}

export interface StateCallsOptions {
  readonly machine: StateVerbs;
  readonly wishes: Wishes;
  /** Monotonic ms, the machine's clock. */
  readonly now: () => number;
  readonly news: StateNews;
  readonly store: StateStore | undefined;
}

export class StateCalls implements StatePort {
  readonly name: string;
  readonly #machine: StateVerbs;
  readonly #wishes: Wishes;
  readonly #now: () => number;
  readonly #news: StateNews;
  readonly #store: StateStore | undefined;
  readonly #wall: WallWatch;

  constructor({ machine, wishes, now, news, store }: StateCallsOptions) {
    this.name = machine.name;
    this.#machine = machine;
    this.#wishes = wishes;
    this.#now = now;
    this.#news = news;
    this.#store = store;
    this.#wall = new WallWatch(Date.now() - now());
  }

  get counters(): CounterTable {
    return this.#machine.counters;
  }

  get maxValueBytes(): number {
    return this.#machine.state.config.maxValueBytes;
  }

  requireOpen(): void {
    this.#wishes.requireOpen();
  }

  get(owner: string, key: string): Uint8Array | undefined {
    return this.#machine.state.getOf(owner, key);
  }

  entries(owner: string): readonly StoredKey[] {
    return this.#machine.state.entries(owner);
  }

  owners(): readonly string[] {
    return this.#machine.state.owners();
  }

  getShared(key: string): StoredShared | undefined {
    const shared = this.#machine.state.getShared(key);
    return shared && { key, value: shared.value, writer: shared.writer, ms: shared.stamp.ms };
  }

  sharedEntries(): readonly StoredShared[] {
    const entries = this.#machine.state.sharedEntries();
    return entries.map(({ key, value, writer, stamp }) => ({ key, value, writer, ms: stamp.ms }));
  }

  phi(member: string): number | undefined {
    return member === this.name ? 0 : this.#machine.phi(member, this.#now())?.phi;
  }

  reading(aggregate: string): AggregateReading | undefined {
    const estimate = this.#machine.estimate(aggregate, this.#now());
    return estimate && readingFor(estimate);
  }

  async set(key: string, value: Uint8Array, ttl: number | undefined, signal: AbortSignal | undefined): Promise<void> {
    this.#wish("the write", signal, (now) => this.#machine.setState(key, value, now, ttl));
  }

  async delete(key: string, signal: AbortSignal | undefined): Promise<boolean> {
    return this.#wish("the deletion", signal, (now) => this.#machine.deleteState(key, now));
  }

  async setShared(key: string, value: Uint8Array, ttl: number | undefined, signal?: AbortSignal): Promise<void> {
    this.#wish("the write", signal, (now) => this.#machine.setShared(key, value, now, ttl));
  }

  async deleteShared(key: string, signal: AbortSignal | undefined): Promise<boolean> {
    return this.#wish("the deletion", signal, (now) => this.#machine.deleteShared(key, now));
  }

  async add(counter: string, amount: number, signal: AbortSignal | undefined): Promise<void> {
    // Nothing makes no counter.
    this.#wish("counting", signal, (now) => amount !== 0 && this.#machine.addTo(counter, amount, now));
    if (this.#store) await abortable(this.#store.counted(), signal, "counting");
  }

  openAggregate(name: string, source: () => number | undefined, terms: AggregateTerms): void {
    this.#wishes.run((now) => this.#machine.openAggregate(name, source, now, terms));
  }

  closeAggregate(name: string): void {
    this.#machine.closeAggregate(name);
  }

  async saveState(signal: AbortSignal | undefined): Promise<void> {
    throwIfAborted(signal, "saving");
    this.#wishes.requireOpen();
    if (!this.#store) throw optionError("stateFile", undefined, "was not given; there is nowhere to save to");
    await abortable(this.#store.save(), signal, "saving");
  }

  /** To be called whenever the machine was drained: somebody may have set the wall clock. */
  drained(): void {
    const wallMs = this.#wall.look(this.#now());
    if (wallMs !== undefined) this.#wishes.run((now) => this.#machine.setWallClock(wallMs, now));
  }

  /** What was refused, how often, beside the refusals of all of the machine. */
  drops(): Record<string, number> {
    return this.#machine.extensionDrops();
  }

  /** The machine's events about state; others are passed over. */
  onEvent(event: ExtendedEvent): void {
    switch (event.type) {
      case "node-change": {
        const { owner: member, key, before, after, isLocal } = event;
        this.#news.changed({
          member,
          key,
          before: before ?? undefined,
          after: after ?? undefined,
          isLocal,
          time: new Date(),
        });
        break;
      }
      case "shared-change": {
        const { key, before, after, writer, isLocal } = event;
        this.#news.sharedChanged({
          key,
          before: before ?? undefined,
          after: after ?? undefined,
          writer,
          isLocal,
          time: new Date(),
        });
        break;
      }
      case "state-overflow":
        this.#news.lost(event.lost);
        break;
      default:
    }
  }

  #wish<T>(what: string, signal: AbortSignal | undefined, wish: (now: number) => T): T {
    throwIfAborted(signal, what);
    this.#wishes.requireOpen();
    return inStateWords(() => this.#wishes.run(wish));
  }
}

/** Tells both, one after the other. */
export function bothHear(a: StateNews, b: StateNews): StateNews {
  return {
    changed: (change) => {
      a.changed(change);
      b.changed(change);
    },
    sharedChanged: (change) => {
      a.sharedChanged(change);
      b.sharedChanged(change);
    },
    lost: (count) => {
      a.lost(count);
      b.lost(count);
    },
  };
}
