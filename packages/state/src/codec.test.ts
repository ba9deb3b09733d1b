import { Rng } from "@hearsay/core";
import { Writer } from "@hearsay/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readShortBeats, ShortBeatWriter } from "./beat-codec.ts";
import {
  decodeStateMessage,
  deltaOverhead,
  encodeCover,
  encodeDelta,
  encodeHeartbeat,
  encodeKeyLine,
  encodeKeyWant,
  encodeNodeWrite,
  encodeOwnerLine,
  encodeSharedWrite,
  encodeTreeNode,
  MessageBuilder,
  messageOverhead,
} from "./codec.ts";
import { maxCounter, maxOwners, maxTtlMs } from "./config.ts";
import { maxStampMs } from "./hlc.ts";
import { type OwnerDelta, Section, type StateMessage } from "./messages.ts";
import { ReplicatedState } from "./replicated-state.ts";
import { bytes, endpointOf, Net, nameOf, wallStartMs } from "./testing/net.ts";

const counter = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: maxCounter }));
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const rate = fc.integer({ min: 0, max: 1e9 });
const name = fc.string({ minLength: 1, maxLength: 30, unit: "binary" });
const stamp = { ms: fc.integer({ min: 0, max: maxStampMs }), count: fc.integer({ min: 0, max: 0xffff }) };
const value = fc.option(fc.uint8Array({ maxLength: 100 }));
const ownerLine = fc.record({
  owner: name,
  generation: counter,
  maxVersion: counter,
  lastGcVersion: counter,
  hash: u32,
});
const keyLine = fc.record({ key: name, ...stamp, writer: name, dead: fc.boolean(), hash: u32 });
const delta: fc.Arbitrary<OwnerDelta> = fc
  .tuple(
    ownerLine,
    fc.uniqueArray(fc.integer({ min: 1, max: 1000 }), { maxLength: 5 }),
    fc.array(value, { minLength: 5 }),
  )
  .map(([{ owner, generation, lastGcVersion }, versions, values]) => {
    versions.sort((a, b) => a - b);
    const writes = versions.map((version, i) => ({ key: `k${i}`, version, value: values[i]! }));
    return { owner, generation, lastGcVersion, from: 0, to: versions.at(-1) ?? 0, writes };
  });
const few = <T>(of: fc.Arbitrary<T>) => fc.array(of, { maxLength: 4 });
const message: fc.Arbitrary<StateMessage> = fc.record({
  mode: fc.constantFrom("push" as const, "pull" as const, "push-pull" as const),
  initiator: fc.boolean(),
  rumour: fc.boolean(),
  gc: fc.record(stamp),
  roots: fc.option(fc.tuple(u32, u32), { nil: undefined }),
  nodes: few(
    fc.record({
      tree: fc.constantFrom(0 as const, 1 as const),
      node: fc.integer({ min: 0, max: 272 }),
      children: fc.array(u32, { minLength: 16, maxLength: 16 }),
    }),
  ),
  covers: few(
    fc.oneof(
      fc.record({
        tree: fc.constant(0 as const),
        node: fc.integer({ min: 0, max: 4368 }),
        complete: fc.boolean(),
        owners: few(ownerLine),
        keys: fc.constant([]),
      }),
      fc.record({
        tree: fc.constant(1 as const),
        node: fc.integer({ min: 0, max: 4368 }),
        complete: fc.boolean(),
        owners: fc.constant([]),
        keys: few(keyLine),
      }),
    ),
  ),
  ownerWants: few(ownerLine),
  keyWants: few(name),
  deltas: few(delta),
  writes: few(fc.record({ key: name, ...stamp, writer: name, ttlMs: fc.integer({ min: 0, max: maxTtlMs }), value })),
  beats: few(fc.record({ owner: name, generation: counter, beat: counter })),
  shortBeats: few(fc.record({ hash: u32, beat: counter })),
  rates: fc.option(fc.record({ exchange: u32, rate, wish: rate }), { nil: undefined }),
});

function encode(message: StateMessage, limit = 1e6): Uint8Array {
  const builder = new MessageBuilder(limit);
  for (const node of message.nodes) builder.add(Section.nodes, encodeTreeNode(node));
  for (const { tree, node, complete, owners, keys } of message.covers) {
    const lines = tree === 0 ? owners.map(encodeOwnerLine) : keys.map(encodeKeyLine);
    builder.add(Section.covers, encodeCover(tree, node, complete, lines));
  }
  for (const line of message.ownerWants) builder.add(Section.ownerWants, encodeOwnerLine(line));
  for (const key of message.keyWants) builder.add(Section.keyWants, encodeKeyWant(key));
  for (const each of message.deltas) builder.add(Section.deltas, encodeDelta(each, each.writes.map(encodeNodeWrite)));
  for (const write of message.writes) builder.add(Section.writes, encodeSharedWrite(write));
  for (const beat of message.beats) builder.add(Section.beats, encodeHeartbeat(beat));
  const short = new ShortBeatWriter(builder.room);
  for (const { hash, beat } of message.shortBeats) short.add(hash, beat, builder.room);
  if (short.count > 0) builder.add(Section.beats, short.finish());
  return builder.finish(message);
}

describe("state messages", () => {
  it("are read as they were written", () => {
    fc.assert(
      fc.property(message, (each) => {
        expect(decodeStateMessage(encode(each), 1000)).toEqual(each);
      }),
      { numRuns: 300 },
    );
  });

  it("stay within the limit they are built for, and costs are not understated", () => {
    fc.assert(
      fc.property(message, fc.integer({ min: messageOverhead, max: 600 }), (each, limit) => {
        expect(encode(each, limit).length).toBeLessThanOrEqual(limit);
      }),
    );
    const writes = Array.from({ length: 70_000 }, () => new Uint8Array(0));
    const owner = "o".repeat(255);
    const most = encodeDelta(
      { owner, generation: maxCounter, from: maxCounter, to: maxCounter, lastGcVersion: maxCounter },
      writes,
    );
    expect(most.length).toBeLessThanOrEqual(deltaOverhead(owner));
  });

  it("are refused cut short, with a reason, and never throw on nonsense", () => {
    fc.assert(
      fc.property(message, fc.nat(), fc.nat({ max: 255 }), (each, at, byte) => {
        const whole = encode(each);
        expect(typeof decodeStateMessage(whole.subarray(0, at % whole.length), 1000)).toBe("string");
        const spoilt = whole.slice();
        spoilt[at % spoilt.length] = byte;
        decodeStateMessage(spoilt, 1000);
      }),
      { numRuns: 500 },
    );
    fc.assert(fc.property(fc.uint8Array(), (noise) => void decodeStateMessage(Uint8Array.of(0xe0, ...noise), 1000)));
  });

  it("with counts that the bytes do not bear out are refused before anything is kept", () => {
    const writer = new Writer({ dialect: "new" }).byte(0xe0).array(11).uint(0).uint(0).uint(0).nil().array(0xffff_ffff);
    expect(decodeStateMessage(writer.finish(), 1000)).toBe("msgpack-truncated");
  });

  const upToBeats = (fields: number) => {
    const writer = new Writer({ dialect: "new" }).byte(0xe0).array(fields).uint(4).uint(1).uint(2).nil();
    for (let i = 0; i < 6; i++) writer.nil();
    return writer.array(1).array(4).text("o").uint(1).uint(5).text("more");
  };

  it("of later versions may hold more", () => {
    const beats = [{ owner: "o", generation: 1, beat: 5 }];
    const without = upToBeats(13)
      .nil()
      .value({ and: ["more"] });
    expect(decodeStateMessage(without.finish(), 1000)).toMatchObject({ beats, rates: undefined });
    const rates = upToBeats(13)
      .array(4)
      .uint(7)
      .uint(8)
      .uint(9)
      .text("more")
      .value({ and: ["more"] });
    expect(decodeStateMessage(rates.finish(), 1000)).toMatchObject({
      beats,
      rates: { exchange: 7, rate: 8, wish: 9 },
    });
  });

  it("with something else where rates may stand are refused", () => {
    expect(
      decodeStateMessage(
        upToBeats(12)
          .value({ and: ["more"] })
          .finish(),
        1000,
      ),
    ).toBe("msgpack-invalid");
    expect(decodeStateMessage(upToBeats(12).array(2).uint(1).uint(2).finish(), 1000)).toBe("msgpack-invalid");
    const tooFast = upToBeats(12)
      .array(3)
      .uint(1)
      .uint(1e9)
      .uint(1e9 + 1);
    expect(decodeStateMessage(tooFast.finish(), 1000)).toBe("field-range");
    expect(decodeStateMessage(upToBeats(12).finish(), 1000)).toBe("msgpack-truncated");
  });

  it("hold a heartbeat in five bytes and more, as its number grows, and no more than they may", () => {
    const lengths = [0, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, maxCounter].map((beat) => {
      const short = new ShortBeatWriter(100);
      expect(short.add(0xfedcba98, beat, 100)).toBe(true);
      const bytes = short.finish();
      expect(readShortBeats(bytes.subarray(2), 1)).toEqual([{ hash: 0xfedcba98, beat }]);
      expect(readShortBeats(bytes.subarray(2), 0)).toBeUndefined();
      expect(readShortBeats(bytes.subarray(2, -1), 1)).toBeUndefined();
      return bytes.length - 2;
    });
    expect(lengths).toEqual([5, 5, 6, 6, 7, 7, 8, 12]);
    const tooHigh = [1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    expect(readShortBeats(Uint8Array.from(tooHigh), 1)).toBeUndefined();
    expect(readShortBeats(Uint8Array.of(1, 2, 3, 4, ...new Array(20).fill(0x80)), 1)).toBeUndefined();
  });

  it("with more heartbeats than there may be owners are refused", () => {
    const of = (count: number) => {
      const short = new ShortBeatWriter(1e6);
      for (let i = 0; i < count; i++) short.add(i, 1, 1e6);
      const builder = new MessageBuilder(1e6);
      builder.add(Section.beats, short.finish());
      builder.add(Section.beats, encodeHeartbeat({ owner: "o", generation: 1, beat: 1 }));
      return decodeStateMessage(builder.finish(base), 1000);
    };
    expect(of(maxOwners)).toBe("count-too-large");
    expect((of(maxOwners - 1) as StateMessage).beats).toHaveLength(1);
  });

  const base: StateMessage = {
    mode: "push",
    initiator: true,
    rumour: false,
    gc: { ms: 0, count: 0 },
    roots: undefined,
    nodes: [],
    covers: [],
    ownerWants: [],
    keyWants: [],
    deltas: [],
    writes: [],
    beats: [],
    shortBeats: [],
    rates: undefined,
  };
  const shared = { key: "k", ms: 1, count: 0, writer: "w", ttlMs: 0, value: null };
  const owned = { owner: "o", generation: 1, from: 3, to: 5, lastGcVersion: 0 };
  it.each([
    ["key too long", { writes: [{ ...shared, key: "k".repeat(256) }] }, "name-too-long"],
    ["key empty", { keyWants: [""] }, "name-invalid"],
    ["value too long", { writes: [{ ...shared, value: new Uint8Array(1001) }] }, "message-too-large"],
    ["stamp beyond 48 bits", { writes: [{ ...shared, ms: 2 ** 48 }] }, "field-range"],
    ["version not above", { deltas: [{ ...owned, writes: [{ key: "k", version: 3, value: null }] }] }, "field-range"],
    ["version beyond", { deltas: [{ ...owned, writes: [{ key: "k", version: 6, value: null }] }] }, "field-range"],
    ["going back", { deltas: [{ ...owned, to: 2, writes: [] }] }, "field-range"],
    [
      "generation too high",
      { ownerWants: [{ ...owned, generation: 2 ** 53 - 1, maxVersion: 1, hash: 0 }] },
      "field-range",
    ],
    ["leaf with children", { nodes: [{ tree: 0, node: 273, children: new Array(16).fill(0) }] }, "field-range"],
  ] as const)("%s: refused", (_what, parts, reason) => {
    expect(decodeStateMessage(encode({ ...base, ...(parts as Partial<StateMessage>) }), 1000)).toBe(reason);
  });
});

describe("a machine", () => {
  it("survives whatever it is sent, and works on", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            message.map((each) => encode(each)),
            fc.uint8Array(),
          ),
          { maxLength: 8 },
        ),
        (packets) => {
          const node = new ReplicatedState({ name: nameOf(0), generation: 1, rng: new Rng(1) });
          node.start(0, wallStartMs);
          node.setPeer(nameOf(1), endpointOf(1), "alive", 0);
          node.set("k", bytes("v"), 0);
          const out = { buffer: new Uint8Array(2000), length: 0, to: endpointOf(0) };
          for (const [i, packet] of packets.entries()) {
            node.handlePacket(endpointOf(1), packet, i);
            node.handleStreamRequest(endpointOf(1), packet, i);
            node.handleStreamPush(endpointOf(1), packet, i);
            node.handleTimeout(i * 700);
            while (node.pollTransmit(out)) expect(out.length).toBeLessThanOrEqual(1300);
          }
          expect(node.get("k")).toEqual(bytes("v"));
        },
      ),
    );
  });

  it("counts what it refuses by reason", () => {
    const [node] = new Net({ nodes: 1 }).nodes;
    node!.handlePacket(endpointOf(1), Uint8Array.of(), 0);
    node!.handlePacket(endpointOf(1), Uint8Array.of(0xe1, 0), 0);
    node!.handleStreamReply(7, Uint8Array.of(0xe0), 0);
    expect([...node!.counters.drops]).toEqual([
      ["empty", 1],
      ["unknown-type", 1],
      ["stream-unexpected", 1],
    ]);
  });
});
