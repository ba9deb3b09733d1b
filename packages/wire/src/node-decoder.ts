/**
 * The node list of a push/pull. Entries belong to whoever gets them: nothing in them is a view of the stream, so keeping
 * one member does not keep a megabyte. Bytes equal to those of the entry before (versions nearly always, meta often) are
 * shared with it, and addresses with entries of earlier lists; nobody may write to them.
 *
 * An entry that no working node can have made is left out and named in `refusals`, instead of refusing the exchange: a
 * peer that tolerates such an entry passes it on for ever and could then never be synchronised with. Versions of 1 to 5
 * bytes do refuse all of it, because such a list says that the sender itself is broken.
 * Sources: memberlist protocol notes, sections 8.4, 10.8 and 15.
 */

import { type DropReason, MemberState, type PushPullNode } from "@hearsay/core";
import { copyOf } from "./byte-views.ts";
import { Constant, key, keyBytes } from "./constant.ts";
import { maxMetaBytes, maxNameBytes, versionBytes } from "./limits.ts";
import { MessageCursor, nilBlob } from "./message-cursor.ts";
import { Reader } from "./msgpack-reader.ts";
import type { NameCache } from "./name-cache.ts";
import { isAddress } from "./strictness.ts";

export class NodeDecoder {
  /** Offset behind the list. */
  end = 0;
  /** Why entries were left out, one word for each. */
  refusals: DropReason[] = [];
  /** How many entries were not written as Go writes them. */
  tolerated = 0;

  private readonly names: NameCache;
  private readonly cursor = new MessageCursor();
  private readonly reader = new Reader();
  private refusal: DropReason | undefined;
  /** IPv4 addresses by their hash: the same ones come with every exchange. */
  private readonly addrs = new Array<Uint8Array | undefined>(addrSlots).fill(undefined);
  private readonly addrWords = new Int32Array(addrSlots);
  private meta: Uint8Array | null = null;
  private vsn: Uint8Array | null = null;

  constructor(names: NameCache) {
    this.names = names;
  }

  /** Reads `count` entries from `bytes[start..end)`, or gives the reason why the exchange is refused. */
  decode(bytes: Uint8Array, start: number, end: number, count: number): PushPullNode[] | DropReason {
    const nodes: PushPullNode[] = [];
    this.refusals = [];
    this.meta = null;
    this.vsn = null;
    this.tolerated = 0;
    this.end = start;
    this.cursor.attach(bytes);
    for (let i = 0; i < count; i++) {
      this.refusal = undefined;
      let node: PushPullNode | DropReason | undefined = this.quickNode(bytes, this.end, end);
      if (node !== undefined) {
        // The quick way has checked all of it.
        nodes.push(node);
        continue;
      }
      this.tolerated++;
      node = this.tolerantNode(bytes, this.end, end);
      if (typeof node === "string") return node;
      const vsnLength = node.vsn?.length ?? 0;
      if (vsnLength > 0 && vsnLength < versionBytes) return "version-vector";
      const refusal = this.refusal ?? checkNode(node);
      if (refusal === undefined) nodes.push(node);
      else this.refusals.push(refusal);
    }
    return nodes;
  }

  private quickNode(bytes: Uint8Array, start: number, end: number): PushPullNode | undefined {
    const { cursor } = this;
    cursor.reset(bytes, start, end);
    if (!cursor.key(nodeHead)) return undefined;
    let length = cursor.blob();
    // Only what is certainly an address, so that nothing is copied for an entry that is then read again.
    if (length !== 4 && length !== 16) return undefined;
    const addrAt = cursor.at;
    cursor.at += length;
    const addrEnd = cursor.at;
    if (!cursor.key(keyIncarnation)) return undefined;
    const incarnation = cursor.uint();
    if (incarnation < 0) return undefined;
    let metaLength = nilBlob;
    let metaAt = 0;
    // Usual neighbours are taken in one step here and below: there are hundreds of entries at a time.
    if (!cursor.key(noMetaName)) {
      if (!cursor.key(keyMeta)) return undefined;
      metaLength = cursor.blob();
      if (metaLength < nilBlob || metaLength > maxMetaBytes) return undefined;
      metaAt = cursor.at;
      if (metaLength > 0) cursor.at += metaLength;
      if (!cursor.key(keyName)) return undefined;
    }
    length = cursor.blob();
    if (length <= 0 || length > maxNameBytes) return undefined;
    const nameAt = cursor.at;
    cursor.at += length;
    const nameEnd = cursor.at;
    if (!cursor.key(keyPort)) return undefined;
    const port = cursor.uint();
    if (port < 0 || port > 0xffff) return undefined;
    let state = 0;
    if (!cursor.key(aliveVsn)) {
      if (!cursor.key(keyState)) return undefined;
      state = cursor.uint();
      if (state < 0 || !cursor.key(keyVsn) || cursor.blob() !== versionBytes) return undefined;
    } else if (cursor.at + versionBytes > end) return undefined;
    const vsnAt = cursor.at;
    const name = this.names.getByWords(cursor.words, bytes, nameAt, nameEnd);
    if (name === undefined) return undefined;
    this.end = vsnAt + versionBytes;
    return {
      name,
      addr: addrEnd - addrAt === 4 ? this.sharedAddr(bytes, addrAt) : copyOf(bytes, addrAt, addrEnd),
      port,
      meta: metaLength === nilBlob ? null : (this.meta = shared(this.meta, bytes, metaAt, metaAt + metaLength)),
      incarnation,
      state,
      vsn: (this.vsn = shared(this.vsn, bytes, vsnAt, vsnAt + versionBytes)),
    };
  }

  /** Four bytes, the same array as the last time if they are still remembered. */
  private sharedAddr(bytes: Uint8Array, start: number): Uint8Array {
    const word = this.cursor.words.getInt32(start);
    const slot = Math.imul(word, 0x9e3779b1) >>> addrShift;
    const held = this.addrs[slot];
    if (held !== undefined && this.addrWords[slot] === word) return held;
    const addr = copyOf(bytes, start, start + 4);
    this.addrs[slot] = addr;
    this.addrWords[slot] = word;
    return addr;
  }

  private tolerantNode(bytes: Uint8Array, start: number, end: number): PushPullNode | DropReason {
    const reader = this.reader.reset(bytes, start, end);
    const node: PushPullNode = { name: "", addr: null, port: 0, meta: null, incarnation: 0, state: 0, vsn: null };
    let nameLength = 0;
    reader.struct(nodeFields, (field) => {
      if (field === 0) {
        nameLength = Math.max(0, reader.blobHead());
        const nameAt = reader.offset;
        reader.offset += nameLength;
        node.name = nameLength > maxNameBytes ? "" : (this.names.get(bytes, nameAt, reader.offset) ?? "");
      } else if (field === 1) node.addr = reader.blobView();
      else if (field === 2) node.port = reader.uint(0xffff);
      else if (field === 3) node.meta = reader.blobView();
      else if (field === 4) node.incarnation = reader.uint(0xffff_ffff);
      else if (field === 5) node.state = reader.int(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
      else node.vsn = reader.blobView();
    });
    if (reader.failure !== undefined) return reader.failure;
    this.end = reader.offset;
    if (nameLength > maxNameBytes) this.refusal = "name-too-long";
    if (node.addr !== null) node.addr = isAddress(node.addr) ? copyOf(node.addr) : null;
    if (node.meta !== null && node.meta.length <= maxMetaBytes) node.meta = copyOf(node.meta);
    if (node.vsn !== null) node.vsn = copyOf(node.vsn, 0, Math.min(node.vsn.length, versionBytes));
    if (node.vsn?.length === 0) node.vsn = null;
    return node;
  }
}

function checkNode(node: PushPullNode): DropReason | undefined {
  if (node.name === "") return "name-invalid";
  if (node.meta !== null && node.meta.length > maxMetaBytes) return "meta-too-long";
  // The other states are claims about a name only; their address is not looked at.
  if (node.state === MemberState.alive && node.addr === null) return "address-length";
  return undefined;
}

function shared(last: Uint8Array | null, bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (last === null || last.length !== end - start) return copyOf(bytes, start, end);
  for (let i = 0; i < last.length; i++) if (last[i] !== bytes[start + i]) return copyOf(bytes, start, end);
  return last;
}

const addrSlots = 512;
const addrShift = 32 - 9;

/** Declaration order. */
const nodeFields = ["Name", "Addr", "Port", "Meta", "Incarnation", "State", "Vsn"] as const;

const nodeHead = key("Addr", 0x87);
const keyIncarnation = key("Incarnation");
const keyMeta = key("Meta");
const keyName = key("Name");
const keyPort = key("Port");
const keyState = key("State");
const keyVsn = key("Vsn");
const noMetaName = new Constant([...keyBytes("Meta"), 0xc0, ...keyBytes("Name")]);
const aliveVsn = new Constant([...keyBytes("State"), MemberState.alive, ...keyBytes("Vsn"), 0xa0 | versionBytes]);
