/**
 * Messages to bytes, exactly as the reference emits them: type byte, then a map with its keys in byte order, text and
 * bytes in raw form (memberlist protocol notes, sections 6.1 and 10). One pass, nothing allocated, nothing checked: the
 * pen has as many bytes from `offset` on as the bound of the message says.
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
import { Constant, key, keyBytes } from "./constant.ts";
import { type Pen, put, putBlob, putBlobHead, putBytes, putText, putUint } from "./pen.ts";

/** An upper bound for what `writeMessage` needs, with what it may spoil behind the message. */
export function messageBound(message: PacketMessage): number {
  switch (message.type) {
    case 0:
      return 100 + blobBound(message.sourceAddr) + 3 * (message.node.length + message.sourceNode.length);
    case 1:
      return (
        132 +
        blobBound(message.target) +
        blobBound(message.sourceAddr) +
        3 * (message.node.length + message.sourceNode.length)
      );
    case 2:
      return 36 + blobBound(message.payload);
    case 3:
    case 5:
      return 68 + 3 * (message.node.length + message.from.length);
    case 4:
      return 84 + blobBound(message.addr) + blobBound(message.meta) + blobBound(message.vsn) + 3 * message.node.length;
    case 8:
      return 1 + message.payload.length;
    case 11:
      return 20;
  }
}

/** Writes one packet message, type byte first, and returns the offset behind it. */
export function writeMessage(message: PacketMessage, pen: Pen, offset: number): number {
  switch (message.type) {
    case 0:
      return writePing(message, pen, offset);
    case 1:
      return writeIndirectPing(message, pen, offset);
    case 2:
      return writeAck(message, pen, offset);
    case 3:
    case 5:
      return writeAccusation(message, pen, offset);
    case 4:
      return writeAlive(message, pen, offset);
    case 8:
      pen.bytes[offset] = 8;
      return putBytes(message.payload, pen.bytes, offset + 1);
    case 11:
      return putUint(message.seqNo, pen.bytes, put(nackHead, pen, offset));
  }
}

function writePing(message: Ping, pen: Pen, offset: number): number {
  let at = put(pingHead, pen, offset);
  pen.bytes[offset + 1] = 0x82 + sourceFields(message);
  at = putText(message.node, pen, at);
  at = putUint(message.seqNo, pen.bytes, put(keySeqNo, pen, at));
  return putSource(message, pen, at);
}

function writeIndirectPing(message: IndirectPing, pen: Pen, offset: number): number {
  let at = put(indirectPingHead, pen, offset);
  pen.bytes[offset + 1] = 0x85 + sourceFields(message);
  pen.bytes[at++] = message.nack ? 0xc3 : 0xc2;
  at = putText(message.node, pen, put(keyNode, pen, at));
  at = putUint(message.port, pen.bytes, put(keyPort, pen, at));
  at = putUint(message.seqNo, pen.bytes, put(keySeqNo, pen, at));
  at = putSource(message, pen, at);
  return putBlob(message.target, pen, put(keyTarget, pen, at));
}

function writeAck(message: Ack, pen: Pen, offset: number): number {
  const at = putBlob(message.payload, pen, put(ackHead, pen, offset));
  return putUint(message.seqNo, pen.bytes, put(keySeqNo, pen, at));
}

function writeAccusation(message: Suspect | Dead, pen: Pen, offset: number): number {
  let at = put(accusationHead, pen, offset);
  pen.bytes[offset] = message.type;
  at = putText(message.from, pen, at);
  at = putUint(message.incarnation, pen.bytes, put(keyIncarnation, pen, at));
  return putText(message.node, pen, put(keyNode, pen, at));
}

function writeAlive(message: Alive, pen: Pen, offset: number): number {
  let at = putBlob(message.addr, pen, put(aliveHead, pen, offset));
  at = putUint(message.incarnation, pen.bytes, put(keyIncarnation, pen, at));
  at = putBlob(message.meta, pen, put(keyMeta, pen, at));
  at = putText(message.node, pen, put(keyNode, pen, at));
  at = putUint(message.port, pen.bytes, put(keyPort, pen, at));
  return putBlob(message.vsn, pen, put(keyVsn, pen, at));
}

/** One entry of a push/pull's node list; it has no type byte. */
export function writeNode(node: PushPullNode, pen: Pen, offset: number): number {
  let at = putBlob(node.addr, pen, put(nodeHead, pen, offset));
  at = putUint(node.incarnation, pen.bytes, put(keyIncarnation, pen, at));
  // There are hundreds of these at a time, so the usual neighbours are written in one go.
  at =
    node.meta === null ? put(noMetaName, pen, at) : put(keyName, pen, putBlob(node.meta, pen, put(keyMeta, pen, at)));
  at = putText(node.name, pen, at);
  at = putUint(node.port, pen.bytes, put(keyPort, pen, at));
  const { state } = node;
  if (state <= 0x7f) {
    const stateAt = at + keyState.length;
    at = put(stateVsn, pen, at);
    pen.bytes[stateAt] = state;
  } else at = put(keyVsn, pen, putUint(state, pen.bytes, put(keyState, pen, at)));
  return putBlob(node.vsn, pen, at);
}

/** An upper bound for what `writeNode` needs. */
export function nodeBound(node: PushPullNode): number {
  return 84 + blobBound(node.addr) + blobBound(node.meta) + blobBound(node.vsn) + 3 * node.name.length;
}

/** The type byte and header of a push/pull. 48 bytes are enough. */
export function writePushPullHeader(
  join: boolean,
  nodes: number,
  userStateBytes: number,
  pen: Pen,
  offset: number,
): number {
  let at = put(pushPullHead, pen, offset);
  pen.bytes[at++] = join ? 0xc3 : 0xc2;
  at = putUint(nodes, pen.bytes, put(keyNodes, pen, at));
  return putUint(userStateBytes, pen.bytes, put(keyUserStateLen, pen, at));
}

/** The type byte and header of a user message on a stream. 32 bytes are enough. */
export function writeUserHeader(payloadBytes: number, pen: Pen, offset: number): number {
  return putUint(payloadBytes, pen.bytes, put(userHead, pen, offset));
}

/** An err message. */
export function writeErr(error: string, pen: Pen, offset: number): number {
  return putText(error, pen, put(errHead, pen, offset));
}

/** The beginning of a compress message up to the LZW bytes: type byte, algorithm, head of `Buf`. */
export function writeCompressHeader(bufBytes: number, target: Uint8Array, offset: number): number {
  return putBlobHead(bufBytes, target, putBytes(compressHead, target, offset));
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

function putSource(source: PingSource, pen: Pen, offset: number): number {
  let at = offset;
  if (source.sourceAddr !== null && source.sourceAddr.length > 0)
    at = putBlob(source.sourceAddr, pen, put(keySourceAddr, pen, at));
  if (source.sourceNode !== "") at = putText(source.sourceNode, pen, put(keySourceNode, pen, at));
  if (source.sourcePort !== 0) at = putUint(source.sourcePort, pen.bytes, put(keySourcePort, pen, at));
  return at;
}

function blobBound(blob: Uint8Array | null): number {
  return blob === null ? 1 : blob.length;
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

// A meta of nil and the key behind it; a small state, which is written over, and the key behind it.
const noMetaName = new Constant([...keyBytes("Meta"), 0xc0, ...keyBytes("Name")]);
const stateVsn = new Constant([...keyBytes("State"), 0, ...keyBytes("Vsn")]);

// Type byte, map head, first key. Where the number of fields or the type varies, the byte is written over.
const pingHead = key("Node", 0, 0x82);
const indirectPingHead = key("Nack", 1, 0x85);
const ackHead = key("Payload", 2, 0x82);
const accusationHead = key("From", 3, 0x83);
const aliveHead = key("Addr", 4, 0x86);
const nodeHead = key("Addr", 0x87);
const pushPullHead = key("Join", 6, 0x83);
const userHead = key("UserMsgLen", 8, 0x81);
// Goes where not a byte may be spoilt, so it is not written in words: "Algo" is 0, then the key "Buf".
const compressHead = new Uint8Array([9, 0x82, 0xa4, 0x41, 0x6c, 0x67, 0x6f, 0x00, 0xa3, 0x42, 0x75, 0x66]);
const nackHead = key("SeqNo", 11, 0x81);
const errHead = key("Error", 13, 0x81);
