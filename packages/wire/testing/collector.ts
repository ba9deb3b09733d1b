/** A sink that keeps what it is given, copied. For tests only. */
import type { DropReason, PacketMessage, PacketSink } from "@hearsay/core";
import type { MemberlistCodec } from "../src/memberlist-codec.ts";

export interface Opened {
  readonly messages: PacketMessage[];
  readonly drops: DropReason[];
}

/** Opens a packet with a codec and gives all that came out, in order. */
export function openAll(codec: MemberlistCodec, packet: Uint8Array): Opened {
  const messages: PacketMessage[] = [];
  const drops: DropReason[] = [];
  const keep = (message: PacketMessage) => {
    messages.push(copyMessage(message));
  };
  const sink: PacketSink = {
    onPing: keep,
    onIndirectPing: keep,
    onAck: keep,
    onNack: keep,
    onSuspect: keep,
    onDead: keep,
    onAlive: keep,
    onUser: keep,
    onDrop: (reason) => {
      drops.push(reason);
    },
  };
  codec.openPacket(packet, sink);
  return { messages, drops };
}

/** A message with bytes of its own. */
export function copyMessage<T extends object>(message: T): T {
  return Object.fromEntries(
    Object.entries(message).map(([key, value]) => [key, value instanceof Uint8Array ? Uint8Array.from(value) : value]),
  ) as T;
}

/** Builds a packet of the given parts with a codec. */
export function sealAll(codec: MemberlistCodec, parts: readonly Uint8Array[], crc = false): Uint8Array {
  const out = { buffer: new Uint8Array(codec.maxPacketBytes), length: 0, to: { address: "", port: 0 } };
  codec.sealPacket(out, new Uint8Array(0), 0, parts, parts.length, crc);
  return out.buffer.slice(0, out.length);
}

/** Everything of one stream at once, then its end. */
export function readAll(codec: MemberlistCodec, bytes: Uint8Array, acceptor = true) {
  const reader = codec.streamReader(acceptor);
  return reader.push(bytes) ?? reader.end();
}
