/** What the RPC server asks of the agent it stands in front of. The agent implements it; tests do with a stand-in. */
import type { HearsayNode, JoinResult, Logger } from "@hearsay/node";
import type { AgentAggregates } from "../agent/agent-aggregates.ts";
import type { AgentEvent } from "../agent/agent-event.ts";
import type { LogBook } from "../log/log-book.ts";

/** Groups of named values, all of them text, as `stats` and `info` show them. */
export type StatGroups = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface RpcHost {
  readonly node: HearsayNode;
  /** Those that clients have given a number for. */
  readonly aggregates: AgentAggregates;
  readonly log: Logger;
  readonly logBook: LogBook;
  join(targets: readonly string[], replay: boolean): Promise<JoinResult>;
  forceLeave(name: string, prune: boolean): Promise<void>;
  /** Leaves the pool gracefully; takes seconds. */
  leave(): Promise<void>;
  /** The answer to a `leave` has been handed over: the agent may end. */
  afterLeave(): void;
  /** Own tags become (current without `remove`) with `set` on top. */
  changeTags(set: Readonly<Record<string, string>>, remove: readonly string[]): Promise<void>;
  stats(): StatGroups;
  /** Calls back for every event from now on, coalesced as Serf's agent does it; returns what ends that. */
  follow(listener: (event: AgentEvent) => void): () => void;
}
