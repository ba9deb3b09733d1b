/** What main thread and worker say to each other about replicated state. All of it is plain data that can be cloned. */

import type { LifeDelta } from "@hearsay/state";
import type { AggregateTerms } from "../state/state-port.ts";
import type { AggregateReading } from "../state-api.ts";

/** Values are bytes as stored. Those of `value` and what follows are not answered. */
export interface StateCallArgs {
  setState: [key: string, value: Uint8Array, ttl: number | undefined];
  deleteState: [key: string];
  setShared: [key: string, value: Uint8Array, ttl: number | undefined];
  deleteShared: [key: string];
  addTo: [counter: string, amount: number];
  saveState: [];
  openAggregate: [name: string, terms: AggregateTerms, value: number | undefined];
  /** What the source gives by now. */
  aggregateValue: [name: string, value: number | undefined];
  closeAggregate: [name: string];
}

export interface SharedNews {
  readonly key: string;
  /** Undefined: deleted. */
  readonly value: Uint8Array | undefined;
  readonly writer: string;
  /** Wall-clock ms of the write; of a deletion 0. */
  readonly ms: number;
}

/** What has changed since the batch before: of each key the latest. */
export interface StateBatch {
  /** Everything is told: what is not among `keys` and `shared` is no more. */
  readonly isWhole: boolean;
  /** Undefined: deleted. */
  readonly keys: readonly (readonly [owner: string, key: string, value: Uint8Array | undefined])[];
  readonly shared: readonly SharedNews[];
  readonly lives: readonly LifeDelta[];
  /** Of all who have one; undefined: not told this time. */
  readonly phis: readonly (readonly [member: string, phi: number])[] | undefined;
  readonly readings: readonly PlainReading[];
}

export interface PlainReading {
  readonly name: string;
  readonly reading: AggregateReading;
  /** When it was `reading.age` old: ms of `sharedNow`. */
  readonly at: number;
}

/** Monotonic ms that main thread and worker agree on. */
export function sharedNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
