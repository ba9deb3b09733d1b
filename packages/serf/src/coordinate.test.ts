import { readFileSync } from "node:fs";
import { Rng } from "@hearsay/core";
import { Writer } from "@hearsay/wire";
import { describe, expect, test } from "vitest";
import { type Coordinate, distance, distanceMs, freshCoordinate, isSound, maxExtent } from "./coordinate.ts";
import { CoordinateWriter, decodeCoordinate } from "./coordinate-codec.ts";
import { fromHex, toHex } from "./testing/vectors.ts";

const vectors = new URL("../../../interop/vectors/", import.meta.url);
const writer = new CoordinateWriter();

const a: Coordinate = { vec: [0.5, -1.25, 3, 0, 7e-6, -0.001, 2, 9], error: 0.25, adjustment: -0.0125, height: 0.02 };

interface GoFloat {
  readonly $float: number;
}
/** As the vectors show one. */
interface Shown {
  readonly Vec: readonly GoFloat[];
  readonly Error: GoFloat;
  readonly Adjustment: GoFloat;
  readonly Height: GoFloat;
}

function coordinateOf(shown: Shown): Coordinate {
  return {
    vec: shown.Vec.map(({ $float }) => $float),
    error: shown.Error.$float,
    adjustment: shown.Adjustment.$float,
    height: shown.Height.$float,
  };
}

/** Every object in a file of vectors. */
function objectsIn(file: string): Record<string, unknown>[] {
  const found: Record<string, unknown>[] = [];
  const queue: unknown[] = [JSON.parse(readFileSync(new URL(file, vectors), "utf8"))];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (typeof next !== "object" || next === null) continue;
    if (!Array.isArray(next)) found.push(next as Record<string, unknown>);
    queue.push(...Object.values(next).filter((one) => one !== null));
  }
  return found;
}

describe("what Serf's agents tell", () => {
  test("in acks: read, and written again to the byte", () => {
    const acks = objectsIn("serf-gossip/10-ping-ack-coordinate.json").filter(({ name }) => name === "ack");
    expect(acks.length).toBeGreaterThan(0);
    for (const { body, payload } of acks as { body: { Payload: { $raw: string } }; payload: { coordinate: Shown } }[]) {
      const bytes = fromHex(body.Payload.$raw);
      expect(bytes).toHaveLength(130);
      const coordinate = decodeCoordinate(bytes)!;
      expect(coordinate).toEqual(coordinateOf(payload.coordinate));
      expect(toHex(writer.write(coordinate))).toBe(body.Payload.$raw);
    }
  });

  test("over RPC: places that are sound, and lie close together on one machine", () => {
    const shown = objectsIn("serf-rpc/10-get-coordinate.json").filter(({ Vec }) => Array.isArray(Vec));
    const places = (shown as unknown as Shown[]).map(coordinateOf);
    expect(places.length).toBeGreaterThan(1);
    for (const place of places) {
      expect(decodeCoordinate(writer.write(place))).toEqual(place);
      expect(distanceMs(place, places[0]!)).toBeLessThan(10);
    }
  });
});

describe("distances", () => {
  const at = (x: number, height: number, adjustment = 0): Coordinate => ({
    vec: [x, 0, 0, 0, 0, 0, 0, 0],
    error: 1,
    adjustment,
    height,
  });

  test("are the way between, both heights and both adjustments", () => {
    expect(distanceMs(at(0.03, 0.002), at(-0.01, 0.001))).toBeCloseTo(43, 6);
    expect(distanceMs(at(0.03, 0.002, 0.004), at(-0.01, 0.001, -0.003))).toBeCloseTo(44, 6);
    expect(distanceMs(freshCoordinate(), freshCoordinate())).toBe(0.02);
  });

  test("without the adjustments if those would leave nothing", () => {
    expect(distanceMs(at(0.03, 0.002, -0.06), at(-0.01, 0.001, 0.007))).toBeCloseTo(43, 6);
    expect(distanceMs(at(0, 0.25, -0.25), at(0, 0.25, -0.25)), "nothing is left").toBe(500);
  });

  test("are cut to whole nanoseconds, not rounded", () => {
    expect(distanceMs(at(0, 0.001_000_000_9), at(0, 0))).toBe(1);
    expect(distance(at(0, 0.001_000_001_9), at(0, 0))).toBe(0.001_000_001);
  });
});

describe("a payload", () => {
  /** In another order, as other types, or in other families than Serf's. */
  function written(write: (writer: Writer) => void, dialect: "old" | "new" = "old"): Uint8Array {
    const writer = new Writer({ dialect }).byte(1);
    write(writer);
    return writer.finish();
  }

  test("may be written otherwise", () => {
    const other = written((w) => {
      w.map(5).text("Vec").array(8);
      for (const x of a.vec)
        if (Number.isInteger(x)) w.int(x);
        else w.float(x);
      w.text("Zone").map(1).text("deep").array(2).nil().bool(true);
      w.text("Height").float(a.height).text("Error").float(a.error).text("Adjustment").float(a.adjustment);
    }, "new");
    expect(decodeCoordinate(other)).toEqual(a);
    const inOrder = written((w) => {
      w.array(4).array(8);
      for (const x of a.vec) w.float(x);
      w.float(a.error).float(a.adjustment).float(a.height);
    });
    expect(decodeCoordinate(inOrder)).toEqual(a);
  });

  test("may lack all but the vector, or have nil for it: zeros", () => {
    const zeros = { vec: [1, 1, 1, 1, 1, 1, 1, 1], error: 0, adjustment: 0, height: 0 };
    const vec = (w: Writer) => {
      w.text("Vec").array(8);
      for (let i = 0; i < 8; i++) w.uint(1);
    };
    expect(decodeCoordinate(written((w) => vec(w.map(1))))).toEqual(zeros);
    expect(decodeCoordinate(written((w) => vec(w.map(2).text("Height").nil())))).toEqual(zeros);
    expect(decodeCoordinate(written((w) => w.map(1).text("Vec").nil()))).toBeUndefined();
  });

  test("may be followed by something", () => {
    expect(decodeCoordinate(Uint8Array.of(...writer.write(a), 1, 2, 3))).toEqual(a);
  });

  test("is refused cut short, and of another version", () => {
    const bytes = writer.write(a);
    for (let length = 0; length < bytes.length; length++)
      expect(decodeCoordinate(bytes.slice(0, length))).toBeUndefined();
    expect(decodeCoordinate(Uint8Array.of(2, ...bytes.slice(1)))).toBeUndefined();
  });

  test("is refused of other dimensions, also of very many", () => {
    for (const count of [0, 7, 9, 10_000]) {
      const bytes = written((w) => {
        w.map(1).text("Vec").array(count);
        for (let i = 0; i < count; i++) w.float(1);
      });
      expect(decodeCoordinate(bytes), `${count}`).toBeUndefined();
    }
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e300, -1e300, 100.1, -100.1])(
    "is refused with %d for any number",
    (x) => {
      const places: Coordinate[] = [
        { ...a, error: x },
        { ...a, adjustment: x },
        { ...a, height: x },
      ];
      for (let i = 0; i < 8; i++) places.push({ ...a, vec: a.vec.map((y, j) => (i === j ? x : y)) });
      for (const place of places) {
        expect(isSound(place)).toBe(false);
        expect(decodeCoordinate(writer.write(place))).toBeUndefined();
      }
    },
  );

  test("is refused with an error or a height that nobody computes", () => {
    for (const place of [
      { ...a, error: 1.6 },
      { ...a, error: -0.1 },
      { ...a, height: -1e-9 },
    ]) {
      expect(decodeCoordinate(writer.write(place))).toBeUndefined();
    }
    for (const place of [
      { ...a, error: 1.5 },
      { ...a, error: 0 },
      { ...a, height: maxExtent },
    ]) {
      expect(decodeCoordinate(writer.write(place))).toEqual(place);
    }
  });

  test("of any bytes at all gives a sound place or none", () => {
    const rng = new Rng(5);
    let sound = 0;
    for (let i = 0; i < 20_000; i++) {
      const bytes = writer.write(a);
      for (let n = rng.below(4); n >= 0; n--) bytes[rng.below(bytes.length)] = rng.below(256);
      const place = decodeCoordinate(bytes);
      if (!place) continue;
      sound++;
      expect(isSound(place) && Number.isFinite(distanceMs(place, a))).toBe(true);
    }
    expect(sound).toBeGreaterThan(1000);
  });
});

test("what was written stays when another is written", () => {
  const first = writer.write(a);
  writer.write(freshCoordinate());
  expect(decodeCoordinate(first)).toEqual(a);
});
