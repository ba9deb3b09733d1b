/**
 * The bytes of a state message: type byte 0xe0, then one MessagePack array
 *
 *   [flags, gc ms, gc count, roots | nil, nodes, covers, owner wants, key wants, deltas, writes, beats, rates, …]
 *
 * in which an empty part is nil, rates are left out where there are none, and records are arrays in the order of
 * `messages.ts`; `beats` are those of `beat-codec.ts`. What follows the known fields is
 * passed over, in records too, so that later versions may add some. Nothing read here throws; every count is compared
 * with the bytes there are before anything is kept, and a message is taken whole or not at all.
 */
import type { DropReason } from "@hearsay/core";
import { Reader, utf8Length, Writer } from "@hearsay/wire";
import { readShortBeats } from "./beat-codec.ts";
import { type ExchangeMode, maxCounter, maxKeyBytes, maxNameBytes, maxOwners, maxTtlMs } from "./config.ts";
import { highestRate, rateUnit } from "./flow-config.ts";
import { fanOut, firstLeaf, treeNodes } from "./hash-tree.ts";
import { maxStampCount, maxStampMs, type Stamp } from "./hlc.ts";
import {
  type Cover,
  type Heartbeat,
  type KeyLine,
  type NodeWrite,
  type OwnerDelta,
  type OwnerLine,
  type RateLine,
  type SectionId,
  type SharedWrite,
  type ShortBeat,
  type StateMessage,
  sectionCount,
  stateMessageType,
  type TreeId,
  type TreeNode,
} from "./messages.ts";

const modes: readonly ExchangeMode[] = ["push-pull", "push", "pull"];
const initiatorFlag = 4;
const rumourFlag = 8;

/** Type byte, array head, flags, gc, roots, rates: at most. */
const headBytes = 1 + 1 + 1 + 9 + 3 + 11 + 16;
/** The head of each section: at most. */
const sectionHeadBytes = 5;

/** Bytes that a message may take beside its parts. */
export const messageOverhead = headBytes + sectionCount * sectionHeadBytes;

/** What a message has beside its parts. */
export interface Envelope extends Pick<StateMessage, "mode" | "initiator" | "rumour" | "gc" | "roots"> {
  readonly rates?: RateLine | undefined;
}

/** Puts a message together from encoded parts, up to a limit. */
export class MessageBuilder {
  readonly #parts: Uint8Array[][] = Array.from({ length: sectionCount }, () => []);
  readonly #limit: number;
  #bytes = messageOverhead;
  #writesLeft: number;

  /**
   * @param limit bytes, type byte included
   * @param mostWrites writes, own and shared
   */
  constructor(limit: number, mostWrites = Number.POSITIVE_INFINITY) {
    this.#limit = limit;
    this.#writesLeft = mostWrites;
  }

  get room(): number {
    return this.#limit - this.#bytes;
  }

  /** How many more writes may be added. */
  get writesLeft(): number {
    return this.#writesLeft;
  }

  get isEmpty(): boolean {
    return this.#bytes === messageOverhead;
  }

  /** False when there is no room, and nothing was added. @param writes that the part holds */
  add(section: SectionId, part: Uint8Array, writes = 0): boolean {
    if (part.length > this.room || writes > this.#writesLeft) return false;
    this.#parts[section]!.push(part);
    this.#bytes += part.length;
    this.#writesLeft -= writes;
    return true;
  }

  finish({ mode, initiator, rumour, gc, roots, rates }: Envelope): Uint8Array {
    const writer = new Writer({ dialect: "new", initialBytes: this.#bytes });
    writer.byte(stateMessageType).array(4 + sectionCount + (rates ? 1 : 0));
    writer.uint(modes.indexOf(mode) + (initiator ? initiatorFlag : 0) + (rumour ? rumourFlag : 0));
    writer.uint(gc.ms).uint(gc.count);
    if (roots === undefined) writer.nil();
    else writer.array(2).uint(roots[0]).uint(roots[1]);
    for (const parts of this.#parts) {
      if (parts.length === 0) {
        writer.nil();
        continue;
      }
      writer.array(parts.length);
      for (const part of parts) writer.raw(part);
    }
    if (rates !== undefined) writer.array(3).uint(rates.exchange).uint(rates.rate).uint(rates.wish);
    return writer.finish();
  }
}

/** For one part at a time: parts are small and many, and each is copied out before the next begins. */
const partWriter = new Writer({ dialect: "new", initialBytes: 1024 });
function scratch(): Writer {
  partWriter.reset();
  return partWriter;
}

export function encodeTreeNode({ tree, node, children }: TreeNode): Uint8Array {
  const hashes = new Uint8Array(4 * fanOut);
  const view = new DataView(hashes.buffer);
  for (let i = 0; i < fanOut; i++) view.setUint32(4 * i, children[i]!);
  return scratch().array(3).uint(tree).uint(node).bytes(hashes).finish();
}

export function encodeOwnerLine(line: OwnerLine): Uint8Array {
  const writer = scratch().array(5).text(line.owner).uint(line.generation);
  return writer.uint(line.maxVersion).uint(line.lastGcVersion).uint(line.hash).finish();
}

export function encodeKeyLine(line: KeyLine): Uint8Array {
  const writer = scratch().array(6).text(line.key);
  return writer.uint(line.ms).uint(line.count).text(line.writer).bool(line.dead).uint(line.hash).finish();
}

/** @param lines encoded, owners' or keys' by the tree */
export function encodeCover(tree: TreeId, node: number, complete: boolean, lines: readonly Uint8Array[]): Uint8Array {
  const writer = scratch().array(4).uint(tree).uint(node).bool(complete).array(lines.length);
  for (const line of lines) writer.raw(line);
  return writer.finish();
}

export function encodeKeyWant(key: string): Uint8Array {
  return scratch().text(key).finish();
}

export function encodeNodeWrite(write: NodeWrite): Uint8Array {
  return scratch().array(3).text(write.key).uint(write.version).bytes(write.value).finish();
}

/** @param writes encoded */
export function encodeDelta(delta: Omit<OwnerDelta, "writes">, writes: readonly Uint8Array[]): Uint8Array {
  const writer = scratch().array(6).text(delta.owner).uint(delta.generation);
  writer.uint(delta.from).uint(delta.to).uint(delta.lastGcVersion).array(writes.length);
  for (const write of writes) writer.raw(write);
  return writer.finish();
}

/** Bytes of a delta of that owner beside its writes: at most. */
export function deltaOverhead(owner: string): number {
  return 1 + 5 + utf8Length(owner) + 4 * 9 + 5;
}

export function encodeSharedWrite(write: SharedWrite): Uint8Array {
  const writer = scratch().array(6).text(write.key).uint(write.ms).uint(write.count);
  return writer.text(write.writer).uint(write.ttlMs).bytes(write.value).finish();
}

export function encodeHeartbeat(heartbeat: Heartbeat): Uint8Array {
  return scratch().array(3).text(heartbeat.owner).uint(heartbeat.generation).uint(heartbeat.beat).finish();
}

/** Items of all lists of a message together: more than a pool at the default limits can have to say. */
export const defaultMaxItems = 2 ** 19;

/**
 * The message, or why it was refused. Values are copies.
 * @param bytes type byte first; borrowed
 * @param maxItems of all lists together: in memory an item takes twenty times its bytes
 */
export function decodeStateMessage(
  bytes: Uint8Array,
  maxValueBytes: number,
  maxItems: number = defaultMaxItems,
): StateMessage | DropReason {
  if (bytes.length === 0) return "empty";
  if (bytes[0] !== stateMessageType) return "unknown-type";
  const decoder = new Decoder(new Reader(bytes, 1), maxValueBytes, maxItems);
  const message = decoder.message();
  if (decoder.hasTooMany) return "count-too-large";
  return decoder.reader.failure ?? decoder.refusal ?? message;
}

class Decoder {
  readonly reader: Reader;
  readonly #maxValueBytes: number;
  #itemsLeft: number;
  hasTooMany = false;
  refusal: DropReason | undefined;

  constructor(reader: Reader, maxValueBytes: number, maxItems: number) {
    this.reader = reader;
    this.#maxValueBytes = maxValueBytes;
    this.#itemsLeft = maxItems;
  }

  message(): StateMessage {
    const { reader } = this;
    const fields = 4 + sectionCount;
    const read = (count: number) => {
      const flags = reader.uint(0xff);
      const gc = this.stamp();
      const roots = reader.tryNil() ? undefined : this.record(2, () => [this.u32(), this.u32()] as const);
      const sections = {
        nodes: this.list(() => this.treeNode()),
        covers: this.list(() => this.cover()),
        ownerWants: this.list(() => this.ownerLine()),
        keyWants: this.list(() => this.name(maxKeyBytes)),
        deltas: this.list(() => this.delta()),
        writes: this.list(() => this.sharedWrite()),
        ...this.heartbeats(),
        rates: count > fields && !reader.tryNil() ? this.rateLine() : undefined,
      };
      const mode = modes[flags & 3];
      if (mode === undefined) this.refuse("field-range");
      const initiator = (flags & initiatorFlag) !== 0;
      const rumour = (flags & rumourFlag) !== 0;
      return { mode: mode ?? "push-pull", initiator, rumour, gc, roots, ...sections };
    };
    return this.record(fields, read, 1);
  }

  treeNode(): TreeNode {
    return this.record(3, () => {
      const { tree, node } = this.place(firstLeaf - 1);
      const hashes = this.reader.blobView();
      if (hashes?.length !== 4 * fanOut) {
        this.refuse("field-range");
        return { tree, node, children: [] };
      }
      const view = new DataView(hashes.buffer, hashes.byteOffset, hashes.length);
      return { tree, node, children: Array.from({ length: fanOut }, (_, i) => view.getUint32(4 * i)) };
    });
  }

  cover(): Cover {
    return this.record(4, () => {
      const { tree, node } = this.place(treeNodes - 1);
      const complete = this.reader.bool();
      const owners = tree === 0 ? this.list(() => this.ownerLine()) : [];
      const keys = tree === 1 ? this.list(() => this.keyLine()) : [];
      return { tree, node, complete, owners, keys };
    });
  }

  ownerLine(): OwnerLine {
    return this.record(5, () => ({
      owner: this.name(maxNameBytes),
      generation: this.counter(),
      maxVersion: this.counter(),
      lastGcVersion: this.counter(),
      hash: this.u32(),
    }));
  }

  keyLine(): KeyLine {
    return this.record(6, () => ({
      key: this.name(maxKeyBytes),
      ...this.stamp(),
      writer: this.name(maxNameBytes),
      dead: this.reader.bool(),
      hash: this.u32(),
    }));
  }

  delta(): OwnerDelta {
    return this.record(6, () => {
      const owner = this.name(maxNameBytes);
      const generation = this.counter();
      const from = this.counter();
      const to = this.counter();
      const lastGcVersion = this.counter();
      let last = from;
      const writes = this.list(() => {
        const write = this.nodeWrite();
        if (write.version <= last || write.version > to) this.refuse("field-range");
        last = write.version;
        return write;
      });
      if (to < from) this.refuse("field-range");
      return { owner, generation, from, to, lastGcVersion, writes };
    });
  }

  nodeWrite(): NodeWrite {
    return this.record(3, () => ({ key: this.name(maxKeyBytes), version: this.counter(), value: this.value() }));
  }

  sharedWrite(): SharedWrite {
    return this.record(6, () => ({
      key: this.name(maxKeyBytes),
      ...this.stamp(),
      writer: this.name(maxNameBytes),
      ttlMs: this.reader.uint(maxTtlMs),
      value: this.value(),
    }));
  }

  /** Of both forms, no more than there may be owners. */
  heartbeats(): Pick<StateMessage, "beats" | "shortBeats"> {
    const beats: Heartbeat[] = [];
    const shortBeats: ShortBeat[] = [];
    this.list(() => {
      if (this.reader.peek() === "array") beats.push(this.heartbeat());
      else this.shortBeats(shortBeats);
      if (beats.length + shortBeats.length > maxOwners) this.refuse("count-too-large");
    });
    return { beats, shortBeats };
  }

  shortBeats(to: ShortBeat[]): void {
    const bytes = this.reader.blobView();
    const read = bytes && readShortBeats(bytes, maxOwners);
    if (!read) this.refuse("field-range");
    else for (const beat of read) to.push(beat);
  }

  heartbeat(): Heartbeat {
    return this.record(3, () => ({
      owner: this.name(maxNameBytes),
      generation: this.counter(),
      beat: this.counter(),
    }));
  }

  rateLine(): RateLine {
    return this.record(3, () => ({
      exchange: this.u32(),
      rate: this.reader.uint(highestRate * rateUnit),
      wish: this.reader.uint(highestRate * rateUnit),
    }));
  }

  /** An array of at least `fields` values, of which the first are read, and of the optional ones those that are there. */
  record<T>(fields: number, read: (count: number) => T, optional = 0): T {
    const count = this.reader.array();
    if (count < fields) this.reader.fail("msgpack-invalid");
    const result = read(count);
    for (let i = fields + optional; i < count && this.reader.ok; i++) this.reader.skip();
    return result;
  }

  /** The reader has seen to it that there are as many bytes as items; each item fails once they run out. */
  list<T>(read: () => T): T[] {
    const count = this.reader.array();
    this.#itemsLeft -= Math.max(0, count);
    if (this.#itemsLeft < 0) {
      this.hasTooMany = true;
      this.reader.fail("field-range");
    }
    const items: T[] = [];
    for (let i = 0; i < count && this.reader.ok && this.refusal === undefined; i++) items.push(read());
    return items;
  }

  place(lastNode: number): { tree: TreeId; node: number } {
    return { tree: this.reader.uint(1) as TreeId, node: this.reader.uint(lastNode) };
  }

  stamp(): Stamp {
    return { ms: this.reader.uint(maxStampMs), count: this.reader.uint(maxStampCount) };
  }

  u32(): number {
    return this.reader.uint(0xffff_ffff);
  }

  counter(): number {
    return this.reader.uint(maxCounter);
  }

  /** 1 … `maxBytes` bytes of UTF-8. */
  name(maxBytes: number): string {
    const text = this.reader.text();
    if (this.reader.ok && text.length === 0) this.refuse("name-invalid");
    if (utf8Length(text) > maxBytes) this.refuse("name-too-long");
    return text;
  }

  value(): Uint8Array | null {
    // Measured before it is copied.
    const view = this.reader.blobView();
    if (view === null) return null;
    if (view.length > this.#maxValueBytes) {
      this.refuse("message-too-large");
      return null;
    }
    return view.slice();
  }

  refuse(reason: DropReason): void {
    this.refusal ??= reason;
  }
}
