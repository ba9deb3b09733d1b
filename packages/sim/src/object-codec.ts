/**
 * A codec without bytes: messages travel by reference, and their sizes are those of the real codec, so that whatever
 * depends on sizes (what fits into a packet, the order of broadcasts, bandwidth) comes out the same.
 *
 * A machine handles byte arrays without looking inside. What it gets here in their place has the right length and carries
 * its message. Messages are shared between machines: nobody changes them, but for what receivers may note (`Noted`).
 */
import type {
  Codec,
  Dead,
  Noted,
  PacketMessage,
  PacketSink,
  StreamError,
  StreamMessage,
  StreamReader,
  Subject,
  Suspect,
  Transmit,
} from "@hearsay/core";
import type { MemberlistCodec } from "@hearsay/wire";

/** The messages of one packet. */
export class ObjectPacket {
  readonly messages: readonly PacketMessage[];
  /** See `Transmit.gists`; undefined where there are none. */
  readonly gists: readonly number[] | undefined;

  constructor(messages: readonly PacketMessage[], gists: readonly number[] | undefined) {
    this.messages = messages;
    this.gists = gists;
  }
}

/** In place of a packet's bytes, for callers that pass some. */
export const standIn = new Uint8Array(0);

/** One message, as long as its bytes. The machine takes it for them. */
class Parcel {
  readonly message: PacketMessage | StreamMessage;
  readonly length: number;

  constructor(message: PacketMessage | StreamMessage, length: number) {
    this.message = message;
    this.length = length;
  }

  /** As the bytes would give a copy; there is nothing in it. */
  slice(): Uint8Array {
    return new Uint8Array(this.length);
  }
}

/**
 * Most of what there is in a large pool under load: it goes from machine to machine as one object, which is its own
 * parcel. What is asked of it most comes first, and so lies together.
 */
class Accusation implements Noted {
  readonly type: 3 | 5;
  incarnation: number;
  subject: Subject | undefined = undefined;
  accuserBit = 0;
  readonly message: PacketMessage;
  readonly length: number;
  node: string;
  from: string;

  constructor(original: Suspect | Dead, length: number) {
    this.type = original.type;
    this.incarnation = original.incarnation;
    this.message = this as PacketMessage;
    this.length = length;
    this.node = original.node;
    this.from = original.from;
  }

  slice(): Uint8Array {
    return new Uint8Array(this.length);
  }
}

const noPacket = new ObjectPacket([], undefined);

export class ObjectCodec implements Codec {
  readonly maxPacketBytes: number;
  readonly scratch: Uint8Array;
  /** The packet that the next `openPacket` is about. */
  incoming: ObjectPacket | undefined;
  /** Whether its gists still mean to its receiver what they meant to its sender. */
  gistsHold = false;
  readonly #real: MemberlistCodec;
  #head: PacketMessage | undefined;
  #sealed = noPacket;

  constructor(real: MemberlistCodec) {
    this.#real = real;
    this.maxPacketBytes = real.maxPacketBytes;
    this.scratch = real.scratch;
  }

  packetOverhead(): number {
    return this.#real.packetOverhead();
  }

  encode(message: PacketMessage): Uint8Array {
    if (message instanceof Accusation) return asBytes(message);
    const length = this.#real.messageBytes(message);
    return asBytes(
      message.type === 3 || message.type === 5 ? new Accusation(message, length) : new Parcel(message, length),
    );
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
    partBytes = lengthOf(parts, partCount),
  ): void {
    const first = headLength > 0 ? 1 : 0;
    if (out.gists !== undefined && out.gists.length > 0) {
      // Accusations, and so their own messages: they are not even looked at.
      const messages = parts.slice(0, partCount) as unknown as PacketMessage[];
      this.#sealed = new ObjectPacket(messages, out.gists.slice());
    } else {
      const messages = new Array<PacketMessage>(first + partCount);
      if (first === 1) messages[0] = this.#head!;
      for (let i = 0; i < partCount; i++) {
        messages[first + i] = (parts[i] as unknown as Parcel).message as PacketMessage;
      }
      this.#sealed = new ObjectPacket(messages, undefined);
    }
    out.length = this.#real.packetBytes(first + partCount, headLength + partBytes, crc);
  }

  /** The packet that `sealPacket` made last. */
  takeSealed(): ObjectPacket {
    return this.#sealed;
  }

  openPacket(_bytes: Uint8Array, sink: PacketSink): void {
    const { messages, gists } = this.incoming!;
    for (let i = 0; i < messages.length; i++) {
      // Most are old, and the messages themselves are anywhere in memory.
      if (gists !== undefined && this.gistsHold && sink.isOldNews?.(gists[i]!)) continue;
      hand(messages[i]!, sink);
    }
  }

  encodeStream(message: StreamMessage, initiator: boolean): Uint8Array {
    return asBytes(new Parcel(message, this.#real.streamBytes(message, initiator)));
  }

  streamReader(): StreamReader {
    let result: StreamMessage | StreamError | undefined;
    return {
      push: (chunk) => {
        result ??= (chunk as unknown as Parcel).message as StreamMessage;
        return result;
      },
      end: () => result ?? { error: "stream-truncated" },
    };
  }
}

function lengthOf(parts: readonly Uint8Array[], count: number): number {
  let bytes = 0;
  for (let i = 0; i < count; i++) bytes += parts[i]!.length;
  return bytes;
}

function asBytes(parcel: Parcel | Accusation): Uint8Array {
  return parcel as unknown as Uint8Array;
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
