/**
 * Hearing: whether a packet tells its receiver anything new, answered without waking the receiver up. When many members
 * fail at once nearly every packet holds only repetitions; a driver of thousands of machines asks here first, and hands
 * over the rest. The answer is the machine's own (`MemberTable.isDeafTo`), from the same marks.
 */
import type { Block } from "./memory.ts";
import { type Dead, MessageType, type Suspect } from "./messages.ts";

/** In a row: nothing of our own; the known pool has it, or nobody has. */
export const unwritten = 254;
/** Of a mark: the state, and beside it that further accusers change nothing. */
export const stateBits = 0x0f;
const noteBits = 0xf0;
export const settled = 0x10;
/** The dead and the left: 0x12 and 0x13. */
const goneBits = 0xf2;
const gone = 0x12;

/**
 * From here on an incarnation may only be a few steps above what is known: nobody gets there honestly. Such claims are
 * never old news, they have to be looked at.
 */
export const incarnationEdge = 0xffff_ffff - 0x1_0000;

/** Whether an accusation does nothing to a row with this mark. May say no where the answer is yes. */
export function isDeaf(mark: number, claim: Suspect | Dead): boolean {
  if (claim.type === MessageType.dead) return (mark & goneBits) === gone;
  return (mark & noteBits) === settled || (mark & (claim.accuserBit ?? 0)) !== 0;
}

export class Hearing {
  #words: Int32Array[] = [];
  #starts = new Int32Array(16);
  #rows = new Int32Array(16);
  #heard = new Uint32Array(16);
  #length = 0;

  /** A number for one more machine. */
  add(): number {
    if (this.#length === this.#starts.length) {
      this.#starts = grown(this.#starts, new Int32Array(2 * this.#length));
      this.#rows = grown(this.#rows, new Int32Array(2 * this.#length));
      this.#heard = grown(this.#heard, new Uint32Array(2 * this.#length));
    }
    this.#words.push(new Int32Array(0));
    return this.#length++;
  }

  /** The machine's marks are the first so many words of this block from now on. */
  moved(listener: number, marks: Block, rows: number): void {
    this.#words[listener] = marks.words;
    this.#starts[listener] = marks.start;
    this.#rows[listener] = rows;
  }

  /**
   * Whether none of these claims does anything to this machine. They are taken in by asking: the packet is counted.
   * @param claims from a codec that notes subjects on them, all of names in the table that this belongs to
   */
  isOldNews(listener: number, claims: readonly (Suspect | Dead)[], table: object): boolean {
    const words = this.#words[listener]!;
    const start = this.#starts[listener]!;
    const rows = this.#rows[listener]!;
    for (let i = 0; i < claims.length; i++) {
      const claim = claims[i]!;
      const { subject } = claim;
      if (subject === undefined || subject.table !== table || claim.incarnation > incarnationEdge) return false;
      const { row } = subject;
      if (row < 0 || row >= rows || !isDeaf(words[start + row]!, claim)) return false;
    }
    this.#heard[listener]!++;
    return true;
  }

  /** Packets that have been taken in here since this was asked last. */
  takeCount(listener: number): number {
    const count = this.#heard[listener]!;
    this.#heard[listener] = 0;
    return count;
  }
}

function grown<T extends Int32Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
