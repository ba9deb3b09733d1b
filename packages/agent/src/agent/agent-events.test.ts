/** The agent around a node without a network: events, handlers, tags, reloads, votes. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NodeError } from "@hearsay/node";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeNode, fakeMember } from "../../test/fake-node.ts";
import { parseHandlerSpec } from "../handlers/handler-spec.ts";
import { AgentLog } from "../log/agent-log.ts";
import { Agent } from "./agent.ts";
import { type AgentConfig, DEFAULT_CONFIG } from "./config.ts";
import { bindAddress } from "./node-options.ts";

let directory: string;
let node: FakeNode;
let open: Agent[];
let text: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "hearsay-agent-"));
  node = new FakeNode(fakeMember("me", { tags: { role: "web" } }));
  open = [];
  text = "";
});
afterEach(async () => {
  await Promise.all(open.map((agent) => agent.close()));
  rmSync(directory, { recursive: true });
});

const path = (name: string) => join(directory, name);
const content = (name: string) => readFileSync(path(name), "utf8");
const config = (fields: Partial<AgentConfig>): AgentConfig => ({
  ...DEFAULT_CONFIG,
  rpcAddr: "127.0.0.1:0",
  ...fields,
});
const handlers = (...specs: string[]) => ({ eventHandlers: specs.map(parseHandlerSpec) });

async function start(fields: Partial<AgentConfig> = {}): Promise<Agent> {
  const write = (line: string) => {
    text += line;
  };
  const log = new AgentLog({ level: "INFO", format: "text", write });
  log.open();
  const agent = await Agent.start(config(fields), [], log, async ({ tags }) => {
    node.table = node.table.map((member) => (member.name === "me" ? { ...member, tags: tags ?? {} } : member));
    return node;
  });
  open.push(agent);
  return agent;
}

const event = (name: string) => node.emit("user-event", { name, lTime: 1, coalesce: false, payload: Buffer.from("p") });

test("events reach the log, the handlers and those who follow", async () => {
  const agent = await start(handlers(`user=cat > ${path("seen")}; echo $SERF_USER_EVENT >> ${path("seen")}`));
  const seen: string[] = [];
  const stop = agent.follow(({ kind }) => seen.push(kind));
  event("deploy");
  await node.query("load").started;
  expect(text).toMatch(
    /\[INFO\] agent: Received event: user-event: deploy\n.*\[INFO\] agent: Received event: query: load\n/,
  );
  expect(seen).toEqual(["user", "query"]);
  stop();
  event("later");
  expect(seen).toHaveLength(2);
  await vi.waitFor(() => expect(content("seen")).toBe("p\nlater\n"), 5000);
});

test("stats: the handlers of now, what they lost, and resets of our place", async () => {
  const agent = await start(handlers("user:a=x", "y"));
  expect(agent.stats()).toMatchObject({
    event_handlers: { "user:a": "x", "*:": "y" },
    serf: { coordinate_resets: "0" },
    hearsay: { handler_events_lost: "0" },
  });
  await agent.reload(config(handlers("query=z")));
  expect(agent.stats().event_handlers).toEqual({ "query:": "z" });
  const without = await start({ disableCoordinates: true });
  expect(without.stats().serf).not.toHaveProperty("coordinate_resets");
});

test("stats: what is held of state, what of it has travelled, and what was refused; nothing of it where it is off", async () => {
  const agent = await start();
  await node.state.set("a", 1);
  node.writeAs("b", "x", 1);
  node.writeAs("b", "y", 1);
  await node.shared.set("s", 1);
  await node.counter("n").add();
  agent.aggregates.set("load", 1, {});
  Object.assign(node.drops, {
    "state: delta-gap": 2,
    "extension-stranger": 3,
    "counters: full": 4,
    "unknown-ack": 9,
    "label-mismatch": 0,
  });
  expect(agent.stats()).toMatchObject({
    state: {
      ...{ own_keys: "1", keys: "3", members_with_keys: "2", shared_keys: "1", counters: "1", aggregates: "1" },
      ...{ packets_sent: "7", packets_received: "6", bytes_sent: "700", bytes_received: "600", refused: "9" },
    },
    drops: { "state: delta-gap": "2", "extension-stranger": "3", "unknown-ack": "9" },
  });
  node.stateOff = true;
  expect(agent.stats()).not.toHaveProperty("state");
});

test("a reload replaces handlers and tags", async () => {
  const agent = await start({ ...handlers(`echo old >> ${path("seen")}`), tags: { a: "1" } });
  await agent.changeTags({ b: "2" }, []);
  await agent.reload(config({ ...handlers(`echo new >> ${path("seen")}`), tags: { c: "3" } }));
  event("x");
  await vi.waitFor(() => expect(content("seen")).toBe("new\n"), 5000);
  expect(node.local().tags).toEqual({ c: "3" });
  // The same again is no change, and no news for the pool.
  const before = node.calls.length;
  await agent.reload(config({ tags: { c: "3" } }));
  expect(node.calls).toHaveLength(before);
  node.failures.set("setTags", new NodeError("TAGS_TOO_LARGE", "too many"));
  await agent.reload(config({ tags: { d: "4" } }));
  expect(text).toContain("[ERR] agent: tags not reloaded: too many\n");
});

test("of many reloads at once, only the first and the last have their tags spread", async () => {
  const agent = await start({ tags: { a: "0" } });
  const before = node.calls.length;
  const first = agent.reload(config({ tags: { a: "1" } }));
  await Promise.resolve();
  await Promise.all([first, ...["2", "3", "4"].map((a) => agent.reload(config({ tags: { a } })))]);
  expect(node.calls.slice(before)).toEqual([
    ["setTags", { a: "1" }],
    ["setTags", { a: "4" }],
  ]);
  expect(node.local().tags).toEqual({ a: "4" });
});

test("the tags file: read at the start, written before the pool hears, kept free of what is refused", async () => {
  writeFileSync(path("tags.json"), '{"role": "db"}');
  const agent = await start({ tagsFile: path("tags.json") });
  expect(node.local().tags).toEqual({ role: "db" });
  await Promise.all([agent.changeTags({ a: "1" }, []), agent.changeTags({ b: "2" }, ["role"])]);
  expect(node.local().tags).toEqual({ a: "1", b: "2" });
  expect(JSON.parse(content("tags.json"))).toEqual({ a: "1", b: "2" });
  node.failures.set("setTags", new NodeError("TAGS_TOO_LARGE", "too many"));
  await expect(agent.changeTags({ c: "3" }, [])).rejects.toThrow("too many");
  expect(JSON.parse(content("tags.json"))).toEqual({ a: "1", b: "2" });
});

test("a reload reads the tags file again; a file that is gone, broken or contradicted changes nothing", async () => {
  const tagsFile = path("tags.json");
  const agent = await start({ tagsFile });
  await agent.reload(config({ tagsFile }));
  expect(existsSync(tagsFile)).toBe(false);
  await agent.changeTags({ a: "1" }, []);
  await agent.reload(config({ tagsFile }));
  expect([node.local().tags, JSON.parse(content("tags.json"))]).toEqual([{ a: "1" }, { a: "1" }]);
  writeFileSync(tagsFile, '{"b": "2"}');
  await agent.reload(config({ tagsFile }));
  expect(node.local().tags).toEqual({ b: "2" });
  expect(text).not.toContain("tags not reloaded");
  await agent.reload(config({ tagsFile, tags: { c: "3" } }));
  expect(text).toContain("[ERR] agent: tags not reloaded: Tags config not allowed while using tag files");
  writeFileSync(tagsFile, "{");
  await agent.reload(config({ tagsFile }));
  expect(text).toContain("[ERR] agent: tags not reloaded: Failed to decode tags file");
  // What somebody has written there is theirs, even if the node refuses it.
  writeFileSync(tagsFile, '{"d": "4"}');
  node.failures.set("setTags", new NodeError("TAGS_TOO_LARGE", "too many"));
  await agent.reload(config({ tagsFile }));
  expect([node.local().tags, content("tags.json")]).toEqual([{ b: "2" }, '{"d": "4"}']);
});

test("what came before the end of a graceful leave is handled; then handlers end with the agent", async () => {
  const run = `sleep 0.1; echo $SERF_EVENT $SERF_USER_EVENT >> ${path("seen")}`;
  const agent = await start(handlers(`user=${run}`));
  for (const name of ["a", "b"]) event(name);
  node.emit("user-event", { name: "gathered", lTime: 2, coalesce: true, payload: Buffer.from("") });
  await agent.leave();
  const finished = agent.finish();
  await vi.waitFor(() => expect(node.calls).toContainEqual(["close"]));
  event("late");
  await finished;
  expect(content("seen")).toBe("user a\nuser b\nuser gathered\n");
});

test("handlers that do not finish are told of when the agent is closed", async () => {
  const agent = await start(handlers(`user=while [ ! -e ${path("go")} ]; do sleep 0.02; done`));
  for (const name of ["a", "b", "c"]) event(name);
  const finished = agent.finish();
  await agent.close();
  await finished;
  expect(text).toContain("[WARN] agent: lost, for their event handlers were still busy: 2 events");
  writeFileSync(path("go"), "");
});

test("refused before anything starts", async () => {
  await expect(start({ tagsFile: path("t"), tags: { a: "b" } })).rejects.toThrow(
    "Tags config not allowed while using tag files",
  );
  writeFileSync(path("t"), "{");
  await expect(start({ tagsFile: path("t") })).rejects.toThrow("Failed to decode tags file");
  await expect(start({ interfaceName: "nowhere9" })).rejects.toThrow(/^Invalid network interface: .*"nowhere9"/);
  await expect(start({ bind: "192.0.2.7", interfaceName: "lo" })).rejects.toThrow(/does not have the bind address/);
  await expect(start({ nodeName: "a_b", validateNodeNames: true })).rejects.toThrow('-node: "a_b" is no such name');
  expect(node.calls).toEqual([]);
  await expect(start({ discover: "x", mdns: { ...DEFAULT_CONFIG.mdns, interfaceName: "nowhere9" } })).rejects.toThrow(
    /^-discover: .*nowhere9/,
  );
  // Only this time it had started.
  expect(node.calls).toEqual([["close"]]);
});

test("of a wildcard, -iface leaves the interface's own address", async () => {
  const bound = (bind: string) => bindAddress(config({ bind, interfaceName: "lo" }));
  expect(await bound("0.0.0.0")).toBe("127.0.0.1:7946");
  expect(await bound(":7000")).toBe("127.0.0.1:7000");
  expect(await bound("127.0.0.1:0")).toBe("127.0.0.1:0");
  expect(await bindAddress(config({ bind: "::" }))).toBe("[::]:7946");
});

test("a vote that goes against us ends the agent; one for us, or none at all, does not", async () => {
  const agent = await start();
  node.emit("name-vote", { responses: 0, matching: 0, keep: true });
  node.emit("name-vote", { responses: 3, matching: 2, keep: true });
  node.emit("name-vote", { responses: 3, matching: 1, keep: false });
  expect(await agent.ended).toEqual({
    type: "failed",
    message: expect.stringMatching(/^node name "me" is another's: 1 of 3 members .*choose another with -node$/),
  });
  expect(text).toContain("[INFO] serf: majority in name conflict resolution [2 / 3]");
  expect(text).toContain("[WARN] serf: minority in name conflict resolution [1 / 3]");
});

test("with disable_name_resolution it stays", async () => {
  const agent = await start({ disableNameResolution: true, startJoin: ["x"] });
  node.emit("conflict", { name: "me", own: true, held: "a:1", claimed: "b:1" });
  node.emit("name-vote", { responses: 3, matching: 1, keep: false });
  expect(await Promise.race([agent.ended, Promise.resolve("stays")])).toBe("stays");
});

test("closed, it listens to nothing", async () => {
  const agent = await start();
  await agent.close();
  await agent.close();
  for (const name of ["member-join", "conflict", "name-vote", "user-event", "query"] as const) {
    expect([name, node.listenerCount(name)]).toEqual([name, 0]);
  }
});
