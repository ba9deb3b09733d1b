/**
 * The two command lines and the two RPC servers, crosswise: ours against Serf's agents says what Serf's own says, and
 * Serf's against our server works as with its own.
 */
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import type { IncomingQuery } from "@hearsay/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RpcClient, type RpcQueryRecord, type StreamRecord } from "../packages/agent/src/rpc/client.ts";
import { encode } from "../packages/agent/src/rpc/messages.ts";
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

  test("event", async () => {
    expect((await serf("event", "-coalesce=false", "deploy", "1.2.3")).out).toBe(
      "Event 'deploy' dispatched! Coalescing enabled: false\n",
    );
    expect(host.node.calls.at(-1)).toEqual(["userEvent", "deploy", "1.2.3", false]);
    const { error } = await serf("event", "deploy", "x".repeat(600));
    expect(error).toContain("Error sending event: user event exceeds configured limit of 512 bytes before encoding");
  });

  test("query, as text and as JSON, with its filters", async () => {
    host.node.scripts.set("a load", "0.42\n");
    const { out } = await serf("query", "-timeout=300ms", "-relay-factor=2", "-node=a", "-tag=role=.*", "load", "15m");
    // Serf's command takes acknowledgements and answers from two queues, and by chance where both have something.
    expect(out.trimEnd().split("\n").sort()).toEqual([
      "Ack from 'a'",
      "Query 'load' dispatched",
      "Response from 'a': 0.42",
      "Total Acks: 1",
      "Total Responses: 1",
    ]);
    expect(host.node.calls.at(-1)).toMatchObject([
      ...["query", "load", "15m"],
      {
        ...{ filterNodes: ["a"], filterTags: { role: ".*" }, acks: true },
        ...{ relayFactor: 2, timeout: 300, endEarly: false },
      },
    ]);
    const json = JSON.parse((await serf("query", "-timeout=300ms", "-no-ack", "-format=json", "load")).out);
    expect(json).toEqual({ Acks: null, Responses: { a: "0.42\n" } });
    expect((await serf("query", "_serf_conflict")).error).toContain("Queries cannot contain the '_serf_' prefix");
  });

  test("keys: all four, and what members say", async () => {
    const [first, second] = [randomBytes(32).toString("base64"), randomBytes(16).toString("base64")];
    expect((await serf("keys", "-list")).error).toContain(
      "failed:  a  Keyring is empty (encryption not enabled)\n\nFailed to gather member keys: 1/1 nodes reported failure",
    );
    host.node.ring = [first];
    expect((await serf("keys", `-install=${second}`)).out).toContain("Successfully installed key!");
    expect((await serf("keys", `-use=${second}`)).out).toContain("Successfully changed primary key!");
    // The list has a field that Serf's client does not know.
    const { out } = await serf("keys", "-list");
    expect(out).toContain("Keys gathered, listing cluster keys...");
    expect(
      out
        .match(/^\s*\S+\s+\[1\/1\]$/gm)
        ?.map((row) => row.trim().split(/\s+/)[0])
        ?.sort(),
    ).toEqual([first, second].sort());
    expect((await serf("keys", `-remove=${second}`)).error).toContain("Removing the primary key is not allowed");
    expect((await serf("keys", `-remove=${first}`)).out).toContain("Successfully removed key!");
    expect((await serf("keys", "-use=AAE")).error).toContain("illegal base64 data at input byte 0");
    host.node.ring = undefined;
  });

  test("rtt and reachability", async () => {
    const place = (x: number) => ({ vec: [x, 0, 0, 0, 0, 0, 0, 0], error: 0.2, adjustment: 0, height: 1e-5 });
    host.node.coordinates.set("a", place(0)).set("b", place(0.012));
    expect((await serf("rtt", "b")).out).toBe("Estimated b <-> a rtt: 12.020 ms\n");
    expect((await serf("rtt", "a", "c")).error).toContain('Could not find a coordinate for node "c"');
    host.node.timeScale = 0.1;
    const { out } = await serf("reachability", "-verbose");
    expect(out).toContain("Total members: 3, live members: 1");
    expect(out).toContain("Ack from 'a'");
    expect(out).toContain("Successfully contacted all live nodes");
    host.node.silent.add("a");
    expect((await serf("reachability")).error).toContain("Missing acks from:\n\ta\n");
    host.node.silent.clear();
    host.node.timeScale = 1;
  });

  test("monitor: user events, and queries under their numbers", async () => {
    const monitor = launch([...program("serf"), "monitor", at, "-rpc-auth=sesame"]);
    let out = "";
    monitor.stdout!.on("data", (text: Buffer) => {
      out += text;
    });
    try {
      for (let i = 0; i < 50 && !out.includes("ID: 2"); i++) {
        await host.node.userEvent("deploy", "now", { coalesce: true });
        host.node.emit("query", incoming("ask"));
        await sleep(100);
      }
      expect(out).toContain('Name: "deploy"');
      expect(out).toContain("Payload: []byte{0x6e, 0x6f, 0x77}");
      expect(out).toContain("\tID: 1\n");
      expect(out).toContain("\tID: 2\n");
    } finally {
      monitor.kill("SIGKILL");
    }
  });
});

function incoming(name: string): IncomingQuery {
  const deadline = new Date(Date.now() + 10_000);
  return { name, payload: new Uint8Array(0), lTime: 1, id: 1, from: "b", deadline, respond: async () => {} };
}

describe.skipIf(!hasSerf)("our client against Serf's agents", () => {
  const pool = new Pool("rpc-client");
  const key = randomBytes(32).toString("base64");
  let a: Agent;
  let b: Agent;
  const clients: RpcClient[] = [];
  beforeAll(async () => {
    const flags = ["-profile=local"];
    a = await pool.serf({ encrypt: key, flags, tags: { role: "web" } });
    b = await pool.serf({ encrypt: key, flags: [...flags, "-event-handler=query:load=echo 0.42"], join: a });
    await untilAllSee([a, b], { [a.name]: "alive", [b.name]: "alive" }, 10_000);
  });
  afterAll(async () => {
    for (const client of clients) await client.close();
    await pool[Symbol.asyncDispose]();
  });
  async function dial(to: Agent): Promise<RpcClient> {
    const [host, port] = to.rpc.split(":") as [string, string];
    const client = await RpcClient.connect({ host, port: Number(port) });
    clients.push(client);
    return client;
  }
  async function until<T, R extends T>(records: AsyncIterable<T>, wanted: (record: T) => record is R): Promise<R> {
    for await (const record of records) if (wanted(record)) return record;
    throw new Error("the stream has ended");
  }

  test("event, from one agent to a stream at the other", async () => {
    const [here, there] = [await dial(a), await dial(b)];
    const stream = await there.stream("user:deploy");
    await here.event("other", "x");
    await here.event("deploy", Uint8Array.of(0, 255), { coalesce: false });
    const record = await until(stream, (one): one is StreamRecord & { event: "user" } => one.event === "user");
    expect(record).toMatchObject({ name: "deploy", payload: Uint8Array.of(0, 255), coalesce: false });
    // The stream was stopped by its reader; the connection goes on.
    expect(await there.members()).toHaveLength(2);
    await expect(here.event("big", "x".repeat(600))).rejects.toMatchObject({
      message: "user event exceeds configured limit of 512 bytes before encoding",
    });
    await expect(here.stream("nonesuch")).rejects.toMatchObject({ message: "Invalid event filter" });
  });

  test("query: acks, a handler's answer, filters, and the end", async () => {
    const client = await dial(a);
    const ask = async (wish: Parameters<RpcClient["query"]>[0]) => {
      const records: RpcQueryRecord[] = [];
      for await (const record of await client.query(wish)) records.push(record);
      return records.map(({ type, from, payload }) => `${type} ${from} ${Buffer.from(payload)}`).sort();
    };
    expect(await ask({ name: "load", requestAck: true, timeoutMs: 1000 })).toEqual([
      `ack ${a.name} `,
      `ack ${b.name} `,
      `response ${b.name} 0.42\n`,
    ]);
    // A field that Serf does not know does no harm.
    expect(
      await ask({ name: "load", filterTags: { role: "^w" }, requestAck: true, timeoutMs: 500, endEarly: true }),
    ).toEqual([`ack ${a.name} `]);
    expect(await ask({ name: "_serf_ping", filterNodes: [b.name], requestAck: true, timeoutMs: 500 })).toEqual([
      `ack ${b.name} `,
    ]);
    await expect(client.query({ name: "x", payload: new Uint8Array(1100) })).rejects.toMatchObject({
      message: "query exceeds limit of 1024 bytes",
    });
  });

  test("a query at a stream, answered once; one that is left early does not disturb the connection", async () => {
    const [asker, answerer] = [await dial(a), await dial(b)];
    const stream = await answerer.stream("query:ask");
    const answers = await asker.query({
      name: "ask",
      payload: Buffer.from("what?"),
      requestAck: true,
      timeoutMs: 5000,
    });
    const query = await until(stream, (one): one is StreamRecord & { event: "query" } => one.event === "query");
    expect([query.id, Buffer.from(query.payload).toString()]).toEqual([1n, "what?"]);
    await answerer.respond(query.id, Buffer.from("that"));
    await expect(answerer.respond(query.id, Buffer.from("again"))).rejects.toMatchObject({
      message: "failed to respond to key query: response already sent",
    });
    await expect(answerer.respond(99n, Buffer.from("x"))).rejects.toMatchObject({
      message: "No pending queries matching ID",
    });
    const answer = await until(answers, (one): one is RpcQueryRecord & { type: "response" } => one.type === "response");
    expect([answer.from, Buffer.from(answer.payload).toString()]).toEqual([b.name, "that"]);
    // Serf goes on sending until the deadline, done included: all of that is passed over.
    const short = await asker.query({ name: "q", requestAck: true, timeoutMs: 300 });
    for await (const _record of short) break;
    await sleep(600);
    expect(await asker.members()).toHaveLength(2);
  });

  test("monitor", async () => {
    const client = await dial(a);
    const lines = await client.monitor("debug");
    const line = await until(lines, (one): one is string => one.includes("serf: EventMemberJoin"));
    expect(line).toContain("[INFO]");
    await expect(client.monitor("loud")).rejects.toMatchObject({ message: "Unknown log level: LOUD" });
  });

  test("keys on an encrypted pool", async () => {
    const client = await dial(a);
    const second = randomBytes(16).toString("base64");
    const counts = { error: "", numNodes: 2, numErr: 0, numResp: 2 };
    expect(await client.listKeys()).toEqual({
      ...counts,
      messages: {},
      keys: { [key]: 2 },
      primaryKeys: {},
      silent: [],
    });
    expect(await client.installKey(second)).toMatchObject(counts);
    expect(await client.useKey(second)).toMatchObject(counts);
    const refused = await client.removeKey(second);
    expect(refused).toMatchObject({ error: "2/2 nodes reported failure", numErr: 2 });
    expect(refused.messages[a.name]).toBe("Removing the primary key is not allowed");
    expect(await client.removeKey(key)).toMatchObject(counts);
    expect(await client.listKeys()).toMatchObject({ ...counts, keys: { [second]: 2 } });
    expect(await client.useKey("AAE")).toMatchObject({ error: "illegal base64 data at input byte 0", numNodes: 0 });
  });

  test("coordinate", async () => {
    const client = await dial(a);
    const own = await client.getCoordinate(a.name);
    expect(own?.vec).toHaveLength(8);
    expect(own!.height).toBeGreaterThan(0);
    expect(await client.getCoordinate("nobody")).toBeUndefined();
  });

  test("tags", async () => {
    const client = await dial(a);
    await client.tags({ dc: "east" }, ["role"]);
    const members = await client.members();
    expect(members.find(({ name }) => name === a.name)?.tags).toEqual({ dc: "east" });
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

  test("200 clients at once, one of which never reads: the gossip goes on undisturbed", async () => {
    await using pool = new Pool("rpc-crowd");
    const a = await pool.hearsay();
    const b = await pool.serf({ join: a });
    await untilAllSee([a, b], { [a.name]: "alive", [b.name]: "alive" }, 10_000);
    const [host, port] = a.rpc.split(":") as [string, string];
    const clients = await Promise.all(
      Array.from({ length: 200 }, () => RpcClient.connect({ host, port: Number(port), timeoutMs: 30_000 })),
    );
    const deaf = connect(Number(port), host).pause();
    deaf.on("error", () => {});
    const requests = Array.from({ length: 5000 }, (_, i) => [{ Command: "members", Seq: i + 1 }]).flat();
    deaf.write(encode({ Command: "handshake", Seq: 0 }, { Version: 1 }, ...requests));
    try {
      let answers = 0;
      const until = performance.now() + 6000;
      await Promise.all(
        clients.map(async (client) => {
          await client.stream("*");
          for (; performance.now() < until; answers++) {
            expect(await client.members()).toHaveLength(2);
            await sleep(50);
          }
        }),
      );
      expect(answers).toBeGreaterThan(500);
      const { serf } = await clients[0]!.stats();
      // Six probes of each by the other, none of them lost or late.
      expect(serf).toMatchObject({ health_score: "0", failed: "0", members: "2" });
      expect(a.output).not.toContain("suspect");
      expect(b.output).not.toMatch(/[Ss]uspect|EventMemberFailed/);
    } finally {
      deaf.destroy();
      for (const client of clients) await client.close();
    }
  });
});
