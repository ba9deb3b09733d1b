import { decode, encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Reader } from "./msgpack-reader.ts";
import { Scanner } from "./msgpack-scanner.ts";
import type { MsgpackValue } from "./msgpack-value.ts";
import { type MsgpackInput, Writer } from "./msgpack-writer.ts";
import { encodeUtf8, readUtf8, readUtf8Lossy, utf8Equals } from "./utf8.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const readAny = (bytes: Uint8Array) => new Reader(bytes).value();
const unhex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

/** Plain values: what both this package and the oracle can say. */
const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.integer(),
    fc.integer({ min: -300, max: 300 }),
    fc.double({ noNaN: true }).filter((x) => !Number.isInteger(x) && Number.isFinite(x)),
    fc.string({ unit: "grapheme", maxLength: 40 }),
    fc.string({ minLength: 250, maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("value"), { maxLength: 20 }),
    fc.dictionary(fc.string({ maxLength: 8 }), tie("value"), { maxKeys: 20 }),
  ),
})).value as fc.Arbitrary<MsgpackInput>;

/** What `value` gives for something that was written. */
function asRead(input: MsgpackInput): MsgpackValue {
  if (Array.isArray(input)) return input.map(asRead);
  if (input !== null && typeof input === "object" && !(input instanceof Uint8Array))
    return new Map(
      Object.entries(input)
        .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
        .map(([key, item]) => [key, asRead(item)]),
    );
  return input as MsgpackValue;
}

describe("Writer", () => {
  test("the new dialect reads the same in another implementation", () => {
    fc.assert(
      fc.property(plain, (value) => {
        const bytes = new Writer({ dialect: "new", initialBytes: 1 }).value(value).finish();
        expect(decode(bytes)).toEqual(value);
      }),
    );
  });

  test("integers and texts are as short as in another implementation", () => {
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.string({ unit: "grapheme" })), (value) => {
        const bytes = new Writer({ dialect: "new" }).value(value).finish();
        expect(hex(bytes)).toBe(hex(encode(value)));
      }),
    );
  });

  test("the old dialect never writes str8 or bin", () => {
    const w = new Writer();
    expect(hex(w.text("x".repeat(32)).finish().subarray(0, 3))).toBe("da0020");
    w.reset();
    expect(hex(w.bytes(new Uint8Array(3)).finish())).toBe("a3000000");
    w.reset();
    expect(hex(w.bytes(new Uint8Array(40)).finish().subarray(0, 3))).toBe("da0028");
    w.reset();
    expect(hex(w.bytes(new Uint8Array(70000)).finish().subarray(0, 5))).toBe("db00011170");
    w.reset();
    expect(hex(w.bytes(null).bytes(new Uint8Array(0)).finish())).toBe("c0a0");
  });

  test.each([
    [0, "00"],
    [127, "7f"],
    [128, "cc80"],
    [256, "cd0100"],
    [65536, "ce00010000"],
    [2 ** 32, "cf0000000100000000"],
    [2 ** 53 - 1, "cf001fffffffffffff"],
    [2n ** 64n - 1n, "cfffffffffffffffff"],
    [2n ** 63n, "cf8000000000000000"],
  ])("uint %s", (value, expected) => {
    expect(hex(new Writer().uint(value).finish())).toBe(expected);
    expect(new Reader(unhex(expected)).u64()).toBe(BigInt(value));
  });

  test.each([
    [127, "7f", "7f"],
    [128, "cc80", "d10080"],
    [32767, "cd7fff", "d17fff"],
    [32768, "cd8000", "d200008000"],
    [2 ** 31, "ce80000000", "d30000000080000000"],
    [-1, "ff", "ff"],
    [-32, "e0", "e0"],
    [-33, "d0df", "d0df"],
    [-129, "d1ff7f", "d1ff7f"],
    [-32769, "d2ffff7fff", "d2ffff7fff"],
    [-(2 ** 31) - 1, "d3ffffffff7fffffff", "d3ffffffff7fffffff"],
    [-(2n ** 63n), "d38000000000000000", "d38000000000000000"],
    [2n ** 63n - 1n, "cf7fffffffffffffff", "d37fffffffffffffff"],
  ])("int %s", (value, unsigned, signed) => {
    expect(hex(new Writer().int(value).finish())).toBe(unsigned);
    expect(hex(new Writer({ signedForm: "signed" }).int(value).finish())).toBe(signed);
    expect(new Reader(unhex(unsigned)).i64()).toBe(BigInt(value));
    expect(new Reader(unhex(signed)).i64()).toBe(BigInt(value));
  });

  test("floats always take the long form", () => {
    expect(hex(new Writer().float(0).float(1).finish())).toBe("cb0000000000000000cb3ff0000000000000");
  });

  test("what does not fit is the caller's error", () => {
    const w = new Writer();
    for (const bad of [-1, 1.5, 2 ** 53, Number.NaN]) expect(() => w.uint(bad)).toThrow(RangeError);
    for (const bad of [1.5, 2 ** 53, Number.NaN]) expect(() => w.int(bad)).toThrow(RangeError);
    expect(() => w.uint(2n ** 64n)).toThrow(RangeError);
    expect(() => w.int(2n ** 63n)).toThrow(RangeError);
  });

  test("records are written in byte order of their keys", () => {
    const value = { "\u{10000}": 1, "\uffff": 2, b: 3, ab: 4, a: 5 };
    const keys = [...(readAny(new Writer().value(value).finish()) as Map<string, number>).keys()];
    expect(keys).toEqual(["a", "ab", "b", "\uffff", "\u{10000}"]);
  });
});

describe("Reader", () => {
  test("value gives back what the Writer wrote, in both dialects", () => {
    fc.assert(
      fc.property(plain, (value) => {
        expect(readAny(new Writer({ dialect: "new" }).value(value).finish())).toEqual(asRead(value));
      }),
    );
  });

  test("value reads what another implementation wrote", () => {
    fc.assert(
      fc.property(plain, (value) => {
        const read = readAny(encode(value));
        const norm = (v: MsgpackValue | undefined): unknown =>
          v instanceof Map
            ? Object.fromEntries([...v].map(([k, x]) => [k, norm(x)]))
            : Array.isArray(v)
              ? v.map(norm)
              : v;
        expect(norm(read)).toEqual(value);
      }),
    );
  });

  test("skip and Scanner stop where the value ends, wherever the bytes are cut", () => {
    fc.assert(
      fc.property(plain, fc.uint8Array({ maxLength: 4 }), (value, rest) => {
        const body = encode(value);
        const bytes = new Uint8Array([...body, ...rest]);
        const reader = new Reader(bytes);
        reader.skip();
        expect(reader.failure).toBeUndefined();
        expect(reader.offset).toBe(body.length);
        const scanner = new Scanner();
        scanner.begin(0);
        for (let end = 0; end < body.length; end++) expect(scanner.scan(bytes, end)).toBe("more");
        expect(scanner.scan(bytes, body.length)).toBe("done");
        expect(scanner.offset).toBe(body.length);
      }),
    );
  });

  test("any cut is a truncation and any bytes are survived", () => {
    fc.assert(
      fc.property(plain, (value) => {
        const body = encode(value);
        for (let end = 0; end < Math.min(body.length, 50); end++) {
          const reader = new Reader(body, 0, end);
          expect(reader.value()).toBeUndefined();
          expect(reader.failure).toBe("msgpack-truncated");
        }
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const reader = new Reader(bytes);
        const value = reader.value();
        expect(value === undefined).toBe(reader.failure !== undefined);
        new Reader(bytes).skip();
      }),
    );
  });

  test("declared counts are compared with what is there before anything is made", () => {
    for (const bytes of ["dd7fffffff", "df7fffffff00", "db7fffffff61", "c6ffffffff", "c9ffffffff01"]) {
      const reader = new Reader(unhex(bytes));
      reader.value();
      expect(reader.failure).toBe("msgpack-truncated");
    }
  });

  test("depth and number of values are bounded", () => {
    const deep = unhex(`${"91".repeat(1000)}00`);
    const reader = new Reader(deep);
    reader.skip();
    expect(reader.failure).toBe("msgpack-too-deep");
    expect(reader.reset(deep).value()).toBeUndefined();
    expect(reader.failure).toBe("msgpack-too-deep");
    const scanner = new Scanner();
    scanner.begin(0);
    expect(scanner.scan(deep)).toBe("done");
    expect(reader.reset(unhex("93010203")).value({ maxItems: 3 })).toBeUndefined();
    expect(reader.failure).toBe("field-range");
  });

  test("extensions and texts that are not UTF-8 are kept as bytes", () => {
    const bytes = (text: string) => readAny(unhex(text));
    expect(bytes("d4ff07")).toEqual({ extension: -1, bytes: new Uint8Array([7]) });
    expect(bytes("c70205aabb")).toEqual({ extension: 5, bytes: new Uint8Array([0xaa, 0xbb]) });
    expect(bytes("c8000105aa")).toEqual({ extension: 5, bytes: new Uint8Array([0xaa]) });
    expect(bytes("c90000000105aa")).toEqual({ extension: 5, bytes: new Uint8Array([0xaa]) });
    expect(bytes("a2c328")).toEqual(new Uint8Array([0xc3, 0x28]));
    expect(bytes("d8")).toBeUndefined();
  });

  test("integers that do not fit the field are refused, nil is zero", () => {
    const r = new Reader();
    for (const [bytes, max] of [
      ["cd0100", 255],
      ["ff", 255],
      ["cf0000000100000000", 0xffffffff],
      ["cfffffffffffffffff", Number.MAX_SAFE_INTEGER],
    ] as const) {
      expect(r.reset(unhex(bytes)).uint(max)).toBe(0);
      expect(r.failure).toBe("field-range");
    }
    for (const bytes of ["cb40f1117000000000", "a161", "c3", "90"]) {
      expect(r.reset(unhex(bytes)).uint(255)).toBe(0);
      expect(r.failure).toBe("msgpack-invalid");
    }
    expect(r.reset(unhex("c0")).uint(255)).toBe(0);
    expect(r.ok).toBe(true);
    expect(r.reset(unhex("d3ffffffffffffffff")).u64()).toBe(0n);
    expect(r.failure).toBe("field-range");
  });

  test("the first failure sticks and later reads give zero values", () => {
    const r = new Reader(unhex("c1a161"));
    expect(r.text()).toBe("");
    expect(r.text()).toBe("");
    expect(r.bool()).toBe(false);
    expect(r.blobView()).toBeNull();
    expect(r.failure).toBe("msgpack-invalid");
  });

  test("structures come as maps in any order, as arrays, or as nil", () => {
    const fields = ["A", "Bc"];
    const read = (text: string) => {
      const r = new Reader(unhex(text));
      const seen: Record<string, number> = {};
      r.struct(fields, (field) => {
        seen[fields[field]!] = r.uint(100);
      });
      return r.ok ? seen : r.failure;
    };
    expect(read("82a2426302a14101")).toEqual({ A: 1, Bc: 2 });
    expect(read("84a14101a14193010203a161c0a14105")).toBe("msgpack-invalid");
    expect(read("83a17893010203a14101a14105")).toEqual({ A: 5 });
    expect(read("9301020382a101")).toEqual({ A: 1, Bc: 2 });
    expect(read("9101")).toEqual({ A: 1 });
    expect(read("c0")).toEqual({});
    expect(read("82c001a14105")).toEqual({ A: 5 });
    expect(read("820101a14105")).toBe("msgpack-invalid");
  });
});

describe("UTF-8", () => {
  test("is what the platform makes of it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
        const bytes = encodeUtf8(text);
        expect(hex(bytes)).toBe(hex(new TextEncoder().encode(text)));
        const back = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
        expect(readUtf8(bytes, 0, bytes.length)).toBe(back);
        expect(utf8Equals(back, bytes, 0, bytes.length)).toBe(true);
        expect(utf8Equals(`${back}x`, bytes, 0, bytes.length)).toBe(false);
      }),
    );
  });

  test("agrees on what is malformed", () => {
    const fatal = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    const lossy = new TextDecoder("utf-8", { ignoreBOM: true });
    const byte = fc.oneof(
      fc.constantFrom(0x41, 0x80, 0xbf, 0xc1, 0xc2, 0xe0, 0xa0, 0xed, 0x9f, 0xf0, 0x90, 0xf4, 0x8f, 0xf5, 0xff),
      fc.nat(255),
    );
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 12 }), (list) => {
        const bytes = new Uint8Array(list);
        let expected: string | undefined;
        try {
          expected = fatal.decode(bytes);
        } catch {
          expected = undefined;
        }
        expect(readUtf8(bytes, 0, bytes.length)).toBe(expected);
        expect(readUtf8Lossy(bytes)).toBe(lossy.decode(bytes));
      }),
      { numRuns: 3000 },
    );
  });
});
