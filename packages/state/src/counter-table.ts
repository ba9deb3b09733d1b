/**
 * Counters that everybody may raise and lower, exact once everybody has heard: the PN-counter. For each life of each
 * writer it keeps what was added and what was taken; the value is the sum over all lives.
 *
 * A process that starts anew writes under a new life, so it need not know what it had counted before, and nothing that
 * arrives late can take its place. What a crashed process had told nobody is lost, as all that it had told nobody is.
 * Sources: Shapiro, Preguica, Baquero, Zawirski, Conflict-free replicated data types, 2011; Scuttlebutt for the versions.
 */
import { utf8Length } from "@hearsay/wire";
import { CounterError } from "./counter-errors.ts";
import { imprint, Life, lifeId } from "./counter-life.ts";

export const maxCounterNameBytes = 128;
/** A node's name on the wire of memberlist fits one byte of length less than this twice; nobody's is longer. */
export const maxWriterBytes = 255;
/** Parts into which lives fall by the first digits of their id. */
export const bucketCount = 64;

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
 * "news", "known": nothing new in it. Refused, without effect: "gap": it starts above what we have; "full": no room for the life
 * or the counter; "own": it says more of our own life than we did, so another process writes under it.
 */
export type MergeOutcome = "news" | "known" | "gap" | "full" | "own";

export class CounterTable {
  readonly limits: CounterLimits;
  readonly #own: Life;
  readonly #lives = new Map<string, Life>();
  readonly #names: string[] = [];
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
    this.#own = this.#admit(lifeId(writer, life), writer);
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
    const tally = this.#own.own(number);
    const side = amount < 0 ? "minus" : "plus";
    const sum = tally[side] + Math.abs(amount);
    if (!Number.isSafeInteger(sum))
      throw new CounterError(
        "counter-overflow",
        `cannot add ${amount} to "${counter}": this process's share would pass 2^53 - 1`,
      );
    if (amount === 0) return;
    tally[side] = sum;
    tally.version = this.#own.version + 1;
    this.#setVersion(this.#own, tally.version);
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

  /** What a writer's lives that are not folded have contributed. */
  contribution(writer: string, counter: string): bigint {
    const number = this.#numbers.get(counter) ?? -1;
    let sum = 0n;
    for (const life of this.#lives.values()) {
      if (life.writer !== writer) continue;
      const tally = life.tallies().get(number);
      if (tally) sum += BigInt(tally.plus) - BigInt(tally.minus);
    }
    return sum;
  }

  /** The id of our own life. */
  get ownId(): string {
    return this.#own.id;
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

  /** All that is new about a life to somebody who knows it up to `from`, in the order it happened; undefined if nothing. */
  deltaOf(id: string, from: number): LifeDelta | undefined {
    const life = this.#lives.get(id);
    if (!life || life.version <= from) return undefined;
    const tallies = [...life.tallies()]
      .filter(([, tally]) => tally.version > from)
      .map(([number, tally]) => ({ counter: this.#names[number]!, ...tally }))
      .sort((a, b) => a.version - b.version);
    return { id, writer: life.writer, from, to: life.version, tallies };
  }

  /** Takes in what somebody tells. A delta taken twice, late or out of order does no harm. */
  merge(delta: LifeDelta): MergeOutcome {
    const known = this.#lives.get(delta.id);
    if (known === this.#own && delta.to > known.version) return "own";
    if (delta.to <= (known?.version ?? 0)) return "known";
    if (delta.from > (known?.version ?? 0)) return "gap";
    if (!known && this.#lives.size >= this.limits.maxLives) return "full";
    // All or nothing: a life whose version is raised with a tally left out would never get it.
    const fresh = new Set(delta.tallies.map(({ counter }) => counter).filter((name) => !this.#numbers.has(name)));
    if (this.#names.length + fresh.size > this.limits.maxCounters) return "full";
    const life = known ?? this.#admit(delta.id, delta.writer);
    for (const tally of delta.tallies) {
      const number = this.#numberOf(tally.counter)!;
      const { plus, minus } = life.raise(number, { plus: tally.plus, minus: tally.minus, version: tally.version });
      this.#totals[number]! += BigInt(plus) - BigInt(minus);
    }
    this.#setVersion(life, delta.to);
    return "news";
  }

  /** Everything, for a snapshot or a stream; merge it piece by piece. */
  *deltas(): Generator<LifeDelta> {
    for (const id of this.#lives.keys()) {
      const delta = this.deltaOf(id, 0);
      if (delta) yield delta;
    }
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

  #setVersion(life: Life, version: number): void {
    const bucket = bucketOf(life.id);
    const before = life.version === 0 ? 0 : imprint(life.id, life.version);
    life.version = version;
    this.#sums[bucket]! += imprint(life.id, version) - before;
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
    return this.#names.push(counter) - 1;
  }
}

export function bucketOf(id: string): number {
  return Number.parseInt(id.slice(0, 2), 16) >> 2;
}
