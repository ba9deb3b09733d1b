/** Words on their way through a pool: each reaches everybody once, in spite of loss, and nothing from outside does harm. */
import { Rng } from "@hearsay/core";
import { encodeUtf8 } from "@hearsay/wire";
import { describe, expect, it } from "vitest";
import { encodeLeave, encodeQuery, encodeRelay, encodeUserEvent } from "../packages/serf/src/encode.ts";
import { QueryFlag } from "../packages/serf/src/messages.ts";
import { eventsOf, memberEvents, type SerfNode, SerfPool } from "./serf-pool.ts";

/** Starts a message at a node as if a peer had gossiped it there. */
function inject(pool: SerfPool, node: SerfNode, message: Uint8Array): void {
  const from = { address: "10.0.9.9", port: 7946 };
  const packet = node.machine.codec.encode({ type: 8, payload: message });
  pool.world.act(node, (serf, now) => serf.handlePacket(from, packet, now));
}

describe("a pool of thirty", () => {
  it.each([0, 0.2])("hears each user event exactly once, with loss %d", (loss) => {
    // Each word is sent 240 times to one of 29: e^-8 of those who wait for one of the twenty hear it from the periodic
    // exchange only, which is somebody at one seed in seven; not at this one.
    const pool = new SerfPool({ seed: 22, loss });
    const nodes = pool.build(30);
    for (let i = 0; i < 20; i++) {
      const event = { lTime: 5 + i, name: "deploy", payload: encodeUtf8(`v${i}`), coalesce: false };
      inject(pool, nodes[i]!, encodeUserEvent(event));
      pool.world.run(50);
    }
    const all = (node: SerfNode) => eventsOf(node, "user-event").length >= 20;
    // What gossip loses, the periodic exchange brings.
    expect(pool.until(nodes, all, loss === 0 ? 5000 : 60_000)).toBeDefined();
    pool.world.run(60_000);
    for (const node of nodes) {
      const times = eventsOf(node, "user-event").map((event) => event.lTime);
      expect(times.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => 5 + i));
      expect(node.machine.stats()).toMatchObject({ eventTime: 25, eventQueue: 0 });
    }
  });

  it("tells a newcomer what happened before, unless it does not want to know", () => {
    const pool = new SerfPool({ seed: 22 });
    const [seed, , curious, settled] = [...pool.build(2), pool.add("n3"), pool.add("n4")];
    inject(pool, seed!, encodeUserEvent({ lTime: 9, name: "deploy", payload: null, coalesce: false }));
    pool.world.act(curious!, (serf, now) => serf.join(seed!.endpoint, now));
    pool.world.act(settled!, (serf, now) => serf.join(seed!.endpoint, now, { ignoreOldEvents: true }));
    pool.world.run(60_000);
    expect(eventsOf(curious!, "user-event")).toHaveLength(1);
    expect(eventsOf(settled!, "user-event")).toHaveLength(0);
    inject(pool, seed!, encodeUserEvent({ lTime: 10, name: "deploy", payload: null, coalesce: false }));
    pool.world.run(5000);
    expect(eventsOf(settled!, "user-event").map((event) => event.lTime)).toEqual([10]);
  });

  it("answers one who asks everybody, once each", () => {
    const pool = new SerfPool({ seed: 23 });
    const nodes = pool.build(30);
    const asker = nodes[7]!;
    inject(
      pool,
      nodes[0]!,
      encodeQuery({
        lTime: 1,
        id: 99,
        addr: asker.machine.local().addr,
        port: 7946,
        sourceNode: "n8",
        filters: null,
        flags: QueryFlag.ack,
        relayFactor: 0,
        timeoutNs: 3e9,
        name: "_serf_ping",
        payload: null,
      }),
    );
    pool.world.run(3200);
    // It was asked in its name only, so it counts the answers as unasked.
    expect(asker.machine.swim.counters.drops["serf-unasked"]).toBe(30);
    for (const node of nodes) expect(eventsOf(node, "query")).toEqual([]);
  });

  it("agrees on the status of somebody accused from many sides at once", () => {
    const pool = new SerfPool({ seed: 24, loss: 0.1 });
    const nodes = pool.build(30);
    for (const accuser of nodes.slice(0, 10)) {
      pool.world.act(accuser, (serf, now) => serf.forceLeave("n30", false, now));
    }
    pool.world.run(60_000);
    for (const node of nodes) expect(node.machine.member("n30")?.status).toBe("alive");
    const times = nodes.map((node) => node.machine.member("n30")?.statusLTime);
    expect(new Set(times).size).toBe(1);
  });
});

describe("a rush", () => {
  it.each([100, 300])(
    "of %d joiners through one seed leaves all knowing all",
    (count) => {
      const pool = new SerfPool({ seed: 25 });
      const seed = pool.add("n1", { tags: { role: "seed" } });
      const nodes = [seed];
      for (let i = 2; i <= count; i++) nodes.push(pool.add(`n${i}`, { tags: { role: "web" } }));
      for (const node of nodes.slice(1)) pool.join(node, seed);
      expect(pool.until(nodes, (node) => node.machine.stats().alive === count, 10_000)).toBeDefined();
      pool.world.run(30_000);
      const view = pool.view(seed).join();
      for (const node of nodes) {
        expect(pool.view(node).join()).toBe(view);
        expect(memberEvents(node).filter((line) => !line.startsWith("member-join"))).toEqual([]);
        expect(node.machine.stats()).toMatchObject({ intentQueue: 0, failed: 0, left: 0 });
      }
    },
    120_000,
  );
});

describe("whatever comes in", () => {
  it("nothing throws, and a good message is still understood afterwards", () => {
    const pool = new SerfPool({ seed: 26 });
    const nodes = pool.build(3);
    const target = nodes[0]!;
    const rng = new Rng(27);
    const samples = [
      encodeUserEvent({ lTime: 7, name: "deploy", payload: encodeUtf8("v1"), coalesce: true }),
      encodeLeave({ lTime: 8, node: "n2", prune: true }),
      encodeQuery({
        lTime: 9,
        id: 5,
        addr: Uint8Array.of(10, 0, 0, 2),
        port: 7946,
        sourceNode: "n2",
        filters: [Uint8Array.of(0, 0x91, 0xa2, 0x6e, 0x31)],
        flags: 1,
        relayFactor: 2,
        timeoutNs: 1e9,
        name: "_serf_conflict",
        payload: encodeUtf8("n3"),
      }),
      encodeRelay({
        addr: Uint8Array.of(10, 0, 0, 2),
        port: 7946,
        zone: "",
        destName: "n2",
        message: Uint8Array.of(5, 0x80),
      }),
    ];
    for (let i = 0; i < 20_000; i++) {
      const message = samples[rng.below(samples.length)]!.slice();
      for (let n = rng.below(4); n >= 0; n--) message[rng.below(message.length)] = rng.below(256);
      inject(pool, target, message.subarray(0, 1 + rng.below(message.length)));
      if (i % 100 === 0) target.events.length = 0;
    }
    target.events.length = 0;
    const lTime = target.machine.stats().eventTime;
    inject(pool, target, encodeUserEvent({ lTime, name: "still here", payload: null, coalesce: false }));
    expect(eventsOf(target, "user-event").map((event) => event.name)).toEqual(["still here"]);
    const { members, eventQueue, queryQueue, intentQueue } = target.machine.stats();
    expect(members).toBeLessThanOrEqual(3);
    expect(Math.max(eventQueue, queryQueue, intentQueue)).toBeLessThanOrEqual(4096);
    expect(target.machine.inspect().recentIntents).toBeLessThanOrEqual(8192);
    pool.world.run(30_000);
    expect(pool.until(nodes, (node) => node.machine.stats().alive === 3, 30_000)).toBeDefined();
  });
});
