/**
 * What the machine needs of a codec. `@hearsay/wire` implements it with real bytes; the machine never looks inside a
 * packet itself.
 */

import type { DropReason } from "./drop-reason.ts";
import type { Endpoint } from "./endpoint.ts";
import type {
  Ack,
  Alive,
  Dead,
  IndirectPing,
  Nack,
  PacketMessage,
  Ping,
  StreamMessage,
  Suspect,
  UserPacket,
} from "./messages.ts";

/**
 * Receives a packet's messages one after another, compound parts in order. Records and views are borrowed for the call.
 * A method must not throw and must not hand bytes back into the codec's decoder (it may encode).
 */
export interface PacketSink {
  onPing(message: Ping): void;
  onIndirectPing(message: IndirectPing): void;
  onAck(message: Ack): void;
  onNack(message: Nack): void;
  onSuspect(message: Suspect): void;
  onDead(message: Dead): void;
  onAlive(message: Alive): void;
  onUser(message: UserPacket): void;
  /** Whether an accusation of this gist (`Transmit.gists`) need not be handed over, for codecs that can tell. */
  isOldNews?(gist: number): boolean;
  /** Something was refused: the whole packet, or one part of it. The parts before it have been delivered. */
  onDrop(reason: DropReason): void;
}

/** The caller's outgoing packet: its buffer, filled from 0 to `length`. */
export interface Transmit {
  /** At least `Codec.maxPacketBytes` long. The machine fills it; the driver may swap it between calls. */
  buffer: Uint8Array;
  length: number;
  to: Endpoint;
  /**
   * For drivers that ask `Hearing`: filled with the gists of all that a packet says, in order; empty when it says anything
   * that has none.
   */
  readonly gists?: number[];
}

/** A failure of one stream, as a value. */
export interface StreamError {
  readonly error: DropReason;
  /** Text for a log; not a contract. */
  readonly detail?: string;
}

/** Reads one message from a stream's chunks. One reader for one direction of one connection. */
export interface StreamReader {
  /**
   * Takes the next bytes (copied or kept: the caller must not change them afterwards).
   * @returns the message when it is complete, an error, or undefined when more bytes are needed. After a message or an
   * error further bytes are ignored and the same result is returned.
   */
  push(chunk: Uint8Array): StreamMessage | StreamError | undefined;
  /** The other side has ended: the message if it is complete by that, else the error. */
  end(): StreamMessage | StreamError;
}

export interface Codec {
  /** Largest packet `sealPacket` can produce; buffers given to `pollTransmit` must be at least this long. */
  readonly maxPacketBytes: number;
  /**
   * Memory for one message that is being put together, `maxPacketBytes` long: what `encodeInto` wrote there is
   * `sealPacket`'s head. Shared by all machines that use this codec, so it means nothing beyond those two calls.
   */
  readonly scratch: Uint8Array;
  /** Bytes that label and encryption take from a packet's budget (reference 7.3). May change when keys are set. */
  packetOverhead(): number;
  /** One message, type byte first, in bytes of its own. */
  encode(message: PacketMessage): Uint8Array;
  /** Writes one message, type byte first, at `offset`; returns the offset behind it. RangeError if it does not fit. */
  encodeInto(message: PacketMessage, target: Uint8Array, offset: number): number;
  /**
   * Builds a whole packet in `out`: `head[0..headLength]` first (nothing when 0), then `parts[0..partCount]`; one
   * message alone goes bare, several as a compound; then compression where it pays, CRC if asked, encryption, label.
   * A single message larger than the budget is sent all the same (reference 7.3).
   * At most 127 parts with the head (older peers misread more): the caller sees to it.
   * @param partBytes what the lengths of the parts add up to, if the caller knows: it saves looking at each
   */
  sealPacket(
    out: Transmit,
    head: Uint8Array,
    headLength: number,
    parts: readonly Uint8Array[],
    partCount: number,
    crc: boolean,
    partBytes?: number,
  ): void;
  /** Opens a packet and gives its messages to `sink`. Never throws on account of the bytes. */
  openPacket(bytes: Uint8Array, sink: PacketSink): void;
  /** The bytes of one stream message; the connecting side (`initiator`) puts the label header in front. */
  encodeStream(message: StreamMessage, initiator: boolean): Uint8Array;
  /** A reader for what the other side sends; the accepting side (`acceptor`) expects a label header if one is set. */
  streamReader(acceptor: boolean): StreamReader;
}
