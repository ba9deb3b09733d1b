/**
 * The pool that a scenario is about: nodes by number, whatever machines they run. `cluster.ts` has what both layers share,
 * `layers.ts` what sets them apart.
 */
import type { Network } from "../network.ts";
import type { Place } from "../sim-node.ts";
import type { SeenState } from "./scenario.ts";

/** What a node may say of another, or of itself. */
export type NewsKind =
  | "joined"
  | "suspected"
  | "refuted"
  | "dead"
  | "left"
  | "forgotten"
  | "updated"
  | "heard"
  | "isolated"
  | "no longer isolated"
  | "join failed";

/** `about` is a node's number; for "heard" a broadcast's. */
export type NewsListener = (observer: number, kind: NewsKind, about: number) => void;

export interface MemberLine {
  readonly node: number;
  readonly state: SeenState | "leaving";
  readonly incarnation: number;
}

export interface Pool {
  readonly size: number;
  /** Virtual ms. */
  readonly now: number;
  readonly network: Network;
  /** How often it was healed. */
  readonly heals: number;
  /** In ascending order. */
  running(): number[];
  runs(node: number): boolean;
  /** Undefined until it has joined. */
  place(node: number): Place | undefined;

  /**
   * Begins converged, or with joins that will converge: `agreed` tells. Into an empty pool. Ten thousand nodes take some
   * seconds, so it pauses now and then; no virtual time passes.
   */
  warm(nodes: readonly number[]): Generator<undefined, void, void>;
  /** Joins through `via`, or the first running node that has a way to it; without any it is alone. */
  join(node: number, via: number | undefined): void;
  /** The process ends by itself when the leave has spread. */
  leave(node: number): void;
  crash(node: number, host: boolean): void;
  restart(node: number, memory: boolean): void;
  stall(node: number, ms: number): void;
  block(node: number, ms: number): void;
  shiftClock(node: number, ms: number): void;
  setZone(node: number, zone: number): void;
  setHealthy(node: number, healthy: boolean): void;
  setMeta(node: number, text: string): void;
  setTags(node: number, tags: Readonly<Record<string, string>>): void;
  /** Number of the broadcast. */
  broadcast(from: number, text: string): number;
  partition(groups: readonly (readonly number[])[]): void;
  heal(): void;

  /** Runs something at a time of the pool. */
  at(time: number, run: () => void): void;
  /** The same for what changes who is in the pool: until it has run, nobody agrees. */
  changeAt(time: number, run: () => void): void;
  /** Lets so many ms pass. */
  run(ms: number): void;

  /** Every running node sees exactly the running ones alive, and no wave of changes is under way. */
  agreed(): boolean;
  /** Nobody has anything left to say. */
  quiet(): boolean;
  /** Alive and suspect members that a node sees, itself included. */
  aliveCount(node: number): number;
  /** What `node` holds of `about`. */
  holds(node: number, about: number): SeenState;
  members(node: number): MemberLine[];
  hasHeard(node: number, broadcast: number): boolean;
  /** Processes that ran when it was sent, and still run. */
  audience(broadcast: number): number[];
}
