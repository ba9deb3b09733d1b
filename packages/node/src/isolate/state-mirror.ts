/**
 * The worker's side: what the main thread has not been told yet of replicated state. Bounded by construction: keys by their
 * name, the latest wins; counters by how far each life was told; phi and aggregates are read when they are sent.
 */

import type { CounterTable, LifeDelta } from "@hearsay/state";
import type { RawChange, RawSharedChange, StatePort } from "../state/state-port.ts";
import type { StateNews } from "../state-calls.ts";
import { type PlainReading, type SharedNews, type StateBatch, sharedNow } from "./state-protocol.ts";

/** How often phi and aggregates are told: ms. */
const PERIOD_MS = 1000;

/** Where it looks when a batch is made. */
export interface StateSource {
  readonly calls: Pick<StatePort, "get" | "entries" | "owners" | "getShared" | "sharedEntries" | "phi" | "reading">;
  /** Who may have a phi. */
  members(): Iterable<string>;
}

export class StateMirror implements StateNews {
  readonly #onNews: () => void;
  /** Keys by owner. */
  readonly #keys = new Map<string, Set<string>>();
  /** Who wrote last, by key. */
  readonly #shared = new Map<string, string>();
  readonly #aggregates = new Set<string>();
  #lives: LivesTold | undefined;
  /** The main thread knows nothing, or not all that has changed. */
  #isWhole = true;
  #periodAt = Number.NEGATIVE_INFINITY;
  /** To be told with the next batch: of all who have one. */
  #phis: StateBatch["phis"];
  #areReadingsDue = false;
  #hadPhis = false;

  /** @param onNews there is something to tell */
  constructor(onNews: () => void) {
    this.#onNews = onNews;
  }

  changed({ member, key }: RawChange): void {
    const keys = this.#keys.get(member);
    if (keys) keys.add(key);
    else this.#keys.set(member, new Set([key]));
    this.#onNews();
  }

  sharedChanged({ key, writer }: RawSharedChange): void {
    this.#shared.set(key, writer);
    this.#onNews();
  }

  lost(): void {
    this.#isWhole = true;
    this.#onNews();
  }

  opened(aggregate: string): void {
    this.#aggregates.add(aggregate);
  }

  closed(aggregate: string): void {
    this.#aggregates.delete(aggregate);
  }

  /** From now on it can be told what was counted. */
  attach(counters: CounterTable): void {
    this.#lives = new LivesTold(counters);
  }

  /** After the machine was drained. @param now monotonic ms */
  drained(now: number, source: StateSource): void {
    if (now - this.#periodAt >= PERIOD_MS) {
      this.#periodAt = now;
      const phis = phisOf(source);
      // Of nobody is no news, but to those who knew of some.
      if (phis.length > 0 || this.#hadPhis) this.#phis = phis;
      this.#areReadingsDue = this.#aggregates.size > 0;
    }
    if (!this.empty) this.#onNews();
  }

  get empty(): boolean {
    const isIdle = !this.#isWhole && !this.#phis && !this.#areReadingsDue && !this.#lives?.isBehind;
    return isIdle && this.#keys.size + this.#shared.size === 0;
  }

  /** Everything that is new, which then no longer is. */
  take(source: StateSource): StateBatch {
    const { calls } = source;
    const isWhole = this.#isWhole;
    const batch: StateBatch = {
      isWhole,
      keys: isWhole ? allKeys(calls) : this.#changedKeys(calls),
      shared: isWhole ? allShared(calls) : Array.from(this.#shared, ([key, writer]) => sharedNews(calls, key, writer)),
      lives: this.#lives?.take() ?? [],
      phis: this.#phis,
      readings: this.#areReadingsDue ? this.#readings(calls) : [],
    };
    if (this.#phis) this.#hadPhis = this.#phis.length > 0;
    this.#keys.clear();
    this.#shared.clear();
    this.#isWhole = false;
    this.#phis = undefined;
    this.#areReadingsDue = false;
    return batch;
  }

  #changedKeys(calls: StateSource["calls"]): StateBatch["keys"] {
    return Array.from(this.#keys).flatMap(([owner, keys]) =>
      Array.from(keys, (key) => [owner, key, calls.get(owner, key)] as const),
    );
  }

  #readings(calls: StateSource["calls"]): PlainReading[] {
    const at = sharedNow();
    return Array.from(this.#aggregates).flatMap((name) => {
      const reading = calls.reading(name);
      return reading ? [{ name, reading, at }] : [];
    });
  }
}

/** How far each life was told, and what was in it then: members that differ may change that without a new version. */
class LivesTold {
  readonly #table: CounterTable;
  readonly #told = new Map<string, { readonly version: number; readonly content: number }>();
  #imprints: Uint32Array;

  constructor(table: CounterTable) {
    this.#table = table;
    this.#imprints = new Uint32Array(table.imprints().length);
  }

  get isBehind(): boolean {
    return this.#table.imprints().some((imprint, i) => imprint !== this.#imprints[i]);
  }

  take(): LifeDelta[] {
    const imprints = this.#table.imprints();
    const news: LifeDelta[] = [];
    for (const [bucket, imprint] of imprints.entries()) {
      if (imprint === this.#imprints[bucket]) continue;
      for (const id of this.#table.idsOf(bucket)) {
        const delta = this.#deltaOf(id);
        if (!delta) continue;
        news.push(delta);
        this.#told.set(id, { version: delta.to, content: this.#table.contentOf(id) });
      }
    }
    this.#imprints = imprints;
    return news;
  }

  #deltaOf(id: string): LifeDelta | undefined {
    const { version, content } = this.#told.get(id) ?? { version: 0, content: 0 };
    const isOther = this.#table.versionOf(id) === version && this.#table.contentOf(id) !== content;
    return this.#table.deltaOf(id, isOther ? 0 : version);
  }
}

function allKeys(calls: StateSource["calls"]): StateBatch["keys"] {
  return Array.from(calls.owners()).flatMap((owner) =>
    Array.from(calls.entries(owner), ({ key, value }) => [owner, key, value] as const),
  );
}

function allShared(calls: StateSource["calls"]): SharedNews[] {
  return Array.from(calls.sharedEntries(), ({ key, value, writer, ms }) => ({ key, value, writer, ms }));
}

function sharedNews(calls: StateSource["calls"], key: string, writer: string): SharedNews {
  return calls.getShared(key) ?? { key, value: undefined, writer, ms: 0 };
}

function phisOf({ calls, members }: StateSource): (readonly [string, number])[] {
  const phis: (readonly [string, number])[] = [];
  for (const member of members()) {
    const phi = calls.phi(member);
    if (phi !== undefined) phis.push([member, phi]);
  }
  return phis;
}
