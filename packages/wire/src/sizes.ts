/**
 * How long messages are once encoded, to the byte, without encoding them: for callers that pass messages by reference and
 * account for what they would weigh. Compression is left out of it. The same forms as in `message-writer.ts` and
 * `packet-sealer.ts`; a property test holds them together.
 */
import type { PacketMessage, PingSource, PushPullNode, StreamMessage } from "@hearsay/core";
import { utf8Length } from "./utf8.ts";

/** Bytes of one packet message, type byte first. */
export function messageBytes(message: PacketMessage): number {
  switch (message.type) {
    case 0:
      return 2 + 5 + text(message.node) + 6 + uint(message.seqNo) + source(message);
    case 1:
      return (
        2 +
        (5 + 1) +
        (5 + text(message.node)) +
        (5 + uint(message.port)) +
        (6 + uint(message.seqNo)) +
        source(message) +
        (7 + blob(message.target))
      );
    case 2:
      return 2 + 8 + blob(message.payload) + 6 + uint(message.seqNo);
    case 3:
    case 5:
      return 2 + 5 + text(message.from) + 12 + uint(message.incarnation) + 5 + text(message.node);
    case 4:
      return (
        2 +
        (5 + blob(message.addr)) +
        (12 + uint(message.incarnation)) +
        (5 + blob(message.meta)) +
        (5 + text(message.node)) +
        (5 + uint(message.port)) +
        (4 + blob(message.vsn))
      );
    case 8:
      return 1 + message.payload.length;
    case 11:
      return 2 + 6 + uint(message.seqNo);
  }
}

/** Bytes of one stream message, without label and encryption. */
export function streamMessageBytes(message: StreamMessage): number {
  switch (message.type) {
    case 0:
    case 2:
      return messageBytes(message);
    case 6: {
      const { nodes, userState } = message;
      let bytes = 2 + (5 + 1) + (6 + uint(nodes.length)) + (13 + uint(userState.length)) + userState.length;
      for (let i = 0; i < nodes.length; i++) bytes += weigh(nodes[i]!);
      return bytes;
    }
    case 8:
      return 2 + 11 + uint(message.payload.length) + message.payload.length;
    case 13:
      return 2 + 6 + text(message.error);
  }
}

/** As `nodeBytes`, once for an entry that may be noted on. */
function weigh(node: PushPullNode): number {
  if (node.encodedBytes === undefined) return nodeBytes(node);
  if (node.encodedBytes === 0) node.encodedBytes = nodeBytes(node);
  return node.encodedBytes;
}

/** Bytes of one entry of a push/pull. */
export function nodeBytes(node: PushPullNode): number {
  return (
    1 +
    (5 + blob(node.addr)) +
    (12 + uint(node.incarnation)) +
    (5 + blob(node.meta)) +
    (5 + text(node.name)) +
    (5 + uint(node.port)) +
    (6 + uint(node.state)) +
    (4 + blob(node.vsn))
  );
}

/** Bytes of `count` messages of `bytes` altogether: alone as it is, several as a compound. */
export function compoundBytes(count: number, bytes: number): number {
  return count === 1 ? bytes : 2 + 2 * count + bytes;
}

function source(message: PingSource): number {
  return (
    (message.sourceAddr !== null && message.sourceAddr.length > 0 ? 11 + blob(message.sourceAddr) : 0) +
    (message.sourceNode !== "" ? 11 + text(message.sourceNode) : 0) +
    (message.sourcePort !== 0 ? 11 + uint(message.sourcePort) : 0)
  );
}

function text(value: string): number {
  const length = utf8Length(value);
  return head(length) + length;
}

function blob(value: Uint8Array | null): number {
  return value === null ? 1 : head(value.length) + value.length;
}

function head(length: number): number {
  return length <= 31 ? 1 : length <= 0xffff ? 3 : 5;
}

function uint(value: number): number {
  return value <= 0x7f ? 1 : value <= 0xff ? 2 : value <= 0xffff ? 3 : 5;
}
