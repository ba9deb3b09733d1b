/**
 * Every owner's map, ours among them, and the tree of their hashes. Only members are owners: what is told of others is
 * passed over, so a forgotten member does not come back by hearsay. A dead owner's map spreads for a while, then it is
 * only kept, then forgotten.
 */
import { checkedTtl, checkKey, checkValue, maxCounter, maxOwners, type StateConfig } from "./config.ts";
import { StateError } from "./errors.ts";
import { finish, hashNumber, hashText } from "./hash.ts";
import { HashTree } from "./hash-tree.ts";
import { Lives } from "./lives.ts";
import type { OwnerDelta, OwnerLine } from "./messages.ts";
import { type DeltaOutcome, entryBytes, OwnerMap, sameBytes } from "./owner-map.ts";

export type OnNodeChange = (
  owner: string,
  key: string,
  before: Uint8Array | null,
  after: Uint8Array | null,
  isLocal: boolean,
) => void;

/** A new life of ours has everybody fetch the whole map: one who lies about it can bring that about so often. ms */
const outbidEveryMs = 5000;

export class NodeMaps {
  readonly tree = new HashTree();
  /** Of those that take part in exchanges and have been heard. */
  readonly lives = new Lives();
  readonly own: OwnerMap;
  #latestGeneration = maxCounter;
  #now = 0;
  /** What the maps of all others take. */
  #othersBytes = 0;
  /** When a new life of ours may begin again: monotonic ms. */
  #outbidAt = Number.NEGATIVE_INFINITY;
  readonly #config: StateConfig;
  readonly #owners = new Map<string, OwnerMap>();
  /** Of owners that died: when, monotonic ms. */
  readonly #diedAt = new Map<string, number>();
  /** The dead that no longer spread. */
  readonly #unlisted = new Set<string>();
  /** Of our keys with a time to live: when it ends, monotonic ms. */
  readonly #expiries = new Map<string, number>();
  readonly #onChange: OnNodeChange;

  /** @param generation of our own life: 1 … 2^52, above that of any life before */
  constructor(name: string, generation: number, config: StateConfig, onChange: OnNodeChange) {
    if (!Number.isSafeInteger(generation) || generation < 1 || generation > maxCounter)
      throw new RangeError(`generation: ${generation} is not a whole number, 1 … 2^52`);
    this.#config = config;
    this.#onChange = onChange;
    this.own = new OwnerMap(name, generation);
    this.#owners.set(name, this.own);
    this.#list(this.own);
  }

  /** Monotonic ms of the next end of a time to live. */
  get expiresAt(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const at of this.#expiries.values()) if (at < first) first = at;
    return first;
  }

  find(owner: string): OwnerMap | undefined {
    return this.#owners.get(owner);
  }

  /** To be called before what a peer says is taken in. @param latestGeneration the highest life that is believed */
  beforeHearing(now: number, latestGeneration: number): void {
    this.#now = now;
    this.#latestGeneration = latestGeneration;
  }

  /** Above it there would be no life left for the owner to have the last word in. */
  isCredible(generation: number): boolean {
    return generation <= this.#latestGeneration;
  }

  /** Those that take part in exchanges. */
  isListed(owner: string): boolean {
    return this.#owners.has(owner) && !this.#unlisted.has(owner);
  }

  owners(): IterableIterator<OwnerMap> {
    return this.#owners.values();
  }

  /** Throws StateError, before anything changed. Returns whether anything did. */
  set(key: string, value: Uint8Array, ttlMs: number | undefined, now: number): boolean {
    checkKey(key);
    checkValue(value, this.#config);
    const ttl = checkedTtl(ttlMs);
    const before = this.own.get(key);
    const { maxKeysPerOwner, maxOwnerBytes } = this.#config;
    if (before === null && this.own.liveCount >= maxKeysPerOwner)
      throw new StateError("too-many-keys", `this node has ${maxKeysPerOwner} keys, the most that it may have`);
    const bytes = this.own.bytes + entryBytes(key, value) - (before === null ? 0 : entryBytes(key, before));
    if (bytes > maxOwnerBytes)
      throw new StateError("too-many-keys", `this node's map would take ${bytes} bytes, it may take ${maxOwnerBytes}`);
    if (ttl > 0) this.#expiries.set(key, now + ttl);
    else this.#expiries.delete(key);
    if (sameBytes(before, value)) return false;
    this.#write(key, before, value.slice(), now);
    return true;
  }

  /** Returns whether the key was there. */
  delete(key: string, now: number): boolean {
    const before = this.own.get(key);
    if (before === null) return false;
    this.#expiries.delete(key);
    this.#write(key, before, null, now);
    return true;
  }

  apply(delta: OwnerDelta, now: number): DeltaOutcome | "unknown-owner" | "generation-ahead" | "own" {
    if (!this.isCredible(delta.generation)) return "generation-ahead";
    if (delta.owner === this.own.owner) {
      const { generation, to: maxVersion, lastGcVersion } = delta;
      this.outbid({ generation, maxVersion, lastGcVersion });
      return "own";
    }
    const map = this.#owners.get(delta.owner);
    if (map === undefined || this.#unlisted.has(delta.owner)) return "unknown-owner";
    const { maxKeysPerOwner, maxOwnerBytes, maxOwnersBytes } = this.#config;
    const { bytes } = map;
    const outcome = map.apply(
      delta,
      maxKeysPerOwner,
      now,
      (key, before, after) => this.#onChange(map.owner, key, before, after, false),
      Math.min(2 * maxOwnerBytes, bytes + maxOwnersBytes - this.#othersBytes),
    );
    if (outcome === "applied") {
      map.collect(Number.NEGATIVE_INFINITY, maxKeysPerOwner);
      this.#list(map);
    }
    this.#othersBytes += map.bytes - bytes;
    return outcome;
  }

  /**
   * Somebody tells of a life of ours that is over, or of writes in this one that we did not make: then a later one begins,
   * which replaces it everywhere. A watermark above our writes is such a tale, too: whoever believes it takes us for one who
   * lacks what was dropped, and would send us all of our own map each time, before anything else.
   */
  outbid({ generation, maxVersion, lastGcVersion, hash }: Omit<OwnerLine, "owner" | "hash"> & { hash?: number }): void {
    const { own } = this;
    if (generation < own.generation || !this.isCredible(generation) || this.#now < this.#outbidAt) return;
    const isKnown = maxVersion < own.maxVersion || (maxVersion === own.maxVersion && (hash ?? own.hash) === own.hash);
    if (generation === own.generation && isKnown && lastGcVersion <= own.maxVersion) return;
    this.#outbidAt = this.#now + outbidEveryMs;
    own.generation = Math.min(generation + 1, maxCounter);
    this.#list(own);
  }

  /** A member: it is an owner from now on. False when there are too many. */
  admit(owner: string): boolean {
    if (this.#owners.has(owner)) {
      this.#diedAt.delete(owner);
      if (this.#unlisted.delete(owner)) this.#list(this.#owners.get(owner)!);
      return true;
    }
    if (this.#owners.size >= maxOwners) return false;
    // Below all real lives: the first that is heard replaces it.
    this.#owners.set(owner, new OwnerMap(owner, 0));
    return true;
  }

  markDead(owner: string, now: number): void {
    if (this.#owners.has(owner) && owner !== this.own.owner && !this.#diedAt.has(owner)) this.#diedAt.set(owner, now);
  }

  forget(owner: string): void {
    if (owner === this.own.owner) return;
    const map = this.#owners.get(owner);
    if (map === undefined) return;
    this.#owners.delete(owner);
    this.#othersBytes -= map.bytes;
    this.#diedAt.delete(owner);
    this.#unlisted.delete(owner);
    this.tree.delete(owner);
    this.lives.end(owner);
    for (const { key, value } of map.entries()) if (value !== null) this.#onChange(owner, key, value, null, false);
  }

  /** Ends what has had its time. Returns whether anything of ours did. */
  expire(now: number): boolean {
    let any = false;
    for (const [key, at] of this.#expiries) if (at <= now) any = this.delete(key, now) || any;
    return any;
  }

  collect(now: number): void {
    const { tombstoneGraceMs, maxKeysPerOwner, deadListedMs, deadKeptMs } = this.#config;
    for (const map of this.#owners.values()) {
      const { bytes } = map;
      map.collect(now - tombstoneGraceMs, maxKeysPerOwner);
      if (map !== this.own) this.#othersBytes += map.bytes - bytes;
    }
    for (const [owner, at] of this.#diedAt) {
      if (now >= at + deadKeptMs) this.forget(owner);
      else if (now >= at + deadListedMs && !this.#unlisted.has(owner)) {
        this.#unlisted.add(owner);
        this.tree.delete(owner);
        this.lives.end(owner);
      }
    }
  }

  line(owner: string): OwnerLine | undefined {
    return this.isListed(owner) ? this.#owners.get(owner)!.line() : undefined;
  }

  #write(key: string, before: Uint8Array | null, value: Uint8Array | null, now: number): void {
    this.own.write(key, value, now);
    this.own.collect(Number.NEGATIVE_INFINITY, this.#config.maxKeysPerOwner);
    this.#list(this.own);
    this.#onChange(this.own.owner, key, before, value, true);
  }

  #list(map: OwnerMap): void {
    if (map.generation === 0) return;
    this.lives.begin(map);
    const { owner, generation, maxVersion, hash } = map;
    this.tree.set(owner, finish(hashNumber(hash, hashNumber(maxVersion, hashNumber(generation, hashText(owner))))));
  }
}
