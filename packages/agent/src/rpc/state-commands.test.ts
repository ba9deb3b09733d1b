/** Replicated state over RPC: what is asked, what is answered, and what holds whatever clients do. */
import { type MsgpackInput, Reader } from "@hearsay/wire";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeHost } from "../../test/fake-host.ts";
import { FakeNode, fakeMember } from "../../test/fake-node.ts";
import { Peer, request } from "../../test/peer.ts";
import { RpcClient, type StateChangeRecord, type StateRecord } from "./client.ts";
import { encode } from "./messages.ts";
import { MAX_WATCHES, MAX_WATCHES_OF_ALL, OpenWatches } from "./open-watches.ts";
import type { Outlet } from "./outlet.ts";
import type { QueuedRecord } from "./record-queue.ts";
import { RpcServer } from "./server.ts";
import { decodeStateChange, decodeStateRecord } from "./state-messages.ts";

let node: FakeNode;
let host: FakeHost;
let server: RpcServer;
const peers: Peer[] = [];

beforeEach(async () => {
  node = new FakeNode(fakeMember("a"), [fakeMember("b")]);
  host = new FakeHost(node);
  server = await RpcServer.listen(host, { host: "127.0.0.1", port: 0 });
});
afterEach(async () => {
  for (const peer of peers.splice(0)) peer.socket.destroy();
  await server.close();
});

const dial = () => RpcClient.connect({ host: "127.0.0.1", port: server.port });

async function greeted(): Promise<Peer> {
  const peer = await Peer.greeted(server.port);
  peers.push(peer);
  return peer;
}

/** The error of a command that fails; the connection lives on. */
async function refusal(command: string, body: MsgpackInput): Promise<unknown> {
  const peer = await greeted();
  const header = await peer.send(request(command, 7), body).header();
  expect(await peer.send(request("stop", 8), { Stop: 99 }).header()).toEqual({ seq: 8, error: "" });
  return header === "closed" ? header : header.error;
}

async function all<T>(records: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const record of records) list.push(record);
  return list;
}

const brief = ({ member, key, value }: StateRecord) => [member, key, value];

describe("keys", () => {
  test.each([[null], [false], [-0.5], ["é\n"], [""], [[1, [2]]], [{ a: { b: null } }], [Uint8Array.of(0, 255)]])(
    "%j comes back as it went",
    async (value) => {
      await using client = await dial();
      await client.state.set("k", value);
      expect(await client.state.get("k")).toEqual({ member: "a", key: "k", value, time: undefined });
      await client.state.set("k", value, { shared: true });
      expect(await client.state.get("k", { shared: true })).toEqual({
        ...{ member: "a", key: "k", value },
        time: expect.any(Date),
      });
    },
  );

  test("one's own, another's, and shared ones are three things", async () => {
    await using client = await dial();
    node.writeAs("b", "load", 2);
    await client.state.set("load", 1);
    await client.state.set("load", 3, { shared: true });
    expect((await client.state.get("load")).value).toBe(1);
    expect((await client.state.get("load", { member: "b" })).value).toBe(2);
    expect((await client.state.get("load", { shared: true })).value).toBe(3);
    await client.state.delete("load", { shared: true });
    await expect(client.state.delete("load", { shared: true })).rejects.toMatchObject({ message: "No such key" });
    expect((await client.state.get("load")).value).toBe(1);
  });

  test("a time to live reaches the node", async () => {
    await using client = await dial();
    await client.state.set("k", 1, { ttl: 20 });
    expect((await client.state.get("k")).value).toBe(1);
    await expect.poll(() => node.state.get("k")).toBeUndefined();
  });

  test.each<[string, Record<string, MsgpackInput>, string]>([
    ["state-get", { Key: "k" }, "No such key"],
    ["state-get", { Key: "k", Member: "b" }, "No such key"],
    ["state-get", { Key: "k", Member: "x" }, "No such member"],
    ["state-get", { Key: "k", Member: "b", Shared: true }, "Shared keys belong to no member"],
    ["state-set", { Key: "k", Member: "b", Json: "1" }, "Only a member itself writes its keys"],
    ["state-set", { Key: "k" }, "The value is neither JSON nor bytes"],
    ["state-set", { Key: "k", Json: "{" }, "The value is neither JSON nor bytes"],
    ["state-set", { Key: "", Json: "1" }, "a key has 1 to 255 bytes"],
    ["state-set", { Key: "k", Bytes: new Uint8Array(70_000) }, "a value of 70000 bytes is over the limit"],
    ["state-delete", { Key: "k" }, "No such key"],
    ["state-delete", { Key: "k", Member: "b" }, "Only a member itself writes its keys"],
    ["state-list", { Member: "x" }, "No such member"],
    ["state-watch", { Member: "b", Shared: true }, "Shared keys belong to no member"],
  ])("%s %j is refused", async (command, body, error) => {
    expect(await refusal(command, body)).toBe(error);
    expect(node.state.entries()).toEqual([]);
  });

  test("nothing of it on an agent without", async () => {
    node.stateOff = true;
    for (const command of ["state-get", "state-set", "state-delete", "state-list", "state-watch"]) {
      expect(await refusal(command, { Key: "k", Json: "1" })).toBe("Replicated state is off on this agent");
    }
    expect(await refusal("counter-get", { Name: "n" })).toBe("Replicated state is off on this agent");
    expect(await refusal("aggregate-set", { Name: "n", Value: 1 })).toBe("Replicated state is off on this agent");
  });

  test("what cannot be read ends the connection", async () => {
    for (const body of [{ Key: 5 }, { TtlMs: -1 }, { Json: Uint8Array.of(0xff) }, { Shared: "x" }]) {
      const peer = await greeted();
      expect(await peer.send(request("state-set", 1), body).header()).toBe("closed");
    }
    expect(host.logged.filter((line) => line.includes("cannot be read"))).toHaveLength(4);
  });

  test("an entry or a change of no time is not taken", () => {
    const broken = { Member: "a", Key: "k", Json: "1", Time: 1e300 };
    expect(() => decodeStateRecord(encode({ Entry: broken }))).toThrow("a time that is none");
    expect(() => decodeStateChange(encode(broken))).toThrow("a time that is none");
    expect(() => decodeStateRecord(encode({ Entry: { ...broken, Time: "x" } }))).toThrow("cannot be read");
  });

  test("a value over what a request takes is refused at the client, which then goes on", async () => {
    await using client = await dial();
    await expect(client.state.set("k", "\u0001".repeat(60_000))).rejects.toMatchObject({
      code: "REFUSED",
      message: "a value of 360002 bytes is too large: a request takes 261120",
    });
    expect(await client.members()).toHaveLength(2);
  });

  test("a token is asked for", async () => {
    const guarded = await RpcServer.listen(host, { host: "127.0.0.1", port: 0, token: "sesame" });
    const peer = await Peer.greeted(guarded.port);
    peers.push(peer);
    const header = await peer.send(request("state-get", 1), { Key: "k" }).header();
    expect(header).toEqual({ seq: 1, error: "Authentication required" });
    await guarded.close();
  });
});

describe("lists", () => {
  test("everybody's, one member's, and shared ones, by prefix", async () => {
    await using client = await dial();
    node.writeAs("b", "x1", 1);
    node.writeAs("b", "y", 2);
    await client.state.set("x2", 3);
    await client.state.set("x3", 4, { shared: true });
    expect((await all(client.state.list())).map(brief)).toEqual([
      ["a", "x2", 3],
      ["b", "x1", 1],
      ["b", "y", 2],
    ]);
    expect((await all(client.state.list({ prefix: "x" }))).map(({ key }) => key)).toEqual(["x2", "x1"]);
    expect((await all(client.state.list({ member: "b", prefix: "y" }))).map(brief)).toEqual([["b", "y", 2]]);
    expect((await all(client.state.list({ shared: true }))).map(brief)).toEqual([["a", "x3", 4]]);
  });

  test("many come page by page, each once, in order; large values make short pages", async () => {
    await using client = await dial();
    const large = "x".repeat(60_000);
    for (let i = 0; i < 100; i++) for (const owner of ["a", "b"]) node.writeAs(owner, `k${i}`, large);
    for (let i = 0; i < 5000; i++) node.writeAs("", `s${i}`, i);
    const peer = await greeted();
    await peer.send(request("state-list", 1), {}).header();
    const page = (await peer.next()) as Map<string, unknown>;
    expect(page.get("More")).toBe(true);
    expect((page.get("Entries") as unknown[]).length).toBe(18);
    const keys = (await all(client.state.list())).map(({ member, key }) => `${member} ${key}`);
    expect(keys).toHaveLength(200);
    expect(keys).toEqual([...new Set(keys)].sort());
    expect(new Set((await all(client.state.list({ shared: true }))).map(({ key }) => key)).size).toBe(5000);
  });
});

test("a page is gathered in turns with others", async () => {
  let made = 0;
  const { shared } = node;
  const slowly = function* () {
    for (; made < 200; made++) {
      const until = performance.now() + 1;
      while (performance.now() < until);
      yield { key: `k${made}`, value: made, writer: "a", time: new Date() };
    }
  };
  Object.defineProperty(node, "shared", { get: () => ({ ...shared, scan: slowly }) });
  await using client = await dial();
  await using other = await dial();
  const listed = all(client.state.list({ shared: true }));
  await expect.poll(() => made, { interval: 1 }).toBeGreaterThan(0);
  await other.members();
  expect(made).toBeLessThan(150);
  expect(await listed).toHaveLength(200);
});

describe("watches", () => {
  const short = ({ member, key, before, after, isLocal }: StateChangeRecord) => [member, key, before, after, isLocal];

  test("changes of everybody, of one member, of shared keys; with what is there already", async () => {
    await using client = await dial();
    node.writeAs("b", "x", "old");
    node.writeAs("", "s", 0);
    const everybody = (await client.state.watch())[Symbol.asyncIterator]();
    const ofB = (await client.state.watch({ member: "b", prefix: "x", initial: true }))[Symbol.asyncIterator]();
    const shared = (await client.state.watch({ shared: true, initial: true }))[Symbol.asyncIterator]();
    await client.state.set("x", Uint8Array.of(1));
    node.writeAs("b", "x", "new");
    node.writeAs("b", "other", 1);
    node.writeAs("b", "x", undefined);
    await client.state.set("s", null, { shared: true });
    const next = async (of: AsyncIterator<StateChangeRecord>) => short((await of.next()).value as StateChangeRecord);
    expect([await next(everybody), await next(everybody), await next(everybody), await next(everybody)]).toEqual([
      ["a", "x", undefined, Uint8Array.of(1), true],
      ["b", "x", "old", "new", false],
      ["b", "other", undefined, 1, false],
      ["b", "x", "new", undefined, false],
    ]);
    expect([await next(ofB), await next(ofB), await next(ofB)]).toEqual([
      ["b", "x", undefined, "old", false],
      ["b", "x", "old", "new", false],
      ["b", "x", "new", undefined, false],
    ]);
    expect([await next(shared), await next(shared)]).toEqual([
      ["", "s", undefined, 0, false],
      ["a", "s", 0, null, true],
    ]);
  });

  test("a reader that has had enough ends it in the node, too", async () => {
    const client = await dial();
    const watch = await client.state.watch();
    const other = await client.state.watch();
    expect(other).toBeDefined();
    await expect.poll(() => node.watchers).toBe(2);
    await watch[Symbol.asyncIterator]().return?.();
    await expect.poll(() => node.watchers).toBe(1);
    await client.close();
    await expect.poll(() => node.watchers).toBe(0);
  });

  test("so many on a connection, so many on an agent, one a number", async () => {
    const peer = await greeted();
    for (let i = 1; i <= MAX_WATCHES; i++) {
      expect(await peer.send(request("state-watch", i), {}).header()).toEqual({ seq: i, error: "" });
    }
    const tooMany = await peer.send(request("state-watch", 99), {}).header();
    expect(tooMany).toEqual({ seq: 99, error: "too many watches at once: 16 are open on this connection" });
    const stream = await peer.send(request("stream", 1), { Type: "*" }).header();
    expect(stream).toEqual({ seq: 1, error: "Stream with given sequence exists" });
    expect(await peer.send(request("stop", 50), { Stop: 1 }).header()).toEqual({ seq: 50, error: "" });
    expect(await peer.send(request("state-watch", 2), {}).header()).toEqual({
      ...{ seq: 2, error: "Watch with given sequence exists" },
    });
    for (let open = MAX_WATCHES - 1; open < MAX_WATCHES_OF_ALL; ) {
      const more = await greeted();
      for (let i = 0; i < MAX_WATCHES && open < MAX_WATCHES_OF_ALL; i++, open++) {
        expect(await more.send(request("state-watch", i), {}).header()).toEqual({ seq: i, error: "" });
      }
    }
    const full = await (await greeted()).send(request("state-watch", 1), {}).header();
    expect(full).toEqual({ seq: 1, error: "too many watches at once: 256 are open on this agent" });
    for (const each of peers) each.socket.destroy();
    await expect.poll(() => node.watchers).toBe(0);
    expect(await (await greeted()).send(request("state-watch", 1), {}).header()).toEqual({ seq: 1, error: "" });
  });

  test("who does not read loses the oldest changes, learns how many, and holds up nobody", async () => {
    const lazy = await greeted();
    await lazy.send(request("state-watch", 1), {}).header();
    await expect.poll(() => node.watchers).toBe(1);
    lazy.socket.pause();
    await using keen = await dial();
    const changes = (await keen.state.watch())[Symbol.asyncIterator]();
    const value = "x".repeat(10_000);
    const total = 2500;
    for (let i = 0; i < total; i++) {
      node.writeAs("b", `k${i}`, value);
      expect(((await changes.next()).value as StateChangeRecord).key).toBe(`k${i}`);
    }
    lazy.socket.resume();
    let seen = 0;
    let dropped = 0;
    let last: unknown;
    while (seen + dropped < total) {
      const record = await lazy.record();
      seen++;
      dropped += record.Dropped as number;
      last = record.Key;
    }
    expect(last).toBe(`k${total - 1}`);
    expect(dropped).toBeGreaterThan(0);
  });

  test("who finds the room taken by another waits again", async () => {
    const said: unknown[] = [];
    let refusals = 5;
    const keyOf = (body: Uint8Array) => (new Reader(body).value() as Map<string, unknown>).get("Key");
    const shared = {
      ...{ closed: false, room: async () => true },
      record: ({ body }: QueuedRecord) => refusals-- <= 0 && said.push(keyOf(body)),
    } as unknown as Outlet;
    const watches = new OpenWatches(shared, { open: 0 });
    const begin = (signal: AbortSignal) => node.state.watch("", { signal });
    watches.open(1n, begin, () => true).after!();
    await expect.poll(() => node.watchers).toBe(1);
    for (const key of ["a", "b", "c"]) node.writeAs("b", key, 1);
    await expect.poll(() => said).toEqual(["a", "b", "c"]);
    watches.clear();
  });

  test("the node closes: the watch ends, and the connection stays", async () => {
    await using client = await dial();
    const ended = { ...node.state, watch: async function* () {} };
    Object.defineProperty(node, "state", { get: () => ended });
    expect(await all(await client.state.watch())).toEqual([]);
    expect(await client.members()).toHaveLength(2);
  });
});
