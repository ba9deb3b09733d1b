/**
 * Epidemics in synchronous rounds: one item, one holder at first, members that choose partners at random among all others.
 * The pure process that the textbooks' formulas are about, without a protocol around it, and those formulas beside it.
 *
 *   push        every holder sends to `fanout` members
 *   pull        everyone without it asks `fanout` members; a holder that is asked answers
 *   push-pull   both in the same round
 *
 * All decisions of a round are made on the state at its start. Partners are drawn independently, so one may be drawn twice.
 * Sources: Demers et al. 1987 (push and pull); Frieze and Grimmett 1985, Pittel 1987 (rounds of push); Karp, Schindelhauer,
 * Shenker, Vöcking 2000 (push-pull).
 */
import type { Rng } from "@hearsay/core";

export type EpidemicMode = "push" | "pull" | "push-pull";
export const epidemicModes: readonly EpidemicMode[] = ["push", "pull", "push-pull"];

export interface Epidemic {
  readonly mode: EpidemicMode;
  /** Members: at least 2. */
  readonly nodes: number;
  /** Partners of one member in one round: at least 1. */
  readonly fanout: number;
  /** Share of messages lost, requests and answers each by themselves: 0 … below 1. */
  readonly loss: number;
}

/** A round more than this is never needed below a million members and 50 % loss; then something is wrong. */
const mostRounds = 1000;

/** Members that have it after each round, until all do: the first entry, before any round, is 1. */
export function runEpidemic(epidemic: Epidemic, rng: Rng): number[] {
  const { mode, nodes, fanout, loss } = epidemic;
  const has = new Uint8Array(nodes);
  const gets = new Uint8Array(nodes);
  const partner = (of: number) => {
    const drawn = rng.below(nodes - 1);
    return drawn < of ? drawn : drawn + 1;
  };
  const arrives = () => loss === 0 || rng.float() >= loss;
  has[rng.below(nodes)] = 1;
  let holders = 1;
  const history = [holders];
  while (holders < nodes && history.length <= mostRounds) {
    for (let member = 0; member < nodes; member++) {
      if (has[member] === 1) {
        if (mode === "pull") continue;
        for (let i = 0; i < fanout; i++) {
          const to = partner(member);
          if (arrives()) gets[to] = 1;
        }
      } else if (mode !== "push") {
        for (let i = 0; i < fanout; i++) {
          const from = partner(member);
          if (arrives() && has[from] === 1 && arrives()) gets[member] = 1;
        }
      }
    }
    for (let member = 0; member < nodes; member++) {
      if (gets[member] === 1 && has[member] === 0) {
        has[member] = 1;
        holders++;
      }
    }
    history.push(holders);
  }
  return history;
}

/** The first round after which at least this share has it; undefined when none did. */
export function roundsToShare(history: readonly number[], nodes: number, share: number): number | undefined {
  const wanted = Math.ceil(share * nodes - 1e-9);
  const round = history.findIndex((holders) => holders >= wanted);
  return round < 0 ? undefined : round;
}

/**
 * The expected share without it after the next round, given the share `u` now: the recurrences of large pools,
 * push `u·exp(−f(1−ℓ)(1−u))`, pull `u·(1 − (1−ℓ)²(1−u))^f`, push-pull with both factors.
 */
export function nextUninformed(epidemic: Epidemic, u: number): number {
  const { mode, fanout, loss } = epidemic;
  const push = Math.exp(-fanout * (1 - loss) * (1 - u));
  const pull = (1 - (1 - loss) ** 2 * (1 - u)) ** fanout;
  return u * (mode === "pull" ? 1 : push) * (mode === "push" ? 1 : pull);
}

/** The share without it after each round by the recurrence, from one holder on, for `rounds` rounds. */
export function uninformedCurve(epidemic: Epidemic, rounds: number): number[] {
  const curve = [1 - 1 / epidemic.nodes];
  for (let i = 0; i < rounds; i++) curve.push(nextUninformed(epidemic, curve[i]!));
  return curve;
}

/**
 * By the recurrence, the round after which a share has it; for all of them (share 1) the round after which more likely
 * than not nobody is left: `exp(−n·u) ≥ ½`. Between two rounds by straight line through the logarithms of `u`, so that the
 * curve over the pool's size has no steps.
 */
export function theoryRounds(epidemic: Epidemic, share: number): number {
  const target = share >= 1 ? Math.LN2 / epidemic.nodes : 1 - share;
  let u = 1 - 1 / epidemic.nodes;
  for (let round = 0; round < mostRounds; round++) {
    if (u <= target) return round;
    const next = nextUninformed(epidemic, u);
    if (next <= target) return round + (Math.log(u) - Math.log(target)) / (Math.log(u) - Math.log(next));
    u = next;
  }
  return Number.POSITIVE_INFINITY;
}

/**
 * Rounds until everyone has it by the closed formulas, which hold up to a constant:
 * push `log_{1+f(1−ℓ)} n + ln n / (f(1−ℓ))`, pull `log_{1+f} n + log_{1+f} ln n`, push-pull `log_{1+2f} n + log_{1+f} ln n`;
 * the last two for no loss only (with it their end is no longer doubly exponential): undefined otherwise.
 */
export function formulaRounds(epidemic: Epidemic): number | undefined {
  const { mode, nodes, fanout, loss } = epidemic;
  const ln = Math.log(nodes);
  if (mode === "push") {
    const reach = fanout * (1 - loss);
    return ln / Math.log(1 + reach) + ln / reach;
  }
  if (loss > 0) return undefined;
  const growth = mode === "pull" ? 1 + fanout : 1 + 2 * fanout;
  return ln / Math.log(growth) + Math.log(ln) / Math.log(1 + fanout);
}

/**
 * The share that one wave leaves out in a large pool when everybody passes an item on once, to `fanout` members, at first
 * sight: the root below 1 of `s = exp(−f(1−ℓ)(1−s))`. 1 when the wave dies out at once (`f(1−ℓ) ≤ 1`).
 * What a pool that gossips on demand has done before its first interval is over, if its hops are short beside that.
 * Source: Kermarrec, Massoulié, Ganesh 2003 (infect and die).
 */
export function waveResidue(fanout: number, loss: number): number {
  const reach = fanout * (1 - loss);
  if (reach <= 1) return 1;
  let s = 0;
  // A contraction towards the smaller root; near reach 1 it creeps.
  for (let i = 0; i < 10_000; i++) s = Math.exp(-reach * (1 - s));
  return s;
}
