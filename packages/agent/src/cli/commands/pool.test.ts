/** `hearsay reachability`, `rtt` and `info`: what is known of the pool, and the verdict on it. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CliStand } from "../../../test/cli.ts";

let stand: CliStand;
beforeEach(async () => {
  stand = await CliStand.open();
});
afterEach(() => stand[Symbol.asyncDispose]());

describe("reachability", () => {
  test("all is well", async () => {
    expect(await stand.ok("reachability")).toBe(
      "Total members: 3, live members: 2\nStarting reachability test...\nSuccessfully contacted all live nodes\n",
    );
    expect(stand.node.calls[0]!.slice(0, 3)).toEqual(["query", "_serf_ping", ""]);
  });

  test("verbose", async () => {
    expect(await stand.ok("reachability", "-verbose")).toMatch(
      /\n\tAck from 'n1'\n\tAck from 'n2'\nQuery time: 0\.\d\d sec, time to last response: 0\.\d\d sec\nSuccess/,
    );
  });

  test("somebody is missing", async () => {
    stand.node.silent.add("n2");
    const { code, out, err } = await stand.run(["reachability"]);
    expect([code, err]).toEqual([1, ""]);
    expect(out).toContain("Received less acks than live nodes! Missing acks from:\n\tn2\n");
    expect(out).toContain("hearsay why NODE");
    expect(out).not.toContain("Successfully");
  });

  test("somebody answers who should not", async () => {
    stand.node.timeScale = 1;
    const running = stand.run(["reachability"]);
    await expect.poll(() => stand.node.queries.length).toBe(1);
    stand.node.queries[0]!.ack("n3");
    stand.node.queries[0]!.finish();
    const { code, out } = await running;
    expect(code).toBe(1);
    expect(out).toContain("Received more acks than live nodes! Acks from non-live nodes:\n\tn3\n");
  });

  test("as many answers as live members are not enough when they are others", async () => {
    stand.node.timeScale = 1;
    stand.node.silent.add("n2");
    const running = stand.run(["reachability"]);
    await expect.poll(() => stand.node.queries.length).toBe(1);
    stand.node.queries[0]!.ack("n3");
    stand.node.queries[0]!.finish();
    const { code, out } = await running;
    expect(code).toBe(1);
    expect(out).toMatch(/Missing acks from:\n\tn2\n[\s\S]*non-live nodes:\n\tn3\n/);
  });

  test("Ctrl-C", async () => {
    stand.node.timeScale = 1;
    const running = stand.run(["reachability"]);
    await expect.poll(() => stand.printed).toContain("Starting");
    process.emit("SIGINT");
    expect(await running).toMatchObject({ code: 130, err: "Test interrupted\n" });
    expect(process.listenerCount("SIGINT")).toBe(0);
  });
});

describe("rtt", () => {
  const at = (x: number, adjustment = 0) => ({
    vec: [x, 0, 0, 0, 0, 0, 0, 0],
    error: 0.1,
    adjustment,
    height: 0.0001,
  });
  beforeEach(() => {
    stand.node.coordinates.set("n1", at(0)).set("n2", at(0.0105, 0.00005)).set("n3", at(0.002));
  });

  test("between two, and from the agent", async () => {
    expect(await stand.ok("rtt", "n3", "n2")).toBe("Estimated n3 <-> n2 rtt: 8.750 ms\n");
    expect(await stand.ok("rtt", "n2")).toBe("Estimated n2 <-> n1 rtt: 10.750 ms\n");
  });

  test("somebody has no place", async () => {
    stand.node.coordinates.delete("n2");
    expect(await stand.fails("rtt", "n2")).toBe(
      '1 Could not find a coordinate for node "n2"; the agent has not measured it yet\n',
    );
    expect(await stand.fails("rtt", "n1", "\u001bx")).toBe(
      '1 Could not find a coordinate for node "\\u001bx"; the agent knows no such member\n',
    );
    expect(await stand.fails("rtt")).toContain("1 NODE is missing");
    expect(await stand.fails("rtt", "a", "b", "c")).toContain("1 too many arguments: c");
  });

  test("places that do not go together", async () => {
    stand.node.coordinates.set("n2", { ...at(0), vec: [0, 0] });
    expect(await stand.fails("rtt", "n2")).toBe('1 The coordinates of "n2" and "n1" do not go together\n');
  });
});

test("info, in groups", async () => {
  const out = await stand.ok("info");
  expect(out).toMatch(/^agent:\n\tname = n1\n/);
  expect(out).toContain("\nserf:\n");
  expect(out).toContain("\ntags:\n\trole = web\n");
  const groups = JSON.parse(await stand.ok("info", "-format=json")) as Record<string, Record<string, string>>;
  expect(Object.keys(groups)).toEqual(Object.keys(groups).sort());
  expect(groups.serf).toMatchObject({ members: "3", failed: "1", encrypted: "false" });
});
