/**
 * Hearing: whether a packet tells its receiver anything new, answered without waking the receiver up. When many members
 * fail at once nearly every packet holds only repetitions; a driver of thousands of machines asks here first, and hands
 * over the rest. The answer is the machine's own (`MemberTable.isDeafTo`), from the same marks.
 */
import { type Block, isAlone } from "./memory.ts";
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

/** A gist: the row of the accused, which bit the accuser has (0: none), and whether it is dead or suspect. */
const rowShift = 6;
const deadGist = 1;
const mostRows = 1 << 25;

/**
 * What a receiver has to know of an accusation to tell whether it is news: a number, good as long as no name goes out of
 * use (`NameTable.epoch`). Or `noGist`, when all of it has to be looked at.
 */
export function gistOfDead(row: number, incarnation: number): number {
  return row >= mostRows || incarnation > incarnationEdge ? noGist : (row << rowShift) | deadGist;
}

/** @param accuserBit see `NameTable.accuserBit`; 0 for none */
export function gistOfSuspect(row: number, incarnation: number, accuserBit: number): number {
  if (row >= mostRows || incarnation > incarnationEdge) return noGist;
  return (row << rowShift) | ((accuserBit === 0 ? 0 : 31 - Math.clz32(accuserBit)) << 1);
}

export const noGist = -1;

/** The accuser's bit of a suspicion's gist. Where there is none it is one of the state, to be ignored. */
function accuserOf(gist: number): number {
  return (1 << ((gist >>> 1) & 31)) & ~0xff;
}

/** Of each machine: which chunk its marks are in, where they begin, how many there are, and the packets heard here. */
const stride = 4;

/** Whether an accusation of this gist does nothing to the row it is about, which has this mark. As `isDeaf`. */
function isOld(mark: number, gist: number): boolean {
  if ((gist & 1) === deadGist) return (mark & goneBits) === gone;
  return (mark & noteBits) === settled || (mark & accuserOf(gist)) !== 0;
}

export class Hearing {
  /** Few, and each shared by many machines; but for those that have memory to themselves. */
  readonly #chunks: Int32Array[] = [];
  readonly #alone = new Set<number>();
  #machines = new Int32Array(16 * stride);
  #length = 0;

  /** A number for one more machine. */
  add(): number {
    if (this.#length * stride === this.#machines.length) {
      const machines = new Int32Array(2 * this.#machines.length);
      machines.set(this.#machines);
      this.#machines = machines;
    }
    return this.#length++;
  }

  /** The machine's marks are the first so many words of this block from now on. */
  moved(listener: number, marks: Block, rows: number): void {
    const at = listener * stride;
    const before = this.#machines[at + 2]! > 0 ? this.#machines[at]! : -1;
    let chunk: number;
    if (before >= 0 && this.#alone.has(before)) {
      // It had memory to itself, and so has it now: the old goes.
      chunk = before;
      this.#chunks[chunk] = marks.words;
    } else {
      // The latest chunk is the one that blocks come from.
      chunk = this.#chunks.lastIndexOf(marks.words);
      if (chunk < 0) chunk = this.#chunks.push(marks.words) - 1;
      if (isAlone(marks)) this.#alone.add(chunk);
    }
    this.#machines[at] = chunk;
    this.#machines[at + 1] = marks.start;
    this.#machines[at + 2] = rows;
  }

  /**
   * Whether nothing of this does anything to this machine: the gists of all that a packet says. It is taken in by asking:
   * the packet is counted.
   */
  isOldNews(listener: number, gists: readonly number[]): boolean {
    const machines = this.#machines;
    const at = listener * stride;
    const start = machines[at + 1]!;
    const rows = machines[at + 2]!;
    if (rows === 0) return false;
    const words = this.#chunks[machines[at]!]!;
    for (let i = 0; i < gists.length; i++) {
      const gist = gists[i]!;
      const row = gist >>> rowShift;
      if (row >= rows || !isOld(words[start + row]!, gist)) return false;
    }
    machines[at + 3]!++;
    return true;
  }

  /** The same of one accusation, uncounted. */
  isOld(listener: number, gist: number): boolean {
    const at = listener * stride;
    const row = gist >>> rowShift;
    return (
      row < this.#machines[at + 2]! && isOld(this.#chunks[this.#machines[at]!]![this.#machines[at + 1]! + row]!, gist)
    );
  }

  /** Packets that have been taken in here since this was asked last. */
  takeCount(listener: number): number {
    const at = listener * stride + 3;
    const count = this.#machines[at]!;
    this.#machines[at] = 0;
    return count;
  }
}
