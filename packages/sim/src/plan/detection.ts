/**
 * How long after a crash it is suspected, declared dead, and known to all.
 *
 *   crash ── wait for a ping ──▶ pinged ── T ──▶ suspected ── suspicion ──▶ dead ── spread ──▶ everybody
 *            exponential, mean T                              min, if two others confirm in time
 *
 * Members probe out of step, so the pings of one member come like drops of rain: n − 1 probers, each at it every n − 1
 * periods (SWIM 3.1). Every ping after the crash fails and accuses, so confirmations come at the same rate, and the
 * suspicion is at its shortest before that is over (Lifeguard, LHA-Suspicion) but in small pools.
 */
import { confirmationsWanted, suspicionMinMs, suspicionTotalMs } from "@hearsay/core";
import { type Figure, type FigureGroup, papers } from "./figure.ts";
import type { PlanInputs } from "./inputs.ts";
import type { Spread } from "./spread.ts";
import { spreadOf } from "./transmissions.ts";

export interface Delay {
  readonly meanMs: number;
  readonly medianMs: number;
  /** In one of a hundred crashes it takes longer. */
  readonly badMs: number;
}

export interface Detection {
  readonly suspicionMinMs: number;
  readonly suspicionMaxMs: number;
  readonly firstSuspicion: Delay;
  readonly firstDead: Delay;
  readonly everyone: Delay;
  /** Standard deviation of one crash's first suspicion, which all that follows inherits: ms. */
  readonly chanceMs: number;
}

/** Points at which the waits are looked at. */
const slices = 4000;

export function detection(inputs: PlanInputs, news: Spread = spreadOf(inputs)): Detection {
  const { config, nodes } = inputs;
  const { probeIntervalMs } = config;
  const minMs = suspicionMinMs(config.suspicionMult, nodes, probeIntervalMs);
  const maxMs = minMs * config.suspicionMaxTimeoutMult;
  const spreadMs = news.shareMs(0.5) ?? 0;
  const wait = suspicionWait(inputs, minMs, maxMs, spreadMs);
  const firstSuspicion: Delay = {
    meanMs: 2 * probeIntervalMs,
    medianMs: probeIntervalMs * (1 + Math.LN2),
    badMs: probeIntervalMs * (1 + Math.log(100)),
  };
  const firstDead = afterSuspicion(probeIntervalMs, wait);
  // Everybody else suspects it too, a little later than the first, and their own time is up then if no word came.
  const known = spreadOf(inputs, { otherwise: news });
  const everyone: Delay = {
    meanMs: firstDead.meanMs + known.meanEveryoneMs(),
    medianMs: firstDead.medianMs + (known.everyoneMs(0.5) ?? 0),
    badMs: firstDead.badMs + (known.everyoneMs(0.5) ?? 0),
  };
  return {
    suspicionMinMs: minMs,
    suspicionMaxMs: maxMs,
    firstSuspicion,
    firstDead,
    everyone,
    chanceMs: probeIntervalMs,
  };
}

/** Quantiles of a suspicion's length: ms, ascending. */
function suspicionWait(inputs: PlanInputs, minMs: number, maxMs: number, spreadMs: number): Float64Array {
  const { config, nodes } = inputs;
  const wanted = confirmationsWanted(config.suspicionMult, nodes);
  const totals = Array.from({ length: wanted + 1 }, (_, c) => suspicionTotalMs(c, wanted, minMs, maxMs));
  /** P(it lasts longer than x): fewer than the confirmations that would have ended it have come. */
  const survives = (x: number): number => {
    if (x < minMs) return 1;
    const needed = totals.findIndex((total) => total <= x);
    if (needed <= 0) return needed === 0 ? 0 : 1;
    return poissonBelow(needed, Math.max(0, x - spreadMs) / config.probeIntervalMs);
  };
  const wait = new Float64Array(slices);
  let x = minMs;
  const step = Math.max(1, (maxMs - minMs) / slices);
  for (let i = 0; i < slices; i++) {
    const share = (i + 0.5) / slices;
    while (x < maxMs && 1 - survives(x) < share) x = Math.min(maxMs, x + step);
    wait[i] = x;
  }
  return wait;
}

/** P(fewer than `count` of a Poisson number with this mean). */
function poissonBelow(count: number, mean: number): number {
  let term = Math.exp(-mean);
  let sum = 0;
  for (let i = 0; i < count; i++) {
    sum += term;
    term *= mean / (i + 1);
  }
  return sum;
}

/** The wait for a ping, the probe, and the suspicion, one after another. */
function afterSuspicion(probeIntervalMs: number, wait: Float64Array): Delay {
  const meanMs = 2 * probeIntervalMs + wait.reduce((sum, ms) => sum + ms, 0) / wait.length;
  /** P(all is over by t). */
  const over = (t: number): number => {
    let sum = 0;
    for (const ms of wait) {
      const left = t - probeIntervalMs - ms;
      if (left > 0) sum += 1 - Math.exp(-left / probeIntervalMs);
    }
    return sum / wait.length;
  };
  const quantile = (share: number): number => {
    let low = 0;
    let high = 20 * probeIntervalMs + wait[wait.length - 1]!;
    for (let i = 0; i < 50; i++) {
      const middle = (low + high) / 2;
      if (over(middle) < share) low = middle;
      else high = middle;
    }
    return high;
  };
  return { meanMs, medianMs: quantile(0.5), badMs: quantile(0.99) };
}

export function detectionGroup(d: Detection): FigureGroup {
  const figures: Figure[] = [];
  const add = (key: string, title: string, delay: Delay, formula: string, source: string): void => {
    figures.push(
      { key: `${key}Ms`, title: `${title}, median`, value: delay.medianMs, unit: "ms", formula, source },
      { key: `${key}BadMs`, title: `${title}, bad (99 %)`, value: delay.badMs, unit: "ms", formula, source },
    );
  };
  add(
    "firstSuspicion",
    "first suspicion",
    d.firstSuspicion,
    "wait for a ping (exponential, mean T) + T",
    `${papers.swim} 3.1`,
  );
  add(
    "firstDead",
    "first declares it dead",
    d.firstDead,
    "+ suspicion: min, if confirmed in time",
    `${papers.lifeguard} IV-B; core/src/suspicion.ts`,
  );
  add(
    "everyone",
    "everybody knows",
    d.everyone,
    "+ spread of the news, and everybody's own timer",
    "sim/src/plan/spread.ts",
  );
  return { key: "detection", title: "After a crash", figures };
}
