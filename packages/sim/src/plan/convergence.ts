/** How long a user broadcast takes to half, 99 of 100 and all, where each passes it on as soon as it hears of it. */
import { bandwidth } from "./bandwidth.ts";
import { type FigureGroup, papers } from "./figure.ts";
import type { PlanInputs } from "./inputs.ts";
import type { Spread } from "./spread.ts";
import { broadcastLifeMs, spreadOf, transmitLimit } from "./transmissions.ts";

export interface Convergence {
  readonly halfMs: number | null;
  readonly ninetyNineMs: number | null;
  /** In half of all broadcasts everybody has it by then. */
  readonly everyoneMs: number | null;
  /** In 99 of 100. */
  readonly everyoneBadMs: number | null;
  /** Until each member has stopped passing it on, once it has it: ms. */
  readonly lifeMs: number;
  readonly transmissions: number;
  /** Members that a broadcast never reaches, on average: those wait for a push/pull, user messages for nothing. */
  readonly missedMembers: number;
  readonly spread: Spread;
}

export function convergence(inputs: PlanInputs, steps?: number): Convergence {
  const spread = spreadOf(inputs, steps === undefined ? {} : { steps });
  return {
    halfMs: spread.shareMs(0.5),
    ninetyNineMs: spread.shareMs(0.99),
    everyoneMs: spread.everyoneMs(0.5),
    everyoneBadMs: spread.everyoneMs(0.99),
    lifeMs: broadcastLifeMs(inputs),
    transmissions: transmitLimit(inputs),
    missedMembers: missedMembers(inputs),
    spread,
  };
}

/** n·e^(−m(1−ℓ)), the m transmissions going to random members. */
export function missedMembers(inputs: PlanInputs): number {
  return inputs.nodes * Math.exp(-transmitLimit(inputs) * (1 - inputs.loss));
}

export function convergenceGroup(inputs: PlanInputs, c: Convergence): FigureGroup {
  const recurrence = `push recurrence, ${papers.demers} 1.3, ${papers.pittel}; sim/src/plan/spread.ts`;
  const cost = bandwidth(inputs);
  return {
    key: "convergence",
    title: `A broadcast of ${inputs.broadcastBytes} bytes reaches`,
    figures: [
      {
        key: "halfMs",
        title: "half",
        value: c.halfMs,
        unit: "ms",
        formula: "u' = u e^(-received), by age of the news",
        source: recurrence,
      },
      {
        key: "ninetyNineMs",
        title: "99 %",
        value: c.ninetyNineMs,
        unit: "ms",
        formula: "the same",
        source: recurrence,
      },
      {
        key: "everyoneMs",
        title: "everybody, median",
        value: c.everyoneMs,
        unit: "ms",
        formula: "n u = ln 2",
        source: recurrence,
      },
      {
        key: "everyoneBadMs",
        title: "everybody, 99 in 100 times",
        value: c.everyoneBadMs,
        unit: "ms",
        formula: "n u = 0.01",
        source: recurrence,
      },
      {
        key: "missedMembers",
        title: "members it misses",
        value: c.missedMembers,
        unit: "count",
        formula: "n e^(-m (1 - loss)), m transmissions each",
        source: `${papers.demers} 1.4 (s = e^-m)`,
      },
      {
        key: "packets",
        title: "packets in the pool",
        value: cost.broadcastPackets,
        unit: "count",
        formula: "n x transmissions, less those aboard pings and acks",
        source: "core/src/formulas.ts retransmitLimit; gossip.ts",
      },
    ],
  };
}
