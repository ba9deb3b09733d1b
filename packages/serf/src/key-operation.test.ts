import { describe, expect, it } from "vitest";
import { encodeKeyResponse } from "./key-messages.ts";
import { KeyTally } from "./key-operation.ts";
import { SerfType } from "./messages.ts";
import type { KeyOperationResult } from "./types.ts";

const done = encodeKeyResponse({ result: true, message: "", keys: null, primaryKey: "" });
const refused = encodeKeyResponse({ result: false, message: "no", keys: null, primaryKey: "" });
const has = (...keys: string[]) => encodeKeyResponse({ result: true, message: "", keys, primaryKey: keys[0] ?? "" });

/** What comes of it when those alive are n1 … n3. */
function tally(...answers: readonly (readonly [from: string, payload: Uint8Array])[]): KeyOperationResult {
  let result: KeyOperationResult | undefined;
  const counting = new KeyTally(new Set(["n3", "n1", "n2"]), (one) => {
    result = one;
  });
  for (const [from, payload] of answers) counting.onResponse(from, payload);
  counting.onDone();
  return result!;
}

describe("a key operation (11.3)", () => {
  it("is a success when all have done it", () => {
    expect(tally(["n1", done], ["n2", done], ["n3", done])).toEqual({
      nodes: 3,
      responses: 3,
      errors: 0,
      messages: new Map(),
      keys: new Map(),
      primaryKeys: new Map(),
      silent: [],
      error: "",
    });
  });

  it("names those who refused, and those who kept silent, in order", () => {
    const result = tally(["n2", refused]);
    expect(result).toMatchObject({ responses: 1, errors: 1, silent: ["n1", "n3"] });
    expect(result.error).toBe("1/3 nodes reported failure");
    expect([...result.messages]).toEqual([["n2", "no"]]);
    expect(tally(["n2", done])).toMatchObject({ errors: 0, error: "1/3 nodes reported success", silent: ["n1", "n3"] });
    expect(tally()).toMatchObject({ responses: 0, error: "0/3 nodes reported success", silent: ["n1", "n2", "n3"] });
  });

  it("takes a newcomer's answer for nobody else's", () => {
    const result = tally(["n1", done], ["n4", done], ["n2", done]);
    expect(result).toMatchObject({ nodes: 3, responses: 3, silent: ["n3"], error: "2/3 nodes reported success" });
  });

  it("counts what cannot be read as a failure", () => {
    const result = tally(
      ["n1", new Uint8Array(0)],
      ["n2", Uint8Array.of(SerfType.conflictResponse, 0x80)],
      ["n3", Uint8Array.of(SerfType.keyResponse, 0xc1)],
    );
    expect(result).toMatchObject({ responses: 3, errors: 3, error: "3/3 nodes reported failure" });
    expect([...result.messages]).toEqual([
      ["n1", "Invalid key query response type: none"],
      ["n2", "Invalid key query response type: 6"],
      ["n3", "Failed to decode key query response: it is malformed"],
    ]);
  });

  it("keeps remarks of those who succeeded", () => {
    const cut = encodeKeyResponse({ result: true, message: "cut", keys: ["a"], primaryKey: "a" });
    const result = tally(["n1", cut], ["n2", has("a")], ["n3", has("a")]);
    expect(result.error).toBe("");
    expect([...result.messages]).toEqual([["n1", "cut"]]);
  });

  it("counts who has which key, each member once, sorted by key", () => {
    const result = tally(["n1", has("b", "a", "b")], ["n2", has("b")], ["n3", has("a", "b")]);
    expect([...result.keys]).toEqual([
      ["a", 2],
      ["b", 3],
    ]);
    expect([...result.primaryKeys]).toEqual([
      ["a", 1],
      ["b", 2],
    ]);
  });
});
