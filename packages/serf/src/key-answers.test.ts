import { describe, expect, it } from "vitest";
import { toBase64 } from "./base64.ts";
import { answerKeyQuery } from "./key-answers.ts";
import { encodeKeyRequest, encodeKeyResponse, readKeyResponse } from "./key-messages.ts";
import { key, ring } from "./testing/ring.ts";
import type { KeyOperation, KeyringPort } from "./types.ts";

/** As of a response limit of so many bytes, of which the message around the answer takes some. */
function answer(operation: KeyOperation, payload: Uint8Array | null, keyring?: KeyringPort, limit = 1024) {
  const bytes = answerKeyQuery(operation, payload, keyring, (length) => length + 60 <= limit, limit);
  expect(bytes.length + 60).toBeLessThanOrEqual(limit);
  return readKeyResponse(bytes)!;
}

const no = (message: string) => ({ result: false, message, keys: null, primaryKey: "" });
const yes = { result: true, message: "", keys: null, primaryKey: "" };

describe("a key query", () => {
  it("changes the ring", () => {
    const keys = ring(1);
    expect(answer("install", encodeKeyRequest(key(2)), keys)).toEqual(yes);
    expect(answer("install", encodeKeyRequest(key(2)), keys)).toEqual(yes);
    expect(keys.keys()).toEqual([key(1), key(2)]);
    expect(answer("use", encodeKeyRequest(key(2)), keys)).toEqual(yes);
    expect(keys.keys()).toEqual([key(2), key(1)]);
    expect(answer("remove", encodeKeyRequest(key(1)), keys)).toEqual(yes);
    expect(answer("remove", encodeKeyRequest(key(1)), keys)).toEqual(yes);
    expect(keys.keys()).toEqual([key(2)]);
  });

  it("tells why the ring refuses", () => {
    const keys = ring(1, 2);
    expect(answer("use", encodeKeyRequest(key(3)), keys)).toEqual(no("requested key is not in the keyring"));
    expect(answer("remove", encodeKeyRequest(key(1)), keys)).toEqual(no("removing the primary key is not allowed"));
    expect(keys.keys()).toEqual([key(1), key(2)]);
  });

  it.each(["install", "use", "remove"] as const)("to %s with a key of no such length is refused", (operation) => {
    const keys = ring(1);
    for (const length of [0, 1, 15, 17, 33, 64]) {
      const request = encodeKeyRequest(new Uint8Array(length));
      expect(answer(operation, request, keys)).toEqual(no("key size must be 16, 24 or 32 bytes"));
    }
    expect(answer(operation, Uint8Array.of(7, 0xc1), keys).result).toBe(false);
    expect(answer(operation, null, keys)).toEqual(no("Invalid key request"));
    expect(keys.keys()).toEqual([key(1)]);
  });

  it.each([undefined, ring()])("is answered in Serf's words where nothing is encrypted", (keys) => {
    for (const operation of ["install", "use", "remove"] as const) {
      const refused = answer(operation, encodeKeyRequest(key(1)), keys);
      expect(refused).toEqual(no("No keyring to modify (encryption not enabled)"));
    }
    expect(answer("list", encodeKeyRequest(new Uint8Array(0)), keys)).toEqual(
      no("Keyring is empty (encryption not enabled)"),
    );
  });

  it("keeps a long reason within the limit", () => {
    const broken: KeyringPort = {
      ...ring(1),
      install: () => {
        throw new Error("long ".repeat(1000));
      },
    };
    const { result, message } = answer("install", encodeKeyRequest(key(2)), broken);
    expect(result).toBe(false);
    expect(message.length).toBeGreaterThan(200);
  });
});

describe("a list", () => {
  const list = (count: number, limit?: number) =>
    answer("list", encodeKeyRequest(new Uint8Array(0)), ring(...Array.from({ length: count }, (_, i) => i)), limit);

  it("is whole where it fits, with the primary first", () => {
    const { result, message, keys, primaryKey } = list(3);
    expect([result, message, primaryKey]).toEqual([true, "", toBase64(key(0))]);
    expect(keys).toEqual([0, 1, 2].map((n) => toBase64(key(n))));
  });

  // 24 characters and one byte of head each: below, at, and beyond Serf's guess, with which old releases crashed.
  it.each([
    [30, 1024],
    [39, 1024],
    [40, 1024],
    [41, 1024],
    [200, 1024],
    [8, 300],
    [2, 200],
  ])("of %d keys in %d bytes shows as many as fit, and says so", (count, limit) => {
    const { result, message, keys } = list(count, limit);
    expect(result).toBe(true);
    const shown = keys!.length;
    expect(shown).toBeLessThanOrEqual(count);
    expect(shown).toBeGreaterThan(0);
    expect(message).toBe(shown === count ? "" : `truncated key list response, showing first ${shown} of ${count} keys`);
    expect(keys).toEqual(Array.from({ length: shown }, (_, n) => toBase64(key(n))));
    // Not one fewer than there is room for.
    const more = Array.from({ length: Math.min(count, shown + 1) }, (_, n) => toBase64(key(n)));
    const longer = encodeKeyResponse({ result: true, message, keys: more, primaryKey: more[0]! });
    expect(shown === count || longer.length + 60 > limit).toBe(true);
  });

  it("that not even one key fits into is a refusal", () => {
    expect(list(4, 160)).toMatchObject({ result: false, keys: null });
  });
});
