/**
 * The compress message: type byte 9 and a map of algorithm and compressed bytes (memberlist protocol notes, section 4).
 * Holds the tables of both directions, made when they are first needed: most nodes of a small cluster never compress.
 */

import type { DropReason } from "@hearsay/core";
import { ByteBuffer } from "./byte-buffer.ts";
import { viewOf } from "./byte-views.ts";
import { LzwDecoder } from "./lzw-decoder.ts";
import { LzwEncoder } from "./lzw-encoder.ts";
import { compressHeaderBytes, writeCompressHeader } from "./message-writer.ts";
import { Reader } from "./msgpack-reader.ts";

/** Scratch that is kept between messages. */
const keptBytes = 64 * 1024;

export class Compressor {
  private encoder: LzwEncoder | undefined;
  private decoder: LzwDecoder | undefined;
  private readonly compressed = new ByteBuffer();
  private readonly reader = new Reader();

  /**
   * Makes the compress message of `bytes[start..end)`.
   * @param maxBytes what it may have altogether
   * @returns its length, or 0 when it would be longer; `copyTo` then takes it
   */
  compress(bytes: Uint8Array, start: number, end: number, maxBytes: number): number {
    this.encoder ??= new LzwEncoder();
    this.compressed.clear(keptBytes);
    const room = maxBytes - compressHeaderBytes(0);
    if (room <= 0 || !this.encoder.encode(bytes, start, end, this.compressed, room)) return 0;
    const total = compressHeaderBytes(this.compressed.length) + this.compressed.length;
    return total <= maxBytes ? total : 0;
  }

  /** Writes the compress message made last; returns the offset behind it. */
  copyTo(target: Uint8Array, offset: number): number {
    const { bytes, length } = this.compressed;
    const at = writeCompressHeader(length, target, offset);
    target.set(viewOf(bytes, 0, length), at);
    return at + length;
  }

  /** Opens the body of a compress message, `bytes[start..end)` without its type byte, into `out`. */
  decompress(bytes: Uint8Array, start: number, end: number, out: ByteBuffer, maxBytes: number): DropReason | undefined {
    const { reader } = this;
    let algorithm = 0;
    let from = 0;
    let length = 0;
    let copied: Uint8Array | null = null;
    out.clear(keptBytes);
    reader.reset(bytes, start, end).struct(fields, (field) => {
      if (field === 0) algorithm = reader.int(-0x8000_0000, 0xffff_ffff);
      else if (reader.peek() === "array") copied = reader.blobView();
      else {
        copied = null;
        length = Math.max(0, reader.blobHead());
        from = reader.offset;
        reader.offset += length;
      }
    });
    if (reader.failure !== undefined) return reader.failure;
    if (algorithm !== 0) return "compress-algorithm";
    this.decoder ??= new LzwDecoder();
    const source: Uint8Array = copied ?? bytes;
    if (copied !== null) {
      from = 0;
      length = source.length;
    }
    return this.decoder.decode(source, from, from + length, out, maxBytes);
  }
}

const fields = ["Algo", "Buf"] as const;
