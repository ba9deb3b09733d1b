/** The messages of a packet as it goes over the wire, for those who look on, whatever the fidelity. */
import { type Codec, MessageType, type PacketMessage, type PacketSink } from "@hearsay/core";
import { createCodec } from "@hearsay/wire";
import type { Packet } from "../fidelity.ts";

export class PacketReader {
  /** Of our own: the machines' codec may be in use. */
  readonly #codec: Codec = createCodec({ compression: false, maxPacketBytes: 65_507 });
  readonly #messages: PacketMessage[] = [];
  #dropped: string | undefined;
  readonly #sink: PacketSink;

  constructor() {
    const take = (message: PacketMessage) => {
      this.#messages.push(message);
    };
    // The decoder lends its records and bytes for the call only.
    this.#sink = {
      onPing: (message) => take({ ...message }),
      onIndirectPing: (message) => take({ ...message }),
      onAck: (message) => take({ ...message }),
      onNack: (message) => take({ ...message }),
      onSuspect: (message) => take({ ...message }),
      onDead: (message) => take({ ...message }),
      onAlive: (message) => take({ ...message, addr: message.addr?.slice() ?? null }),
      onUser: (message) => take({ type: MessageType.user, payload: message.payload.slice() }),
      onDrop: (reason) => {
        this.#dropped = reason;
      },
    };
  }

  /** Why the last packet, or a part of it, could not be read. */
  get dropped(): string | undefined {
    return this.#dropped;
  }

  /** Valid until the next call. */
  read(packet: Packet): readonly PacketMessage[] {
    this.#dropped = undefined;
    if (!(packet instanceof Uint8Array)) return packet.messages;
    this.#messages.length = 0;
    this.#codec.openPacket(packet, this.#sink);
    return this.#messages;
  }
}
