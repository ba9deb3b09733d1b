import { NodeError } from "@hearsay/node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeHost } from "../../test/fake-host.ts";
import { FakeNode, fakeMember } from "../../test/fake-node.ts";
import { Peer, request } from "../../test/peer.ts";
import { MAX_STREAMS } from "./client-streams.ts";
import { MAX_QUERIES, MAX_QUERIES_OF_ALL } from "./open-queries.ts";
import { RpcServer } from "./server.ts";

let host: FakeHost;
let node: FakeNode;
let server: RpcServer;
const peers: Peer[] = [];

beforeEach(async () => {
  node = new FakeNode(fakeMember("a"), [fakeMember("b"), fakeMember("c", { status: "failed" })]);
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

const query = (seq: number, body: object = {}) => [request("query", seq), { Name: "q", ...body }] as const;

describe("events", () => {
  test("reach the streams that want them, one's own too", async () => {
    const peer = await greeted();
    peer.send(request("stream", 1), { Type: "user:deploy" }, request("stream", 2), { Type: "member-join" });
    expect([await peer.header(), await peer.header()]).toEqual([
      { seq: 1, error: "" },
      { seq: 2, error: "" },
    ]);
    peer.send(request("event", 3), { Name: "other" }, request("event", 4), { Name: "deploy", Coalesce: true });
    // Records and answers are in the order in which they come about.
    expect(await peer.header()).toEqual({ seq: 3, error: "" });
    expect(await peer.record()).toEqual({
      ...{ seq: 1, error: "", Event: "user", LTime: 2, Name: "deploy" },
      ...{ Payload: null, Coalesce: true },
    });
    expect(await peer.header()).toEqual({ seq: 4, error: "" });
  });

  test("members that were coalesced come in one record", async () => {
    const peer = await greeted();
    peer.send(request("stream", 1), { Type: "*" });
    await peer.header();
    host.tell({ kind: "member-reap", members: [fakeMember("x"), fakeMember("y")] });
    const { Event, Members } = await peer.record();
    expect(Event).toBe("member-reap");
    expect((Members as Map<string, unknown>[]).map((member) => member.get("Name"))).toEqual(["x", "y"]);
  });

  test("an error in Serf's words: those beneath, or the node's own", async () => {
    const peer = await greeted();
    peer.send(request("event", 1), { Name: "x".repeat(513) });
    expect(await peer.header()).toEqual({
      seq: 1,
      error: "user event exceeds configured limit of 512 bytes before encoding",
    });
    node.failures.set("userEvent", new NodeError("LEFT", "the node has left its pool"));
    peer.send(request("event", 2), { Name: "x" });
    expect(await peer.header()).toEqual({ seq: 2, error: "the node has left its pool" });
  });
});

describe("queries", () => {
  test("an answer, then records, then done; what was asked for reaches the node", async () => {
    const peer = await greeted();
    node.scripts.set("b q", "42");
    const wish = { FilterNodes: ["b"], FilterTags: { role: "" }, RelayFactor: 3, RequestAck: true };
    peer.send(...query(1, { ...wish, Timeout: 1_500_000_000, Payload: "p", EndEarly: true }));
    expect(await peer.header()).toEqual({ seq: 1, error: "" });
    expect(await peer.record()).toEqual({ seq: 1, error: "", Type: "ack", From: "b", Payload: null });
    expect(await peer.record()).toEqual({ seq: 1, error: "", Type: "response", From: "b", Payload: "42" });
    expect(await peer.record()).toEqual({ seq: 1, error: "", Type: "done", From: "", Payload: null });
    const options = { filterNodes: ["b"], filterTags: { role: "" }, acks: true, relayFactor: 3 };
    expect(node.calls).toMatchObject([["query", "q", "p", { ...options, timeout: 1500, endEarly: true }]]);
  });

  test("left out: everybody, no acks, the node's own timeout, and no early end", async () => {
    const peer = await greeted();
    peer.send(...query(1, { FilterNodes: [], FilterTags: {} }));
    await peer.header();
    expect(node.calls).toMatchObject([["query", "q", "", { acks: false, relayFactor: 0, endEarly: false }]]);
    for (const field of ["filterNodes", "filterTags", "timeout"]) expect(node.calls[0]![3]).not.toHaveProperty(field);
  });

  test.each([
    ["_serf_ping", undefined, ""],
    ["_serf_ping", "", ""],
    ["_serf_ping", "x", "Queries cannot contain the '_serf_' prefix"],
    ["_serf_conflict", undefined, "Queries cannot contain the '_serf_' prefix"],
    ["_serf_", undefined, "Queries cannot contain the '_serf_' prefix"],
    ["_Serf_x", undefined, ""],
  ])("%s with payload %j", async (name, payload, error) => {
    const peer = await greeted();
    peer.send(...query(1, { Name: name, ...(payload === undefined ? {} : { Payload: payload }) }));
    expect(await peer.header()).toEqual({ seq: 1, error });
    expect(node.queries).toHaveLength(error === "" ? 1 : 0);
  });

  test.each([
    [new NodeError("UNSUPPORTED", "no queries below protocol 4"), "Feature not supported"],
    [new NodeError("BAD_OPTION", "timeout: -1 is negative"), "timeout: -1 is negative"],
  ])("refused by the node: %s", async (failure, error) => {
    const peer = await greeted();
    node.failures.set("query", failure);
    peer.send(...query(1), request("stats", 2));
    expect(await peer.header()).toEqual({ seq: 1, error });
    expect(await peer.header()).toEqual({ seq: 2, error: "" });
  });

  test("a node that ends meanwhile: done", async () => {
    const peer = await greeted();
    node.timeScale = 100;
    peer.send(...query(1));
    await peer.header();
    node.queries[0]!.finish(new NodeError("LEFT", "gone"));
    expect(await peer.record()).toMatchObject({ Type: "done" });
  });

  test("stopped, it sends no more and ends in the node; the connection is good for more", async () => {
    const peer = await greeted();
    node.timeScale = 100;
    peer.send(...query(7));
    await peer.header();
    peer.send(request("stop", 8), { Stop: 7 }, request("stats", 9));
    expect(await peer.header()).toEqual({ seq: 8, error: "" });
    expect(await peer.header()).toEqual({ seq: 9, error: "" });
    expect(node.queries[0]!.closed).toBe(true);
  });

  test.each(["destroy", "end"] as const)("a client that goes (%s) ends its queries in the node", async (how) => {
    const peer = await greeted();
    node.timeScale = 100;
    peer.send(...query(1), ...query(2));
    await peer.header();
    await peer.header();
    peer.socket[how]();
    await expect.poll(() => node.queries.map(({ closed }) => closed)).toEqual([true, true]);
  });

  test("two under way at once, even of one number, as Serf has it", async () => {
    const peer = await greeted();
    node.scripts.set("b q", "one").set("b r", "two");
    peer.send(...query(1), request("query", 1), { Name: "r" });
    const seen: unknown[] = [];
    for (let done = 0; done < 2; ) {
      const value = await peer.next();
      if (!(value instanceof Map) || !value.has("Type")) continue;
      if (value.get("Type") === "done") done++;
      else seen.push(Buffer.from(value.get("Payload") as Uint8Array).toString());
    }
    expect(seen.sort()).toEqual(["one", "two"]);
  });

  test("only so many at once", async () => {
    const peer = await greeted();
    node.timeScale = 100;
    for (let i = 0; i <= MAX_QUERIES; i++) peer.send(...query(i));
    for (let i = 0; i < MAX_QUERIES; i++) expect(await peer.header()).toEqual({ seq: i, error: "" });
    expect(await peer.header()).toEqual({
      seq: MAX_QUERIES,
      error: `too many queries at once: ${MAX_QUERIES} are open on this connection`,
    });
    peer.send(request("stop", 900), { Stop: 0 }, ...query(901));
    expect(await peer.header()).toEqual({ seq: 900, error: "" });
    expect(await peer.header()).toEqual({ seq: 901, error: "" });
  });
});

test("only so many queries of all connections at once; those of one that goes are free again", async () => {
  node.timeScale = 100;
  const crowd = await Promise.all(Array.from({ length: MAX_QUERIES_OF_ALL / MAX_QUERIES }, greeted));
  for (const peer of crowd) {
    for (let i = 0; i < MAX_QUERIES; i++) peer.send(...query(i));
    for (let i = 0; i < MAX_QUERIES; i++) expect(await peer.header()).toEqual({ seq: i, error: "" });
  }
  const late = await greeted();
  late.send(...query(1));
  expect(await late.header()).toMatchObject({ error: expect.stringContaining("are open on this agent") });
  crowd[0]!.socket.destroy();
  await expect.poll(() => server.connections).toBe(crowd.length);
  late.send(...query(2));
  expect(await late.header()).toEqual({ seq: 2, error: "" });
});

describe("answering", () => {
  test("a number for each record delivered; one answer to each query", async () => {
    const peer = await greeted();
    node.timeScale = 1;
    peer.send(request("stream", 1), { Type: "query:ask" }, request("stream", 2), { Type: "query" });
    await peer.header();
    await peer.header();
    const other = await greeted();
    other.send(request("stream", 5), { Type: "*" });
    await other.header();
    const call = node.query("ask", "what?");
    expect(await peer.record()).toMatchObject({ seq: 1, Event: "query", ID: 1, Name: "ask", Payload: "what?" });
    expect(await peer.record()).toMatchObject({ seq: 2, Event: "query", ID: 2 });
    // Each connection counts for itself.
    expect(await other.record()).toMatchObject({ seq: 5, ID: 1 });
    peer.send(request("respond", 3), { ID: 2, Payload: "that" });
    expect(await peer.header()).toEqual({ seq: 3, error: "" });
    peer.send(request("respond", 4), { ID: 1, Payload: "this" }, request("respond", 5), { ID: 3 });
    expect(await peer.header()).toEqual({
      seq: 4,
      error: "failed to respond to key query: response already sent",
    });
    expect(await peer.header()).toEqual({ seq: 5, error: "No pending queries matching ID" });
    call.finish();
    const answers: string[] = [];
    for await (const { payload } of call) answers.push(Buffer.from(payload).toString());
    expect(answers).toEqual(["that"]);
  });

  test("too long: refused, and still to be answered; too late: none is known", async () => {
    const peer = await greeted();
    node.timeScale = 0.1;
    peer.send(request("stream", 1), { Type: "query" });
    await peer.header();
    node.query("ask", "", { timeout: 2000 });
    expect(await peer.record()).toMatchObject({ ID: 1, Payload: null });
    peer.send(request("respond", 2), { ID: 1, Payload: "x".repeat(1024) }, request("respond", 3), { ID: 1 });
    expect(await peer.header()).toEqual({
      seq: 2,
      error: "failed to respond to key query: response exceeds limit of 1024 bytes",
    });
    expect(await peer.header()).toEqual({ seq: 3, error: "" });
    await new Promise((resolve) => setTimeout(resolve, 220));
    peer.send(request("respond", 4), { ID: 1 });
    expect(await peer.header()).toEqual({ seq: 4, error: "No pending queries matching ID" });
  });

  test("so many streams, and one of each number", async () => {
    const peer = await greeted();
    for (let i = 1; i <= MAX_STREAMS + 1; i++) peer.send(request("stream", i), { Type: "user" });
    for (let i = 1; i <= MAX_STREAMS; i++) expect(await peer.header()).toEqual({ seq: i, error: "" });
    expect(await peer.header()).toMatchObject({
      error: `too many streams at once: ${MAX_STREAMS} are open on this connection`,
    });
    peer.send(request("stream", 1), { Type: "user" });
    expect(await peer.header()).toEqual({ seq: 1, error: "Stream with given sequence exists" });
  });
});

describe("keys", () => {
  const KEY = "T9jncgl9mbLus+baTTa7q7nPSUrXwbDi2dhbtqir37s=";
  const none = { Messages: {}, NumErr: 0, NumNodes: 0, NumResp: 0 };

  test("change and list; who keeps silent is missing in the counts", async () => {
    node.ring = [KEY];
    const peer = await greeted();
    peer.send(request("install-key", 1), { Key: "AAECAwQFBgcICQoLDA0ODw==" }, request("list-keys", 2));
    expect(await peer.record()).toEqual({ seq: 1, error: "", ...none, Keys: null, NumNodes: 2, NumResp: 2 });
    expect(await peer.record()).toMatchObject({
      Keys: { [KEY]: 2, "AAECAwQFBgcICQoLDA0ODw==": 2 },
      PrimaryKeys: { [KEY]: 2 },
    });
    node.silent.add("b");
    peer.send(request("use-key", 3), { Key: KEY });
    expect(await peer.record()).toMatchObject({ seq: 3, error: "1/2 nodes reported success", NumNodes: 2, NumResp: 1 });
    expect(node.calls.at(-1)).toEqual(["keys.use", KEY]);
  });

  test("no base64: Serf's words, a body of zeros, and nobody is asked", async () => {
    const peer = await greeted();
    peer.send(request("remove-key", 1), { Key: "AAE" });
    expect(await peer.record()).toEqual({ seq: 1, error: "illegal base64 data at input byte 0", ...none, Keys: null });
    expect(node.calls).toEqual([]);
  });

  test("a node that refuses: a body of zeros all the same", async () => {
    const peer = await greeted();
    node.failures.set("keys.list", new NodeError("LEFT", "the node has left its pool"));
    peer.send(request("list-keys", 1), request("stats", 2));
    expect(await peer.record()).toEqual({ seq: 1, error: "the node has left its pool", ...none, Keys: null });
    expect(await peer.header()).toEqual({ seq: 2, error: "" });
  });

  test("a long operation holds up later requests of its own connection only", async () => {
    const peer = await greeted();
    let open = () => {};
    host.gate = new Promise((resolve) => {
      open = resolve;
    });
    node.ring = [KEY];
    peer.send(request("join", 1), { Existing: [] }, request("list-keys", 2));
    const other = await greeted();
    other.send(request("list-keys", 1));
    expect(await other.record()).toMatchObject({ seq: 1, error: "" });
    open();
    expect(await peer.record()).toMatchObject({ seq: 1 });
    expect(await peer.record()).toMatchObject({ seq: 2, NumResp: 2 });
  });
});

test("get-coordinate of a member without one", async () => {
  const peer = await greeted();
  node.coordinates.set("b", { vec: [1, 0, 0, 0, 0, 0, 0, 0], error: 1.5, adjustment: 0, height: 1e-5 });
  peer.send(request("get-coordinate", 1), { Node: "b" }, request("get-coordinate", 2), { Node: "c" });
  expect(await peer.record()).toMatchObject({ Ok: true, Coord: { Vec: [1, 0, 0, 0, 0, 0, 0, 0], Height: 1e-5 } });
  expect(await peer.record()).toMatchObject({ Ok: false, Coord: { Vec: null, Error: 0 } });
});

test.each([
  ["a relay factor of 256", [...query(1, { RelayFactor: 256 })]],
  ["a negative relay factor", [...query(1, { RelayFactor: -1 })]],
  ["a timeout of 65 bits", [...query(1, { Timeout: 0xffff_ffff_ffff_ffffn })]],
  ["filters that are a text", [...query(1, { FilterNodes: "b" })]],
  ["a payload that is a map", [request("event", 1), { Name: "x", Payload: {} }]],
  ["an ID that is a text", [request("respond", 1), { ID: "1" }]],
  ["a key that is a number", [request("install-key", 1), { Key: 7 }]],
])("%s: closed without a word", async (_what, values) => {
  const peer = await greeted();
  peer.send(...values);
  expect(await peer.next()).toBe("closed");
  expect(node.calls).toEqual([]);
});
