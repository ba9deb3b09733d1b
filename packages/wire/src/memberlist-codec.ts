/**
 * The codec a machine is given: memberlist's packets and streams, all layers (memberlist protocol notes).
 *
 * A codec holds no state of a member, only its settings, scratch memory and a cache of names, so all machines of one
 * process with the same label and keyring can share one. It is not reentrant: a sink must not open another packet.
 */

import type { Codec, PacketMessage, PacketSink, StreamMessage, StreamReader, Transmit } from "@hearsay/core";
import { copyOf } from "./byte-views.ts";
import type { CipherFactory, NonceSource } from "./cipher.ts";
import { Compressor } from "./compressor.ts";
import { Envelope, envelopeOverhead } from "./envelope.ts";
import type { Keyring } from "./keyring.ts";
import { Label } from "./label.ts";
import * as limits from "./limits.ts";
import { MessageDecoder } from "./message-decoder.ts";
import { messageBound, writeMessage } from "./message-writer.ts";
import { NameCache } from "./name-cache.ts";
import { PacketOpener } from "./packet-opener.ts";
import { crcBytes, PacketSealer } from "./packet-sealer.ts";
import { Pen } from "./pen.ts";
import { compoundBytes, messageBytes, streamMessageBytes } from "./sizes.ts";
import { StreamDecoder } from "./stream-decoder.ts";
import { MessageStreamReader, type StreamReaderOptions } from "./stream-reader.ts";
import { StreamWriter } from "./stream-writer.ts";
import { TextCache } from "./text-cache.ts";

export interface MemberlistCodecOptions {
  /** Keeps clusters on one network apart. At most 255 bytes of UTF-8. Default "": no header. */
  readonly label?: string;
  /** For use behind a proxy that takes labels off: a header is refused, its absence counts as our label. Default false. */
  readonly skipInboundLabelCheck?: boolean;

  /** Switches encryption on while it holds a key. Needs `cipherFactory` and `nonceSource`. */
  readonly keyring?: Keyring;
  readonly cipherFactory?: CipherFactory;
  readonly nonceSource?: NonceSource;
  /** Refuse what is not encrypted. Default true; false only while encryption is brought into a running cluster. */
  readonly verifyIncoming?: boolean;
  /** Encrypt what is sent. Default true. */
  readonly verifyOutgoing?: boolean;
  /** Take the padded envelope of protocol 1. Default true. */
  readonly acceptVersion0?: boolean;
  /** Protocol version spoken, 1 … 5; 1 sends the padded envelope. Default 2, like everybody. */
  readonly protocolVersion?: number;

  /**
   * Compression of what is sent; what comes in is always understood. true: where it pays, over the thresholds below.
   * "always": as the reference does it, every packet is tried and every stream message is compressed even if it grows.
   * Default true.
   */
  readonly compression?: boolean | "always";
  /** Packets up to this many bytes are not tried. Default 1400: what fits the packet budget is not worth the time. */
  readonly compressPacketsOverBytes?: number;
  /** Stream messages up to this many bytes are not tried. Default 1024. */
  readonly compressStreamsOverBytes?: number;

  /** Size of a transmit buffer. Default 65,507, the largest datagram. */
  readonly maxPacketBytes?: number;
  /** What the compress messages of one packet may unpack to altogether. Default 1 MiB. */
  readonly maxPacketInflatedBytes?: number;
  /** What a stream's compress message may unpack to. Default 40 MiB. */
  readonly maxStreamInflatedBytes?: number;
  /** What is buffered of one stream. Default 40 MiB. */
  readonly maxStreamBytes?: number;
  /** Entries of a push/pull. Default 1,048,576. */
  readonly maxPushPullNodes?: number;
  /** Names remembered in each direction, a power of two. Default 2048. */
  readonly nameCacheSlots?: number;
}

/**
 * Encoded messages are cut from slabs of this size: memory of its own for each costs more than the encoding. A message
 * that is kept keeps its slab, so slabs are small.
 */
const slabBytes = 4096;

/** A codec for `options`. */
export function createCodec(options: MemberlistCodecOptions = {}): MemberlistCodec {
  return new MemberlistCodec(options);
}

export class MemberlistCodec implements Codec {
  readonly maxPacketBytes: number;
  readonly scratch: Uint8Array;

  private readonly label: Label;
  private readonly envelope: Envelope | undefined;
  /** Undefined: nothing that is sent is encrypted. */
  private readonly outgoing: Envelope | undefined;
  private readonly envelopeVersion: 0 | 1;
  private readonly sealer: PacketSealer;
  private readonly opener: PacketOpener;
  private readonly streamWriter: StreamWriter;
  private readonly streamOptions: StreamReaderOptions;
  private readonly texts: TextCache;
  /** Where the next encoded message goes. */
  private slab: Pen | undefined;
  private slabUsed = 0;

  /** @throws RangeError or TypeError for settings that do not go together. */
  constructor(options: MemberlistCodecOptions = {}) {
    checkOptions(options);
    this.maxPacketBytes = options.maxPacketBytes ?? limits.maxDatagramBytes;
    this.scratch = new Uint8Array(this.maxPacketBytes);
    this.envelopeVersion = options.protocolVersion === 1 ? 0 : 1;
    this.label = new Label(options.label ?? "", options.skipInboundLabelCheck ?? false);
    this.envelope = makeEnvelope(options, this.envelopeVersion);

    const { label, envelope } = this;
    const outgoing = (options.verifyOutgoing ?? true) ? envelope : undefined;
    this.outgoing = outgoing;
    const verifyIncoming = options.verifyIncoming ?? true;
    const compression = options.compression ?? true;
    const threshold = (bytes: number) =>
      compression === "always" ? 0 : compression ? bytes : Number.POSITIVE_INFINITY;
    const names = new NameCache(options.nameCacheSlots ?? 2048);
    const decoder = new MessageDecoder(names);
    const compressor = new Compressor();
    this.texts = new TextCache(options.nameCacheSlots ?? 2048);

    this.sealer = new PacketSealer({
      label,
      envelope: outgoing,
      compressor,
      compressOverBytes: threshold(options.compressPacketsOverBytes ?? 1400),
    });
    this.opener = new PacketOpener({
      label,
      envelope,
      verifyIncoming,
      compressor,
      decoder,
      maxInflatedBytes: options.maxPacketInflatedBytes ?? limits.maxPacketInflatedBytes,
    });
    this.streamWriter = new StreamWriter({
      texts: this.texts,
      label,
      envelope: outgoing,
      compressor,
      compressOverBytes: threshold(options.compressStreamsOverBytes ?? 1024),
      compressAlways: compression === "always",
    });
    this.streamOptions = {
      label,
      envelope,
      verifyIncoming,
      decoder: new StreamDecoder({
        names,
        decoder,
        compressor,
        maxInflatedBytes: options.maxStreamInflatedBytes ?? limits.maxStreamInflatedBytes,
        maxNodes: options.maxPushPullNodes ?? limits.maxPushPullNodes,
      }),
      maxBytes: options.maxStreamBytes ?? limits.maxStreamBytes,
    };
  }

  packetOverhead(): number {
    return this.label.header.length + (this.envelope?.active ? envelopeOverhead[this.envelopeVersion] : 0);
  }

  /** How long `encode` makes a message. */
  messageBytes(message: PacketMessage): number {
    return messageBytes(message);
  }

  /** How long `sealPacket` makes a packet of so many messages and bytes where nothing is compressed. */
  packetBytes(messageCount: number, messageBytes: number, crc: boolean): number {
    const plain = (crc ? crcBytes : 0) + compoundBytes(messageCount, messageBytes);
    return this.label.header.length + (this.outgoing?.active ? this.outgoing.sealedBytes(plain) : plain);
  }

  /** How long `encodeStream` makes a message where nothing is compressed or encrypted. */
  streamBytes(message: StreamMessage, initiator: boolean): number {
    return (initiator ? this.label.header.length : 0) + streamMessageBytes(message);
  }

  encode(message: PacketMessage): Uint8Array {
    const bound = messageBound(message);
    if (bound > slabBytes / 4) {
      const pen = new Pen(new Uint8Array(bound), this.texts);
      return copyOf(pen.bytes, 0, writeMessage(message, pen, 0));
    }
    const pen = this.slabFor(bound);
    const start = this.slabUsed;
    const end = writeMessage(message, pen, start);
    this.slabUsed = end;
    return new Uint8Array(pen.memory, start, end - start);
  }

  encodeInto(message: PacketMessage, target: Uint8Array, offset: number): number {
    // Written elsewhere first: a pen spoils bytes behind what it writes, and the target may end there.
    const bound = messageBound(message);
    const small = bound <= slabBytes / 4;
    const pen = small ? this.slabFor(bound) : new Pen(new Uint8Array(bound), this.texts);
    const start = small ? this.slabUsed : 0;
    const length = writeMessage(message, pen, start) - start;
    const end = offset + length;
    if (end > target.length) throw new RangeError(`a message of ${length} bytes does not fit`);
    if (length > 48) target.set(new Uint8Array(pen.memory, start, length), offset);
    else for (let i = 0; i < length; i++) target[offset + i] = pen.bytes[start + i]!;
    return end;
  }

  /** The pen of a slab with room for `bound` bytes from `slabUsed` on. */
  private slabFor(bound: number): Pen {
    if (this.slab === undefined || this.slabUsed + bound > slabBytes) {
      this.slab = new Pen(new Uint8Array(slabBytes), this.texts);
      this.slabUsed = 0;
    }
    return this.slab;
  }

  sealPacket(
    out: Transmit,
    head: Uint8Array,
    headLength: number,
    parts: readonly Uint8Array[],
    partCount: number,
    crc: boolean,
  ): void {
    this.sealer.seal(out, head, headLength, parts, partCount, crc);
  }

  openPacket(bytes: Uint8Array, sink: PacketSink): void {
    this.opener.open(bytes, sink);
  }

  encodeStream(message: StreamMessage, initiator: boolean): Uint8Array {
    return this.streamWriter.write(message, initiator);
  }

  streamReader(acceptor: boolean): StreamReader {
    return new MessageStreamReader(this.streamOptions, acceptor);
  }
}

function makeEnvelope(options: MemberlistCodecOptions, version: 0 | 1): Envelope | undefined {
  const { keyring, cipherFactory, nonceSource } = options;
  if (keyring === undefined) return undefined;
  if (cipherFactory === undefined || nonceSource === undefined)
    throw new TypeError("a keyring needs a cipherFactory and a nonceSource");
  return new Envelope({ keyring, cipherFactory, nonceSource, version, acceptVersion0: options.acceptVersion0 ?? true });
}

function checkOptions(options: MemberlistCodecOptions): void {
  const { protocolVersion = 2, nameCacheSlots = 2048 } = options;
  if (!Number.isInteger(protocolVersion) || protocolVersion < 1 || protocolVersion > 5)
    throw new RangeError("protocolVersion is 1 … 5");
  if (nameCacheSlots < 1 || (nameCacheSlots & (nameCacheSlots - 1)) !== 0)
    throw new RangeError("nameCacheSlots is a power of two");
}
