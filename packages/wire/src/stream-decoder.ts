/**
 * One whole stream message, type byte first, to an object that belongs to its receiver (memberlist protocol notes,
 * section 8). `stream-reader.ts` finds out when a message is whole.
 */

import type { Ack, DropReason, Ping, PushPull, StreamError, StreamMessage } from "@hearsay/core";
import { ByteBuffer, noBytes } from "./byte-buffer.ts";
import { copyOf, viewOf } from "./byte-views.ts";
import type { Compressor } from "./compressor.ts";
import { maxUserStateBytes } from "./limits.ts";
import type { MessageDecoder } from "./message-decoder.ts";
import { Reader } from "./msgpack-reader.ts";
import type { NameCache } from "./name-cache.ts";
import { NodeDecoder } from "./node-decoder.ts";
import { checkSource } from "./strictness.ts";

export interface StreamDecoderOptions {
  readonly names: NameCache;
  readonly decoder: MessageDecoder;
  readonly compressor: Compressor;
  readonly maxInflatedBytes: number;
  readonly maxNodes: number;
}

/** What the header of a push/pull or of a user message announces. */
export interface StreamHeader {
  join: boolean;
  nodes: number;
  /** Raw bytes at the end of the message. */
  rawBytes: number;
  /** Offset behind the header. */
  end: number;
}

export class StreamDecoder {
  private readonly options: StreamDecoderOptions;
  private readonly reader = new Reader();
  private nodeDecoder: NodeDecoder | undefined;

  constructor(options: StreamDecoderOptions) {
    this.options = options;
  }

  /** Decodes the message at `bytes[start..end)`. Bytes behind it are ignored. */
  decode(bytes: Uint8Array, start: number, end: number, nested = false): StreamMessage | StreamError {
    if (start >= end) return { error: "empty" };
    switch (bytes[start]) {
      case 0:
        return this.decodePing(bytes, start + 1, end);
      case 2:
        return this.decodeAck(bytes, start + 1, end);
      case 6:
        return this.decodePushPull(bytes, start + 1, end);
      case 8:
        return this.decodeUser(bytes, start + 1, end);
      case 9:
        return nested ? { error: "nesting-too-deep" } : this.decodeCompress(bytes, start + 1, end);
      case 13:
        return this.decodeErr(bytes, start + 1, end);
      default:
        return { error: "unknown-type", detail: `message type ${bytes[start]}` };
    }
  }

  /** The header of a push/pull (type 6) or user message (type 8) that lies whole at `start`, behind the type byte. */
  decodeHeader(type: 6 | 8, bytes: Uint8Array, start: number, end: number): StreamHeader | StreamError {
    const reader = this.reader.reset(bytes, start, end);
    const header: StreamHeader = { join: false, nodes: 0, rawBytes: 0, end: 0 };
    reader.struct(type === 6 ? pushPullFields : userFields, (field) => {
      if (type === 8 || field === 1) header.rawBytes = reader.int(minInt64, maxInt64);
      else if (field === 0) header.nodes = reader.int(minInt64, maxInt64);
      else header.join = reader.bool();
    });
    if (reader.failure !== undefined) return { error: reader.failure };
    header.end = reader.offset;
    if (header.nodes < 0 || header.rawBytes < 0) return { error: "field-range", detail: "a negative count" };
    if (header.nodes > this.options.maxNodes) return { error: "count-too-large", detail: `${header.nodes} nodes` };
    if (header.rawBytes > maxUserStateBytes)
      return { error: "count-too-large", detail: `${header.rawBytes} bytes announced` };
    return header;
  }

  /**
   * A push/pull of which not everything may be there yet, when all of it is there after all and every entry is as Go
   * writes it; undefined when the end has to be looked for. Saves the usual one from being scanned first.
   */
  decodeAhead(bytes: Uint8Array, end: number, header: StreamHeader): PushPull | undefined {
    if (header.nodes * leastNodeBytes + header.rawBytes > end - header.end) return undefined;
    const message = this.decodeNodes(bytes, end, header);
    return "error" in message || this.nodeDecoder?.tolerated !== 0 ? undefined : message;
  }

  private decodePing(bytes: Uint8Array, start: number, end: number): Ping | StreamError {
    const { decoder } = this.options;
    const failure = decoder.decodePing(bytes, start, end) ?? checkSource(decoder.ping);
    if (failure !== undefined) return { error: failure };
    const { ping } = decoder;
    return { ...ping, sourceAddr: ping.sourceAddr === null ? null : copyOf(ping.sourceAddr) };
  }

  private decodeAck(bytes: Uint8Array, start: number, end: number): Ack | StreamError {
    const { decoder } = this.options;
    const failure = decoder.decodeAck(bytes, start, end);
    if (failure !== undefined) return { error: failure };
    const { ack } = decoder;
    return { ...ack, payload: ack.payload === null ? null : copyOf(ack.payload) };
  }

  private decodePushPull(bytes: Uint8Array, start: number, end: number): PushPull | StreamError {
    const header = this.decodeHeader(6, bytes, start, end);
    return "error" in header ? header : this.decodeNodes(bytes, end, header);
  }

  private decodeNodes(bytes: Uint8Array, end: number, header: StreamHeader): PushPull | StreamError {
    // Each entry and each raw byte takes at least a byte.
    if (header.nodes + header.rawBytes > end - header.end) return { error: "msgpack-truncated" };
    this.nodeDecoder ??= new NodeDecoder(this.options.names);
    const nodes = this.nodeDecoder.decode(bytes, header.end, end, header.nodes);
    if (typeof nodes === "string") return { error: nodes };
    const rawEnd = this.nodeDecoder.end + header.rawBytes;
    if (rawEnd > end) return { error: "msgpack-truncated" };
    const userState = header.rawBytes === 0 ? noBytes : viewOf(bytes, this.nodeDecoder.end, rawEnd);
    const message: PushPull = { type: 6, join: header.join, nodes, userState };
    if (this.nodeDecoder.refusals.length > 0) message.refusals = this.nodeDecoder.refusals;
    return message;
  }

  private decodeUser(bytes: Uint8Array, start: number, end: number): StreamMessage | StreamError {
    const header = this.decodeHeader(8, bytes, start, end);
    if ("error" in header) return header;
    const rawEnd = header.end + header.rawBytes;
    if (rawEnd > end) return { error: "msgpack-truncated" };
    return { type: 8, payload: viewOf(bytes, header.end, rawEnd) };
  }

  private decodeErr(bytes: Uint8Array, start: number, end: number): StreamMessage | StreamError {
    const reader = this.reader.reset(bytes, start, end);
    let error = "";
    reader.struct(errFields, () => {
      // For a log: a text that is not UTF-8 is shown as well as it can be.
      error = reader.textLossy();
    });
    return reader.failure === undefined ? { type: 13, error } : { error: reader.failure };
  }

  private decodeCompress(bytes: Uint8Array, start: number, end: number): StreamMessage | StreamError {
    const inflated = new ByteBuffer();
    const { compressor, maxInflatedBytes } = this.options;
    const failure: DropReason | undefined = compressor.decompress(bytes, start, end, inflated, maxInflatedBytes);
    if (failure !== undefined) return { error: failure };
    return this.decode(inflated.bytes, 0, inflated.length, true);
  }
}

/** An entry as Go writes it, with all its keys, an address of 4 bytes and no name. */
const leastNodeBytes = 61;
const minInt64 = -Number.MAX_SAFE_INTEGER;
const maxInt64 = Number.MAX_SAFE_INTEGER;

// Declaration order.
const pushPullFields = ["Nodes", "UserStateLen", "Join"] as const;
const userFields = ["UserMsgLen"] as const;
const errFields = ["Error"] as const;
