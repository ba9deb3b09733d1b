/**
 * SWIM (Das, Gupta, Motivala 2002) and memberlist's additions, sentence by sentence, on one machine in virtual time.
 */
import { describe, expect, it } from "vitest";
import { Solo } from "./solo.ts";

describe("failure detector", () => {
  it("pings one member in each period, everyone once before anyone twice", () => {
    const solo = new Solo();
    for (let n = 2; n <= 6; n++) solo.meet(n);
    solo.forget();
    const order: string[] = [];
    for (let period = 0; period < 10; period++) {
      const before = solo.sentOf(0).length;
      solo.advanceUntil(() => solo.sentOf(0).length > before);
      const ping = solo.sentOf(0).at(-1)!;
      order.push(ping.node);
      solo.receive({ type: 2, seqNo: ping.seqNo, payload: null });
    }
    expect(new Set(order.slice(0, 5)).size).toBe(5);
    expect(new Set(order.slice(5)).size).toBe(5);
  });

  it("inserts a newcomer at a random place of the ring, so it is met within one turn", () => {
    const solo = new Solo();
    for (let n = 2; n <= 5; n++) solo.meet(n);
    solo.meet(99);
    const met = new Set<string>();
    for (let period = 0; period < 10; period++) {
      const before = solo.sentOf(0).length;
      solo.advanceUntil(() => solo.sentOf(0).length > before);
      const ping = solo.sentOf(0).at(-1)!;
      met.add(ping.node);
      solo.receive({ type: 2, seqNo: ping.seqNo, payload: null });
    }
    expect(met.has("n99")).toBe(true);
  });

  it("asks k others when the ack does not come in time, and tries a stream as well", () => {
    const solo = new Solo();
    for (let n = 2; n <= 7; n++) solo.meet(n);
    solo.forget();
    solo.advanceUntil(() => solo.sentOf(0).length > 0);
    const ping = solo.sentOf(0)[0]!;
    solo.advance(500);
    const requests = solo.sentOf(1);
    expect(requests).toHaveLength(3);
    for (const request of requests) expect(request).toMatchObject({ seqNo: ping.seqNo, node: ping.node, nack: true });
    expect(new Set(solo.sent.filter(({ messages }) => messages[0]!.type === 1).map(({ to }) => to)).size).toBe(3);
    expect(solo.streams).toMatchObject([{ kind: "ping", reply: true }]);
    expect(solo.swim.why(ping.node).map(({ type }) => type)).toEqual([
      "ping-unanswered",
      "indirect-ping-sent",
      "indirect-ping-sent",
      "indirect-ping-sent",
    ]);
  });

  it("takes an ack that a relay passes on for an ack", () => {
    const solo = new Solo();
    for (let n = 2; n <= 7; n++) solo.meet(n);
    solo.forget();
    solo.advanceUntil(() => solo.sentOf(1).length > 0);
    solo.receive({ type: 2, seqNo: solo.sentOf(1)[0]!.seqNo, payload: null });
    solo.advance(900);
    expect(solo.eventsOf("member-suspect")).toEqual([]);
    expect(solo.swim.healthScore).toBe(0);
  });

  it("suspects a member whose probe failed, at the incarnation of the probe's start", () => {
    const solo = new Solo();
    for (let n = 2; n <= 7; n++) solo.meet(n, { incarnation: 3 });
    solo.forget();
    solo.advanceUntil(() => solo.eventsOf("member-suspect").length > 0);
    const accused = solo.eventsOf("member-suspect")[0]!.member;
    expect(accused.incarnation).toBe(3);
    solo.advance(300);
    expect(solo.sentOf(3)).toContainEqual({ type: 3, incarnation: 3, node: accused.name, from: "me" });
  });

  it("believes a stream ack only after the period, and then does not accuse", () => {
    const solo = new Solo();
    for (let n = 2; n <= 4; n++) solo.meet(n);
    solo.forget();
    solo.advanceUntil(() => solo.streams.length > 0);
    const request = solo.streams[0]!;
    const payload = solo.swim.streamPayload(request.id, solo.now)!;
    const ping = solo.codec.streamReader(true).push(payload) as { seqNo: number };
    solo.swim.handleStreamReply(request.id, { type: 2, seqNo: ping.seqNo, payload: null }, solo.now);
    solo.advance(600);
    expect(solo.eventsOf("member-suspect")).toEqual([]);
  });
});

describe("suspicion", () => {
  it("declares dead when nobody refutes, and says how", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.forget();
    solo.advanceUntil(() => solo.eventsOf("member-leave").length > 0);
    const { member } = solo.eventsOf("member-leave")[0]!;
    expect(member).toMatchObject({ name: "n2", state: "dead" });
    const why = solo.swim.why("n2").map(({ type }) => type);
    expect(why).toEqual(["ping-unanswered", "probe-failed", "suspected", ...why.slice(3, -1), "dead"]);
    const suspectedForMs = solo.swim.why("n2").findLast((entry) => entry.type === "dead")!.suspectedForMs;
    expect(suspectedForMs).toBe(4000);
  });

  it("is ended by a higher incarnation of the suspect", () => {
    const solo = new Solo();
    for (let n = 2; n <= 5; n++) solo.meet(n);
    solo.receive({ type: 3, incarnation: 1, node: "n3", from: "n4" });
    expect(solo.swim.member("n3")!.state).toBe("suspect");
    solo.receive({ type: 4, ...omitType(solo, "n3"), incarnation: 2 });
    expect(solo.swim.member("n3")).toMatchObject({ state: "alive", incarnation: 2 });
    expect(solo.eventsOf("member-refuted")).toHaveLength(1);
  });

  it("of ourselves is refuted with a higher incarnation, first in the next packet", () => {
    const solo = new Solo();
    for (let n = 2; n <= 5; n++) solo.meet(n);
    solo.forget();
    solo.receive({ type: 3, incarnation: 1, node: "me", from: "n4" });
    solo.advance(300);
    expect(solo.sent[0]!.messages[0]).toMatchObject({ type: 4, node: "me", incarnation: 2 });
    expect(solo.swim.healthScore).toBe(1);
  });

  it("with the last incarnation of all cannot lock us out", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.receive({ type: 3, incarnation: 0xffff_ffff, node: "me", from: "n2" });
    expect(solo.swim.local().incarnation).toBe(1);
    expect(solo.swim.counters.drops["incarnation-wrap"]).toBe(1);
  });
});

describe("relaying", () => {
  const request = {
    type: 1,
    seqNo: 77,
    target: Uint8Array.of(127, 0, 0, 9),
    port: 7000,
    node: "n9",
    nack: true,
    sourceAddr: Uint8Array.of(127, 0, 0, 5),
    sourcePort: 5005,
    sourceNode: "n5",
  } as const;

  it("pings the target with a number of its own and passes the ack on under the requester's", () => {
    const solo = new Solo();
    solo.receive({ ...request });
    const ping = solo.sent.at(-1)!;
    expect(ping.to).toBe("127.0.0.9:7000");
    expect(ping.messages[0]).toMatchObject({ type: 0, node: "n9", sourceNode: "me" });
    solo.receive({ type: 2, seqNo: solo.sentOf(0).at(-1)!.seqNo, payload: null });
    const answer = solo.sent.at(-1)!;
    expect(answer.to).toBe("127.0.0.5:5005");
    expect(answer.messages[0]).toEqual({ type: 2, seqNo: 77, payload: null });
    solo.advance(1000);
    expect(solo.sentOf(11)).toEqual([]);
  });

  it("sends a nack when no ack comes within 80 % of the probe timeout, and still passes on an ack after that", () => {
    const solo = new Solo();
    solo.receive({ ...request });
    solo.advance(399);
    expect(solo.sentOf(11)).toEqual([]);
    solo.advance(2);
    expect(solo.sentOf(11)).toEqual([{ type: 11, seqNo: 77 }]);
    solo.receive({ type: 2, seqNo: solo.sentOf(0).at(-1)!.seqNo, payload: null });
    expect(solo.sentOf(2)).toMatchObject([{ seqNo: 77 }]);
  });

  it("forgets a request when the probe timeout is over", () => {
    const solo = new Solo();
    solo.receive({ ...request });
    solo.advance(501);
    solo.receive({ type: 2, seqNo: solo.sentOf(0).at(-1)!.seqNo, payload: null });
    expect(solo.sentOf(2)).toEqual([]);
    expect(solo.sentOf(11)).toHaveLength(1);
  });

  it("refuses a flood of requests instead of queueing it", () => {
    const solo = new Solo();
    for (let i = 0; i < 1500; i++) solo.receive({ ...request, seqNo: i });
    expect(solo.swim.counters.drops["relay-limit"]).toBe(1500 - 1024);
  });
});

describe("draining", () => {
  it("answers no ping while the embedder says that it is unhealthy", () => {
    const solo = new Solo();
    solo.swim.setHealthy(false);
    const ping = { type: 0, seqNo: 1, node: "me", sourceAddr: null, sourcePort: 0, sourceNode: "" } as const;
    solo.receive({ ...ping });
    expect(solo.sentOf(2)).toEqual([]);
    solo.swim.setHealthy(true);
    solo.receive({ ...ping });
    expect(solo.sentOf(2)).toHaveLength(1);
  });

  it("refutes nothing meanwhile, whatever is said, and all of it afterwards", () => {
    const solo = new Solo();
    solo.swim.setHealthy(false);
    const { addr, port, vsn } = solo.swim.local();
    solo.receive({ type: 3, incarnation: 1, node: "me", from: "x" });
    solo.receive({ type: 4, incarnation: 5, node: "me", addr, port, meta: Uint8Array.of(9), vsn });
    expect([solo.swim.counters.refutations, solo.swim.local().incarnation]).toEqual([0, 1]);
    solo.swim.setHealthy(true);
    expect([solo.swim.counters.refutations, solo.swim.local().incarnation]).toEqual([1, 6]);
  });
});

function omitType(solo: Solo, name: string) {
  const { addr, port, meta, vsn } = solo.swim.member(name)!;
  return { node: name, addr, port, meta, vsn };
}

describe("push/pull", () => {
  it("begins a random delay plus one interval after the start, scaled by the pool as it is by then", () => {
    const solo = new Solo({ pushPullIntervalMs: 30_000, probeIntervalMs: 0 });
    for (let n = 2; n <= 101; n++) solo.meet(n);
    solo.forget();
    // 101 members: three times the interval.
    solo.advance(89_000 * 0.95);
    expect(solo.streams).toEqual([]);
    solo.advance(45_000);
    expect(solo.streams).toMatchObject([{ kind: "push-pull", reply: true }]);
  });
});
