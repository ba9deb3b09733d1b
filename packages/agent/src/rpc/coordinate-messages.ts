/** `get-coordinate`: a place in the network, or that none is known (Serf protocol notes, sections 16.1 and 18.3). */
import type { Coordinate } from "@hearsay/node";
import { type Reader, Writer } from "@hearsay/wire";
import { decodeStruct, EncodedBody } from "./messages.ts";

/** Dimensions read from an agent, at most; Serf's have eight. */
const MAX_DIMENSIONS = 64;

/** Undefined: `Ok` is false and the coordinate all zeros. Every number is a float, whole ones too, as Serf writes them. */
export function coordinateBody(coordinate: Coordinate | undefined): EncodedBody {
  const { adjustment, error, height, vec } = coordinate ?? { adjustment: 0, error: 0, height: 0, vec: null };
  const writer = new Writer({ dialect: "new" }).map(2).text("Coord").map(4);
  writer.text("Adjustment").float(adjustment).text("Error").float(error).text("Height").float(height).text("Vec");
  if (vec === null) writer.nil();
  else {
    writer.array(vec.length);
    for (const component of vec) writer.float(component);
  }
  return new EncodedBody(
    writer
      .text("Ok")
      .bool(coordinate !== undefined)
      .finish(),
  );
}

/** Undefined when the agent knows none. Throws RefusedRequest. */
export function decodeCoordinate(bytes: Uint8Array): Coordinate | undefined {
  let coordinate: Coordinate = { vec: [], error: 0, adjustment: 0, height: 0 };
  let ok = false;
  decodeStruct(bytes, ["Coord", "Ok"], (field, reader) => {
    if (field === 0) coordinate = readCoordinate(reader);
    else ok = reader.bool();
  });
  return ok ? coordinate : undefined;
}

function readCoordinate(reader: Reader): Coordinate {
  let vec: readonly number[] = [];
  const floats = [0, 0, 0];
  reader.struct(["Vec", "Error", "Adjustment", "Height"], (field) => {
    if (field === 0) vec = readVec(reader);
    else floats[field - 1] = reader.float();
  });
  const [error, adjustment, height] = floats as [number, number, number];
  return { vec, error, adjustment, height };
}

function readVec(reader: Reader): readonly number[] {
  const vec: number[] = [];
  const count = reader.array();
  if (count > MAX_DIMENSIONS) reader.fail("field-range");
  for (let i = 0; i < count && reader.ok; i++) vec.push(reader.float());
  return vec;
}
