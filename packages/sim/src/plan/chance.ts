/**
 * The chances of one probe of a healthy member: that packets come in time, by which way, and that all ways fail (SWIM,
 * section 3.1, with memberlist's stream ping as one more way). Each loss is taken to be independent of all others; real
 * losses come in bursts, so these are the best case of a given loss.
 */
import { normalQuantile } from "../latency.ts";
import { latencySigma, type PlanInputs } from "./inputs.ts";

export interface ProbeChances {
  /** Ping and ack come back before the probe timeout. */
  readonly direct: number;
  /** One relay brings an ack before the end of the probe. */
  readonly relay: number;
  /** The ping on a stream is answered before the end of the probe. */
  readonly stream: number;
  /** Nobody answers by packet: the direct way fails, and all relays do. */
  readonly packetsFail: number;
  /** Everything fails: a healthy member is accused. */
  readonly accused: number;
}

export interface StreamTimers {
  /** Until a lost SYN is sent again: ms. */
  readonly connectMs: number;
  /** Until lost data are sent again: ms. */
  readonly dataMs: number;
}

/** A system's TCP: one second for the handshake (RFC 6298, 2.1), then Linux's shortest. Each doubles. */
export const systemTimers: StreamTimers = { connectMs: 1000, dataMs: 200 };
/** The simulator's (`network.ts`). */
export const simulatorTimers: StreamTimers = { connectMs: 200, dataMs: 200 };

/** @param score the prober's health score: each point makes the probe longer by one interval. */
export function probeChances(inputs: PlanInputs, timers: StreamTimers = systemTimers, score = 0): ProbeChances {
  const { config, loss, latencyMs, nodes } = inputs;
  const arrives = 1 - loss;
  const restMs = (score + 1) * config.probeIntervalMs - config.probeTimeoutMs;
  const direct = arrives ** 2 * chanceWithin(2, config.probeTimeoutMs, latencyMs);
  const relay = arrives ** 4 * chanceWithin(4, restMs, latencyMs);
  const stream = config.streamPings ? streamChance(loss, latencyMs, restMs, timers) : 0;
  const relays = Math.min(config.indirectChecks, Math.max(0, nodes - 2));
  const packetsFail = (1 - direct) * (1 - relay) ** relays;
  return { direct, relay, stream, packetsFail, accused: packetsFail * (1 - stream) };
}

/** Quantile of the sum of so many one-way delays: ms. */
export function delayQuantileMs(legs: number, latencyMs: number, share: number): number {
  const { median, sigma } = sumOf(legs, latencyMs);
  return median * Math.exp(sigma * normalQuantile(share));
}

/** Chance that so many delays, one after another, are over within `ms`. */
export function chanceWithin(legs: number, ms: number, latencyMs: number): number {
  if (ms <= 0) return 0;
  const { median, sigma } = sumOf(legs, latencyMs);
  return normalShare(Math.log(ms / median) / sigma);
}

/** A sum of log-normal delays, as a log-normal with the same mean and variance (Fenton 1960). */
function sumOf(legs: number, latencyMs: number): { median: number; sigma: number } {
  const variance = Math.exp(latencySigma ** 2) - 1;
  const sigma = Math.sqrt(Math.log(1 + variance / legs));
  const mean = legs * latencyMs * Math.exp(latencySigma ** 2 / 2);
  return { median: mean / Math.exp(sigma ** 2 / 2), sigma };
}

/**
 * Two legs of handshake, two of ping and ack. A lost one is sent again after its timer, then after twice that; what the
 * timers add up to must leave room for the four legs themselves.
 */
function streamChance(loss: number, latencyMs: number, leftMs: number, timers: StreamTimers): number {
  const tries = 6;
  let chance = 0;
  const visit = (leg: number, waitedMs: number, likelihood: number): void => {
    if (waitedMs >= leftMs) return;
    if (leg === 4) {
      chance += likelihood * chanceWithin(4, leftMs - waitedMs, latencyMs);
      return;
    }
    let timerMs = leg < 2 ? timers.connectMs : timers.dataMs;
    let waits = 0;
    for (let lost = 0; lost < tries; lost++) {
      visit(leg + 1, waitedMs + waits, likelihood * loss ** lost * (1 - loss));
      waits += timerMs;
      timerMs *= 2;
    }
  };
  visit(0, 0, 1);
  return chance;
}

/** Share of a normal distribution below `x` deviations (Abramowitz and Stegun 7.1.26: error below 1.5e-7). */
export function normalShare(x: number): number {
  const z = Math.abs(x) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * z);
  const poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const tail = (poly * Math.exp(-z * z)) / 2;
  return x >= 0 ? 1 - tail : tail;
}
