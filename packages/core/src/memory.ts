/**
 * Memory for the columns of many machines. What a machine looks at on every packet lies in one block of a large array that
 * thousands of them share, instead of in dozens of small arrays and objects anywhere: in a large pool, waiting for memory
 * is most of what a packet costs.
 */

/** Words of the first chunk; each further one is twice as large, up to the largest. A process with one machine needs one. */
const firstWords = 1 << 9;
const largestWords = 1 << 18;
/**
 * A block from this size on has memory to itself, which the collector takes when it is given back: lists that grow would
 * leave a trail of blocks that nobody else wants. Words.
 */
const aloneWords = 1 << 12;
/** Blocks begin where cache lines do: words. */
const alignment = 16;

/** A piece of memory under two views: the block's words begin at `start`, its doubles at `start / 2`. */
export interface Block {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  /** In words, even. */
  readonly start: number;
  /** In words. */
  readonly size: number;
}

/** Whether nobody else's block is in the same memory. A block that grows stays so. */
export function isAlone(block: Block): boolean {
  return block.size >= aloneWords;
}

export class Memory {
  #words = new Int32Array(0);
  #doubles = new Float64Array(0);
  #used = 0;
  #chunkWords = firstWords / 2;
  /** Blocks given back, by their size. */
  readonly #free = new Map<number, Block[]>();

  /** A block of at least so many words, with anything in it. */
  take(words: number): Block {
    const size = Math.ceil(words / alignment) * alignment;
    if (size >= aloneWords) {
      const buffer = new ArrayBuffer(4 * size);
      return { words: new Int32Array(buffer), doubles: new Float64Array(buffer), start: 0, size };
    }
    const freed = this.#free.get(size)?.pop();
    if (freed !== undefined) return freed;
    if (this.#used + size > this.#words.length) {
      this.#chunkWords = Math.min(largestWords, this.#chunkWords * 2);
      while (this.#chunkWords < size) this.#chunkWords *= 2;
      const buffer = new ArrayBuffer(4 * this.#chunkWords);
      this.#words = new Int32Array(buffer);
      this.#doubles = new Float64Array(buffer);
      this.#used = 0;
    }
    const block: Block = { words: this.#words, doubles: this.#doubles, start: this.#used, size };
    this.#used += size;
    return block;
  }

  /** A block that is needed no longer: the next who wants one of this size gets it. */
  give(block: Block): void {
    if (isAlone(block)) return;
    const list = this.#free.get(block.size);
    if (list) list.push(block);
    else this.#free.set(block.size, [block]);
  }
}

/** A growing list of equal rows in such memory. The fields are read where it matters; `reserve` moves them. */
export class Rows {
  words: Int32Array = new Int32Array(0);
  doubles: Float64Array = new Float64Array(0);
  /** Where the first row begins, in words. */
  at = 0;
  /** Rows there is room for. */
  count = 0;
  readonly #memory: Memory;
  readonly #stride: number;
  #block: Block | undefined;

  /** @param stride words of a row: even */
  constructor(memory: Memory, stride: number) {
    this.#memory = memory;
    this.#stride = stride;
  }

  /** Makes room for the row of this number, and perhaps some more. New rows hold `empty` as doubles. */
  reserve(row: number, empty: number): void {
    if (row < this.count) return;
    const before = this.count * this.#stride;
    let count = Math.max(16, this.count);
    // Large lists grow by a quarter: a simulator holds thousands of them.
    while (count <= row) count = count < 1024 ? 2 * count : Math.ceil((count * 1.25) / 16) * 16;
    const block = this.#memory.take(count * this.#stride);
    block.words.set(this.words.subarray(this.at, this.at + before), block.start);
    block.doubles.fill(empty, (block.start + before) / 2, (block.start + count * this.#stride) / 2);
    if (this.#block !== undefined) this.#memory.give(this.#block);
    this.#block = block;
    this.words = block.words;
    this.doubles = block.doubles;
    this.at = block.start;
    this.count = count;
  }
}
