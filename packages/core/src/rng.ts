/**
 * Seeded randomness (sfc32 by Chris Doty-Humphrey). One seed gives one sequence on any machine; a fork per purpose keeps
 * one extra draw in one place from moving all the others. Not for keys or nonces.
 */
export class Rng {
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  /** @param seed any number; its 53 bits count. */
  constructor(seed: number) {
    // Kept within 32 signed bits, which engines store without a box.
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 0x1_0000_0000) | 0;
    this.#c = 0x9e3779b9 | 0;
    this.#counter = 1;
    for (let i = 0; i < 12; i++) this.uint32();
  }

  /** 0 … 2^32 − 1. */
  uint32(): number {
    const t = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + t) | 0;
    return t >>> 0;
  }

  /** 0 ≤ x < 1. */
  float(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** An integer 0 ≤ x < n; 0 for n ≤ 1. Unbiased enough for n far below 2^32. */
  below(n: number): number {
    return n <= 1 ? 0 : Math.floor(this.float() * n);
  }

  /** `value` moved by up to ± `share` of itself. */
  jitter(value: number, share: number): number {
    return value * (1 + share * (2 * this.float() - 1));
  }

  /** A generator of its own for one purpose; draws from it do not move this one. */
  fork(label: string): Rng {
    let hash = 0x811c9dc5 ^ this.#b;
    for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193);
    return new Rng((hash >>> 0) * 0x20_0000 + (this.#c >>> 11));
  }
}
