import { encodeUtf8 } from "@hearsay/wire";
import { describe, expect, it } from "vitest";
import { eventHash, fnv1a64 } from "./event-hash.ts";

describe("the hash of an event", () => {
  // From the authors' list of test vectors.
  it.each([
    ["", "cbf29ce484222325"],
    ["a", "af63dc4c8601ec8c"],
    ["b", "af63df4c8601f1a5"],
    ["foobar", "85944171f73967e8"],
  ])("is FNV-1a: %j", (text, hash) => {
    expect(fnv1a64(encodeUtf8(text))).toBe(hash);
    expect(fnv1a64(...Array.from(text, (letter) => encodeUtf8(letter)))).toBe(hash);
  });

  it("agrees with exact arithmetic on any bytes", () => {
    const bytes = Uint8Array.from({ length: 600 }, (_, i) => (i * 167 + 255) & 0xff);
    let exact = 0xcbf29ce484222325n;
    for (const byte of bytes) exact = ((exact ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
    expect(fnv1a64(bytes)).toBe(exact.toString(16).padStart(16, "0"));
  });

  it("tells where the name ends, and no payload from an empty one not", () => {
    expect(eventHash("ab", encodeUtf8("c"))).not.toBe(eventHash("a", encodeUtf8("bc")));
    expect(eventHash("a", null)).not.toBe(eventHash("", encodeUtf8("a")));
    expect(eventHash("é", null)).toBe(eventHash("é", new Uint8Array(0)));
    expect(eventHash("e", null)).toMatch(/^[0-9a-f]{16}$/);
  });
});
