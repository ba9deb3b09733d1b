import { describe, expect, it } from "vitest";
import { StatePool, type StatePoolOptions } from "./state-pool.ts";
import { ownKey, sharedKey } from "./state-warm.ts";

const contents = { keysPerNode: 3, sharedKeys: 4, valueBytes: 24 };

function poolOf(options: Partial<StatePoolOptions> = {}): StatePool {
  const steps = StatePool.create({ seed: 1, nodes: 20, contents, ...options });
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

describe("a pool of states", () => {
  it("begins with everybody's keys at everybody", () => {
    const pool = poolOf();
    expect(pool.isEqual()).toBe(true);
    for (const { machine } of pool.nodes) {
      expect(machine.state.owners()).toHaveLength(20);
      expect(machine.state.getOf("node-07", ownKey(2))).toHaveLength(24);
      expect(machine.state.getShared(sharedKey(3))?.writer).toBe("node-00");
      expect([...machine.state.counters.drops]).toEqual([]);
    }
  });

  it.each([2, 3, 16, 17, 40])("of %d nodes, whichever way hashes are compared among so many", (nodes) => {
    const pool = poolOf({ nodes, contents: { keysPerNode: 2, sharedKeys: nodes, valueBytes: 20 } });
    expect(pool.isEqual()).toBe(true);
    for (const { machine } of pool.nodes) {
      expect(machine.state.owners().map((owner) => machine.state.entries(owner).length)).toEqual(Array(nodes).fill(2));
      expect(machine.state.sharedEntries()).toHaveLength(nodes);
    }
    expect(pool.fullStateBytes).toBeGreaterThan(3 * nodes * 20);
  });

  it("has nothing left to say: one opening for each node and round, and no stream", () => {
    const pool = poolOf();
    pool.world.run(10_000);
    const { packets } = pool.sent();
    expect(packets).toBeGreaterThan(20 * 9);
    expect(packets).toBeLessThan(20 * 11);
    expect(pool.nodes.every((node) => node.traffic.streamsOpened === 0)).toBe(true);
  });

  it("takes its bytes from the world's ledger: what states sent is what was sent", () => {
    const pool = poolOf({ config: { streamThresholdBytes: 1 } });
    for (let i = 0; i < 10; i++) pool.act(i, (state, now) => state.set("large", new Uint8Array(4000).fill(i), now));
    pool.world.run(60_000);
    expect(pool.isEqual()).toBe(true);
    const ledger = pool.nodes.reduce((sum, { traffic }) => sum + traffic.bytesSent + traffic.streamBytesSent, 0);
    expect(pool.sent().bytes).toBe(ledger);
  });

  it("fetches by streams what fits no packet", () => {
    const pool = poolOf({ seed: 3 });
    const value = new Uint8Array(20_000).fill(7);
    pool.act(4, (state, now) => state.set("large", value, now));
    pool.act(5, (state, now) => state.setShared("large", value, now));
    const done = () => pool.nodes.every(({ machine }) => machine.state.getShared("large") !== undefined);
    expect(pool.world.runUntil(() => pool.isEqual() && done(), 30_000, 100)).toBeDefined();
    expect(pool.stateOf(11).getOf("node-04", "large")).toEqual(value);
    expect(pool.stateOf(11).getShared("large")?.value).toEqual(value);
    expect(pool.nodes.some((node) => node.traffic.streamsOpened > 0)).toBe(true);
  });

  it("gets over streams that come to nothing: the next round finds what is left", () => {
    const pool = poolOf({ seed: 4, network: { loss: 0.3 } });
    for (let i = 0; i < 5; i++) pool.act(i, (state, now) => state.set("large", new Uint8Array(9000).fill(i), now));
    // Whoever dials them meanwhile is refused, or hears nothing.
    pool.world.crash(pool.nodes[18]!);
    pool.world.crash(pool.nodes[19]!, { host: true });
    const living = () => pool.nodes.slice(0, 18).map(({ machine }) => machine.state);
    const done = () =>
      living().every((state) => [0, 1, 2, 3, 4].every((i) => state.getOf(pool.nameOf(i), "large")?.[0] === i));
    expect(pool.world.runUntil(done, 120_000, 500)).toBeDefined();
  });

  it("hangs up on streams that are nobody's, and takes no harm", () => {
    const pool = poolOf();
    const { machine } = pool.nodes[2]!;
    const from = pool.nodes[3]!.endpoint;
    for (const payload of [[], [0], [0, 0xe0], [1, 0xe0, 0xc1], [7, 0xe0, 0x90], [0, 0x41]]) {
      const reply = machine.handleStreamRequest(from, { type: 8, payload: Uint8Array.from(payload) }, pool.world.now);
      expect(reply.bytes).toBeUndefined();
    }
    machine.handlePacket(from, Uint8Array.of(1, 2, 3), pool.world.now);
    pool.world.run(3000);
    expect(pool.isEqual()).toBe(true);
  });

  it("has Swim beneath it that says who is a member, and mends itself after a split", () => {
    const pool = poolOf({ swim: {} });
    pool.world.partition(pool.nodes.slice(0, 8), pool.nodes.slice(8));
    pool.world.run(60_000);
    expect(pool.nodes[0]!.machine.swim!.aliveCount).toBe(8);
    pool.act(3, (state, now) => state.set(ownKey(0), new Uint8Array([1]), now));
    pool.act(13, (state, now) => state.setShared(sharedKey(0), new Uint8Array([2]), now));
    pool.world.run(5000);
    expect(pool.isEqual()).toBe(false);
    pool.world.heal();
    expect(pool.world.runUntil(() => pool.isEqual(), 30_000, 100)).toBeDefined();
    expect(pool.stateOf(19).getOf("node-03", ownKey(0))).toEqual(new Uint8Array([1]));
    expect(pool.stateOf(0).getShared(sharedKey(0))?.value).toEqual(new Uint8Array([2]));
  });

  it("repeats itself: the same seed, the same history", () => {
    const digests = [7, 7, 8].map((seed) => {
      const pool = poolOf({ seed, digest: true, network: { loss: 0.1 } });
      pool.act(2, (state, now) => state.set("new", new Uint8Array(8), now));
      pool.world.run(20_000);
      return pool.world.digest!.toString();
    });
    expect(digests[0]).toBe(digests[1]);
    expect(digests[0]).not.toBe(digests[2]);
  });
});
