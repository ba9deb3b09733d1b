/**
 * How news spreads, worked out in small steps of time: the push recurrence u' = u·e^(−received) (Demers et al. 1987,
 * 1.3; Pittel 1987), but with the members out of step, as they are. Who has the news for `a` ms sends on a schedule that
 * depends on `a` only:
 *
 *   age 0 … 5 % of an interval      the first packets (gossip on demand, `core/src/gossip.ts`)
 *   an interval ± 10 % later each   the next, until the transmissions are used up
 *   all the time                    pings and acks carry it too, and use transmissions up
 *
 * So the news goes through most of the pool within one burst of short hops, where a ticking gossip takes a round for each
 * hop. Chance is averaged over, but for the last members: all have it when the expected number without it says so.
 */
import { burstShare, jitterShare, Schedule } from "./schedule.ts";

export interface SpreadInputs {
  /** Members, the source among them. */
  readonly n: number;
  readonly gossipNodes: number;
  readonly gossipIntervalMs: number;
  readonly probeIntervalMs: number;
  /** By each member that has it. */
  readonly transmitLimit: number;
  readonly loss: number;
  readonly latencyMs: number;
  /** Steps in a gossip interval, or in the latency where that is longer. Default 1000. */
  readonly steps?: number;
  /** Members learn of it by another way too: the share that has not, by time. */
  readonly otherwise?: Spread;
}

export class Spread {
  readonly stepMs: number;
  readonly others: number;
  /** Share of the others without it, at each step; the last value stays. */
  readonly without: Float64Array;

  constructor(stepMs: number, others: number, without: Float64Array) {
    this.stepMs = stepMs;
    this.others = others;
    this.without = without;
  }

  /** From here on nothing comes any more: ms. */
  get endMs(): number {
    return (this.without.length - 1) * this.stepMs;
  }

  withoutAt(ms: number): number {
    const at = Math.min(this.without.length - 1, Math.max(0, Math.floor(ms / this.stepMs)));
    return this.without[at]!;
  }

  /** ms until this share of all members has it, or null. */
  shareMs(share: number): number | null {
    const wanted = (1 - share) * (this.others + 1);
    return this.#first((left) => left <= wanted + 1e-9);
  }

  /** ms until nobody is without it, with this chance, or null when gossip alone does not get there. */
  everyoneMs(chance: number): number | null {
    return this.#first((left) => left <= -Math.log(chance));
  }

  /** The mean of the time until everybody has it, where all do: ms. */
  meanEveryoneMs(): number {
    let sum = 0;
    const last = Math.exp(-this.others * this.missed());
    for (const share of this.without) sum += Math.max(0, 1 - Math.exp(-this.others * share) / last);
    return sum * this.stepMs;
  }

  /** Share that it never reaches. */
  missed(): number {
    return this.without[this.without.length - 1]!;
  }

  /** Time steps are whole; in between the expected number is taken to fall evenly. */
  #first(done: (left: number) => boolean): number | null {
    for (let i = 0; i < this.without.length; i++) {
      if (done(this.without[i]! * this.others)) return i * this.stepMs;
    }
    return null;
  }
}

export function spread(inputs: SpreadInputs): Spread {
  const { n, gossipNodes, gossipIntervalMs, loss, otherwise } = inputs;
  const stepMs = Math.max(gossipIntervalMs, inputs.latencyMs) / (inputs.steps ?? 1000);
  const others = n - 1;
  const schedule = new Schedule(inputs, stepMs);
  const fanout = Math.min(gossipNodes, others);
  // The targets of a round are different members, which tells in small pools.
  const hit = -Math.log(Math.max(1e-9, 1 - (fanout * (1 - loss)) / others)) / fanout;
  const patienceMs = 30 * (burstShare * gossipIntervalMs + 3 * inputs.latencyMs);
  const steps = Math.ceil((schedule.lifeMs * (1 + jitterShare) + patienceMs) / stepMs);
  const without = new Float64Array(steps + 1);
  /** Members that got it in each step. */
  const fresh = new Float64Array(steps + 1);
  without[0] = 1;
  fresh[0] = 1;
  let escaped = 1;
  let last = steps;
  for (let t = 1; t <= steps; t++) {
    let packets = 0;
    schedule.reach(t);
    for (let i = 0; i < schedule.ages.length; i++) {
      const age = schedule.ages[i]!;
      if (age > t) break;
      packets += fresh[t - age]! * schedule.packets[i]!;
    }
    escaped *= Math.exp(-packets * hit);
    const share = otherwise ? escaped * otherwise.withoutAt(t * stepMs) : escaped;
    without[t] = share;
    fresh[t] = others * Math.max(0, without[t - 1]! - share);
    if (share * others < 1e-7) {
      last = t;
      break;
    }
  }
  return new Spread(stepMs, others, without.slice(0, last + 1));
}
