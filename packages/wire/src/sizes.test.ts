/** What is accounted without encoding is what encoding gives, to the byte. */
import type { PacketMessage, PushPullNode, StreamMessage } from "@hearsay/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sealAll } from "../testing/collector.ts";
import { nodeCipher } from "../testing/node-cipher.ts";
import { Keyring } from "./keyring.ts";
import { createCodec, type MemberlistCodecOptions } from "./memberlist-codec.ts";

const plain = createCodec({ compression: false });

// Each form of a value at both sides of its limits.

const uint = fc.oneof(
  fc.constantFrom(0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
  fc.nat({ max: 0xff }),
  fc.nat({ max: 0xffff }),
  fc.integer({ min: 0, max: 0xffff_ffff }),
);
const port = fc.oneof(fc.constantFrom(0, 0x7f, 0x80, 0xff, 0x100, 0xffff), fc.nat({ max: 0xffff }));
const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom("", "\ud800", "a\udc00b", "é".repeat(15), "é".repeat(16), "😀".repeat(8), "語".repeat(11)),
  fc.nat({ max: 70 }).map((length) => "n".repeat(length)),
  fc.constantFrom("x".repeat(255), "x".repeat(256), "語".repeat(400)),
);
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.constantFrom(0, 4, 16, 31, 32, 255, 256, 512).map((length) => new Uint8Array(length).fill(7)),
);
const long = fc.constantFrom(0xffff, 0x1_0000, 0x1_2345).map((length) => new Uint8Array(length).fill(7));
const blob = fc.option(bytes);
const source = { sourceAddr: blob, sourcePort: port, sourceNode: text };

const ping = fc.record({ type: fc.constant(0 as const), seqNo: uint, node: text, ...source });
const ack = fc.record({ type: fc.constant(2 as const), seqNo: uint, payload: blob });
const claim = { incarnation: uint, node: text, from: text };

const packetMessage: fc.Arbitrary<PacketMessage> = fc.oneof(
  ping,
  fc.record({
    type: fc.constant(1 as const),
    seqNo: uint,
    target: blob,
    port,
    node: text,
    nack: fc.boolean(),
    ...source,
  }),
  ack,
  fc.record({ type: fc.constant(11 as const), seqNo: uint }),
  fc.record({ type: fc.constant(3 as const), ...claim }),
  fc.record({ type: fc.constant(5 as const), ...claim }),
  fc.record({
    type: fc.constant(4 as const),
    incarnation: uint,
    node: text,
    addr: blob,
    port,
    meta: blob,
    vsn: blob,
  }),
  fc.record({ type: fc.constant(8 as const), payload: bytes }),
);

const node: fc.Arbitrary<PushPullNode> = fc.record({
  name: text,
  addr: blob,
  port,
  meta: blob,
  incarnation: uint,
  state: fc.oneof(fc.constantFrom(0, 1, 2, 3), uint),
  vsn: blob,
});
const nodes = fc.oneof(
  fc.array(node, { maxLength: 6 }),
  // The count of nodes has sizes of its own.
  fc.record({ node, count: fc.constantFrom(127, 128, 255, 256, 300) }).map((one) => Array(one.count).fill(one.node)),
);

const streamMessage: fc.Arbitrary<StreamMessage> = fc.oneof(
  ping,
  ack,
  fc.record({
    type: fc.constant(6 as const),
    join: fc.boolean(),
    nodes,
    userState: fc.oneof({ weight: 9, arbitrary: bytes }, { weight: 1, arbitrary: long }),
  }),
  fc.record({
    type: fc.constant(8 as const),
    payload: fc.oneof({ weight: 4, arbitrary: bytes }, { weight: 1, arbitrary: long }),
  }),
  fc.record({ type: fc.constant(13 as const), error: text }),
);

const settings: [string, MemberlistCodecOptions][] = [
  ["plain", {}],
  ["with a label", { label: "blue" }],
  ["with the longest label", { label: "é".repeat(127) }],
  ["sealed", keyed(16)],
  ["sealed with a long key and a label", { label: "blue", ...keyed(32) }],
  ["sealed with padding", { protocolVersion: 1, ...keyed(24) }],
  ["sealed with padding and a label", { protocolVersion: 1, label: "blue", ...keyed(16) }],
  ["with a key, but not sealing", { verifyOutgoing: false, verifyIncoming: false, ...keyed(16) }],
  ["with an empty keyring", { ...keyed(16), keyring: new Keyring([]) }],
];

test("a packet message is as long as is said, encoded by itself or into place", () => {
  fc.assert(
    fc.property(packetMessage, (message) => {
      const said = plain.messageBytes(message);
      expect(plain.encode(message).length).toBe(said);
      expect(plain.encodeInto(message, plain.scratch, 3)).toBe(3 + said);
    }),
    { seed: 1, numRuns: 3000 },
  );
});

test("so is a user message and an ack of 64 KiB and more", () => {
  fc.assert(
    fc.property(long, uint, (payload, seqNo) => {
      for (const message of [{ type: 8, payload } as const, { type: 2, seqNo, payload } as const]) {
        expect(plain.encode(message).length).toBe(plain.messageBytes(message));
      }
    }),
    { seed: 1, numRuns: 30 },
  );
});

describe.each(settings)("%s", (name, options) => {
  const codec = createCodec({ compression: false, maxPacketBytes: 200_000, ...options });

  test("a packet is as long as is said", () => {
    fc.assert(
      fc.property(fc.array(packetMessage, { minLength: 1, maxLength: 12 }), fc.boolean(), (messages, crc) => {
        const parts = messages.map((message) => codec.encode(message));
        const total = messages.reduce((sum, message) => sum + codec.messageBytes(message), 0);
        expect(sealAll(codec, parts, crc).length).toBe(codec.packetBytes(messages.length, total, crc));
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  test("so is one of each length from 1 to 70, whose padding differs", () => {
    for (let length = 1; length <= 70; length++) {
      const part = new Uint8Array(length).fill(8);
      for (const crc of [false, true]) {
        expect(sealAll(codec, [part], crc).length).toBe(codec.packetBytes(1, length, crc));
      }
    }
  });

  // Sealed streams are not accounted: nobody passes them by reference.
  if (name.startsWith("sealed")) return;
  test("a stream message is as long as is said, in either direction", () => {
    fc.assert(
      fc.property(streamMessage, fc.boolean(), (message, initiator) => {
        expect(codec.encodeStream(message, initiator).length).toBe(codec.streamBytes(message, initiator));
      }),
      { seed: 3, numRuns: 500 },
    );
  });
});

function keyed(keyBytes: number): MemberlistCodecOptions {
  return {
    keyring: new Keyring([new Uint8Array(keyBytes).fill(keyBytes)]),
    cipherFactory: nodeCipher,
    nonceSource: (nonce) => nonce.fill(1),
  };
}
