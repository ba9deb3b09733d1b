import { once } from "node:events";
import type { Socket } from "node:net";
import type { MsgpackValue } from "@hearsay/wire";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeHost } from "../../test/fake-host.ts";
import { FakeNode, fakeMember } from "../../test/fake-node.ts";
import { HANDSHAKE, Peer, request } from "../../test/peer.ts";
import { encode } from "./messages.ts";
import { RpcServer } from "./server.ts";
import { MAX_REQUEST_BYTES } from "./session.ts";

let host: FakeHost;
let server: RpcServer;
const sockets: Socket[] = [];

function dial(): Peer {
  const peer = new Peer(server.port);
  sockets.push(peer.socket);
  return peer;
}

async function greeted(): Promise<Peer> {
  const peer = dial().send(...HANDSHAKE);
  expect(await peer.header()).toEqual({ seq: 0, error: "" });
  return peer;
}

async function listen(options: { token?: string; maxConnections?: number } = {}) {
  server = await RpcServer.listen(host, { host: "127.0.0.1", port: 0, ...options });
}

beforeEach(async () => {
  host = new FakeHost(new FakeNode(fakeMember("a", { tags: { role: "web" } }), [fakeMember("b", { port: 7947 })]));
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.close();
});

describe("order", () => {
  test("requests sent together are answered one after another, also across a slow one", async () => {
    await listen();
    const peer = await greeted();
    let open = () => {};
    host.gate = new Promise((resolve) => {
      open = resolve;
    });
    peer.send(request("join", 1), { Existing: ["x"], Replay: false }, request("stats", 2), request("members", 3));
    await new Promise((resolve) => setTimeout(resolve, 30));
    open();
    expect(await peer.header()).toMatchObject({ seq: 1 });
    expect(await peer.next()).toEqual(new Map([["Num", 0]]));
    expect(await peer.header()).toEqual({ seq: 2, error: "" });
    await peer.next();
    expect(await peer.header()).toEqual({ seq: 3, error: "" });
  });

  test("one client that waits holds up no other", async () => {
    await listen();
    const slow = await greeted();
    host.gate = new Promise(() => {});
    slow.send(request("join", 1), { Existing: ["x"] });
    const other = await greeted();
    other.send(request("members", 1));
    expect(await other.header()).toEqual({ seq: 1, error: "" });
  });

  test("a client that closes its side still gets its answers", async () => {
    await listen();
    const peer = dial();
    peer.socket.end(encode(...HANDSHAKE, request("members", 1)));
    expect(await peer.header()).toEqual({ seq: 0, error: "" });
    expect(await peer.header()).toEqual({ seq: 1, error: "" });
    await peer.next();
    expect(await peer.next()).toBe("closed");
  });

  test("byte by byte", async () => {
    await listen();
    const peer = dial();
    peer.socket.setNoDelay(true);
    for (const byte of encode(...HANDSHAKE, request("members", 1))) peer.socket.write(Uint8Array.of(byte));
    expect(await peer.header()).toEqual({ seq: 0, error: "" });
    expect(await peer.header()).toEqual({ seq: 1, error: "" });
  });
});

describe("refusals", () => {
  test("an unknown command: said, then closed", async () => {
    await listen();
    const peer = await greeted();
    peer.send(request("nonesuch", 5), request("members", 6));
    expect(await peer.header()).toEqual({ seq: 5, error: "Unsupported command" });
    expect(await peer.next()).toBe("closed");
  });

  test.each([
    ["no Seq", encode({ Command: "members" })],
    ["no Command", encode({ Seq: 1 })],
    ["nil", encode(null)],
    ["a text", encode("members")],
    ["a negative Seq", encode({ Command: "members", Seq: -1 })],
    ["a byte that begins nothing", Uint8Array.of(0xc1)],
    ["a body of the wrong type", encode(request("join", 1), { Existing: 7 })],
    ["a body that is a text", encode(request("force-leave", 1), "b")],
    ["an endless text", Uint8Array.of(0xdb, 0xff, 0xff, 0xff, 0xff)],
    ["a text one byte too long", encode("x".repeat(MAX_REQUEST_BYTES))],
    ["a pattern that is none", encode(request("members-filtered", 1), { Name: "[" })],
    ["a pattern that is too long", encode(request("members-filtered", 1), { Name: "x".repeat(2000) })],
  ])("%s: closed without a word", async (_what, bytes) => {
    await listen();
    const peer = await greeted();
    peer.socket.write(bytes);
    expect(await peer.next()).toBe("closed");
    // And the next client is served.
    await greeted();
  });

  test("too many clients: turned away", async () => {
    await listen({ maxConnections: 2 });
    await greeted();
    const second = await greeted();
    const third = dial();
    expect(await third.next()).toBe("closed");
    second.socket.destroy();
    await once(second.socket, "close");
    await expect.poll(() => server.connections).toBe(1);
    await greeted();
  });

  test("without the token: said once, the body consumed, the connection kept", async () => {
    await listen({ token: "sesame" });
    const peer = await greeted();
    peer.send(request("join", 1), { Existing: ["x"] }, request("members", 2), request("nonesuch", 3));
    for (const seq of [1, 2, 3]) expect(await peer.header()).toEqual({ seq, error: "Authentication required" });
    peer.send(request("auth", 4), { AuthKey: "sesam" }, request("auth", 5), { AuthKey: "sesame" });
    expect(await peer.header()).toEqual({ seq: 4, error: "Invalid authentication token" });
    expect(await peer.header()).toEqual({ seq: 5, error: "" });
    peer.send(request("auth", 6), { AuthKey: "wrong again" }, request("members", 7));
    expect(await peer.header()).toEqual({ seq: 6, error: "Invalid authentication token" });
    expect(await peer.header()).toEqual({ seq: 7, error: "" });
    expect(host.node.calls).toEqual([]);
  });
});

describe("commands", () => {
  test("force-leave passes prune on and translates a timeout", async () => {
    await listen();
    const peer = await greeted();
    peer.send(request("force-leave", 1), { Node: "b", Prune: true });
    expect(await peer.header()).toEqual({ seq: 1, error: "" });
    expect(host.node.calls).toEqual([["forceLeave", "b", true]]);
    host.node.failures.set("forceLeave", Object.assign(new Error("no"), { code: "TIMED_OUT" }));
    peer.send(request("force-leave", 2), { Node: "b" });
    expect(await peer.header()).toEqual({ seq: 2, error: "timed out broadcasting node removal" });
  });

  test("join after a leave: refused in Serf's words, with a body all the same", async () => {
    await listen();
    const peer = await greeted();
    host.node.failures.set("join", Object.assign(new Error("no"), { code: "LEFT" }));
    peer.send(request("join", 1), { Existing: ["x"] });
    expect(await peer.record()).toEqual({ seq: 1, error: "Serf can't Join after Leave or Shutdown", Num: 0 });
  });

  test("leave answers when it is done, then ends the agent", async () => {
    await listen();
    const peer = await greeted();
    peer.send(request("leave", 1));
    expect(await peer.header()).toEqual({ seq: 1, error: "" });
    expect(await peer.next()).toBe("closed");
    expect(host.ended).toBe(true);
  });

  test("after a leave the client hangs up first, though the agent ends", async () => {
    await listen();
    const peer = await greeted();
    peer.send(request("leave", 1));
    expect(await peer.header()).toEqual({ seq: 1, error: "" });
    const rest = peer.next();
    const closing = server.close();
    const pause = new Promise((resolve) => setTimeout(resolve, 50));
    expect(await Promise.race([rest, pause])).toBeUndefined();
    peer.socket.end();
    await closing;
    expect(await rest).toBe("closed");
  });

  test("tags: deleted first, set last", async () => {
    await listen();
    const peer = await greeted();
    peer.send(request("tags", 1), { Tags: { role: "db", dc: "x" }, DeleteTags: ["role", "nope"] });
    expect(await peer.header()).toEqual({ seq: 1, error: "" });
    expect(host.node.calls).toEqual([["setTags", { role: "db", dc: "x" }]]);
  });

  test("why: the evidence, and who is unknown", async () => {
    await listen();
    const peer = await greeted();
    const time = new Date(1_700_000_000_123);
    host.node.explanations.set("b", {
      name: "b",
      member: host.node.member("b"),
      summary: "because",
      evidence: [
        { at: 5, incarnation: 1, type: "ping-unanswered", seqNo: 9, elapsedMs: 500.5, time },
        {
          at: 6,
          incarnation: 1,
          type: "suspected",
          from: "c",
          remainingMs: 4000,
          confirmations: 0,
          confirmationsWanted: 2,
          time,
        },
      ],
    });
    peer.send(request("why", 1), { Node: "b" }, request("why", 2), { Node: "nobody" });
    expect(await peer.header()).toEqual({ seq: 1, error: "" });
    const body = (await peer.next()) as Map<string, MsgpackValue>;
    expect(body.get("Summary")).toBe("because");
    expect((body.get("Evidence") as Map<string, MsgpackValue>[])[0]).toEqual(
      new Map<string, MsgpackValue>([
        ["ElapsedMs", 500.5],
        ["Incarnation", 1],
        ["SeqNo", 9],
        ["Time", 1_700_000_000_123],
        ["Type", "ping-unanswered"],
      ]),
    );
    expect(await peer.header()).toEqual({ seq: 2, error: 'no member is or was called "nobody"' });
  });
});

describe("streams", () => {
  test("member events, by filter, until stopped", async () => {
    await listen();
    const peer = await greeted();
    peer.send(request("stream", 1), { Type: "member-failed,user:x" }, request("stream", 2), { Type: "member-bogus" });
    expect(await peer.header()).toEqual({ seq: 1, error: "" });
    expect(await peer.header()).toEqual({ seq: 2, error: "Invalid event filter" });
    peer.send(request("stream", 1), { Type: "*" }, request("stream", 1), { Type: "member-bogus" });
    expect(await peer.header()).toEqual({ seq: 1, error: "Stream with given sequence exists" });
    expect(await peer.header()).toEqual({ seq: 1, error: "Invalid event filter" });
    host.node.emit("member-join", fakeMember("c"));
    host.node.emit("member-failed", fakeMember("b", { status: "failed" }));
    expect(await peer.header()).toEqual({ seq: 1, error: "" });
    const record = (await peer.next()) as Map<string, MsgpackValue>;
    expect(record.get("Event")).toBe("member-failed");
    expect((record.get("Members") as Map<string, MsgpackValue>[])[0]!.get("Name")).toBe("b");
    peer.send(request("stop", 3), { Stop: 1 });
    expect(await peer.header()).toEqual({ seq: 3, error: "" });
    host.node.emit("member-failed", fakeMember("b"));
    peer.send(request("stats", 4));
    expect(await peer.header()).toEqual({ seq: 4, error: "" });
  });

  test("monitor: history first, by level, then what comes", async () => {
    await listen();
    host.logBook.add({ level: "DEBUG", text: "old debug" });
    host.logBook.add({ level: "WARN", text: "old warning" });
    const peer = await greeted();
    peer.send(request("monitor", 1), { LogLevel: "nope" }, request("monitor", 2), { LogLevel: "info" });
    expect(await peer.header()).toEqual({ seq: 1, error: "Unknown log level: NOPE" });
    expect(await peer.header()).toEqual({ seq: 2, error: "" });
    expect(await peer.header()).toEqual({ seq: 2, error: "" });
    expect(await peer.next()).toEqual(new Map([["Log", "old warning"]]));
    host.logBook.add({ level: "ERR", text: "new error" });
    expect(await peer.header()).toEqual({ seq: 2, error: "" });
    expect(await peer.next()).toEqual(new Map([["Log", "new error"]]));
    peer.send(request("monitor", 3), { LogLevel: "info" });
    expect(await peer.header()).toEqual({ seq: 3, error: "Monitor already exists" });
    peer.send(request("monitor", 4), { LogLevel: "nope" });
    expect(await peer.header()).toEqual({ seq: 4, error: "Unknown log level: NOPE" });
  });

  test("a client that does not read loses records, and nobody else does", async () => {
    await listen();
    const lazy = await greeted();
    lazy.send(request("stream", 1), { Type: "*" });
    expect(await lazy.header()).toEqual({ seq: 1, error: "" });
    const keen = await greeted();
    keen.send(request("stream", 1), { Type: "*" });
    expect(await keen.header()).toEqual({ seq: 1, error: "" });
    lazy.socket.pause();
    const tags = { big: "x".repeat(60_000) };
    for (let i = 0; i < 700; i++) {
      host.node.emit("member-update", fakeMember(`m${i}`, { tags }));
      await keen.header();
      await keen.next();
    }
    expect(host.logged.filter((line) => line.includes("read too slowly"))).toHaveLength(1);
  });

  test("nothing is left listening when a client is gone, or the server", async () => {
    await listen();
    const peer = await greeted();
    peer.send(request("monitor", 1), { LogLevel: "debug" });
    await peer.header();
    peer.socket.destroy();
    await expect.poll(() => server.connections).toBe(0);
    await server.close();
    expect(host.node.listenerCount("member-join")).toBe(0);
  });
});
