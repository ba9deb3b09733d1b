/**
 * One message body to one record. Tries what Go emits first (`MessageCursor`), and reads it again the tolerant way
 * (`Reader`) when it is anything else. This is about types only; `strictness.ts` says what is acceptable beyond that.
 *
 * Records and byte fields are borrowed: the decoder has one record for each type and fills it again. Names are real
 * strings. A name that is not UTF-8 or too long refuses its message, since no record can hold it faithfully.
 * Sources: memberlist protocol notes, sections 6 and 10.
 */

import type { Ack, Alive, Dead, DropReason, IndirectPing, Nack, Ping, PingSource, Suspect } from "@hearsay/core";
import { Lender } from "./lender.ts";
import { maxNameBytes } from "./limits.ts";
import { MessageCursor, nilBlob } from "./message-cursor.ts";
import { Reader } from "./msgpack-reader.ts";
import type { NameCache } from "./name-cache.ts";

export class MessageDecoder {
  readonly ping: Ping = { type: 0, seqNo: 0, node: "", sourceAddr: null, sourcePort: 0, sourceNode: "" };
  readonly indirectPing: IndirectPing = {
    type: 1,
    seqNo: 0,
    target: null,
    port: 0,
    node: "",
    nack: false,
    sourceAddr: null,
    sourcePort: 0,
    sourceNode: "",
  };
  readonly ack: Ack = { type: 2, seqNo: 0, payload: null };
  readonly nack: Nack = { type: 11, seqNo: 0 };
  readonly suspect: Suspect = { type: 3, incarnation: 0, node: "", from: "" };
  readonly dead: Dead = { type: 5, incarnation: 0, node: "", from: "" };
  readonly alive: Alive = { type: 4, incarnation: 0, node: "", addr: null, port: 0, meta: null, vsn: null };

  private readonly names: NameCache;
  private readonly cursor = new MessageCursor();
  private readonly reader = new Reader();
  private refusal: DropReason | undefined;

  private readonly addr = new Lender();
  private readonly meta = new Lender();
  private readonly vsn = new Lender();
  private readonly sourceAddr = new Lender();

  constructor(names: NameCache) {
    this.names = names;
  }

  /** Fills `ping` from the body at `bytes[start..end)`; a reason when it does not decode. The others likewise. */
  decodePing(bytes: Uint8Array, start: number, end: number): DropReason | undefined {
    if (this.quickPing(bytes, start, end)) return undefined;
    const { ping } = this;
    ping.seqNo = 0;
    ping.node = "";
    return this.tolerantPing(ping, pingFields, bytes, start, end);
  }

  decodeIndirectPing(bytes: Uint8Array, start: number, end: number): DropReason | undefined {
    if (this.quickIndirectPing(bytes, start, end)) return undefined;
    const { indirectPing } = this;
    indirectPing.seqNo = 0;
    indirectPing.target = null;
    indirectPing.port = 0;
    indirectPing.node = "";
    indirectPing.nack = false;
    return this.tolerantPing(indirectPing, indirectPingFields, bytes, start, end);
  }

  decodeAck(bytes: Uint8Array, start: number, end: number): DropReason | undefined {
    if (this.quickAck(bytes, start, end)) return undefined;
    const { ack, reader } = this;
    ack.seqNo = 0;
    ack.payload = null;
    this.begin(bytes, start, end).struct(ackFields, (field) => {
      if (field === 0) ack.seqNo = reader.uint(u32);
      else ack.payload = this.readBlob(this.meta);
    });
    return this.outcome();
  }

  decodeNack(bytes: Uint8Array, start: number, end: number): DropReason | undefined {
    const { nack, reader } = this;
    nack.seqNo = 0;
    this.begin(bytes, start, end).struct(nackFields, () => {
      nack.seqNo = reader.uint(u32);
    });
    return this.outcome();
  }

  decodeSuspect(bytes: Uint8Array, start: number, end: number): DropReason | undefined {
    return this.decodeAccusation(this.suspect, bytes, start, end);
  }

  decodeDead(bytes: Uint8Array, start: number, end: number): DropReason | undefined {
    return this.decodeAccusation(this.dead, bytes, start, end);
  }

  decodeAlive(bytes: Uint8Array, start: number, end: number): DropReason | undefined {
    if (this.quickAlive(bytes, start, end)) return undefined;
    const { alive, reader } = this;
    alive.incarnation = 0;
    alive.node = "";
    alive.addr = null;
    alive.port = 0;
    alive.meta = null;
    alive.vsn = null;
    this.begin(bytes, start, end).struct(aliveFields, (field) => {
      if (field === 0) alive.incarnation = reader.uint(u32);
      else if (field === 1) alive.node = this.readName();
      else if (field === 2) alive.addr = this.readBlob(this.addr);
      else if (field === 3) alive.port = reader.uint(u16);
      else if (field === 4) alive.meta = this.readBlob(this.meta);
      else alive.vsn = this.readBlob(this.vsn);
    });
    return this.outcome();
  }

  private decodeAccusation(
    accusation: Suspect | Dead,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): DropReason | undefined {
    if (this.quickAccusation(accusation, bytes, start, end)) return undefined;
    const { reader } = this;
    accusation.incarnation = 0;
    accusation.node = "";
    accusation.from = "";
    this.begin(bytes, start, end).struct(accusationFields, (field) => {
      if (field === 0) accusation.incarnation = reader.uint(u32);
      else if (field === 1) accusation.node = this.readName();
      else accusation.from = this.readName();
    });
    return this.outcome();
  }

  // The quick way. Each is the field list of the table in the protocol notes, in byte order of the keys.

  private quickPing(bytes: Uint8Array, start: number, end: number): boolean {
    const { cursor, ping } = this;
    if (start >= end) return false;
    const count = bytes[start]! - 0x82;
    cursor.reset(bytes, start + 1, end);
    let node: string | undefined;
    let seqNo: number;
    if (
      count < 0 ||
      count > 3 ||
      !cursor.constant(keyNode) ||
      (node = this.quickName()) === undefined ||
      !cursor.constant(keySeqNo) ||
      (seqNo = cursor.uint()) < 0
    )
      return false;
    ping.node = node;
    ping.seqNo = seqNo;
    return this.quickSource(ping) === count;
  }

  private quickIndirectPing(bytes: Uint8Array, start: number, end: number): boolean {
    const { cursor, indirectPing } = this;
    if (start >= end) return false;
    const count = bytes[start]! - 0x85;
    cursor.reset(bytes, start + 1, end);
    if (count < 0 || count > 3 || !cursor.constant(keyNack)) return false;
    const nack = cursor.byte(0xc3);
    let node: string | undefined;
    let port: number;
    let seqNo: number;
    let length: number;
    if (
      (!nack && !cursor.byte(0xc2)) ||
      !cursor.constant(keyNode) ||
      (node = this.quickName()) === undefined ||
      !cursor.constant(keyPort) ||
      (port = cursor.uint()) < 0 ||
      port > u16 ||
      !cursor.constant(keySeqNo) ||
      (seqNo = cursor.uint()) < 0 ||
      this.quickSource(indirectPing) !== count ||
      !cursor.constant(keyTarget) ||
      (length = cursor.blob()) < nilBlob
    )
      return false;
    indirectPing.nack = nack;
    indirectPing.node = node;
    indirectPing.port = port;
    indirectPing.seqNo = seqNo;
    indirectPing.target = this.quickBlob(this.addr, length);
    return true;
  }

  /** Reads the source fields there are; returns how many, −1 for something unusual. */
  private quickSource(ping: PingSource): number {
    const { cursor } = this;
    let count = 0;
    ping.sourceAddr = null;
    ping.sourceNode = "";
    ping.sourcePort = 0;
    if (cursor.constant(keySourceAddr)) {
      const length = cursor.blob();
      if (length < nilBlob) return -1;
      ping.sourceAddr = this.quickBlob(this.sourceAddr, length);
      count++;
    }
    if (cursor.constant(keySourceNode)) {
      const name = this.quickName();
      if (name === undefined) return -1;
      ping.sourceNode = name;
      count++;
    }
    if (cursor.constant(keySourcePort)) {
      const port = cursor.uint();
      if (port < 0 || port > u16) return -1;
      ping.sourcePort = port;
      count++;
    }
    return count;
  }

  private quickAck(bytes: Uint8Array, start: number, end: number): boolean {
    const { cursor, ack } = this;
    cursor.reset(bytes, start, end);
    if (!cursor.constant(ackHead)) return false;
    const length = cursor.blob();
    if (length < nilBlob) return false;
    const from = cursor.at;
    if (length > 0) cursor.at += length;
    if (!cursor.constant(keySeqNo)) return false;
    const seqNo = cursor.uint();
    if (seqNo < 0) return false;
    ack.seqNo = seqNo;
    ack.payload = length === nilBlob ? null : this.meta.lend(bytes, from, length);
    return true;
  }

  private quickAccusation(accusation: Suspect | Dead, bytes: Uint8Array, start: number, end: number): boolean {
    const { cursor } = this;
    cursor.reset(bytes, start, end);
    let from: string | undefined;
    let incarnation: number;
    let node: string | undefined;
    if (
      !cursor.constant(accusationHead) ||
      (from = this.quickName()) === undefined ||
      !cursor.constant(keyIncarnation) ||
      (incarnation = cursor.uint()) < 0 ||
      !cursor.constant(keyNode) ||
      (node = this.quickName()) === undefined
    )
      return false;
    accusation.from = from;
    accusation.incarnation = incarnation;
    accusation.node = node;
    return true;
  }

  private quickAlive(bytes: Uint8Array, start: number, end: number): boolean {
    const { cursor, alive } = this;
    cursor.reset(bytes, start, end);
    if (!cursor.constant(aliveHead)) return false;
    let length = cursor.blob();
    if (length < nilBlob) return false;
    alive.addr = this.quickBlob(this.addr, length);
    if (!cursor.constant(keyIncarnation)) return false;
    const incarnation = cursor.uint();
    if (incarnation < 0 || !cursor.constant(keyMeta)) return false;
    length = cursor.blob();
    if (length < nilBlob) return false;
    alive.meta = this.quickBlob(this.meta, length);
    if (!cursor.constant(keyNode)) return false;
    const node = this.quickName();
    if (node === undefined || !cursor.constant(keyPort)) return false;
    const port = cursor.uint();
    if (port < 0 || port > u16 || !cursor.constant(keyVsn)) return false;
    length = cursor.blob();
    if (length < nilBlob) return false;
    alive.vsn = this.quickBlob(this.vsn, length);
    alive.incarnation = incarnation;
    alive.node = node;
    alive.port = port;
    return true;
  }

  /** The name at the cursor; undefined when it has to be looked at more closely. */
  private quickName(): string | undefined {
    const { cursor } = this;
    const length = cursor.blob();
    if (length < 0 || length > maxNameBytes) return undefined;
    const start = cursor.at;
    cursor.at = start + length;
    return this.names.get(cursor.bytes, start, start + length);
  }

  private quickBlob(lender: Lender, length: number): Uint8Array | null {
    if (length === nilBlob) return null;
    const { cursor } = this;
    cursor.at += length;
    return lender.lend(cursor.bytes, cursor.at - length, length);
  }

  // The tolerant way.

  private tolerantPing(
    ping: Ping | IndirectPing,
    fields: readonly string[],
    bytes: Uint8Array,
    start: number,
    end: number,
  ): DropReason | undefined {
    const { reader } = this;
    ping.sourceAddr = null;
    ping.sourcePort = 0;
    ping.sourceNode = "";
    this.begin(bytes, start, end).struct(fields, (field) => {
      const name = fields[field]!;
      if (name === "SeqNo") ping.seqNo = reader.uint(u32);
      else if (name === "Node") ping.node = this.readName();
      else if (name === "SourceAddr") ping.sourceAddr = this.readBlob(this.sourceAddr);
      else if (name === "SourcePort") ping.sourcePort = reader.uint(u16);
      else if (name === "SourceNode") ping.sourceNode = this.readName();
      else if (ping.type === 1) {
        if (name === "Target") ping.target = this.readBlob(this.addr);
        else if (name === "Port") ping.port = reader.uint(u16);
        else ping.nack = reader.bool();
      }
    });
    return this.outcome();
  }

  private begin(bytes: Uint8Array, start: number, end: number): Reader {
    this.refusal = undefined;
    return this.reader.reset(bytes, start, end);
  }

  private outcome(): DropReason | undefined {
    return this.reader.failure ?? this.refusal;
  }

  private readName(): string {
    const { reader } = this;
    const length = reader.blobHead();
    if (length <= 0) return "";
    const start = reader.offset;
    reader.offset += length;
    if (length > maxNameBytes) {
      this.refusal ??= "name-too-long";
      return "";
    }
    const name = this.names.get(reader.bytes, start, start + length);
    if (name === undefined) this.refusal ??= "name-invalid";
    return name ?? "";
  }

  private readBlob(lender: Lender): Uint8Array | null {
    const view = this.reader.blobView();
    return view === null ? null : lender.lend(view, 0, view.length);
  }
}

const u16 = 0xffff;
const u32 = 0xffff_ffff;

// Declaration order, which is what the array form goes by.
const pingFields = ["SeqNo", "Node", "SourceAddr", "SourcePort", "SourceNode"] as const;
const indirectPingFields = [
  "SeqNo",
  "Target",
  "Port",
  "Node",
  "Nack",
  "SourceAddr",
  "SourcePort",
  "SourceNode",
] as const;
const ackFields = ["SeqNo", "Payload"] as const;
const nackFields = ["SeqNo"] as const;
const accusationFields = ["Incarnation", "Node", "From"] as const;
const aliveFields = ["Incarnation", "Node", "Addr", "Port", "Meta", "Vsn"] as const;

/** A key in raw form, with what may stand before it. */
function key(name: string, ...before: number[]): Uint8Array {
  return new Uint8Array([...before, 0xa0 | name.length, ...Array.from(name, (letter) => letter.charCodeAt(0))]);
}

const keyIncarnation = key("Incarnation");
const keyMeta = key("Meta");
const keyNack = key("Nack");
const keyNode = key("Node");
const keyPort = key("Port");
const keySeqNo = key("SeqNo");
const keySourceAddr = key("SourceAddr");
const keySourceNode = key("SourceNode");
const keySourcePort = key("SourcePort");
const keyTarget = key("Target");
const keyVsn = key("Vsn");
const ackHead = key("Payload", 0x82);
const accusationHead = key("From", 0x83);
const aliveHead = key("Addr", 0x86);
