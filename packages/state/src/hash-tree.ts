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

export class HashTree {
  readonly #hashes = new Uint32Array(treeNodes);
  readonly #counts = new Uint32Array(treeNodes);
  readonly #leaves = new Map<number, Map<string, number>>();

  /** u32: of all items. */
  get root(): number {
    return this.#hashes[0]!;
  }

  get size(): number {
    return this.#counts[0]!;
  }

  hash(node: number): number {
    return this.#hashes[node]!;
  }

  count(node: number): number {
    return this.#counts[node]!;
  }

  /** Adds an item or gives it another hash: u32. */
  set(name: string, hash: number): void {
    const leaf = leafOf(name);
    let items = this.#leaves.get(leaf);
    if (items === undefined) {
      items = new Map();
      this.#leaves.set(leaf, items);
    }
    const before = items.get(name);
    if (before === hash) return;
    items.set(name, hash);
    this.#add(leaf, hash - (before ?? 0), before === undefined ? 1 : 0);
  }

  delete(name: string): void {
    const leaf = leafOf(name);
    const items = this.#leaves.get(leaf);
    const before = items?.get(name);
    if (items === undefined || before === undefined) return;
    items.delete(name);
    if (items.size === 0) this.#leaves.delete(leaf);
    this.#add(leaf, -before, -1);
  }

  /** Names of the items under a node, leaf by leaf. */
  *names(node: number): Generator<string> {
    let first = node;
    let last = node;
    while (first < firstLeaf) {
      first = firstChild(first);
      last = firstChild(last) + fanOut - 1;
    }
    for (let leaf = first; leaf <= last; leaf++) {
      const items = this.#leaves.get(leaf);
      if (items !== undefined) yield* items.keys();
    }
  }

  #add(leaf: number, hash: number, count: number): void {
    let node = leaf;
    for (;;) {
      this.#hashes[node] = this.#hashes[node]! + hash;
      this.#counts[node] = this.#counts[node]! + count;
      if (node === 0) return;
      node = Math.floor((node - 1) / fanOut);
    }
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
