/**
 * Troubles that others who replicate state by gossip have had, and those that somebody might make for us: each in a whole pool, in
 * virtual time. Where a report is named, the trouble is the one told there.
 */
import { describe, expect, it } from "vitest";
import type { ReplicatedState } from "../packages/state/src/index.ts";
import type { SharedWrite } from "../packages/state/src/messages.ts";
import { type Forgery, forged } from "../packages/state/src/testing/forge.ts";
import {
  bytes,
  endpointOf,
  Net,
  type NetOptions,
  nameOf,
  text,
  wallStartMs,
} from "../packages/state/src/testing/net.ts";

const hour = 3600_000;
/** Where those are of whom only the map is left. */
const nowhere = { address: "10.9.9.9", port: 9 };

function pool(nodes: number, options: Partial<NetOptions> = {}): Net {
  return new Net({ nodes, seed: 41, tickMs: 50, ...options });
}

/** Hands a node what nobody said. Its answer goes where answers go. */
function forge(net: Net, to: number, parts: Forgery): void {
  net.nodes[to]!.handlePacket(endpointOf(1), forged(parts), net.now);
}

/** Owners with one key each, of whom all know. */
function ghosts(net: Net, names: readonly string[]): void {
  for (const name of names) {
    const writes = [{ key: "k", version: 1, value: bytes(`of ${name}`) }];
    const delta = { owner: name, generation: wallStartMs, from: 0, to: 1, lastGcVersion: 0, writes };
    const packet = forged({ deltas: [delta] });
    for (const node of net.nodes) {
      node.setPeer(name, nowhere, "alive", net.now);
      node.handlePacket(nowhere, packet, net.now);
    }
  }
  while (net.nodes.some((node) => node.pollTransmit({ buffer: new Uint8Array(2000), length: 0, to: nowhere })));
}

const namesOf = (count: number) => Array.from({ length: count }, (_, i) => `gone-${i}`);

/** Packets a round of a node, and their mean size, over `ms`. */
function restOf(net: Net, ms: number): { perRound: number; size: number } {
  const { packets, packetBytes } = net;
  net.run(ms);
  const sent = net.packets - packets;
  return { perRound: sent / (net.up.size * (ms / 1000)), size: (net.packetBytes - packetBytes) / sent };
}

const sharedKeys = (node: ReplicatedState) =>
  node
    .sharedEntries()
    .map(({ key }) => key)
    .sort();
const valuesOf = (node: ReplicatedState, owner: string) =>
  Object.fromEntries(node.entries(owner).map(({ key, value }) => [key, text(value)]));

describe("hundreds of dead members", () => {
  // quickwit-oss/quickwit#6653: dead nodes took the digest over the largest datagram, and no exchange succeeded any more.
  it("of 600, 500 dead: a round is one small packet, and what the living write is everybody's", () => {
    const net = pool(100, { tickMs: 100, config: { deadListedMs: 600_000, deadKeptMs: 2 * hour } });
    const names = namesOf(500);
    ghosts(net, names);
    for (const node of net.nodes) for (const name of names) node.setPeer(name, nowhere, "dead", net.now);
    net.until(() => net.isEqual(), 60_000);
    expect(net.nodes[7]!.inspect().owners.filter(({ isListed }) => isListed)).toHaveLength(600);
    const rest = restOf(net, 10_000);
    // A tenth of the rounds also tries a dead one.
    expect(rest.perRound).toBeLessThan(1.3);
    expect(rest.size).toBeLessThan(40);
    net.nodes[3]!.set("load", bytes("1"), net.now);
    net.nodes[5]!.setShared("leader", bytes("5"), net.now);
    expect(net.until(() => net.isEqual(), 20_000)).toBeLessThan(10_000);
    expect(net.largestPacket).toBeLessThanOrEqual(1300);
  });

  // quickwit-oss/chitchat#155: deleted by one node, a dead node's state came back from another that had not yet deleted it.
  it("who are forgotten here and not yet there do not come back", () => {
    const net = pool(6, { config: { deadListedMs: 20_000, deadKeptMs: 60_000 } });
    ghosts(net, ["gone"]);
    for (const [i, node] of net.nodes.entries()) {
      net.run(10_000);
      node.setPeer("gone", nowhere, "dead", net.now);
      expect(net.nodes[i]!.getOf("gone", "k")).toBeDefined();
    }
    net.run(60_000);
    for (const node of net.nodes) expect(node.owners()).not.toContain("gone");
    expect(net.isEqual()).toBe(true);
  });

  // quickwit-oss/chitchat#59: a digest that is never sampled cannot be sent at all in a large cluster with an MTU of 1,400.
  it("5,000 members, half of them dead: no packet of an exchange exceeds a datagram", () => {
    const net = pool(2, { config: { deadListedMs: 600_000, deadKeptMs: 2 * hour, gossipNodes: 0 } });
    const names = namesOf(5000);
    ghosts(net, names);
    for (const node of net.nodes) for (const name of names) node.setPeer(name, nowhere, "dead", net.now);
    net.until(() => net.isEqual(), 10_000);
    expect(restOf(net, 10_000).size).toBeLessThan(40);
    // A tenth, scattered, are further here than there.
    for (let i = 0; i < 5000; i += 10) {
      const writes = [{ key: "k", version: 2, value: bytes("news") }];
      const delta = { owner: `gone-${i}`, generation: wallStartMs, from: 1, to: 2, lastGcVersion: 0, writes };
      forge(net, 0, { deltas: [delta] });
    }
    net.until(() => net.isEqual(), 60_000);
    expect(text(net.nodes[1]!.getOf("gone-4990", "k"))).toBe("news");
    expect(net.largestPacket).toBeLessThanOrEqual(1300);
  });
});

describe("a tombstone collected while a node was away", () => {
  const config = { tombstoneGraceMs: 60_000, deadListedMs: 60_000 };

  // quickwit-oss/chitchat#127: a reset larger than the MTU might never bring a node past the others' watermark.
  it.each([false, true])("resets its copy, however many packets that takes (only packets: %s)", (noStreams) => {
    const net = pool(5, { config, noStreams });
    const [owner] = net.nodes;
    for (let k = 0; k < 120; k++) owner!.set(`k${k}`, new Uint8Array(200).fill(k), net.now);
    net.until(() => net.isEqual(), 120_000);
    net.split((i) => (i === 4 ? 1 : 0));
    for (let k = 0; k < 120; k += 3) owner!.delete(`k${k}`, net.now);
    for (let k = 120; k < 200; k++) owner!.set(`k${k}`, new Uint8Array(200).fill(k), net.now);
    net.run(120_000);
    expect(net.nodes[1]!.inspect().owners.find(({ owner }) => owner === "node-0")!.tombstones).toBe(0);
    expect(net.nodes[4]!.getOf("node-0", "k0")).toBeDefined();
    net.heal();
    net.until(() => net.isEqual(), 120_000);
    for (const node of net.nodes) expect(valuesOf(node, "node-0")).toEqual(valuesOf(owner!, "node-0"));
  });

  // quickwit-oss/chitchat#138: every peer collects for itself, so a node catching up may be reset by one after the other.
  it("does not begin anew for ever while the owner goes on deleting", () => {
    const net = pool(5, { config });
    const [owner] = net.nodes;
    for (let k = 0; k < 300; k++) owner!.set(`k${k}`, new Uint8Array(200).fill(k), net.now);
    net.until(() => net.isEqual(), 60_000);
    net.split((i) => (i === 4 ? 1 : 0));
    const churn = (seconds: number) => {
      for (let s = 0; s < seconds; s++) {
        owner!.set(`hot-${Math.floor(net.now / 1000)}`, bytes("x"), net.now);
        owner!.delete(`hot-${Math.floor(net.now / 1000) - 5}`, net.now);
        net.run(1000);
      }
    };
    churn(150);
    net.heal();
    churn(30);
    const line = (i: number) => net.nodes[i]!.inspect().owners.find(({ owner }) => owner === "node-0")!;
    expect(line(0).maxVersion - line(4).maxVersion).toBeLessThan(10);
    expect(net.nodes[4]!.getOf("node-0", "k299")).toBeDefined();
  });

  // Cassandra's zombies: what was deleted while a replica was down for longer than gc_grace_seconds comes back with it.
  it("does not bring a deleted shared key back, nor takes along what the one away has written since", () => {
    const net = pool(6, { config });
    for (const key of ["kept", "gone"]) net.nodes[0]!.setShared(key, bytes("v"), net.now);
    net.until(() => net.isEqual(), 20_000);
    net.split((i) => (i === 5 ? 1 : 0));
    net.nodes[1]!.deleteShared("gone", net.now);
    net.run(200_000);
    expect(net.nodes[0]!.inspect().sharedTombstones).toBe(0);
    net.nodes[5]!.setShared("mine", bytes("m"), net.now);
    net.heal();
    net.until(() => net.isEqual(), 120_000);
    for (const node of net.nodes) expect(sharedKeys(node)).toEqual(["kept", "mine"]);
  });
});

describe("a node that starts again", () => {
  // CASSANDRA-10969 (scylladb/scylladb#5164): in a cluster older than a year a restarted node's generation was taken for nonsense.
  it("after two years, with the time as its generation, is heard", () => {
    const net = pool(4);
    net.nodes[3]!.set("k", bytes("old"), net.now);
    net.until(() => net.isEqual(), 20_000);
    net.up.delete(3);
    for (let i = 0; i < 4; i++) net.setWall(i, 2 * 365 * 24 * hour);
    net.boot(3, wallStartMs + 2 * 365 * 24 * hour);
    net.introduceAll();
    net.nodes[3]!.set("k", bytes("new"), net.now);
    net.until(() => net.isEqual(), 20_000);
    for (const node of net.nodes) expect(valuesOf(node, "node-3")).toEqual({ k: "new" });
  });

  // A restored image, or a clock set back to the very ms: the same life again, and as many writes as before, or more.
  it.each([3, 5])("in the same life, with %d writes where there were 3, does not mix both", (count) => {
    const net = pool(6);
    for (let k = 0; k < 3; k++) net.nodes[3]!.set(`old-${k}`, bytes("old"), net.now);
    net.until(() => net.isEqual(), 20_000);
    net.boot(3, wallStartMs);
    net.introduceAll();
    for (let k = 0; k < count; k++) net.nodes[3]!.set(`new-${k}`, bytes("new"), net.now);
    net.run(30_000);
    expect(net.isEqual()).toBe(true);
    for (const node of net.nodes) expect(valuesOf(node, "node-3")).toEqual(valuesOf(net.nodes[3]!, "node-3"));
    expect(net.nodes[3]!.entries()).toHaveLength(count);
  });

  it("under its name at another address, after it was deleted, begins with what it says now", () => {
    const net = pool(5);
    net.nodes[4]!.set("k", bytes("old"), net.now);
    net.until(() => net.isEqual(), 20_000);
    net.up.delete(4);
    for (let i = 0; i < 4; i++) net.nodes[i]!.removePeer(nameOf(4));
    net.run(5000);
    for (let i = 0; i < 4; i++) expect(net.nodes[i]!.owners()).not.toContain(nameOf(4));
    const again = net.boot(4, wallStartMs - hour);
    // Only one of them is told of the return at first: the old map does not come by the others.
    net.introduce(4, 0);
    net.introduce(0, 4);
    again.set("other", bytes("new"), net.now);
    net.run(10_000);
    expect(valuesOf(net.nodes[0]!, nameOf(4))).toEqual({ other: "new" });
    net.introduceAll();
    net.until(() => net.isEqual(), 20_000);
    expect(valuesOf(net.nodes[2]!, nameOf(4))).toEqual({ other: "new" });
  });
});

describe("two nodes under one name", () => {
  // quickwit-oss/chitchat#94: a restarted node was in the state twice, under two generations, and stayed so.
  it("cost a bounded number of packets, and one that stays is the one that counts", () => {
    const net = pool(6);
    net.until(() => net.isEqual(), 10_000);
    // The twin takes the place of nobody: it is the sixth node, under the fifth's name.
    const twin = net.boot(5, wallStartMs + 500, nameOf(4));
    for (const i of net.up) twin.setPeer(nameOf(i), endpointOf(i), "alive", net.now);
    net.nodes[4]!.set("who", bytes("first"), net.now);
    twin.set("who", bytes("second"), net.now);
    const { perRound } = restOf(net, 30_000);
    expect(perRound).toBeLessThan(10);
    net.up.delete(5);
    net.nodes[4]!.set("after", bytes("x"), net.now);
    net.until(() => net.isEqual(), 30_000);
    for (const i of net.up) expect(valuesOf(net.nodes[i]!, nameOf(4))).toEqual({ who: "first", after: "x" });
  });
});

describe("clocks an hour apart", () => {
  it("once mended, leave no difference, and who was fast is heard at once", () => {
    const net = pool(6);
    net.setWall(0, hour);
    net.nodes[0]!.setShared("fast", bytes("1"), net.now);
    net.nodes[0]!.setShared("both", bytes("fast"), net.now);
    net.nodes[0]!.setShared("gone", bytes("1"), net.now);
    net.nodes[0]!.deleteShared("gone", net.now);
    net.nodes[1]!.setShared("both", bytes("right"), net.now);
    net.run(10_000);
    expect(net.nodes[1]!.getShared("fast")).toBeUndefined();
    net.setWall(0, 0);
    net.nodes[0]!.setShared("after", bytes("1"), net.now);
    expect(net.until(() => net.isEqual(), 20_000)).toBeLessThan(10_000);
    for (const node of net.nodes) expect(sharedKeys(node)).toEqual(["after", "both", "fast"]);
    net.nodes[2]!.setShared("both", bytes("last"), net.now);
    net.until(() => net.isEqual(), 20_000);
    for (const node of net.nodes) expect(text(node.getShared("both")?.value)).toBe("last");
  });

  it("a slow one writes what the others take for old, and nothing breaks", () => {
    const net = pool(6, { config: { tombstoneGraceMs: 600_000 } });
    net.nodes[1]!.setShared("k", bytes("right"), net.now);
    net.setWall(0, -hour);
    net.run(10_000);
    net.nodes[0]!.setShared("slow", bytes("1"), net.now);
    net.nodes[0]!.setShared("k", bytes("slow"), net.now);
    net.run(10_000);
    net.setWall(0, 0);
    net.nodes[0]!.setShared("k", bytes("mended"), net.now);
    net.until(() => net.isEqual(), 20_000);
    for (const node of net.nodes) {
      expect(text(node.getShared("k")?.value)).toBe("mended");
      expect(text(node.getShared("slow")?.value)).toBe("1");
    }
  });

  it("a time to live ends early where the clock is fast, and for nobody else", () => {
    const net = pool(4, { config: { maxDriftMs: 2 * hour } });
    net.nodes[1]!.setShared("k", bytes("v"), net.now, 60_000);
    net.setWall(0, hour);
    net.run(20_000);
    expect(net.nodes[0]!.getShared("k")).toBeUndefined();
    for (const node of net.nodes.slice(1)) expect(text(node.getShared("k")?.value)).toBe("v");
    expect(net.isEqual()).toBe(true);
    net.run(50_000);
    for (const node of net.nodes) expect(node.getShared("k")).toBeUndefined();
  });
});

describe("a clock that is fast for good", () => {
  it("ends a time to live for itself alone, however long ago that was for it", () => {
    const net = pool(4, { config: { tombstoneGraceMs: 60_000, maxDriftMs: 10_000 } });
    net.nodes[1]!.setShared("timed", bytes("v"), net.now, 500_000);
    net.until(() => net.isEqual(), 20_000);
    // Long enough that all know of each other that they have the same.
    net.run(10_000);
    net.setWall(0, 100 * hour);
    net.run(200_000);
    expect(net.nodes[0]!.getShared("timed")).toBeUndefined();
    for (const node of net.nodes.slice(1)) expect(text(node.getShared("timed")?.value)).toBe("v");
  });

  it("does not hand a newcomer the key without its value, which the others still have", () => {
    const net = pool(3, { config: { maxDriftMs: 2 * hour } });
    net.nodes[1]!.setShared("timed", bytes("v"), net.now, 60_000);
    net.until(() => net.isEqual(), 20_000);
    net.setWall(0, hour);
    net.run(10_000);
    expect(net.nodes[0]!.getShared("timed")).toBeUndefined();
    net.boot(3, wallStartMs + net.now);
    net.introduce(3, 0);
    net.introduce(0, 3);
    net.run(10_000);
    net.introduceAll();
    net.run(10_000);
    expect(text(net.nodes[3]!.getShared("timed")?.value)).toBe("v");
    net.run(40_000);
    expect(net.nodes[3]!.getShared("timed")).toBeUndefined();
  });
});

describe("a key of maximal size first in line", () => {
  // quickwit-oss/quickwit#4561: what everybody waits for came behind megabytes of what nobody needs.
  it("does not hold up other owners, nor shared keys, even where no stream can be opened", () => {
    const net = pool(6, { noStreams: true });
    const key = "k".repeat(255);
    const large = new Uint8Array(64 * 1024).fill(7);
    for (let i = 0; i < 5; i++) net.nodes[i]!.set(key, large, net.now);
    net.nodes[0]!.setShared(key, large, net.now);
    net.run(5000);
    net.nodes[5]!.set("ready", bytes("yes"), net.now);
    net.nodes[5]!.setShared("leader", bytes("5"), net.now);
    const knows = (node: ReplicatedState) => node.getOf("node-5", "ready") && node.getShared("leader");
    expect(net.until(() => net.nodes.every(knows), 20_000)).toBeLessThan(5000);
    expect(net.largestPacket).toBeLessThanOrEqual(1300);
  });

  it("goes by stream, in both maps, with what stands behind it", () => {
    const net = pool(6);
    const key = "k".repeat(255);
    const large = new Uint8Array(64 * 1024).fill(7);
    net.nodes[0]!.set(key, large, net.now);
    net.nodes[0]!.set("behind", bytes("small"), net.now);
    net.nodes[1]!.setShared(key, large, net.now);
    net.until(() => net.isEqual(), 30_000);
    for (const node of net.nodes) {
      expect(text(node.getOf("node-0", "behind"))).toBe("small");
      expect(node.getShared(key)?.value.length).toBe(large.length);
    }
  });
});

describe("a flood of writes", () => {
  it("is everybody's in the end, and then there is rest", () => {
    const net = pool(6);
    net.run(2000);
    for (let k = 0; k < 6000; k++) net.nodes[0]!.setShared(`shared-${k}`, bytes(`value ${k}`), net.now);
    for (let k = 0; k < 400; k++) net.nodes[1]!.set(`own-${k}`, new Uint8Array(500).fill(k), net.now);
    expect(net.nodes[0]!.inspect().rumours).toBeLessThanOrEqual(4096);
    net.until(() => net.isEqual(), 60_000);
    net.run(300_000);
    for (const node of net.nodes) expect(node.inspect().rumours).toBe(0);
    const rest = restOf(net, 20_000);
    expect(rest.perRound).toBeLessThan(1.2);
    expect(rest.size).toBeLessThan(40);
  });
});

describe("the last one of a pool", () => {
  it("goes on deleting and writing other keys, when all others have been forgotten", () => {
    const net = pool(2, { tickMs: 500, config: { tombstoneGraceMs: 200_000, maxSharedKeys: 100 } });
    net.until(() => net.isEqual(), 20_000);
    const [last] = net.nodes;
    net.up.delete(1);
    last!.setPeer(nameOf(1), endpointOf(1), "dead", net.now);
    net.run(60_000);
    last!.removePeer(nameOf(1));
    const churn = () => {
      for (let k = 0; k < 400; k++) {
        last!.setShared(`key-${net.now}`, bytes("v"), net.now);
        net.run(500);
        last!.deleteShared(`key-${net.now - 500}`, net.now);
      }
    };
    expect(churn).toThrow("it is full");
    net.run(300_000);
    expect(last!.inspect().sharedTombstones).toBe(0);
    expect(() => last!.setShared("more", bytes("v"), net.now)).not.toThrow();
  });
});

describe("who may keep less than the others have", () => {
  it("refuses with a reason, and costs a round little more than one who has it all", () => {
    const net = pool(4, { config: { maxSharedKeys: 1000 } });
    const small = net.boot(3, wallStartMs + 1, nameOf(3), { maxSharedKeys: 10, maxKeysPerOwner: 10 });
    net.introduceAll();
    for (let k = 0; k < 800; k++) net.nodes[0]!.setShared(`key-${k}`, new Uint8Array(100), net.now);
    for (let k = 0; k < 400; k++) net.nodes[1]!.set(`key-${k}`, new Uint8Array(100), net.now);
    net.until(() => net.isEqual([0, 1, 2]), 30_000);
    net.run(30_000);
    expect(small.sharedEntries().length).toBeGreaterThan(0);
    expect(small.counters.drops.get("too-many-keys")).toBeGreaterThan(0);
    const { packetBytes, streams } = net;
    const received = small.counters.bytesReceived;
    net.run(60_000);
    // A round is at most seven packets, whatever the difference; what it will not take is not sent on streams again and again.
    expect((net.packetBytes - packetBytes) / 60).toBeLessThan(4 * 2 * 7 * 1300);
    expect(net.streams - streams).toBeLessThan(20);
    expect((small.counters.bytesReceived - received) / 60).toBeLessThan(20_000);
    expect(net.isEqual([0, 1, 2])).toBe(true);
  });
});

describe("who says what is not so", () => {
  it("wrong hashes, for ever: an answer each, of a packet at most, and the others are not disturbed", () => {
    const net = pool(4, { config: { gossipNodes: 0 } });
    for (let k = 0; k < 500; k++) net.nodes[0]!.setShared(`key-${k}`, new Uint8Array(50), net.now);
    net.until(() => net.isEqual(), 30_000);
    const { counters } = net.nodes[0]!;
    const before = { sent: counters.packetsSent, bytes: counters.bytesSent };
    for (let i = 0; i < 1000; i++) {
      const node = { tree: i % 2 ? 1 : 0, node: i % 273, children: new Array(16).fill(i + 1) } as const;
      forge(net, 0, { roots: [i, i + 1], nodes: [node] });
      if (i % 10 === 0) net.tick();
    }
    const own = (100 * 50) / 1000;
    expect(counters.packetsSent - before.sent).toBeLessThanOrEqual(1000 + 10 * own);
    expect(counters.bytesSent - before.bytes).toBeLessThan(1010 * 1300);
    net.run(5000);
    expect(net.isEqual()).toBe(true);
    expect(restOf(net, 20_000).size).toBeLessThan(40);
  });

  const own = { owner: nameOf(2), lastGcVersion: 0 };
  const evil = (version: number) => [{ key: "evil", version, value: bytes("evil") }];
  it.each<[string, Forgery["deltas"]]>([
    ["the next version", [{ ...own, generation: wallStartMs, from: 3, to: 4, writes: evil(4) }]],
    ["a version far ahead", [{ ...own, generation: wallStartMs, from: 3, to: 2 ** 52, writes: evil(2 ** 52) }]],
    ["a later life", [{ ...own, generation: wallStartMs + hour, from: 0, to: 9, writes: evil(9) }]],
    [
      "the last life that is believed",
      [{ ...own, generation: wallStartMs + 364 * 24 * hour, from: 0, to: 9, writes: evil(9) }],
    ],
    ["a life in a year", [{ ...own, generation: wallStartMs + 366 * 24 * hour, from: 0, to: 9, writes: evil(9) }]],
    ["the last of all lives", [{ ...own, generation: 2 ** 52, from: 0, to: 2 ** 52, writes: evil(9) }]],
    [
      "an empty map with a watermark",
      [{ ...own, generation: wallStartMs, from: 0, to: 99, lastGcVersion: 99, writes: [] }],
    ],
  ])("another's map, by %s: the owner has the last word", (_what, deltas) => {
    const net = pool(6);
    for (let k = 0; k < 3; k++) net.nodes[2]!.set(`k${k}`, bytes("mine"), net.now);
    net.until(() => net.isEqual(), 20_000);
    for (const i of [0, 1, 3, 4, 5]) forge(net, i, { deltas: deltas! });
    // Which may be at the very version that was claimed.
    net.nodes[2]!.set("k3", bytes("mine"), net.now);
    net.run(20_000);
    net.nodes[2]!.set("k4", bytes("mine"), net.now);
    net.run(10_000);
    const mine = { k0: "mine", k1: "mine", k2: "mine", k3: "mine", k4: "mine" };
    for (const node of net.nodes) expect(valuesOf(node, nameOf(2))).toEqual(mine);
    expect(net.isEqual()).toBe(true);
    // And a restart is still a later life.
    net.boot(2, wallStartMs + net.now + 100);
    net.introduceAll();
    net.nodes[2]!.set("again", bytes("yes"), net.now);
    net.run(20_000);
    for (const node of net.nodes) expect(valuesOf(node, nameOf(2))).toEqual({ again: "yes" });
  });

  it("a watermark far ahead deletes nothing; one that can be true, only what is older than the grace period", () => {
    const net = pool(5, { config: { tombstoneGraceMs: hour, maxDriftMs: 300_000 } });
    net.nodes[0]!.setShared("old", bytes("v"), net.now);
    net.until(() => net.isEqual(), 20_000);
    net.run(2 * hour);
    net.nodes[0]!.setShared("young", bytes("v"), net.now);
    net.until(() => net.isEqual(), 20_000);
    const nothing = [{ tree: 1, node: 0, complete: true, owners: [], keys: [] }] as const;
    for (const ahead of [0, hour, 301_000 - hour, 2 ** 47]) {
      const ms = wallStartMs + net.now + ahead;
      for (let i = 0; i < 5; i++) {
        forge(net, i, { gc: { ms, count: 0xffff }, covers: nothing });
        forge(net, i, { gc: { ms, count: 0xffff }, roots: net.nodes[i]!.roots });
      }
      net.run(10_000);
    }
    for (const node of net.nodes) expect(sharedKeys(node)).toEqual(["old", "young"]);
    expect(net.nodes.every((node) => node.inspect().sharedGc.ms === 0)).toBe(true);
    forge(net, 3, { gc: { ms: wallStartMs + net.now - hour, count: 0 }, covers: nothing });
    net.until(() => net.isEqual(), 20_000);
    for (const node of net.nodes) expect(sharedKeys(node)).toEqual(["young"]);
  });

  it("stamps at the limit of drift, with a full counter: everybody's writes still count, and the clocks come back", () => {
    const maxDriftMs = 60_000;
    const net = pool(6, { config: { maxDriftMs } });
    for (let i = 1; i < 6; i++) net.setWall(i, 20 * i);
    const forgery = (): SharedWrite => {
      const ms = wallStartMs + net.now + maxDriftMs;
      return { key: "k", ms, count: 0xffff, writer: nameOf(1), ttlMs: 0, value: bytes("forged") };
    };
    for (let step = 0; step < 100; step++) {
      forge(net, step % 6, { rumour: true, writes: [forgery()] });
      if (step % 20 === 0) net.nodes[(step / 20) % 6]!.setShared(`mine-${step}`, bytes("v"), net.now);
      net.run(200);
    }
    net.nodes[4]!.setShared("k", bytes("right"), net.now);
    net.run(5000);
    for (const node of net.nodes) {
      expect(text(node.getShared("k")?.value)).toBe("right");
      expect(sharedKeys(node)).toEqual(["k", "mine-0", "mine-20", "mine-40", "mine-60", "mine-80"]);
    }
    net.run(2 * maxDriftMs);
    net.nodes[0]!.setShared("later", bytes("v"), net.now);
    expect(net.nodes[0]!.getShared("later")!.stamp.ms).toBe(wallStartMs + net.now);
  });
});
