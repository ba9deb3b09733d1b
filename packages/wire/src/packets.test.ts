import type { PacketMessage } from "@hearsay/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openAll, sealAll } from "../testing/collector.ts";
import { fixedNonce, nodeCipher } from "../testing/node-cipher.ts";
import { hex, lcgBytes, unhex, vectors } from "../testing/vectors.ts";
import { Keyring } from "./keyring.ts";
import { Label } from "./label.ts";
import { createCodec, type MemberlistCodecOptions } from "./memberlist-codec.ts";

const plain = createCodec({ compression: false });
const nonce = unhex("a0a1a2a3a4a5a6a7a8a9aaab");
const keyA = unhex("000102030405060708090a0b0c0d0e0f");

function keyed(keyring: Keyring, more: MemberlistCodecOptions = {}) {
  return createCodec({
    compression: false,
    keyring,
    cipherFactory: nodeCipher,
    nonceSource: fixedNonce(nonce),
    ...more,
  });
}

/** User messages of the parts, which carry any bytes. */
const users = (parts: readonly string[]): PacketMessage[] =>
  parts.map((part) => ({ type: 8, payload: unhex(part).subarray(1) }));

describe("vectors: compound", () => {
  test.each(vectors("memberlist/compound").map((v) => [v.name, v] as const))("%s", (_name, vector) => {
    const packet = unhex(vector.hex);
    const opened = openAll(plain, packet);
    const { compounds, parts: left, truncated, error } = vector.expect ?? {};
    if (compounds !== undefined) {
      const all = Array.from({ length: 255 }, (_, i) => new Uint8Array([8, i & 0xff, i >> 8]));
      expect(hex(sealAll(plain, all))).toBe((compounds as string[])[0]);
      expect(openAll(plain, packet).messages.length).toBe(255);
      return;
    }
    if (error === true) {
      expect(opened).toEqual({ messages: [], drops: ["compound-truncated"] });
      return;
    }
    const parts = ((vector.inputs?.parts ?? left) as string[]).filter((part) => part !== "");
    const alone = parts.flatMap((part) => openAll(plain, unhex(part)).messages);
    expect(opened.messages).toEqual(alone);
    if (vector.inputs !== null && vector.inputs !== undefined && parts.length > 1) {
      const all = (vector.inputs.parts as string[]).map(unhex);
      expect(hex(sealAll(plain, all))).toBe(vector.hex);
      expect(opened.drops).toEqual(all.length > parts.length ? ["empty"] : []);
    } else if (truncated !== undefined) expect(opened.drops).toEqual(truncated === 0 ? [] : ["compound-truncated"]);
  });

  test("a head goes first, alone or with parts", () => {
    const head = unhex("0809ff");
    const out = { buffer: new Uint8Array(100), length: 0, to: { address: "", port: 0 } };
    plain.sealPacket(out, head, 2, [], 0, false);
    expect(hex(out.buffer.subarray(0, out.length))).toBe("0809");
    plain.sealPacket(out, head, 2, [unhex("0801"), unhex("0802"), unhex("0803")], 2, false);
    expect(hex(out.buffer.subarray(0, out.length))).toBe("0703000200020002080908010802");
  });

  test("what cannot be sent is the caller's error", () => {
    const out = { buffer: new Uint8Array(100), length: 0, to: { address: "", port: 0 } };
    expect(() => plain.sealPacket(out, new Uint8Array(0), 0, [], 0, false)).toThrow(RangeError);
    expect(() => plain.sealPacket(out, new Uint8Array(0), 0, [new Uint8Array(101)], 1, false)).toThrow(RangeError);
    expect(() => plain.sealPacket(out, new Uint8Array(0), 0, [new Uint8Array(96)], 1, true)).toThrow(RangeError);
    const tiny = Array.from({ length: 256 }, () => new Uint8Array([8]));
    expect(() => sealAll(plain, tiny)).toThrow(RangeError);
  });
});

describe("vectors: label", () => {
  test.each(vectors("memberlist/label").map((v) => [v.name, v] as const))("%s", (_name, vector) => {
    const packet = unhex(vector.hex);
    const expected = (vector.inputs ?? vector.expect) as { label?: string; rest?: string; error?: boolean };
    const label = new Label(expected.label ?? "", false);
    const end = label.check(packet, packet.length);
    if (expected.error === true) {
      expect(end).toBe("label-malformed");
      return;
    }
    expect(hex(packet.subarray(end as number))).toBe(expected.rest);
    expect(hex(label.header) + expected.rest).toBe(vector.hex);
    if (expected.label !== "") expect(new Label("other", false).check(packet, packet.length)).toBe("label-mismatch");
  });

  test("a label must be there exactly when one is set", () => {
    const labelled = createCodec({ label: "dc1", compression: false });
    const message = unhex("0868656c6c6f");
    const packet = sealAll(labelled, [message]);
    expect(openAll(labelled, packet).messages.length).toBe(1);
    expect(openAll(labelled, message).drops).toEqual(["label-mismatch"]);
    expect(openAll(plain, packet).drops).toEqual(["label-mismatch"]);
    const twice = new Uint8Array([...packet.subarray(0, 5), ...packet]);
    expect(openAll(labelled, twice).drops).toEqual(["unknown-type"]);
  });

  test("behind a proxy, a header is refused and its absence is ours", () => {
    const ring = new Keyring([keyA]);
    const sender = keyed(ring, { label: "dc1" });
    const behind = keyed(ring, { label: "dc1", skipInboundLabelCheck: true });
    const packet = sealAll(sender, [unhex("0868656c6c6f")]);
    expect(openAll(behind, packet).drops).toEqual(["label-mismatch"]);
    // The additional data still holds the label.
    expect(openAll(behind, packet.subarray(5)).messages.length).toBe(1);
  });

  test("a label of 255 bytes is the longest", () => {
    expect(createCodec({ label: "é".repeat(127) }).packetOverhead()).toBe(256);
    expect(() => createCodec({ label: "é".repeat(128) })).toThrow(RangeError);
  });
});

describe("vectors: packet", () => {
  test.each(vectors("memberlist/packet").map((v) => [v.name, v] as const))("%s", (_name, vector) => {
    const packet = unhex(vector.hex);
    if (vector.inputs === null || vector.inputs === undefined) {
      const { messages, drops } = openAll(plain, packet);
      const handled = vector.expect.result === "handled";
      expect([messages.length > 0, drops.length > 0]).toEqual([handled, !handled]);
      return;
    }
    const inputs = vector.inputs as {
      compression: boolean;
      key?: string;
      label: string;
      message: string;
      nonce?: string;
      protocolVersion: number;
      receiverPMax: number;
    };
    const codec = createCodec({
      compression: inputs.compression ? "always" : false,
      label: inputs.label,
      protocolVersion: inputs.protocolVersion,
      ...(inputs.key === undefined
        ? {}
        : {
            keyring: new Keyring([unhex(inputs.key)]),
            cipherFactory: nodeCipher,
            nonceSource: fixedNonce(unhex(inputs.nonce!)),
          }),
    });
    expect(hex(sealAll(codec, [unhex(inputs.message)], inputs.receiverPMax >= 5))).toBe(vector.hex);
    expect(openAll(codec, packet)).toEqual(openAll(plain, unhex(inputs.message)));
  });
});

interface Tree {
  readonly type: string;
  readonly inner?: Tree;
  readonly parts?: readonly Tree[];
  readonly fields?: Record<string, unknown>;
  readonly raw?: string;
}

/** The plain messages of a captured tree, in the vectors' spelling. */
export function leaves(tree: Tree): unknown[] {
  if (tree.inner !== undefined) return leaves(tree.inner);
  if (tree.parts !== undefined) return tree.parts.flatMap(leaves);
  return [tree.type === "user" ? { raw: tree.raw } : tree.fields];
}

describe("vectors: captured packets of real agents", () => {
  const captured = vectors("memberlist/serf-capture").filter((v) => v.inputs!.kind === "packet");
  test.each(captured.map((v) => [v.name, v] as const))("%s", async (_name, vector) => {
    const { toFields } = await import("../testing/vectors.ts");
    const key = vector.inputs!.key as string | null;
    const codec = key === null ? plain : keyed(new Keyring([unhex(key)]));
    const packet = unhex(vector.hex);
    const { messages, drops } = openAll(codec, packet);
    expect(drops).toEqual([]);
    const spelled = messages.map((m) => (m.type === 8 ? { raw: hex(m.payload) } : toFields(m)));
    expect(spelled).toEqual(leaves(vector.expect.tree as Tree));

    // Taken apart and built again it is the same packet, where no nonce is in it.
    if (key !== null) return;
    const again = createCodec({ compression: packet.includes(9) ? "always" : false });
    const parts = messages.map((m) => again.encode(m));
    expect(hex(sealAll(again, parts, packet[0] === 12))).toBe(vector.hex);
  });
});

describe("what a packet may hold", () => {
  const compound = (...parts: Uint8Array[]) => sealAll(plain, parts.length > 1 ? parts : [...parts, unhex("0800")]);
  const squeezed = createCodec({ compression: "always" });

  test("layers nest a little, not endlessly", () => {
    let packet = unhex("08aa");
    for (let depth = 1; depth <= 4; depth++) packet = compound(packet);
    expect(openAll(plain, packet)).toEqual({ messages: users(["08aa", "0800", "0800", "0800", "0800"]), drops: [] });
    packet = compound(packet);
    expect(openAll(plain, packet).drops).toEqual(["nesting-too-deep"]);
  });

  test("all compress messages of a packet share one budget", () => {
    const half = sealAll(
      squeezed,
      [new Uint8Array(600_000).fill(8)].map((b) => b.subarray(0, 60_000)),
    );
    expect(half.length).toBeLessThan(1000);
    const sum = compound(...Array.from({ length: 20 }, () => half));
    const { messages, drops } = openAll(plain, sum);
    expect(messages.length).toBe(17);
    expect(drops).toEqual(["compress-too-large", "compress-too-large", "compress-too-large"]);
  });

  test("stream types, label and envelope heads inside are unknown types", () => {
    for (const type of [6, 10, 12, 13, 14, 0xc8, 0xf4])
      expect(openAll(plain, compound(new Uint8Array([type, 1, 2, 3, 4])))).toEqual({
        messages: users(["0800"]),
        drops: ["unknown-type"],
      });
  });

  test("nothing in nothing is named", () => {
    expect(openAll(plain, new Uint8Array(0)).drops).toEqual(["empty"]);
    expect(openAll(plain, unhex("0c00000000")).drops).toEqual(["empty"]);
    expect(openAll(plain, unhex("0c0000")).drops).toEqual(["unknown-type"]);
    expect(openAll(plain, unhex("0700")).drops).toEqual([]);
  });

  test("compression is tried on what is over the threshold, and kept if it is shorter", () => {
    const auto = createCodec({ compressPacketsOverBytes: 100 });
    const text = new Uint8Array(101).fill(8);
    expect(sealAll(auto, [text.subarray(0, 100)]).length).toBe(100);
    expect(sealAll(auto, [text])[0]).toBe(9);
    const noise = new Uint8Array([8, ...lcgBytes(4, 500)]);
    expect(hex(sealAll(auto, [noise]))).toBe(hex(noise));
    expect(sealAll(createCodec(), [new Uint8Array(1400).fill(8)])[0]).toBe(8);
    expect(sealAll(createCodec(), [new Uint8Array(1401).fill(8)])[0]).toBe(9);
  });
});

describe("what a message must also be", () => {
  const address = new Uint8Array([127, 0, 0, 1]);
  const vsn = new Uint8Array([1, 5, 2, 0, 0, 0]);
  const alive = { type: 4, incarnation: 1, node: "a", addr: address, port: 1, meta: null, vsn } as const;
  const ping = { type: 0, seqNo: 1, node: "a", sourceAddr: null, sourcePort: 0, sourceNode: "" } as const;
  const indirect = { ...ping, type: 1, target: address, port: 1, nack: true } as const;
  const outcome = (message: PacketMessage) => {
    const { messages, drops } = openAll(plain, plain.encode(message));
    return drops[0] ?? messages[0];
  };

  test("alive: an address of 4 or 16 bytes", () => {
    for (const length of [0, 1, 3, 5, 15, 17, 32])
      expect(outcome({ ...alive, addr: new Uint8Array(length) })).toBe("address-length");
    expect(outcome({ ...alive, addr: null })).toBe("address-length");
    expect(outcome(alive)).toEqual(alive);
    expect(outcome({ ...alive, addr: new Uint8Array(16) })).toMatchObject({ addr: new Uint8Array(16) });
  });

  test("alive: meta up to 512 bytes", () => {
    expect(outcome({ ...alive, meta: new Uint8Array(512) })).toMatchObject({ meta: new Uint8Array(512) });
    expect(outcome({ ...alive, meta: new Uint8Array(513) })).toBe("meta-too-long");
  });

  test("alive: versions of 1 to 5 bytes are as good as none", () => {
    for (const length of [0, 1, 5])
      expect(outcome({ ...alive, vsn: new Uint8Array(length) })).toMatchObject({ vsn: null });
    expect(outcome({ ...alive, vsn: new Uint8Array([1, 5, 2, 0, 0, 0, 9]) })).toEqual(alive);
  });

  test("names: UTF-8 of at most 255 bytes, and not empty in an alive", () => {
    expect(outcome({ ...alive, node: "" })).toBe("name-invalid");
    expect(outcome({ ...alive, node: "n".repeat(255) })).toMatchObject({ node: "n".repeat(255) });
    expect(outcome({ ...alive, node: "n".repeat(256) })).toBe("name-too-long");
    expect(outcome({ ...alive, node: "é".repeat(128) })).toBe("name-too-long");
    expect(outcome({ ...ping, node: "n".repeat(256) })).toBe("name-too-long");
    expect(outcome({ ...ping, sourceNode: "n".repeat(256) })).toBe("name-too-long");
    expect(outcome({ type: 3, incarnation: 1, node: "a", from: "n".repeat(300) })).toBe("name-too-long");
    for (const bad of ["ff", "c080", "eda080", "c3"]) {
      const name = `a${(bad.length / 2).toString(16)}${bad}`;
      expect(openAll(plain, unhex(`0382a446726f6d${name}a44e6f6465a161`)).drops).toEqual(["name-invalid"]);
      expect(openAll(plain, unhex(`0383a446726f6d${name}ab496e6361726e6174696f6e05a44e6f6465a161`)).drops).toEqual([
        "name-invalid",
      ]);
    }
  });

  test("pings: addresses that can be sent to", () => {
    expect(outcome({ ...ping, sourceAddr: new Uint8Array(5) })).toBe("address-length");
    expect(outcome({ ...indirect, sourceAddr: new Uint8Array(5) })).toBe("address-length");
    expect(outcome({ ...indirect, target: new Uint8Array(3) })).toBe("address-length");
    expect(outcome({ ...indirect, target: null })).toBe("address-length");
    expect(outcome(indirect)).toEqual(indirect);
    expect(openAll(plain, unhex("0083a44e6f6465a161a55365714e6f01aa536f7572636541646472a0")).messages).toEqual([ping]);
  });
});

const name = fc.string({ unit: "grapheme", maxLength: 40 });
const u32 = fc.oneof(fc.nat(300), fc.nat(70_000), fc.integer({ min: 0, max: 0xffff_ffff }));
const u16 = fc.oneof(fc.nat(300), fc.nat(0xffff));
const blob = (maxLength: number) => fc.option(fc.uint8Array({ maxLength }), { nil: null });
const address = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
);
const source = {
  sourceAddr: fc.option(address, { nil: null }),
  sourcePort: u16,
  sourceNode: name,
};
const claim = { incarnation: u32, node: name, from: name };

/** Every packet message a codec lets through. */
export const anyMessage: fc.Arbitrary<PacketMessage> = fc.oneof(
  fc.record({ type: fc.constant(0 as const), seqNo: u32, node: name, ...source }),
  fc.record({
    type: fc.constant(1 as const),
    seqNo: u32,
    target: address,
    port: u16,
    node: name,
    nack: fc.boolean(),
    ...source,
  }),
  fc.record({ type: fc.constant(2 as const), seqNo: u32, payload: blob(300) }),
  fc.record({ type: fc.constant(11 as const), seqNo: u32 }),
  fc.record({ type: fc.constant(3 as const), ...claim }),
  fc.record({ type: fc.constant(5 as const), ...claim }),
  fc.record({
    type: fc.constant(4 as const),
    incarnation: u32,
    node: fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }),
    addr: address,
    port: u16,
    meta: blob(512),
    vsn: fc.option(fc.uint8Array({ minLength: 6, maxLength: 6 }), { nil: null }),
  }),
  fc.record({ type: fc.constant(8 as const), payload: fc.uint8Array({ maxLength: 300 }) }),
);

describe("round trips", () => {
  const codecs = [
    plain,
    createCodec({ compression: "always" }),
    createCodec({ label: "läbel", compressPacketsOverBytes: 200 }),
    keyed(new Keyring([keyA]), { label: "x", compression: true }),
    keyed(new Keyring([keyA]), { protocolVersion: 1, compression: "always" }),
  ];

  test("every message through every layer", () => {
    fc.assert(
      fc.property(
        fc.array(anyMessage, { minLength: 1, maxLength: 12 }),
        fc.nat(4),
        fc.boolean(),
        (messages, i, crc) => {
          const codec = codecs[i]!;
          const packet = sealAll(
            codec,
            messages.map((m) => codec.encode(m)),
            crc,
          );
          expect(openAll(codec, packet)).toEqual({ messages, drops: [] });
          // The same from a Buffer, which is what sockets give.
          expect(openAll(codec, Buffer.from(packet))).toEqual({ messages, drops: [] });
        },
      ),
      { numRuns: 500 },
    );
  });
});
