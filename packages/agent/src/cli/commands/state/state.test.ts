/** `hearsay state`: what reaches the agent, and what is printed of it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CliStand } from "../../../../test/cli.ts";

let stand: CliStand;
let folder: string;
beforeEach(async () => {
  stand = await CliStand.open();
  folder = mkdtempSync(join(tmpdir(), "hearsay-state-"));
});
afterEach(async () => {
  await stand[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

describe("set", () => {
  test.each<[string[], unknown]>([
    [["k", "0.5"], "0.5"],
    [["k", ""], ""],
    [["k", "-ttl=5"], "-ttl=5"],
    [["k", "-5"], "-5"],
    [["--", "k", "--"], "--"],
    [["-json", "k", '{"a": [1, null]}'], { a: [1, null] }],
    [["-json=false", "k", "1"], "1"],
    [["--json", "k", "-5"], -5],
  ])("%j", async (words, value) => {
    expect(await stand.ok("state", "set", ...words)).toBe("");
    expect(stand.node.state.get("k")).toEqual(value);
    await stand.ok("state", "set", "-shared", ...words);
    expect(stand.node.shared.get("k")).toEqual(value);
  });

  test("bytes from a file, as they are", async () => {
    await stand.ok("state", "set", "-file", file("v", Uint8Array.of(0, 255, 10)), "k");
    expect(stand.node.state.get("k")).toEqual(Uint8Array.of(0, 255, 10));
  });

  test("for a time", async () => {
    await stand.ok("state", "set", "-ttl=20ms", "k", "v");
    expect(stand.node.state.get("k")).toBe("v");
    await expect.poll(() => stand.node.state.get("k")).toBeUndefined();
  });

  test.each([
    [[], 'KEY is missing (see "hearsay state set -h")'],
    [["k"], 'VALUE is missing: a text, or -file=FILE (see "hearsay state set -h")'],
    [["k", "a", "b"], "too many arguments: b (see"],
    [["k", "a", "-shared"], "too many arguments: -shared; flags stand before the first argument"],
    [["-json", "k", "{"], "VALUE is no JSON: "],
    [["-ttl=5", "k", "v"], "-ttl=5 is no duration: write 500ms, 30s or 24h"],
    [["-ttl=0", "k", "v"], "-ttl=0 is too short: at least 1ms"],
    [["-tll=1s", "k", "v"], "unknown flag -tll; did you mean -ttl?"],
    [["-file=x", "k", "v"], "-file brings the value: without VALUE and -json"],
    [["-file=/nowhere/x", "k"], "cannot read /nowhere/x: no such file or directory"],
    [["-file=/", "k"], "cannot read /: it is a directory"],
    [["-file=/dev/zero", "k"], "/dev/zero is too large: no value has more than 64 KiB"],
    [["y".repeat(300), "v"], `Error writing "${"y".repeat(63)}…": a key has`],
    [["", "v"], 'Error writing "": a key has 1 to 255 bytes'],
    [["k", "x".repeat(70_000)], 'Error writing "k": a value of 70002 bytes is over the limit'],
  ])("refused: %j", async (words, message) => {
    const line = await stand.fails("state", "set", ...words);
    expect(line).toContain(`1 ${message}`);
    expect(line).toMatch(/^[^\n]+\n$/);
    expect(stand.node.state.entries()).toEqual([]);
  });
});

describe("get", () => {
  test("a text, JSON, bytes; to a program as they are", async () => {
    await stand.node.state.set("text", "a\u001b[31m\nb");
    await stand.node.state.set("json", { b: [1, "x"], a: null });
    await stand.node.state.set("bytes", Uint8Array.of(0, 255, 27));
    expect(await stand.ok("state", "get", "text")).toBe("a\u001b[31m\nb\n");
    expect(await stand.ok("state", "get", "json")).toBe('{"b":[1,"x"],"a":null}\n');
    expect(await stand.ok("state", "get", "bytes")).toBe("\x00\xff\x1b");
    const shown = await stand.run(["state", "get", "text"], { columns: 80 });
    expect(shown.out).toBe("a\\u001b[31m\nb\n");
    expect((await stand.run(["state", "get", "bytes"], { columns: 80 })).out).toBe("\\u0000\ufffd\\u001b\n");
  });

  test("another member's, a shared one, and as JSON", async () => {
    stand.node.writeAs("n2", "load", 0.5);
    await stand.node.shared.set("leader", "n2");
    await stand.node.shared.set("blob", Uint8Array.of(1, 2));
    expect(await stand.ok("state", "get", "-member=n2", "load")).toBe("0.5\n");
    expect(await stand.ok("state", "get", "leader", "-shared")).toBe("n2\n");
    expect(JSON.parse(await stand.ok("state", "get", "-member=n2", "load", "-format=json"))).toEqual({
      ...{ member: "n2", key: "load", value: 0.5 },
    });
    expect(JSON.parse(await stand.ok("state", "get", "-shared", "-format=json", "blob"))).toEqual({
      ...{ key: "blob", bytes: "AQI=", writer: "n1", time: expect.stringMatching(/^\d{4}-.*Z$/) },
    });
  });

  test.each([
    [["k"], 'Error reading "k": No such key'],
    [["-member=n9", "k"], 'Error reading "k": No such member'],
    [["-shared", "-member=n2", "k"], "-shared keys belong to no member: leave -member out"],
    [["-member=", "k"], "-member is empty: which one?"],
    [["\u001b"], 'Error reading "\\u001b": No such key'],
    [["-format=xml", "k"], 'Invalid output format "xml"'],
  ])("refused: %j", async (words, message) => {
    expect(await stand.fails("state", "get", ...words)).toContain(`1 ${message}`);
  });
});

test("delete", async () => {
  await stand.node.state.set("k", 1);
  await stand.node.shared.set("k", 2);
  expect(await stand.ok("state", "delete", "-shared", "k")).toBe("");
  expect([stand.node.state.get("k"), stand.node.shared.get("k")]).toEqual([1, undefined]);
  expect(await stand.fails("state", "delete", "k", "-shared")).toBe('1 Error deleting "k": No such key\n');
  await stand.ok("state", "delete", "k");
  expect(stand.node.state.get("k")).toBeUndefined();
});

describe("list", () => {
  beforeEach(async () => {
    await stand.node.state.set("version", "1.4\n2");
    stand.node.writeAs("n2", "load", 0.5);
    stand.node.writeAs("n2", "blob", Uint8Array.of(1));
    await stand.node.shared.set("leader", "n2");
  });

  test("everybody's, one member's, by prefix", async () => {
    expect(await stand.ok("state", "list")).toBe("n1  version  1.4\\u000a2\nn2  blob     (1 byte)\nn2  load     0.5\n");
    expect(await stand.ok("state", "list", "-member=n2")).toBe("blob  (1 byte)\nload  0.5\n");
    expect(await stand.ok("state", "list", "-prefix", "lo")).toBe("n2  load  0.5\n");
    expect(await stand.ok("state", "list", "-prefix=nothing")).toBe("");
    expect(await stand.fails("state", "list", "-member=n9")).toBe("1 Error listing keys: No such member\n");
    expect(await stand.fails("state", "list", "-shared", "-member=n1")).toContain("1 -shared keys belong to no member");
  });

  test("shared ones, with who and when", async () => {
    expect(await stand.ok("state", "list", "-shared")).toMatch(
      /^leader {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} {2}n1 {2}n2\n$/,
    );
  });

  test("JSON", async () => {
    expect(JSON.parse(await stand.ok("state", "list", "-format=json"))).toEqual({
      entries: [
        { member: "n1", key: "version", value: "1.4\n2" },
        { member: "n2", key: "blob", bytes: "AQ==" },
        { member: "n2", key: "load", value: 0.5 },
      ],
    });
    expect(JSON.parse(await stand.ok("state", "list", "-shared", "-format=json"))).toEqual({
      entries: [{ key: "leader", value: "n2", writer: "n1", time: expect.any(String) }],
    });
    expect(await stand.ok("state", "list", "-prefix=x", "-format=json")).toBe('{\n  "entries": []\n}\n');
  });

  test("a terminal cuts long values, a pipe does not", async () => {
    await stand.node.state.set("version", "x".repeat(100));
    const { out } = await stand.run(["state", "list", "-member=n1"], { columns: 20 });
    expect(out).toBe(`version  ${"x".repeat(10)}…\n`);
    expect(await stand.ok("state", "list", "-member=n1")).toBe(`version  ${"x".repeat(100)}\n`);
    // Letters of two columns, and of none.
    for (const [value, shown] of [
      ["日本語日本語", "日本語日本…"],
      ["日本語日本x", "日本語日本x"],
      ["e\u0301".repeat(12), `${"e\u0301".repeat(10)}…`],
    ] as const) {
      await stand.node.state.set("version", value);
      const { out } = await stand.run(["state", "list", "-member=n1"], { columns: 20 });
      expect(out).toBe(`version  ${shown}\n`);
    }
  });
});

describe("watch", () => {
  test("a line each, until Ctrl-C", async () => {
    await stand.node.state.set("load", 1);
    const running = stand.run(["state", "watch", "-initial"]);
    await expect.poll(() => stand.printed).toContain("load = 1");
    stand.node.writeAs("n2", "a\u001bb", "x\ny");
    stand.node.writeAs("n2", "a\u001bb", undefined);
    await expect.poll(() => stand.printed).toContain("deleted");
    process.emit("SIGINT");
    const { code, out, err } = await running;
    expect([code, err]).toEqual([0, ""]);
    const lines = out.split("\n").map((line) => line.replace(/^\d\d:\d\d:\d\d\.\d{3}/, "TIME"));
    expect(lines).toEqual(["TIME  n1  load = 1", "TIME  n2  a\\u001bb = x\\u000ay", "TIME  n2  a\\u001bb deleted", ""]);
    expect(process.listenerCount("SIGINT")).toBe(0);
    await expect.poll(() => stand.node.watchers).toBe(0);
  });

  test("JSON, an object a line, of one member and of shared keys", async () => {
    const own = stand.run(["state", "watch", "-member=n2", "-prefix=l", "-format=json"]);
    await expect.poll(() => stand.node.watchers).toBe(1);
    stand.node.writeAs("n1", "load", 0);
    stand.node.writeAs("n2", "other", 0);
    stand.node.writeAs("n2", "load", 1);
    stand.node.writeAs("n2", "load", undefined);
    await expect.poll(() => stand.printed.split("\n").length).toBe(3);
    process.emit("SIGINT");
    const time = expect.stringMatching(/Z$/);
    expect(
      (await own).out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { time, member: "n2", key: "load", value: 1, deleted: false, local: false, dropped: 0 },
      { time, member: "n2", key: "load", before: { value: 1 }, deleted: true, local: false, dropped: 0 },
    ]);
    await expect.poll(() => stand.node.watchers).toBe(0);
    const shared = stand.run(["state", "watch", "-shared", "-format=json"]);
    await expect.poll(() => stand.node.watchers).toBe(1);
    await stand.node.shared.set("s", null);
    await expect.poll(() => stand.printed).toContain("\n");
    process.emit("SIGINT");
    expect(JSON.parse((await shared).out)).toEqual({
      ...{ time, writer: "n1", key: "s", value: null, deleted: false, local: true, dropped: 0 },
    });
  });

  test("the agent ends", async () => {
    const running = stand.run(["state", "watch"]);
    await expect.poll(() => stand.node.watchers).toBe(1);
    await stand[Symbol.asyncDispose]();
    expect(await running).toMatchObject({
      ...{ code: 1, err: "The agent ended the watch: it has left its pool, was stopped, or crashed\n" },
    });
  });

  test("an agent without", async () => {
    stand.node.stateOff = true;
    expect(await stand.fails("state", "watch")).toBe("1 Error starting watch: Replicated state is off on this agent\n");
  });
});

describe("the command itself", () => {
  test("what there is", async () => {
    for (const words of [
      ["state", "-h"],
      ["help", "state"],
      ["state", "nonsense", "-h"],
    ]) {
      const out = await stand.ok(...words);
      expect(out).toMatch(/^Usage: hearsay state COMMAND \[flags\] \[arguments\]\n/);
      expect(out).toMatch(/\n {4}set KEY \[VALUE\] {4}Writes a key\n/);
    }
    expect(await stand.ok("help", "state", "set")).toBe(await stand.ok("state", "set", "-h"));
    expect(await stand.ok("state", "set", "-h")).toMatch(/^Usage: hearsay state set \[flags\] KEY \[VALUE\]\n/);
    expect(await stand.ok("state", "set", "-v")).toMatch(/^Hearsay v/);
  });

  test("what there is not", async () => {
    expect(await stand.fails("state")).toBe(
      '1 what to do is missing: get, set, delete, list or watch (see "hearsay state -h")\n',
    );
    expect(await stand.fails("state", "wach")).toBe(
      '1 "wach" is nothing that state can do; did you mean "watch"? (see "hearsay state -h")\n',
    );
    expect(await stand.fails("counter", "frob")).toContain(
      '"frob" is nothing that counter can do; it can be add, get or list',
    );
  });
});
