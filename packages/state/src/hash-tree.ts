/**
 * A tree of hashes over a set of named items, so that two who differ find out where in a few small messages, whatever the
 * size of the set: 16 children a node, three levels, 4096 leaves. An item lies in the leaf that the hash of its name says;
 * a node's hash is the sum of its items' hashes, so that any order of changes gives the same tree.
 *
 * Nodes are numbered from the root (0), level by level: 1 … 16, 17 … 272, 273 … 4368.
 */
import { finish, hashText } from "./hash.ts";

export const fanOut = 16;
export const firstLeaf = 1 + 16 + 256;
export const treeNodes = firstLeaf + 4096;

interface Leaf {
  hash: number;
  readonly items: Map<string, number>;
}

export class HashTree {
  /** Of the nodes above the leaves, which are most, and mostly empty. */
  readonly #hashes = new Uint32Array(firstLeaf);
  readonly #counts = new Uint32Array(firstLeaf);
  readonly #leaves = new Map<number, Leaf>();

  /** u32: of all items. */
  get root(): number {
    return this.#hashes[0]!;
  }

  get size(): number {
    return this.#counts[0]!;
  }

  hash(node: number): number {
    return isLeaf(node) ? (this.#leaves.get(node)?.hash ?? 0) : this.#hashes[node]!;
  }

  count(node: number): number {
    return isLeaf(node) ? (this.#leaves.get(node)?.items.size ?? 0) : this.#counts[node]!;
  }

  /** Adds an item or gives it another hash: u32. */
  set(name: string, hash: number): void {
    const leaf = leafOf(name);
    let place = this.#leaves.get(leaf);
    if (place === undefined) {
      place = { hash: 0, items: new Map() };
      this.#leaves.set(leaf, place);
    }
    const before = place.items.get(name);
    if (before === hash) return;
    place.items.set(name, hash);
    place.hash = (place.hash + hash - (before ?? 0)) >>> 0;
    this.#add(leaf, hash - (before ?? 0), before === undefined ? 1 : 0);
  }

  delete(name: string): void {
    const leaf = leafOf(name);
    const place = this.#leaves.get(leaf);
    const before = place?.items.get(name);
    if (place === undefined || before === undefined) return;
    place.items.delete(name);
    place.hash = (place.hash - before) >>> 0;
    if (place.items.size === 0) this.#leaves.delete(leaf);
    this.#add(leaf, -before, -1);
  }

  /** Names of the items under a node, leaf by leaf. */
  names(node: number): string[] {
    const names: string[] = [];
    this.#gather(node, names);
    return names;
  }

  #gather(node: number, names: string[]): void {
    if (isLeaf(node)) {
      for (const name of this.#leaves.get(node)?.items.keys() ?? []) names.push(name);
      return;
    }
    // Most of a small set's tree is empty.
    if (this.#counts[node] === 0) return;
    const first = firstChild(node);
    for (let child = first; child < first + fanOut; child++) this.#gather(child, names);
  }

  #add(leaf: number, hash: number, count: number): void {
    let node = leaf;
    do {
      node = Math.floor((node - 1) / fanOut);
      this.#hashes[node] = this.#hashes[node]! + hash;
      this.#counts[node] = this.#counts[node]! + count;
    } while (node > 0);
  }
}

export function firstChild(node: number): number {
  return node * fanOut + 1;
}

export function isLeaf(node: number): boolean {
  return node >= firstLeaf;
}

export function leafOf(name: string): number {
  return firstLeaf + (finish(hashText(name)) >>> 20);
}

/** Whether the item of that name lies under the node. */
export function isUnder(name: string, node: number): boolean {
  let at = leafOf(name);
  while (at > node) at = Math.floor((at - 1) / fanOut);
  return at === node;
}
