/** What a rogue, or bad luck, can say; and that it leads to nothing. Each of these was a bug once. */
import { describe, expect, it } from "vitest";
import type { Alive, PushPullNode } from "../packages/core/src/index.ts";
import { aliveOf, Solo } from "./solo.ts";
import { Swarm, type SwimNode } from "./swarm.ts";

const emptyState = new Uint8Array(0);

function pool(seed: number, n: number): Swarm {
  const swarm = new Swarm(seed);
  for (let i = 0; i < n; i++) swarm.add();
  for (const node of swarm.nodes.slice(1)) swarm.join(node, swarm.nodes[0]!);
  if (swarm.world.runUntil(() => swarm.agreed(), 20_000) === undefined) throw new Error("never came up");
  swarm.world.run(5000);
  for (const node of swarm.nodes) node.events.length = 0;
  return swarm;
}

const leavesSeen = (nodes: readonly SwimNode[], name: string) =>
  nodes
    .flatMap(({ events }) => events)
    .filter(({ event }) => event.type === "member-leave" && event.member.name === name).length;

describe("incarnations at the end of their range", () => {
  const me = (incarnation: number): Alive => ({
    ...aliveOf(1, { node: "me", incarnation, addr: Uint8Array.of(127, 0, 0, 1) }),
    vsn: null,
  });

  it.each([0xffff_ffff, 0xffff_fffe, 0xffff_0000])("an alive about us with %i changes nothing", (incarnation) => {
    const solo = new Solo();
    solo.meet(2);
    solo.receive(me(incarnation));
    expect(solo.swim.local().incarnation).toBe(1);
    expect(solo.swim.counters.drops["incarnation-wrap"]).toBe(1);
  });

  it("accusations cannot push us to where nothing refutes, in one jump or two", () => {
    const solo = new Solo();
    solo.meet(2);
    for (const incarnation of [0xffff_fffe, 0xffff_ffff]) {
      solo.receive({ type: 3, node: "me", incarnation, from: "n2" });
      solo.receive({ type: 5, node: "me", incarnation, from: "n2" });
    }
    expect(solo.swim.local().incarnation).toBe(1);
    solo.swim.updateMeta(Uint8Array.of(1), solo.now);
    expect(solo.swim.local().incarnation).toBe(2);
  });

  it("nor can a claim that our name lives elsewhere", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.receive({ ...me(0xffff_fffe), addr: Uint8Array.of(127, 0, 0, 77) });
    solo.advance(5000);
    expect(solo.swim.local().incarnation).toBe(1);
  });

  it("others are protected in the same way, and steps near the end still work", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.receive({ type: 3, node: "n2", incarnation: 0xffff_fffe, from: "n3" });
    expect(solo.swim.member("n2")).toMatchObject({ state: "alive", incarnation: 1 });
    solo.meet(2, { incarnation: 0xfffe_ffff });
    solo.receive({ type: 3, node: "n2", incarnation: 0xfffe_ffff, from: "n3" });
    solo.meet(2, { incarnation: 0xffff_0000 });
    expect(solo.swim.member("n2")).toMatchObject({ state: "alive", incarnation: 0xffff_0000 });
  });
});

describe("claims that our name lives elsewhere", () => {
  it("a spoofed one makes nobody see us leave", () => {
    const swarm = pool(1, 12);
    const victim = swarm.nodes[5]!;
    const spoof = victim.machine.codec.encode({
      ...aliveOf(9, { node: "n5", incarnation: 1 }),
      addr: Uint8Array.of(10, 9, 9, 9),
    });
    swarm.world.act(victim, (machine, now) => machine.handlePacket({ address: "10.9.9.9", port: 7946 }, spoof, now));
    swarm.world.run(20_000);
    expect(leavesSeen(swarm.nodes, "n5")).toBe(0);
    // Asking everyone what they hold is all that it costs, and not again for every further spoof.
    expect(victim.machine.counters.pushPulls).toBeLessThan(40);
  });

  it("leaving ends what is under way: left stays left", () => {
    for (const waitMs of [100, 400, 690, 705, 720, 760]) {
      const swarm = pool(2, 6);
      swarm.world.crash(swarm.nodes[5]!);
      swarm.world.run(400);
      const back = swarm.add("n5", 8000);
      swarm.join(back, swarm.nodes[0]!);
      swarm.world.run(waitMs);
      swarm.world.act(back, (machine, now) => machine.leave(now));
      swarm.world.runUntil(() => back.events.some(({ event }) => event.type === "left-pool"), 10_000);
      const goneAt = swarm.world.now;
      swarm.world.run(3000);
      swarm.world.crash(back);
      swarm.world.run(30_000);
      const others = swarm.nodes.filter((node) => node.alive);
      const joinsAfter = others
        .flatMap(({ events }) => events)
        .filter(({ at, event }) => at > goneAt + 1000 && event.type === "member-join" && event.member.name === "n5");
      expect(joinsAfter, `left ${waitMs} ms after the join`).toEqual([]);
    }
  });

  it("a drained holder keeps its name", () => {
    const swarm = pool(3, 5);
    swarm.nodes[2]!.machine.setHealthy(false);
    const impostor = swarm.add("n2", 9000);
    swarm.join(impostor, swarm.nodes[0]!);
    swarm.world.run(3000);
    expect(impostor.events.some(({ event }) => event.type === "conflict" && event.own)).toBe(true);
    expect(swarm.nodes[0]!.machine.member("n2")!.port).toBe(7946);
  });

  it("two holders that cannot see each other do not tear the name to and fro", () => {
    const swarm = pool(4, 5);
    const holder = swarm.nodes[2]!;
    const rival = swarm.add("n2", 9000);
    swarm.world.network.cut(holder, rival);
    swarm.world.network.cut(rival, holder);
    swarm.join(rival, swarm.nodes[0]!);
    swarm.world.run(600_000);
    expect(leavesSeen([swarm.nodes[0]!], "n2")).toBeLessThan(8);
    const told = [holder, rival].flatMap(({ events }) => events).filter(({ event }) => event.type === "conflict");
    expect(told.length).toBeGreaterThan(0);
  });

  it("our own entry with port 0 is us, not somebody else", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.forget();
    const node: PushPullNode = {
      name: "me",
      addr: Uint8Array.of(127, 0, 0, 1),
      port: 0,
      meta: null,
      incarnation: 1,
      state: 2,
      vsn: Uint8Array.of(1, 5, 2, 0, 0, 0),
    };
    solo.swim.handleStreamRequest(
      { address: "127.0.0.2", port: 4 },
      { type: 6, join: false, nodes: [node], userState: emptyState },
      0,
    );
    solo.advance(900);
    expect(solo.sentOf(0).filter(({ node }) => node === "me")).toEqual([]);
    expect(solo.streams.filter(({ kind, to }) => kind === "push-pull" || to.port === 0)).toEqual([]);
  });
});

describe("sizes", () => {
  it("a message for which no packet has room is dropped, not thrown at the driver", () => {
    const solo = new Solo();
    solo.meet(2);
    solo.swim.sendUser({ address: "127.0.0.2", port: 7946 }, new Uint8Array(70_000), 0);
    solo.drain();
    expect(solo.swim.counters.drops["message-too-large"]).toBe(1);
    solo.swim.sendUser({ address: "127.0.0.2", port: 7946 }, new Uint8Array(3000), 0);
    solo.drain();
    expect(solo.sentOf(8)).toHaveLength(1);
  });

  it("a note for the ack that fits no packet is left out", () => {
    const solo = new Solo({}, { ackPayload: () => new Uint8Array(70_000) });
    solo.receive({ type: 0, seqNo: 5, node: "me", sourceAddr: null, sourcePort: 0, sourceNode: "" });
    expect(solo.sentOf(2)).toMatchObject([{ seqNo: 5, payload: null }]);
  });
});
