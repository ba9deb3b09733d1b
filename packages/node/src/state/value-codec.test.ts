/** Values as bytes and back: whatever JSON can hold comes back as it was, and nothing else gets in. */

import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeValue, encodeValue } from "./value-codec.ts";

const refusal = (value: unknown): string => {
  try {
    encodeValue(value);
    return "taken";
  } catch (error) {
    expect(error).toMatchObject({ name: "NodeError", code: "BAD_VALUE", option: "value" });
    const { message } = error as Error;
    expect(message).not.toContain("\n");
    expect(message.length).toBeLessThan(200);
    return message.split("; want")[0]!;
  }
};

test("what JSON can hold comes back as it was", () => {
  const values = fc.jsonValue({ maxDepth: 3 });
  fc.assert(
    fc.property(values, (value) => {
      expect(decodeValue(encodeValue(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
  expect(decodeValue(encodeValue(JSON.parse('{"__proto__":1,"":[]}')))).toEqual(JSON.parse('{"__proto__":1,"":[]}'));
  expect(decodeValue(encodeValue("\ufeffbom"))).toBe("\ufeffbom");
  expect(decodeValue(encodeValue("\ud800"))).toBe("\ud800");
});

test("bytes come back as bytes, as copies", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(decodeValue(encodeValue(bytes))).toEqual(bytes);
    }),
  );
  const stored = encodeValue(Buffer.from([1, 2]));
  const read = decodeValue(stored) as Uint8Array;
  read[0] = 9;
  expect([...stored]).toEqual([0, 1, 2]);
});

test("what another program wrote is read as its bytes, whatever they are", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (stored) => {
      const value = decodeValue(stored);
      if (stored[0] === undefined || stored[0] > 1) expect(value).toEqual(stored);
    }),
  );
  for (const broken of [[1], [1, 0x7b], [1, 0x22, 0xff, 0x22]]) {
    expect(decodeValue(Uint8Array.from(broken))).toEqual(Uint8Array.from(broken));
  }
});

test("what JSON cannot hold is refused, with its place", () => {
  const loop: Record<string, unknown> = { a: [] };
  (loop.a as unknown[]).push({ back: loop });
  let deep: unknown = 1;
  for (let i = 0; i < 300; i++) deep = [deep];
  class Point {
    x = 1;
  }
  expect(
    [
      undefined,
      Number.NaN,
      -Infinity,
      1n,
      Symbol("x"),
      () => 1,
      new Date(0),
      new Map(),
      new Point(),
      new Float64Array(1),
    ].map(refusal),
  ).toEqual([
    "value is undefined",
    "value is NaN",
    "value is -Infinity",
    "value is a bigint",
    "value is a symbol",
    "value is a function",
    "value is of the class Date, no plain object",
    "value is of the class Map, no plain object",
    "value is of the class Point, no plain object",
    "value is of the class Float64Array, no plain object",
  ]);
  expect(refusal({ list: [1, { x: undefined }] })).toBe("value.list[1].x is undefined");
  const holed = [1];
  holed[2] = 2;
  expect(refusal(holed)).toBe("value[1] is undefined");
  expect(refusal(loop)).toBe("value.a[0].back contains itself");
  expect(refusal(deep)).toMatch(/is nested more than 200 deep$/);
  expect(refusal({ [Symbol("s")]: 1 })).toBe("value has a symbol for a key");
  expect(refusal({ toJSON: () => 1 })).toBe("value.toJSON is a function");
});

test("the same object twice is no loop, and other realms' objects are plain", () => {
  const twice = { n: 1 };
  expect(decodeValue(encodeValue([twice, twice]))).toEqual([{ n: 1 }, { n: 1 }]);
  expect(decodeValue(encodeValue(runInNewContext("({ list: [1] })")))).toEqual({ list: [1] });
  expect(decodeValue(encodeValue(Object.assign(Object.create(null), { a: 1 })))).toEqual({ a: 1 });
});
