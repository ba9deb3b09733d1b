/** Lifeguard (Dadgar, Phillips, Currey 2018), as memberlist has it, on one machine in virtual time. */
import { describe, expect, it } from "vitest";
import { Solo } from "./solo.ts";

describe("local health", () => {
  it("worsens by a failed probe when there was nobody to send nacks", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.advanceUntil(() => solo.eventsOf("member-suspect").length > 0);
    expect(solo.swim.healthScore).toBe(1);
  });

  it("worsens by each expected nack that does not come, and not at all when all come", () => {
    for (const [nacks, score] of [
      [0, 3],
      [1, 2],
      [3, 0],
    ] as const) {
      const solo = new Solo();
      for (let n = 2; n <= 8; n++) solo.meet(n);
      solo.advanceUntil(() => solo.sentOf(1).length > 0);
      for (let i = 0; i < nacks; i++) solo.receive({ type: 11, seqNo: solo.sentOf(1)[0]!.seqNo });
      solo.advanceUntil(() => solo.eventsOf("member-suspect").length > 0);
      expect(solo.swim.healthScore, `${nacks} of 3 nacks`).toBe(score);
    }
  });

  it("gets better by one with each answered probe", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.receive({ type: 3, incarnation: 1, node: "me", from: "n2" });
    expect(solo.swim.healthScore).toBe(1);
    solo.advanceUntil(() => solo.sentOf(0).length > 0);
    solo.receive({ type: 2, seqNo: solo.sentOf(0)[0]!.seqNo, payload: null });
    expect(solo.swim.healthScore).toBe(0);
  });

  it("stretches the probe, not the time until others are asked", () => {
    const solo = new Solo();
    for (let n = 2; n <= 8; n++) solo.meet(n);
    for (let i = 0; i < 3; i++) solo.receive({ type: 3, incarnation: 1 + i, node: "me", from: "n2" });
    expect(solo.swim.healthScore).toBe(3);
    solo.advanceUntil(() => solo.sentOf(0).length > 0);
    const start = solo.now;
    solo.advanceUntil(() => solo.sentOf(1).length > 0);
    expect(solo.now - start).toBe(500);
    solo.advanceUntil(() => solo.eventsOf("member-suspect").length > 0);
    expect(solo.now - start).toBe(4000);
  });
});

describe("suspicion timeout", () => {
  it("starts at its longest and falls with each new accuser to its shortest", () => {
    const solo = new Solo();
    for (let n = 2; n <= 8; n++) solo.meet(n);
    solo.receive({ type: 3, incarnation: 1, node: "n3", from: "n4" });
    const remaining = () => solo.swim.inspect().suspicions[0]!.deadline - solo.now;
    expect(remaining()).toBe(24_000);
    solo.receive({ type: 3, incarnation: 1, node: "n3", from: "n4" });
    expect(remaining()).toBe(24_000);
    solo.receive({ type: 3, incarnation: 1, node: "n3", from: "n5" });
    expect(Math.round(remaining())).toBe(11_381);
    solo.receive({ type: 3, incarnation: 1, node: "n3", from: "n6" });
    expect(remaining()).toBe(4000);
    solo.receive({ type: 3, incarnation: 1, node: "n3", from: "n7" });
    expect(solo.swim.inspect().suspicions[0]!.confirmations).toBe(2);
  });

  it("passes on the confirmations that still counted, no others", () => {
    const solo = new Solo();
    for (let n = 2; n <= 8; n++) solo.meet(n);
    solo.advance(3000);
    solo.forget();
    for (const from of ["n4", "n5", "n6", "n7"]) {
      solo.receive({ type: 3, incarnation: 1, node: "n3", from });
      solo.advance(250);
    }
    expect(new Set(solo.sentOf(3).map(({ from }) => from))).toEqual(new Set(["n4", "n5", "n6"]));
  });
});

describe("buddy system", () => {
  it("tells a suspect of the suspicion in the very packet that pings it, before anything else", () => {
    const solo = new Solo();
    for (let n = 2; n <= 4; n++) solo.meet(n);
    solo.receive({ type: 3, incarnation: 1, node: "n3", from: "n4" });
    solo.forget();
    solo.advanceUntil(() => solo.sentOf(0).some(({ node }) => node === "n3"));
    const packet = solo.sent.find(({ messages }) => messages[0]!.type === 0 && messages[0]!.node === "n3")!;
    expect(packet.messages).toMatchObject([
      { type: 0, node: "n3" },
      { type: 3, node: "n3", from: "me", incarnation: 1 },
    ]);
  });
});

describe("standing still (not in the paper)", () => {
  it("accuses nobody for what was not heard meanwhile, and blames itself", () => {
    const solo = new Solo();
    for (let n = 2; n <= 6; n++) solo.meet(n);
    solo.receive({ type: 3, incarnation: 1, node: "n3", from: "n4" });
    solo.advanceUntil(() => solo.sentOf(0).length > 0);
    solo.forget();
    solo.stall(30_000);
    expect(solo.eventsOf("member-suspect")).toEqual([]);
    expect(solo.eventsOf("member-leave")).toEqual([]);
    expect(solo.swim.healthScore).toBe(7);
    expect(solo.swim.why("me").at(-1)).toMatchObject({ type: "stalled" });
    // The suspect has all of its time left to refute.
    expect(solo.swim.inspect().suspicions[0]!.deadline - solo.now).toBeGreaterThan(20_000);
  });

  it("asks somebody soon what became of us", () => {
    const solo = new Solo({ settleIntervalMs: 1000 });
    for (let n = 2; n <= 6; n++) solo.meet(n);
    solo.advance(10_000);
    solo.forget();
    solo.stall(5000);
    solo.advance(2100);
    expect(solo.streams.some(({ kind }) => kind === "push-pull")).toBe(true);
  });
});

describe("confirmers who do not exist (stricter than memberlist)", () => {
  it("are not waited for: the left and dead confirm nothing", () => {
    const solo = new Solo();
    for (let n = 2; n <= 5; n++) solo.meet(n);
    solo.receive({ type: 5, incarnation: 1, node: "n4", from: "n4" });
    solo.receive({ type: 5, incarnation: 1, node: "n5", from: "n5" });
    solo.receive({ type: 3, incarnation: 1, node: "n3", from: "n2" });
    expect(solo.swim.inspect().suspicions[0]).toMatchObject({ wanted: 0 });
    expect(solo.swim.inspect().suspicions[0]!.deadline - solo.now).toBe(4000);
  });
});

describe("without one part or another, for comparisons", () => {
  it("buddy off: a suspect is pinged as anybody else, and hears of the suspicion as long as it is gossiped", () => {
    const solo = new Solo({ buddy: false });
    for (let n = 2; n <= 4; n++) solo.meet(n);
    solo.receive({ type: 3, incarnation: 1, node: "n3", from: "n4" });
    // Far longer than it takes to send it its number of times, and shorter than the suspicion.
    solo.advance(10_000);
    solo.forget();
    solo.advanceUntil(() => solo.sentOf(0).some(({ node }) => node === "n3"));
    const packet = solo.sent.find(({ messages }) => messages[0]!.type === 0 && messages[0]!.node === "n3")!;
    expect(packet.messages.map(({ type }) => type)).not.toContain(3);
  });

  it("nacks off: none is asked for, and a failed probe counts as one", () => {
    const solo = new Solo({ nacks: false });
    for (let n = 2; n <= 8; n++) solo.meet(n);
    solo.advanceUntil(() => solo.sentOf(1).length > 0);
    expect(solo.sentOf(1).map(({ nack }) => nack)).toEqual([false, false, false]);
    solo.advanceUntil(() => solo.eventsOf("member-suspect").length > 0);
    expect(solo.swim.healthScore).toBe(1);
  });

  it("awarenessMaxMult 1 and suspicionMaxTimeoutMult 1: no health score, no waiting for confirmations nor passing them on", () => {
    const solo = new Solo({ awarenessMaxMult: 1, suspicionMaxTimeoutMult: 1 });
    for (let n = 2; n <= 8; n++) solo.meet(n);
    solo.advance(3000);
    solo.receive({ type: 3, incarnation: 1, node: "me", from: "n2" });
    expect(solo.swim.healthScore).toBe(0);
    solo.receive({ type: 3, incarnation: 1, node: "n3", from: "n4" });
    expect(solo.swim.inspect().suspicions.find(({ name }) => name === "n3")).toMatchObject({
      minMs: 4000,
      maxMs: 4000,
    });
    solo.forget();
    solo.receive({ type: 3, incarnation: 1, node: "n3", from: "n5" });
    solo.advance(2000);
    expect(solo.sentOf(3).some(({ from }) => from === "n5")).toBe(false);
  });
});
