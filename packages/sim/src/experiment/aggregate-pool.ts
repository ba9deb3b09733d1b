/**
 * A pool whose members average a value each, and what is true: of the inputs that the epoch began with, and of the values
 * at this moment. Members that end are replaced, so the size stays; the others know of an end after a while, as by SWIM.
 */
import { Rng } from "@hearsay/core";
import { type AggregateEstimate, type AggregateSettings, Aggregates } from "@hearsay/state";
import type { SimNode } from "../sim-node.ts";
import { World } from "../world.ts";
import { Courier, nameOf, Roll } from "./courier.ts";

export interface AggregatePoolOptions {
  readonly seed: number;
  readonly nodes: number;
  /** Share of packets lost. */
  readonly loss: number;
  /** ms from a member's end until the others know. */
  readonly detectMs: number;
  /** By how much of itself every value grows in a minute. */
  readonly driftPerMinute: number;
  readonly settings: Partial<AggregateSettings>;
}

interface Member {
  readonly node: SimNode<Courier<Aggregates>, never>;
  readonly aggregates: Aggregates;
  /** Its value at time 0. */
  readonly base: number;
  /** What it gave into its latest epoch. */
  input: number;
}

/** What is true of some values. */
export interface Truth {
  readonly count: number;
  readonly sum: number;
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
}

const topic = "load";

export class AggregatePool {
  readonly world: World<Courier<Aggregates>, never>;
  /** Members that ended and were replaced. */
  replaced = 0;
  readonly #options: AggregatePoolOptions;
  readonly #roll = new Roll();
  readonly #members: Member[] = [];
  readonly #seeds: Rng;
  readonly #rng: Rng;

  constructor(options: AggregatePoolOptions) {
    this.#options = options;
    this.world = new World({ seed: options.seed, network: { loss: options.loss } });
    this.#seeds = new Rng(options.seed).fork("members");
    this.#rng = new Rng(options.seed).fork("fates");
    for (let i = 0; i < options.nodes; i++) this.#join();
  }

  get size(): number {
    return this.#options.nodes;
  }

  /** One at random ends without a word, and another begins at a new address. */
  replaceOne(): void {
    const living = this.#living();
    const member = living[this.#rng.below(living.length)]!;
    const { index } = member.node;
    this.world.crash(member.node, { host: true });
    this.replaced++;
    this.world.at(this.world.now + this.#options.detectMs, () => this.#tellGone(index));
    this.#join();
  }

  /** Of each living member the epoch under way. */
  presents(): AggregateEstimate[] {
    return this.#estimates((aggregates, now) => aggregates.present(topic, now));
  }

  /** Of each living member what its program would be given. */
  estimates(): AggregateEstimate[] {
    return this.#estimates((aggregates, now) => aggregates.estimate(topic, now));
  }

  /** Of the inputs that an epoch began with, also those of members that ended in it. */
  inputs(epoch: number): Truth {
    const took = this.#members.filter(({ aggregates }) => aggregates.epochOf(topic) === epoch);
    return truthOf(took.map(({ input }) => input));
  }

  /** Of the values of all who live, now. */
  values(): Truth {
    return truthOf(this.#living().map((member) => this.#valueOf(member.base)));
  }

  /** Bytes sent by all so far. */
  get bytes(): number {
    return this.world.nodes.reduce((sum, { traffic }) => sum + traffic.bytesSent, 0);
  }

  #join(): void {
    const endpoint = this.#roll.add();
    const { world } = this;
    const index = world.nodes.length;
    const rng = this.#seeds.fork(nameOf(index));
    const peers = {
      count: () => this.#roll.present.length - 1,
      pick: (draw: Rng) => this.#roll.pick(index, draw),
    };
    const aggregates = new Aggregates(peers, rng);
    // Log-normal: a few are far above the rest, as load is.
    const normal = Math.sqrt(-2 * Math.log(1 - rng.float())) * Math.cos(2 * Math.PI * rng.float());
    const node = world.add(new Courier(aggregates, this.#roll, world.fidelity.codec), endpoint);
    const member: Member = { node, aggregates, base: Math.exp(3 + normal), input: Number.NaN };
    this.#members.push(member);
    const source = () => (member.input = this.#valueOf(member.base));
    world.act(node, () => aggregates.open(topic, source, world.now, this.#options.settings));
  }

  #tellGone(index: number): void {
    this.#roll.remove(index);
    for (const { node, aggregates } of this.#members) if (node.alive) aggregates.handleGone(nameOf(index));
  }

  #valueOf(base: number): number {
    return base * (1 + (this.#options.driftPerMinute * this.world.now) / 60_000);
  }

  #living(): Member[] {
    return this.#members.filter(({ node }) => node.alive);
  }

  #estimates(of: (aggregates: Aggregates, now: number) => AggregateEstimate | undefined): AggregateEstimate[] {
    const { now } = this.world;
    return this.#living().flatMap(({ aggregates }) => of(aggregates, now) ?? []);
  }
}

function truthOf(values: readonly number[]): Truth {
  const sorted = values.toSorted((a, b) => a - b);
  const sum = sorted.reduce((total, x) => total + x, 0);
  const at = (q: number) => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
  return { count: sorted.length, sum, mean: sum / sorted.length, p50: at(0.5), p99: at(0.99) };
}
