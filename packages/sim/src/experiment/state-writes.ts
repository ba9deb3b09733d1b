/**
 * Random writes and deletions by many nodes, and what must come of them: of an owner's key what the owner did last, of a
 * shared one what anybody did last, wherever it was done. All clocks are right here, so last is by the world's time.
 */
import type { Rng } from "@hearsay/core";
import type { StatePool } from "../state-pool.ts";
import { type Contents, ownKey, sharedKey, valueFor } from "../state-warm.ts";

/** Null: deleted. */
type Wanted = Map<string, Uint8Array | null>;

/** What was done, and how much of it on both sides of a split. */
export interface WriteCounts {
  writes: number;
  deletions: number;
  /** Shared keys that both sides wrote or deleted. */
  contested: number;
}

/** How all nodes' views differ from what must be: keys, of all nodes together. */
export interface Differences {
  /** Another value than the last. */
  wrong: number;
  missing: number;
  /** Deleted last, and there. */
  resurrected: number;
}

/** Shares of what is done: shared writes, shared deletions, own writes; the rest own deletions. */
const sharedWriteShare = 0.4;
const sharedDeleteShare = 0.6;
const ownWriteShare = 0.85;
/** Of shared keys that are written, so many times what there was at the beginning: some are new. */
const sharedRange = 1.5;

export class StateWrites {
  readonly counts: WriteCounts = { writes: 0, deletions: 0, contested: 0 };
  readonly #pool: StatePool;
  readonly #contents: Contents;
  readonly #rng: Rng;
  readonly #own: Wanted[];
  readonly #shared: Wanted = new Map();
  /** By shared key: the sides that have touched it, a bit each. */
  readonly #sides = new Map<string, number>();

  constructor(pool: StatePool, contents: Contents, rng: Rng) {
    this.#pool = pool;
    this.#contents = contents;
    this.#rng = rng;
    this.#own = pool.nodes.map((_, i) => this.#initial(pool.nameOf(i), contents.keysPerNode, ownKey));
    this.#shared = this.#initial(pool.nameOf(0), contents.sharedKeys, sharedKey);
  }

  /** Something by a node. @param side 0 or 1 */
  act(node: number, side: 0 | 1): void {
    const kind = this.#rng.float();
    if (kind < sharedDeleteShare) this.#actShared(node, side, kind < sharedWriteShare);
    else this.#actOwn(node, kind < ownWriteShare);
  }

  /** What one node holds, compared with what must be; added to `found`. */
  compare(node: number, found: Differences): void {
    const state = this.#pool.stateOf(node);
    for (const [i, wanted] of this.#own.entries()) compareKeys(state.entries(this.#pool.nameOf(i)), wanted, found);
    compareKeys(state.sharedEntries(), this.#shared, found);
  }

  #initial(writer: string, count: number, keyOf: (index: number) => string): Wanted {
    const value = valueFor(`${writer} 0`, this.#contents.valueBytes);
    return new Map(Array.from({ length: count }, (_, i) => [keyOf(i), value]));
  }

  #actShared(node: number, side: 0 | 1, isWrite: boolean): void {
    const key = sharedKey(this.#rng.below(Math.ceil(sharedRange * this.#contents.sharedKeys)));
    const value = isWrite ? this.#value(node) : null;
    const done = this.#pool.act(node, (state, now) => {
      if (value === null) return state.deleteShared(key, now);
      state.setShared(key, value, now);
      return true;
    });
    // What is not there, as far as this node knows, is not deleted either.
    if (!done) return;
    this.#count(isWrite);
    this.#shared.set(key, value);
    const before = this.#sides.get(key) ?? 0;
    const sides = before | (1 << side);
    this.#sides.set(key, sides);
    if (sides === 3 && before !== 3) this.counts.contested++;
  }

  #actOwn(node: number, isWrite: boolean): void {
    const key = ownKey(this.#rng.below(this.#contents.keysPerNode));
    const value = isWrite ? this.#value(node) : null;
    const done = this.#pool.act(node, (state, now) => {
      if (value === null) return state.delete(key, now);
      state.set(key, value, now);
      return true;
    });
    if (!done) return;
    this.#count(isWrite);
    this.#own[node]!.set(key, value);
  }

  #value(node: number): Uint8Array {
    const number = this.counts.writes + 1;
    return valueFor(`${this.#pool.nameOf(node)} ${number}`, this.#contents.valueBytes);
  }

  #count(isWrite: boolean): void {
    if (isWrite) this.counts.writes++;
    else this.counts.deletions++;
  }
}

function compareKeys(
  held: readonly { readonly key: string; readonly value: Uint8Array }[],
  wanted: Wanted,
  found: Differences,
): void {
  let known = 0;
  for (const { key, value } of held) {
    const last = wanted.get(key) ?? null;
    if (last === null) found.resurrected++;
    else {
      known++;
      if (!isSame(value, last)) found.wrong++;
    }
  }
  for (const value of wanted.values()) if (value !== null) found.missing++;
  found.missing -= known;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
