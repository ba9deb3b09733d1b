import { encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SplitError, ValueSplitter } from "./value-splitter.ts";

const splitAll = (splitter: ValueSplitter): number[][] => {
  const values: number[][] = [];
  for (let value = splitter.next(); value !== undefined; value = splitter.next()) values.push([...value]);
  return values;
};
const bytes = (...values: number[]) => Uint8Array.from(values);

describe("values come out whole", () => {
  test("whole, byte by byte and in random pieces are the same", () => {
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue({ maxDepth: 4 }), { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 }),
        (values, pieces) => {
          const encoded = values.map((value) => [...encode(value)]);
          const stream = Uint8Array.from(encoded.flat());
          const whole = new ValueSplitter(1 << 20);
          whole.push(stream);
          expect(splitAll(whole)).toEqual(encoded);
          const chopped = new ValueSplitter(1 << 20);
          const got: number[][] = [];
          for (let at = 0, i = 0; at < stream.length; i++) {
            const size = pieces[i % pieces.length]!;
            chopped.push(stream.subarray(at, at + size));
            at += size;
            got.push(...splitAll(chopped));
          }
          expect(got).toEqual(encoded);
          expect(chopped.buffered).toBe(0);
        },
      ),
    );
  });

  test("every kind of marker", () => {
    const samples = [
      [0xc0],
      [0xc4, 2, 1, 2],
      [0xc5, 0, 1, 9],
      [0xc6, 0, 0, 0, 1, 9],
      [0xc7, 1, 5, 9],
      [0xca, 1, 2, 3, 4],
      [0xcf, 1, 2, 3, 4, 5, 6, 7, 8],
      [0xd3, 1, 2, 3, 4, 5, 6, 7, 8],
      [0xd4, 1, 2],
      [0xd8, ...new Array(17).fill(7)],
      [0xd9, 1, 65],
      [0xda, 0, 1, 65],
      [0xdc, 0, 2, 0x90, 0x80],
      [0xdd, 0, 0, 0, 1, 5],
      [0xde, 0, 1, 0xa1, 65, 0xc3],
      [0xdf, 0, 0, 0, 0],
      [0xff],
    ];
    const splitter = new ValueSplitter(1000);
    splitter.push(Uint8Array.from(samples.flat()));
    expect(splitAll(splitter)).toEqual(samples);
  });
});

describe("limits", () => {
  test("an announced length is refused before its bytes arrive", () => {
    const splitter = new ValueSplitter(1000);
    splitter.push(bytes(0xc6, 0xff, 0xff, 0xff, 0xff));
    expect(() => splitter.next()).toThrow(SplitError);
  });
  test("an announced count too", () => {
    const splitter = new ValueSplitter(1000);
    splitter.push(bytes(0xdd, 0x7f, 0xff, 0xff, 0xff));
    expect(() => splitter.next()).toThrow(/more than 1000 bytes/);
  });
  test("depth", () => {
    const splitter = new ValueSplitter(1000);
    splitter.push(new Uint8Array(100).fill(0x91));
    expect(() => splitter.next()).toThrow(/deeper/);
  });
  test("a byte that begins nothing", () => {
    const splitter = new ValueSplitter(1000);
    splitter.push(bytes(0x92, 0x01, 0xc1));
    expect(() => splitter.next()).toThrow(/0xc1/);
  });
  test("each value has the whole limit", () => {
    const splitter = new ValueSplitter(102);
    for (let i = 0; i < 20; i++) {
      splitter.push(bytes(0xc4, 100, ...new Array(100).fill(i)));
      expect(splitter.next()).toHaveLength(102);
    }
  });
});

test("bytes without end: no throw but SplitError, no growth", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
      const splitter = new ValueSplitter(100);
      splitter.push(noise);
      try {
        splitAll(splitter);
      } catch (error) {
        expect(error).toBeInstanceOf(SplitError);
      }
    }),
  );
});
