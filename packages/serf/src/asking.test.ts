import { encodeUtf8, Reader } from "@hearsay/wire";
import { describe, expect, it } from "vitest";
import { defaultQueryTimeoutMs, encodeFilters, wordQuery } from "./asking.ts";
import { readQuery } from "./decode.ts";
import { SerfType } from "./messages.ts";
import { fromHex, serfMessages, toHex } from "./testing/vectors.ts";

const stamp = {
  lTime: 3,
  id: 77,
  addr: Uint8Array.of(10, 0, 0, 1),
  port: 7946,
  sourceNode: "n1",
  timeoutMs: 3200,
};
const limits = { limit: 1024, packetLimit: 1395 };
const error = (code: string, message?: string | RegExp) =>
  expect.objectContaining({ code, ...(message && { message: expect.stringMatching(message) }) });

describe("the default timeout (9.1)", () => {
  it.each([
    [1, 200, 3200],
    [9, 200, 3200],
    [10, 200, 6400],
    [99, 200, 6400],
    [100, 200, 9600],
    [999, 200, 9600],
    [1000, 200, 12_800],
    [9, 100, 1600],
    [9, 500, 8000],
  ])("of %d members at %d ms is %d", (alive, gossipIntervalMs, expected) => {
    expect(defaultQueryTimeoutMs(gossipIntervalMs, 16, alive)).toBe(expected);
  });

  it("grows at every power of ten and nowhere else", () => {
    for (let n = 1; n < 20_000; n++) {
      expect(defaultQueryTimeoutMs(1, 1, n)).toBe(String(n).length);
    }
  });
});

describe("filters (9.2)", () => {
  it("are worded as real agents word them", () => {
    let compared = 0;
    for (const { value } of serfMessages()) {
      if (value.type !== SerfType.query || !value.filters || value.filters.length === 0) continue;
      const { filters } = readQuery(new Reader(fromHex(value.hex), 1));
      const filterTags: Record<string, string> = {};
      let filterNodes: string[] = [];
      for (const filter of value.filters) {
        if (filter.type === 0) filterNodes = filter.value as string[];
        else {
          const { Tag, Expr } = filter.value as { Tag: string; Expr: string };
          filterTags[Tag] = Expr;
        }
      }
      const wish = { name: "x", payload: null, filterNodes, filterTags };
      expect(encodeFilters(wish)?.map(toHex)).toEqual(filters?.map(toHex));
      compared++;
    }
    expect(compared).toBeGreaterThan(0);
  });

  it("are absent when none are wished for", () => {
    expect(encodeFilters({ name: "x", payload: null, filterNodes: [], filterTags: {} })).toBeNull();
  });

  it("refuse a pattern that nobody would pass, unless told to take it", () => {
    for (const filterTags of [{ role: "(" }, { role: "a(?=b)" }, { ok: "a", role: "x".repeat(5000) }]) {
      const wish = { name: "x", payload: null, filterTags };
      expect(() => encodeFilters(wish)).toThrow(error("query-filter", /^tag "role": /));
      expect(encodeFilters({ ...wish, uncheckedPatterns: true })).toHaveLength(Object.keys(filterTags).length);
    }
  });
});

describe("a query", () => {
  it("says all that was wished for", () => {
    const wish = {
      name: "load",
      payload: encodeUtf8("15m"),
      filterNodes: ["n2", "n3"],
      filterTags: { role: "^web$", "": ".*" },
      requestAck: true,
      relayFactor: 255,
    };
    const { query, message } = wordQuery(wish, stamp, limits);
    expect(message[0]).toBe(SerfType.query);
    expect(readQuery(new Reader(message, 1))).toEqual(query);
    expect(query).toMatchObject({
      lTime: 3,
      id: 77,
      flags: 1,
      relayFactor: 255,
      timeoutNs: 3_200_000_000,
      name: "load",
    });
    expect(query.filters).toHaveLength(3);
  });

  it("is as long as the limit, and no longer", () => {
    const size = (n: number, bounds = limits) =>
      wordQuery({ name: "x", payload: new Uint8Array(n) }, stamp, bounds).message.length;
    const overhead = size(500) - 500;
    expect(size(1024 - overhead)).toBe(1024);
    expect(() => size(1025 - overhead)).toThrow(error("query-too-long", /^query exceeds limit of 1024 bytes$/));
    expect(() => size(10_000_000)).toThrow(error("query-too-long", /^query exceeds limit of 1024 bytes$/));
    const large = { limit: 5000, packetLimit: 1395 };
    expect(size(1395 - overhead, large)).toBe(1395);
    expect(() => size(1396 - overhead, large)).toThrow(error("query-too-long", /1396 bytes fits no packet: 1395/));
  });

  it.each([-1, 256, 1.5, Number.NaN])("has no relay factor of %d", (relayFactor) => {
    expect(() => wordQuery({ name: "x", payload: null, relayFactor }, stamp, limits)).toThrow(/^relayFactor: /);
  });
});
