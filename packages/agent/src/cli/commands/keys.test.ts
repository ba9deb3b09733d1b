/** `hearsay keys`: the whole of a rotation, and what those who did not follow say. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { CliStand } from "../../../test/cli.ts";

const OLD = "HvY8ubRZMgafUOWvrOadwOckVa1wN3QWAo46FVKbVN8=";
const NEW = "T9jncgl9mbLus+baTTa7q7nPSUrXwbDi2dhbtqir37s=";

let stand: CliStand;
beforeEach(async () => {
  stand = await CliStand.open();
  stand.node.ring = [OLD];
});
afterEach(() => stand[Symbol.asyncDispose]());

const ASKING = "==> Asking all members for installed keys...\n";
const GATHERED = "==> Keys gathered, listing cluster keys...\n\n";

test("list", async () => {
  expect(await stand.ok("keys", "-list")).toBe(`${ASKING}${GATHERED}${OLD}  [2/2]\n`);
  expect(JSON.parse(await stand.ok("keys", "-list", "-format=json"))).toEqual({
    keys: { [OLD]: 2 },
    primaryKeys: { [OLD]: 2 },
    members: 2,
    responses: 2,
    failures: 0,
    messages: {},
    error: null,
  });
});

test("changes reach the agent, in Serf's words", async () => {
  // Each member of the fake pool does it to the one ring that they share.
  expect(await stand.ok("keys", `-install=${NEW}`)).toBe(
    "==> Installing key on all members...\n==> Successfully installed key!\n",
  );
  expect(await stand.ok("keys", "-use", NEW)).toBe(
    "==> Changing primary key on all members...\n==> Successfully changed primary key!\n",
  );
  expect(await stand.ok("keys", "--remove", OLD)).toBe(
    "==> Removing key on all members...\n==> Successfully removed key!\n",
  );
  expect(stand.node.ring).toEqual([NEW]);
});

test("who refuses is told, by name", async () => {
  const { code, out, err } = await stand.run(["keys", "-remove", OLD]);
  expect([code, out]).toEqual([1, "==> Removing key on all members...\n"]);
  expect(err).toBe(
    [
      "failed:  n1  Removing the primary key is not allowed",
      "failed:  n2  Removing the primary key is not allowed",
      "Error removing key: 2/2 nodes reported failure\n",
    ].join("\n"),
  );
});

test("that somebody kept silent is told, and what the others have is still listed", async () => {
  stand.node.silent.add("n2");
  const hint = '; "hearsay reachability" shows who does not answer\n';
  expect(await stand.fails("keys", "-install", NEW)).toBe(`1 Error installing key: 1/2 nodes reported success${hint}`);
  const { code, out, err } = await stand.run(["keys", "-list"]);
  expect(code).toBe(1);
  expect(out).toContain(`${OLD}  [1/2]\n`);
  expect(out).not.toContain("gathered");
  expect(err).toBe(`Failed to gather member keys: 1/2 nodes reported success${hint}`);
  expect(JSON.parse((await stand.run(["keys", "-list", "-format=json"])).out)).toMatchObject({
    members: 2,
    responses: 1,
    error: "1/2 nodes reported success",
  });
});

test("a pool without encryption", async () => {
  stand.node.ring = undefined;
  expect(await stand.fails("keys", "-list")).toContain("Failed to gather member keys: 2/2 nodes reported failure");
});

test("refused", async () => {
  expect(await stand.fails("keys")).toContain("1 What to do is missing");
  expect(await stand.fails("keys", "-install=")).toContain("1 What to do is missing");
  expect(await stand.fails("keys", "-list", "-use", NEW)).toContain("1 Only one of -install, -use, -remove, or -list");
  expect(await stand.fails("keys", "-install", "a", "-use", "b")).toContain("1 Only one of");
  expect(await stand.fails("keys", "-use", NEW, "-format=json")).toContain("1 -format=json goes with -list only");
  expect(await stand.fails("keys", "-install", "abc")).toMatch(/^1 Error installing key: illegal base64 data/);
});
