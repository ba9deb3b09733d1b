import fc from "fast-check";
import { expect, test } from "vitest";
import { NameCache } from "./name-cache.ts";
import { encodeUtf8 } from "./utf8.ts";

test("says what the bytes say, whatever was asked before", () => {
  const caches = [1, 2, 64, 256].map((slots) => new NameCache(slots));
  const name = fc.oneof(fc.string({ unit: "grapheme", maxLength: 120 }), fc.constantFrom("a", "b", "node-1", "node-2"));
  fc.assert(
    fc.property(name, fc.nat(3), fc.nat(5), (text, i, offset) => {
      const bytes = encodeUtf8("?".repeat(offset) + text);
      expect(caches[i]!.get(bytes, offset, bytes.length)).toBe(text);
    }),
    { numRuns: 5000 },
  );
});

test("what is not UTF-8 is not remembered", () => {
  const cache = new NameCache(64);
  for (let i = 0; i < 3; i++) expect(cache.get(new Uint8Array([0x61, 0xff]), 0, 2)).toBeUndefined();
});

test("grows to its bound and not beyond, and then serves most of the names it has room for", () => {
  const cache = new NameCache(1024);
  const names = Array.from({ length: 400 }, (_, i) => encodeUtf8(`web-${i}.example`));
  for (let round = 0; round < 30; round++)
    for (const bytes of names) expect(cache.get(bytes, 0, bytes.length)).toMatch(/^web-\d+\.example$/);
  const small = new NameCache(64);
  for (const bytes of names) small.get(bytes, 0, bytes.length);
  const slots = (cache: NameCache) => (cache as unknown as { lengths: Uint8Array }).lengths;
  expect(slots(small).length).toBe(64);
  expect(slots(cache).length).toBeGreaterThan(400);
  expect(slots(cache).length).toBeLessThanOrEqual(1024);
  // Spread well: 400 names in a table of this size leave room for chance collisions only.
  expect(slots(cache).filter((length) => length > 0).length).toBeGreaterThan(280);
});
