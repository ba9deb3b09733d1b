/**
 * How often a healthy member is accused, and how often that goes as far as "dead", by loss alone.
 *
 * Each member is probed once in a period on average, less often by members whose own health is in doubt (`health.ts`);
 * `chance.ts` says how likely everything about a probe is lost. The accused hears of it by gossip and, from everybody who
 * probes it meanwhile, in the very ping (Lifeguard's buddy system, IV-C; unless it is off), and refutes. So "dead" takes one
 * of two further accidents: it hears nothing at all before the suspicion is over; or its refutation, like any broadcast,
 * misses somebody who then declares it dead for himself (and is put right by the next push/pull).
 */
import { suspicionMinMs } from "@hearsay/core";
import { probeChances, type StreamTimers, systemTimers } from "./chance.ts";
import { missedMembers } from "./convergence.ts";
import { type FigureGroup, papers } from "./figure.ts";
import { health } from "./health.ts";
import type { PlanInputs } from "./inputs.ts";
import { transmitLimit } from "./transmissions.ts";

export interface Mistakes {
  /** Of one probe of a healthy member. */
  readonly probeFails: number;
  /** The same without the ping on a stream. */
  readonly packetsFail: number;
  readonly suspicionsPerMemberDay: number;
  readonly suspicionsPerPoolDay: number;
  /** Of a suspicion: P(the accused never hears of it in time). */
  readonly unheard: number;
  /** Declarations of a healthy member's death, by anybody. */
  readonly deathsPerMemberDay: number;
  readonly deathsPerPoolDay: number;
}

const dayMs = 86_400_000;

export function mistakes(inputs: PlanInputs, timers: StreamTimers = systemTimers): Mistakes {
  const { config, nodes, loss } = inputs;
  const chances = probeChances(inputs, timers);
  const suspicions = (health(inputs, timers).accusations * dayMs) / config.probeIntervalMs;
  const longestMs =
    suspicionMinMs(config.suspicionMult, nodes, config.probeIntervalMs) * config.suspicionMaxTimeoutMult;
  // Pings come like rain, each with the accusation in it. Without the buddy system only gossip tells.
  const pings = config.buddy ? Math.max(0, longestMs / config.probeIntervalMs - 1) : 0;
  const unheard = loss === 0 ? 0 : Math.exp(-(1 - loss) * (transmitLimit(inputs) + pings));
  const deaths = suspicions * (unheard + missedMembers(inputs));
  return {
    probeFails: chances.accused,
    packetsFail: chances.packetsFail,
    suspicionsPerMemberDay: suspicions,
    suspicionsPerPoolDay: suspicions * nodes,
    unheard,
    deathsPerMemberDay: deaths,
    deathsPerPoolDay: deaths * nodes,
  };
}

export function mistakesGroup({ config }: PlanInputs, m: Mistakes): FigureGroup {
  const health = `${papers.swim} 3.1; ${papers.lifeguard} IV-A; sim/src/plan/health.ts`;
  const unheard = config.buddy ? "(gossip and pings lost)" : "(gossip lost; no buddy system)";
  const probe = `${papers.swim} 3.1`;
  const stream = `${papers.rfc6298} 2.1; core/src/probe.ts`;
  return {
    key: "mistakes",
    title: "Mistakes about a healthy member, by this loss alone",
    figures: [
      {
        key: "packetsFail",
        title: "a probe's packets all fail",
        value: m.packetsFail,
        unit: "share",
        formula: "(1 - q^2)(1 - q^4)^k, q = 1 - loss, in time",
        source: probe,
      },
      {
        key: "probeFails",
        title: "and the stream too: suspected",
        value: m.probeFails,
        unit: "share",
        formula: "x P(no TCP answer in what is left of T)",
        source: stream,
      },
      {
        key: "suspicionsPerMemberDay",
        title: "suspected, one member",
        value: m.suspicionsPerMemberDay,
        unit: "per day",
        formula: `one probe a period, less by the probers' health (${config.nacks ? "nacks that miss" : "no nacks"}) x P(it fails)`,
        source: health,
      },
      {
        key: "suspicionsPerPoolDay",
        title: "suspected, the whole pool",
        value: m.suspicionsPerPoolDay,
        unit: "per day",
        formula: "n x the same",
        source: health,
      },
      {
        key: "deathsPerMemberDay",
        title: "declared dead, one member",
        value: m.deathsPerMemberDay,
        unit: "per day",
        formula: `x (P(accused hears nothing) ${unheard} + members the refutation misses)`,
        source: `${papers.swim} 4.2, ${papers.lifeguard} IV-C`,
      },
      {
        key: "deathsPerPoolDay",
        title: "declared dead, the whole pool",
        value: m.deathsPerPoolDay,
        unit: "per day",
        formula: "n x the same",
        source: `${papers.swim} 4.2, ${papers.lifeguard} IV-C`,
      },
    ],
  };
}
