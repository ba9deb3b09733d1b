import { Reader, Writer } from "@hearsay/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readQuery } from "./decode.ts";
import {
  encodeKeyRequest,
  encodeKeyResponse,
  type KeyResponse,
  readKeyRequest,
  readKeyResponse,
} from "./key-messages.ts";
import { SerfType } from "./messages.ts";
import { fromHex, rawHex, serfMessages, toHex } from "./testing/vectors.ts";

const messages = serfMessages();

describe("vectors of real agents", () => {
  it("have key requests that come out byte for byte", () => {
    const requests = messages.filter(({ value }) => value.type === SerfType.keyRequest);
    expect(requests.length).toBeGreaterThan(3);
    for (const { value } of requests) {
      const key = readKeyRequest(fromHex(value.hex))!;
      expect(toHex(key)).toBe(value.body?.Key === null ? "" : rawHex(value.body?.Key));
      if (key.length > 0) expect(toHex(encodeKeyRequest(key))).toBe(value.hex);
    }
  });

  it("have key responses that come out byte for byte", () => {
    const responses = messages.filter(({ value }) => value.type === SerfType.keyResponse);
    expect(responses.length).toBeGreaterThan(3);
    for (const { value } of responses) {
      const response = readKeyResponse(fromHex(value.hex))!;
      const { Result, Message, Keys, PrimaryKey } = value.body!;
      expect(response).toEqual({ result: Result, message: Message, keys: Keys, primaryKey: PrimaryKey });
      expect(toHex(encodeKeyResponse(response))).toBe(value.hex);
    }
  });

  it("show the names of the queries they travel in", () => {
    const names = new Set(
      messages
        .filter(({ value }) => value.type === SerfType.query)
        .map(({ value }) => readQuery(new Reader(fromHex(value.hex), 1)))
        .filter(({ payload }) => payload?.[0] === SerfType.keyRequest && readKeyRequest(payload) !== undefined)
        .map(({ name }) => name),
    );
    for (const name of names) expect(name).toMatch(/^_serf_(install|use|remove|list)-keys?$/);
    expect(names.size).toBeGreaterThan(0);
  });
});

describe("key messages", () => {
  it("survive the round trip", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 60 });
    const response = fc.record<KeyResponse>({
      result: fc.boolean(),
      message: text,
      keys: fc.option(fc.array(text, { maxLength: 40 })),
      primaryKey: text,
    });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), response, (key, said) => {
        expect(readKeyRequest(encodeKeyRequest(key))).toEqual(key);
        expect(readKeyResponse(encodeKeyResponse(said))).toEqual(said);
      }),
    );
  });

  it("never make a reader throw, whatever the bytes", () => {
    const samples = [encodeKeyRequest(new Uint8Array(32)), encodeKeyResponse(all(3))];
    const mutated = fc
      .tuple(fc.constantFrom(...samples), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 }), fc.nat())
      .map(([sample, changes, cut]) => {
        const bytes = sample.slice(0, cut % (sample.length + 1));
        for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte;
        return bytes;
      });
    fc.assert(
      fc.property(mutated, (bytes) => {
        readKeyRequest(bytes);
        readKeyResponse(bytes);
      }),
      { numRuns: 3000 },
    );
  });

  it("are none when cut, of another type, or absent", () => {
    const request = encodeKeyRequest(new Uint8Array(16));
    expect(readKeyRequest(request.slice(0, -1))).toBeUndefined();
    expect(readKeyRequest(Uint8Array.of(SerfType.keyResponse, 0x80))).toBeUndefined();
    expect(readKeyRequest(new Uint8Array(0))).toBeUndefined();
    expect(readKeyRequest(null)).toBeUndefined();
    expect(readKeyResponse(encodeKeyResponse(all(2)).slice(0, -1))).toBeUndefined();
  });

  it("read fields that are missing or nil as empty, and pass over unknown ones", () => {
    expect(readKeyRequest(Uint8Array.of(SerfType.keyRequest, 0x80))).toEqual(new Uint8Array(0));
    const nil = new Writer().byte(SerfType.keyRequest).map(2).text("Key").nil().text("What").text("ever").finish();
    expect(readKeyRequest(nil)).toEqual(new Uint8Array(0));
    const empty = { result: false, message: "", keys: null, primaryKey: "" };
    expect(readKeyResponse(Uint8Array.of(SerfType.keyResponse, 0x80))).toEqual(empty);
  });

  it("keep no more keys than any ring has", () => {
    expect(readKeyResponse(encodeKeyResponse(all(5000)))!.keys).toHaveLength(1024);
  });
});

function all(count: number): KeyResponse {
  const keys = Array.from({ length: count }, (_, i) => `key ${i}`);
  return { result: true, message: "", keys, primaryKey: keys[0]! };
}
