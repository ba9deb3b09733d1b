/** A scenario as data: what a file says, before anything runs. The language is described in docs/scenarios.md. */
import type { ProfileName, SwimConfig } from "@hearsay/core";
import type { FidelityName } from "../fidelity.ts";
import type { NetworkConditions } from "../network.ts";

export type LayerName = "memberlist" | "serf";

/** The first line's settings, and those of `config`. */
export interface PoolSettings {
  readonly nodes: number;
  readonly profile: ProfileName;
  readonly seed: number;
  readonly layer: LayerName;
  readonly fidelity: FidelityName;
  /** Bytes of meta that each node begins with; raw pools only. */
  readonly metaBytes: number;
  /** In place of the profile's. */
  readonly config: Partial<SwimConfig>;
}

/** Numbers, ascending. */
export type NodeSet = readonly number[];

/**
 * What a node holds of another. `alive` counts suspects, as every member list does; `dead` and `left` count those already
 * forgotten; `unknown` are only those.
 */
export type SeenState = "alive" | "suspect" | "dead" | "left" | "unknown";
export const seenStates: readonly SeenState[] = ["alive", "suspect", "dead", "left", "unknown"];

export type Condition =
  /** Every running node sees exactly the running ones alive, and no join, leave, crash or restart is still to come. */
  | { readonly type: "agreed" }
  /** The latest broadcast has reached these, as far as they run; undefined: all that ran when it was sent. */
  | { readonly type: "heard"; readonly by: NodeSet | undefined }
  /** Every other running node sees these so. */
  | { readonly type: "state"; readonly about: NodeSet; readonly state: SeenState }
  | { readonly type: "sees"; readonly who: NodeSet; readonly about: NodeSet; readonly state: SeenState }
  | { readonly type: "counts"; readonly who: NodeSet; readonly count: number; readonly state: SeenState }
  /** Nobody whose process ran was declared dead by anybody, from the beginning on. */
  | { readonly type: "no-false-deaths" };

/** `from` to `to`, and back as well if `both`. */
export interface Way {
  readonly from: NodeSet;
  readonly to: NodeSet;
  readonly both: boolean;
}

/** Again and again: every so often, for so long. */
export interface Repeat {
  readonly everyMs: number;
  readonly forMs: number;
}

export type Action =
  | { readonly type: "network"; readonly conditions: NetworkConditions }
  | { readonly type: "zone"; readonly nodes: NodeSet; readonly zone: number }
  | { readonly type: "warm"; readonly nodes: NodeSet }
  | { readonly type: "join"; readonly nodes: NodeSet; readonly overMs: number; readonly via: number | undefined }
  | { readonly type: "leave"; readonly nodes: NodeSet; readonly overMs: number }
  | { readonly type: "crash"; readonly nodes: NodeSet; readonly overMs: number; readonly host: boolean }
  | {
      readonly type: "restart";
      readonly nodes: NodeSet;
      readonly overMs: number;
      readonly downMs: number;
      readonly memory: boolean;
    }
  | { readonly type: "partition"; readonly groups: readonly NodeSet[] }
  | { readonly type: "cut"; readonly way: Way }
  | { readonly type: "mend"; readonly way: Way }
  | { readonly type: "link-loss"; readonly way: Way; readonly loss: number }
  | { readonly type: "node-loss"; readonly nodes: NodeSet; readonly inward: boolean; readonly loss: number }
  /** A way, or all of these nodes' ways, cut for `downMs` in each period. */
  | { readonly type: "flip"; readonly way: Way; readonly repeat: Repeat; readonly downMs: number }
  | { readonly type: "heal" }
  | {
      readonly type: "stall" | "block";
      readonly nodes: NodeSet;
      readonly ms: number;
      readonly repeat: Repeat | undefined;
    }
  | { readonly type: "clock"; readonly nodes: NodeSet; readonly ms: number }
  | { readonly type: "meta"; readonly nodes: NodeSet; readonly text: string }
  | { readonly type: "tags"; readonly nodes: NodeSet; readonly tags: Readonly<Record<string, string>> }
  | { readonly type: "health"; readonly nodes: NodeSet; readonly healthy: boolean }
  | { readonly type: "broadcast"; readonly from: number; readonly text: string }
  | { readonly type: "advance"; readonly ms: number }
  | { readonly type: "until"; readonly condition: Condition; readonly withinMs: number }
  | { readonly type: "expect"; readonly condition: Condition }
  | { readonly type: "members"; readonly node: number }
  | { readonly type: "traffic" };

export interface Command {
  readonly line: number;
  /** As written, without the comment. */
  readonly text: string;
  readonly action: Action;
}

export interface Scenario {
  /** As the user named it; stands in messages. */
  readonly file: string;
  readonly settings: PoolSettings;
  readonly commands: readonly Command[];
  /** By line number, what is no command but stays in the transcript: comments, empty lines (""), `nodes`, `config`. */
  readonly asides: ReadonlyMap<number, string>;
}
