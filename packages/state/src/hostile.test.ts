/** Messages that are well-formed and meant to harm: what they cost, and what they cannot destroy. */
import { describe, expect, it } from "vitest";
import { decodeStateMessage, encodeCover, encodeKeyWant, encodeTreeNode, MessageBuilder } from "./codec.ts";
import { noStamp } from "./hlc.ts";
import { Section, type SectionId, Tree } from "./messages.ts";
import { bytes, endpointOf, Net } from "./testing/net.ts";

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
