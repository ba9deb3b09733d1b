/**
 * Messages to bytes, exactly as the reference emits them: type byte, then a map with its keys in byte order, text and
 * bytes in raw form (memberlist protocol notes, sections 6.1 and 10). One pass over the caller's buffer, nothing
 * allocated.
 *
 * Stores beyond the end of a typed array are ignored by the language, so everything is written first and the end is
 * compared once.
 */

import type {
  Ack,
  Alive,
  Dead,
  IndirectPing,
  PacketMessage,
  Ping,
  PingSource,
  PushPullNode,
  Suspect,
} from "@hearsay/core";
import { utf8Length, writeUtf8 } from "./utf8.ts";

/**
 * Writes one packet message, type byte first, and returns the offset behind it.
 * @throws RangeError when it does not fit; `target` is then partly written.
 */
export function writeMessage(message: PacketMessage, target: Uint8Array, offset: number): number {
  const end = writeUnchecked(message, target, offset);
  if (end > target.length) throw new RangeError(`a message of ${end - offset} bytes does not fit`);
  return end;
}

/** An upper bound for what `writeMessage` needs. */
export function messageBound(message: PacketMessage): number {
  switch (message.type) {
    case 0:
      return 96 + blobBound(message.sourceAddr) + 3 * (message.node.length + message.sourceNode.length);
    case 1:
      return (
        128 +
        blobBound(message.target) +
        blobBound(message.sourceAddr) +
        3 * (message.node.length + message.sourceNode.length)
      );
    case 2:
      return 32 + blobBound(message.payload);
    case 3:
    case 5:
      return 64 + 3 * (message.node.length + message.from.length);
    case 4:
      return 80 + blobBound(message.addr) + blobBound(message.meta) + blobBound(message.vsn) + 3 * message.node.length;
    case 8:
      return 1 + message.payload.length;
    case 11:
      return 16;
  }
}

function writeUnchecked(message: PacketMessage, target: Uint8Array, offset: number): number {
  switch (message.type) {
    case 0:
      return writePing(message, target, offset);
    case 1:
      return writeIndirectPing(message, target, offset);
    case 2:
      return writeAck(message, target, offset);
    case 3:
    case 5:
      return writeAccusation(message, target, offset);
    case 4:
      return writeAlive(message, target, offset);
    case 8:
      target[offset] = 8;
      return putBytes(message.payload, target, offset + 1);
    case 11:
      return putUint(message.seqNo, target, put(nackHead, target, offset));
  }
}

function writePing(message: Ping, target: Uint8Array, offset: number): number {
  let at = put(pingHead, target, offset);
  target[offset + 1] = 0x82 + sourceFields(message);
  at = putText(message.node, target, at);
  at = putUint(message.seqNo, target, put(keySeqNo, target, at));
  return putSource(message, target, at);
}

function writeIndirectPing(message: IndirectPing, target: Uint8Array, offset: number): number {
  let at = put(indirectPingHead, target, offset);
  target[offset + 1] = 0x85 + sourceFields(message);
  target[at++] = message.nack ? 0xc3 : 0xc2;
  at = putText(message.node, target, put(keyNode, target, at));
  at = putUint(message.port, target, put(keyPort, target, at));
  at = putUint(message.seqNo, target, put(keySeqNo, target, at));
  at = putSource(message, target, at);
  return putBlob(message.target, target, put(keyTarget, target, at));
}

function writeAck(message: Ack, target: Uint8Array, offset: number): number {
  const at = putBlob(message.payload, target, put(ackHead, target, offset));
  return putUint(message.seqNo, target, put(keySeqNo, target, at));
}

function writeAccusation(message: Suspect | Dead, target: Uint8Array, offset: number): number {
  let at = put(accusationHead, target, offset);
  target[offset] = message.type;
  at = putText(message.from, target, at);
  at = putUint(message.incarnation, target, put(keyIncarnation, target, at));
  return putText(message.node, target, put(keyNode, target, at));
}

function writeAlive(message: Alive, target: Uint8Array, offset: number): number {
  let at = putBlob(message.addr, target, put(aliveHead, target, offset));
  at = putUint(message.incarnation, target, put(keyIncarnation, target, at));
  at = putBlob(message.meta, target, put(keyMeta, target, at));
  at = putText(message.node, target, put(keyNode, target, at));
  at = putUint(message.port, target, put(keyPort, target, at));
  return putBlob(message.vsn, target, put(keyVsn, target, at));
}

/** One entry of a push/pull's node list; it has no type byte. Does not check the end of `target`. */
export function writeNode(node: PushPullNode, target: Uint8Array, offset: number): number {
  let at = putBlob(node.addr, target, put(nodeHead, target, offset));
  at = putUint(node.incarnation, target, put(keyIncarnation, target, at));
  at = putBlob(node.meta, target, put(keyMeta, target, at));
  at = putText(node.name, target, put(keyName, target, at));
  at = putUint(node.port, target, put(keyPort, target, at));
  at = putUint(node.state, target, put(keyState, target, at));
  return putBlob(node.vsn, target, put(keyVsn, target, at));
}

/** An upper bound for what `writeNode` needs. */
export function nodeBound(node: PushPullNode): number {
  return 80 + blobBound(node.addr) + blobBound(node.meta) + blobBound(node.vsn) + 3 * node.name.length;
}

/** The type byte and header of a push/pull. Does not check the end of `target`; 48 bytes are enough. */
export function writePushPullHeader(
  join: boolean,
  nodes: number,
  userStateBytes: number,
  target: Uint8Array,
  offset: number,
): number {
  let at = put(pushPullHead, target, offset);
  target[at++] = join ? 0xc3 : 0xc2;
  at = putUint(nodes, target, put(keyNodes, target, at));
  return putUint(userStateBytes, target, put(keyUserStateLen, target, at));
}

/** The type byte and header of a user message on a stream. 32 bytes are enough. */
export function writeUserHeader(payloadBytes: number, target: Uint8Array, offset: number): number {
  return putUint(payloadBytes, target, put(userHead, target, offset));
}

/** An err message. */
export function writeErr(error: string, target: Uint8Array, offset: number): number {
  return putText(error, target, put(errHead, target, offset));
}

/** The beginning of a compress message up to the LZW bytes: type byte, algorithm, head of `Buf`. */
export function writeCompressHeader(bufBytes: number, target: Uint8Array, offset: number): number {
  return putBlobHead(bufBytes, target, put(compressHead, target, offset));
}

/** Bytes that `writeCompressHeader` takes. */
export function compressHeaderBytes(bufBytes: number): number {
  return compressHead.length + (bufBytes <= 31 ? 1 : bufBytes <= 0xffff ? 3 : 5);
}

/** How many of the fields that are left out when empty are there. */
function sourceFields(source: PingSource): number {
  return (
    (source.sourceAddr !== null && source.sourceAddr.length > 0 ? 1 : 0) +
    (source.sourceNode !== "" ? 1 : 0) +
    (source.sourcePort !== 0 ? 1 : 0)
  );
}

function putSource(source: PingSource, target: Uint8Array, offset: number): number {
  let at = offset;
  if (source.sourceAddr !== null && source.sourceAddr.length > 0)
    at = putBlob(source.sourceAddr, target, put(keySourceAddr, target, at));
  if (source.sourceNode !== "") at = putText(source.sourceNode, target, put(keySourceNode, target, at));
  if (source.sourcePort !== 0) at = putUint(source.sourcePort, target, put(keySourcePort, target, at));
  return at;
}

/** Copies a short constant. Faster than `set` at this size. */
function put(constant: Uint8Array, target: Uint8Array, offset: number): number {
  for (let i = 0; i < constant.length; i++) target[offset + i] = constant[i]!;
  return offset + constant.length;
}

/** A u32 in its shortest form. */
function putUint(value: number, target: Uint8Array, offset: number): number {
  if (value <= 0x7f) {
    target[offset] = value;
    return offset + 1;
  }
  if (value <= 0xff) {
    target[offset] = 0xcc;
    target[offset + 1] = value;
    return offset + 2;
  }
  if (value <= 0xffff) {
    target[offset] = 0xcd;
    target[offset + 1] = value >>> 8;
    target[offset + 2] = value;
    return offset + 3;
  }
  target[offset] = 0xce;
  target[offset + 1] = value >>> 24;
  target[offset + 2] = value >>> 16;
  target[offset + 3] = value >>> 8;
  target[offset + 4] = value;
  return offset + 5;
}

function putText(text: string, target: Uint8Array, offset: number): number {
  const length = text.length;
  if (length > 31) return putLongText(text, target, offset);
  const at = offset + 1;
  // Written as if it were ASCII, and once more if it was not.
  let units = 0;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    units |= unit;
    target[at + i] = unit;
  }
  if (units >= 0x80) return putLongText(text, target, offset);
  target[offset] = 0xa0 | length;
  return at + length;
}

function putLongText(text: string, target: Uint8Array, offset: number): number {
  return writeUtf8(text, target, putBlobHead(utf8Length(text), target, offset));
}

function putBlob(blob: Uint8Array | null, target: Uint8Array, offset: number): number {
  if (blob === null) {
    target[offset] = 0xc0;
    return offset + 1;
  }
  return putBytes(blob, target, putBlobHead(blob.length, target, offset));
}

function putBlobHead(length: number, target: Uint8Array, offset: number): number {
  if (length <= 31) {
    target[offset] = 0xa0 | length;
    return offset + 1;
  }
  if (length <= 0xffff) {
    target[offset] = 0xda;
    target[offset + 1] = length >>> 8;
    target[offset + 2] = length;
    return offset + 3;
  }
  target[offset] = 0xdb;
  target[offset + 1] = length >>> 24;
  target[offset + 2] = length >>> 16;
  target[offset + 3] = length >>> 8;
  target[offset + 4] = length;
  return offset + 5;
}

function putBytes(bytes: Uint8Array, target: Uint8Array, offset: number): number {
  const length = bytes.length;
  // The call into the engine pays from about here on.
  if (length > 48) target.set(bytes, offset);
  else for (let i = 0; i < length; i++) target[offset + i] = bytes[i]!;
  return offset + length;
}

function blobBound(blob: Uint8Array | null): number {
  return blob === null ? 1 : blob.length;
}

/** A key in raw form. */
function key(name: string, ...before: number[]): Uint8Array {
  return new Uint8Array([...before, 0xa0 | name.length, ...Array.from(name, (letter) => letter.charCodeAt(0))]);
}

const keyIncarnation = key("Incarnation");
const keyMeta = key("Meta");
const keyName = key("Name");
const keyNode = key("Node");
const keyNodes = key("Nodes");
const keyPort = key("Port");
const keySeqNo = key("SeqNo");
const keySourceAddr = key("SourceAddr");
const keySourceNode = key("SourceNode");
const keySourcePort = key("SourcePort");
const keyState = key("State");
const keyTarget = key("Target");
const keyUserStateLen = key("UserStateLen");
const keyVsn = key("Vsn");

// Type byte, map head, first key. Where the number of fields or the type varies, the byte is written over.
const pingHead = key("Node", 0, 0x82);
const indirectPingHead = key("Nack", 1, 0x85);
const ackHead = key("Payload", 2, 0x82);
const accusationHead = key("From", 3, 0x83);
const aliveHead = key("Addr", 4, 0x86);
const nodeHead = key("Addr", 0x87);
const pushPullHead = key("Join", 6, 0x83);
const userHead = key("UserMsgLen", 8, 0x81);
const compressHead = new Uint8Array([...key("Algo", 9, 0x82), 0x00, ...key("Buf")]);
const nackHead = key("SeqNo", 11, 0x81);
const errHead = key("Error", 13, 0x81);
