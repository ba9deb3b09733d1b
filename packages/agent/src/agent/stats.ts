/** What `stats` and `info` show: Serf's groups with Serf's keys (Serf protocol notes, section 18.5), then our own. */
import { availableParallelism, cpus } from "node:os";
import type { HearsayNode } from "@hearsay/node";
import type { StatGroups } from "../rpc/host.ts";
import { VERSION } from "../version.ts";
import type { AgentAggregates } from "./agent-aggregates.ts";
import { stateGroup } from "./state-stats.ts";
import { wireTags } from "./wire-tags.ts";

/** Go's words for machine kinds, where Node has others. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };
const SYSTEMS: Readonly<Record<string, string>> = { win32: "windows" };

/** What the node does not know of its agent. */
export interface AgentFacts {
  /** `event:name` to command. */
  readonly handlers: Readonly<Record<string, string>>;
  /** Events that handlers have lost, because they were too slow. */
  readonly lostEvents: number;
  /** Whether distances are measured; without, Serf shows no resets either. */
  readonly coordinates: boolean;
}

export function statGroups(
  node: HearsayNode,
  aggregates: AgentAggregates,
  { handlers, lostEvents, coordinates }: AgentFacts,
): StatGroups {
  const stats = node.stats();
  const groups: Record<string, Record<string, string>> = {
    agent: { name: node.name },
    runtime: {
      os: SYSTEMS[process.platform] ?? process.platform,
      arch: ARCHITECTURES[process.arch] ?? process.arch,
      version: `node${process.version}`,
      max_procs: String(availableParallelism()),
      // The nearest thing to Go's count of what is going on at once.
      goroutines: String(process.getActiveResourcesInfo().length),
      cpu_count: String(cpus().length),
    },
    serf: {
      members: String(stats.members),
      failed: String(stats.failed),
      left: String(stats.left),
      health_score: String(stats.healthScore),
      member_time: String(stats.memberTime),
      event_time: String(stats.eventTime),
      query_time: String(stats.queryTime),
      intent_queue: String(stats.intentQueue),
      event_queue: String(stats.eventQueue),
      query_queue: String(stats.queryQueue),
      encrypted: String(stats.encrypted),
      ...(coordinates ? { coordinate_resets: String(stats.coordinateResets) } : {}),
    },
    tags: { ...wireTags(node.local()) },
    event_handlers: { ...handlers },
    hearsay: {
      version: VERSION,
      alive: String(stats.alive),
      handler_events_lost: String(lostEvents),
      member_queue: String(stats.memberQueue),
      packets_sent: String(stats.packetsSent),
      packets_received: String(stats.packetsReceived),
      bytes_sent: String(stats.bytesSent),
      bytes_received: String(stats.bytesReceived),
      streams_sent: String(stats.streamsSent),
      streams_received: String(stats.streamsReceived),
    },
  };
  const state = stateGroup(node, aggregates, stats);
  if (state !== undefined) groups.state = state;
  const drops = Object.entries(stats.drops).filter(([, count]) => count > 0);
  if (drops.length > 0) groups.drops = Object.fromEntries(drops.map(([reason, count]) => [reason, String(count)]));
  return groups;
}
