/**
 * How long things may take once every fault is mended, worked out from the configuration. Each bound is a sum of the steps
 * that lead there, each step at its slowest; where a step is a matter of chance, it gets so many tries that all of them
 * fail once in a million.
 */
import { pushPullScale, retransmitLimit, type SwimConfig, suspicionMinMs } from "@hearsay/core";

export interface Bounds {
  /** Until the last wrong accusation has come to its end: ms. Before that nothing is settled. */
  readonly verdictsMs: number;
  /** Until nobody who is there is dead, left or unknown to anybody who is there: ms. */
  readonly reunionMs: number;
  /** Until all views are the same: ms. */
  readonly agreementMs: number;
  /** Until a broadcast has come to rest: ms. */
  readonly spreadMs: number;
}

/** Chance that we take for never. */
const never = 1e-6;

/** @param names of members ever, @param living of them at the end */
export function boundsOf(config: SwimConfig, names: number, living: number): Bounds {
  const longestProbeMs = config.probeIntervalMs * config.awarenessMaxMult;
  const verdictsMs = longestProbeMs + 2 * config.streamTimeoutMs;
  const suspicionMs =
    suspicionMinMs(config.suspicionMult, names, config.probeIntervalMs) * config.suspicionMaxTimeoutMult;
  // A lost member is tried about once an interval by the whole pool (chance 1 - 1/e), and by a node that is alone each
  // time with one of all it has lost, of whom some are gone for good.
  const perTry = Math.min(1 - 1 / Math.E, Math.max(1, living - 1) / Math.max(1, names - 1));
  const tries = Math.ceil(Math.log(never) / Math.log(1 - perTry)) + Math.ceil(Math.log2(names));
  const reunionMs =
    verdictsMs +
    suspicionMs +
    tries * config.reconnectIntervalMs +
    6 * config.settleIntervalMs +
    spreadMs(config, names);
  // One exchange with anybody who is right puts a view right. By then nearly all are: three rounds of own exchanges, and
  // as many in which others ask.
  const exchangeMs = config.pushPullIntervalMs * pushPullScale(names) * 1.05;
  return { verdictsMs, reunionMs, agreementMs: reunionMs + 3 * exchangeMs, spreadMs: spreadMs(config, names) };
}

/** As `Gossip` has it: transmissions of one broadcast by one member, in a pool of so many. */
export function transmitLimit(config: SwimConfig, alive: number, known: number): number {
  const everyone = Math.min(alive - 1, 2 * config.gossipNodes);
  return Math.max(1, everyone, retransmitLimit(config.retransmitMult, known));
}

/** All hops one after another, each as slow as a holder's whole run of transmissions. */
function spreadMs(config: SwimConfig, names: number): number {
  const rounds = Math.ceil(transmitLimit(config, names, names) / config.gossipNodes) + 1;
  const hops = Math.ceil(Math.log2(Math.max(2, names))) + 4;
  return rounds * hops * config.gossipIntervalMs * 1.1;
}
