/**
 * One life of one writer: what a process added to and took from each counter between its start and its end. Only that
 * process changes it, so of two copies the one of the higher version is right, counter by counter: merging is the maximum.
 *
 * A life that is over can be folded: its name goes and its totals are packed into one array. Folding changes how a life is
 * kept and nothing of what it says. So it needs no agreement: two members may fold the same life at the same time, with
 * different news of it, and it may come back and go on; the maximum is taken as before, and nothing is lost or counted
 * twice. A base that keeps only the sum could not do this: when a life comes back, nobody would know how much of it the
 * sum holds.
 */
import { utf8Length, writeUtf8 } from "@hearsay/wire";

/** What one life did to one counter. */
export interface Tally {
  /** Added in all, 0 ... 2^53 - 1. Never falls. */
  plus: number;
  /** Subtracted in all, 0 ... 2^53 - 1. Never falls. */
  minus: number;
  /** Of the life, when this last changed. */
  version: number;
}

/** Numbers of one tally in a folded life: which counter, plus, minus, version. */
const stride = 4;

export class Life {
  /** 16 hexadecimal digits: see `lifeId`. */
  readonly id: string;
  /** Empty once folded, or when it came from one who had folded it. */
  writer: string;
  /** The highest version of its tallies. */
  version = 0;
  #tallies: Map<number, Tally> | undefined = new Map();
  #packed: Float64Array | undefined;

  constructor(id: string, writer: string) {
    this.id = id;
    this.writer = writer;
  }

  get folded(): boolean {
    return this.#packed !== undefined;
  }

  /** By number of the counter. Of a folded life a fresh copy. */
  tallies(): Map<number, Tally> {
    return this.#tallies ?? unpacked(this.#packed!);
  }

  /** The tally to be changed; its life is not folded. */
  own(counter: number): Tally {
    const tallies = this.#tallies!;
    let tally = tallies.get(counter);
    if (!tally) tallies.set(counter, (tally = { plus: 0, minus: 0, version: 0 }));
    return tally;
  }

  /** Takes the maximum of both. Returns by how much plus and minus grew; a folded life stays folded. */
  raise(counter: number, to: Tally): { plus: number; minus: number } {
    const tallies = this.tallies();
    const before = tallies.get(counter) ?? { plus: 0, minus: 0, version: 0 };
    const after = {
      plus: Math.max(before.plus, to.plus),
      minus: Math.max(before.minus, to.minus),
      version: Math.max(before.version, to.version),
    };
    tallies.set(counter, after);
    if (this.#packed) this.#packed = packed(tallies);
    return { plus: after.plus - before.plus, minus: after.minus - before.minus };
  }

  fold(): void {
    if (this.#tallies) this.#packed = packed(this.#tallies);
    this.#tallies = undefined;
    this.writer = "";
  }
}

/**
 * 64 bits for a writer's life. Two of 100,000 lives share an id with a chance of 3 in 10^10; then the smaller is hidden.
 */
export function lifeId(writer: string, life: number): string {
  const bytes = new Uint8Array(utf8Length(writer) + 8);
  writeUtf8(writer, bytes, 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(life / 0x1_0000_0000));
  view.setUint32(4, life >>> 0);
  let a = 0xdeadbeef | 0;
  let b = 0x41c6ce57 | 0;
  for (const byte of bytes) {
    a = Math.imul(a ^ byte, 0x9e3779b1);
    b = Math.imul(b ^ byte, 0x5f356495);
    a ^= a >>> 15;
    b ^= b >>> 13;
  }
  return hex(scrambled(a ^ Math.imul(b, 0x85ebca6b))) + hex(scrambled(b ^ Math.imul(a, 0xc2b2ae35)));
}

/** What a life of this id and version adds to the sum by which two members see that they know the same. */
export function imprint(id: string, version: number): number {
  const high = Number.parseInt(id.slice(0, 8), 16);
  const low = Number.parseInt(id.slice(8), 16);
  const top = Math.floor(version / 0x1_0000_0000);
  return scrambled(scrambled(high ^ scrambled(low ^ scrambled(version | 0))) ^ top);
}

function hex(word: number): string {
  return word.toString(16).padStart(8, "0");
}

/** The finishing step of MurmurHash3. */
function scrambled(word: number): number {
  let x = word | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

function packed(tallies: ReadonlyMap<number, Tally>): Float64Array {
  const numbers = new Float64Array(tallies.size * stride);
  let at = 0;
  for (const [counter, { plus, minus, version }] of tallies) {
    numbers.set([counter, plus, minus, version], at);
    at += stride;
  }
  return numbers;
}

function unpacked(numbers: Float64Array): Map<number, Tally> {
  const tallies = new Map<number, Tally>();
  for (let at = 0; at < numbers.length; at += stride) {
    tallies.set(numbers[at]!, { plus: numbers[at + 1]!, minus: numbers[at + 2]!, version: numbers[at + 3]! });
  }
  return tallies;
}
