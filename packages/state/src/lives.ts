/**
 * Which lives there are, and the short names they have on the wire: a u32 hash of owner and generation. Two lives of one
 * hash are told apart by nobody, so both are spoken of at length. A view may lack one of the two: then it takes the other's
 * heartbeats for those of the one it knows, until it has learnt of both.
 */
import { finish, hashNumber, hashText } from "./hash.ts";
import type { OwnerMap } from "./owner-map.ts";

/** One life of an owner, and what is known of its heartbeats; `map.beat` is the one held. */
export interface Life {
  readonly map: OwnerMap;
  readonly generation: number;
  /** u32. */
  readonly hash: number;
  /** When the heartbeat held was heard: monotonic ms; -Infinity before the first. */
  heardAt: number;
  /** A heartbeat that was out of line with the one held, and was refused; 0 for none. */
  doubt: number;
  /** Where it waits to be told of, if it does. */
  line: Set<Life> | undefined;
}

export class Lives {
  readonly #byOwner = new Map<string, Life>();
  readonly #byHash = new Map<number, Life>();
  /** Of hashes that more than one has: all who do. */
  readonly #shared = new Map<number, Set<Life>>();

  /** The map's owner lives, in the map's generation. A former life of it ends. */
  begin(map: OwnerMap): void {
    const former = this.#byOwner.get(map.owner);
    if (former?.map === map && former.generation === map.generation) return;
    if (former !== undefined) this.end(map.owner);
    const { owner, generation } = map;
    const hash = lifeHash(owner, generation);
    const life: Life = {
      map,
      generation,
      hash,
      heardAt: Number.NEGATIVE_INFINITY,
      doubt: 0,
      line: undefined,
    };
    this.#byOwner.set(owner, life);
    this.#addHash(life);
  }

  /** Forgotten, or no longer spoken of. */
  end(owner: string): void {
    const life = this.#byOwner.get(owner);
    if (life === undefined) return;
    this.#byOwner.delete(owner);
    life.line?.delete(life);
    life.line = undefined;
    this.#deleteHash(life);
  }

  of(owner: string): Life | undefined {
    return this.#byOwner.get(owner);
  }

  /** Whose hash it is; "ambiguous" where several have it. */
  find(hash: number): Life | "ambiguous" | undefined {
    return this.#shared.has(hash) ? "ambiguous" : this.#byHash.get(hash);
  }

  #addHash(life: Life): void {
    const other = this.#byHash.get(life.hash);
    if (other === undefined) {
      this.#byHash.set(life.hash, life);
      return;
    }
    const all = this.#shared.get(life.hash) ?? new Set([other]);
    this.#shared.set(life.hash, all.add(life));
  }

  #deleteHash(life: Life): void {
    const all = this.#shared.get(life.hash);
    if (all === undefined) {
      this.#byHash.delete(life.hash);
      return;
    }
    all.delete(life);
    const [left] = all;
    this.#byHash.set(life.hash, left!);
    if (all.size === 1) this.#shared.delete(life.hash);
  }
}

/** u32. */
export function lifeHash(owner: string, generation: number): number {
  return finish(hashNumber(generation, hashText(owner)));
}
