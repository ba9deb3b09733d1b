/** How often each member passes a broadcast on, and how long that takes it. */
import { retransmitLimit } from "@hearsay/core";
import type { PlanInputs } from "./inputs.ts";
import { type Spread, spread } from "./spread.ts";

/** As `gossip.ts` computes it: the logarithm's number, but in small pools once for each other member. */
export function transmitLimit({ nodes, config }: PlanInputs): number {
  const everyone = Math.min(nodes - 1, 2 * config.gossipNodes);
  return Math.max(1, everyone, retransmitLimit(config.retransmitMult, nodes));
}

/** Packets a member can put broadcasts on, per second: its gossip, and its pings and acks. */
export function carriersPerSecond({ nodes, config }: PlanInputs): number {
  const fanout = Math.min(config.gossipNodes, nodes - 1);
  return (1000 * fanout) / config.gossipIntervalMs + 2000 / config.probeIntervalMs;
}

/** From the first to the last transmission of one broadcast by one member: ms. */
export function broadcastLifeMs(inputs: PlanInputs): number {
  return (1000 * transmitLimit(inputs)) / carriersPerSecond(inputs);
}

export function spreadOf(
  inputs: PlanInputs,
  more: { readonly steps?: number; readonly otherwise?: Spread } = {},
): Spread {
  const { nodes, config, loss, latencyMs } = inputs;
  const { gossipNodes, gossipIntervalMs, probeIntervalMs } = config;
  return spread({
    n: nodes,
    gossipNodes,
    gossipIntervalMs,
    probeIntervalMs,
    transmitLimit: transmitLimit(inputs),
    loss,
    latencyMs,
    ...more,
  });
}
