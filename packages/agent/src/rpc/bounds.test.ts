/** Whatever clients do: memory stays bounded, and nobody else is held up. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { MsgpackInput } from "@hearsay/wire";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FakeHost } from "../../test/fake-host.ts";
import { FakeNode, fakeMember } from "../../test/fake-node.ts";
import { Peer, request } from "../../test/peer.ts";
import { MAX_STREAMS } from "./client-streams.ts";
import { encode } from "./messages.ts";
import { OpenQueries } from "./open-queries.ts";
import { Outlet } from "./outlet.ts";
import { RpcServer } from "./server.ts";

let node: FakeNode;
let host: FakeHost;
let server: RpcServer;
const peers: Peer[] = [];

beforeEach(async () => {
  node = new FakeNode(fakeMember("a"), [fakeMember("b")]);
  node.timeScale = 0.05;
  host = new FakeHost(node);
  server = await RpcServer.listen(host, { host: "127.0.0.1", port: 0 });
});
afterEach(async () => {
  for (const peer of peers.splice(0)) peer.socket.destroy();
  await server.close();
});

async function greeted(): Promise<Peer> {
  const peer = await Peer.greeted(server.port);
  peers.push(peer);
  return peer;
}

/** Bytes outside the heap, where everything that waits to be sent lies. */
const buffered = (): number => process.memoryUsage().arrayBuffers;

test("200 clients at once, each with a stream, a query, an event and the members", async () => {
  node.scripts.set("b load", "0.42");
  const clients = await Promise.all(Array.from({ length: 200 }, greeted));
  for (const client of clients) client.send(request("stream", 1), { Type: "user:go" });
  for (const client of clients) expect(await client.header()).toEqual({ seq: 1, error: "" });
  for (const client of clients) {
    client.send(request("query", 2), { Name: "load", RequestAck: true }, request("members", 3));
  }
  await Promise.all(
    clients.map(async (client) => {
      const seen: unknown[] = [];
      while (seen.at(-1) !== "done") {
        const value = await client.next();
        if (!(value instanceof Map)) throw new Error(String(value));
        if (value.has("Type")) seen.push(value.get("Type"));
        if (value.has("Members")) seen.push("members");
      }
      expect(seen.sort()).toEqual(["ack", "ack", "done", "members", "response"]);
    }),
  );
  expect(server.connections).toBe(200);
  clients[0]!.send(request("event", 4), { Name: "go" });
  for (const client of clients.slice(1)) expect(await client.record()).toMatchObject({ seq: 1, Name: "go" });
  for (const client of clients) client.socket.destroy();
  await expect.poll(() => server.connections).toBe(0);
  await server.close();
  expect([node.listenerCount("user-event"), node.listenerCount("query")]).toEqual([0, 0]);
});

test("a client with every stream it may have, that never reads", async () => {
  const lazy = await greeted();
  for (let i = 1; i <= MAX_STREAMS; i++) lazy.send(request("stream", i), { Type: "*" });
  for (let i = 1; i <= MAX_STREAMS; i++) await lazy.header();
  const keen = await greeted();
  keen.send(request("stream", 1), { Type: "*" });
  await keen.header();
  lazy.socket.pause();
  const before = buffered();
  const tags = { big: "x".repeat(30_000) };
  for (let i = 0; i < 600; i++) {
    host.tell({ kind: "member-update", members: [fakeMember(`m${i}`, { tags })] });
    expect(await keen.record()).toMatchObject({ seq: 1, Event: "member-update" });
  }
  // All of it would be 1.1 GB.
  expect(buffered() - before).toBeLessThan(64 * 1024 * 1024);
  expect(host.logged.filter((line) => line.includes("read too slowly")).length).toBeGreaterThan(0);
});

test("a client that asks and asks and never reads: its requests wait in its own connection", async () => {
  node.table = [
    node.local(),
    ...Array.from({ length: 500 }, (_, i) => fakeMember(`m${i}`, { tags: { k: "x".repeat(400) } })),
  ];
  const lazy = await greeted();
  lazy.socket.pause();
  const before = buffered();
  const many: MsgpackInput[] = Array.from({ length: 2000 }, (_, i) => request("members", i));
  lazy.send(...many);
  const other = await greeted();
  for (let i = 0; i < 20; i++) {
    other.send(request("members", i));
    expect(await other.header()).toEqual({ seq: i, error: "" });
    await other.next();
  }
  // All the answers would be 600 MB.
  expect(buffered() - before).toBeLessThan(64 * 1024 * 1024);
});

test("a client that pipelines what takes time: others come in between", async () => {
  const eager = await greeted();
  const other = await greeted();
  let asked = 0;
  const members = node.members.bind(node);
  node.members = () => {
    asked++;
    const until = performance.now() + 2;
    while (performance.now() < until);
    return members();
  };
  // All of them in one packet, and room for their answers.
  eager.send(...Array.from({ length: 500 }, (_, i) => request("members", i)));
  await expect.poll(() => asked, { interval: 1 }).toBeGreaterThan(0);
  other.send(request("stats", 1));
  expect(await other.header()).toEqual({ seq: 1, error: "" });
  expect(asked).toBeLessThan(100);
});

test("a client without the token that asks for what nobody knows, and never reads", async () => {
  await server.close();
  server = await RpcServer.listen(host, { host: "127.0.0.1", port: 0, token: "sesame" });
  const lazy = await greeted();
  lazy.socket.pause();
  let sent = 0;
  const flood = encode(...Array.from({ length: 20_000 }, (_, i) => request("x", i)));
  // Until the server takes no more: what waits then waits in the client's own connection.
  while (sent < 40 && lazy.socket.writableLength < 4 * flood.length) {
    lazy.socket.write(flood);
    sent++;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(sent).toBeLessThan(40);
});

test("members filtered by more patterns than any member has tags", async () => {
  const peer = await greeted();
  const tags = Object.fromEntries(Array.from({ length: 18_000 }, (_, i) => [i.toString(36), "a{999}"]));
  const began = performance.now();
  peer.send(request("members-filtered", 1), { Tags: tags, Status: "", Name: "" });
  expect(await peer.next()).toBe("closed");
  // All of them take ten seconds, and half a gigabyte.
  expect(performance.now() - began).toBeLessThan(2000);
});

test("what is refused is not quoted at any length", async () => {
  const peer = await greeted();
  peer.send(request("members-filtered", 1), { Name: `(${"x".repeat(200_000)}` });
  expect(await peer.next()).toBe("closed");
  expect(host.logged.at(-1)).toMatch(/sent a broken pattern: \(xxx/);
  expect(host.logged.at(-1)!.length).toBeLessThan(500);
});

test.runIf(process.platform === "linux")(
  "a client whose machine has died is noticed: its connection is probed",
  async () => {
    const { socket } = await greeted();
    const port = (value: number) => value.toString(16).toUpperCase().padStart(4, "0");
    // Local and remote address, state, queues; then the timer that runs: 02 is the keepalive's.
    const row = new RegExp(`:${port(server.port)} \\w+:${port(socket.localPort!)} \\w+ \\S+ (\\w\\w):`);
    await expect.poll(async () => row.exec(await readFile("/proc/net/tcp", "utf8"))?.[1]).toBe("02");
  },
);

test("a value as long as memory is refused at its announcement", async () => {
  const peer = await greeted();
  const before = buffered();
  peer.send(request("event", 1));
  // A map of one field, its value 4 GB of bytes.
  peer.socket.write(Uint8Array.of(0x81, 0xa7, ...Buffer.from("Payload"), 0xc6, 0xff, 0xff, 0xff, 0xff));
  expect(await peer.next()).toBe("closed");
  expect(buffered() - before).toBeLessThan(1024 * 1024);
});

test("a query whose client takes nothing is given up, and its connection with it", async () => {
  const silent = { room: async () => false, closed: false, record: () => false } as unknown as Outlet;
  const count = { open: 0 };
  let stalled = 0;
  const queries = new OpenQueries(silent, count, () => stalled++);
  const wish = { name: "q", payload: new Uint8Array(0), filterNodes: [], filterTags: {}, requestAck: true };
  const answer = await queries.open(node, 1n, { ...wish, relayFactor: 0, timeout: 0n, endEarly: false });
  expect(count.open).toBe(1);
  answer.after!();
  await expect.poll(() => stalled).toBe(1);
  expect([queries.size, count.open, node.queries[0]!.closed]).toEqual([0, 0, true]);
});

test("a query that finds the room taken by another waits again", async () => {
  let refusals = 3;
  let sent = 0;
  const shared = {
    room: async () => true,
    closed: false,
    record: () => refusals-- <= 0 && ++sent,
  } as unknown as Outlet;
  const queries = new OpenQueries(shared, { open: 0 }, () => {});
  const wish = { name: "q", payload: new Uint8Array(0), filterNodes: [], filterTags: {}, requestAck: true };
  const answer = await queries.open(node, 1n, { ...wish, relayFactor: 0, timeout: 0n, endEarly: false });
  answer.after!();
  // Two acks, and that it is done.
  await expect.poll(() => sent).toBe(3);
});

test("waiting for room: none, then some, then nobody", async () => {
  const listener: Server = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const client = connect((listener.address() as { port: number }).port, "127.0.0.1").pause();
  const [socket] = (await once(listener, "connection")) as [Socket];
  socket.on("error", () => {});
  const outlet = new Outlet(socket);
  expect(await outlet.room(10)).toBe(true);
  const record = { header: new Uint8Array(1), body: new Uint8Array(16 * 1024 * 1024) };
  expect([outlet.record(record), outlet.record(record)]).toEqual([true, false]);
  expect(await outlet.room(20)).toBe(false);
  const room = outlet.room(10_000);
  client.resume();
  expect(await room).toBe(true);
  client.pause();
  outlet.record(record);
  const never = outlet.room(10_000);
  socket.destroy();
  expect(await never).toBe(false);
  client.destroy();
  listener.close();
});
