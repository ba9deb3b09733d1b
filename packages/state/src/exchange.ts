/**
 * What is said when two compare what they have. The opening is one small packet, and the last one when both have the same:
 *
 *   opener                         other
 *   roots of two hash trees  ──>                        equal: nothing follows
 *                            <──   children's hashes of the nodes that differ, level by level, while they hold many
 *   …                              items, and then
 *                            <──   cover: a line for each item under a node that differs (digest)
 *   delta and wants          ──>                                                         (delta and digest)
 *                            <──   delta                                                 (delta)
 *
 * Each message is answered with one, which either descends or ends, so an exchange is over after at most seven. Either
 * side may be the one that covers: it is whoever finds a node with few items. Stateless: what is lost is found to differ
 * in the next round. In mode push only the opener gives deltas, in mode pull only the other.
 */
import type { Rng } from "@hearsay/core";
import {
  encodeCover,
  encodeKeyLine,
  encodeKeyWant,
  encodeOwnerLine,
  encodeTreeNode,
  MessageBuilder,
  messageOverhead,
} from "./codec.ts";
import type { StateConfig } from "./config.ts";
import { fanOut, firstChild, type HashTree, isLeaf, leafOf, treeNodes } from "./hash-tree.ts";
import type { Heartbeats } from "./heartbeats.ts";
import { type Cover, type RateLine, Section, type StateMessage, Tree, type TreeId } from "./messages.ts";
import type { NodeMaps } from "./node-maps.ts";
import type { OwnerMap } from "./owner-map.ts";
import { Missed, type Place, packDeltas, packWrites, shuffle } from "./packing.ts";
import { compareLines, type SharedEntry, type SharedMap } from "./shared-map.ts";

/** A node with so many items or fewer is listed, not divided. */
const listedItems = 16;
/** Shares of a message that descending may fill, and descending and wants together: the rest is for deltas. */
const descentShare = 0.6;
const wantShare = 0.8;

export interface Answer {
  readonly bytes: Uint8Array | undefined;
  /** What we would give, and had no room for. */
  readonly missed: Missed;
  /** Whether it was time to give: who asked had told what it has or wants. */
  readonly gave: boolean;
}

/** What an answer gathers before it is packed. */
interface Plan {
  readonly gives: boolean;
  readonly takes: boolean;
  readonly deltas: Map<OwnerMap, number>;
  readonly writes: Map<string, SharedEntry>;
  readonly ownerWants: Uint8Array[];
  readonly keyWants: Uint8Array[];
  readonly places: Place[];
}

export class Exchange {
  readonly #config: StateConfig;
  readonly #maps: NodeMaps;
  readonly #shared: SharedMap;
  readonly #keys: HashTree;
  readonly #beats: Heartbeats;
  readonly #rng: Rng;

  /** @param keys the tree of the shared map */
  constructor(config: StateConfig, maps: NodeMaps, shared: SharedMap, keys: HashTree, beats: Heartbeats, rng: Rng) {
    this.#config = config;
    this.#maps = maps;
    this.#shared = shared;
    this.#keys = keys;
    this.#beats = beats;
    this.#rng = rng;
  }

  /** @param rates under flow control */
  open(rates: RateLine | undefined): Uint8Array {
    const builder = new MessageBuilder(this.#config.maxPacketBytes);
    this.#beats.fill(builder);
    const { mode } = this.#config;
    return builder.finish({ mode, initiator: true, rumour: false, gc: this.#shared.gc, roots: this.#roots(), rates });
  }

  /** Lists all that is under these places, whatever it takes: to be sent on a stream. */
  list(places: readonly Place[]): Uint8Array {
    const builder = new MessageBuilder(this.#config.maxStreamBytes);
    for (const place of places) this.#cover(builder, place, 1);
    return builder.finish({ mode: "push-pull", initiator: true, rumour: false, gc: this.#shared.gc, roots: undefined });
  }

  /** Whether both have the same. */
  isEqual(message: StateMessage): boolean {
    const roots = this.#roots();
    return message.roots !== undefined && message.roots[0] === roots[0] && message.roots[1] === roots[1];
  }

  /**
   * What to answer, after what the message brought was applied.
   * @param limit bytes of the answer
   * @param mostWrites in the answer
   * @param rates to be told whether there is anything else to say or not
   */
  answer(message: StateMessage, limit: number, mostWrites: number, wallMs: number, rates?: RateLine): Answer {
    const { mode, initiator, covers, ownerWants, keyWants } = message;
    const missed = new Missed();
    const plan: Plan = {
      gives: mode === "push-pull" || (mode === "push") !== initiator,
      takes: mode === "push-pull" || (mode === "push") === initiator,
      deltas: new Map(),
      writes: new Map(),
      ownerWants: [],
      keyWants: [],
      places: [],
    };
    this.#compareHashes(message, plan);
    for (const cover of onePerNode(covers)) {
      if (cover.tree === Tree.owners) this.#compareOwners(cover, plan);
      else this.#compareKeys(cover, message, plan, wallMs);
    }
    if (plan.gives) this.#giveWanted(message, plan);
    const builder = new MessageBuilder(limit, mostWrites);
    const room = limit - messageOverhead;
    const places = onePerNode(plan.places);
    shuffle(places, this.#rng);
    for (const place of places) {
      if (!this.#descend(builder, place, room * (1 - descentShare)))
        missed.leave(place, this.#tree(place.tree).count(place.node));
    }
    const rest = room * (1 - wantShare);
    this.#addAll(builder, Section.ownerWants, plan.ownerWants, rest);
    this.#addAll(builder, Section.keyWants, plan.keyWants, rest);
    const { order } = this.#config;
    // Neither kind of map waits for the other for good.
    const writes = [...plan.writes.values()];
    if (this.#rng.below(2) === 0) {
      packDeltas(plan.deltas, builder, order, room, missed, this.#rng);
      packWrites(writes, builder, room, missed, this.#rng);
    } else {
      packWrites(writes, builder, room, missed, this.#rng);
      packDeltas(plan.deltas, builder, order, room, missed, this.#rng);
    }
    const gave = plan.gives && covers.length + ownerWants.length + keyWants.length > 0;
    if (builder.isEmpty && rates === undefined) return { bytes: undefined, missed, gave };
    // On a stream nobody else gets them.
    if (limit <= this.#config.maxPacketBytes) this.#beats.fill(builder);
    const { gc } = this.#shared;
    const head = { mode, initiator: !initiator, rumour: false, gc, roots: undefined, rates };
    return { bytes: builder.finish(head), missed, gave };
  }

  #roots(): [number, number] {
    return [this.#maps.tree.root, this.#keys.root];
  }

  #tree(id: TreeId): HashTree {
    return id === Tree.owners ? this.#maps.tree : this.#keys;
  }

  #compareHashes(message: StateMessage, plan: Plan): void {
    const { roots } = message;
    for (const tree of [Tree.owners, Tree.keys]) {
      if (roots !== undefined && roots[tree] !== this.#tree(tree).root) plan.places.push({ tree, node: 0 });
    }
    for (const { tree, node, children } of message.nodes) {
      for (const [i, hash] of children.entries()) {
        const child = firstChild(node) + i;
        if (this.#tree(tree).hash(child) !== hash) plan.places.push({ tree, node: child });
      }
    }
  }

  #compareOwners(cover: Cover, plan: Plan): void {
    const theirs = new Map(cover.owners.map((line) => [line.owner, line]));
    for (const line of theirs.values()) {
      if (line.owner === this.#maps.own.owner) this.#maps.outbid(line);
      if (!this.#maps.isListed(line.owner)) continue;
      const map = this.#maps.find(line.owner)!;
      const from = map.neededFrom(line);
      if (from !== undefined && map.generation > 0) {
        if (plan.gives) plan.deltas.set(map, from);
      } else if (plan.takes && this.#maps.isCredible(line.generation) && isAhead(line, map) && map.isWanted())
        plan.ownerWants.push(encodeOwnerLine(map.line()));
    }
    if (!cover.complete || !plan.gives) return;
    for (const owner of this.#maps.tree.names(cover.node)) {
      if (!theirs.has(owner)) plan.deltas.set(this.#maps.find(owner)!, 0);
    }
  }

  #compareKeys(cover: Cover, message: StateMessage, plan: Plan, wallMs: number): void {
    const theirs = new Map(cover.keys.map((line) => [line.key, line]));
    const gone = new Set<number>();
    for (const line of theirs.values()) {
      const ours = this.#shared.get(line.key);
      if (ours === undefined) {
        if (plan.takes && this.#shared.isWorthFetching(line, message.gc, wallMs)) {
          plan.keyWants.push(encodeKeyWant(line.key));
        } else if (!line.dead && this.#shared.wasDeletedHere(line, message.gc)) {
          // They bury it themselves, if they find our watermark credible.
          gone.add(leafOf(line.key));
        }
        continue;
      }
      if (line.hash === ours.hash) continue;
      const order = compareLines(line, ours);
      if (order < 0 && plan.gives) plan.writes.set(line.key, ours);
      else if (order > 0 && plan.takes && this.#shared.isWorthReplacing(line, wallMs)) {
        plan.keyWants.push(encodeKeyWant(line.key));
      } else if (order === 0) {
        // Two values under one stamp: both sides see both, and take the same one.
        if (plan.gives) plan.writes.set(line.key, ours);
        if (plan.takes) plan.keyWants.push(encodeKeyWant(line.key));
      }
    }
    for (const node of gone) plan.places.push({ tree: Tree.keys, node });
    if (!cover.complete) return;
    for (const key of this.#keys.names(cover.node)) {
      if (theirs.has(key)) continue;
      const ours = this.#shared.get(key)!;
      if (this.#shared.isLeftover(ours, message.gc)) this.#shared.bury(key, wallMs);
      else if (plan.gives) plan.writes.set(key, ours);
    }
  }

  #giveWanted(message: StateMessage, plan: Plan): void {
    for (const line of message.ownerWants) {
      if (!this.#maps.isListed(line.owner)) continue;
      const map = this.#maps.find(line.owner)!;
      const from = map.neededFrom(line);
      if (from !== undefined && map.generation > 0) plan.deltas.set(map, from);
    }
    for (const key of message.keyWants) {
      const entry = this.#shared.get(key);
      if (entry !== undefined) plan.writes.set(key, entry);
    }
  }

  /** Says more about a node that differs: its items where they are few, its children's hashes where not. False: no room. */
  #descend(builder: MessageBuilder, place: Place, keepFree: number): boolean {
    if (builder.room <= keepFree) return false;
    const tree = this.#tree(place.tree);
    const isFew = isLeaf(place.node) || tree.count(place.node) <= listedItems;
    if (isFew && this.#cover(builder, place, keepFree)) return true;
    if (isLeaf(place.node)) return false;
    const first = firstChild(place.node);
    const children = Array.from({ length: fanOut }, (_, i) => tree.hash(first + i));
    const bytes = encodeTreeNode({ ...place, children });
    return builder.room - bytes.length >= keepFree && builder.add(Section.nodes, bytes);
  }

  /** Lists the items of a node: all, or, in a packet that has nothing else, a random part. False when neither fits. */
  #cover(builder: MessageBuilder, { tree, node }: Place, keepFree: number): boolean {
    const lines = this.#tree(tree)
      .names(node)
      .map((name) =>
        tree === Tree.owners ? encodeOwnerLine(this.#maps.find(name)!.line()) : encodeKeyLine(this.#shared.line(name)!),
      );
    const room = builder.room - keepFree;
    const all = encodeCover(tree, node, true, lines);
    if (all.length <= room) return builder.add(Section.covers, all);
    if (!builder.isEmpty || !isLeaf(node)) return false;
    shuffle(lines, this.#rng);
    let bytes = 16;
    let count = 0;
    while (count < lines.length && bytes + lines[count]!.length <= room) bytes += lines[count++]!.length;
    return count > 0 && builder.add(Section.covers, encodeCover(tree, node, false, lines.slice(0, count)));
  }

  #addAll(builder: MessageBuilder, section: 2 | 3, parts: Uint8Array[], keepFree: number): void {
    shuffle(parts, this.#rng);
    for (const part of parts) if (builder.room - part.length >= keepFree) builder.add(section, part);
  }
}

/** The last of each node: what is said twice costs no more than said once. */
function onePerNode<T extends Place>(places: readonly T[]): T[] {
  const last = new Map<number, T>();
  for (const place of places) last.set(place.tree * treeNodes + place.node, place);
  return [...last.values()];
}

function isAhead(line: { generation: number; maxVersion: number; lastGcVersion: number }, map: OwnerMap): boolean {
  if (line.generation !== map.generation) return line.generation > map.generation;
  return (
    line.maxVersion > map.maxVersion || (map.maxVersion < line.lastGcVersion && map.lastGcVersion < line.lastGcVersion)
  );
}
