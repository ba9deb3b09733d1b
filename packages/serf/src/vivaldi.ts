/**
 * Finds a node's place from the times that its probes take: each is a spring that pulls or pushes it (Serf protocol notes,
 * section 16.3). Heights for access links, an adjustment for what the model misses, a median against outliers, and a weak
 * pull to the origin against drift (Ledlie, Gardner and Seltzer, "Network Coordinates in the Wild", NSDI 2007). The
 * constants are those of Serf: a pool should agree on them.
 *
 * Runs once for each probe of each node, so it computes in place.
 */
import type { Rng } from "@hearsay/core";
import {
  type Coordinate,
  dimensions,
  distance,
  freshCoordinate,
  isSound,
  maxError,
  minHeight,
  rawDistance,
} from "./coordinate.ts";

/** How much one measurement moves the error, and the place. */
const ce = 0.25;
const cc = 0.25;
const adjustmentWindow = 20;
/** s: the distance from the origin at which its pull is one second. */
const gravityRho = 150;
/** s. */
const maxRtt = 10;
const zeroThreshold = 1e-6;

/** What `Coordinate` shows, to be changed. */
interface Place {
  vec: number[];
  error: number;
  adjustment: number;
  height: number;
}

const origin = freshCoordinate();

/** The last three times to one peer, and what is to be believed of them. */
export class LatencyFilter {
  // Newest first. The infinities stand for times not yet taken: with one it is the median, with two the larger is.
  #first = Number.NaN;
  #second = Number.POSITIVE_INFINITY;
  #third = Number.NEGATIVE_INFINITY;

  /** Takes a time and returns the median: of two, the larger. Any unit. */
  add(time: number): number {
    if (!Number.isNaN(this.#first)) {
      this.#third = this.#second;
      this.#second = this.#first;
    }
    this.#first = time;
    const low = Math.min(this.#first, this.#second);
    const high = Math.max(this.#first, this.#second);
    return Math.max(low, Math.min(high, this.#third));
  }
}

export class Vivaldi {
  readonly #rng: Rng;
  /** Kept in place, the sum of them afresh each time: added up step by step, it would gather errors. */
  readonly #adjustments = new Float64Array(adjustmentWindow);
  readonly #direction = new Float64Array(dimensions);
  readonly #own: Place = place();
  /** What has been shown of it since it moved last. */
  #shown: Coordinate | undefined;
  #nextAdjustment = 0;
  #resets = 0;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  /** Where we are. A snapshot. */
  get place(): Coordinate {
    this.#shown ??= { ...this.#own, vec: this.#own.vec.slice() };
    return this.#shown;
  }

  /** How often the place made no sense any more and was forgotten. */
  get resets(): number {
    return this.#resets;
  }

  /**
   * Takes one measurement; false if it is refused, and then has no effect.
   * @param latencies what was measured to this peer before
   * @param other the peer's place
   * @param rtt s, 0 … 10
   */
  update(latencies: LatencyFilter, other: Coordinate, rtt: number): boolean {
    if (!isSound(other) || !(rtt >= 0 && rtt <= maxRtt)) return false;
    const sample = latencies.add(rtt);
    this.#spring(other, sample);
    this.#adjust(other, sample);
    this.#gravitate();
    if (!isSound(this.#own)) this.#reset();
    this.#shown = undefined;
    return true;
  }

  #spring(other: Coordinate, sample: number): void {
    const own = this.#own;
    const d = distance(own, other);
    const rtt = Math.max(sample, zeroThreshold);
    const wrongness = Math.abs(d - rtt) / rtt;
    const weight = own.error / Math.max(own.error + other.error, zeroThreshold);
    own.error = Math.min(maxError, ce * weight * wrongness + own.error * (1 - ce * weight));
    this.#push(cc * weight * (rtt - d), other);
  }

  #adjust(other: Coordinate, sample: number): void {
    this.#adjustments[this.#nextAdjustment] = sample - rawDistance(this.#own, other);
    this.#nextAdjustment = (this.#nextAdjustment + 1) % adjustmentWindow;
    let sum = 0;
    for (const adjustment of this.#adjustments) sum += adjustment;
    this.#own.adjustment = sum / (2 * adjustmentWindow);
  }

  #gravitate(): void {
    const pull = distance(origin, this.#own) / gravityRho;
    this.#push(-(pull * pull), origin);
  }

  /** Applies a force of so many seconds, away from `from`. */
  #push(force: number, from: Coordinate): void {
    const own = this.#own;
    const length = this.#pointAwayFrom(from);
    for (let i = 0; i < dimensions; i++) own.vec[i]! += force * this.#direction[i]!;
    if (length === 0) return;
    own.height = Math.max(minHeight, ((own.height + from.height) * force) / length + own.height);
  }

  /** Makes `direction` the unit vector from there to us; any one if that is the same spot. Returns the distance: s, or 0. */
  #pointAwayFrom(from: Coordinate): number {
    const direction = this.#direction;
    for (let i = 0; i < dimensions; i++) direction[i] = this.#own.vec[i]! - from.vec[i]!;
    const length = normalise(direction);
    if (length > 0) return length;
    for (let i = 0; i < dimensions; i++) direction[i] = this.#rng.float() - 0.5;
    if (normalise(direction) === 0) {
      direction.fill(0);
      direction[0] = 1;
    }
    return 0;
  }

  /** The adjustments go as well: Serf keeps them, and what led astray does so at each of the next twenty measurements. */
  #reset(): void {
    Object.assign(this.#own, place());
    this.#adjustments.fill(0);
    this.#resets++;
  }
}

function place(): Place {
  const { vec, error, adjustment, height } = freshCoordinate();
  return { vec: [...vec], error, adjustment, height };
}

/** Makes the vector one second long; leaves it alone, and returns 0, if it is too short to have a direction. */
function normalise(vec: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < vec.length; i++) sum += vec[i]! * vec[i]!;
  const length = Math.sqrt(sum);
  if (length <= zeroThreshold) return 0;
  for (let i = 0; i < vec.length; i++) vec[i]! /= length;
  return length;
}
