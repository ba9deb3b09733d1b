/**
 * How fast a node may write its own map, found out by itself and with the others (Scuttlebutt paper, section 4). The rate
 * falls by a share when exchanges do not fit into packets, for everybody then writes too much, and rises by a step while
 * they fit. Whenever two meet of whom one wants more than it has, they share what both have, with the sum kept, so that it
 * goes to those who need it. What is lost with a packet, or shared twice with a doubled one, the rises and falls put right.
 *
 * A bucket turns the rate into leave to write: it holds the writes of one round, so that a few at once are not held back.
 */
import { type FlowSettings, highestRate, rateUnit } from "./flow-config.ts";
import type { RateLine } from "./messages.ts";

/** Openings whose answer may still come; the oldest go first. */
const mostOpenings = 16;
/** Below this a bucket's missing rest is rounding: writes. */
const nearlyNothing = 1e-4;

export class WriteRate {
  readonly #settings: FlowSettings;
  /** The mean of wishes is taken over so long, and the bucket holds so much: ms. */
  readonly #windowMs: number;
  /** Thousandths of a write a second. */
  #rate: number;
  #fullInRow = 0;
  #easyInRow = 0;
  /** Wishes a second, of late. */
  #wishes = 0;
  #wishesAt = 0;
  #leave: number;
  #leaveAt = 0;
  #exchange = 0;
  /** What we said when we opened an exchange, by its number. */
  readonly #openings = new Map<number, RateLine>();

  /** @param windowMs time between rounds of exchanges */
  constructor(settings: FlowSettings, windowMs: number) {
    this.#settings = settings;
    this.#windowMs = windowMs;
    this.#rate = Math.round(settings.startRate * rateUnit);
    this.#leave = this.#capacity;
  }

  /** Writes a second. */
  get perSecond(): number {
    return this.#rate / rateUnit;
  }

  start(now: number): void {
    this.#wishesAt = now;
    this.#leaveAt = now;
  }

  // Leave to write

  /** Somebody wants to write. */
  wish(now: number): void {
    this.#wishes = this.#wishesNow(now) + 1000 / this.#windowMs;
    this.#wishesAt = now;
  }

  /** Takes leave for one write; false when there is none yet. */
  take(now: number): boolean {
    this.#fill(now);
    if (this.#leave < 1 - nearlyNothing) return false;
    this.#leave -= 1;
    return true;
  }

  /** Monotonic ms when `take` will be granted, if the rate stays. */
  get leaveAt(): number {
    return this.#leaveAt + (Math.max(0, 1 - this.#leave) * 1000) / this.perSecond;
  }

  // What exchanges teach

  /** An exchange told us whether all that one of its sides lacked fitted into a packet. */
  onExchange(isFull: boolean, now: number): void {
    const { decrease, increase, fullExchanges, easyExchanges } = this.#settings;
    this.#fullInRow = isFull ? this.#fullInRow + 1 : 0;
    this.#easyInRow = isFull ? 0 : this.#easyInRow + 1;
    if (this.#fullInRow >= fullExchanges) {
      this.#fullInRow = 0;
      this.#set(this.#rate * decrease, now);
    } else if (this.#easyInRow >= easyExchanges) {
      this.#easyInRow = 0;
      this.#set(this.#rate + increase * rateUnit, now);
    }
  }

  /** What to say when opening an exchange. @param held writes that wait for leave */
  open(held: number, now: number): RateLine {
    this.#exchange = (this.#exchange + 1) % 0x1_0000_0000;
    const line = this.#line(this.#exchange, held, now);
    this.#openings.set(line.exchange, line);
    if (this.#openings.size > mostOpenings) this.#openings.delete(this.#openings.keys().next().value!);
    return line;
  }

  /** Shares with somebody who opened an exchange. What to answer; undefined when neither wants more than it has. */
  answer(theirs: RateLine, held: number, now: number): RateLine | undefined {
    const ours = this.#line(theirs.exchange, held, now);
    if (theirs.wish <= theirs.rate && ours.wish <= ours.rate) return undefined;
    this.#set(theirs.rate + ours.rate - this.#shareOfOpener(theirs, ours), now);
    return ours;
  }

  /** Shares with somebody who answered us. Once an exchange; false for an answer to nothing. */
  onAnswer(theirs: RateLine, now: number): boolean {
    const ours = this.#openings.get(theirs.exchange);
    if (ours === undefined) return false;
    this.#openings.delete(theirs.exchange);
    // The difference, not the new value: meanwhile another exchange may have moved ours.
    this.#set(this.#rate + this.#shareOfOpener(ours, theirs) - ours.rate, now);
    return true;
  }

  #shareOfOpener(opener: RateLine, other: RateLine): number {
    const { minRate, maxRate } = this.#settings;
    const sum = opener.rate + other.rate;
    // Neither gets more or less than anyone may have.
    const least = Math.max(minRate * rateUnit, sum - maxRate * rateUnit);
    const most = Math.min(maxRate * rateUnit, sum - minRate * rateUnit);
    return Math.round(Math.max(least, Math.min(most, sharedRate(opener, other))));
  }

  #line(exchange: number, held: number, now: number): RateLine {
    const wish = (this.#wishesNow(now) + (held * 1000) / this.#windowMs) * rateUnit;
    return { exchange, rate: this.#rate, wish: Math.min(highestRate * rateUnit, Math.ceil(wish)) };
  }

  get #capacity(): number {
    return Math.max(1, (this.perSecond * this.#windowMs) / 1000);
  }

  #wishesNow(now: number): number {
    return this.#wishes * Math.exp(-Math.max(0, now - this.#wishesAt) / this.#windowMs);
  }

  #fill(now: number): void {
    const elapsed = Math.max(0, now - this.#leaveAt);
    this.#leave = Math.min(this.#capacity, this.#leave + (elapsed * this.perSecond) / 1000);
    this.#leaveAt = Math.max(now, this.#leaveAt);
  }

  #set(rate: number, now: number): void {
    this.#fill(now);
    const { minRate, maxRate } = this.#settings;
    this.#rate = Math.round(Math.max(minRate * rateUnit, Math.min(maxRate * rateUnit, rate)));
  }
}

/**
 * The first one's part when two share what both may: each what it wants and half of the rest, where there is enough; where
 * both want half or more, each half; else what is little to the one, and the rest to the other.
 */
export function sharedRate(first: Wanting, second: Wanting): number {
  const sum = first.rate + second.rate;
  const rest = sum - first.wish - second.wish;
  if (rest >= 0) return first.wish + rest / 2;
  if (first.wish >= sum / 2 && second.wish >= sum / 2) return sum / 2;
  return first.wish < second.wish ? first.wish : sum - second.wish;
}

type Wanting = Pick<RateLine, "rate" | "wish">;
