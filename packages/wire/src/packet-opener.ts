/**
 * Takes a packet apart, from the outside in: label, encryption, checksum, then compress and compound messages until plain
 * ones are left, which go to the sink one after another (memberlist protocol notes, sections 1.2 and 7).
 *
 * Compounds are walked in place. Nesting is bounded, and all compress messages of one packet share one budget, so a small
 * packet cannot ask for much work.
 */

import type { DropReason, PacketSink, UserPacket } from "@hearsay/core";
import { ByteBuffer, noBytes } from "./byte-buffer.ts";
import { viewOf } from "./byte-views.ts";
import type { Compressor } from "./compressor.ts";
import { crc32 } from "./crc32.ts";
import { type Envelope, envelopeHeadBytes, tagBytes } from "./envelope.ts";
import type { Label } from "./label.ts";
import { maxNesting } from "./limits.ts";
import type { MessageDecoder } from "./message-decoder.ts";
import { checkAlive, checkIndirectPing, checkSource } from "./strictness.ts";

export interface PacketOpenerOptions {
  readonly label: Label;
  readonly envelope: Envelope | undefined;
  readonly verifyIncoming: boolean;
  readonly compressor: Compressor;
  readonly decoder: MessageDecoder;
  /** For all compress messages of one packet together. */
  readonly maxInflatedBytes: number;
}

const crcBytes = 5;

export class PacketOpener {
  private readonly options: PacketOpenerOptions;
  private readonly decoder: MessageDecoder;
  private readonly plain = new ByteBuffer();
  private readonly inflated: ByteBuffer[] = [];
  private readonly user: UserPacket = { type: 8, payload: noBytes };
  private inflateBudget = 0;

  constructor(options: PacketOpenerOptions) {
    this.options = options;
    this.decoder = options.decoder;
  }

  open(packet: Uint8Array, sink: PacketSink): void {
    const failure = this.unwrap(packet, sink);
    if (failure !== undefined) sink.onDrop(failure);
  }

  /** Takes off what stands once around a packet, then hands on the message inside. */
  private unwrap(packet: Uint8Array, sink: PacketSink): DropReason | undefined {
    const { label, envelope, verifyIncoming, maxInflatedBytes } = this.options;
    if (packet.length === 0) return "empty";
    const labelEnd = label.check(packet, packet.length);
    if (typeof labelEnd !== "number") return labelEnd;

    let bytes = packet;
    let start = labelEnd;
    let end = packet.length;
    if (envelope?.active) {
      const failure = envelope.open(packet, start, end, label.bytes, this.plain);
      if (failure === undefined) {
        bytes = this.plain.bytes;
        start = 0;
        end = this.plain.length;
      } else if (verifyIncoming) return looksPlain(packet, start) ? "not-encrypted" : failure;
    } else if (looksSealed(packet, start)) return "decrypt-failed";

    if (end - start >= crcBytes && bytes[start] === 12) {
      const sum = (bytes[start + 1]! << 24) | (bytes[start + 2]! << 16) | (bytes[start + 3]! << 8) | bytes[start + 4]!;
      start += crcBytes;
      if (crc32(bytes, start, end) !== sum >>> 0) return "crc-mismatch";
    }
    this.inflateBudget = maxInflatedBytes;
    return this.dispatch(bytes, start, end, 0, sink);
  }

  /** Hands on one message, type byte first; a reason when it is refused as a whole. */
  private dispatch(
    bytes: Uint8Array,
    start: number,
    end: number,
    depth: number,
    sink: PacketSink,
  ): DropReason | undefined {
    if (start >= end) return "empty";
    const { decoder } = this;
    const body = start + 1;
    let failure: DropReason | undefined;
    switch (bytes[start]) {
      case 0:
        failure = decoder.decodePing(bytes, body, end) ?? checkSource(decoder.ping);
        if (failure === undefined) sink.onPing(decoder.ping);
        return failure;
      case 1:
        failure = decoder.decodeIndirectPing(bytes, body, end) ?? checkIndirectPing(decoder.indirectPing);
        if (failure === undefined) sink.onIndirectPing(decoder.indirectPing);
        return failure;
      case 2:
        failure = decoder.decodeAck(bytes, body, end);
        if (failure === undefined) sink.onAck(decoder.ack);
        return failure;
      case 3:
        failure = decoder.decodeSuspect(bytes, body, end);
        if (failure === undefined) sink.onSuspect(decoder.suspect);
        return failure;
      case 4:
        failure = decoder.decodeAlive(bytes, body, end) ?? checkAlive(decoder.alive);
        if (failure === undefined) sink.onAlive(decoder.alive);
        return failure;
      case 5:
        failure = decoder.decodeDead(bytes, body, end);
        if (failure === undefined) sink.onDead(decoder.dead);
        return failure;
      case 7:
        return this.openCompound(bytes, body, end, depth + 1, sink);
      case 8:
        this.user.payload = viewOf(bytes, body, end);
        sink.onUser(this.user);
        return undefined;
      case 9:
        return this.openCompress(bytes, body, end, depth + 1, sink);
      case 11:
        failure = decoder.decodeNack(bytes, body, end);
        if (failure === undefined) sink.onNack(decoder.nack);
        return failure;
      default:
        return "unknown-type";
    }
  }

  private openCompound(
    bytes: Uint8Array,
    start: number,
    end: number,
    depth: number,
    sink: PacketSink,
  ): DropReason | undefined {
    if (depth > maxNesting) return "nesting-too-deep";
    const count = start < end ? bytes[start]! : -1;
    const lengths = start + 1;
    let at = lengths + 2 * count;
    if (count < 0 || at > end) return "compound-truncated";
    for (let i = 0; i < count; i++) {
      const partEnd = at + ((bytes[lengths + 2 * i]! << 8) | bytes[lengths + 2 * i + 1]!);
      // This part and all later ones are lost, as they are with every peer.
      if (partEnd > end) return "compound-truncated";
      const failure = this.dispatch(bytes, at, partEnd, depth, sink);
      if (failure !== undefined) sink.onDrop(failure);
      at = partEnd;
    }
    return undefined;
  }

  private openCompress(
    bytes: Uint8Array,
    start: number,
    end: number,
    depth: number,
    sink: PacketSink,
  ): DropReason | undefined {
    if (depth > maxNesting) return "nesting-too-deep";
    // A buffer for each level: the outer one is still being read while the inner one is written.
    while (this.inflated.length < depth) this.inflated.push(new ByteBuffer());
    const inflated = this.inflated[depth - 1]!;
    const failure = this.options.compressor.decompress(bytes, start, end, inflated, this.inflateBudget);
    if (failure !== undefined) return failure;
    this.inflateBudget -= inflated.length;
    return this.dispatch(inflated.bytes, 0, inflated.length, depth, sink);
  }
}

/**
 * With a key set: whether a packet that did not decrypt is a plain message, for a helpful reason. Types 0 and 1 are also
 * envelope versions, so those must show the beginning of their map; chance does that once in 2⁴⁰ packets.
 */
function looksPlain(bytes: Uint8Array, start: number): boolean {
  const type = bytes[start]!;
  if (type > 1) return type <= 13;
  return mapsSomething(bytes[start + 1]) && bytes[start + 2] === 0xa4 && bytes[start + 3] === 0x4e;
}

/** Without a key: whether this can only be an encrypted packet. */
function looksSealed(bytes: Uint8Array, start: number): boolean {
  if (bytes[start]! > 1 || bytes.length - start < envelopeHeadBytes + tagBytes) return false;
  const first = bytes[start + 1]!;
  // A ping's body is a map, an array or nil; everything else starts a nonce. One nonce in seven passes for one of those.
  return !(first >= 0x80 && first <= 0x9f) && first !== 0xc0 && (first < 0xdc || first > 0xdf);
}

function mapsSomething(code: number | undefined): boolean {
  return code !== undefined && code >= 0x80 && code <= 0x8f;
}
