/**
 * Which queries were seen, by their Lamport time and number: so that each is answered and passed on once (serf protocol
 * notes, section 9.3). A ring like the event buffer, but of numbers only: queries are never replayed.
 */

/** "new": to be passed on and considered. "past": from before we came. Others are not fit to be kept. */
export type QueryVerdict = "new" | "duplicate" | "past" | "too-old" | "buffer-full";

const maxQueriesPerTime = 1024;

interface Slot {
  lTime: number;
  readonly ids: Set<number>;
}

export class QueryBuffer {
  readonly #slots: (Slot | undefined)[];
  /** Queries below this time are not wanted. */
  minTime = 0;

  constructor(size: number) {
    this.#slots = new Array<Slot | undefined>(size).fill(undefined);
  }

  /** Whether it has been taken before, as far as the buffer reaches back. */
  knows(lTime: number, id: number): boolean {
    const slot = this.#slots[lTime % this.#slots.length];
    return slot?.lTime === lTime && slot.ids.has(id);
  }

  /** Judges a query and remembers it if it is new. `clockTime` is the query clock after witnessing it. */
  add(lTime: number, id: number, clockTime: number): QueryVerdict {
    const size = this.#slots.length;
    if (lTime < this.minTime) return "past";
    if (clockTime > size && lTime < clockTime - size) return "too-old";
    const slot = this.#slots[lTime % size];
    if (!slot || slot.lTime < lTime) {
      this.#slots[lTime % size] = { lTime, ids: new Set([id]) };
      return "new";
    }
    if (slot.lTime > lTime) return "too-old";
    if (slot.ids.has(id)) return "duplicate";
    if (slot.ids.size >= maxQueriesPerTime) return "buffer-full";
    slot.ids.add(id);
    return "new";
  }
}
