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
import { OpenTallies, PackedTallies, type Tallies, type Tally } from "./counter-tallies.ts";

export class Life {
  /** 16 hexadecimal digits: see `lifeId`. */
  readonly id: string;
  /** Empty once folded, or when it came from one who had folded it. */
  writer: string;
  /** The highest version of its tallies. */
  version = 0;
  /**
   * A sum over what all tallies say. Members of the same version have the same, unless somebody has lied, or two processes
   * have written under one life: then they see it by this.
   */
  content = 0;
  readonly #high: number;
  readonly #low: number;
  #tallies: Tallies = new OpenTallies();

  constructor(id: string, writer: string) {
    this.id = id;
    this.writer = writer;
    this.#high = Number.parseInt(id.slice(0, 8), 16);
    this.#low = Number.parseInt(id.slice(8), 16);
  }

  get folded(): boolean {
    return this.#tallies instanceof PackedTallies;
  }

  /** By number of the counter. */
  get tallies(): Tallies {
    return this.#tallies;
  }

  /** Puts a tally in place of what there was. @param name the hash of the counter's name: see `nameHash` */
  put(counter: number, name: number, tally: Tally): void {
    const before = this.#tallies.get(counter);
    this.content = (this.content - tallyImprint(name, before) + tallyImprint(name, tally)) >>> 0;
    this.#tallies.set(counter, tally);
  }

  fold(): void {
    if (!this.folded) this.#tallies = new PackedTallies(this.#tallies);
    this.writer = "";
  }

  /** What it adds to the sum by which two members see that they know the same. 0 when nothing is known of it. */
  imprint(): number {
    if (this.version === 0) return 0;
    const top = Math.floor(this.version / 0x1_0000_0000);
    const version = scrambled(this.#low ^ scrambled(this.version | 0));
    return scrambled(scrambled(scrambled(this.#high ^ version) ^ top) ^ this.content);
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

/** FNV-1a over the name's UTF-16 units. */
export function nameHash(name: string): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash;
}

function tallyImprint(name: number, tally: Tally | undefined): number {
  if (!tally || (tally.plus === 0 && tally.minus === 0)) return 0;
  const plus = scrambled(name ^ scrambled((tally.plus | 0) ^ scrambled(Math.floor(tally.plus / 0x1_0000_0000))));
  return scrambled(plus ^ scrambled(~tally.minus ^ scrambled(Math.floor(tally.minus / 0x1_0000_0000))));
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
