/**
 * What a node answers to a packet, against the real library (vectors `respond`): node-b at 127.0.0.1:7946 hears from
 * 127.0.0.2:5555. Sequence numbers of our own are random where Go counts from 1; they are compared as such.
 */
import { describe, expect, it } from "vitest";
import { formatEndpoint, lanConfig, Rng, Swim } from "../packages/core/src/index.ts";
import { fromHex, memberlistVectors, toHex } from "../packages/core/src/testing/vectors.ts";
import { createCodec } from "../packages/wire/src/index.ts";

interface RespondVector {
  readonly name: string;
  readonly hex: string;
  readonly expect: { readonly sends: readonly { hex: string; to: string }[]; readonly userMessages: readonly string[] };
}

function nodeB(): Swim {
  const swim = new Swim({
    name: "node-b",
    addr: Uint8Array.of(127, 0, 0, 1),
    port: 7946,
    config: lanConfig,
    codec: createCodec({ compression: false }),
    rng: new Rng(3),
  });
  swim.start(0);
  return swim;
}

function drain(swim: Swim): { hex: string; to: string }[] {
  const out = { buffer: new Uint8Array(swim.codec.maxPacketBytes), length: 0, to: { address: "", port: 0 } };
  const sends: { hex: string; to: string }[] = [];
  while (swim.pollTransmit(out)) {
    sends.push({ hex: toHex(out.buffer.subarray(0, out.length)), to: formatEndpoint(out.to) });
  }
  return sends;
}

/** A ping of our own carries a random number: as 5 bytes. Go's first is 1. */
function withSeqNoOne(hex: string): string {
  return hex.startsWith("00") ? hex.replace(/(a55365714e6f)ce[0-9a-f]{8}/, "$101") : hex;
}

describe("answers to packets equal memberlist's", () => {
  for (const vector of memberlistVectors<RespondVector>("respond")) {
    it(vector.name, () => {
      const swim = nodeB();
      const out = { buffer: new Uint8Array(swim.codec.maxPacketBytes), length: 0, to: { address: "", port: 0 } };
      // What start has queued rides on no answer here: it is sent its number of times beforehand.
      const flush = () => {
        const nobody = { address: "127.0.0.3", port: 1 };
        const ping = { type: 0, seqNo: 1, node: "", sourceAddr: null, sourcePort: 0, sourceNode: "" } as const;
        for (let i = 0; i < 8; i++) {
          swim.handlePacket(nobody, swim.codec.encode(ping), 0);
          while (swim.pollTransmit(out)) {}
        }
      };
      flush();
      const alive = (node: string, last: number, vsn = "010502000000") => {
        swim.handlePacket(
          { address: "127.0.0.3", port: 1 },
          swim.codec.encode({
            type: 4,
            node,
            incarnation: 1,
            addr: Uint8Array.of(127, 0, 0, last),
            port: 7946,
            meta: null,
            vsn: fromHex(vsn),
          }),
          0,
        );
      };
      if (vector.name === "ping-piggyback") {
        alive("n1", 11);
        alive("node-two", 12);
        swim.broadcastUser(
          Uint8Array.from("user-one", (c) => c.charCodeAt(0)),
          0,
          0,
        );
        swim.broadcastUser(
          Uint8Array.from("u2", (c) => c.charCodeAt(0)),
          0,
          0,
        );
      }
      if (vector.name === "ping-bind-name") {
        alive("127.0.0.2", 2);
        flush();
      }
      swim.handlePacket({ address: "127.0.0.2", port: 5555 }, fromHex(vector.hex), 0);
      const sends = drain(swim).map(({ hex, to }) => ({ hex: withSeqNoOne(hex), to }));
      expect(sends).toEqual(vector.expect.sends);
      const messages: string[] = [];
      for (let event = swim.pollEvent(); event; event = swim.pollEvent()) {
        if (event.type === "user-message") messages.push(toHex(event.payload));
      }
      expect(messages).toEqual(vector.expect.userMessages);
    });
  }
});
