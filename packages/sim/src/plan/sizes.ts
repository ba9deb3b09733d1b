/** How long the messages of a pool are, to the byte: from the codec that writes them, not from a table. */
import { MemberState, MessageType } from "@hearsay/core";
import { createCodec } from "@hearsay/wire";
import type { PlanInputs } from "./inputs.ts";

/** Bytes of whole packets, alone in theirs; of messages where it says so. */
export interface Sizes {
  readonly ping: number;
  readonly ack: number;
  readonly indirectPing: number;
  readonly nack: number;
  /** Messages, as they stand in a packet. */
  readonly aliveMessage: number;
  readonly suspectMessage: number;
  readonly deadMessage: number;
  readonly userMessage: number;
  /** One side of a push/pull, on its stream. */
  readonly pushPull: number;
  /** What one more member adds to it. */
  readonly entry: number;
  /** A gossip packet of so many messages and bytes. */
  gossipPacket(messages: number, bytes: number): number;
}

const codec = createCodec({ compression: false });
const address = Uint8Array.of(10, 0, 0, 1);
const port = 7946;
const versions = Uint8Array.of(1, 5, 2, 0, 0, 0);
/** Sequence numbers start at random, so all but few of them take five bytes. */
const seqNo = 0x8000_0000;
const incarnation = 1;

/** Without label, encryption and compression, over IPv4. */
export function sizesOf({ nodes, nameBytes, metaBytes, broadcastBytes, config }: PlanInputs): Sizes {
  const name = "n".repeat(nameBytes);
  const meta = new Uint8Array(metaBytes);
  const source = { sourceAddr: address, sourcePort: port, sourceNode: name };
  const packet = (bytes: number) => codec.packetBytes(1, bytes, false);
  const accusation = { incarnation, node: name, from: name };
  const entry = { name, addr: address, port, meta, incarnation, state: MemberState.alive, vsn: versions };
  const list = (length: number) =>
    codec.streamBytes(
      { type: MessageType.pushPull, join: false, nodes: new Array(length).fill(entry), userState: new Uint8Array(0) },
      true,
    );
  const pushPull = list(nodes);
  return {
    ping: packet(codec.messageBytes({ type: MessageType.ping, seqNo, node: name, ...source })),
    ack: packet(codec.messageBytes({ type: MessageType.ack, seqNo, payload: null })),
    indirectPing: packet(
      codec.messageBytes({
        type: MessageType.indirectPing,
        seqNo,
        target: address,
        port,
        node: name,
        nack: config.nacks,
        ...source,
      }),
    ),
    nack: packet(codec.messageBytes({ type: MessageType.nack, seqNo })),
    aliveMessage: codec.messageBytes({
      type: MessageType.alive,
      incarnation,
      node: name,
      addr: address,
      port,
      meta,
      vsn: versions,
    }),
    suspectMessage: codec.messageBytes({ type: MessageType.suspect, ...accusation }),
    deadMessage: codec.messageBytes({ type: MessageType.dead, ...accusation }),
    userMessage: codec.messageBytes({ type: MessageType.user, payload: new Uint8Array(broadcastBytes) }),
    pushPull,
    entry: list(2) - list(1),
    gossipPacket: (messages, bytes) => codec.packetBytes(messages, bytes, true),
  };
}
