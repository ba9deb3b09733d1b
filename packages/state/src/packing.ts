/**
 * Deltas into packets, in one of Scuttlebutt's orders (Scuttlebutt paper, section 3), ties at random: depth, the owner
 * with most to tell first and as much of it as fits; breadth, one write of every owner, then the second of every owner,
 * and so on. Either way each owner's writes go by rising version, and what does not fit is left out from some write on,
 * never from the middle, so that a copy is always complete up to its highest version.
 */
import type { Rng } from "@hearsay/core";
import { deltaOverhead, encodeDelta, encodeNodeWrite, encodeSharedWrite, type MessageBuilder } from "./codec.ts";
import type { DeltaOrder } from "./config.ts";
import { leafOf } from "./hash-tree.ts";
import { Section, Tree, type TreeId } from "./messages.ts";
import type { NodeEntry, OwnerMap } from "./owner-map.ts";
import type { SharedEntry } from "./shared-map.ts";

/** Where something lies: a node of a tree. */
export interface Place {
  readonly tree: TreeId;
  readonly node: number;
}

/** What an item under a node that differs is taken to weigh, unseen: bytes. */
const unseenItemBytes = 64;

/** What found no room. */
export class Missed {
  readonly #nodes: [Set<number>, Set<number>] = [new Set(), new Set()];
  readonly #unseen: Place[] = [];
  bytes = 0;
  /** Of what may differ where nobody has looked: at most, and often far less. */
  unseenBytes = 0;
  /** Something is too large for any packet. */
  oversize = false;

  add(tree: TreeId, name: string, bytes: number, oversize: boolean): void {
    this.#nodes[tree].add(leafOf(name));
    this.bytes += bytes;
    this.oversize ||= oversize;
  }

  /** A node of a tree that differs, with so many items, and was not looked into. */
  leave(place: Place, items: number): void {
    this.#unseen.push(place);
    this.unseenBytes += items * unseenItemBytes;
  }

  /** Where to look for it: so many nodes, or a whole tree. @param withUnseen where nobody has looked as well */
  places(most: number, withUnseen: boolean): Place[] {
    if (withUnseen) for (const { tree, node } of this.#unseen) this.#nodes[tree].add(node);
    const places: Place[] = [];
    for (const tree of [Tree.owners, Tree.keys]) {
      const nodes = this.#nodes[tree];
      if (nodes.size > most) places.push({ tree, node: 0 });
      else for (const node of nodes) places.push({ tree, node });
    }
    return places;
  }
}

export interface PackedDelta {
  readonly bytes: Uint8Array;
  readonly to: number;
  /** How many. */
  readonly writes: number;
  readonly isComplete: boolean;
}

/** Writes of one owner on their way into a packet, oldest first. */
class Draft {
  readonly map: OwnerMap;
  readonly #from: number;
  readonly #pending: readonly NodeEntry[];
  readonly #writes: Uint8Array[] = [];
  #hasHead = false;
  /** Nothing more is taken: nothing is left, or the next did not fit. */
  isClosed = false;

  constructor(map: OwnerMap, from: number) {
    this.map = map;
    this.#from = from;
    this.#pending = map.entriesAbove(from);
  }

  get pendingCount(): number {
    return this.#pending.length;
  }

  get writeCount(): number {
    return this.#writes.length;
  }

  /** What was not taken. */
  get rest(): readonly NodeEntry[] {
    return this.#hasHead ? this.#pending.slice(this.#writes.length) : this.#pending;
  }

  /** Takes the next write, the head before the first. Returns the bytes that this costs: 0 when it does not fit. */
  take(room: number): number {
    const next = this.#pending[this.#writes.length];
    const head = this.#hasHead ? 0 : deltaOverhead(this.map.owner);
    // Measured before it is copied: what has no room may be large, and asked for again and again.
    const least = head + (next ? next.key.length + (next.value?.length ?? 0) : 0);
    const write = next && least <= room ? encodeNodeWrite(next) : undefined;
    const bytes = write ? head + write.length : least;
    if (bytes > room) {
      this.isClosed = true;
      return 0;
    }
    this.#hasHead = true;
    if (write !== undefined) this.#writes.push(write);
    this.isClosed = this.#writes.length === this.#pending.length;
    return bytes;
  }

  /** What was taken; undefined when that is nothing. */
  finish(): PackedDelta | undefined {
    if (!this.#hasHead) return undefined;
    const { owner, generation, maxVersion, lastGcVersion } = this.map;
    const isComplete = this.#writes.length === this.#pending.length;
    const to = isComplete ? maxVersion : this.#pending[this.#writes.length - 1]!.version;
    const bytes = encodeDelta({ owner, generation, from: this.#from, to, lastGcVersion }, this.#writes);
    return { bytes, to, writes: this.#writes.length, isComplete };
  }
}

/**
 * The writes above `from`, as many as fit; undefined when the first does not.
 * @param room bytes
 * @param mostWrites so many and no more
 */
export function packDelta(map: OwnerMap, from: number, room: number, mostWrites: number): PackedDelta | undefined {
  const draft = new Draft(map, from);
  fill([draft], room, mostWrites);
  return draft.finish();
}

/** @param roomOfAll bytes that an empty message has: what exceeds it will never fit */
export function packDeltas(
  wanted: ReadonlyMap<OwnerMap, number>,
  builder: MessageBuilder,
  order: DeltaOrder,
  roomOfAll: number,
  missed: Missed,
  rng: Rng,
): void {
  const drafts = Array.from(wanted, ([map, from]) => new Draft(map, from));
  shuffle(drafts, rng);
  if (order === "breadth") fillByTurns(drafts, builder.room, builder.writesLeft);
  else {
    drafts.sort((a, b) => b.pendingCount - a.pendingCount);
    fill(drafts, builder.room, builder.writesLeft);
  }
  for (const draft of drafts) {
    const packed = draft.finish();
    if (packed !== undefined) builder.add(Section.deltas, packed.bytes, packed.writes);
    if (!packed?.isComplete) miss(draft, roomOfAll, missed);
  }
}

/** One draft after the other. */
function fill(drafts: readonly Draft[], room: number, mostWrites: number): void {
  let roomLeft = room;
  let writesLeft = mostWrites;
  for (const draft of drafts) {
    while (!draft.isClosed && (draft.writeCount < writesLeft || draft.pendingCount === 0)) {
      roomLeft -= draft.take(roomLeft);
    }
    writesLeft -= draft.writeCount;
  }
}

/** A write of each draft in turn, until none takes any more. */
function fillByTurns(drafts: readonly Draft[], room: number, mostWrites: number): void {
  let roomLeft = room;
  let writesLeft = mostWrites;
  for (let open = drafts; open.length > 0; open = open.filter(({ isClosed }) => !isClosed)) {
    for (const draft of open) {
      if (writesLeft <= 0 && draft.pendingCount > 0) {
        draft.isClosed = true;
        continue;
      }
      const before = draft.writeCount;
      roomLeft -= draft.take(roomLeft);
      writesLeft -= draft.writeCount - before;
    }
  }
}

function miss({ map, rest }: Draft, roomOfAll: number, missed: Missed): void {
  let bytes = 0;
  let isOversize = false;
  for (const { key, value } of rest) {
    const size = key.length + 20 + (value?.length ?? 0);
    bytes += size;
    isOversize ||= size + deltaOverhead(map.owner) > roomOfAll;
  }
  missed.add(Tree.owners, map.owner, bytes, isOversize);
}

/** A shared write in bytes: at least. Known without writing it, which may be large, and wanted again and again. */
export function leastWriteBytes({ key, writer, value }: SharedEntry): number {
  return 12 + key.length + writer.length + (value?.length ?? 0);
}

/** Shared writes are independent of each other: at random, and a smaller one may pass a larger. */
export function packWrites(
  wanted: readonly SharedEntry[],
  builder: MessageBuilder,
  roomOfAll: number,
  missed: Missed,
  rng: Rng,
): void {
  const order = [...wanted];
  shuffle(order, rng);
  for (const entry of order) {
    const least = leastWriteBytes(entry);
    const bytes = least > builder.room ? undefined : encodeSharedWrite(entry);
    if (bytes !== undefined && builder.add(Section.writes, bytes, 1)) continue;
    const size = bytes?.length ?? least + 40;
    missed.add(Tree.keys, entry.key, size, size > roomOfAll);
  }
}

export function shuffle<T>(items: T[], rng: Rng): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    const item = items[i]!;
    items[i] = items[j]!;
    items[j] = item;
  }
}
