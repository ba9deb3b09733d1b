/** The client's streams: against our own server, and against one that sends whatever the test wants. */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { MsgpackInput } from "@hearsay/wire";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FakeHost } from "../../test/fake-host.ts";
import { FakeNode, fakeMember } from "../../test/fake-node.ts";
import { RpcClient, type RpcQueryRecord, type StreamRecord } from "./client.ts";
import { encode } from "./messages.ts";
import { RpcServer } from "./server.ts";

const text = (payload: Uint8Array): string => Buffer.from(payload).toString();

async function collect<T>(records: AsyncIterable<T>, count = Number.POSITIVE_INFINITY): Promise<T[]> {
  const all: T[] = [];
  if (count > 0) {
    for await (const record of records) {
      all.push(record);
      if (all.length === count) break;
    }
  }
  return all;
}

describe("against our own server", () => {
  let host: FakeHost;
  let node: FakeNode;
  let server: RpcServer;
  beforeEach(async () => {
    node = new FakeNode(fakeMember("a", { tags: { role: "web" } }), [fakeMember("b")]);
    node.timeScale = 0.05;
    host = new FakeHost(node);
    server = await RpcServer.listen(host, { host: "127.0.0.1", port: 0 });
  });
  afterEach(() => server.close());
  const dial = () => RpcClient.connect({ host: "127.0.0.1", port: server.port });

  test("event and tags", async () => {
    await using client = await dial();
    await client.event("deploy", "1.2.3", { coalesce: true });
    await client.event("deploy", Uint8Array.of(1, 2));
    await client.tags({ dc: "east" }, ["role"]);
    expect(node.calls).toEqual([
      ["userEvent", "deploy", "1.2.3", true],
      ["userEvent", "deploy", "\x01\x02", false],
      ["setTags", { dc: "east" }],
    ]);
    await expect(client.event("big", "x".repeat(600))).rejects.toMatchObject({
      code: "REFUSED",
      message: "user event exceeds configured limit of 512 bytes before encoding",
    });
  });

  test("query: acks and answers, then its end", async () => {
    await using client = await dial();
    node.scripts.set("b load", "0.42");
    const wish = { name: "load", payload: Buffer.from("15m"), filterNodes: ["a", "b"], requestAck: true };
    const records = await collect(await client.query({ ...wish, relayFactor: 2, timeoutMs: 1000.5, endEarly: true }));
    expect(records.map(({ type, from, payload }) => [type, from, text(payload)])).toEqual([
      ["ack", "a", ""],
      ["ack", "b", ""],
      ["response", "b", "0.42"],
    ]);
    expect(node.calls).toMatchObject([
      [
        "query",
        "load",
        "15m",
        { filterNodes: ["a", "b"], acks: true, relayFactor: 2, timeout: 1000.5, endEarly: true },
      ],
    ]);
    await expect(client.query({ name: "_serf_x" })).rejects.toMatchObject({ code: "REFUSED" });
    // The connection is as good as before.
    expect(await client.members()).toHaveLength(2);
  });

  test("stream: members, user events, queries, which are answered while it is read", async () => {
    await using client = await dial();
    node.timeScale = 1;
    const stream = await client.stream("*");
    host.tell({ kind: "member-failed", members: [fakeMember("b", { status: "failed" }), fakeMember("c")] });
    await node.userEvent("deploy", "now", { coalesce: true });
    const call = node.query("ask", "what?");
    const seen: StreamRecord[] = [];
    for await (const record of stream) {
      seen.push(record);
      if (record.event !== "query") continue;
      await client.respond(record.id, Buffer.from("that"));
      await expect(client.respond(record.id, Buffer.from("again"))).rejects.toMatchObject({
        message: "failed to respond to key query: response already sent",
      });
      break;
    }
    expect(seen).toMatchObject([
      { event: "member-failed", members: [{ name: "b", status: "failed" }, { name: "c" }] },
      { event: "user", lTime: 1, name: "deploy", coalesce: true },
      { event: "query", id: 1n, lTime: 1, name: "ask" },
    ]);
    call.finish();
    expect((await collect(call)).map(({ payload }) => text(payload))).toEqual(["that"]);
    await expect(client.stream("nonesuch")).rejects.toMatchObject({ message: "Invalid event filter" });
  });

  test("a reader that ends early: the agent is told, for a query as well", async () => {
    await using client = await dial();
    node.timeScale = 100;
    const query = await client.query({ name: "q", requestAck: true });
    expect((await collect(query, 1)).length).toBe(1);
    await expect.poll(() => node.queries[0]!.closed).toBe(true);
    const stream = await client.stream("user");
    await node.userEvent("x");
    expect(await collect(stream, 1)).toHaveLength(1);
    // Its answer to `stop` has come before this one's.
    await client.members();
    await node.userEvent("y");
    expect(await client.members()).toHaveLength(2);
  });

  test("monitor: history and what comes", async () => {
    await using client = await dial();
    host.logBook.add({ level: "INFO", text: "old" });
    host.logBook.add({ level: "DEBUG", text: "too low" });
    const lines = await client.monitor("info");
    host.logBook.add({ level: "ERR", text: "new" });
    expect(await collect(lines, 2)).toEqual(["old", "new"]);
    await expect(client.monitor("loud")).rejects.toMatchObject({ message: "Unknown log level: LOUD" });
  });

  test("keys: what came of it, well or not", async () => {
    await using client = await dial();
    expect(await client.listKeys()).toMatchObject({ error: "2/2 nodes reported failure", numErr: 2, keys: {} });
    node.ring = ["AAECAwQFBgcICQoLDA0ODw=="];
    const second = Buffer.alloc(16, 7).toString("base64");
    expect(await client.installKey(second)).toMatchObject({ error: "", numNodes: 2, numErr: 0, numResp: 2 });
    expect(await client.useKey(second)).toMatchObject({ error: "" });
    expect(await client.listKeys()).toEqual({
      ...{ error: "", messages: {}, numNodes: 2, numErr: 0, numResp: 2 },
      keys: { "AAECAwQFBgcICQoLDA0ODw==": 2, [second]: 2 },
      primaryKeys: { [second]: 2 },
      silent: [],
    });
    const refused = await client.removeKey(second);
    expect(refused.messages).toEqual({
      a: "Removing the primary key is not allowed",
      b: "Removing the primary key is not allowed",
    });
    expect(await client.useKey("?")).toMatchObject({ error: "illegal base64 data at input byte 0", numNodes: 0 });
  });

  test("getCoordinate", async () => {
    await using client = await dial();
    const place = { vec: [1, -0.5, 0, 0, 0, 0, 0, 0], error: 1.5, adjustment: -1e-4, height: 1e-5 };
    node.coordinates.set("b", place);
    expect(await client.getCoordinate("b")).toEqual(place);
    expect(await client.getCoordinate("nobody")).toBeUndefined();
  });

  test("a signal ends a stream with ABORTED, and nothing else", async () => {
    await using client = await dial();
    const controller = new AbortController();
    const stream = await client.stream("user", { signal: controller.signal });
    const reading = collect(stream);
    controller.abort();
    await expect(reading).rejects.toMatchObject({ code: "ABORTED" });
    expect(await client.members()).toHaveLength(2);
    // Nobody was waiting when it fired: the next one to ask learns of it.
    const second = new AbortController();
    const unread = await client.stream("user", { signal: second.signal });
    await node.userEvent("x");
    await client.members();
    second.abort();
    await expect(collect(unread)).rejects.toMatchObject({ code: "ABORTED" });
    await expect(client.stream("user", { signal: controller.signal })).rejects.toMatchObject({ code: "ABORTED" });
  });

  test("an agent that ends: what has come is still read, then CLOSED", async () => {
    await using client = await dial();
    const stream = await client.stream("user");
    await node.userEvent("x");
    await client.members();
    await server.close();
    const seen: StreamRecord[] = [];
    const reading = (async () => {
      for await (const record of stream) seen.push(record);
    })();
    await expect(reading).rejects.toMatchObject({ code: "CLOSED", message: "the agent closed the connection" });
    expect(seen).toHaveLength(1);
  });

  test("a client that closes itself ends its streams", async () => {
    const client = await dial();
    const reading = collect(await client.stream("user"));
    await client.close();
    await expect(reading).rejects.toMatchObject({ code: "CLOSED", message: "the client was closed" });
  });

  test("a stream that nobody reads: the agent loses its records, and a call gets through all the same", async () => {
    await using client = await dial();
    const stream = await client.stream("member-update");
    const tags = { big: "x".repeat(60_000) };
    for (let i = 0; i < 800; i++) {
      host.tell({ kind: "member-update", members: [fakeMember(`m${i}`, { tags })] });
      if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    // Its answer stands behind records that nobody has read.
    expect(await client.members()).toHaveLength(2);
    let read = 0;
    for await (const record of stream) {
      if (record.event === "member-update" && record.members[0]!.name === `m${read}`) read++;
      if (read === 20) break;
    }
    expect(host.logged.some((line) => line.includes("read too slowly"))).toBe(true);
    expect(await client.members()).toHaveLength(2);
  });
});

describe("against an agent that sends what it likes", () => {
  const servers: Server[] = [];
  const clients: RpcClient[] = [];
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close();
    for (const server of servers.splice(0)) server.close();
  });
  const header = (seq: number, error = "") => ({ Error: error, Seq: seq });

  /** A client whose requests are swallowed, and the agent's end of its connection. */
  async function connected(
    timeoutMs = 10_000,
  ): Promise<{ client: RpcClient; socket: Socket; say: (...values: MsgpackInput[]) => void }> {
    const server = createServer();
    servers.push(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const accepted = once(server, "connection") as Promise<[Socket]>;
    const { port } = server.address() as { port: number };
    const dialling = RpcClient.connect({ host: "127.0.0.1", port, timeoutMs });
    const [socket] = await accepted;
    socket.on("error", () => {}).resume();
    const say = (...values: MsgpackInput[]) => void socket.write(encode(...values));
    say(header(0));
    const client = await dialling;
    clients.push(client);
    return { client, socket, say };
  }

  test("records of nobody just before the end of a query are skipped, as Serf's agents may send them", async () => {
    const { client, say } = await connected();
    const opening = client.query({ name: "q" });
    const nobody = (Type: string) => ({ From: "", Payload: null, Type });
    say(header(1), header(1), nobody("ack"), header(1), { From: "n1", Payload: null, Type: "response" });
    say(header(1), nobody("response"), header(1), nobody("done"));
    const records: RpcQueryRecord[] = await collect(await opening);
    expect(records).toEqual([{ type: "response", from: "n1", payload: new Uint8Array(0) }]);
  });

  test("records that come after the stop are dropped", async () => {
    const { client, say } = await connected();
    const opening = client.stream("*");
    say(header(1), header(1), { Event: "user", Name: "x" });
    const stream = await opening;
    expect(await collect(stream, 1)).toMatchObject([{ event: "user", name: "x" }]);
    const calling = client.members();
    const late = [header(1), { Event: "user", Name: "late" }];
    say(...late, header(2), ...late, header(3), { Members: [] }, ...late);
    expect(await calling).toEqual([]);
    const again = client.members();
    say(header(4), { Members: [] });
    expect(await again).toEqual([]);
  });

  test("an event of a kind we do not know is passed over", async () => {
    const { client, say } = await connected();
    const opening = client.stream("*");
    say(header(1), header(1), { Event: "eclipse", Name: "x" }, header(1), { Event: "user", Name: "y" });
    expect(await collect(await opening, 1)).toMatchObject([{ name: "y" }]);
  });

  test.each([
    ["a record of no stream", [header(9), { Event: "user" }]],
    ["an error in the midst of a stream", [header(1, "oops")]],
    ["a record that is none", [header(1), "text"]],
    ["an answer that is not due", [header(2)]],
    ["a header without a number", [{ Error: "" }]],
  ])("%s ends the connection", async (_what, values) => {
    const { client, say } = await connected();
    const opening = client.stream("*");
    say(header(1));
    const reading = collect(await opening);
    say(...(values as MsgpackInput[]));
    await expect(reading).rejects.toMatchObject({ code: "BAD_ANSWER" });
    await expect(client.members()).rejects.toMatchObject({ code: "BAD_ANSWER" });
  });

  test("a key command refused without a body, as for want of a token", async () => {
    const { client, say } = await connected();
    const listing = client.listKeys();
    say(header(1, "Authentication required"));
    await expect(listing).rejects.toMatchObject({ code: "REFUSED", message: "Authentication required" });
  });

  test("a request that cannot be written is no request: the next one gets its answer", async () => {
    const { client, say } = await connected();
    await expect(client.respond(2n ** 64n, new Uint8Array(0))).rejects.toThrow(RangeError);
    const calling = client.members();
    say(header(2), { Members: [] });
    expect(await calling).toEqual([]);
  });

  test("the time limit of a call begins with its turn", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const { client, say } = await connected(100);
      const [first, second] = [client.members(), client.members()];
      vi.advanceTimersByTime(90);
      say(header(1), { Members: [] });
      expect(await first).toEqual([]);
      vi.advanceTimersByTime(90);
      say(header(2), { Members: [] });
      expect(await second).toEqual([]);
      const third = client.members();
      vi.advanceTimersByTime(101);
      await expect(third).rejects.toMatchObject({ code: "TIMED_OUT" });
    } finally {
      vi.useRealTimers();
    }
  });

  test("what an agent may take long for is waited for: one name of a wan pool has many addresses, 30 s each", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const { client, say } = await connected();
      const joining = client.join(["seeds.example"]);
      vi.advanceTimersByTime(120_000);
      say(header(1), { Num: 1 });
      expect(await joining).toBe(1);
      // Two broadcasts, each for as long as the agent's -broadcast-timeout says.
      const leaving = client.leave();
      vi.advanceTimersByTime(125_000);
      say(header(2));
      await leaving;
    } finally {
      vi.useRealTimers();
    }
  });

  test("what nobody reads is left in the network, and none of it is lost", async () => {
    const { client, socket, say } = await connected();
    const opening = client.stream("user");
    say(header(1));
    const stream = await opening;
    const payload = new Uint8Array(50_000);
    const total = 600;
    const taken = (i: number) =>
      new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(false), 300);
        socket.write(encode(header(1), { Event: "user", LTime: i, Name: "x", Payload: payload }), () => {
          clearTimeout(timer);
          resolve(true);
        });
      });
    // The client takes 1 MB, the kernel some more, and then no byte moves: long before these 30 MB.
    let sent = 0;
    while (sent < total && (await taken(sent++)));
    expect(sent).toBeLessThan(400);
    while (sent < total) say(header(1), { Event: "user", LTime: sent++, Name: "x", Payload: payload });
    let next = 0;
    for await (const record of stream) {
      expect(record).toMatchObject({ lTime: next });
      if (++next === total) break;
    }
  });
});
