/** `hearsay event`, `query` and `tags`: what reaches the agent, and what is printed of it. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CliStand } from "../../../test/cli.ts";

let stand: CliStand;
beforeEach(async () => {
  stand = await CliStand.open();
});
afterEach(() => stand[Symbol.asyncDispose]());

describe("event", () => {
  test.each([
    [["deploy"], ["deploy", "", true], "true"],
    [["deploy", "v1.2 \n"], ["deploy", "v1.2 \n", true], "true"],
    [["-coalesce=false", "deploy", "x"], ["deploy", "x", false], "false"],
    [["--coalesce=true", "deploy"], ["deploy", "", true], "true"],
    // Behind the name everything is payload, as for Serf.
    [["deploy", "-coalesce=false"], ["deploy", "-coalesce=false", true], "true"],
    [["deploy", "-5"], ["deploy", "-5", true], "true"],
    [["-coalesce=false", "--", "-name", "--"], ["-name", "--", false], "false"],
  ])("%j", async (words, sent, shown) => {
    expect(await stand.ok("event", ...words)).toBe(`Event '${sent[0]}' dispatched! Coalescing enabled: ${shown}\n`);
    expect(stand.node.calls).toEqual([["userEvent", ...sent]]);
  });

  test("refused", async () => {
    expect(await stand.fails("event")).toBe('1 NAME is missing (see "hearsay event -h")\n');
    expect(await stand.fails("event", "a", "b", "c")).toMatch(/^1 too many arguments: c /);
    expect(await stand.fails("event", "a", "x".repeat(600))).toBe(
      "1 Error sending event: user event exceeds configured limit of 512 bytes before encoding\n",
    );
  });
});

describe("query", () => {
  test("text, as it comes", async () => {
    stand.node.scripts.set("n1 load", "0.42\n");
    stand.node.scripts.set("n2 load", "0.50\n\n");
    expect(await stand.ok("query", "load", "now")).toBe(`Query 'load' dispatched
Ack from 'n1'
Response from 'n1': 0.42
Ack from 'n2'
Response from 'n2': 0.50

Total Acks: 2
Total Responses: 2
`);
    expect(stand.node.calls[0]!.slice(0, 3)).toEqual(["query", "load", "now"]);
  });

  test("without acks", async () => {
    stand.node.scripts.set("n2 load", "1");
    expect(await stand.ok("query", "-no-ack", "load")).toBe(
      "Query 'load' dispatched\nResponse from 'n2': 1\nTotal Responses: 1\n",
    );
  });

  test("JSON, when it is over", async () => {
    stand.node.scripts.set("n2 load", "<b>\n");
    stand.node.scripts.set("n1 load", "é");
    expect(await stand.ok("query", "-format", "json", "load")).toBe(`{
  "Acks": [
    "n1",
    "n2"
  ],
  "Responses": {
    "n1": "é",
    "n2": "\\u003cb\\u003e\\n"
  }
}
`);
    expect(await stand.ok("query", "-format=json", "-no-ack", "nothing")).toBe(
      '{\n  "Acks": null,\n  "Responses": {}\n}\n',
    );
  });

  test("every flag reaches the agent", async () => {
    const flags = ["-node=n1", "--node", "n2", "-tag", "role=w|d", "-tag=dc=", "-timeout=1m1.5s", "-relay-factor=3"];
    await stand.ok("query", ...flags, "-end-early", "load");
    expect(stand.node.calls[0]![3]).toMatchObject({
      filterNodes: ["n1", "n2"],
      filterTags: { role: "w|d", dc: "" },
      timeout: 61_500,
      relayFactor: 3,
      endEarly: true,
      acks: true,
    });
  });

  test("answers reach a program as bytes, and a terminal as what they are", async () => {
    stand.node.silent.add("n2");
    stand.node.scripts.set("n1 ctl", "a\u001b[31m\tb\nc\u009b\n");
    const piped = await stand.run(["query", "-no-ack", "ctl"]);
    const bytes = Buffer.from("a\u001b[31m\tb\nc\u009b").toString("latin1");
    expect(piped.out).toContain(`Response from 'n1': ${bytes}\n`);
    const shown = await stand.run(["query", "-no-ack", "ctl"], { columns: 80 });
    expect(shown.out).toContain("Response from 'n1': a\\u001b[31m\tb\nc\\u009b\n");
  });

  test.each([
    [["-timeout=500", "x"], "-timeout=500 is no duration: write 500ms, 15s or 1m30s"],
    [["-timeout=-1s", "x"], "-timeout=-1s is no duration"],
    [["-relay-factor=256", "x"], "Relay factor must be between 0 and 255, not 256"],
    [["-relay-factor=x", "x"], "Relay factor must be between 0 and 255, not x"],
    [["-tag=foo", "x"], "Invalid tag: 'foo'; write -tag KEY=VALUE"],
    [["-format=xml", "x"], 'Invalid output format "xml"'],
    [["_serf_install-key"], "Error sending query: Queries cannot contain the '_serf_' prefix"],
    [["x", "y".repeat(1100)], "Error sending query: query exceeds limit of 1024 bytes"],
  ])("refused: %j", async (words, message) => {
    expect(await stand.fails("query", ...words)).toContain(`1 ${message}`);
  });

  test("Ctrl-C ends it with what has come", async () => {
    stand.node.scripts.set("n1 load", "0.42");
    stand.node.timeScale = 1;
    const running = stand.run(["query", "load"]);
    await expect.poll(() => stand.printed).toContain("Ack from 'n2'");
    process.emit("SIGINT");
    const { code, out, err } = await running;
    expect([code, err]).toEqual([130, ""]);
    expect(out).toMatch(/\nTotal Acks: 2\nTotal Responses: 1\n$/);
    // The agent was told that nobody listens any more.
    await expect.poll(() => stand.node.queries[0]!.closed).toBe(true);
    expect(process.listenerCount("SIGINT")).toBe(0);

    const json = stand.run(["query", "-format=json", "load"]);
    await expect.poll(() => stand.node.queries.length).toBe(2);
    process.emit("SIGINT");
    expect(JSON.parse((await json).out)).toHaveProperty("Responses");
    expect((await json).code).toBe(130);
  });
});

describe("tags", () => {
  test("set and delete", async () => {
    expect(await stand.ok("tags", "-set", "a=b=c", "-set=d=", "-delete=role")).toBe(
      "Successfully updated agent tags\n",
    );
    expect(stand.node.local().tags).toEqual({ a: "b=c", d: "" });
  });

  test("refused", async () => {
    expect(await stand.fails("tags")).toContain("1 nothing to change: give -set KEY=VALUE or -delete KEY");
    expect(await stand.fails("tags", "-set=x")).toContain("1 Invalid tag: 'x'; write -set KEY=VALUE");
    expect(await stand.fails("tags", "-set==x")).toContain("1 Invalid tag: '=x'");
    expect(stand.node.calls).toEqual([]);
  });
});
