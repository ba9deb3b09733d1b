/**
 * Builds packets in the caller's buffer, from the inside out but at their final place: label, envelope and checksum heads
 * have known sizes, so the messages are written behind them straight away (memberlist protocol notes, sections 1.2 and
 * 7).
 */

import type { Transmit } from "@hearsay/core";
import { viewOf } from "./byte-views.ts";
import type { Compressor } from "./compressor.ts";
import { crc32 } from "./crc32.ts";
import { type Envelope, envelopeHeadBytes } from "./envelope.ts";
import type { Label } from "./label.ts";
import { maxPartBytes } from "./limits.ts";

export interface PacketSealerOptions {
  readonly label: Label;
  /** Undefined: nothing is encrypted. */
  readonly envelope: Envelope | undefined;
  readonly compressor: Compressor;
  /** Messages longer than this are tried; Infinity: none. */
  readonly compressOverBytes: number;
}

/** The checksum's type byte and value. */
export const crcBytes = 5;

export class PacketSealer {
  private readonly options: PacketSealerOptions;

  constructor(options: PacketSealerOptions) {
    this.options = options;
  }

  /** See `Codec.sealPacket`. @throws RangeError when there is nothing to send or it does not fit. */
  seal(
    out: Transmit,
    head: Uint8Array,
    headLength: number,
    parts: readonly Uint8Array[],
    partCount: number,
    crc: boolean,
  ): void {
    const { label, envelope } = this.options;
    const { buffer } = out;
    const sealing = envelope?.active ? envelope : undefined;
    const outer = label.header.length;
    const inner = sealing === undefined ? outer : outer + envelopeHeadBytes;
    const body = crc ? inner + crcBytes : inner;

    const messages = partCount + (headLength > 0 ? 1 : 0);
    if (messages === 0) throw new RangeError("a packet needs a message");
    const plainBytes = messages === 1 ? soleBytes(headLength, parts) : compoundBytes(headLength, parts, partCount);
    const bound = sealing === undefined ? body + plainBytes : outer + sealing.sealedBytes(body - inner + plainBytes);
    if (messages > 255 || bound > buffer.length) throw new RangeError(`a packet of ${bound} bytes does not fit`);

    let end = body + plainBytes;
    if (messages > 1) writeCompound(buffer, body, head, headLength, parts, partCount);
    else if (headLength > 0) copy(head, headLength, buffer, body);
    else buffer.set(parts[0]!, body);

    end = this.compress(buffer, body, end);
    if (crc) {
      const sum = crc32(buffer, body, end);
      buffer[inner] = 12;
      buffer[inner + 1] = sum >>> 24;
      buffer[inner + 2] = sum >>> 16;
      buffer[inner + 3] = sum >>> 8;
      buffer[inner + 4] = sum;
    }
    if (sealing !== undefined) end = sealing.seal(buffer, outer, end, label.bytes);
    if (outer > 0) buffer.set(label.header, 0);
    out.length = end;
  }

  /** Replaces the message by its compress message if that is shorter; returns the new end. */
  private compress(buffer: Uint8Array, start: number, end: number): number {
    const { compressor, compressOverBytes } = this.options;
    const length = end - start;
    if (length <= compressOverBytes || compressor.compress(buffer, start, end, length - 1) === 0) return end;
    return compressor.copyTo(buffer, start);
  }
}

function soleBytes(headLength: number, parts: readonly Uint8Array[]): number {
  return headLength > 0 ? headLength : parts[0]!.length;
}

function compoundBytes(headLength: number, parts: readonly Uint8Array[], partCount: number): number {
  let total = headLength > 0 ? 4 + headLength : 2;
  for (let i = 0; i < partCount; i++) total += 2 + parts[i]!.length;
  return total;
}

function writeCompound(
  target: Uint8Array,
  offset: number,
  head: Uint8Array,
  headLength: number,
  parts: readonly Uint8Array[],
  partCount: number,
): void {
  const first = headLength > 0 ? 1 : 0;
  let lengths = offset + 2;
  let at = lengths + 2 * (partCount + first);
  target[offset] = 7;
  target[offset + 1] = partCount + first;
  if (first > 0) {
    lengths = putLength(headLength, target, lengths);
    copy(head, headLength, target, at);
    at += headLength;
  }
  for (let i = 0; i < partCount; i++) {
    const part = parts[i]!;
    lengths = putLength(part.length, target, lengths);
    target.set(part, at);
    at += part.length;
  }
}

function putLength(length: number, target: Uint8Array, offset: number): number {
  if (length > maxPartBytes) throw new RangeError(`a part of ${length} bytes does not fit`);
  target[offset] = length >>> 8;
  target[offset + 1] = length;
  return offset + 2;
}

function copy(bytes: Uint8Array, length: number, target: Uint8Array, offset: number): void {
  if (length === bytes.length) target.set(bytes, offset);
  else if (length > 48) target.set(viewOf(bytes, 0, length), offset);
  else for (let i = 0; i < length; i++) target[offset + i] = bytes[i]!;
}
