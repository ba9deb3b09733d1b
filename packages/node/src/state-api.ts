/**
 * What everybody needs to know, as a node shows it: keys that each member writes about itself, keys that all share,
 * counters and aggregates. Part of `HearsayNode`; kept apart from the members' story in `api.ts`. All of it travels only
 * between members that say they understand it (`Member.capabilities`); members of other makes are left in peace.
 */

import type { CallOptions } from "./api.ts";

/** What JSON can hold. -0 comes back as 0, as JSON has it; of lists, what is no element is not kept. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Bytes, or anything that JSON can hold. What is set as bytes is read as bytes. */
export type StateValue = Uint8Array | JsonValue;

export interface SetOptions extends CallOptions {
  /** After which the key is deleted: ms, a whole number of at least 1. Default: never. */
  readonly ttl?: number;
}

export interface StateEntry {
  readonly key: string;
  /** Yours to keep. */
  readonly value: StateValue;
}

export interface SharedEntry extends StateEntry {
  readonly writer: string;
  /** Of the write. */
  readonly time: Date;
}

/** A key of one member's map has changed. A snapshot. */
export interface StateChange {
  /** Whose key it is; only this member writes it. */
  readonly member: string;
  readonly key: string;
  /** Undefined: was not there. */
  readonly before: StateValue | undefined;
  /** Undefined: deleted, over its time, or the member was forgotten. */
  readonly after: StateValue | undefined;
  /** Written by this node. */
  readonly isLocal: boolean;
  /** When this node learnt of it. */
  readonly time: Date;
}

/** A shared key has changed, or was written anew, be it with the same value. A snapshot. */
export interface SharedChange extends Omit<StateChange, "member"> {
  /** Who wrote it. */
  readonly writer: string;
}

/** A change as a reader of `watch` gets it. */
export type Watched<Change> = Change & {
  /** Changes lost since the last one, because the reader was slower than they came: look at the map anew. */
  readonly dropped: number;
};

export interface WatchOptions extends CallOptions {
  /** Tell first what is there already, as changes from nothing. Default false. */
  readonly initial?: boolean;
}

/** One member's keys as far as they have been heard here. */
export interface MemberState {
  get(key: string): StateValue | undefined;
  /** In order of keys. @param prefix of the keys wanted; default all */
  entries(prefix?: string): StateEntry[];
  /** As `entries` at the first read, but a value is made only when it is read: for large maps. @param after only keys behind this */
  scan(prefix?: string, after?: string): IterableIterator<StateEntry>;
  /** How many keys there are. */
  count(): number;
}

/**
 * Every member has keys of its own: load, schema version, capabilities, health. Only it writes them, everybody reads them.
 * They live as long as the process: one that starts again begins with none, and the others then forget those of before.
 *
 * Errors of writing: NodeError BAD_KEY_NAME (1 … 255 bytes of well-formed text), VALUE_TOO_LARGE (over `state.maxValueBytes`
 * as stored), BAD_VALUE (nothing JSON can hold), TOO_MANY_KEYS, BAD_OPTION (`ttl`), UNSUPPORTED (`state: false`, or Serf
 * protocol below 3), LEFT, CLOSED, ABORTED. A refused write has changed nothing; but one that an isolated node was asked for, and
 * that was aborted or cut off by closing before the answer came, may have been carried out.
 */
export interface NodeState extends MemberState {
  /**
   * Resolves when it is written here; it is on its way to the others then. The value is copied. With `state.flow` it resolves when
   * it waits to be written, and can be read once it is.
   */
  set(key: string, value: StateValue, options?: SetOptions): Promise<void>;
  /** Resolves to whether it was there. */
  delete(key: string, options?: CallOptions): Promise<boolean>;
  /** Another member's keys (or ours, by our name); of a stranger, none. */
  of(member: string): MemberState;
  /** Whose keys are known, in name order; those that died included, until they are forgotten. */
  members(): string[];
  /**
   * Changes of keys that begin with `prefix` (default all), of every member, from now on until `signal` aborts or the node
   * closes. The buffer holds 1024, and 4 MiB of values; when the reader is slower, the oldest are dropped and counted. An isolated node tells
   * changes in quick succession as one.
   */
  watch(prefix?: string, options?: WatchOptions): AsyncIterable<Watched<StateChange>>;
}

/**
 * Keys that anyone writes. The last write wins, by hybrid logical clock, then by the writer's name. Errors as for
 * `NodeState`; deleted keys count for TOO_MANY_KEYS while they are remembered, as many as live ones may be.
 */
export interface SharedState {
  get(key: string): StateValue | undefined;
  entries(prefix?: string): SharedEntry[];
  /** See `MemberState.scan`. */
  scan(prefix?: string, after?: string): IterableIterator<SharedEntry>;
  count(): number;
  set(key: string, value: StateValue, options?: SetOptions): Promise<void>;
  delete(key: string, options?: CallOptions): Promise<boolean>;
  watch(prefix?: string, options?: WatchOptions): AsyncIterable<Watched<SharedChange>>;
}

/**
 * A number that everybody may raise and lower at once without a word to each other, exact once everybody has heard. Restarts
 * and deaths of those who counted lose nothing that was acknowledged and reached a disk or another member.
 */
export interface Counter {
  readonly name: string;
  /**
   * Adds a whole number, -(2^53 - 1) … 2^53 - 1; default 1. Counted here at once (by an isolated node when it resolves).
   * Resolves when it would survive the end of this process: with `stateFile` when it has been written there, else at once. One
   * that was under way when the process died may count or not.
   * @throws NodeError BAD_OPTION (amount), COUNTER_OVERFLOW (this process's share passes 2^53 - 1), TOO_MANY_COUNTERS,
   * STATE_FILE (it counts, but could not be written), UNSUPPORTED, LEFT, CLOSED, ABORTED
   */
  add(amount?: number, options?: CallOptions): Promise<void>;
  /** What is known here. */
  value(): bigint;
  /** What one member (default this one) has contributed in all its lives, as far as known here, until it was folded. */
  contribution(member?: string): bigint;
}

/** Settings of an aggregate; all members that take part in one must agree on them. */
export interface AggregateOptions {
  /** One exchange each so often: ms, 1 … 3,600,000. Default 1000. */
  readonly roundMs?: number;
  /** Rounds until everything starts anew from the values of that moment: 10 … 1000. Default 50. */
  readonly epochRounds?: number;
  /**
   * What a value can be at least and at most, where that is known: 0 and 1 of a share. What is beyond is not counted, of ours nor
   * of others', so that one who is wrong, or lies, moves the mean by its own part and no more. Default: anything.
   */
  readonly least?: number;
  readonly greatest?: number;
  /** Ends our part in it. */
  readonly signal?: AbortSignal;
}

/** An aggregate as this node sees it at this moment. A snapshot of plain data. */
export interface AggregateReading {
  /** ms since all took the values that this is made of. */
  readonly age: number;
  readonly epoch: number;
  /** Members that had a value. */
  readonly count: number;
  readonly sum: number;
  readonly mean: number;
  readonly min: number;
  readonly max: number;
  /** Of the values as a whole population. */
  readonly variance: number;
  /** Quantiles 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99 by these names: `p01` … `p99`. NaN where none are known. */
  readonly quantiles: Readonly<Record<"p01" | "p05" | "p25" | "p50" | "p75" | "p95" | "p99", number>>;
  /** How far `mean` may be off, as a share of the larger of its size and the values' deviation. */
  readonly meanError: number;
  /** The same for `count` and `sum`. */
  readonly countError: number;
  /** How far a quantile may be off, as a share of its size. */
  readonly quantileError: number;
}

/** A cluster-wide statistic of one number of every member that takes part. */
export interface Aggregate extends Disposable {
  readonly name: string;
  /** The best there is; undefined before the first result. */
  read(): AggregateReading | undefined;
  /** Takes no part any more. */
  close(): void;
}

/** What a node with replicated state has; all throw or reject with UNSUPPORTED on one without. */
export interface StateApi {
  readonly state: NodeState;
  readonly shared: SharedState;
  /** The counter of this name, 1 … 128 bytes; it need not be there before. @throws NodeError BAD_KEY_NAME */
  counter(name: string): Counter;
  /** Names of the counters known here, in name order. */
  counters(): string[];
  /**
   * Takes part in the aggregate of this name (1 … 64 bytes) from its next epoch on. `source` is asked at the start of each
   * epoch; without a finite number this node is not counted. An isolated node asks it once a round. It may look at the node, but
   * what it asks of it is refused (REENTRANT, not by an isolated node); what it throws surfaces as an uncaught exception.
   * @throws NodeError BAD_KEY_NAME, BAD_OPTION, ALREADY_OPEN, TOO_MANY_AGGREGATES, CLOSED, LEFT, ABORTED
   */
  aggregate(name: string, source: () => number | undefined, options?: AggregateOptions): Aggregate;
  /** Names of the aggregates that this node takes part in, in name order. */
  aggregates(): string[];
  /**
   * How strongly a member's silence speaks for its death (phi accrual): 0 and up, of the model and threshold in
   * `options.phi`. Undefined: no heartbeat of it has been heard, as of members of other makes. Our own: 0.
   */
  phi(member: string): number | undefined;
  /**
   * Writes the shared map and the counters to `stateFile` now; without this it happens every `stateSaveIntervalMs` and at the
   * end. @throws NodeError STATE_FILE, BAD_OPTION (no `stateFile`)
   */
  saveState(options?: CallOptions): Promise<void>;
}

/** Options of `createNode` about replicated state. */
export interface StateNodeOptions {
  /**
   * Replicated state, counters, aggregates and heartbeats, and the tag `hs` that tells others of it (8 of the 512 bytes for tags).
   * `false`: none of it. An object overrides single settings of `stateDefaults`. Default true. Needs Serf protocol 3 or more.
   */
  readonly state?: boolean | Partial<import("@hearsay/state").StateConfig>;
  /**
   * File that keeps the shared map and the counters over restarts. Made if missing, in a folder that exists; one node a file: of
   * two it is the later's, and what the earlier one writes is refused. A second file beside it, `….log`, holds what this process
   * has counted.
   */
  readonly stateFile?: string;
  /** How often `stateFile` is written when there is news: ms, at least 100. Default 10,000. */
  readonly stateSaveIntervalMs?: number;
  /**
   * Whose judgement accuses a member: "swim", an unanswered probe; "phi", heartbeats that stay away too long for the
   * member's own rhythm (members without heartbeats are probed as ever). What follows is the same: the accused may refute. Default
   * "swim".
   */
  readonly detector?: "swim" | "phi";
  /** Overrides single settings of `phiDefaults`. */
  readonly phi?: Partial<import("@hearsay/state").PhiSettings>;
}
