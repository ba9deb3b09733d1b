/** Bytes that are always the same, such as keys, as 32-bit words: written and compared four at a time. */
export class Constant {
  readonly length: number;
  /** Little-endian, the last one padded with 0. */
  readonly words: Int32Array;
  /** The bits of the last word that count. */
  readonly lastMask: number;

  constructor(bytes: readonly number[]) {
    this.length = bytes.length;
    this.words = new Int32Array(Math.ceil(bytes.length / 4));
    this.lastMask = (-1 >>> (8 * (4 * this.words.length - bytes.length))) | 0;
    for (const [i, byte] of bytes.entries()) this.words[i >> 2]! |= byte << (8 * (i & 3));
  }
}

/** A key in raw form, with what may stand before it. */
export function key(name: string, ...before: number[]): Constant {
  return new Constant([...before, ...keyBytes(name)]);
}

/** The bytes of a key in raw form; at most 31 letters. */
export function keyBytes(name: string): number[] {
  return [0xa0 | name.length, ...Array.from(name, (letter) => letter.charCodeAt(0))];
}
