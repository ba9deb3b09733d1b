/** What theory says of SWIM's detection: its section on detection, Lifeguard's suspicion, push gossip of the news. */
import { lanConfig, suspicionMinMs } from "@hearsay/core";

export interface Theory {
  readonly suspectMs: number;
  readonly deadMs: number;
  readonly everyoneMs: number;
  /** Share of the probes of a healthy member that fail, without the ping over TCP. */
  readonly failShare: number;
}

/**
 * Median of the wait for the first ping, an exponential with the period as its mean, and the probe itself; then the
 * shortest suspicion, since confirmations come sooner; then the rounds of push gossip at this fan-out.
 */
export function theory(nodes: number, loss: number, periodMs: number): Theory {
  const { suspicionMult, gossipNodes, gossipIntervalMs, indirectChecks } = lanConfig;
  const arrive = 1 - loss;
  const suspectMs = periodMs * Math.LN2 + periodMs;
  const deadMs = suspectMs + suspicionMinMs(suspicionMult, nodes, periodMs);
  const reach = gossipNodes * arrive;
  const rounds = Math.log(nodes) / Math.log(1 + reach) + Math.log(nodes) / reach;
  return {
    suspectMs,
    deadMs,
    everyoneMs: deadMs + rounds * gossipIntervalMs,
    failShare: (1 - arrive ** 2) * (1 - arrive ** 4) ** indirectChecks,
  };
}
