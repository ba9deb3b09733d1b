/**
 * Collects one message from a stream's chunks: label, then a sealed message with its length in front, or a plain one that
 * only its own structure delimits (memberlist protocol notes, section 8).
 *
 * Every byte is scanned once and a message is decoded once, when it is whole, so the number of chunks does not matter.
 * Memory follows the bytes that came, never a length that was announced, and ends at a bound.
 */

import type { DropReason, StreamError, StreamMessage, StreamReader } from "@hearsay/core";
import { ByteBuffer } from "./byte-buffer.ts";
import { viewOf } from "./byte-views.ts";
import { type Envelope, envelopeHeadBytes, tagBytes } from "./envelope.ts";
import type { Label } from "./label.ts";
import { maxSealedStreamBytes } from "./limits.ts";
import { Scanner } from "./msgpack-scanner.ts";
import type { StreamDecoder } from "./stream-decoder.ts";

export interface StreamReaderOptions {
  readonly label: Label;
  readonly envelope: Envelope | undefined;
  readonly verifyIncoming: boolean;
  readonly decoder: StreamDecoder;
  readonly maxBytes: number;
}

type Stage = "label" | "type" | "sealed" | "header" | "rest" | "whole";

/** Type byte and length of a sealed message; also the beginning of its additional data. */
export const sealedHeadBytes = 5;

export class MessageStreamReader implements StreamReader {
  private readonly options: StreamReaderOptions;
  private readonly scanner = new Scanner();
  private readonly buffer = new ByteBuffer();
  private stage: Stage;
  /** Where the message begins: behind the label. */
  private start = 0;
  /** Where it ends, as far as that is known. */
  private messageEnd = 0;
  private rawBytes = 0;
  private inFirstChunk = false;
  private result: StreamMessage | StreamError | undefined;

  constructor(options: StreamReaderOptions, acceptor: boolean) {
    this.options = options;
    this.stage = acceptor ? "label" : "type";
  }

  push(chunk: Uint8Array): StreamMessage | StreamError | undefined {
    if (this.result !== undefined || chunk.length === 0) return this.result;
    const { buffer } = this;
    // Up to the bound everything is looked at: the message may end before it, and what follows is ignored.
    const room = this.options.maxBytes - buffer.length;
    const taken = chunk.length > room ? viewOf(chunk, 0, room) : chunk;
    this.inFirstChunk = buffer.length === 0;
    if (this.inFirstChunk) {
      // Most messages come in one chunk; that one is read where it is.
      buffer.bytes = taken;
    } else buffer.ensure(buffer.length + taken.length, this.options.maxBytes).set(taken, buffer.length);
    buffer.length += taken.length;
    this.result = this.advance();
    if (this.result === undefined && chunk.length > room) return this.fail("stream-too-large");
    if (this.result !== undefined) this.release();
    return this.result;
  }

  end(): StreamMessage | StreamError {
    this.result ??= this.fail(this.buffer.length === 0 ? "empty" : "stream-truncated");
    return this.result;
  }

  private advance(): StreamMessage | StreamError | undefined {
    const { bytes, length } = this.buffer;
    for (;;) {
      let next: Stage | DropReason | StreamMessage | StreamError | undefined;
      switch (this.stage) {
        case "label":
          next = this.readLabel(bytes, length);
          break;
        case "type":
          next = this.readType(bytes, length);
          break;
        case "sealed":
          return this.readSealed(bytes, length);
        case "header":
          next = this.readHeader(bytes, length);
          break;
        case "rest":
          next = this.readRest(bytes, length);
          break;
        case "whole":
          if (length < this.messageEnd) return undefined;
          return this.options.decoder.decode(bytes, this.start, this.messageEnd);
      }
      if (next === undefined) return undefined;
      if (typeof next === "object") return next;
      if (!isStage(next)) return { error: next };
      this.stage = next;
    }
  }

  private readLabel(bytes: Uint8Array, length: number): Stage | DropReason | undefined {
    // The header is waited for before it is judged.
    if (bytes[0] === 0xf4 && (length < 2 || length < 2 + bytes[1]!)) {
      return length >= 2 && bytes[1] === 0 ? "label-malformed" : undefined;
    }
    const end = this.options.label.check(bytes, length);
    if (typeof end !== "number") return end;
    this.start = end;
    return "type";
  }

  private readType(bytes: Uint8Array, length: number): Stage | DropReason | undefined {
    const { start, options, scanner } = this;
    if (length <= start) return undefined;
    const type = bytes[start]!;
    if (type === 10) return options.envelope?.active ? "sealed" : "decrypt-failed";
    if (options.envelope?.active && options.verifyIncoming) return "not-encrypted";
    scanner.begin(start + 1, 1, options.maxBytes);
    if (type === 6 || type === 8) return "header";
    if (type === 0 || type === 2 || type === 9 || type === 13) return "rest";
    return "unknown-type";
  }

  private readSealed(bytes: Uint8Array, length: number): StreamMessage | StreamError | undefined {
    const { start, options } = this;
    const body = start + sealedHeadBytes;
    if (length < body) return undefined;
    const sealedBytes =
      ((bytes[start + 1]! << 24) | (bytes[start + 2]! << 16) | (bytes[start + 3]! << 8) | bytes[start + 4]!) >>> 0;
    if (sealedBytes > maxSealedStreamBytes)
      return { error: "stream-too-large", detail: `${sealedBytes} bytes announced` };
    if (sealedBytes < envelopeHeadBytes + tagBytes) return { error: "decrypt-failed" };
    if (length < body + sealedBytes) return undefined;
    const plain = new ByteBuffer();
    const aad = streamAad(bytes, start, options.label.bytes);
    const failure = options.envelope!.open(bytes, body, body + sealedBytes, aad, plain);
    if (failure !== undefined) return { error: failure };
    return options.decoder.decode(plain.bytes, 0, plain.length);
  }

  /** The header map of a push/pull or user message, and from it what follows. */
  private readHeader(bytes: Uint8Array, length: number): Stage | DropReason | StreamMessage | StreamError | undefined {
    const scanned = this.scan(bytes, length);
    if (scanned !== "done") return scanned;
    const type = bytes[this.start] === 6 ? 6 : 8;
    const header = this.options.decoder.decodeHeader(type, bytes, this.start + 1, this.scanner.offset);
    if ("error" in header) return header;
    // Only with the first chunk: tried again with every chunk it would cost the square of their number.
    const message =
      type === 6 && this.inFirstChunk ? this.options.decoder.decodeAhead(bytes, length, header) : undefined;
    if (message !== undefined) return message;
    this.rawBytes = header.rawBytes;
    this.scanner.begin(header.end, header.nodes, this.options.maxBytes - header.rawBytes);
    return "rest";
  }

  private readRest(bytes: Uint8Array, length: number): Stage | DropReason | undefined {
    const scanned = this.scan(bytes, length);
    if (scanned !== "done") return scanned;
    this.messageEnd = this.scanner.offset + this.rawBytes;
    return "whole";
  }

  private scan(bytes: Uint8Array, length: number): "done" | DropReason | undefined {
    switch (this.scanner.scan(bytes, length)) {
      case "done":
        return "done";
      case "more":
        return undefined;
      case "invalid":
        return "msgpack-invalid";
      case "too-large":
        return "stream-too-large";
    }
  }

  private fail(error: DropReason): StreamError {
    this.result = { error };
    this.release();
    return this.result;
  }

  private release(): void {
    this.buffer.bytes = new Uint8Array(0);
  }
}

/** Additional data of a sealed message: its type byte and length, then the label. */
export function streamAad(bytes: Uint8Array, start: number, label: Uint8Array): Uint8Array {
  const aad = new Uint8Array(sealedHeadBytes + label.length);
  for (let i = 0; i < sealedHeadBytes; i++) aad[i] = bytes[start + i]!;
  aad.set(label, sealedHeadBytes);
  return aad;
}

function isStage(word: Stage | DropReason): word is Stage {
  switch (word) {
    case "label":
    case "type":
    case "sealed":
    case "header":
    case "rest":
    case "whole":
      return true;
    default:
      return false;
  }
}
