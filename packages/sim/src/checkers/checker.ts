/**
 * What a checker is, and what it sees: the world from outside. It is told of every event of every machine, of every packet
 * that is sent, and looks at each machine now and then. It never touches anything, and believes no machine's word where
 * it can see for itself.
 */
import type { Endpoint, MemberStateName, MemberView, PacketMessage, Swim, SwimConfig, SwimEvent } from "@hearsay/core";
import type { Place } from "../sim-node.ts";
import type { Bounds } from "./bounds.ts";

export interface Violation {
  /** Name of the checker. */
  readonly checker: string;
  /** Something wrong was done, or something right did not happen in time. */
  readonly kind: "safety" | "convergence";
  readonly seed: number;
  /** World ms. */
  readonly at: number;
  /** Name of the node where it was seen. */
  readonly node: string;
  readonly message: string;
  /** The smallest part of the history that explains it: a legend, then a line for each thing that happened. */
  readonly trace: readonly string[];
}

/** One process of one node. A restart makes a new one. */
export interface Watched {
  readonly place: Place;
  readonly name: string;
  readonly swim: Swim;
  /** What a layer above the detector makes of the members, "alive" or otherwise; undefined without such a layer. */
  readonly statuses: (() => ReadonlyMap<string, string>) | undefined;
  /** World ms at which this process was first seen. */
  readonly startedAt: number;
}

/** What a node thinks of a member at some moment. */
export interface Opinion {
  readonly state: MemberStateName;
  readonly incarnation: number;
  /** The node's own ms of the last change of state. */
  readonly since: number;
  /** `address:port` as far as it has been seen. */
  readonly address: string;
}

/** One step from an opinion to the next, seen in an event or by looking. */
export interface Step {
  readonly by: Watched;
  readonly about: string;
  /** Undefined: never heard of before. */
  readonly before: Opinion | undefined;
  readonly after: Opinion;
  /**
   * Why the incarnation may begin anew: the member may have been forgotten in between, or has taken its name to another
   * address, as `claims.ts` allows it. Undefined: it must not.
   */
  readonly excuse: "forgotten" | "moved" | undefined;
}

/** What checkers may ask for. */
export interface Scene {
  readonly config: SwimConfig;
  readonly now: number;
  /** The running processes. */
  living(): readonly Watched[];
  /** Since when nothing is broken any more: world ms; Infinity before. */
  readonly healedAt: number;
  /** By what is known now; after healing. */
  bounds(): Bounds;
  /** Names ever seen. */
  readonly names: number;
  /** `about`: whose history explains it, where that is not the node itself. */
  report(checker: Checker, node: string, message: string, about?: string): void;
}

export interface Checker {
  readonly name: string;
  readonly kind: Violation["kind"];
  /** A process was seen for the first time; what was known of an earlier one at its place is void. */
  onProcess?(node: Watched, scene: Scene): void;
  onEvent?(node: Watched, event: SwimEvent, scene: Scene): void;
  onStep?(step: Step, scene: Scene): void;
  /** `messages` are lent for the call. */
  onPacket?(from: Watched, to: Endpoint, messages: readonly PacketMessage[], bytes: number, scene: Scene): void;
  /** A packet, or a part of it, that no peer could read. */
  onUnreadable?(from: Watched, reason: string, bytes: number, scene: Scene): void;
  /** From time to time, for each node whose process runs. */
  onLook?(node: Watched, members: readonly MemberView[], scene: Scene): void;
  /** After each round of looks. */
  onRound?(scene: Scene): void;
}
