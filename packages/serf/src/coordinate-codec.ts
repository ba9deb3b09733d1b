/**
 * A place as the payload of an ack (Serf protocol notes, section 16.1): a version byte, then a map. Everybody writes the
 * same 130 bytes but for the floats, and one is written and one read for each probe; so those go the short way. What is
 * written otherwise is read as leniently as everything else.
 */
import { Reader, Writer } from "@hearsay/wire";
import { type Coordinate, dimensions, freshCoordinate, isSound } from "./coordinate.ts";

/** First byte of a payload that holds a place. */
const version = 1;
// In declaration order, for peers that write a structure as an array.
const fields = ["Vec", "Error", "Adjustment", "Height"] as const;

/** The form that everybody writes, and where its floats are. Never changed. */
const form = encode(freshCoordinate());
const adjustmentAt = 14;
const errorAt = 29;
const heightAt = 45;
const vecAt = 59;
/** From one float of the vector to the next. */
const stride = 9;

const fixedBytes: readonly number[] = Array.from(form.keys()).filter((i) => !isFloat(i));

/** Writes places, one after another. */
export class CoordinateWriter {
  readonly #bytes = form.slice();
  readonly #view = new DataView(this.#bytes.buffer);

  /** 130 bytes, the caller's. `vec` has `dimensions` numbers. */
  write({ vec, error, adjustment, height }: Coordinate): Uint8Array {
    const view = this.#view;
    view.setFloat64(adjustmentAt, adjustment);
    view.setFloat64(errorAt, error);
    view.setFloat64(heightAt, height);
    for (let i = 0; i < dimensions; i++) view.setFloat64(vecAt + stride * i, vec[i]!);
    return this.#bytes.slice();
  }
}

/** Undefined when it is of another version, malformed, or no place that can be. */
export function decodeCoordinate(payload: Uint8Array): Coordinate | undefined {
  const coordinate = hasForm(payload) ? readForm(payload) : readAny(payload);
  return coordinate && isSound(coordinate) ? coordinate : undefined;
}

function hasForm(payload: Uint8Array): boolean {
  if (payload.length !== form.length) return false;
  for (let i = 0; i < fixedBytes.length; i++) if (payload[fixedBytes[i]!] !== form[fixedBytes[i]!]) return false;
  return true;
}

function readForm(payload: Uint8Array): Coordinate {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const vec = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < dimensions; i++) vec[i] = view.getFloat64(vecAt + stride * i);
  return {
    vec,
    error: view.getFloat64(errorAt),
    adjustment: view.getFloat64(adjustmentAt),
    height: view.getFloat64(heightAt),
  };
}

function readAny(payload: Uint8Array): Coordinate | undefined {
  if (payload[0] !== version) return undefined;
  const reader = new Reader(payload, 1);
  let vec: number[] = [];
  let error = 0;
  let adjustment = 0;
  let height = 0;
  reader.struct(fields, (field) => {
    if (field === 0) vec = readVec(reader);
    else if (field === 1) error = reader.float();
    else if (field === 2) adjustment = reader.float();
    else height = reader.float();
  });
  return reader.ok ? { vec, error, adjustment, height } : undefined;
}

function readVec(reader: Reader): number[] {
  const vec: number[] = [];
  const count = reader.array();
  for (let i = 0; i < count && reader.ok; i++) {
    const x = reader.float();
    // One more than there should be is enough to know.
    if (i <= dimensions) vec.push(x);
  }
  return vec;
}

function encode({ vec, error, adjustment, height }: Coordinate): Uint8Array {
  const writer = new Writer().byte(version).map(4);
  writer.text("Adjustment").float(adjustment);
  writer.text("Error").float(error);
  writer.text("Height").float(height);
  writer.text("Vec").array(vec.length);
  for (const x of vec) writer.float(x);
  return writer.finish();
}

function isFloat(at: number): boolean {
  const starts = [adjustmentAt, errorAt, heightAt, ...Array.from({ length: dimensions }, (_, i) => vecAt + stride * i)];
  return starts.some((start) => at >= start && at < start + 8);
}
