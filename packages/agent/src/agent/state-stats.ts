/** What `stats` and `info` show of replicated state, counters and aggregates; ours, not Serf's. */
import { type HearsayNode, NodeError, type NodeStats } from "@hearsay/node";
import type { AgentAggregates } from "./agent-aggregates.ts";

/** Undefined where there is none of it. */
export function stateGroup(
  node: HearsayNode,
  aggregates: AgentAggregates,
  stats: NodeStats,
): Record<string, string> | undefined {
  try {
    const numbers = { ...held(node), aggregates: aggregates.list().length, ...travelled(stats) };
    return Object.fromEntries(Object.entries(numbers).map(([name, number]) => [name, String(number)]));
  } catch (error) {
    if (error instanceof NodeError && error.code === "UNSUPPORTED") return undefined;
    throw error;
  }
}

function held(node: HearsayNode) {
  const { state, shared } = node;
  const owners = state.members();
  return {
    own_keys: state.count(),
    /** Of all members, this agent included. */
    keys: owners.reduce((sum, owner) => sum + state.of(owner).count(), 0),
    members_with_keys: owners.length,
    shared_keys: shared.count(),
    counters: node.counters().length,
  };
}

function travelled(stats: NodeStats) {
  return {
    packets_sent: stats.statePacketsSent,
    packets_received: stats.statePacketsReceived,
    bytes_sent: stats.stateBytesSent,
    bytes_received: stats.stateBytesReceived,
    refused: refusals(stats.drops),
  };
}

/** All reasons together; each stands in the group `drops`. */
function refusals(drops: NodeStats["drops"]): number {
  const ofState = Object.entries(drops).filter(([reason]) =>
    /^(state: |counters: |aggregates: |extension-)/.test(reason),
  );
  return ofState.reduce((sum, [, count]) => sum + count, 0);
}
