import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeTags, encodeTags } from "./tags.ts";
import { fromHex, metadata, toHex } from "./testing/vectors.ts";

describe("tags", () => {
  it("read as in every vector, and encode back when one order is possible", () => {
    const found = metadata();
    expect(found.length).toBeGreaterThan(30);
    for (const { value } of found) {
      const tags = decodeTags(fromHex(value.hex));
      expect(tags).toEqual(value.tags);
      const protocol = value.hex.startsWith("ff") ? 5 : 2;
      if (Object.keys(tags).length <= 1) expect(toHex(encodeTags(tags, protocol))).toBe(value.hex);
    }
  });

  it("are sorted by byte value, whatever order they are given in", () => {
    expect(toHex(encodeTags({ role: "web", dc: "east" }))).toBe("ff82a26463a465617374a4726f6c65a3776562");
    expect(encodeTags({ b: "1", a: "2" })).toEqual(encodeTags({ a: "2", b: "1" }));
    expect(toHex(encodeTags({}))).toBe("ff80");
  });

  it("are a bare role below protocol 3", () => {
    expect(toHex(encodeTags({ role: "legacy", dc: "lost" }, 2))).toBe(Buffer.from("legacy").toString("hex"));
    expect(decodeTags(new TextEncoder().encode("legacy"))).toEqual({ role: "legacy" });
    expect(decodeTags(new Uint8Array(0))).toEqual({ role: "" });
  });

  it("are at most 512 bytes, the mark included", () => {
    const overhead = encodeTags({ k: "x".repeat(400) }).length - 400;
    expect(encodeTags({ k: "x".repeat(512 - overhead) })).toHaveLength(512);
    expect(() => encodeTags({ k: "x".repeat(513 - overhead) })).toThrow(
      expect.objectContaining({ code: "tags-too-long", message: "Encoded length of tags exceeds limit of 512 bytes" }),
    );
    expect(() => encodeTags({ role: "x".repeat(513) }, 2)).toThrow(expect.objectContaining({ code: "tags-too-long" }));
  });

  it("keep what was read before a map breaks", () => {
    const whole = encodeTags({ a: "1", b: "2", c: "3" });
    expect(decodeTags(whole.subarray(0, whole.length - 1))).toEqual({ a: "1", b: "2" });
    expect(decodeTags(fromHex("ff82a161a131a16207"))).toEqual({ a: "1" });
    expect(decodeTags(fromHex("ff"))).toEqual({});
    expect(decodeTags(fromHex("ffc0"))).toEqual({});
  });

  it("cannot reach an object's prototype", () => {
    const tags = decodeTags(encodeTags(Object.fromEntries([["__proto__", "x"]])));
    expect(Object.hasOwn(tags, "__proto__")).toBe(true);
    expect(Object.getPrototypeOf(tags)).toBe(Object.prototype);
  });

  it("survive the round trip", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 12 });
    fc.assert(
      fc.property(fc.dictionary(text, text, { maxKeys: 6 }), (tags) => {
        expect({ ...decodeTags(encodeTags(tags)) }).toEqual({ ...tags });
      }),
    );
  });
});
