/**
 * When the packets of somebody who has news arrive, by the age of the news: rounds of gossip, an interval ± 10 % apart, the
 * first within 5 % of one; pings and acks all the time; each after a log-normal delay.
 *
 * A member may have hundreds of transmissions, and everybody has the news after some rounds of them: so rounds are worked
 * out when an age is asked for that they reach. Each needs only the stretch of time in which its packets arrive.
 */
import { normalQuantile } from "../latency.ts";
import { latencySigma } from "./inputs.ts";
import type { SpreadInputs } from "./spread.ts";

/** Share of the first interval in which a first packet goes out; and of each interval that is jitter, both ways. */
export const burstShare = 0.05;
export const jitterShare = 0.1;
/** Fewer packets than this in a step are none. */
const negligible = 1e-9;

/** A round's arrivals, one packet of each member: values of the steps from `at` on. */
interface Round {
  readonly at: number;
  readonly values: Float64Array;
}

export class Schedule {
  /** Until the transmissions are used up: ms. */
  readonly lifeMs: number;
  /** Steps after having got it, ascending; and the packets that arrive then, lost ones counted. */
  readonly ages: number[] = [];
  readonly packets: number[] = [];
  readonly #inputs: SpreadInputs;
  readonly #stepMs: number;
  readonly #fanout: number;
  readonly #total: Float64Array;
  /** The next one to be added, and what it sends. */
  #round: Round;
  readonly #sent: readonly number[];
  #added = 0;
  /** Ages before this are in `ages`. */
  #ready = 0;

  constructor(inputs: SpreadInputs, stepMs: number) {
    const { gossipIntervalMs, gossipNodes, latencyMs, n } = inputs;
    this.#inputs = inputs;
    this.#stepMs = stepMs;
    this.#fanout = Math.min(gossipNodes, n - 1);
    const delays = quantiles(64).map((share) => latencyMs * Math.exp(latencySigma * normalQuantile(share)));
    const rounds = Math.ceil(inputs.transmitLimit / this.#fanout);
    const length = Math.ceil((rounds * gossipIntervalMs * (1 + jitterShare) + 20 * latencyMs) / stepMs) + 2;
    this.#total = new Float64Array(length);
    this.#round = this.#first(delays);
    const carriedPerMs = 2 / inputs.probeIntervalMs;
    [this.#sent, this.lifeMs] = this.#plan(carriedPerMs);
    const meanDelay = delays.reduce((sum, delay) => sum + delay, 0) / delays.length;
    for (let ms = stepMs / 2; ms < this.lifeMs; ms += stepMs) {
      put(this.#total, (ms + meanDelay) / stepMs, carriedPerMs * stepMs);
    }
  }

  /** Makes `ages` complete up to this one. */
  reach(age: number): void {
    while (this.#added < this.#sent.length && this.#round.at <= age + 1) this.#add();
    // What no later round reaches stays as it is.
    const end = this.#added < this.#sent.length ? this.#round.at : this.#total.length;
    for (; this.#ready < end; this.#ready++) {
      const packets = this.#total[this.#ready]!;
      if (packets <= negligible) continue;
      // Nothing arrives in the step in which it was sent.
      this.ages.push(Math.max(1, this.#ready));
      this.packets.push(packets);
    }
  }

  /** Packets of each round, and how long they last: pings and acks take theirs up to the last round, or what is left after it. */
  #plan(carriedPerMs: number): [sent: number[], lifeMs: number] {
    const { gossipIntervalMs, transmitLimit } = this.#inputs;
    const perInterval = this.#fanout + carriedPerMs * gossipIntervalMs;
    const sent: number[] = [];
    let lifeMs = 0;
    for (let k = 0; ; k++) {
      const left = transmitLimit - k * perInterval;
      const now = Math.min(this.#fanout, left);
      if (now <= 0) return [sent, lifeMs];
      sent.push(now);
      lifeMs = k * gossipIntervalMs + Math.min(gossipIntervalMs, (left - now) / carriedPerMs);
    }
  }

  #first(delays: readonly number[]): Round {
    const burstMs = burstShare * this.#inputs.gossipIntervalMs;
    const values = new Float64Array(Math.ceil((burstMs + delays.at(-1)!) / this.#stepMs) + 2);
    for (const share of quantiles(64)) {
      for (const delay of delays) put(values, (share * burstMs + delay) / this.#stepMs, 1 / (64 * delays.length));
    }
    return { at: 0, values };
  }

  /** Adds the round, and works out the one after it. */
  #add(): void {
    const { at, values } = this.#round;
    const sent = this.#sent[this.#added++]!;
    const end = Math.min(values.length, this.#total.length - at);
    for (let i = 0; i < end; i++) this.#total[at + i]! += sent * values[i]!;
    if (this.#added < this.#sent.length) this.#round = this.#later(this.#round);
  }

  #later({ at, values }: Round): Round {
    const interval = this.#inputs.gossipIntervalMs / this.#stepMs;
    const shifts = quantiles(this.#jitters(interval)).map((share) => interval * (1 + jitterShare * (2 * share - 1)));
    const first = Math.floor(shifts[0]!);
    const later = new Float64Array(values.length + Math.floor(shifts.at(-1)!) - first + 1);
    for (const shift of shifts) shiftInto(later, values, shift - first, 1 / shifts.length);
    return { at: at + first, values: later };
  }

  /** Jitter within a step needs no picture of it. */
  #jitters(interval: number): number {
    return interval >= 100 ? 200 : Math.max(2, Math.ceil(2 * interval));
  }
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
  for (let i = 0; i < source.length; i++) {
    const value = source[i]!;
    if (value === 0) continue;
    target[i + low]! += value * weight * (1 - high);
    target[i + low + 1]! += value * weight * high;
  }
}
