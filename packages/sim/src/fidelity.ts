/**
 * How a packet is represented on its way. Both fidelities run the same protocol code and give the same history:
 *
 * - `bytes`: the real codec with all its framing, on every packet; what is handed over is what a socket would carry.
 * - `objects`: messages by reference, with the size that their bytes would have. Some times faster, for large pools.
 */
import type { Codec, Endpoint, Machine, Transmit } from "@hearsay/core";
import { createCodec } from "@hearsay/wire";
import { ObjectCodec, ObjectPacket, standIn } from "./object-codec.ts";

export type FidelityName = "bytes" | "objects";

/** What is under way: bytes of its own, or messages. */
export type Packet = Uint8Array | ObjectPacket;

export interface Fidelity {
  readonly name: FidelityName;
  /** For all machines of a world: it holds nothing of any of them. */
  readonly codec: Codec;
  /** Takes what `pollTransmit` has just written; `out` may be used again afterwards. */
  take(out: Transmit): Packet;
  /** The gists (`Transmit.gists`) of a packet that holds nothing else, where that can be seen without opening it. */
  gistsOf(packet: Packet): readonly number[] | undefined;
  /**
   * Hands a packet to a machine, as its socket would.
   * @param gistsHold its gists still mean to the receiver what they meant to the sender
   */
  deliver(machine: Machine<unknown>, from: Endpoint, packet: Packet, now: number, gistsHold?: boolean): void;
}

/** Largest packet a machine may build: bytes. A datagram's limit would only cost memory. */
const maxPacketBytes = 9000;

/** Compression is off in both: what it saves depends on the contents, and a simulated byte costs nothing. */
function plainCodec() {
  return createCodec({ compression: false, maxPacketBytes });
}

export function fidelity(name: FidelityName): Fidelity {
  return name === "bytes" ? new BytesFidelity() : new ObjectsFidelity();
}

class BytesFidelity implements Fidelity {
  readonly name = "bytes";
  readonly codec = plainCodec();

  take(out: Transmit): Packet {
    return out.buffer.slice(0, out.length);
  }

  gistsOf(): undefined {
    return undefined;
  }

  deliver(machine: Machine<unknown>, from: Endpoint, packet: Packet, now: number): void {
    if (packet instanceof Uint8Array) machine.handlePacket(from, packet, now);
  }
}

class ObjectsFidelity implements Fidelity {
  readonly name = "objects";
  readonly codec = new ObjectCodec(plainCodec());

  take(): Packet {
    return this.codec.takeSealed();
  }

  gistsOf(packet: Packet): readonly number[] | undefined {
    return packet instanceof ObjectPacket ? packet.gists : undefined;
  }

  deliver(machine: Machine<unknown>, from: Endpoint, packet: Packet, now: number, gistsHold = false): void {
    if (!(packet instanceof ObjectPacket)) return;
    this.codec.incoming = packet;
    this.codec.gistsHold = gistsHold;
    machine.handlePacket(from, standIn, now);
  }
}
