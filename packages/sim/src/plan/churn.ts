/**
 * How many changes the pool can carry: each member can put so many updates into its packets, and must put each in so many
 * times. Offered more than that, queues grow without end.
 */
import { updatesPerChange } from "./bandwidth.ts";
import type { FigureGroup } from "./figure.ts";
import type { PlanInputs } from "./inputs.ts";
import { mistakes } from "./mistakes.ts";
import { sizesOf } from "./sizes.ts";
import { carriersPerSecond, transmitLimit } from "./transmissions.ts";

export interface Churn {
  /** Different updates a second, in the whole pool. */
  readonly capacityUpdatesPerSecond: number;
  /** Joins and crashes, half and half. */
  readonly capacityChangesPerSecond: number;
  readonly updatesPerPacket: number;
  /** By `churnPerSecond`, and by false suspicions and their refutations. */
  readonly offeredUpdatesPerSecond: number;
}

const dayS = 86_400;

export function churn(inputs: PlanInputs): Churn {
  const sizes = sizesOf(inputs);
  const perChange = updatesPerChange(inputs);
  // Alives are the longest of them; a share of them in the mix sets the mean.
  const accusations = 2 * perChange - 1;
  const mean = (sizes.aliveMessage + accusations * sizes.deadMessage) / (2 * perChange);
  const room = inputs.config.maxPacketBytes - 2;
  const updatesPerPacket = Math.min(126, Math.floor(room / (mean + 2)));
  const capacity = (carriersPerSecond(inputs) * updatesPerPacket) / transmitLimit(inputs);
  const suspicions = mistakes(inputs).suspicionsPerPoolDay / dayS;
  return {
    capacityUpdatesPerSecond: capacity,
    capacityChangesPerSecond: capacity / perChange,
    updatesPerPacket,
    offeredUpdatesPerSecond: inputs.churnPerSecond * perChange + 2 * suspicions,
  };
}

export function churnGroup(c: Churn): FigureGroup {
  const source = "queueing: each update takes m places; core/src/broadcast-queue.ts";
  return {
    key: "churn",
    title: "Changes that the pool can carry (half joins, half crashes)",
    figures: [
      {
        key: "capacityChangesPerSecond",
        title: "changes, whole pool",
        value: c.capacityChangesPerSecond,
        unit: "per second",
        formula: "updates/(1 for a join, 2 + confirmations for a crash)",
        source: "core/src/claims.ts",
      },
      {
        key: "capacityUpdatesPerSecond",
        title: "updates, whole pool",
        value: c.capacityUpdatesPerSecond,
        unit: "per second",
        formula: "packets/s x updates in a packet/transmissions",
        source,
      },
      {
        key: "offeredUpdatesPerSecond",
        title: "updates asked for",
        value: c.offeredUpdatesPerSecond,
        unit: "per second",
        formula: "churn x updates + 2 x false suspicions",
        source,
      },
    ],
  };
}
