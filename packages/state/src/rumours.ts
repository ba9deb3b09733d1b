/**
 * Fresh writes on their way: each is sent a limited number of times by everyone who hears of it, the least sent first.
 * What is sent is what is held at that time, so a key that is written again meanwhile costs nothing more. Not reliable:
 * anti-entropy mends what is lost here.
 */
import { encodeSharedWrite, MessageBuilder } from "./codec.ts";
import { Section } from "./messages.ts";
import type { NodeMaps } from "./node-maps.ts";
import { leastWriteBytes, packDelta } from "./packing.ts";
import type { SharedMap } from "./shared-map.ts";

/** Versions above `from`, up to `to`, of an owner's map. */
interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly sent: number;
}

/** Owners, and shared keys, that wait at most; then the oldest go. */
const mostWaiting = 4096;
/** Stretches of one owner: the oldest are sent together. */
const mostStretches = 64;

export class Rumours {
  readonly #maps: NodeMaps;
  readonly #shared: SharedMap;
  readonly #owners = new Map<string, { generation: number; stretches: Stretch[] }>();
  /** How often each was sent. */
  readonly #keys = new Map<string, number>();

  constructor(maps: NodeMaps, shared: SharedMap) {
    this.#maps = maps;
    this.#shared = shared;
  }

  get isEmpty(): boolean {
    return this.#owners.size === 0 && this.#keys.size === 0;
  }

  get length(): number {
    return this.#owners.size + this.#keys.size;
  }

  addOwner(owner: string, generation: number, from: number, to: number): void {
    let waiting = this.#owners.get(owner);
    if (waiting === undefined || waiting.generation !== generation) {
      waiting = { generation, stretches: [] };
      this.#owners.delete(owner);
      this.#owners.set(owner, waiting);
      dropOldest(this.#owners);
    }
    const { stretches } = waiting;
    stretches.push({ from, to, sent: 0 });
    if (stretches.length > mostStretches) {
      const [first, second] = stretches.splice(0, 2);
      stretches.unshift({ from: first!.from, to: second!.to, sent: Math.min(first!.sent, second!.sent) });
    }
  }

  addKey(key: string): void {
    this.#keys.delete(key);
    this.#keys.set(key, 0);
    dropOldest(this.#keys);
  }

  clear(): void {
    this.#owners.clear();
    this.#keys.clear();
  }

  /**
   * One message of what was sent least, counted as sent; undefined when nothing waits.
   * @param mostWrites in it
   * @param limit of sendings
   * @param fill puts something else into the room that is left
   */
  next(
    maxBytes: number,
    mostWrites: number,
    limit: number,
    fill?: (builder: MessageBuilder) => void,
  ): Uint8Array | undefined {
    const builder = new MessageBuilder(maxBytes, mostWrites);
    const roomOfAll = builder.room;
    const waiting: { readonly sent: number; readonly owner?: string; readonly key?: string }[] = [];
    for (const [owner, { stretches }] of this.#owners) {
      waiting.push({ sent: stretches.reduce((least, { sent }) => Math.min(least, sent), limit), owner });
    }
    for (const [key, sent] of this.#keys) waiting.push({ sent, key });
    waiting.sort((a, b) => a.sent - b.sent);
    for (const { owner, key } of waiting) {
      if (builder.room < 32 || builder.writesLeft === 0) break;
      if (owner !== undefined) this.#addDelta(builder, owner, roomOfAll, limit);
      else this.#addWrite(builder, key!, roomOfAll, limit);
    }
    fill?.(builder);
    if (builder.isEmpty) return undefined;
    const { gc } = this.#shared;
    return builder.finish({ mode: "push-pull", initiator: true, rumour: true, gc, roots: undefined });
  }

  #addDelta(builder: MessageBuilder, owner: string, roomOfAll: number, limit: number): void {
    const waiting = this.#owners.get(owner)!;
    const map = this.#maps.find(owner);
    const { from } = waiting.stretches[0]!;
    // Another life, forgotten, or part of it collected: no longer a rumour.
    if (map === undefined || map.generation !== waiting.generation || (from > 0 && from < map.lastGcVersion)) {
      this.#owners.delete(owner);
      return;
    }
    const packed = packDelta(map, from, builder.room, builder.writesLeft);
    if (packed === undefined) {
      // Too large for any packet: an exchange will send it on a stream.
      if (builder.room === roomOfAll) this.#owners.delete(owner);
      return;
    }
    builder.add(Section.deltas, packed.bytes, packed.writes);
    waiting.stretches = waiting.stretches
      .flatMap((stretch) => divided(stretch, packed.to))
      .map((stretch) => (stretch.to <= packed.to ? { ...stretch, sent: stretch.sent + 1 } : stretch))
      .filter(({ sent }) => sent < limit);
    if (waiting.stretches.length === 0) this.#owners.delete(owner);
  }

  #addWrite(builder: MessageBuilder, key: string, roomOfAll: number, limit: number): void {
    const entry = this.#shared.get(key);
    const least = entry ? leastWriteBytes(entry) : Number.POSITIVE_INFINITY;
    if (entry !== undefined && least > builder.room && least <= roomOfAll) return;
    const bytes = entry && least <= roomOfAll ? encodeSharedWrite(entry) : undefined;
    if (bytes === undefined || bytes.length > roomOfAll) {
      this.#keys.delete(key);
      return;
    }
    if (!builder.add(Section.writes, bytes, 1)) return;
    const sent = this.#keys.get(key)! + 1;
    if (sent < limit) this.#keys.set(key, sent);
    else this.#keys.delete(key);
  }
}

/** What was sent in part is two from now on, or it would never have been sent and go out for ever. */
function divided(stretch: Stretch, at: number): Stretch[] {
  if (at <= stretch.from || at >= stretch.to) return [stretch];
  return [
    { ...stretch, to: at },
    { ...stretch, from: at },
  ];
}

function dropOldest<V>(waiting: Map<string, V>): void {
  if (waiting.size <= mostWaiting) return;
  for (const key of waiting.keys()) {
    waiting.delete(key);
    return;
  }
}
