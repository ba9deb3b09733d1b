/**
 * Counters that everybody may raise and lower, exact once everybody has heard: the PN-counter. For each life of each
 * writer it keeps what was added and what was taken; the value is the sum over all lives.
 *
 * A process that starts anew writes under a new life, so it need not know what it had counted before, and nothing that
 * arrives late can take its place. What a crashed process had told nobody and not stored is lost: see `save`.
 *
 * Whoever may speak may add, under any name, and what was added cannot be taken back: a false tally stays. But it silences
 * nobody and sets nobody apart. A writer of whose life more is told than it did leaves that life and goes on under another;
 * and members who have the same version of a life with different contents see it, and both take the maximum.
 * Sources: Shapiro, Preguica, Baquero, Zawirski, Conflict-free replicated data types, 2011; Scuttlebutt for the versions.
 */
import { utf8Length } from "@hearsay/wire";
import { CounterError } from "./counter-errors.ts";
import { Life, lifeId, nameHash } from "./counter-life.ts";
import { bucketCount, maxCounterNameBytes, maxWriterBytes } from "./counter-limits.ts";
import { decodeLives, encodeLives } from "./counter-snapshot.ts";
import type { Tally } from "./counter-tallies.ts";

const none: Tally = { plus: 0, minus: 0, version: 0 };
/** Tallies of a piece in a file. */
const savedAtOnce = 4_096;

export interface CounterLimits {
  /** Different counters, 1 ... 65,535. Default 1,024. */
  readonly maxCounters: number;
  /** Lives kept, folded ones included. Default 65,536. Beyond it news of further lives is refused, and counted. */
  readonly maxLives: number;
}

export interface CounterOptions extends Partial<CounterLimits> {
  /** This node's name, 1 ... 255 bytes. */
  readonly writer: string;
  /**
   * This run of the process: a whole number, 0 ... 2^53 - 1, that the node never used before. Milliseconds of wall time
   * times 4,096 plus 12 random bits will do: then a clock set back does not bring an old life again.
   */
  readonly life: number;
}

/** News of one life: all its tallies of versions above `from` up to `to`. */
export interface LifeDelta {
  readonly id: string;
  /** Empty when the teller has folded it. */
  readonly writer: string;
  readonly from: number;
  readonly to: number;
  readonly tallies: readonly { counter: string; plus: number; minus: number; version: number }[];
}

/**
 * "news"; "known": nothing new in it. "own": it says more of our own life than we did, so another process writes under it, or
 * somebody lies: taken in, and we go on under a new life. Refused, without effect: "gap": it starts above what we have;
 * "full": no room for the life or the counter.
 */
export type MergeOutcome = "news" | "known" | "gap" | "full" | "own";

export class CounterTable {
  readonly limits: CounterLimits;
  readonly #writer: string;
  #own: Life;
  #ownNumber: number;
  readonly #ownIds: string[] = [];
  readonly #lives = new Map<string, Life>();
  readonly #names: string[] = [];
  /** By counter: of its name. */
  readonly #hashes: number[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #totals: bigint[] = [];
  readonly #sums = new Uint32Array(bucketCount);
  /** Ids in order, in their buckets; a bucket is put in order when it is asked for. */
  readonly #buckets: { ids: string[]; sorted: boolean }[];

  /** Throws CounterError "counter-writer". */
  constructor({ writer, life, maxCounters = 1_024, maxLives = 65_536 }: CounterOptions) {
    const bytes = utf8Length(writer);
    if (bytes < 1 || bytes > maxWriterBytes)
      throw new CounterError(
        "counter-writer",
        `the writer's name takes ${bytes} bytes, where 1 to ${maxWriterBytes} may`,
      );
    if (!Number.isSafeInteger(life) || life < 0)
      throw new CounterError(
        "counter-writer",
        `the writer's life is ${life}, where a whole number from 0 to 2^53 - 1 belongs`,
      );
    this.limits = { maxCounters: Math.min(maxCounters, 0xffff), maxLives };
    this.#buckets = Array.from({ length: bucketCount }, () => ({ ids: [], sorted: true }));
    this.#writer = writer;
    this.#ownNumber = life;
    this.#own = this.#admit(lifeId(writer, life), writer);
    this.#ownIds.push(this.#own.id);
  }

  /** Of the life that we write under. Changes when somebody else has written under it: see `MergeOutcome`. */
  get ownId(): string {
    return this.#own.id;
  }

  /** Of all lives that this process has written under, the present one last. */
  get ownIds(): readonly string[] {
    return this.#ownIds;
  }

  /**
   * Adds a whole number, negative to subtract. Throws CounterError "counter-name", "counter-amount", "counter-overflow" or
   * "counters-full".
   */
  add(counter: string, amount: number): void {
    if (!Number.isSafeInteger(amount))
      throw new CounterError(
        "counter-amount",
        `cannot add ${amount} to "${counter}": a whole number up to 2^53 - 1 belongs`,
      );
    const number = this.#numberOf(counter);
    if (number === undefined)
      throw new CounterError(
        "counters-full",
        `no room for "${counter}": there are ${this.limits.maxCounters} counters`,
      );
    if (amount === 0) return;
    const tally = this.#own.tallies.get(number) ?? none;
    const side = amount < 0 ? "minus" : "plus";
    const sum = tally[side] + Math.abs(amount);
    if (!Number.isSafeInteger(sum))
      throw new CounterError(
        "counter-overflow",
        `cannot add ${amount} to "${counter}": this process's share would pass 2^53 - 1`,
      );
    const before = this.#own.imprint();
    this.#own.version++;
    this.#own.put(number, this.#hashes[number]!, { ...tally, [side]: sum, version: this.#own.version });
    this.#moveSum(this.#own, before);
    this.#totals[number]! += BigInt(amount);
  }

  /** What is known here. 0 of a counter that nobody has touched. Exact, however large. */
  value(counter: string): bigint {
    return this.#totals[this.#numbers.get(counter) ?? -1] ?? 0n;
  }

  /** The counters there are, in the order they came up. */
  names(): readonly string[] {
    return [...this.#names];
  }

  /** Nobody has counted anything yet. */
  get isEmpty(): boolean {
    return this.#names.length === 0;
  }

  /** What a writer's lives that are not folded have contributed. */
  contribution(writer: string, counter: string): bigint {
    const number = this.#numbers.get(counter) ?? -1;
    let sum = 0n;
    for (const life of this.#lives.values()) {
      if (life.writer !== writer) continue;
      const tally = life.tallies.get(number);
      if (tally) sum += BigInt(tally.plus) - BigInt(tally.minus);
    }
    return sum;
  }

  get lives(): number {
    return this.#lives.size;
  }

  get foldedLives(): number {
    let count = 0;
    for (const life of this.#lives.values()) if (life.folded) count++;
    return count;
  }

  /**
   * The writer is gone for good: its lives are kept in little room and without its name. What they contributed stays,
   * also when it was wrong to give the writer up. Never our own life. Returns how many lives that were.
   */
  fold(writer: string): number {
    let count = 0;
    for (const life of this.#lives.values()) {
      if (life === this.#own || life.folded || life.writer !== writer) continue;
      life.fold();
      count++;
    }
    return count;
  }

  /** A sum over ids and versions in each bucket: equal sums, equal knowledge, but for a chance of one in 2^32 each. */
  imprints(): Uint32Array {
    return this.#sums.slice();
  }

  /** Ids of a bucket in their order. Lent until the next change. */
  idsOf(bucket: number): readonly string[] {
    const entry = this.#buckets[bucket]!;
    if (!entry.sorted) {
      entry.ids.sort();
      entry.sorted = true;
    }
    return entry.ids;
  }

  /** 0 when nothing is known of it. */
  versionOf(id: string): number {
    return this.#lives.get(id)?.version ?? 0;
  }

  /** What its tallies say, as a number to compare between members of the same version. */
  contentOf(id: string): number {
    return this.#lives.get(id)?.content ?? 0;
  }

  /**
   * What is new about a life to somebody who knows it up to `from`, in the order it happened, at most so many tallies;
   * undefined if nothing. `to` says how far it goes.
   */
  deltaOf(id: string, from: number, most = Number.POSITIVE_INFINITY): LifeDelta | undefined {
    const life = this.#lives.get(id);
    if (!life || life.version <= from) return undefined;
    const found = life.tallies.since(from, most);
    const tallies = found.map(({ counter, ...tally }) => ({ counter: this.#names[counter]!, ...tally }));
    const to = found.length < most ? life.version : found.at(-1)!.version;
    return { id, writer: life.writer, from, to, tallies };
  }

  /** Takes in what somebody tells. A delta taken twice, late or out of order does no harm. */
  merge(delta: LifeDelta): MergeOutcome {
    const known = this.#lives.get(delta.id);
    if (delta.from > (known?.version ?? 0)) return "gap";
    if (!known && this.#lives.size >= this.limits.maxLives) return "full";
    // All or nothing: a life whose version is raised with a tally left out would never get it.
    const fresh = new Set(delta.tallies.map(({ counter }) => counter).filter((name) => !this.#numbers.has(name)));
    if (this.#names.length + fresh.size > this.limits.maxCounters) return "full";
    const own = this.#own;
    const ownContent = own.content;
    const life = known ?? this.#admit(delta.id, delta.writer);
    if (!this.#raise(life, delta)) return "known";
    if (life !== own) return "news";
    this.#startAnew(ownContent);
    return "own";
  }

  /** Everything, in pieces to be merged one by one, each of at most so many tallies. */
  *deltas(most = Number.POSITIVE_INFINITY): Generator<LifeDelta> {
    for (const id of this.#lives.keys()) yield* this.#pieces(id, most);
  }

  /**
   * In bytes, for a file. "own": only what was written under our name, by this process and those before it, as far as it is
   * not folded: what a process must have stored before it acknowledges an add that is to survive its end. The rest comes
   * back from others.
   */
  save(scope: "all" | "own" = "all"): Uint8Array {
    const lives = [...this.#lives.values()].filter(({ writer }) => scope === "all" || writer === this.#writer);
    return encodeLives(lives.flatMap(({ id }) => [...this.#pieces(id, savedAtOnce)]));
  }

  /**
   * Takes in what was saved, beside what is known already. Our own life must be a new one: what was saved is that of a process
   * before us. Returns how many pieces found no room. Throws CounterError "counter-snapshot", without effect, when the
   * bytes are not what `save` returned.
   */
  restore(bytes: Uint8Array): { readonly refused: number } {
    let refused = 0;
    for (const delta of decodeLives(bytes)) {
      const outcome = this.merge(delta);
      if (outcome === "full" || outcome === "gap") refused++;
    }
    return { refused };
  }

  *#pieces(id: string, most: number): Generator<LifeDelta> {
    for (let from = 0; ; ) {
      const delta = this.deltaOf(id, from, most);
      if (!delta) return;
      yield delta;
      from = delta.to;
    }
  }

  /** Takes the maximum; says whether anything grew. Where there is room has been looked at. */
  #raise(life: Life, { to, tallies }: LifeDelta): boolean {
    const before = life.imprint();
    let grew = to > life.version;
    for (const { counter, ...told } of tallies) {
      const number = this.#numberOf(counter)!;
      const { plus, minus, version } = life.tallies.get(number) ?? none;
      if (told.plus <= plus && told.minus <= minus && told.version <= version) continue;
      const most = {
        plus: Math.max(plus, told.plus),
        minus: Math.max(minus, told.minus),
        version: Math.max(version, told.version),
      };
      life.put(number, this.#hashes[number]!, most);
      this.#totals[number]! += BigInt(most.plus) - BigInt(plus) - BigInt(most.minus) + BigInt(minus);
      grew = true;
    }
    life.version = Math.max(life.version, to);
    this.#moveSum(life, before);
    return grew;
  }

  /**
   * Not simply the next number: two processes that have met under one life must not meet again. What they had in it before
   * was different, or they would not have seen that they are two.
   */
  #startAnew(content: number): void {
    const step = 1 + (content % 1_000_003);
    this.#ownNumber = (this.#ownNumber + step) % Number.MAX_SAFE_INTEGER;
    const id = lifeId(this.#writer, this.#ownNumber);
    this.#own = this.#lives.get(id) ?? this.#admit(id, this.#writer);
    this.#ownIds.push(id);
  }

  #admit(id: string, writer: string): Life {
    const life = new Life(id, writer);
    this.#lives.set(id, life);
    const bucket = this.#buckets[bucketOf(id)]!;
    bucket.ids.push(id);
    bucket.sorted = bucket.ids.length === 1;
    // One that came without a name was folded elsewhere.
    if (writer === "") life.fold();
    return life;
  }

  /** A life has changed, whose imprint was `before`. */
  #moveSum(life: Life, before: number): void {
    this.#sums[bucketOf(life.id)]! += life.imprint() - before;
  }

  /** Throws on a name that cannot be; undefined when there is no room. */
  #numberOf(counter: string): number | undefined {
    const number = this.#numbers.get(counter);
    if (number !== undefined) return number;
    const bytes = utf8Length(counter);
    if (bytes < 1 || bytes > maxCounterNameBytes)
      throw new CounterError(
        "counter-name",
        `a counter's name takes ${bytes} bytes, where 1 to ${maxCounterNameBytes} may`,
      );
    if (this.#names.length >= this.limits.maxCounters) return undefined;
    this.#numbers.set(counter, this.#names.length);
    this.#totals.push(0n);
    this.#hashes.push(nameHash(counter));
    return this.#names.push(counter) - 1;
  }
}

export function bucketOf(id: string): number {
  return Number.parseInt(id.slice(0, 2), 16) >> 2;
}
