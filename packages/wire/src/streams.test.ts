import type { PushPullNode, StreamError, StreamMessage } from "@hearsay/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readAll } from "../testing/collector.ts";
import { fixedNonce, nodeCipher } from "../testing/node-cipher.ts";
import { bytesOf, type Fields, fromFields, hex, toFields, unhex, vectors } from "../testing/vectors.ts";
import { Keyring } from "./keyring.ts";
import { createCodec, type MemberlistCodec, type MemberlistCodecOptions } from "./memberlist-codec.ts";

const plain = createCodec({ compression: false });
const blank: PushPullNode = { name: "", addr: null, port: 0, meta: null, incarnation: 0, state: 0, vsn: null };
const vsn = new Uint8Array([1, 5, 2, 2, 5, 4]);

function keyed(key: string, nonce: string, more: MemberlistCodecOptions = {}): MemberlistCodec {
  return createCodec({
    compression: false,
    keyring: new Keyring([unhex(key)]),
    cipherFactory: nodeCipher,
    nonceSource: fixedNonce(unhex(nonce)),
    ...more,
  });
}

/** Byte by byte, as the slowest peer would send it. */
function readSlowly(codec: MemberlistCodec, bytes: Uint8Array, acceptor = true): StreamMessage | StreamError {
  const reader = codec.streamReader(acceptor);
  for (const byte of bytes) {
    const result = reader.push(new Uint8Array([byte]));
    if (result !== undefined) return result;
  }
  return reader.end();
}

interface StreamInputs {
  readonly compression?: boolean;
  readonly join?: boolean;
  readonly key?: string;
  readonly label?: string;
  readonly nodes?: Fields[];
  readonly nonce?: string;
  readonly responseNonce?: string;
  readonly protocolVersion?: number;
  readonly userState?: { hex: string } | null;
  readonly userMessage?: string;
}

function codecOf(inputs: StreamInputs): MemberlistCodec {
  const options: MemberlistCodecOptions = {
    compression: inputs.compression ? "always" : false,
    label: inputs.label ?? "",
    protocolVersion: inputs.protocolVersion ?? 2,
  };
  if (inputs.key === undefined) return createCodec(options);
  return keyed(inputs.key, inputs.nonce ?? inputs.responseNonce ?? "00".repeat(12), options);
}

describe("vectors: stream", () => {
  test.each(vectors("memberlist/stream").map((v) => [v.name, v] as const))("%s", (name, vector) => {
    const inputs = (vector.inputs ?? {}) as StreamInputs;
    const bytes = unhex(vector.hex);
    const codec = codecOf(inputs);
    const read = readAll(codec, bytes);
    expect(readSlowly(codec, bytes)).toEqual(read);

    if (inputs.nodes !== undefined || inputs.userMessage !== undefined) {
      const message: StreamMessage =
        inputs.userMessage !== undefined
          ? { type: 8, payload: unhex(inputs.userMessage) }
          : {
              type: 6,
              join: inputs.join!,
              nodes: inputs.nodes!.map((fields) => fromFields(fields, blank)),
              userState: bytesOf(inputs.userState) ?? new Uint8Array(0),
            };
      expect(hex(codec.encodeStream(message, true))).toBe(vector.hex);
      expect(read).toEqual(message);
      if (vector.hexNewest !== undefined) expect(readAll(codec, unhex(vector.hexNewest))).toEqual(message);
      return;
    }
    const { response, responseIsErr } = vector.expect as { response: string | null; responseIsErr?: boolean };
    if (responseIsErr === true) {
      expect((read as StreamError).error).toBe(name === "plain-to-encrypted" ? "not-encrypted" : "decrypt-failed");
      return;
    }
    expect(read).not.toHaveProperty("error");
    if (response === null || response === "") return;
    const answer = readAll(codec, unhex(response), false) as StreamMessage;
    expect(answer).not.toHaveProperty("error");
    expect(hex(codec.encodeStream(answer, false))).toBe(response);
  });
});

describe("vectors: captured streams of real agents", () => {
  const captured = vectors("memberlist/serf-capture").filter((v) => v.inputs!.kind === "stream");
  test.each(captured.map((v) => [v.name, v] as const))("%s", (_name, vector) => {
    const key = vector.inputs!.key as string | null;
    const codec = key === null ? plain : keyed(key, "00".repeat(12));
    const bytes = unhex(vector.hex);
    const message = readAll(codec, bytes, false) as StreamMessage;
    expect(readSlowly(codec, bytes, false)).toEqual(message);
    const { inner } = (vector.expect as { tree: { inner: Record<string, unknown> } }).tree;
    if (message.type === 6) {
      expect(inner.header).toEqual({
        Join: message.join,
        Nodes: message.nodes.length,
        UserStateLen: message.userState.length,
      });
      expect(message.nodes.map(toFields)).toEqual(inner.nodes);
      expect(hex(message.userState)).toBe(inner.userState);
    } else expect(toFields(message)).toEqual(inner.fields);
    if (key === null) expect(hex(createCodec({ compression: "always" }).encodeStream(message, false))).toBe(vector.hex);
  });
});

const node: fc.Arbitrary<PushPullNode> = fc.record({
  name: fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }),
  addr: fc.uint8Array({ minLength: 4, maxLength: 4 }),
  port: fc.nat(0xffff),
  meta: fc.option(fc.uint8Array({ maxLength: 100 }), { nil: null }),
  incarnation: fc.integer({ min: 0, max: 0xffff_ffff }),
  state: fc.nat(4),
  vsn: fc.option(fc.constant(vsn), { nil: null }),
});

const message: fc.Arbitrary<StreamMessage> = fc.oneof(
  fc.record({
    type: fc.constant(0 as const),
    seqNo: fc.nat(),
    node: fc.string({ maxLength: 20 }),
    sourceAddr: fc.option(fc.uint8Array({ minLength: 16, maxLength: 16 }), { nil: null }),
    sourcePort: fc.nat(0xffff),
    sourceNode: fc.string({ maxLength: 20 }),
  }),
  fc.record({ type: fc.constant(2 as const), seqNo: fc.nat(), payload: fc.constant(null) }),
  fc.record({
    type: fc.constant(6 as const),
    join: fc.boolean(),
    nodes: fc.array(node, { maxLength: 200 }),
    userState: fc.uint8Array({ maxLength: 5000 }),
  }),
  fc.record({ type: fc.constant(8 as const), payload: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ type: fc.constant(13 as const), error: fc.string({ unit: "grapheme", maxLength: 60 }) }),
);

describe("round trips", () => {
  const key = "00".repeat(32);
  const codecs = [
    plain,
    createCodec({ label: "dc1" }),
    createCodec({ compression: "always" }),
    keyed(key, "11".repeat(12), { label: "x", compression: true }),
    keyed(key, "11".repeat(12), { protocolVersion: 1, compression: "always" }),
  ];

  test("every message in any chunks, in both directions, and never before its last byte", () => {
    fc.assert(
      fc.property(
        message,
        fc.nat(4),
        fc.boolean(),
        fc.array(fc.nat(), { maxLength: 6 }),
        (sent, i, initiator, cuts) => {
          const codec = codecs[i]!;
          const bytes = codec.encodeStream(sent, initiator);
          const reader = codec.streamReader(initiator);
          let at = 0;
          for (const cut of [...cuts.map((c) => c % bytes.length), bytes.length - 1].sort((a, b) => a - b)) {
            expect(reader.push(bytes.subarray(at, cut))).toBeUndefined();
            at = cut;
          }
          const done = reader.push(Uint8Array.from([...bytes.subarray(at), 1, 2, 3]));
          expect(done).toEqual(sent);
          expect(reader.push(new Uint8Array([1]))).toBe(done);
          expect(reader.end()).toBe(done);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("any bytes, whole or byte by byte, come to the same end", () => {
    const valid = codecs[0]!.encodeStream(
      { type: 6, join: true, nodes: [{ ...blank, name: "a" }], userState: vsn },
      true,
    );
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.uint8Array({ maxLength: 60 }).map((tail) => new Uint8Array([6, ...tail])),
      fc
        .array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 3 })
        .map((changes) => changes.reduce((b, [at, byte]) => b.with(at, byte), valid)),
    );
    fc.assert(
      fc.property(bytes, fc.boolean(), fc.nat(4), (input, acceptor, i) => {
        expect(readSlowly(codecs[i]!, input, acceptor)).toEqual(readAll(codecs[i]!, input, acceptor));
      }),
      { numRuns: 2000 },
    );
  });

  test("a byte at a time costs no more than its bytes", () => {
    const nodes = Array.from({ length: 1500 }, (_, i) => ({ ...blank, name: `node-${i}`, addr: vsn.slice(0, 4), vsn }));
    const sent: StreamMessage = { type: 6, join: false, nodes, userState: new Uint8Array(1000) };
    const bytes = plain.encodeStream(sent, false);
    expect(bytes.length).toBeGreaterThan(100_000);
    const start = performance.now();
    expect(readSlowly(plain, bytes, false)).toEqual(sent);
    // Some 30 ms; parsing anew for every byte would take minutes.
    expect(performance.now() - start).toBeLessThan(5000);
  });
});

describe("limits and refusals", () => {
  const refused = (codec: MemberlistCodec, text: string, acceptor = true) => {
    const bytes = unhex(text);
    const result = readAll(codec, bytes, acceptor) as StreamError;
    expect(readSlowly(codec, bytes, acceptor)).toEqual(result);
    return result.error;
  };
  /** A push/pull header with these Nodes and UserStateLen. */
  const header = (nodes: string, length: string) =>
    `0683a44a6f696ec3a54e6f646573${nodes}ac5573657253746174654c656e${length}`;

  test("nothing, a beginning, and types that do not belong on a stream", () => {
    expect(refused(plain, "")).toBe("empty");
    expect(refused(plain, "06")).toBe("stream-truncated");
    expect(refused(plain, header("01", "00"))).toBe("stream-truncated");
    for (const type of ["01", "03", "04", "05", "07", "0b", "0c", "0e", "ff"])
      expect(refused(plain, `${type}80`)).toBe("unknown-type");
    expect(refused(plain, "06c1")).toBe("msgpack-invalid");
    expect(refused(plain, "0600")).toBe("msgpack-invalid");
  });

  test("label: expected by the acceptor only", () => {
    const labelled = createCodec({ label: "dc1", compression: false });
    expect(refused(labelled, "0082a44e6f6465a0a55365714e6f07")).toBe("label-mismatch");
    expect(refused(labelled, "f403646332")).toBe("label-mismatch");
    expect(refused(labelled, "f400")).toBe("label-malformed");
    expect(refused(labelled, "f4036463")).toBe("stream-truncated");
    expect(refused(plain, "f403646331")).toBe("label-mismatch");
    expect(refused(labelled, "f40364633100", false)).toBe("unknown-type");
  });

  test("counts are judged when they are read", () => {
    expect(refused(plain, header("ce00100001", "00"))).toBe("count-too-large");
    expect(refused(plain, header("d2ffffffff", "00"))).toBe("field-range");
    expect(refused(plain, header("00", "ff"))).toBe("field-range");
    expect(refused(plain, header("00", "ce01400001"))).toBe("count-too-large");
    expect(refused(plain, header("cf7fffffffffffffff", "00"))).toBe("field-range");
    expect(refused(plain, "0881aa557365724d73674c656ece01400001")).toBe("count-too-large");
    expect(refused(createCodec({ maxPushPullNodes: 2 }), header("03", "00"))).toBe("count-too-large");
  });

  test("what is announced beyond the bound is refused before it comes", () => {
    expect(refused(plain, "0a01400001")).toBe("decrypt-failed");
    expect(refused(keyed("00".repeat(16), "00".repeat(12)), "0a01400001")).toBe("stream-too-large");
    expect(refused(keyed("00".repeat(16), "00".repeat(12)), "0a0000001c")).toBe("decrypt-failed");
    expect(refused(plain, "0982a4416c676f00a3427566db7fffffff")).toBe("stream-too-large");
    expect(refused(plain, "06dfffffffff")).toBe("stream-too-large");
    const small = createCodec({ maxStreamBytes: 100, compression: false });
    expect(refused(small, header("00", "64"))).toBe("stream-too-large");
    const reader = small.streamReader(true);
    expect(reader.push(new Uint8Array([8, ...new Array(100).fill(0x91)]))).toEqual({ error: "stream-too-large" });
    // What an array announces is refused where it is announced, before the invalid byte behind it.
    expect(refused(plain, "00ddffffffffc1")).toBe("stream-too-large");
    // A message that ends in time is not spoilt by what comes after.
    const ack: StreamMessage = { type: 2, seqNo: 1, payload: null };
    const followed = new Uint8Array([...small.encodeStream(ack, true), ...new Array(200).fill(1)]);
    expect(readAll(small, followed)).toEqual(ack);
  });

  test("compression: bounded, one level, not empty", () => {
    const squeezed = createCodec({ compression: "always" });
    const big: StreamMessage = { type: 8, payload: new Uint8Array(200_000) };
    const bytes = squeezed.encodeStream(big, true);
    expect(readAll(plain, bytes)).toEqual(big);
    expect(readAll(createCodec({ maxStreamInflatedBytes: 200_000 }), bytes)).toEqual({ error: "compress-too-large" });
    expect(refused(plain, "0982a4416c676f00a3427566a3000302")).toBe("empty");
    expect(refused(plain, "0982a4416c676f01a3427566a3000302")).toBe("compress-algorithm");
    expect(refused(plain, "0980")).toBe("compress-corrupt");
  });

  test("compression pays or is left out", () => {
    const auto = createCodec();
    const text = new Uint8Array(1100).fill(65);
    expect(auto.encodeStream({ type: 8, payload: text }, true)[0]).toBe(9);
    expect(auto.encodeStream({ type: 8, payload: text.subarray(0, 1000) }, true)[0]).toBe(8);
    const noise = Uint8Array.from({ length: 1100 }, (_, i) => (i * i * 2654435761) >>> 13);
    expect(auto.encodeStream({ type: 8, payload: noise }, true)[0]).toBe(8);
  });

  test("an impossible entry is left out, not the exchange", () => {
    const good: PushPullNode = { ...blank, name: "good", addr: vsn.slice(0, 4), vsn };
    const entries: [PushPullNode, string | undefined][] = [
      [{ ...good, name: "" }, "name-invalid"],
      [{ ...good, name: "x".repeat(256) }, "name-too-long"],
      [{ ...good, meta: new Uint8Array(513) }, "meta-too-long"],
      [{ ...good, addr: new Uint8Array(5) }, "address-length"],
      [{ ...good, addr: null }, "address-length"],
    ];
    for (const [entry, reason] of entries) {
      const sent: StreamMessage = { type: 6, join: false, nodes: [good, entry, good], userState: vsn };
      expect(readAll(plain, plain.encodeStream(sent, true))).toEqual({
        ...sent,
        nodes: [good, good],
        refusals: [reason],
      });
    }
    // Only an alive entry's address is ever used.
    const dead = { ...good, state: 2, addr: new Uint8Array(5) };
    const sent: StreamMessage = { type: 6, join: false, nodes: [dead], userState: vsn };
    expect(readAll(plain, plain.encodeStream(sent, true))).toEqual({ ...sent, nodes: [{ ...dead, addr: null }] });
  });

  test("versions of 1 to 5 bytes refuse the exchange, none are none, surplus is cut", () => {
    const exchange = (versions: Uint8Array | null) => {
      const nodes = [{ ...blank, name: "a", addr: vsn.slice(0, 4), vsn: versions }];
      return readAll(plain, plain.encodeStream({ type: 6, join: false, nodes, userState: vsn }, true));
    };
    for (const length of [1, 2, 3, 4, 5]) expect(exchange(vsn.slice(0, length))).toEqual({ error: "version-vector" });
    expect(exchange(null)).toMatchObject({ nodes: [{ vsn: null }] });
    expect(exchange(new Uint8Array(0))).toMatchObject({ nodes: [{ vsn: null }] });
    expect(exchange(new Uint8Array([...vsn, 7]))).toMatchObject({ nodes: [{ vsn }] });
  });

  test("members do not keep the stream's bytes alive", () => {
    const nodes = Array.from({ length: 3 }, (_, i) => ({
      ...blank,
      name: `n${i}`,
      addr: vsn.slice(0, 4),
      meta: vsn,
      vsn,
    }));
    const bytes = plain.encodeStream({ type: 6, join: false, nodes, userState: vsn }, true);
    const read = readAll(plain, bytes) as Extract<StreamMessage, { type: 6 }>;
    for (const entry of read.nodes)
      for (const field of [entry.addr, entry.meta, entry.vsn]) expect(field!.buffer.byteLength).toBe(field!.length);
  });
});
