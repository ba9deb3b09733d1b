/**
 * Deltas into packets, in Scuttlebutt's depth order: the owner with most to tell first, ties at random, each owner's
 * writes by rising version. What does not fit is left out from some write on, never from the middle, so that a copy is
 * always complete up to its highest version.
 */
import type { Rng } from "@hearsay/core";
import { deltaOverhead, encodeDelta, encodeNodeWrite, encodeSharedWrite, type MessageBuilder } from "./codec.ts";
import { leafOf } from "./hash-tree.ts";
import { Section, Tree, type TreeId } from "./messages.ts";
import type { OwnerMap } from "./owner-map.ts";
import type { SharedEntry } from "./shared-map.ts";

/** Where something lies: a node of a tree. */
export interface Place {
  readonly tree: TreeId;
  readonly node: number;
}

/** What found no room. */
export class Missed {
  readonly #nodes: [Set<number>, Set<number>] = [new Set(), new Set()];
  bytes = 0;
  /** Something is too large for any packet. */
  oversize = false;

  add(tree: TreeId, name: string, bytes: number, oversize: boolean): void {
    this.#nodes[tree].add(leafOf(name));
    this.bytes += bytes;
    this.oversize ||= oversize;
  }

  /** Where to look for it: so many leaves, or a whole tree. */
  places(mostLeaves: number): Place[] {
    const places: Place[] = [];
    for (const tree of [Tree.owners, Tree.keys]) {
      const nodes = this.#nodes[tree];
      if (nodes.size > mostLeaves) places.push({ tree, node: 0 });
      else for (const node of nodes) places.push({ tree, node });
    }
    return places;
  }
}

export interface PackedDelta {
  readonly bytes: Uint8Array;
  readonly to: number;
  readonly isComplete: boolean;
}

/** The writes above `from`, as many as fit; undefined when the first does not. @param room bytes */
export function packDelta(map: OwnerMap, from: number, room: number): PackedDelta | undefined {
  const writes: Uint8Array[] = [];
  let left = room - deltaOverhead(map.owner);
  if (left < 0) return undefined;
  let to = map.maxVersion;
  let isComplete = true;
  let last = from;
  for (const entry of map.entries()) {
    if (entry.version <= from) continue;
    // Measured before it is copied: what has no room may be large, and asked for again and again.
    const least = entry.key.length + (entry.value?.length ?? 0);
    const write = least > left ? undefined : encodeNodeWrite(entry);
    if (write === undefined || write.length > left) {
      to = last;
      isComplete = false;
      break;
    }
    left -= write.length;
    writes.push(write);
    last = entry.version;
  }
  if (!isComplete && writes.length === 0) return undefined;
  const { owner, generation, lastGcVersion } = map;
  return { bytes: encodeDelta({ owner, generation, from, to, lastGcVersion }, writes), to, isComplete };
}

/** @param roomOfAll bytes that an empty message has: what exceeds it will never fit */
export function packDeltas(
  wanted: ReadonlyMap<OwnerMap, number>,
  builder: MessageBuilder,
  roomOfAll: number,
  missed: Missed,
  rng: Rng,
): void {
  const order = [...wanted].map(([map, from]) => ({ map, from, pending: map.countAbove(from) }));
  shuffle(order, rng);
  order.sort((a, b) => b.pending - a.pending);
  for (const { map, from } of order) {
    const packed = packDelta(map, from, builder.room);
    if (packed !== undefined) builder.add(Section.deltas, packed.bytes);
    if (packed?.isComplete) continue;
    let bytes = 0;
    let isOversize = false;
    for (const entry of map.entries()) {
      if (entry.version <= (packed?.to ?? from)) continue;
      const size = entry.key.length + 20 + (entry.value?.length ?? 0);
      bytes += size;
      isOversize ||= size + deltaOverhead(map.owner) > roomOfAll;
    }
    missed.add(Tree.owners, map.owner, bytes, isOversize);
  }
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
    if (bytes !== undefined && builder.add(Section.writes, bytes)) continue;
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
