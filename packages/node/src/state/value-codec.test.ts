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

test("JSON that is nested deeper than any that is written is bytes", () => {
  const stored = (text: string) => Uint8Array.of(1, ...Buffer.from(text));
  const nested = (depth: number, inside = "") => "[".repeat(depth) + inside + "]".repeat(depth);
  // Parsed, they would take down whoever writes them as JSON.
  for (const depth of [201, 30_000]) expect(decodeValue(stored(nested(depth)))).toEqual(stored(nested(depth)));
  const text = JSON.stringify("[".repeat(500));
  expect(decodeValue(stored(nested(199, text)))).toEqual(JSON.parse(nested(199, text)));
  expect(decodeValue(stored(nested(200)))).toEqual(JSON.parse(nested(200)));
  const flat = `[${"[],".repeat(300)}"\\"]",{}]`;
  expect(decodeValue(stored(flat))).toEqual(JSON.parse(flat));
});

test("the same object twice is no loop, and other realms' objects are plain", () => {
  const twice = { n: 1 };
  expect(decodeValue(encodeValue([twice, twice]))).toEqual([{ n: 1 }, { n: 1 }]);
  expect(decodeValue(encodeValue(runInNewContext("({ list: [1] })")))).toEqual({ list: [1] });
  expect(decodeValue(encodeValue(Object.assign(Object.create(null), { a: 1 })))).toEqual({ a: 1 });
});

test("each part is read once, and what is stored is what was looked at", () => {
  let reads = 0;
  const value = {
    get once() {
      return reads++ === 0 ? [1] : undefined;
    },
  };
  expect(decodeValue(encodeValue(value))).toEqual({ once: [1] });
  const hidden = Object.defineProperty({ a: 1 }, "toJSON", { value: () => "another" });
  const list = Object.assign([1, 2], { toJSON: () => undefined });
  expect([hidden, list].map((one) => decodeValue(encodeValue(one)))).toEqual([{ a: 1 }, [1, 2]]);
});

test("what throws when it is read is refused in one line, with the cause", () => {
  const cause = new Error("not\ntoday");
  const value = {
    list: [
      {
        get part(): never {
          throw cause;
        },
      },
    ],
  };
  expect(refusal(value)).toBe("value.list[0].part cannot be read: not today");
  expect(() => encodeValue(value)).toThrow(expect.objectContaining({ cause }));
  const behind = new Proxy({}, { ownKeys: () => [].at(1)! });
  expect(refusal(behind)).toMatch(/^value cannot be read/);
  expect(refusal({ "two\nlines": undefined })).toBe("value.two lines is undefined");
});

test("bytes of another realm are bytes", () => {
  expect(decodeValue(encodeValue(runInNewContext("new Uint8Array([1, 2])")))).toEqual(new Uint8Array([1, 2]));
});

test("what is too large is refused, without reading it to an end that it may not have", () => {
  const code = (value: unknown, most: number) => {
    try {
      return encodeValue(value, most).length;
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  // Sixty lists, each twice in the next: 2^60 parts.
  let lists: unknown[] = [];
  for (let i = 0; i < 60; i++) lists = [lists, lists];
  expect(code(lists, 10_000)).toBe("VALUE_TOO_LARGE");
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), fc.uint8Array()), (value) => {
      const { length } = encodeValue(value);
      expect([code(value, length), code(value, length - 1)]).toEqual([length, "VALUE_TOO_LARGE"]);
    }),
  );
});
