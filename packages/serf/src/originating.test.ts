/** What a whole machine says of its own: events, queries, answers, keys, votes. Against one real peer, or none. */
import { createCodec, encodeUtf8, Keyring, Reader } from "@hearsay/wire";
import { describe, expect, it } from "vitest";
import { fixedNonce, nodeCipher } from "../../wire/testing/node-cipher.ts";
import { maxOpenQueries } from "./asked-queries.ts";
import { readQuery, readQueryResponse, readRelay, readUserEvent } from "./decode.ts";
import { encodeMemberRecord, encodeQuery, encodeQueryResponse, encodeUserEvent } from "./encode.ts";
import { eventHash } from "./event-hash.ts";
import { encodeKeyRequest, encodeKeyResponse, readKeyRequest, readKeyResponse } from "./key-messages.ts";
import { SerfType } from "./messages.ts";
import { key, ring } from "./testing/ring.ts";
import { Solo } from "./testing/solo.ts";
import type { QueryTicket, QueryWish, SerfEvent } from "./types.ts";

const load: QueryWish = { name: "load", payload: encodeUtf8("15m") };

const ask = (solo: Solo, wish: Partial<QueryWish> = {}) =>
  solo.act((serf, now) => serf.query({ ...load, ...wish }, now));

function respond(solo: Solo, ticket: Pick<QueryTicket, "lTime" | "id">, from: string, payload: Uint8Array | null) {
  solo.receive(encodeQueryResponse({ ...ticket, from, flags: payload === null ? 1 : 0, payload }));
}

/** Without evidence and what members do. */
const told = (solo: Solo) =>
  solo.events.filter(({ type }) => type !== "evidence" && type !== "dropped" && !type.startsWith("member-"));
const types = (solo: Solo) => told(solo).map(({ type }) => type);
const of = <T extends SerfEvent["type"]>(solo: Solo, type: T) =>
  solo.events.filter((event): event is Extract<SerfEvent, { type: T }> => event.type === type);
const coded = (code: string) => expect.objectContaining({ code });

/** The one query that is on its way, as others read it. */
function asked(solo: Solo) {
  const [message] = solo.distinct(SerfType.query).slice(-1);
  return readQuery(new Reader(message!, 1));
}

describe("a user event", () => {
  it("goes to everybody, ourselves first", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.clear();
    expect(solo.act((serf, now) => serf.userEvent("deploy", encodeUtf8("v1"), true, now))).toBe(1);
    const said = { name: "deploy", payload: encodeUtf8("v1"), lTime: 1, coalesce: true };
    expect(told(solo)).toEqual([{ type: "user-event", ...said }]);
    expect(solo.serf.stats()).toMatchObject({ eventTime: 2, eventQueue: 1 });
    solo.advance(5000);
    expect(solo.distinct(SerfType.userEvent).map((one) => readUserEvent(new Reader(one, 1)))).toEqual([said]);
    expect(solo.serf.stats().eventQueue).toBe(0);
  });

  it("waits for company when we are alone", () => {
    const solo = new Solo();
    solo.act((serf, now) => serf.userEvent("deploy", null, false, now));
    solo.advance(60_000);
    expect(solo.serf.stats().eventQueue).toBe(1);
    solo.meet(2);
    solo.advance(5000);
    expect(solo.distinct(SerfType.userEvent)).toHaveLength(1);
  });

  it("that no packet carries is refused, whatever the settings allow", () => {
    const solo = new Solo({ serfConfig: { userEventSizeLimit: 9216 } });
    const refused = () => solo.act((serf, now) => serf.userEvent("x", new Uint8Array(1395), false, now));
    expect(refused).toThrow(coded("event-too-long"));
    expect(solo.serf.stats()).toMatchObject({ eventTime: 1, eventQueue: 0 });
    expect(told(solo)).toEqual([]);
    expect(() => new Solo({ serfConfig: { userEventSizeLimit: 9217 } })).toThrow(
      "user event size limit exceeds limit of 9216 bytes",
    );
  });
});

describe("what a packet can carry", () => {
  it.each([
    ["1395 bytes", createCodec(), 1395],
    ["1366 under encryption", encrypting(), 1366],
  ])("is %s", (_, codec, most) => {
    const solo = new Solo({ codec, serfConfig: { userEventSizeLimit: 9216, querySizeLimit: 9216 } });
    const tell = (n: number) => solo.act((serf, now) => serf.userEvent("x", new Uint8Array(n), false, now));
    const overhead =
      encodeUserEvent({ lTime: 1, name: "x", payload: new Uint8Array(1000), coalesce: false }).length - 1000;
    expect(() => tell(most - overhead + 1)).toThrow(`${most + 1} bytes fits no packet: ${most} is the most`);
    tell(most - overhead);
    // Just as many are given to gossip.
    expect(solo.serf.stats().eventQueue).toBe(1);
    expect(() => ask(solo, { payload: new Uint8Array(most) })).toThrow(`fits no packet: ${most} is the most`);
  });
});

describe("queues (section 12)", () => {
  it("have a depth of their own each; what is given up is counted", () => {
    const solo = new Solo({ serfConfig: { maxQueueDepth: 20 } });
    for (let i = 0; i < 50; i++) solo.act((serf, now) => serf.userEvent(`e${i}`, null, false, now));
    for (let i = 0; i < 30; i++) ask(solo, { name: `q${i}` });
    for (let i = 0; i < 25; i++) solo.act((serf, now) => serf.joined(now));
    expect(solo.serf.stats()).toMatchObject({ eventQueue: 20, queryQueue: 20, intentQueue: 20 });
    expect(solo.serf.swim.counters.drops).toMatchObject({ "serf-queue-full": 30 + 10 + 5 });
    // The newest are told, and none of those that were sent as often or less is given up for one that was sent more.
    solo.meet(2);
    solo.advance(20_000);
    const names = solo.distinct(SerfType.userEvent).map((one) => readUserEvent(new Reader(one, 1)).name);
    expect(names.sort()).toEqual(Array.from({ length: 20 }, (_, i) => `e${30 + i}`));
  });

  it("give up what was sent most often first", () => {
    const solo = new Solo({ serfConfig: { maxQueueDepth: 2 } }, { retransmitMult: 100 });
    solo.meet(2);
    const say = (name: string) => solo.act((serf, now) => serf.userEvent(name, null, false, now));
    say("old");
    solo.advance(3000);
    say("new");
    say("newer");
    solo.advance(1000);
    solo.clear();
    solo.advance(3000);
    const names = solo.distinct(SerfType.userEvent).map((one) => readUserEvent(new Reader(one, 1)).name);
    expect(names.sort()).toEqual(["new", "newer"]);
  });
});

describe("a query", () => {
  it("goes to everybody, and we answer like everybody", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.clear();
    const ticket = ask(solo, { requestAck: true, filterNodes: ["n1", "n2"], filterTags: { role: "^we" } });
    expect(ticket).toEqual({ handle: 1, lTime: 1, id: ticket.id, deadline: 3200 });
    expect(told(solo)).toEqual([
      { type: "query-ack", handle: 1, from: "n1" },
      { type: "query", ...load, lTime: 1, id: ticket.id, from: "n1", deadline: 3200 },
    ]);
    // What goes to our own address goes there without the network.
    expect(solo.sent.filter(({ to }) => to === "10.0.0.1:7946")).toEqual([]);
    solo.act((serf, now) => serf.respond(1, ticket.id, encodeUtf8("0.4"), now));
    solo.advance(200);
    respond(solo, ticket, "n2", null);
    respond(solo, ticket, "n2", encodeUtf8("1.5"));
    expect(told(solo).slice(2)).toEqual([
      { type: "query-response", handle: 1, from: "n1", payload: encodeUtf8("0.4") },
      { type: "query-ack", handle: 1, from: "n2" },
      { type: "query-response", handle: 1, from: "n2", payload: encodeUtf8("1.5") },
    ]);
    solo.advance(2999);
    expect(types(solo)).not.toContain("query-done");
    solo.advance(1);
    expect(types(solo).at(-1)).toBe("query-done");
    respond(solo, ticket, "n3", encodeUtf8("late"));
    expect(solo.serf.swim.counters.drops).toEqual({ "serf-unasked": 1 });
    expect(asked(solo)).toMatchObject({
      lTime: 1,
      id: ticket.id,
      addr: Uint8Array.of(10, 0, 0, 1),
      port: 7946,
      sourceNode: "n1",
      flags: 1,
      relayFactor: 0,
      timeoutNs: 3.2e9,
    });
    expect(solo.serf.inspect()).toMatchObject({ openQueries: 0 });
  });

  it("that is not for us gets no answer of ours", () => {
    const solo = new Solo();
    ask(solo, { requestAck: true, filterTags: { role: "^db$" } });
    expect(told(solo)).toEqual([]);
    expect(solo.serf.stats().queryQueue).toBe(1);
  });

  it("has the timeout it asks for, a day at the most, or the pool's", () => {
    const solo = new Solo();
    expect(ask(solo, { timeoutMs: 250 }).deadline).toBe(250);
    expect(ask(solo, { timeoutMs: Number.POSITIVE_INFINITY }).deadline).toBe(86_400_000);
    expect(ask(solo, { timeoutMs: -5 }).deadline).toBe(0);
    for (let host = 2; host <= 10; host++) solo.meet(host);
    expect(ask(solo, { timeoutMs: 0 }).deadline).toBe(6400);
  });

  it("of ours never shares its time with another of ours, even when strangers have used up the clock's steps", () => {
    const solo = new Solo();
    const top = 2 ** 20;
    const theirs = (lTime: number) =>
      encodeQuery({
        ...load,
        lTime,
        id: 1,
        addr: Uint8Array.of(10, 0, 0, 9),
        port: 7946,
        sourceNode: "n9",
        filters: null,
        flags: 0,
        relayFactor: 0,
        timeoutNs: 1e9,
      });
    // A leap, and then all the steps behind it.
    solo.receive(theirs(5_000_000));
    solo.receive(theirs(5_000_000 + top));
    const first = ask(solo);
    const second = ask(solo);
    expect(second.lTime).toBe(first.lTime + 1);
    respond(solo, first, "n2", encodeUtf8("a"));
    respond(solo, second, "n2", encodeUtf8("b"));
    expect(of(solo, "query-response").map(({ handle }) => handle)).toEqual([first.handle, second.handle]);
  });

  it("ends early when everybody it is for has answered", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.meet(3);
    const ticket = ask(solo, { endEarly: true, filterNodes: ["n2", "n3", "n77"] });
    respond(solo, ticket, "n2", encodeUtf8("a"));
    respond(solo, ticket, "n1", encodeUtf8("a"));
    expect(types(solo)).not.toContain("query-done");
    respond(solo, ticket, "n3", encodeUtf8("b"));
    expect(types(solo).slice(-2)).toEqual(["query-response", "query-done"]);
    expect(solo.serf.inspect().openQueries).toBe(0);
  });

  it("ends early at once when it is for nobody alive", () => {
    const solo = new Solo();
    ask(solo, { endEarly: true, filterNodes: ["n77"] });
    expect(types(solo)).toEqual(["query-done"]);
  });

  it("that is only a ping ends early with the acknowledgements", () => {
    const solo = new Solo();
    solo.meet(2);
    const ticket = ask(solo, { name: "_serf_ping", payload: null, requestAck: true, endEarly: true });
    respond(solo, ticket, "n2", null);
    expect(types(solo)).toEqual(["query-ack", "query-ack", "query-done"]);
  });

  it("with a filter by tag waits for its deadline: others' tags may be news to us", () => {
    const solo = new Solo();
    const ticket = ask(solo, { endEarly: true, filterTags: { role: "^db$" } });
    respond(solo, ticket, "n1", encodeUtf8("a"));
    solo.advance(3199);
    expect(types(solo)).not.toContain("query-done");
    solo.advance(1);
    expect(types(solo)).toContain("query-done");
  });

  it("that was ended says nothing more", () => {
    const solo = new Solo();
    const ticket = ask(solo);
    solo.clear();
    for (let i = 0; i < 2; i++) solo.act((serf, now) => serf.endQuery(ticket.handle, now));
    respond(solo, ticket, "n2", encodeUtf8("a"));
    solo.advance(10_000);
    expect(told(solo)).toEqual([]);
    expect(solo.serf.swim.counters.drops).toEqual({ "serf-unasked": 1 });
  });

  it("is refused before anything changes", () => {
    const solo = new Solo();
    expect(() => ask(solo, { payload: new Uint8Array(1024) })).toThrow(coded("query-too-long"));
    expect(() => ask(solo, { filterTags: { role: "[" } })).toThrow(coded("query-filter"));
    expect(() => ask(solo, { relayFactor: 256 })).toThrow(RangeError);
    expect(solo.serf.stats()).toMatchObject({ queryTime: 1, queryQueue: 0 });
    expect(solo.serf.inspect()).toMatchObject({ openQueries: 0, answerable: 0 });
    expect(told(solo)).toEqual([]);
  });

  it("needs Serf protocol 4", () => {
    expect(() => ask(new Solo({ protocol: 3 }))).toThrow(coded("unsupported"));
    expect(ask(new Solo({ protocol: 4 })).handle).toBe(1);
  });

  it("is one of a bounded number", () => {
    const solo = new Solo();
    for (let i = 0; i < maxOpenQueries; i++) ask(solo);
    expect(() => ask(solo)).toThrow(coded("too-many-queries"));
    expect(solo.serf.stats().queryTime).toBe(maxOpenQueries + 1);
    solo.advance(3200);
    expect(of(solo, "query-done")).toHaveLength(maxOpenQueries);
    ask(solo);
  });
});

describe("an answer", () => {
  const query = (overrides: Partial<Parameters<typeof encodeQuery>[0]> = {}) =>
    encodeQuery({
      ...load,
      lTime: 3,
      id: 1234,
      addr: Uint8Array.of(10, 0, 0, 2),
      port: 7946,
      sourceNode: "n2",
      filters: null,
      flags: 0,
      relayFactor: 0,
      timeoutNs: 1_500_000_000,
      ...overrides,
    });

  it("goes to the asker, once, in time", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.receive(query());
    solo.clear();
    const answer = (text: string) => solo.act((serf, now) => serf.respond(3, 1234, encodeUtf8(text), now));
    expect(() => answer("x".repeat(1000))).toThrow("response exceeds limit of 1024 bytes");
    answer("0.4");
    expect(() => answer("0.5")).toThrow("response already sent");
    solo.advance(1501);
    const responses = solo.sent.filter(({ message }) => message[0] === SerfType.queryResponse);
    expect(responses.map(({ to, message }) => ({ to, ...readQueryResponse(new Reader(message, 1)) }))).toEqual([
      { to: "10.0.0.2:7946", lTime: 3, id: 1234, from: "n1", flags: 0, payload: encodeUtf8("0.4") },
    ]);
  });

  it("is late after the deadline, by our clock", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.receive(query());
    solo.advance(1501);
    expect(() => solo.act((serf, now) => serf.respond(3, 1234, encodeUtf8("0.4"), now))).toThrow(
      "response is past the deadline",
    );
    expect(solo.distinct(SerfType.queryResponse)).toEqual([]);
  });

  it("too long to be relayed goes straight all the same, and counts as sent", () => {
    const solo = new Solo();
    for (const host of [2, 3, 4, 5]) solo.meet(host);
    solo.receive(query({ relayFactor: 2, flags: 1 }));
    const wrapped = () => solo.distinct(SerfType.relay).map((one) => readRelay(new Reader(one, 1)).message);
    expect(wrapped()).toHaveLength(1);
    solo.clear();
    const answer = (bytes: number) => solo.act((serf, now) => serf.respond(3, 1234, new Uint8Array(bytes), now));
    answer(970);
    expect(solo.distinct(SerfType.queryResponse)).toHaveLength(1);
    expect(wrapped()).toEqual([]);
    expect(() => answer(970)).toThrow("response already sent");
  });
});

describe("keys", () => {
  const list = { result: true, message: "", keys: ["a"], primaryKey: "a" };
  const done = encodeKeyResponse({ result: true, message: "", keys: null, primaryKey: "" });

  it("are changed here and everywhere, and we hear from whom", () => {
    const keyring = ring(1);
    const solo = new Solo({ keyring });
    solo.meet(2);
    solo.clear();
    const handle = solo.act((serf, now) => serf.keys("install", key(2), now));
    expect(keyring.keys()).toEqual([key(1), key(2)]);
    solo.advance(200);
    const query = asked(solo);
    expect(query).toMatchObject({ name: "_serf_install-key", flags: 0, relayFactor: 0, timeoutNs: 3.2e9 });
    expect(readKeyRequest(query.payload)).toEqual(key(2));
    respond(solo, query, "n2", done);
    expect(told(solo)).toEqual([
      {
        type: "key-result",
        handle,
        result: expect.objectContaining({ nodes: 2, responses: 2, silent: [], error: "" }),
      },
    ]);
    expect(solo.serf.inspect().openQueries).toBe(0);
  });

  it.each([
    ["use", "_serf_use-key"],
    ["remove", "_serf_remove-key"],
  ] as const)("%s by the query %s", (operation, name) => {
    const solo = new Solo({ keyring: ring(1, 2) });
    solo.meet(2);
    solo.act((serf, now) => serf.keys(operation, key(2), now));
    solo.advance(200);
    expect(asked(solo).name).toBe(name);
  });

  it("are listed with the number of those who have each", () => {
    const solo = new Solo({ keyring: ring(1) });
    solo.meet(2);
    solo.meet(3);
    solo.act((serf, now) => serf.keys("list", undefined, now));
    solo.advance(200);
    const query = asked(solo);
    expect(toArray(encodeKeyRequest(new Uint8Array(0)))).toEqual(toArray(query.payload!));
    respond(solo, query, "n2", encodeKeyResponse(list));
    respond(solo, query, "n3", encodeKeyResponse(list));
    const [{ result }] = of(solo, "key-result") as [Extract<SerfEvent, { type: "key-result" }>];
    expect([...result.keys.values()].sort()).toEqual([1, 2]);
    expect([...result.primaryKeys.values()].sort()).toEqual([1, 2]);
  });

  it("are one operation at a time, which ends at the deadline when somebody is silent", () => {
    const solo = new Solo({ keyring: ring(1) });
    solo.meet(2);
    const list = () => solo.act((serf, now) => serf.keys("list", undefined, now));
    list();
    expect(list).toThrow(coded("key-operation-busy"));
    solo.advance(3200);
    expect(of(solo, "key-result").map(({ result }) => [result.error, result.silent])).toEqual([
      ["1/2 nodes reported success", ["n2"]],
    ]);
    list();
  });

  it("may be asked for again after an operation that could not begin", () => {
    const solo = new Solo({ keyring: ring(1) });
    expect(() => solo.act((serf, now) => serf.keys("install", new Uint8Array(2000), now))).toThrow(
      coded("query-too-long"),
    );
    solo.act((serf, now) => serf.keys("list", undefined, now));
    expect(of(solo, "key-result")).toHaveLength(1);
    const old = new Solo({ protocol: 3 });
    for (let i = 0; i < 2; i++) {
      expect(() => old.act((serf, now) => serf.keys("list", undefined, now))).toThrow(coded("unsupported"));
    }
  });

  it("of a node without encryption are told of in Serf's words", () => {
    const solo = new Solo();
    solo.act((serf, now) => serf.keys("install", key(1), now));
    const [{ result }] = of(solo, "key-result") as [Extract<SerfEvent, { type: "key-result" }>];
    expect(result.error).toBe("1/1 nodes reported failure");
    expect([...result.messages]).toEqual([["n1", "No keyring to modify (encryption not enabled)"]]);
  });

  it("are changed for others who ask, and never reported as a query", () => {
    const keyring = ring(1);
    const solo = new Solo({ keyring });
    solo.meet(2);
    solo.clear();
    const request = (lTime: number, word: string, n: number) =>
      solo.receive(
        encodeQuery({
          lTime,
          id: 5,
          addr: Uint8Array.of(10, 0, 0, 2),
          port: 7946,
          sourceNode: "n2",
          filters: null,
          flags: 0,
          relayFactor: 0,
          timeoutNs: 1e9,
          name: `_serf_${word}`,
          payload: encodeKeyRequest(word === "list-keys" ? new Uint8Array(0) : key(n)),
        }),
      );
    request(3, "install-key", 2);
    request(4, "use-key", 2);
    request(5, "remove-key", 2);
    request(6, "list-keys", 0);
    const answers = solo.sent
      .filter(({ message }) => message[0] === SerfType.queryResponse)
      .map(({ message }) => readKeyResponse(readQueryResponse(new Reader(message, 1)).payload!)!);
    expect(answers.map(({ result, message }) => [result, message])).toEqual([
      [true, ""],
      [true, ""],
      [false, "removing the primary key is not allowed"],
      [true, ""],
    ]);
    expect(answers[3]!.keys).toHaveLength(2);
    expect(keyring.keys()).toEqual([key(2), key(1)]);
    expect(told(solo)).toEqual([]);
  });
});

describe("a second holder of our name (7.9)", () => {
  const record = (host: number) =>
    encodeMemberRecord({
      name: "n1",
      addr: Uint8Array.of(10, 0, 0, host),
      port: 7946,
      tags: {},
      status: 1,
      protocolMin: 1,
      protocolMax: 5,
      protocolCur: 2,
      delegateMin: 2,
      delegateMax: 5,
      delegateCur: 5,
    });
  /** It claims our name, and answers when the detector asks there. */
  const claimAnswered = (solo: Solo) => {
    const before = solo.pings.length;
    solo.meet(9, { node: "n1", incarnation: 5 });
    if (solo.pings.length > before) solo.pong(9);
  };
  const votes = (solo: Solo) => of(solo, "name-vote");

  it("makes us ask the pool, once at a time and once a minute", () => {
    const solo = new Solo();
    solo.meet(2);
    const claim = () => claimAnswered(solo);
    claim();
    solo.meet(9, { node: "n1", incarnation: 5 });
    solo.advance(200);
    expect(asked(solo)).toMatchObject({ name: "_serf_conflict", payload: encodeUtf8("n1"), flags: 0 });
    respond(solo, asked(solo), "n2", record(9));
    solo.advance(2999);
    expect(votes(solo)).toEqual([]);
    solo.advance(1);
    expect(votes(solo)).toEqual([{ type: "name-vote", responses: 1, matching: 0, keep: false }]);
    solo.advance(40_000);
    claim();
    expect(of(solo, "conflict")).toHaveLength(2);
    solo.advance(10_000);
    expect(votes(solo)).toHaveLength(1);
    solo.advance(60_000);
    claim();
    solo.advance(3200);
    // Nobody answered this time: no decision.
    expect(votes(solo).at(-1)).toEqual({ type: "name-vote", responses: 0, matching: 0, keep: true });
    expect(solo.distinct(SerfType.query)).toHaveLength(2);
    expect(types(solo)).not.toContain("query-done");
  });

  it("is not asked about again while the pool is being asked", () => {
    const solo = new Solo({}, { gossipIntervalMs: 10_000 });
    claimAnswered(solo);
    solo.advance(100_000);
    claimAnswered(solo);
    expect(of(solo, "conflict")).toHaveLength(2);
    expect(solo.serf.inspect().openQueries).toBe(1);
    solo.advance(60_000);
    expect(votes(solo)).toHaveLength(1);
  });

  it("is nothing to us when votes are not wanted, not possible, or it is another's name", () => {
    const unwanted = new Solo({ serfConfig: { resolveConflicts: false } });
    const old = new Solo({ protocol: 3 });
    const other = new Solo();
    for (const solo of [unwanted, old]) claimAnswered(solo);
    other.meet(2);
    other.meet(9, { node: "n2", incarnation: 5 });
    for (const solo of [unwanted, old, other]) {
      solo.advance(5000);
      expect(of(solo, "conflict")).toHaveLength(1);
      expect(votes(solo)).toEqual([]);
      expect(solo.serf.stats().queryTime).toBe(1);
    }
  });

  it("does not bring us back once we leave", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.act((serf, now) => serf.leave(now));
    claimAnswered(solo);
    expect(solo.serf.stats().queryTime).toBe(1);
  });
});

describe("a past that was restored (section 15)", () => {
  const event = (lTime: number) => encodeUserEvent({ lTime, name: "e", payload: null, coalesce: false });
  const query = (lTime: number) =>
    encodeQuery({
      ...load,
      lTime,
      id: lTime,
      addr: Uint8Array.of(10, 0, 0, 2),
      port: 7946,
      sourceNode: "n2",
      filters: null,
      flags: 0,
      relayFactor: 0,
      timeoutNs: 1e9,
    });

  it("is not lived through again", () => {
    const solo = new Solo({ restored: { memberTime: 10, eventTime: 20, queryTime: 30 } });
    expect(solo.serf.stats()).toMatchObject({ memberTime: 11, eventTime: 21, queryTime: 31 });
    for (const lTime of [19, 20, 21]) solo.receive(event(lTime));
    for (const lTime of [29, 30, 31]) solo.receive(query(lTime));
    expect(of(solo, "user-event").map(({ lTime }) => lTime)).toEqual([21]);
    expect(of(solo, "query").map(({ lTime }) => lTime)).toEqual([31]);
    expect(solo.serf.stats()).toMatchObject({ eventQueue: 1, queryQueue: 1 });
    expect(solo.serf.swim.counters.drops).toEqual({});
  });

  it("is not lived through again, but what was missed of it is, when the events are remembered one by one", () => {
    const hashes = new Map([[20, new Set([eventHash("e", null)])]]);
    const restored = { memberTime: 10, eventTime: 20, queryTime: 30, seenEvents: { fromTime: 18, hashes } };
    const solo = new Solo({ restored });
    expect(solo.serf.stats().eventTime).toBe(21);
    expect(solo.serf.eventsFrom).toBe(18);
    for (const lTime of [17, 18, 20, 18, 19]) solo.receive(event(lTime));
    solo.receive(encodeUserEvent({ lTime: 20, name: "other", payload: null, coalesce: false }));
    expect(of(solo, "user-event").map(({ lTime, name }) => `${lTime} ${name}`)).toEqual(["18 e", "19 e", "20 other"]);
    // Nor is the one that was seen told to others, without its payload.
    expect(solo.serf.inspect().bufferedEvents).toBe(3);
    expect(solo.act((serf, now) => serf.userEvent("e", null, false, now))).toBe(21);
  });

  it.each([Number.NaN, 1.5, Number.POSITIVE_INFINITY])("with a memory from time %d it is all past", (fromTime) => {
    const seenEvents = { fromTime, hashes: new Map() };
    const solo = new Solo({ restored: { memberTime: 10, eventTime: 20, queryTime: 30, seenEvents } });
    for (const lTime of [20, 21]) solo.receive(event(lTime));
    expect(of(solo, "user-event").map(({ lTime }) => lTime)).toEqual([21]);
  });

  it("leaves room for what we say first", () => {
    const solo = new Solo({ restored: { memberTime: 10, eventTime: 20, queryTime: 30 } });
    expect(solo.act((serf, now) => serf.userEvent("e", null, false, now))).toBe(21);
    expect(ask(solo).lTime).toBe(31);
    expect(types(solo)).toEqual(["user-event", "query"]);
  });

  it.each([0, -1, 1.5, Number.NaN, Number.MAX_SAFE_INTEGER, 2 ** 60])(
    "of time %d makes us neither mute nor deaf",
    (time) => {
      const solo = new Solo({ restored: { memberTime: time, eventTime: time, queryTime: time } });
      solo.act((serf, now) => serf.userEvent("e", null, false, now));
      const { lTime } = ask(solo);
      solo.receive(query(lTime + 1));
      solo.receive(event(lTime + 1));
      expect(types(solo)).toEqual(["user-event", "query", "query", "user-event"]);
    },
  );
});

function encrypting() {
  return createCodec({
    keyring: new Keyring([key(1)]),
    cipherFactory: nodeCipher,
    nonceSource: fixedNonce(new Uint8Array(12)),
  });
}

function toArray(bytes: Uint8Array): number[] {
  return [...bytes];
}
