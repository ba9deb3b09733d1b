/**
 * A codec without bytes: messages travel by reference, and their sizes are those of the real codec, so that whatever
 * depends on sizes (what fits into a packet, the order of broadcasts, bandwidth) comes out the same.
 *
 * A machine handles byte arrays without looking inside. What it gets here has the right length and carries its message;
 * the memory behind it is one array of zeros for all. Messages are shared between machines: nobody changes them.
 */
import type {
  Codec,
  PacketMessage,
  PacketSink,
  StreamError,
  StreamMessage,
  StreamReader,
  Transmit,
} from "@hearsay/core";
import type { MemberlistCodec } from "@hearsay/wire";

/** The messages of one packet. */
export interface ObjectPacket {
  readonly messages: readonly PacketMessage[];
  /** In place of the bytes, for callers that pass some; as long as they would be is not promised. */
  readonly standIn: Uint8Array;
}

/** One message, as long as its bytes. */
class Parcel extends Uint8Array {
  message: PacketMessage | StreamMessage | undefined;
}

const nothing = new Uint8Array(0);
const firstMemoryBytes = 1 << 16;

export class ObjectCodec implements Codec {
  readonly maxPacketBytes: number;
  readonly scratch: Uint8Array;
  /** The packet that the next `openPacket` is about. */
  incoming: ObjectPacket | undefined;
  readonly #real: MemberlistCodec;
  /** Zeros behind all parcels. */
  #memory = new ArrayBuffer(firstMemoryBytes);
  #head: PacketMessage | undefined;
  #sealed: PacketMessage[] = [];

  constructor(real: MemberlistCodec) {
    this.#real = real;
    this.maxPacketBytes = real.maxPacketBytes;
    this.scratch = real.scratch;
  }

  packetOverhead(): number {
    return this.#real.packetOverhead();
  }

  encode(message: PacketMessage): Uint8Array {
    return this.#parcel(message, this.#real.messageBytes(message));
  }

  encodeInto(message: PacketMessage, _target: Uint8Array, offset: number): number {
    this.#head = message;
    return offset + this.#real.messageBytes(message);
  }

  sealPacket(
    out: Transmit,
    _head: Uint8Array,
    headLength: number,
    parts: readonly Uint8Array[],
    partCount: number,
    crc: boolean,
  ): void {
    const messages: PacketMessage[] = [];
    let bytes = headLength;
    if (headLength > 0) messages.push(this.#head!);
    for (let i = 0; i < partCount; i++) {
      const part = parts[i] as Parcel;
      bytes += part.length;
      messages.push(part.message as PacketMessage);
    }
    this.#sealed = messages;
    out.length = this.#real.packetBytes(messages.length, bytes, crc);
  }

  /** The packet that `sealPacket` made last. */
  takeSealed(): ObjectPacket {
    return { messages: this.#sealed, standIn: nothing };
  }

  openPacket(_bytes: Uint8Array, sink: PacketSink): void {
    const { messages } = this.incoming!;
    for (let i = 0; i < messages.length; i++) hand(messages[i]!, sink);
  }

  encodeStream(message: StreamMessage, initiator: boolean): Uint8Array {
    return this.#parcel(message, this.#real.streamBytes(message, initiator));
  }

  streamReader(): StreamReader {
    let result: StreamMessage | StreamError | undefined;
    return {
      push: (chunk) => {
        result ??= (chunk as Parcel).message as StreamMessage;
        return result;
      },
      end: () => result ?? { error: "stream-truncated" },
    };
  }

  #parcel(message: PacketMessage | StreamMessage, bytes: number): Uint8Array {
    if (bytes > this.#memory.byteLength) this.#memory = new ArrayBuffer(2 * bytes);
    const parcel = new Parcel(this.#memory, 0, bytes);
    parcel.message = message;
    return parcel;
  }
}

function hand(message: PacketMessage, sink: PacketSink): void {
  switch (message.type) {
    case 0:
      sink.onPing(message);
      break;
    case 1:
      sink.onIndirectPing(message);
      break;
    case 2:
      sink.onAck(message);
      break;
    case 3:
      sink.onSuspect(message);
      break;
    case 4:
      sink.onAlive(message);
      break;
    case 5:
      sink.onDead(message);
      break;
    case 8:
      sink.onUser(message);
      break;
    case 11:
      sink.onNack(message);
      break;
  }
}
