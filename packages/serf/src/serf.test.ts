import { encodeUtf8, Reader, Writer } from "@hearsay/wire";
import { describe, expect, it } from "vitest";
import { readJoin, readLeave, readMemberRecord, readQueryResponse, readRelay, readState } from "./decode.ts";
import {
  encodeJoin,
  encodeLeave,
  encodeQuery,
  encodeQueryResponse,
  encodeRelay,
  encodeState,
  encodeUserEvent,
} from "./encode.ts";
import { type Query, QueryFlag, type SerfState, SerfType } from "./messages.ts";
import { Solo } from "./testing/solo.ts";

const limits = { maxNames: 1000, maxEvents: 1000 };

function query(overrides: Partial<Query> = {}): Uint8Array {
  return encodeQuery({
    lTime: 3,
    id: 1234,
    addr: Uint8Array.of(10, 0, 0, 9),
    port: 7946,
    sourceNode: "n9",
    filters: null,
    flags: 0,
    relayFactor: 0,
    timeoutNs: 1_500_000_000,
    name: "load",
    payload: encodeUtf8("15m"),
    ...overrides,
  });
}

function state(overrides: Partial<SerfState> = {}): Uint8Array {
  return encodeState({
    lTime: 1,
    eventLTime: 1,
    queryLTime: 1,
    statusLTimes: new Map(),
    leftMembers: [],
    events: [],
    ...overrides,
  });
}

const stateOf = (bytes: Uint8Array) => readState(new Reader(bytes, 1), limits);
const eventTypes = (solo: Solo) => solo.events.map((event) => event.type).filter((type) => type !== "evidence");

describe("intents", () => {
  it("are stamped, witnessed and gossiped when we have joined", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.act((serf, now) => serf.joined(now));
    solo.advance(5000);
    const [join] = solo.distinct(SerfType.join);
    expect(readJoin(new Reader(join!, 1))).toEqual({ lTime: 2, node: "n1" });
    expect(solo.serf.stats().memberTime).toBe(3);
    expect(solo.serf.local().statusLTime).toBe(2);
    expect(solo.serf.stats().intentQueue).toBe(0);
  });

  it("go on unchanged once, however often they come", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.meet(3);
    const leave = encodeLeave({ lTime: 5, node: "n3", prune: false });
    for (let i = 0; i < 3; i++) solo.receive(leave);
    expect(solo.serf.stats().intentQueue).toBe(1);
    solo.advance(5000);
    expect(solo.distinct(SerfType.leave)).toEqual([leave]);
    expect(solo.serf.member("n3")?.status).toBe("leaving");
    solo.lose(3, true);
    expect(solo.serf.member("n3")).toMatchObject({ status: "left", state: "left" });
  });

  it("that accuse us are answered with a later join", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.receive(encodeLeave({ lTime: 41, node: "n1", prune: true }));
    solo.advance(5000);
    expect(solo.distinct(SerfType.leave)).toEqual([]);
    expect(solo.distinct(SerfType.join).map((message) => readJoin(new Reader(message, 1)))).toEqual([
      { lTime: 43, node: "n1" },
    ]);
    expect(solo.serf.local().status).toBe("alive");
  });

  it("of ours leave in order: intent, then detector, then silence", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.clear();
    solo.act((serf, now) => serf.leave(now));
    expect(solo.serf.local().status).toBe("leaving");
    solo.advance(20_000);
    const [leave] = solo.distinct(SerfType.leave);
    expect(readLeave(new Reader(leave!, 1))).toMatchObject({ node: "n1", prune: false });
    expect(eventTypes(solo)).toEqual(["member-leave", "left-pool"]);
    expect(solo.serf.local().status).toBe("left");
  });

  it.each([
    ["a name that is empty", encodeJoin({ lTime: 4, node: "" }), "serf-name"],
    ["a name that is too long", encodeJoin({ lTime: 4, node: "x".repeat(256) }), "serf-name"],
    ["a time beyond belief", encodeJoin({ lTime: Number.MAX_SAFE_INTEGER, node: "a" }), "serf-ltime"],
    ["half a message", encodeJoin({ lTime: 4, node: "abc" }).slice(0, -1), "serf-malformed"],
    ["a negative time", Uint8Array.of(1, 0x81, 0xa5, 0x4c, 0x54, 0x69, 0x6d, 0x65, 0xff), "serf-malformed"],
    ["an unknown type", Uint8Array.of(77, 0x80), "serf-unknown-type"],
    ["a state by itself", state(), "serf-unknown-type"],
    [
      "a response to nothing",
      encodeQueryResponse({ lTime: 1, id: 1, from: "x", flags: 1, payload: null }),
      "serf-unasked",
    ],
  ])("or other messages with %s are dropped and counted", (_, message, reason) => {
    const solo = new Solo();
    solo.meet(2);
    solo.clear();
    solo.receive(message);
    expect(solo.serf.swim.counters.drops).toEqual({ [reason]: 1 });
    expect(solo.events).toEqual([{ type: "dropped", reason, peer: expect.stringMatching(/^(10\.0\.0\.2:7946)?$/) }]);
    expect(solo.serf.stats()).toMatchObject({ intentQueue: 0, memberTime: 1 });
  });

  const long = "x".repeat(70_000);

  // Only by a stream can a message have more bytes than a packet, of which a node keeps thousands for up to a day.
  it.each([
    ["a query", query({ payload: new Uint8Array(70_000) }), "serf-too-long"],
    ["an asker's name", query({ sourceNode: long }), "serf-too-long"],
    ["an asker's name that a packet could hold", query({ sourceNode: "x".repeat(256) }), "serf-name"],
    ["an event", encodeUserEvent({ lTime: 3, name: long, payload: null, coalesce: false }), "serf-too-long"],
    [
      "an event that a packet could hold, and no Serf sends",
      encodeUserEvent({ lTime: 3, name: "e", payload: new Uint8Array(9216), coalesce: false }),
      "serf-too-long",
    ],
    ["an exchanged event", state({ events: [{ lTime: 3, events: [{ name: long, payload: null }] }] }), "serf-too-long"],
  ])("or other messages that are too large are dropped: %s", (_, message, reason) => {
    const solo = new Solo();
    solo.clear();
    if (message[0] === SerfType.pushPull) solo.exchange(message);
    else {
      const from = { address: "10.0.0.2", port: 7946 };
      solo.serf.handleStreamRequest(from, { type: 8, payload: message }, solo.now);
      solo.drain();
    }
    expect(solo.serf.swim.counters.drops).toEqual({ [reason]: 1 });
    expect(eventTypes(solo)).toEqual(["dropped"]);
    expect(solo.serf.inspect()).toMatchObject({ answerable: 0, bufferedEvents: 0 });
  });

  it("that are empty are ignored, as Serf does", () => {
    const solo = new Solo();
    solo.receive(new Uint8Array(0));
    expect(solo.events).toEqual([]);
  });
});

describe("user events", () => {
  const event = encodeUserEvent({ lTime: 10, name: "deploy", payload: encodeUtf8("v1"), coalesce: true });

  it("are reported and passed on once, unchanged", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.clear();
    solo.receive(event);
    solo.receive(event);
    expect(solo.events).toEqual([
      { type: "user-event", name: "deploy", payload: encodeUtf8("v1"), lTime: 10, coalesce: true },
    ]);
    expect(solo.serf.stats()).toMatchObject({ eventTime: 11, eventQueue: 1, memberTime: 1, queryTime: 1 });
    solo.advance(5000);
    expect(solo.distinct(SerfType.userEvent)).toEqual([event]);
  });

  it("too large for a packet are reported but not queued for ever", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.clear();
    solo.receive(encodeUserEvent({ lTime: 10, name: "big", payload: new Uint8Array(1400), coalesce: false }));
    expect(eventTypes(solo)).toEqual(["user-event"]);
    expect(solo.serf.stats().eventQueue).toBe(0);
    const edge = (n: number) =>
      encodeUserEvent({ lTime: 11, name: "edge", payload: new Uint8Array(n), coalesce: false });
    const fits = 1395 - (edge(1000).length - 1000);
    solo.receive(edge(fits + 1));
    expect(solo.serf.stats().eventQueue).toBe(0);
    solo.receive(edge(fits));
    expect(solo.serf.stats().eventQueue).toBe(1);
    solo.advance(5000);
    expect(solo.serf.stats().eventQueue).toBe(0);
    expect(solo.distinct(SerfType.userEvent)).toHaveLength(1);
  });

  it("reach newcomers by state exchange, and come from there", () => {
    const solo = new Solo();
    solo.receive(event);
    solo.clear();
    const slots = [{ lTime: 12, events: [{ name: "restart", payload: null }] }];
    const ours = stateOf(solo.exchange(state({ eventLTime: 13, events: slots })));
    expect(ours.events).toEqual([{ lTime: 10, events: [{ name: "deploy", payload: encodeUtf8("v1") }] }]);
    expect(ours.eventLTime).toBe(11);
    expect(solo.events).toEqual([{ type: "user-event", name: "restart", payload: null, lTime: 12, coalesce: false }]);
    // The gossiped one waits for somebody to tell; the one from the exchange does not.
    expect(solo.serf.stats()).toMatchObject({ eventTime: 13, eventQueue: 1 });
  });
});

describe("state exchange (7.7)", () => {
  it("brings our clocks to the sender's, not past them", () => {
    const solo = new Solo();
    solo.exchange(state({ lTime: 20, eventLTime: 30, queryLTime: 40 }));
    expect(solo.serf.stats()).toMatchObject({ memberTime: 20, eventTime: 30, queryTime: 40 });
    solo.exchange(state({ lTime: 2 ** 52, eventLTime: Number.MAX_SAFE_INTEGER, queryLTime: 0 }));
    expect(solo.serf.stats()).toMatchObject({ memberTime: 20, eventTime: 30, queryTime: 40 });
  });

  it("takes the left for left, the others for joined, and passes nothing on", () => {
    const solo = new Solo();
    for (const host of [2, 3, 4]) solo.meet(host);
    solo.lose(3);
    solo.advance(60_000);
    const statusLTimes = new Map([
      ["n2", 7],
      ["n3", 8],
      ["n4", 9],
      ["stranger", 3],
    ]);
    solo.exchange(state({ lTime: 10, statusLTimes, leftMembers: ["n3", "n4"] }));
    expect(solo.serf.member("n2")).toMatchObject({ status: "alive", statusLTime: 7 });
    expect(solo.serf.member("n3")).toMatchObject({ status: "left", statusLTime: 8 });
    expect(solo.serf.member("n4")).toMatchObject({ status: "leaving", statusLTime: 9 });
    expect(solo.serf.inspect().recentIntents).toBe(1);
    expect(solo.serf.stats().intentQueue).toBe(0);
    const ours = stateOf(solo.exchange(state()));
    expect(ours.leftMembers).toEqual(["n3"]);
    // Without n4, who is about to leave: its time would be taken for a join's (differs from Serf).
    expect(Object.fromEntries(ours.statusLTimes)).toEqual({ n1: 0, n2: 7, n3: 8 });
  });

  it("refutes our own leave on record there", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.exchange(state({ lTime: 50, statusLTimes: new Map([["n1", 30]]), leftMembers: ["n1"] }));
    solo.advance(5000);
    expect(solo.serf.local()).toMatchObject({ status: "alive", statusLTime: 51 });
    expect(solo.distinct(SerfType.join).map((message) => readJoin(new Reader(message, 1)))).toEqual([
      { lTime: 51, node: "n1" },
    ]);
  });

  it.each([
    ["no time given", ["n2"], 0],
    ["nothing at all", [], 0],
  ])("reads a state with %s", (_, leftMembers, lTime) => {
    const solo = new Solo();
    solo.meet(2);
    solo.exchange(state({ leftMembers, lTime }));
    expect(solo.serf.member("n2")?.status).toBe(leftMembers.length > 0 ? "leaving" : "alive");
  });

  it.each([
    ["broken", state({ statusLTimes: new Map([["n2", 5]]) }).slice(0, -1), "serf-malformed"],
    ["not a state", Uint8Array.of(3, 0x80), "serf-unknown-type"],
  ])("takes nothing from what is %s", (_, bytes, reason) => {
    const solo = new Solo();
    solo.meet(2);
    solo.exchange(bytes);
    expect(solo.serf.swim.counters.drops).toEqual({ [reason]: 1 });
    expect(solo.serf.member("n2")?.statusLTime).toBe(0);
  });
});

describe("queries", () => {
  const acks = (solo: Solo) =>
    solo.sent
      .filter(({ message }) => message[0] === SerfType.queryResponse)
      .map(({ to, message }) => ({ to, ...readQueryResponse(new Reader(message, 1)) }));

  it("are acknowledged when asked, reported, and passed on once", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.clear();
    const asked = query({ flags: QueryFlag.ack });
    solo.receive(asked);
    solo.receive(asked);
    expect(acks(solo)).toEqual([{ to: "10.0.0.9:7946", lTime: 3, id: 1234, from: "n1", flags: 1, payload: null }]);
    expect(solo.events).toEqual([
      { type: "query", name: "load", payload: encodeUtf8("15m"), lTime: 3, id: 1234, from: "n9", deadline: 1500 },
    ]);
    expect(solo.serf.stats()).toMatchObject({ queryTime: 4, queryQueue: 1, eventTime: 1 });
    solo.advance(5000);
    expect(solo.distinct(SerfType.query)).toEqual([asked]);
  });

  it("not meant for us are passed on all the same, and nothing more", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.clear();
    const tag = new Writer().byte(1).value({ Expr: "^db$", Tag: "role" }).finish();
    solo.receive(query({ flags: QueryFlag.ack, filters: [tag] }));
    expect(acks(solo)).toEqual([]);
    expect(solo.events).toEqual([]);
    expect(solo.serf.stats().queryQueue).toBe(1);
  });

  it("too costly to judge are passed on but not taken", () => {
    const solo = new Solo({ tags: { role: "x".repeat(400) } });
    solo.meet(2);
    solo.clear();
    const tag = (Expr: string) => new Writer().byte(1).value({ Expr, Tag: "role" }).finish();
    for (let id = 0; id < 20; id++) solo.receive(query({ id, filters: [tag(`(.?){900}${id}y`)] }));
    solo.receive(query({ id: 20, filters: [tag("^x+$")] }));
    expect(solo.serf.swim.counters.drops["serf-filter-limit"]).toBeGreaterThan(10);
    expect(eventTypes(solo)).not.toContain("query");
    expect(solo.serf.stats().queryQueue).toBe(21);
    solo.advance(1000);
    solo.receive(query({ id: 21, filters: [tag("^x+$")] }));
    expect(eventTypes(solo)).toContain("query");
  });

  it("are taken at a bounded rate; of one refused another copy may come", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.clear();
    for (let id = 0; id < 1030; id++) solo.receive(query({ id, lTime: 3 + (id % 2) }));
    expect(solo.serf.swim.counters.drops).toEqual({ "serf-query-limit": 6 });
    solo.receive(query({ id: 0 }));
    expect(solo.serf.swim.counters.drops).toEqual({ "serf-query-limit": 6 });
    solo.clear();
    solo.advance(1000);
    solo.receive(query({ id: 1029, lTime: 4 }));
    expect(eventTypes(solo)).toEqual(["query"]);
  });

  it("of an asker with too long a name, or with too many filters, are not for us", () => {
    const solo = new Solo();
    solo.receive(query({ sourceNode: "x".repeat(256) }));
    expect(solo.serf.swim.counters.drops).toEqual({ "serf-name": 1 });
    const nobody = Array.from({ length: 500 }, () => new Writer().byte(0).array(1).text("n1").finish());
    solo.receive(query({ filters: nobody }));
    solo.receive(query({ id: 5, filters: nobody.slice(0, 100) }));
    expect(eventTypes(solo)).toEqual(["dropped", "query"]);
  });

  it("not to be passed on are not", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.receive(query({ flags: QueryFlag.ack | QueryFlag.noBroadcast }));
    expect(acks(solo)).toHaveLength(1);
    expect(solo.serf.stats().queryQueue).toBe(0);
  });

  it("see our present tags", () => {
    const solo = new Solo();
    solo.act((serf, now) => serf.setTags({ role: "db" }, now));
    const tag = new Writer().byte(1).value({ Expr: "^db$", Tag: "role" }).finish();
    solo.receive(query({ filters: [tag] }));
    expect(eventTypes(solo)).toContain("query");
  });

  it("of Serf's own are answered and not reported", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.clear();
    solo.receive(query({ name: "_serf_ping", flags: QueryFlag.ack, payload: null }));
    expect(acks(solo)).toHaveLength(1);
    solo.receive(query({ name: "_serf_stats", id: 2, payload: null }));
    expect(eventTypes(solo)).toEqual(["dropped"]);
    expect(solo.serf.swim.counters.drops).toEqual({ "serf-internal-query": 1 });
  });

  it("about a name conflict get our vote", () => {
    const solo = new Solo();
    solo.meet(2);
    const vote = (name: string, id: number) => {
      solo.clear();
      solo.receive(query({ name: "_serf_conflict", id, payload: encodeUtf8(name) }));
      const [answer] = acks(solo);
      if (!answer) return undefined;
      expect(answer.flags).toBe(0);
      expect(answer.payload?.[0]).toBe(SerfType.conflictResponse);
      return readMemberRecord(new Reader(answer.payload!, 1));
    };
    expect(vote("n2", 1)).toEqual({
      name: "n2",
      addr: Uint8Array.of(10, 0, 0, 2),
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
    expect(vote("nobody", 2)).toBeNull();
    expect(vote("n1", 3)).toBeUndefined();
  });

  it("with a relay factor are also answered by way of others", () => {
    const solo = new Solo();
    for (const host of [2, 3]) solo.meet(host);
    solo.meet(4, { protocolMax: 4 });
    solo.clear();
    solo.receive(query({ flags: QueryFlag.ack, relayFactor: 3 }));
    const relays = solo.sent.filter(({ message }) => message[0] === SerfType.relay);
    // Two helpers there are that can: never ourselves, never one too old, none twice.
    expect(relays.map(({ to }) => to).sort()).toEqual(["10.0.0.2:7946", "10.0.0.3:7946"]);
    const wrapped = readRelay(new Reader(relays[0]!.message, 1));
    expect(wrapped).toMatchObject({ addr: Uint8Array.of(10, 0, 0, 9), port: 7946, zone: "", destName: "n9" });
    expect(readQueryResponse(new Reader(wrapped.message, 1))).toMatchObject({ from: "n1", flags: 1, id: 1234 });
    solo.clear();
    solo.receive(query({ flags: QueryFlag.ack, relayFactor: 4, id: 2 }));
    expect(solo.sent.filter(({ message }) => message[0] === SerfType.relay)).toEqual([]);
    expect(acks(solo)).toHaveLength(1);
  });

  it("are relayed by eight at the most, whatever they ask for, and at a bounded rate", () => {
    const solo = new Solo();
    for (let host = 2; host < 42; host++) solo.meet(host);
    solo.clear();
    const relays = () => solo.sent.filter(({ message }) => message[0] === SerfType.relay);
    const asked = { flags: QueryFlag.ack | QueryFlag.noBroadcast, relayFactor: 30, addr: Uint8Array.of(10, 0, 0, 9) };
    solo.receive(query(asked));
    expect(new Set(relays().map(({ to }) => to)).size).toBe(8);
    expect(relays()).toHaveLength(8);
    for (let id = 0; id < 1000; id++) solo.receive(query({ ...asked, id }));
    expect(relays()).toHaveLength(1024);
    expect(acks(solo)).toHaveLength(1001);
  });

  it("from strangers are answered a few times only, from members always", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.clear();
    const victim = { flags: QueryFlag.ack | QueryFlag.noBroadcast, addr: Uint8Array.of(203, 0, 113, 7), port: 53 };
    for (let id = 0; id < 500; id++) solo.receive(query({ ...victim, id, sourceNode: id % 2 === 0 ? "n2" : "x" }));
    expect(acks(solo)).toHaveLength(16);
    expect(solo.serf.swim.counters.drops).toEqual({ "serf-query-address": 484 });
    solo.clear();
    // Another port of a member's is no member's address either.
    solo.receive(query({ ...victim, id: 500, addr: Uint8Array.of(10, 0, 0, 2), sourceNode: "n2" }));
    expect(acks(solo)).toEqual([]);
    for (const [id, sourceNode] of [
      [501, "n2"],
      [502, ""],
      [503, "n1"],
    ] as const) {
      const host = id === 503 ? 1 : 2;
      solo.receive(query({ ...victim, id, addr: Uint8Array.of(10, 0, 0, host), port: 7946, sourceNode }));
    }
    // What goes to ourselves takes no packet.
    expect(acks(solo).map(({ to }) => to)).toEqual(["10.0.0.2:7946", "10.0.0.2:7946"]);
  });

  it.each([
    ["no address", { addr: null }],
    ["an address of five bytes", { addr: new Uint8Array(5) }],
    ["port 0", { port: 0 }],
  ])("with %s get no answer", (_, overrides) => {
    const solo = new Solo();
    solo.receive(query({ flags: QueryFlag.ack, ...overrides }));
    expect(acks(solo)).toEqual([]);
    expect(solo.serf.swim.counters.drops).toEqual({ "serf-query-address": 1 });
  });
});

describe("relays", () => {
  const inner = encodeQueryResponse({ lTime: 3, id: 7, from: "n5", flags: 1, payload: null });
  const relay = (host: number, destName: string) =>
    encodeRelay({ addr: Uint8Array.of(10, 0, 0, host), port: 7946, zone: "", destName, message: inner });

  it("go on unwrapped to the member they name", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.clear();
    solo.receive(relay(2, "n2"));
    expect(solo.sent).toEqual([{ to: "10.0.0.2:7946", message: inner }]);
    solo.receive(relay(2, ""));
    expect(solo.sent).toHaveLength(2);
  });

  it("understand an IPv4 address in its long form", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.clear();
    const addr = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 2);
    solo.receive(encodeRelay({ addr, port: 7946, zone: "", destName: "n2", message: inner }));
    expect(solo.sent.map(({ to }) => to)).toEqual(["10.0.0.2:7946"]);
  });

  it("are handed on at a bounded rate, without a look at the whole pool for each", () => {
    const solo = new Solo();
    for (let host = 2; host < 202; host++) solo.meet(host);
    solo.clear();
    let walks = 0;
    const members = solo.serf.swim.members.bind(solo.serf.swim);
    solo.serf.swim.members = () => {
      walks++;
      return members();
    };
    for (let i = 0; i < 1100; i++) solo.receive(relay(2, ""));
    for (let i = 0; i < 100; i++) solo.receive(relay(250, ""));
    expect(solo.sent).toHaveLength(1024);
    expect(solo.serf.swim.counters.drops).toEqual({ "serf-relay-limit": 76, "serf-relay": 100 });
    expect(walks).toBe(1);
    // The list is made anew in time.
    solo.meet(250);
    solo.clear();
    solo.advance(1000);
    solo.receive(relay(250, ""));
    expect(solo.sent.filter(({ message }) => message[0] === SerfType.queryResponse)).toHaveLength(1);
  });

  it("of more than a packet can carry go nowhere", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.clear();
    const sized = (bytes: number) =>
      encodeRelay({
        addr: Uint8Array.of(10, 0, 0, 2),
        port: 7946,
        zone: "",
        destName: "n2",
        message: new Uint8Array(bytes),
      });
    solo.receive(sized(1395));
    expect(solo.sent.map(({ message }) => message.length)).toEqual([1395]);
    solo.receive(sized(1396));
    solo.receive(sized(6000));
    expect(solo.sent).toHaveLength(1);
    expect(solo.serf.swim.counters.drops).toEqual({ "serf-relay": 2 });
  });

  // They are not gossiped: with Serf, too, the limit that is set is the only one below that of a datagram.
  it("answers have the limit that is set, on the way of a relay as well, and stay within a packet", () => {
    const answer = (solo: Solo, bytes: number) => {
      solo.meet(2);
      solo.receive(query({ addr: Uint8Array.of(10, 0, 0, 2) }));
      solo.clear();
      solo.act((serf, now) => serf.respond(3, 1234, new Uint8Array(bytes), now));
      return solo.sent.map(({ message }) => readQueryResponse(new Reader(message, 1)).payload?.length);
    };
    const large = () => new Solo({ serfConfig: { queryResponseSizeLimit: 4096 } });
    expect(answer(large(), 3000)).toEqual([3000]);
    expect(() => answer(large(), 4096)).toThrow("response exceeds limit of 4096 bytes");
    const endless = new Solo({ serfConfig: { queryResponseSizeLimit: 100_000 } });
    expect(() => answer(endless, 65_000)).toThrow("response exceeds limit of 64607 bytes");
    const helper = large();
    helper.meet(2);
    helper.clear();
    const wrap = { addr: Uint8Array.of(10, 0, 0, 2), port: 7946, zone: "", destName: "n2" };
    for (const bytes of [4096, 4097]) helper.receive(encodeRelay({ ...wrap, message: new Uint8Array(bytes) }));
    expect(helper.sent.map(({ message }) => message.length)).toEqual([4096]);
  });

  it.each([
    ["a stranger", relay(99, "n99")],
    ["a stranger without a name", relay(99, "")],
    ["a member at another address", relay(99, "n2")],
  ])("to %s go nowhere", (_, message) => {
    const solo = new Solo();
    solo.meet(2);
    solo.clear();
    solo.receive(message);
    expect(solo.sent).toEqual([]);
    expect(solo.serf.swim.counters.drops).toEqual({ "serf-relay": 1 });
  });
});

describe("construction", () => {
  it("refuses a protocol it does not speak, and tags that do not fit", () => {
    expect(() => new Solo({ protocol: 6 })).toThrow(expect.objectContaining({ code: "protocol-version" }));
    expect(() => new Solo({ protocol: 1 })).toThrow(expect.objectContaining({ code: "protocol-version" }));
    expect(() => new Solo({ tags: { a: "x".repeat(600) } })).toThrow(
      expect.objectContaining({ code: "tags-too-long" }),
    );
  });

  it("speaks the protocol chosen", () => {
    const solo = new Solo({ protocol: 2, tags: { role: "old", lost: "yes" } });
    expect(solo.serf.local().tags).toEqual({ role: "old" });
    expect([...solo.serf.local().vsn]).toEqual([1, 5, 2, 2, 5, 2]);
  });
});

describe("leaving and joining at once", () => {
  it("a join that succeeds while we leave does not take the leave back", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.act((serf, now) => serf.leave(now));
    solo.act((serf, now) => serf.joined(now));
    solo.advance(5000);
    expect(solo.distinct(SerfType.join)).toEqual([]);
    expect(solo.serf.local().status).toBe("left");
  });
});
