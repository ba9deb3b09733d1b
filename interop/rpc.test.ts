/**
 * The two command lines and the two RPC servers, crosswise: ours against Serf's agents says what Serf's own says, and
 * Serf's against our server works as with its own.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RpcServer } from "../packages/agent/src/rpc/server.ts";
import { FakeHost } from "../packages/agent/test/fake-host.ts";
import { FakeNode, fakeMember } from "../packages/agent/test/fake-node.ts";
import { type Agent, hasSerf, launch, Pool, program, runCli, serfMembers, sleep, untilAllSee } from "./harness.ts";

/** Standard output of a run that may fail, with its exit code and what it complained. */
async function run(cli: "serf" | "hearsay", ...args: string[]): Promise<{ out: string; error: string }> {
  try {
    return { out: await runCli(cli, args), error: "" };
  } catch (error) {
    return { out: "", error: (error as Error).message };
  }
}

/** Rows in order, and the tags in each row. */
function ordered(table: string): string {
  const rows = table.split("\n").map((row) => row.replace(/\S+=\S+/g, (tags) => tags.split(",").sort().join(",")));
  return rows
    .filter((row) => row !== "")
    .sort()
    .join("\n");
}

/** Objects by name, as JSON lists members in any order. */
function byName(json: string): unknown {
  const { members } = JSON.parse(json) as { members: { name: string }[] | null };
  return members?.sort((a, b) => (a.name < b.name ? -1 : 1)) ?? null;
}

describe.skipIf(!hasSerf)("our command line against Serf's agents", () => {
  const pool = new Pool("rpc");
  let a: Agent;
  let b: Agent;
  beforeAll(async () => {
    a = await pool.serf({ tags: { role: "web", dc: "east" } });
    b = await pool.serf({ tags: { role: "db", note: "<x&y>" }, join: a, flags: ["-profile=local"] });
    await untilAllSee([a, b], { [a.name]: "alive", [b.name]: "alive" }, 10_000);
  });
  afterAll(() => pool[Symbol.asyncDispose]());

  test.each([
    [[]],
    [["-detailed"]],
    [["-status=alive"]],
    [["-tag=role=w.*", "-tag", "dc=e(as|we)t"]],
    [["--tag", "role=db", "-detailed"]],
    [["-name", ".*-serf-1"]],
    [["-status=left|failed"]],
  ])("members %j", async (flags) => {
    const at = `-rpc-addr=${a.rpc}`;
    const [theirs, ours] = await Promise.all([
      runCli("serf", ["members", at, ...flags]),
      runCli("hearsay", ["members", at, ...flags]),
    ]);
    expect(ordered(ours)).toBe(ordered(theirs));
  });

  test.each([[[]], [["-tag=role=db"]], [["-name=nobody"]]])("members as JSON %j", async (flags) => {
    const args = ["members", "-format=json", `-rpc-addr=${a.rpc}`, ...flags];
    const [theirs, ours] = await Promise.all([runCli("serf", args), runCli("hearsay", args)]);
    expect(byName(ours)).toEqual(byName(theirs));
    // Byte for byte where there is but one order.
    if (flags.length > 0) expect(ours).toBe(theirs);
  });

  test("info, as text and as JSON", async () => {
    const args = ["info", `-rpc-addr=${a.rpc}`];
    expect(await runCli("hearsay", args)).toBe(await runCli("serf", args));
    const json = [...args, "-format", "json"];
    expect(await runCli("hearsay", json)).toBe(await runCli("serf", json));
  });

  test("what Serf refuses is told in one line", async () => {
    const at = `-rpc-addr=${a.rpc}`;
    const { error: pattern } = await run("hearsay", "members", at, "-name=(");
    expect(pattern).toContain("Error retrieving members: the agent hung up; is one of the patterns broken?");
    const { error: why } = await run("hearsay", "why", at, b.name);
    expect(why).toContain("this is a Serf agent, which keeps no evidence");
    const { error: token } = await run("hearsay", "members", at, "-rpc-auth=x");
    expect(token).toContain("Invalid authentication token; check -rpc-auth");
    const { error: join } = await run("hearsay", "join", at, "127.0.0.1:1", "127.0.0.1:2");
    expect(join).toMatch(/Error joining the cluster: Failed to join .*connection refused; Failed to join .*refused\n$/);
  });

  test("join, force-leave, force-leave -prune, leave", async () => {
    const c = await pool.serf();
    const joined = await runCli("hearsay", ["join", `-rpc-addr=${c.rpc}`, a.gossip, b.gossip]);
    expect(joined).toBe("Successfully joined cluster by contacting 2 nodes.\n");
    const alive = { [a.name]: "alive", [b.name]: "alive" };
    await untilAllSee([a, b, c], { ...alive, [c.name]: "alive" }, 10_000);
    await c.kill();
    await untilAllSee([a, b], { ...alive, [c.name]: "failed" }, 30_000);
    expect(await runCli("hearsay", ["force-leave", `-rpc-addr=${a.rpc}`, c.name])).toBe("");
    await untilAllSee([a, b], { ...alive, [c.name]: "left" }, 10_000);
    expect(await runCli("hearsay", ["force-leave", "-prune", `-rpc-addr=${a.rpc}`, c.name])).toBe("");
    await untilAllSee([a, b], alive, 10_000);
    const d = await pool.serf({ join: a });
    await untilAllSee([a, b, d], { ...alive, [d.name]: "alive" }, 10_000);
    expect(await runCli("hearsay", ["leave", `-rpc-addr=${d.rpc}`])).toBe("Graceful leave complete\n");
    expect(await d.exited).toMatchObject({ code: 0 });
    await untilAllSee([a, b], { ...alive, [d.name]: "left" }, 10_000);
  });
});

describe.skipIf(!hasSerf)("Serf's command line against our server", () => {
  let host: FakeHost;
  let server: RpcServer;
  let at: string;
  beforeAll(async () => {
    const node = new FakeNode(fakeMember("a", { address: "10.0.0.1", tags: { role: "web" } }), [
      fakeMember("b", { address: "10.0.0.2", status: "failed" }),
      fakeMember("c", { address: "fd00::3", status: "left", delegateCur: 4 }),
    ]);
    node.reachable.add("10.0.0.9");
    host = new FakeHost(node);
    server = await RpcServer.listen(host, { host: "127.0.0.1", port: 0, token: "sesame" });
    at = `-rpc-addr=127.0.0.1:${server.port}`;
  });
  afterAll(() => server.close());
  const serf = (command: string, ...args: string[]) => run("serf", command, at, "-rpc-auth=sesame", ...args);

  test("members", async () => {
    const { out } = await serf("members", "-detailed");
    expect(out.trimEnd().split("\n")).toEqual([
      "a  10.0.0.1:7946   alive   role=web  Protocol Version: 5  Available Protocol Range: [2, 5]",
      "b  10.0.0.2:7946   failed            Protocol Version: 5  Available Protocol Range: [2, 5]",
      "c  [fd00::3]:7946  left              Protocol Version: 4  Available Protocol Range: [2, 5]",
    ]);
    expect((await serf("members", "-status=(left|failed)", "-name=[b-z]")).out.match(/^\w/gm)).toEqual(["b", "c"]);
    expect((await serf("members", "-tag=role=w.*")).out).toBe("a  10.0.0.1:7946  alive  role=web\n");
    // A broken pattern: hung up without a word, as by Serf.
    expect((await serf("members", "-name=(")).error).toContain("client closed");
  });

  test("info", async () => {
    const { out } = await serf("info");
    expect(out).toMatch(/^agent:\n\tname = a\n/);
    expect(out).toMatch(/^\tmembers = 3$/m);
    const json = JSON.parse((await serf("info", "-format=json")).out) as Record<string, Record<string, string>>;
    expect(json.tags).toEqual({ role: "web" });
  });

  test("join", async () => {
    expect((await serf("join", "10.0.0.9", "10.0.0.8")).out).toBe(
      "Successfully joined cluster by contacting 1 nodes.\n",
    );
    const { error } = await serf("join", "10.0.0.8");
    expect(error).toContain(
      "Error joining the cluster: 1 error occurred:\n\t* Failed to join 10.0.0.8: connection refused",
    );
  });

  test("force-leave, tags, leave", async () => {
    expect((await serf("force-leave", "b")).error).toBe("");
    expect((await serf("force-leave", "-prune", "b")).error).toBe("");
    expect((await serf("tags", "-set", "dc=east", "-delete", "role")).out).toBe("Successfully updated agent tags\n");
    expect((await serf("leave")).out).toBe("Graceful leave complete\n");
    expect(host.node.calls.slice(-4)).toEqual([
      ["forceLeave", "b", false],
      ["forceLeave", "b", true],
      ["setTags", { dc: "east" }],
      ["leave"],
    ]);
  });

  test("monitor: the log, and member events", async () => {
    host.logBook.add({ level: "INFO", text: "2026/11/22 10:00:00 [INFO] agent: hello" });
    const monitor = launch([...program("serf"), "monitor", at, "-rpc-auth=sesame", "-log-level=info"]);
    let out = "";
    monitor.stdout!.on("data", (text: Buffer) => {
      out += text;
    });
    try {
      for (let i = 0; i < 50 && !out.includes("member-join"); i++) {
        host.node.emit("member-join", fakeMember("d", { address: "10.0.0.4", tags: { k: "v" } }));
        await sleep(100);
      }
      expect(out).toContain("[INFO] agent: hello");
      expect(out).toContain('"member-join"');
      expect(out).toContain('"d"');
    } finally {
      monitor.kill("SIGKILL");
    }
  });

  test("the token", async () => {
    expect((await run("serf", "members", at)).error).toContain("Authentication required");
    expect((await run("serf", "members", at, "-rpc-auth=x")).error).toContain("Invalid authentication token");
  });

  test("what is not there yet is refused as by an older Serf", async () => {
    expect((await serf("event", "deploy")).error).toContain("Unsupported command");
  });
});

describe.skipIf(!hasSerf)("both command lines against our agent", () => {
  test("say the same", async () => {
    await using pool = new Pool("rpc-both");
    const a = await pool.hearsay({ tags: { role: "web", dc: "east" } });
    const b = await pool.serf({ join: a, tags: { role: "db" } });
    await untilAllSee([a, b], { [a.name]: "alive", [b.name]: "alive" }, 10_000);
    for (const flags of [[], ["-detailed"], ["-status=alive", "-tag=role=db"], ["-format=json", "-tag=role=web"]]) {
      const args = ["members", `-rpc-addr=${a.rpc}`, ...flags];
      expect(ordered(await runCli("hearsay", args))).toBe(ordered(await runCli("serf", args)));
    }
    await runCli("serf", ["leave", `-rpc-addr=${a.rpc}`]);
    expect(await a.exited).toMatchObject({ code: 0 });
    await untilAllSee([b], { [a.name]: "left", [b.name]: "alive" }, 10_000);
    expect(await serfMembers(b)).toHaveLength(2);
  });
});
