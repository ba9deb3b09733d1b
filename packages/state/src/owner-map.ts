/**
 * One owner's map: versioned keys that only the owner writes. A copy of it is complete up to its highest version, which
 * is why a line of a digest says all about it. Deleted keys stay as tombstones for a while; what was dropped is
 * remembered as a watermark, below which a copy must begin anew (Scuttlebutt, section 5 of the theory notes; chitchat).
 */
import { finish, hashBytes, hashNumber, hashText } from "./hash.ts";
import type { NodeWrite, OwnerDelta, OwnerLine } from "./messages.ts";

export interface NodeEntry extends NodeWrite {
  /** Of a tombstone: since when it is known here, monotonic ms. Of others nothing is noted, so that a copy can be shared. */
  readonly deadSince?: number;
}

/** Of those who have written nothing, who may be many: never written to. */
const noEntries = new Map<string, NodeEntry>();

/** Occasions to ask for a map that are let pass after it was found too large. */
const unwantedAfterRefusal = 64;

/** What came of a delta: taken; nothing new; it begins above what is here; it holds more than anyone may. */
export type DeltaOutcome = "applied" | "stale" | "gap" | "too-many-keys" | "too-many-bytes";

/** A key whose value has changed: before and after, null for none. */
export type OnChange = (key: string, before: Uint8Array | null, after: Uint8Array | null) => void;

export class OwnerMap {
  readonly owner: string;
  generation: number;
  maxVersion = 0;
  lastGcVersion = 0;
  /** The highest heartbeat heard of this generation. */
  beat = 0;
  /** What the keys and values take, by `entryBytes`. */
  bytes = 0;
  /** Of the live keys: u32. Equal wherever generation and version are, but for copies taken in part and for forgeries. */
  hash = 0;
  /** In order of versions: a key that is written again moves to the end. */
  #entries: Map<string, NodeEntry> = noEntries;
  #live = 0;
  /** How often it is not to be asked for, since what came was refused. */
  #unwanted = 0;

  constructor(owner: string, generation: number) {
    this.owner = owner;
    this.generation = generation;
  }

  get liveCount(): number {
    return this.#live;
  }

  get tombstoneCount(): number {
    return this.#entries.size - this.#live;
  }

  get(key: string): Uint8Array | null {
    return this.#entries.get(key)?.value ?? null;
  }

  entry(key: string): NodeEntry | undefined {
    return this.#entries.get(key);
  }

  /** In order of versions, tombstones included. */
  entries(): IterableIterator<NodeEntry> {
    return this.#entries.values();
  }

  line(): OwnerLine {
    const { owner, generation, maxVersion, lastGcVersion, hash } = this;
    return { owner, generation, maxVersion, lastGcVersion, hash };
  }

  /** Only by the owner itself. */
  write(key: string, value: Uint8Array | null, now: number): void {
    const write = { key, version: ++this.maxVersion, value };
    this.#put(value === null ? { ...write, deadSince: now } : write);
  }

  /** From which version on somebody with this line (or nothing) needs the map; undefined when it has it all. */
  neededFrom(line: OwnerLine | undefined): number | undefined {
    if (line === undefined || line.generation < this.generation) return 0;
    if (line.generation > this.generation) return undefined;
    // It may hold keys whose tombstones are gone from here. If it began anew under this very watermark it does not.
    if (line.maxVersion < this.lastGcVersion && line.lastGcVersion < this.lastGcVersion) return 0;
    return line.maxVersion < this.maxVersion ? line.maxVersion : undefined;
  }

  /** In order of versions, tombstones included. */
  entriesAbove(version: number): NodeEntry[] {
    const above: NodeEntry[] = [];
    for (const entry of this.#entries.values()) if (entry.version > version) above.push(entry);
    return above;
  }

  /** Whether to ask for more of it, which another offers: not always, where the last that came was more than we hold. */
  isWanted(): boolean {
    if (this.#unwanted === 0) return true;
    this.#unwanted--;
    return false;
  }

  /**
   * Applies what another holds of this map, all of it or nothing.
   * @param maxKeys live ones
   * @param maxBytes of all keys and values then
   */
  apply(
    delta: OwnerDelta,
    maxKeys: number,
    now: number,
    onChange: OnChange,
    maxBytes: number = Number.POSITIVE_INFINITY,
  ): DeltaOutcome {
    if (delta.generation < this.generation) return "stale";
    const anew = delta.generation > this.generation || this.#mustBeginAnew(delta);
    if (anew && delta.from > 0) return "gap";
    if (!anew && delta.from > this.maxVersion) return "gap";
    if (!anew && delta.to <= this.maxVersion) return "stale";
    const kept = anew ? 0 : this.#entries.size;
    const hasTooMany = kept + delta.writes.length > 2 * maxKeys && this.#sizeWith(delta, anew) > 2 * maxKeys;
    if (hasTooMany || this.#bytesWith(delta, anew) > maxBytes) {
      this.#unwanted = unwantedAfterRefusal;
      return hasTooMany ? "too-many-keys" : "too-many-bytes";
    }
    const former = anew ? new Map(this.#clear()) : undefined;
    if (anew) {
      if (delta.generation > this.generation) this.beat = 0;
      this.generation = delta.generation;
      this.lastGcVersion = delta.lastGcVersion;
    }
    const known = this.maxVersion;
    for (const write of delta.writes) {
      if (write.version <= known) continue;
      const before = former ? (former.get(write.key)?.value ?? null) : this.get(write.key);
      former?.delete(write.key);
      this.#put(write.value === null ? { ...write, deadSince: now } : write);
      if (!sameBytes(before, write.value)) onChange(write.key, before, write.value);
    }
    if (former) for (const { key, value } of former.values()) if (value !== null) onChange(key, value, null);
    this.maxVersion = delta.to;
    return "applied";
  }

  /**
   * Drops tombstones known since before `since`, and the oldest of those beyond `most`.
   * @returns whether any was
   */
  collect(since: number, most: number): boolean {
    let surplus = this.tombstoneCount - most;
    // At every write, where nothing is old enough and next to nothing too much: not a walk over all of them.
    const isDone = () => surplus <= 0 && since === Number.NEGATIVE_INFINITY;
    if (this.tombstoneCount === 0 || isDone()) return false;
    const before = this.#entries.size;
    for (const { key, version, value, deadSince } of this.#entries.values()) {
      if (isDone()) break;
      if (value !== null || (deadSince! > since && surplus <= 0)) continue;
      this.#entries.delete(key);
      this.bytes -= entryBytes(key, value);
      this.lastGcVersion = Math.max(this.lastGcVersion, version);
      surplus--;
    }
    return this.#entries.size !== before;
  }

  #mustBeginAnew(delta: OwnerDelta): boolean {
    return delta.from === 0 && this.maxVersion < delta.lastGcVersion && this.lastGcVersion < delta.lastGcVersion;
  }

  #sizeWith(delta: OwnerDelta, anew: boolean): number {
    const keys = new Set(anew ? [] : this.#entries.keys());
    for (const { key } of delta.writes) keys.add(key);
    return keys.size;
  }

  #bytesWith({ writes }: OwnerDelta, anew: boolean): number {
    let bytes = anew ? 0 : this.bytes;
    for (const { key, value } of writes) {
      const before = anew ? undefined : this.#entries.get(key);
      bytes += entryBytes(key, value) - (before ? entryBytes(key, before.value) : 0);
    }
    return bytes;
  }

  #clear(): Map<string, NodeEntry> {
    const former = this.#entries;
    this.#entries = noEntries;
    this.#live = 0;
    this.hash = 0;
    this.bytes = 0;
    this.maxVersion = 0;
    return former;
  }

  #put(entry: NodeEntry): void {
    const before = this.#entries.get(entry.key);
    this.hash = (this.hash + hashOf(entry) - (before ? hashOf(before) : 0)) >>> 0;
    this.bytes += entryBytes(entry.key, entry.value) - (before ? entryBytes(before.key, before.value) : 0);
    if (before !== undefined && before.value !== null) this.#live--;
    if (this.#entries === noEntries) this.#entries = new Map();
    this.#entries.delete(entry.key);
    this.#entries.set(entry.key, entry);
    if (entry.value !== null) this.#live++;
  }
}

/** About what a key takes in memory, tombstones included: bytes. */
export function entryBytes(key: string, value: Uint8Array | null): number {
  return 64 + key.length + (value?.length ?? 0);
}

/** u32; 0 of a tombstone, which some have dropped and some not. */
function hashOf({ key, version, value }: NodeWrite): number {
  return value === null ? 0 : finish(hashBytes(value, hashNumber(version, hashText(key))));
}

export function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
