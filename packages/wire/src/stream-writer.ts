/** Stream messages to bytes: label, envelope, compression, body (memberlist protocol notes, section 8). */

import type { StreamMessage } from "@hearsay/core";
import { copyOf, viewOf } from "./byte-views.ts";
import type { Compressor } from "./compressor.ts";
import { type Envelope, envelopeHeadBytes } from "./envelope.ts";
import type { Label } from "./label.ts";
import { maxSealedStreamBytes } from "./limits.ts";
import {
  messageBound,
  nodeBound,
  writeErr,
  writeMessage,
  writeNode,
  writePushPullHeader,
  writeUserHeader,
} from "./message-writer.ts";
import { Pen } from "./pen.ts";
import { sealedHeadBytes, streamAad } from "./stream-reader.ts";
import type { TextCache } from "./text-cache.ts";

export interface StreamWriterOptions {
  readonly label: Label;
  /** Undefined: nothing is encrypted. */
  readonly envelope: Envelope | undefined;
  readonly texts: TextCache;
  readonly compressor: Compressor;
  /** Messages longer than this are compressed if that makes them shorter; Infinity: none. */
  readonly compressOverBytes: number;
  /** Compress everything, also what grows by it. */
  readonly compressAlways: boolean;
}

export class StreamWriter {
  private readonly options: StreamWriterOptions;

  constructor(options: StreamWriterOptions) {
    this.options = options;
  }

  /** See `Codec.encodeStream`. @throws RangeError for a sealed message over 20 MiB, which no peer would read. */
  write(message: StreamMessage, initiator: boolean): Uint8Array {
    const { label, envelope } = this.options;
    const sealing = envelope?.active ? envelope : undefined;
    const start = initiator ? label.header.length : 0;
    const body = sealing === undefined ? start : start + sealedHeadBytes + envelopeHeadBytes;
    // Room for the longest padding and the tag.
    const tail = 32;
    let bytes = new Uint8Array(body + streamBound(message) + tail);
    let end = writeBody(message, new Pen(bytes, this.options.texts), body);

    const compressed = this.compress(bytes, body, end);
    if (compressed > 0) {
      if (body + compressed + tail > bytes.length) bytes = new Uint8Array(body + compressed + tail);
      end = this.options.compressor.copyTo(bytes, body);
    }
    if (sealing !== undefined) {
      const length = sealing.sealedBytes(end - body);
      if (length > maxSealedStreamBytes) throw new RangeError(`a sealed message of ${length} bytes cannot be sent`);
      bytes[start] = 10;
      bytes[start + 1] = length >>> 24;
      bytes[start + 2] = length >>> 16;
      bytes[start + 3] = length >>> 8;
      bytes[start + 4] = length;
      end = sealing.seal(bytes, start + sealedHeadBytes, end, streamAad(bytes, start, label.bytes));
    }
    if (start > 0) bytes.set(label.header, 0);
    // Small ones are copied to their size, so that a kept reply does not hold the estimate.
    return end < 4096 ? copyOf(bytes, 0, end) : viewOf(bytes, 0, end);
  }

  private compress(bytes: Uint8Array, start: number, end: number): number {
    const { compressor, compressOverBytes, compressAlways } = this.options;
    const length = end - start;
    if (compressAlways) return compressor.compress(bytes, start, end, 2 * length + 64);
    return length > compressOverBytes ? compressor.compress(bytes, start, end, length - 1) : 0;
  }
}

function streamBound(message: StreamMessage): number {
  switch (message.type) {
    case 0:
    case 2:
      return messageBound(message);
    case 6: {
      let bound = 64 + message.userState.length;
      for (const node of message.nodes) bound += nodeBound(node);
      return bound;
    }
    case 8:
      return 32 + message.payload.length;
    case 13:
      return 16 + 3 * message.error.length;
  }
}

function writeBody(message: StreamMessage, pen: Pen, offset: number): number {
  const { bytes } = pen;
  switch (message.type) {
    case 0:
    case 2:
      return writeMessage(message, pen, offset);
    case 6: {
      const { nodes, userState } = message;
      let at = writePushPullHeader(message.join, nodes.length, userState.length, pen, offset);
      for (const node of nodes) at = writeNode(node, pen, at);
      bytes.set(userState, at);
      return at + userState.length;
    }
    case 8: {
      const at = writeUserHeader(message.payload.length, pen, offset);
      bytes.set(message.payload, at);
      return at + message.payload.length;
    }
    case 13:
      return writeErr(message.error, pen, offset);
  }
}
