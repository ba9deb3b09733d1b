/**
 * A place in the network: how far apart two members are can be told from theirs without a packet between them (serf
 * protocol notes, section 16; Dabek et al., "Vivaldi", SIGCOMM 2004). All in seconds, but for the error.
 */
import { Reader, Writer } from "@hearsay/wire";

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

/** First byte of an ack's payload that holds a place. */
const version = 1;
// In declaration order, for peers that write a structure as an array.
const fields = ["Vec", "Error", "Adjustment", "Height"] as const;

export function freshCoordinate(): Coordinate {
  return { vec: new Array<number>(dimensions).fill(0), error: maxError, adjustment: 0, height: minHeight };
}

/** Whether two places can be compared and none of its numbers is infinite. */
export function isSound({ vec, error, adjustment, height }: Coordinate): boolean {
  return vec.length === dimensions && vec.every(Number.isFinite) && [error, adjustment, height].every(Number.isFinite);
}

/** The distance by the places alone: s. */
export function rawDistance(a: Coordinate, b: Coordinate): number {
  let sum = 0;
  for (let i = 0; i < dimensions; i++) sum += (a.vec[i]! - b.vec[i]!) ** 2;
  return Math.sqrt(sum) + a.height + b.height;
}

/** The estimated round-trip time: s, in whole nanoseconds. */
export function distance(a: Coordinate, b: Coordinate): number {
  const raw = rawDistance(a, b);
  const adjusted = raw + a.adjustment + b.adjustment;
  return Math.trunc((adjusted > 0 ? adjusted : raw) * 1e9) / 1e9;
}

/** The estimated round-trip time: ms. */
export function distanceMs(a: Coordinate, b: Coordinate): number {
  return distance(a, b) * 1000;
}

/** The payload of an ack: 130 bytes. */
export function encodeCoordinate({ vec, error, adjustment, height }: Coordinate): Uint8Array {
  const writer = new Writer({ initialBytes: 136 }).byte(version).map(4);
  writer.text("Adjustment").float(adjustment);
  writer.text("Error").float(error);
  writer.text("Height").float(height);
  writer.text("Vec").array(vec.length);
  for (const x of vec) writer.float(x);
  return writer.finish();
}

/** Undefined when it is of another version, malformed, or no place that can be. */
export function decodeCoordinate(payload: Uint8Array): Coordinate | undefined {
  if (payload[0] !== version) return undefined;
  const reader = new Reader(payload, 1);
  const vec: number[] = [];
  const rest = { error: 0, adjustment: 0, height: 0 };
  reader.struct(fields, (field) => {
    if (field === 1) rest.error = reader.float();
    else if (field === 2) rest.adjustment = reader.float();
    else if (field === 3) rest.height = reader.float();
    else {
      const count = reader.array();
      for (let i = 0; i < count && reader.ok; i++) {
        const x = reader.float();
        // One more than there should be is enough to know.
        if (vec.length <= dimensions) vec.push(x);
      }
    }
  });
  const coordinate: Coordinate = { vec, ...rest };
  return reader.ok && isSound(coordinate) ? coordinate : undefined;
}
