/**
 * A place in the network: how far apart two members are can be told from theirs without a packet between them (Serf
 * protocol notes, section 16; Dabek et al., "Vivaldi", SIGCOMM 2004). All in seconds, but for the error.
 *
 * Stricter than Serf: a place that cannot be is refused also when its numbers are merely absurd, not only when they are
 * infinite. Serf computes with them, and is carried off by one lying peer.
 */
export interface Coordinate {
  /** `dimensions` numbers. */
  readonly vec: readonly number[];
  /** How little the place is trusted: 0 … 1.5, no unit. */
  readonly error: number;
  /** What the measurements of late say that the model does not. */
  readonly adjustment: number;
  /** The way from the host to the network it is on; at least `minHeight`. */
  readonly height: number;
}

export const dimensions = 8;
export const maxError = 1.5;
/** s. */
export const minHeight = 1e-5;
/** s: no number of a place is larger. Ten times the longest measurement that counts, so no pool gets there. */
export const maxExtent = 100;

export function freshCoordinate(): Coordinate {
  return { vec: [0, 0, 0, 0, 0, 0, 0, 0], error: maxError, adjustment: 0, height: minHeight };
}

/** Whether a place can be: of our dimensions, and every number within its range. Then distances to it are finite. */
export function isSound({ vec, error, adjustment, height }: Coordinate): boolean {
  if (vec.length !== dimensions) return false;
  for (let i = 0; i < dimensions; i++) if (!within(vec[i]!, -maxExtent, maxExtent)) return false;
  return within(error, 0, maxError) && within(adjustment, -maxExtent, maxExtent) && within(height, 0, maxExtent);
}

/** The distance by the places alone: s. */
export function rawDistance(a: Coordinate, b: Coordinate): number {
  let sum = 0;
  for (let i = 0; i < dimensions; i++) {
    const difference = a.vec[i]! - b.vec[i]!;
    sum += difference * difference;
  }
  return Math.sqrt(sum) + a.height + b.height;
}

/** The estimated round-trip time: s, in whole nanoseconds. */
export function distance(a: Coordinate, b: Coordinate): number {
  return nanoseconds(a, b) / 1e9;
}

/** The estimated round-trip time: ms, in whole nanoseconds. Serf protocol notes, section 16.2. */
export function distanceMs(a: Coordinate, b: Coordinate): number {
  return nanoseconds(a, b) / 1e6;
}

function nanoseconds(a: Coordinate, b: Coordinate): number {
  const raw = rawDistance(a, b);
  const adjusted = raw + a.adjustment + b.adjustment;
  return Math.trunc((adjusted > 0 ? adjusted : raw) * 1e9);
}

/** False for NaN. */
function within(x: number, min: number, max: number): boolean {
  return x >= min && x <= max;
}
