/** `hearsay counter` and `hearsay aggregate`: what reaches the agent, and what is printed of it. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CliStand } from "../../../test/cli.ts";

let stand: CliStand;
beforeEach(async () => {
  stand = await CliStand.open();
});
afterEach(() => stand[Symbol.asyncDispose]());

describe("counter", () => {
  test("up and down, and what it is then", async () => {
    expect(await stand.ok("counter", "get", "hits")).toBe("0\n");
    expect(await stand.ok("counter", "add", "hits")).toBe("1\n");
    expect(await stand.ok("counter", "add", "hits", "41")).toBe("42\n");
    expect(await stand.ok("counter", "add", "hits", "-2")).toBe("40\n");
    expect(await stand.ok("counter", "add", "hits", "-50", "-format=json")).toBe(
      '{\n  "name": "hits",\n  "value": -10,\n  "own": -10\n}\n',
    );
    await stand.node.counter("a").add(5);
    expect(await stand.ok("counter", "list")).toBe("a     5    own 5\nhits  -10  own -10\n");
    expect(JSON.parse(await stand.ok("counter", "list", "-format=json"))).toEqual({
      counters: [
        { name: "a", value: 5, own: 5 },
        { name: "hits", value: -10, own: -10 },
      ],
    });
  });

  test("what JSON's numbers cannot say is text there", async () => {
    for (let i = 0; i < 2; i++) await stand.node.counter("big").add(Number.MAX_SAFE_INTEGER);
    expect(await stand.ok("counter", "get", "big")).toBe("18014398509481982\n");
    expect(JSON.parse(await stand.ok("counter", "get", "big", "-format=json"))).toMatchObject({
      value: "18014398509481982",
    });
  });

  test.each([
    [["add"], "NAME is missing"],
    [["add", "hits", "1.5"], "1.5 is no whole number between -9007199254740991 and 9007199254740991"],
    [["add", "hits", "9007199254740992"], "9007199254740992 is no whole number"],
    [["add", "hits", ""], " is no whole number"],
    [["add", ""], `Error counting "": a counter's name has 1 to 128 bytes`],
    [["get"], "NAME is missing"],
  ])("refused: %j", async (words, message) => {
    expect(await stand.fails("counter", ...words)).toContain(`1 ${message}`);
    expect(stand.node.counters()).toEqual([]);
  });
});

describe("aggregate", () => {
  test("set, get, list, unset", async () => {
    expect(await stand.ok("aggregate", "set", "load", "-2.5", "-round=200ms", "-epoch", "20")).toBe("");
    expect(await stand.ok("aggregate", "get", "load")).toBe(`count   1     ± 3.4 %
sum     -2.5  ± 3.4 %
mean    -2.5  ± 0.12 %
min     -2.5
max     -2.5
stddev  0
p01     -2.5  ± 1 %
p05     -2.5  ± 1 %
p25     -2.5  ± 1 %
p50     -2.5  ± 1 %
p75     -2.5  ± 1 %
p95     -2.5  ± 1 %
p99     -2.5  ± 1 %
age     2.1s  epoch 3
`);
    expect(JSON.parse(await stand.ok("aggregate", "get", "load", "-format=json"))).toMatchObject({
      name: "load",
      value: -2.5,
      reading: { count: 1, mean: -2.5, stddev: 0, quantiles: { p50: -2.5 }, meanError: 0.0012 },
    });
    await stand.ok("aggregate", "set", "later", "-404");
    expect(await stand.ok("aggregate", "list")).toBe(
      "later  own -404  no result yet\nload   own -2.5  mean -2.5 of 1\n",
    );
    expect(await stand.ok("aggregate", "unset", "load")).toBe("");
    expect(JSON.parse(await stand.ok("aggregate", "list", "-format=json"))).toEqual({
      aggregates: [{ name: "later", value: -404, reading: null }],
    });
  });

  test.each([
    [["set"], "NAME and VALUE are missing"],
    [["set", "load"], "VALUE is missing"],
    [["set", "load", "much"], "much is no number"],
    [["set", "load", ""], " is no number"],
    [["set", "load", "1", "-round=5"], "-round=5 is no duration"],
    [["set", "load", "1", "-round=0s"], "-round=0s is too short"],
    [["set", "load", "1", "-epoch=0"], "-epoch=0 is no number of rounds"],
    [["get", "load"], 'Error with "load": No such aggregate; this agent takes no part in it: "hearsay aggregate set'],
    [["unset", "load"], 'Error with "load": No such aggregate'],
  ])("refused: %j", async (words, message) => {
    expect(await stand.fails("aggregate", ...words)).toContain(`1 ${message}`);
    expect(stand.node.aggregates()).toEqual([]);
  });

  test("no result yet is told, and is not success", async () => {
    await stand.ok("aggregate", "set", "load", "-404");
    expect(await stand.fails("aggregate", "get", "load")).toBe(
      '1 Error with "load": No result yet; the first comes at the end of an epoch; try again later\n',
    );
  });
});
