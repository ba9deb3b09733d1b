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
import { normalQuantile } from "../latency.ts";
import { latencySigma } from "./inputs.ts";

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
  /** Steps in a gossip interval. Default 1000. */
  readonly steps?: number;
  /** Members learn of it by another way too: the share that has not, by time. */
  readonly otherwise?: Spread;
}

/** Share of the first interval in which a first packet goes out; and of each interval that is jitter, both ways. */
const burstShare = 0.05;
const jitterShare = 0.1;

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
  const stepMs = gossipIntervalMs / (inputs.steps ?? 1000);
  const others = n - 1;
  const schedule = scheduleOf(inputs, stepMs);
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

interface Schedule {
  /** Steps after having got it, ascending; and the packets that arrive then, lost ones counted. */
  readonly ages: Int32Array;
  readonly packets: Float64Array;
  /** Until the transmissions are used up: ms. */
  readonly lifeMs: number;
}

function scheduleOf(inputs: SpreadInputs, stepMs: number): Schedule {
  const { gossipNodes, gossipIntervalMs, probeIntervalMs, transmitLimit, latencyMs, n } = inputs;
  const fanout = Math.min(gossipNodes, n - 1);
  const delays = quantiles(64).map((share) => latencyMs * Math.exp(latencySigma * normalQuantile(share)));
  // A ping and an ack in each probe interval.
  const carriedPerMs = 2 / probeIntervalMs;
  const perInterval = fanout + carriedPerMs * gossipIntervalMs;
  let lifeMs = 0;
  const rounds = Math.ceil(transmitLimit / fanout);
  const length = Math.ceil((rounds * gossipIntervalMs * (1 + jitterShare) + 20 * latencyMs) / stepMs) + 2;
  const total = new Float64Array(length);
  let round = new Float64Array(length);
  for (const share of quantiles(64)) {
    const leaves = share * burstShare * gossipIntervalMs;
    for (const delay of delays) put(round, (leaves + delay) / stepMs, 1 / (64 * delays.length));
  }
  for (let k = 0; ; k++) {
    const left = transmitLimit - k * perInterval;
    const sent = Math.min(fanout, left);
    if (sent <= 0) break;
    // Pings and acks take theirs up to the last round, or what is left after it.
    lifeMs = k * gossipIntervalMs + Math.min(gossipIntervalMs, (left - sent) / carriedPerMs);
    for (let i = 0; i < length; i++) total[i]! += sent * round[i]!;
    const next = new Float64Array(length);
    for (const share of quantiles(200)) {
      const shift = (gossipIntervalMs * (1 + jitterShare * (2 * share - 1))) / stepMs;
      shiftInto(next, round, shift, 1 / 200);
    }
    round = next;
  }
  const meanDelay = delays.reduce((sum, delay) => sum + delay, 0) / delays.length;
  for (let ms = stepMs / 2; ms < lifeMs; ms += stepMs) put(total, (ms + meanDelay) / stepMs, carriedPerMs * stepMs);
  const ages: number[] = [];
  for (let i = 0; i < length; i++) if (total[i]! > 1e-9) ages.push(i);
  return {
    // Nothing arrives in the step in which it was sent.
    ages: Int32Array.from(ages, (age) => Math.max(1, age)),
    packets: Float64Array.from(ages, (age) => total[age]!),
    lifeMs,
  };
}

/** Middles of so many equal shares. */
function quantiles(count: number): number[] {
  return Array.from({ length: count }, (_, i) => (i + 0.5) / count);
}

/** Shared between the two steps around `at`, so that means stay exact. */
function put(target: Float64Array, at: number, weight: number): void {
  const low = Math.floor(at);
  if (low + 1 >= target.length) return;
  target[low]! += weight * (1 - (at - low));
  target[low + 1]! += weight * (at - low);
}

function shiftInto(target: Float64Array, source: Float64Array, shift: number, weight: number): void {
  const low = Math.floor(shift);
  const high = shift - low;
  for (let i = 0; i + low + 1 < target.length; i++) {
    const value = source[i]!;
    if (value === 0) continue;
    target[i + low]! += value * weight * (1 - high);
    target[i + low + 1]! += value * weight * high;
  }
}
