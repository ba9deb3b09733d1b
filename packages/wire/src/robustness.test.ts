import { describe, expect, test } from "vitest";
import { Attack, extremes } from "../testing/attack.mjs";
import { copyMessage } from "../testing/collector.ts";
import { corpus, mutate, Random } from "../testing/mutate.mjs";
import { fixedNonce, nodeCipher } from "../testing/node-cipher.ts";
import { hex } from "../testing/vectors.ts";
import { Keyring } from "./keyring.ts";
import { createCodec } from "./memberlist-codec.ts";
import { MessageDecoder } from "./message-decoder.ts";
import { NameCache } from "./name-cache.ts";

const recorded = corpus(new URL("../../../interop/vectors/memberlist/", import.meta.url));
const samples = [...recorded, ...extremes(createCodec({ compression: "always" }))];

describe("hostile input", () => {
  test("50,000 changed packets and streams: nothing throws, limits hold, chunks make no difference", () => {
    const keyring = new Keyring([new Uint8Array(16).fill(7)]);
    const cipher = { keyring, cipherFactory: nodeCipher, nonceSource: fixedNonce(new Uint8Array(12)) };
    const attack = new Attack({
      codecs: [
        createCodec({ compression: false }),
        createCodec({ compression: "always", label: "dc1" }),
        createCodec({ ...cipher, compression: "always" }),
        createCodec({ ...cipher, protocolVersion: 1, verifyIncoming: false }),
      ],
      samples,
      seed: 20,
    });
    try {
      while (attack.inputs < 50_000) attack.step();
    } catch (error) {
      throw new Error(`input ${attack.inputs}: ${hex(attack.input)}`, { cause: error });
    }
    expect(attack.messages).toBeGreaterThan(10_000);
    // A second is a hang for input of this size; the bound leaves room for a busy machine.
    expect(attack.slowestMs).toBeLessThan(1000);
    for (const reason of ["msgpack-invalid", "msgpack-too-deep", "crc-mismatch", "compress-too-large", "name-too-long"])
      expect(attack.drops[reason]).toBeGreaterThan(10);
  });

  test("a codec that was attacked still works", () => {
    const codec = createCodec({ compression: false });
    const attack = new Attack({ codecs: [codec], samples, seed: 5 });
    while (attack.inputs < 2000) attack.step();
    const packet = codec.encode({ type: 3, incarnation: 7, node: "a", from: "b" });
    let seen = "";
    codec.openPacket(packet, {
      ...attackSink(),
      onSuspect: (m) => {
        seen = `${m.node} ${m.from} ${m.incarnation}`;
      },
    });
    expect(seen).toBe("a b 7");
  });

  test("the quick way of decoding says nothing else than the tolerant one", () => {
    const quick = new MessageDecoder(new NameCache(64));
    const tolerant = new MessageDecoder(new NameCache(64));
    const never = () => false;
    Object.assign(tolerant, {
      quickPing: never,
      quickIndirectPing: never,
      quickAck: never,
      quickAccusation: never,
      quickAlive: never,
    });
    const decode = (decoder: MessageDecoder, type: number, bytes: Uint8Array): unknown => {
      const body = [bytes, 1, bytes.length] as const;
      const on = (failure: string | undefined, record: object) => failure ?? copyMessage(record);
      if (type === 0) return on(decoder.decodePing(...body), decoder.ping);
      if (type === 1) return on(decoder.decodeIndirectPing(...body), decoder.indirectPing);
      if (type === 2) return on(decoder.decodeAck(...body), decoder.ack);
      if (type === 3) return on(decoder.decodeSuspect(...body), decoder.suspect);
      return on(decoder.decodeAlive(...body), decoder.alive);
    };
    const random = new Random(99);
    const plain = recorded.filter((sample) => sample.kind === "packet" && sample.bytes[0]! <= 4);
    let same = 0;
    for (let i = 0; i < 20_000; i++) {
      const { bytes } = plain[random.below(plain.length)]!;
      const input = mutate(bytes, random, plain);
      if (input.length === 0) continue;
      const expected = decode(tolerant, bytes[0]!, input);
      expect(decode(quick, bytes[0]!, input), hex(input)).toEqual(expected);
      if (typeof expected === "object") same++;
    }
    expect(same).toBeGreaterThan(3000);
  });
});

function attackSink() {
  const ignore = () => {};
  return {
    onPing: ignore,
    onIndirectPing: ignore,
    onAck: ignore,
    onNack: ignore,
    onSuspect: ignore,
    onDead: ignore,
    onAlive: ignore,
    onUser: ignore,
    onDrop: ignore,
  };
}
