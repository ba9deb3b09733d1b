import { describe, expect, it } from "vitest";
import { bytes, endpointOf, Net, nameOf, text, wallStartMs } from "./testing/net.ts";

const hour = 3600_000;

describe("a write", () => {
  it.each([0, 0.1])("reaches fifty nodes in O(log N) gossip ticks at a loss of %d", (loss) => {
    const net = new Net({ nodes: 50, loss, seed: 7 });
    net.run(3000);
    net.nodes[0]!.set("load", bytes("0.5"), net.now);
    net.nodes[1]!.setShared("leader", bytes("node-1"), net.now);
    const has = (i: number) =>
      text(net.nodes[i]!.getOf("node-0", "load")) === "0.5" &&
      text(net.nodes[i]!.getShared("leader")?.value) === "node-1";
    const ms = net.until(() => net.nodes.every((_, i) => has(i)), 10_000);
    // log base 4 of 50 is 2.8 ticks of 200 ms to grow; the last few take as many again.
    expect(ms / 200).toBeLessThan(loss === 0 ? 8 : 12);
  });

  it("reaches them by anti-entropy alone too", () => {
    const net = new Net({ nodes: 50, loss: 0.1, seed: 8, config: { gossipNodes: 0 } });
    net.run(2000);
    net.nodes[0]!.set("load", bytes("0.5"), net.now);
    const ms = net.until(() => net.nodes.every((node) => text(node.getOf("node-0", "load")) === "0.5"), 30_000);
    expect(ms).toBeLessThan(12_000);
  });

  it.each(["push", "pull", "push-pull"] as const)("reaches them in mode %s", (mode) => {
    const net = new Net({ nodes: 20, seed: 9, config: { gossipNodes: 0, mode } });
    net.run(2000);
    for (let k = 0; k < 40; k++) net.nodes[k % 20]!.set(`k${k}`, bytes(`${k}`), net.now);
    for (let k = 0; k < 40; k++) net.nodes[k % 20]!.setShared(`s${k}`, bytes(`${k}`), net.now);
    expect(net.until(() => net.isEqual(), 30_000)).toBeLessThan(20_000);
    expect(net.view(3)).toEqual(net.view(11));
    expect(net.nodes[5]!.sharedEntries()).toHaveLength(40);
  });

  it("is told to those who look on, with what was there before", () => {
    const net = new Net({ nodes: 3 });
    net.nodes[0]!.setShared("a", bytes("1"), net.now);
    net.run(3000);
    net.nodes[1]!.setShared("a", bytes("2"), net.now);
    net.run(3000);
    net.nodes[2]!.deleteShared("a", net.now);
    net.run(3000);
    const told = net.events[0]!.flatMap((event) =>
      event.type === "shared-change" ? [[text(event.before), text(event.after), event.writer, event.isLocal]] : [],
    );
    expect(told).toEqual([
      [undefined, "1", "node-0", true],
      ["1", "2", "node-1", false],
      ["2", undefined, "node-2", false],
    ]);
  });

  it("is gone everywhere when its time is over", () => {
    const net = new Net({ nodes: 5, config: { tombstoneGraceMs: 20_000 } });
    net.nodes[0]!.set("mine", bytes("x"), net.now, 5000);
    net.nodes[0]!.setShared("ours", bytes("x"), net.now, 5000);
    net.run(3000);
    expect(text(net.nodes[4]!.getShared("ours")?.value)).toBe("x");
    expect(text(net.nodes[4]!.getOf("node-0", "mine"))).toBe("x");
    net.run(4000);
    for (const node of net.nodes) {
      expect(node.getShared("ours")).toBeUndefined();
      expect(node.getOf("node-0", "mine")).toBeUndefined();
    }
    net.run(60_000);
    expect(net.nodes[4]!.inspect()).toMatchObject({ sharedKeys: 0, sharedTombstones: 0 });
  });
});

describe("at rest", () => {
  it("a round costs one small packet", () => {
    const net = new Net({ nodes: 20 });
    for (let i = 0; i < 20; i++) for (let k = 0; k < 5; k++) net.nodes[i]!.set(`k${k}`, bytes("some value"), net.now);
    net.until(() => net.isEqual(), 20_000);
    net.run(5000);
    const { packets, packetBytes } = net;
    net.run(20_000);
    expect(net.packets - packets).toBeGreaterThan(300);
    expect((net.packets - packets) / (20 * 20)).toBeLessThan(1.1);
    expect((net.packetBytes - packetBytes) / (net.packets - packets)).toBeLessThan(35);
  });
});

describe("a split", () => {
  it("heals to one state within 15 s, the last writer kept, nothing deleted back", () => {
    const net = new Net({ nodes: 50, loss: 0.02, seed: 3, tickMs: 50 });
    for (let k = 0; k < 100; k++) net.nodes[k % 50]!.setShared(`k${k}`, bytes("before"), net.now);
    net.until(() => net.isEqual(), 20_000);
    net.split((i) => i % 2);
    // Both sides write the same keys; the even side first deletes, the odd side writes later, and the other way round.
    for (let step = 0; step < 60; step++) {
      for (let k = step; k < 100; k += 60) {
        const even = net.nodes[(2 * k) % 50]!;
        const odd = net.nodes[(2 * k + 1) % 50]!;
        if (k % 3 === 0) even.deleteShared(`k${k}`, net.now);
        else even.setShared(`k${k}`, bytes("even"), net.now);
        if (k % 3 === 1) odd.setShared(`k${k}`, bytes("odd"), net.now + 5);
      }
      net.nodes[step % 50]!.set("step", bytes(`${step}`), net.now);
      net.run(10_000);
    }
    net.heal();
    expect(net.until(() => net.isEqual(), 60_000)).toBeLessThan(15_000);
    for (const i of [0, 1, 17, 49]) {
      expect(net.view(i)).toEqual(net.view(2));
      for (let k = 0; k < 100; k++) {
        const want = k % 3 === 0 ? undefined : k % 3 === 1 ? "odd" : "even";
        expect(text(net.nodes[i]!.getShared(`k${k}`)?.value)).toBe(want);
      }
    }
  }, 60_000);
});

describe("a node away for longer than the grace period", () => {
  it("is reset, and brings nothing back", () => {
    const net = new Net({ nodes: 6, seed: 5, config: { tombstoneGraceMs: 120_000, deadListedMs: 60_000 }, tickMs: 50 });
    const [first] = net.nodes;
    for (const key of ["kept", "gone", "dropped"]) {
      first!.set(key, bytes("v"), net.now);
      first!.setShared(key, bytes("v"), net.now);
    }
    net.until(() => net.isEqual(), 20_000);
    net.run(5000);
    net.split((i) => (i === 5 ? 1 : 0));
    net.run(5000);
    first!.delete("gone", net.now);
    first!.deleteShared("gone", net.now);
    net.nodes[1]!.setShared("new", bytes("n"), net.now);
    // The pool has never heard of this deletion: the one who made it must not forget it before it has told.
    net.nodes[5]!.deleteShared("dropped", net.now);
    net.run(200_000);
    expect(net.nodes[0]!.inspect()).toMatchObject({ sharedTombstones: 0 });
    expect(net.nodes[0]!.inspect().sharedGc.ms).toBeGreaterThan(wallStartMs);
    expect(text(net.nodes[5]!.getShared("gone")?.value)).toBe("v");
    net.nodes[5]!.setShared("late", bytes("l"), net.now);
    net.heal();
    net.run(60_000);
    for (const node of net.nodes) {
      expect(node.getShared("gone")).toBeUndefined();
      expect(node.getShared("dropped")).toBeUndefined();
      expect(node.getOf("node-0", "gone")).toBeUndefined();
      expect(text(node.getOf("node-0", "kept"))).toBe("v");
      expect(text(node.getShared("kept")?.value)).toBe("v");
      expect(text(node.getShared("new")?.value)).toBe("n");
      expect(text(node.getShared("late")?.value)).toBe("l");
    }
    net.until(() => net.isEqual(), 240_000);
  });

  it("of two halves that were, one state comes, and what either deleted last is not in both", () => {
    const net = new Net({
      nodes: 10,
      seed: 6,
      config: { tombstoneGraceMs: 120_000, deadListedMs: 60_000 },
      tickMs: 50,
    });
    for (let k = 0; k < 20; k++) net.nodes[0]!.setShared(`k${k}`, bytes("v"), net.now);
    net.until(() => net.isEqual(), 20_000);
    net.run(5000);
    net.split((i) => i % 2);
    for (let k = 0; k < 10; k++) net.nodes[0]!.deleteShared(`k${k}`, net.now);
    net.run(2000);
    for (let k = 10; k < 15; k++) net.nodes[1]!.deleteShared(`k${k}`, net.now);
    net.run(300_000);
    net.heal();
    net.until(() => net.isEqual(), 300_000);
    for (let i = 1; i < 10; i++) expect(net.view(i)).toEqual(net.view(0));
    // The side with the higher watermark deleted k10 … k14, and still had k0 … k9.
    const keys = net.nodes[0]!.sharedEntries().map(({ key }) => key);
    expect(keys.sort()).toEqual(
      Array.from({ length: 20 }, (_, k) => `k${k}`)
        .filter((key) => !/^k1[0-4]$/.test(key))
        .sort(),
    );
  });
});

describe("a node that starts again", () => {
  it.each([wallStartMs + 1, wallStartMs, wallStartMs - hour])(
    "with nothing, and a lower version, replaces its former life (generation %d)",
    (generation) => {
      const net = new Net({ nodes: 8, seed: 11 });
      for (let k = 0; k < 10; k++) net.nodes[3]!.set(`k${k}`, bytes("old"), net.now);
      net.until(() => net.isEqual(), 20_000);
      net.up.delete(3);
      net.run(2000);
      const again = net.boot(3, generation);
      net.introduceAll();
      again.set("k0", bytes("new"), net.now);
      again.set("k1", bytes("new"), net.now);
      net.until(() => net.isEqual(), 30_000);
      for (const node of net.nodes) {
        expect(node.entries("node-3").map(({ key, value }) => [key, text(value)])).toEqual([
          ["k0", "new"],
          ["k1", "new"],
        ]);
      }
    },
  );

  it("comes back to the shared map by itself, or with what it saved when all had stopped", () => {
    const net = new Net({ nodes: 4, seed: 12 });
    for (let k = 0; k < 30; k++) net.nodes[k % 4]!.setShared(`k${k}`, bytes(`v${k}`), net.now);
    net.nodes[3]!.deleteShared("k7", net.now);
    net.until(() => net.isEqual(), 20_000);
    const saved = net.nodes[2]!.saveShared();
    for (let i = 0; i < 4; i++) net.boot(i, wallStartMs + net.now);
    net.introduceAll();
    expect(net.nodes[1]!.restoreShared(saved, net.now)).toBe(30);
    net.until(() => net.isEqual() && net.nodes[3]!.sharedEntries().length > 0, 20_000);
    expect(net.nodes[3]!.sharedEntries()).toHaveLength(29);
    expect(() => net.nodes[0]!.restoreShared(saved.subarray(0, 50), net.now)).toThrow(
      expect.objectContaining({ code: "snapshot-invalid" }),
    );
  });
});

describe("clocks an hour apart", () => {
  it("within what is allowed keep the order of cause and effect", () => {
    const net = new Net({ nodes: 6, seed: 13, config: { maxDriftMs: 2 * hour } });
    net.setWall(0, hour);
    net.nodes[0]!.setShared("a", bytes("fast clock"), net.now);
    net.until(() => net.isEqual(), 20_000);
    // It knows of the other write, so its own is the later one.
    net.nodes[1]!.setShared("a", bytes("slow clock"), net.now);
    net.until(() => net.isEqual(), 20_000);
    for (const node of net.nodes) expect(text(node.getShared("a")?.value)).toBe("slow clock");
  });

  it("beyond it are refused and counted, disturb nobody else, and are taken when their time has come", () => {
    const net = new Net({ nodes: 6, seed: 14, config: { maxDriftMs: 10_000 } });
    net.setWall(0, hour);
    net.nodes[0]!.setShared("a", bytes("future"), net.now);
    net.nodes[0]!.set("mine", bytes("fine"), net.now);
    net.nodes[1]!.setShared("b", bytes("now"), net.now);
    net.run(10_000);
    expect(net.nodes[1]!.getShared("a")).toBeUndefined();
    expect(net.nodes.reduce((sum, node) => sum + (node.counters.drops.get("clock-drift") ?? 0), 0)).toBeGreaterThan(0);
    for (const node of net.nodes) {
      expect(text(node.getOf("node-0", "mine"))).toBe("fine");
      expect(text(node.getShared("b")?.value)).toBe("now");
    }
    const { ms } = net.nodes[1]!.getShared("b")!.stamp;
    expect(ms).toBeLessThan(wallStartMs + hour / 2);
    for (let i = 1; i < 6; i++) net.setWall(i, hour);
    net.until(() => net.isEqual(), 20_000);
    expect(text(net.nodes[5]!.getShared("a")?.value)).toBe("future");
  });
});

describe("a clock that is days ahead", () => {
  it("has nobody's writes taken for leftovers, nor anybody's time to live ended", () => {
    const config = { tombstoneGraceMs: 60_000, maxDriftMs: 10_000, deadListedMs: 60_000 };
    const net = new Net({ nodes: 5, seed: 22, config, tickMs: 50 });
    net.nodes[1]!.setShared("kept", bytes("v"), net.now);
    net.nodes[1]!.setShared("timed", bytes("v"), net.now, 500_000);
    net.until(() => net.isEqual(), 20_000);
    net.setWall(0, 100 * hour);
    net.nodes[0]!.setShared("a", bytes("v"), net.now);
    net.nodes[0]!.deleteShared("a", net.now);
    net.run(100_000);
    expect(net.nodes[0]!.inspect().sharedGc.ms).toBeGreaterThan(wallStartMs + 99 * hour);
    net.nodes[2]!.setShared("new", bytes("n"), net.now);
    net.run(20_000);
    for (const node of net.nodes.slice(1)) {
      expect(
        node
          .sharedEntries()
          .map(({ key }) => key)
          .sort(),
      ).toEqual(["kept", "new", "timed"]);
      expect(node.inspect().sharedGc.ms).toBeLessThan(wallStartMs + hour);
    }
    // Set right, it is as the others are, but for what its clock has ended.
    net.setWall(0, 0);
    net.until(() => net.isEqual(), 20_000);
    net.nodes[3]!.setShared("later", bytes("n"), net.now);
    net.run(5000);
    expect(text(net.nodes[0]!.getShared("later")?.value)).toBe("n");
    expect(text(net.nodes[0]!.getShared("new")?.value)).toBe("n");
  });
});

describe("large pools and values", () => {
  it("hundreds of dead owners: news still travels, and they are forgotten in the end", () => {
    const config = { deadListedMs: 20_000, deadKeptMs: 60_000 };
    const net = new Net({ nodes: 10, seed: 15, config });
    for (const i of net.up) {
      const node = net.nodes[i]!;
      for (let d = 100; d < 500; d++) node.setPeer(nameOf(d), { address: "10.9.9.9", port: 9 }, "alive", net.now);
    }
    // Their maps, as they were told before they died.
    const ghosts = new Net({ nodes: 0, config });
    for (let d = 100; d < 500; d++) {
      const ghost = ghosts.boot(d, wallStartMs);
      ghost.setPeer("node-0", { address: "10.0.0.1", port: 0 }, "alive", 0);
      ghost.set("k", bytes(`of ${d}`), 0);
      ghost.handleTimeout(1000);
      const out = { buffer: new Uint8Array(2000), length: 0, to: { address: "", port: 0 } };
      while (ghost.pollTransmit(out))
        net.nodes[0]!.handlePacket({ address: "10.9.9.9", port: 9 }, out.buffer.slice(0, out.length), net.now);
    }
    expect(net.nodes[0]!.inspect().owners.filter(({ keys }) => keys === 1)).toHaveLength(400);
    for (const i of net.up)
      for (let d = 100; d < 500; d++)
        net.nodes[i]!.setPeer(nameOf(d), { address: "10.9.9.9", port: 9 }, "dead", net.now);
    net.nodes[4]!.set("alive", bytes("yes"), net.now);
    net.run(10_000);
    for (const node of net.nodes) expect(text(node.getOf("node-4", "alive"))).toBe("yes");
    for (const node of net.nodes) expect(text(node.getOf("node-444", "k"))).toBe("of 444");
    net.run(20_000);
    expect(net.nodes[0]!.inspect().owners.filter(({ isListed }) => isListed)).toHaveLength(10);
    expect(net.isEqual()).toBe(true);
    net.run(50_000);
    expect(net.nodes[0]!.owners()).toHaveLength(10);
    expect(net.largestPacket).toBeLessThanOrEqual(1300);
  });

  it("a key of maximal size first in line holds up nobody, and goes by stream", () => {
    const net = new Net({ nodes: 6, seed: 16 });
    const key = "k".repeat(255);
    const large = new Uint8Array(64 * 1024).fill(7);
    net.nodes[0]!.set(key, large, net.now);
    net.nodes[0]!.set("after", bytes("small"), net.now);
    net.nodes[0]!.setShared(key, large, net.now);
    net.nodes[1]!.set("other", bytes("owner"), net.now);
    net.until(() => net.isEqual(), 30_000);
    for (const node of net.nodes) {
      expect(node.getOf("node-0", key)).toEqual(large);
      expect(node.getShared(key)?.value).toEqual(large);
      expect(text(node.getOf("node-0", "after"))).toBe("small");
    }
    expect(net.streams).toBeGreaterThan(0);
    expect(net.largestPacket).toBeLessThanOrEqual(1300);
  });

  it("without streams everything else still gets through", () => {
    const net = new Net({ nodes: 6, seed: 17, noStreams: true });
    net.nodes[0]!.set("large", new Uint8Array(10_000), net.now);
    for (let k = 0; k < 200; k++) net.nodes[1]!.set(`k${k}`, new Uint8Array(200).fill(k), net.now);
    for (let k = 0; k < 200; k++) net.nodes[2]!.setShared(`k${k}`, new Uint8Array(200).fill(k), net.now);
    net.nodes[2]!.setShared("large", new Uint8Array(10_000), net.now);
    const has = () =>
      net.nodes.every((node) => node.entries("node-1").length === 200 && node.sharedEntries().length >= 200);
    net.until(has, 120_000);
    expect(net.streams).toBe(0);
  });

  it("a joiner gets a large pool's state in a few streams", () => {
    const net = new Net({ nodes: 1, seed: 18, strangers: true, config: { maxKeysPerOwner: 4096 } });
    for (let k = 0; k < 2000; k++) net.nodes[0]!.setShared(`shared-key-${k}`, bytes(`value ${k}`), net.now);
    for (let k = 0; k < 2000; k++) net.nodes[0]!.set(`own-key-${k}`, bytes(`value ${k}`), net.now);
    net.run(3000);
    net.boot(1, wallStartMs + net.now);
    net.introduceAll();
    expect(net.until(() => net.isEqual(), 20_000)).toBeLessThan(5000);
    expect(net.streams).toBeLessThan(4);
    expect(net.view(0)).toEqual(net.view(1));
  });

  it("a change among 5,000 owners is found in packets of a datagram", () => {
    const net = new Net({ nodes: 2, seed: 19, config: { gossipNodes: 0 } });
    const [a, b] = net.nodes;
    net.until(() => net.isEqual(), 5000);
    const endpoint = { address: "10.9.9.9", port: 9 };
    const feed = (i: number, version: number, to: (typeof a)[]) => {
      const ghost = new Net({ nodes: 0, config: {} }).boot(i, wallStartMs);
      ghost.setPeer("node-0", endpoint, "alive", 0);
      for (let v = 0; v < version; v++) ghost.set("k", bytes(`${v}`), 0);
      ghost.handleTimeout(1000);
      const out = { buffer: new Uint8Array(2000), length: 0, to: endpoint };
      while (ghost.pollTransmit(out))
        for (const node of to) node!.handlePacket(endpoint, out.buffer.slice(0, out.length), net.now);
    };
    for (let i = 100; i < 5100; i++) {
      for (const node of net.nodes) node.setPeer(nameOf(i), endpoint, "alive", net.now);
      feed(i, 1, [a, b]);
    }
    net.tick();
    net.packets = 0;
    expect(net.isEqual()).toBe(true);
    feed(777, 2, [a]);
    expect(net.isEqual()).toBe(false);
    // Dead, so that the rounds go to the living, but still listed.
    for (const node of net.nodes) for (let i = 100; i < 5100; i++) node.setPeer(nameOf(i), endpoint, "dead", net.now);
    expect(net.until(() => net.isEqual(), 10_000)).toBeLessThan(2000);
    expect(text(b!.getOf("node-777", "k"))).toBe("1");
    expect(net.largestPacket).toBeLessThanOrEqual(1300);
    expect(net.packets).toBeLessThan(20);
  }, 30_000);
});

describe("what a caller asks for", () => {
  it("is refused with a code and no effect when it is over a limit", () => {
    const config = { maxKeysPerOwner: 2, maxSharedKeys: 2, maxValueBytes: 10 };
    const node = new Net({ nodes: 1, config }).nodes[0]!;
    const code = (code: string) => expect.objectContaining({ name: "StateError", code });
    for (const set of [node.set.bind(node), node.setShared.bind(node)]) {
      expect(() => set("", bytes("v"), 0)).toThrow(code("key-invalid"));
      expect(() => set("ä".repeat(128), bytes("v"), 0)).toThrow(code("key-invalid"));
      expect(() => set("\ud800", bytes("v"), 0)).toThrow(code("key-invalid"));
      expect(() => set("k", new Uint8Array(11), 0)).toThrow(code("value-too-long"));
      expect(() => set("k", bytes("v"), 0, 0)).toThrow(code("ttl-invalid"));
      expect(() => set("k", bytes("v"), 0, 1.5)).toThrow(code("ttl-invalid"));
      set("a".repeat(255), new Uint8Array(10), 0);
      set("b", bytes("v"), 0);
      expect(() => set("c", bytes("v"), 0)).toThrow(code("too-many-keys"));
      set("b", bytes("w"), 0);
    }
    node.delete("b", 0);
    node.set("c", bytes("v"), 0);
    expect(node.entries().map(({ key }) => key)).toEqual(["a".repeat(255), "c"]);
    expect(node.deleteShared("b", 0)).toBe(true);
    expect(node.deleteShared("b", 0)).toBe(false);
    node.setShared("c", bytes("v"), 0);
    expect(node.sharedEntries()).toHaveLength(2);
  });
});

describe("heartbeats", () => {
  it("ride on exchanges and never fall", () => {
    const net = new Net({ nodes: 10, seed: 20, config: { heartbeatIntervalMs: 1000 } });
    for (const node of net.nodes) node.set("here", bytes("1"), 0);
    net.run(30_000);
    const beats = net.events[0]!.filter((event) => event.type === "heartbeat");
    const of3 = beats.filter(({ owner }) => owner === "node-3").map(({ beat }) => beat);
    expect(of3.length).toBeGreaterThan(10);
    expect(of3).toEqual([...of3].sort((a, b) => a - b));
    expect(new Set(of3).size).toBe(of3.length);
    expect(of3.at(-1)).toBeGreaterThan(20);
  });
});

describe("when members come back", () => {
  /** Two halves that hold each other dead and write meanwhile; healed, and whether they are told of each other. */
  function splitAndWritten(): Net {
    const net = new Net({ nodes: 24, config: { gossipNodes: 0 } });
    const side = (i: number) => i % 2;
    net.split(side);
    tellAll(net, "dead");
    for (let i = 0; i < 24; i++) {
      for (let k = 0; k < 12; k++) net.nodes[i]!.setShared(`key-${i}-${k}`, bytes(`${i} ${k}`), net.now);
    }
    net.run(20_000);
    net.heal();
    return net;
  }

  function tellAll(net: Net, status: "alive" | "dead"): void {
    for (let i = 0; i < 24; i++) {
      for (let j = 0; j < 24; j++) {
        if ((i - j) % 2 !== 0) net.nodes[i]!.setPeer(nameOf(j), endpointOf(j), status, net.now);
      }
    }
  }

  it("has the same everywhere within a few rounds, however much was written meanwhile", () => {
    const net = splitAndWritten();
    tellAll(net, "alive");
    const streams = net.streams;
    expect(net.until(() => net.isEqual(), 30_000)).toBeLessThan(4500);
    expect(net.streams).toBeGreaterThan(streams);
  });
});
