/**
 * Finds a node's place from the times that its probes take: each is a spring that pulls or pushes it (serf protocol notes,
 * section 16.3). Heights for access links, an adjustment for what the model misses, a median against outliers, and a weak
 * pull to the origin against drift (Ledlie, Gardner and Seltzer, "Network Coordinates in the Wild", NSDI 2007). The
 * constants are those of Serf: a pool should agree on them.
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
const latencySamples = 3;
/** s: the distance from the origin at which its pull is one second. */
const gravityRho = 150;
/** s. */
const maxRtt = 10;
const zeroThreshold = 1e-6;

const origin = freshCoordinate();

export class Vivaldi {
  readonly #rng: Rng;
  readonly #latencies = new Map<string, number[]>();
  readonly #adjustments = new Array<number>(adjustmentWindow).fill(0);
  #nextAdjustment = 0;
  #place = freshCoordinate();
  #resets = 0;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  get place(): Coordinate {
    return this.#place;
  }

  /** How often the place made no sense any more and was forgotten. */
  get resets(): number {
    return this.#resets;
  }

  /** Drops what was measured to a peer. */
  forget(peer: string): void {
    this.#latencies.delete(peer);
  }

  /**
   * Takes one measurement; false if it is refused, and then has no effect.
   * @param other the peer's place
   * @param rtt s, 0 … 10
   */
  update(peer: string, other: Coordinate, rtt: number): boolean {
    if (!isSound(other) || !(rtt >= 0 && rtt <= maxRtt)) return false;
    const sample = this.#median(peer, rtt);
    this.#spring(other, sample);
    this.#adjust(other, sample);
    this.#gravitate();
    if (!isSound(this.#place)) {
      this.#place = freshCoordinate();
      this.#resets++;
    }
    return true;
  }

  #median(peer: string, rtt: number): number {
    let samples = this.#latencies.get(peer);
    if (!samples) {
      samples = [];
      this.#latencies.set(peer, samples);
    }
    samples.push(rtt);
    if (samples.length > latencySamples) samples.shift();
    const sorted = [...samples].sort((a, b) => a - b);
    return sorted[sorted.length >> 1]!;
  }

  #spring(other: Coordinate, sample: number): void {
    const d = distance(this.#place, other);
    const rtt = Math.max(sample, zeroThreshold);
    const wrongness = Math.abs(d - rtt) / rtt;
    const weight = this.#place.error / Math.max(this.#place.error + other.error, zeroThreshold);
    const error = Math.min(maxError, ce * weight * wrongness + this.#place.error * (1 - ce * weight));
    this.#place = this.#pushed({ ...this.#place, error }, cc * weight * (rtt - d), other);
  }

  #adjust(other: Coordinate, sample: number): void {
    this.#adjustments[this.#nextAdjustment] = sample - rawDistance(this.#place, other);
    this.#nextAdjustment = (this.#nextAdjustment + 1) % adjustmentWindow;
    const sum = this.#adjustments.reduce((a, b) => a + b, 0);
    this.#place = { ...this.#place, adjustment: sum / (2 * adjustmentWindow) };
  }

  #gravitate(): void {
    const pull = -((distance(origin, this.#place) / gravityRho) ** 2);
    this.#place = this.#pushed(this.#place, pull, origin);
  }

  /** The place after a force of so many seconds, away from `from`. */
  #pushed(place: Coordinate, force: number, from: Coordinate): Coordinate {
    const offset = place.vec.map((x, i) => x - from.vec[i]!);
    const length = norm(offset);
    const apart = length > zeroThreshold;
    const unit = apart ? offset.map((x) => x / length) : this.#randomDirection();
    const vec = place.vec.map((x, i) => x + force * unit[i]!);
    const height = apart
      ? Math.max(minHeight, ((place.height + from.height) * force) / length + place.height)
      : place.height;
    return { ...place, vec, height };
  }

  #randomDirection(): number[] {
    const vec = Array.from({ length: dimensions }, () => this.#rng.float() - 0.5);
    const length = norm(vec);
    if (length > zeroThreshold) return vec.map((x) => x / length);
    return vec.map((_, i) => (i === 0 ? 1 : 0));
  }
}

function norm(vec: readonly number[]): number {
  let sum = 0;
  for (const x of vec) sum += x * x;
  return Math.sqrt(sum);
}
