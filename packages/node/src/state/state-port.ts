/**
 * What the public objects of replicated state stand on: the machine in this thread (`state-calls.ts`), or a mirror of the
 * one in the worker (`isolate/mirrored-state.ts`). Values are bytes as stored here, borrowed where they are read.
 */

import type { AggregateReading } from "../state-api.ts";

export interface StoredKey {
  readonly key: string;
  readonly value: Uint8Array;
}

export interface StoredShared extends StoredKey {
  readonly writer: string;
  /** Wall-clock ms of the write. */
  readonly ms: number;
}

/** A change of a member's key, as stored. */
export interface RawChange {
  readonly member: string;
  readonly key: string;
  readonly before: Uint8Array | undefined;
  readonly after: Uint8Array | undefined;
  readonly isLocal: boolean;
  readonly time: Date;
}

export interface RawSharedChange extends Omit<RawChange, "member"> {
  readonly writer: string;
}

/** Of counters, to look in. */
export interface CounterLooks {
  names(): readonly string[];
  value(counter: string): bigint;
  contribution(writer: string, counter: string): bigint;
}

/** What an aggregate is opened with, checked. */
export interface AggregateTerms {
  readonly roundMs: number;
  readonly epochRounds: number;
  readonly least: number;
  readonly greatest: number;
}

export interface StatePort {
  /** Our member's name. */
  readonly name: string;
  readonly counters: CounterLooks;
  /** Largest value as stored. */
  readonly maxValueBytes: number;
  /** @throws NodeError CLOSED, LEFT */
  requireOpen(): void;

  get(owner: string, key: string): Uint8Array | undefined;
  entries(owner: string): Iterable<StoredKey>;
  /** Those whose keys are known; some of no keys may be among them. */
  owners(): Iterable<string>;
  getShared(key: string): StoredShared | undefined;
  sharedEntries(): Iterable<StoredShared>;
  phi(member: string): number | undefined;
  reading(aggregate: string): AggregateReading | undefined;

  /** All reject with CLOSED, LEFT, ABORTED and the codes that `NodeState` names. `value` is the callee's to keep. */
  set(key: string, value: Uint8Array, ttl: number | undefined, signal: AbortSignal | undefined): Promise<void>;
  delete(key: string, signal: AbortSignal | undefined): Promise<boolean>;
  setShared(key: string, value: Uint8Array, ttl: number | undefined, signal: AbortSignal | undefined): Promise<void>;
  deleteShared(key: string, signal: AbortSignal | undefined): Promise<boolean>;
  add(counter: string, amount: number, signal: AbortSignal | undefined): Promise<void>;
  /** `source` never throws, and gives a finite number or undefined. Of one name once at a time. */
  openAggregate(name: string, source: () => number | undefined, terms: AggregateTerms): void;
  closeAggregate(name: string): void;
  saveState(signal: AbortSignal | undefined): Promise<void>;
}
