/** Messages that are well-formed and meant to harm: what they cost, and what they cannot destroy. */
import { describe, expect, it } from "vitest";
import { decodeStateMessage, encodeCover, encodeKeyWant, encodeTreeNode, MessageBuilder } from "./codec.ts";
import { noStamp } from "./hlc.ts";
import { Section, type SectionId, Tree } from "./messages.ts";
import { forged } from "./testing/forge.ts";
import { bytes, endpointOf, Net, nameOf, wallStartMs } from "./testing/net.ts";

function messageOf(section: SectionId, parts: readonly Uint8Array[]): Uint8Array {
  const builder = new MessageBuilder(Number.POSITIVE_INFINITY);
  for (const part of parts) builder.add(section, part);
  return builder.finish({ mode: "push-pull", initiator: true, rumour: false, gc: noStamp, roots: undefined });
}

function crowded(): Net {
  const net = new Net({ nodes: 2, config: { gossipNodes: 0 } });
  for (let k = 0; k < 10_000; k++) net.nodes[0]!.setShared(`key-${k}`, bytes("value"), net.now);
  return net;
}

describe("the cost of one packet", () => {
  // Thousands of times all keys take minutes; once takes milliseconds, also where the machine has other things to do.
  const mostMs = 3000;
  const costOf = (net: Net, packet: Uint8Array) => {
    const start = performance.now();
    net.nodes[0]!.handlePacket(endpointOf(1), packet, net.now);
    return performance.now() - start;
  };

  it("is that of one comparison, however often it asks for the same", () => {
    const net = crowded();
    const cover = encodeCover(Tree.keys, 0, true, []);
    const packet = messageOf(Section.covers, new Array(10_000).fill(cover));
    expect(packet.length).toBeLessThan(65_536);
    expect(costOf(net, packet)).toBeLessThan(mostMs);
  });

  it("does not grow with hashes that are all wrong", () => {
    const net = new Net({ nodes: 2, config: { gossipNodes: 0 } });
    for (let k = 0; k < 2000; k++) net.nodes[0]!.setShared(`key-${k}`, bytes("value"), net.now);
    const nodes = Array.from({ length: 900 }, (_, i) =>
      encodeTreeNode({ tree: Tree.keys, node: i % 17, children: new Array(16).fill(i) }),
    );
    const packet = messageOf(Section.nodes, nodes);
    expect(packet.length).toBeLessThan(65_536);
    expect(costOf(net, packet)).toBeLessThan(mostMs);
  });
});

it("a message with more items than all maps together could need is refused before they are kept", () => {
  const wants = messageOf(Section.keyWants, new Array(1_000_000).fill(encodeKeyWant("k")));
  expect(decodeStateMessage(wants, 1000)).toBe("count-too-large");
  const covers = messageOf(Section.covers, new Array(600_000).fill(encodeCover(Tree.keys, 0, true, [])));
  expect(decodeStateMessage(covers, 1000)).toBe("count-too-large");
});

describe("how much is kept", () => {
  const config = { maxSharedBytes: 20_000, maxOwnerBytes: 10_000, maxOwnersBytes: 30_000, gossipNodes: 0 };
  const large = (n: number) => new Uint8Array(900).fill(n);
  const sum = (values: readonly { readonly value: Uint8Array }[]) =>
    values.reduce((all, { value }) => all + value.length, 0);

  it("of the shared map is bounded in bytes, whoever writes", () => {
    const net = new Net({ nodes: 1, config });
    const node = net.nodes[0]!;
    for (let k = 0; k < 200; k++) {
      const write = { key: `k${k}`, ms: wallStartMs, count: k, writer: "w", ttlMs: 0, value: large(k) };
      node.handlePacket(endpointOf(1), forged({ writes: [write] }), 0);
    }
    expect(sum(node.sharedEntries())).toBeLessThanOrEqual(40_000);
    expect(node.counters.drops.get("too-many-bytes")).toBeGreaterThan(100);
    expect(() => node.setShared("mine", large(1), 0)).toThrow(expect.objectContaining({ code: "too-many-keys" }));
    // A deletion is always taken, and makes room.
    for (let k = 0; k < 200; k++) node.deleteShared(`k${k}`, 0);
    node.setShared("mine", large(1), 0);
    expect(sum(node.sharedEntries())).toBe(900);
  });

  it("of owners' maps is bounded in bytes, of each and of all", () => {
    const net = new Net({ nodes: 1, config });
    const node = net.nodes[0]!;
    for (let i = 1; i <= 10; i++) {
      node.setPeer(nameOf(i), endpointOf(i), "alive", 0);
      for (let k = 0; k < 40; k++) {
        const writes = [{ key: `k${k}`, version: k + 1, value: large(k) }];
        const delta = { owner: nameOf(i), generation: 1, from: k, to: k + 1, lastGcVersion: 0, writes };
        node.handlePacket(endpointOf(1), forged({ deltas: [delta] }), 0);
      }
    }
    const held = () => node.owners().map((owner) => sum(node.entries(owner)));
    expect(Math.max(...held())).toBeLessThanOrEqual(20_000);
    expect(held().reduce((all, each) => all + each)).toBeLessThanOrEqual(30_000);
    expect(held().reduce((all, each) => all + each)).toBeGreaterThan(25_000);
    expect(node.counters.drops.get("too-many-bytes")).toBeGreaterThan(5);
    // Whoever goes leaves room.
    for (let i = 1; i <= 5; i++) node.removePeer(nameOf(i));
    const writes = [{ key: "k", version: 1, value: large(1) }];
    const delta = { owner: nameOf(10), generation: 2, from: 0, to: 1, lastGcVersion: 0, writes };
    node.handlePacket(endpointOf(1), forged({ deltas: [delta] }), 0);
    expect(node.entries(nameOf(10))).toHaveLength(1);
  });

  it("of our own map is bounded in bytes", () => {
    const node = new Net({ nodes: 1, config }).nodes[0]!;
    for (let k = 0; k < 10; k++) node.set(`k${k}`, large(k), 0);
    expect(() => node.set("more", large(1), 0)).toThrow(expect.objectContaining({ code: "too-many-keys" }));
    node.set("k3", large(7), 0);
    node.delete("k4", 0);
    node.set("more", large(1), 0);
    expect(sum(node.entries())).toBe(9000);
  });
});

describe("a lie about a life", () => {
  it("whose watermark is above what its owner has written is told no more once the owner hears of it", () => {
    const net = new Net({ nodes: 3, config: { maxPacketBytes: 600 } });
    const [owner, other] = [net.nodes[0]!, net.nodes[1]!];
    const value = new Uint8Array(150);
    for (let k = 0; k < 5; k++) owner.set(`k${k}`, value, 0);
    // The others first hear of the owner's map by it.
    const writes = owner.entries();
    const generation = owner.inspect().generation;
    const delta = { owner: nameOf(0), generation, from: 0, to: 5, lastGcVersion: 9, writes };
    for (const node of [other, net.nodes[2]!]) node.handlePacket(endpointOf(2), forged({ deltas: [delta] }), 0);
    other.set("a", value, 0);
    net.until(() => net.isEqual(), 20_000);
    net.run(5000);
    const lines = net.nodes.map((node) => node.inspect().owners.find(({ owner }) => owner === nameOf(0))!);
    for (const line of lines) expect(line).toMatchObject({ generation: generation + 1, lastGcVersion: 0, keys: 5 });
    const { packets } = net;
    net.run(10_000);
    expect(net.packets - packets).toBeLessThan(3 * 11 * 1.3);
  });
});
