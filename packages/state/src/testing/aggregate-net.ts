/** Many nodes with one aggregate on a network of ticks, a tenth of a round each: packets take one tick, or never come. */
import { Rng } from "@hearsay/core";
import type { AggregateEstimate, AggregateSettings } from "../aggregate-config.ts";
import { Aggregates } from "../aggregates.ts";

export interface NetOptions {
  readonly size: number;
  readonly seed?: number;
  /** Chance of each packet to be lost. */
  readonly loss?: number;
  /** Chance of each packet to come twice. */
  readonly duplicates?: number;
  readonly value: (node: number) => number | undefined;
  readonly settings?: Partial<AggregateSettings>;
}

interface Node {
  readonly id: number;
  readonly aggregates: Aggregates;
}

const tickMs = 100;

export class AggregateNet {
  loss: number;
  now = 0;
  packets = 0;
  bytes = 0;
  largest = 0;
  value: (node: number) => number | undefined;
  parted: (a: number, b: number) => boolean = () => false;
  readonly #options: NetOptions;
  readonly #rng: Rng;
  readonly #nodes: Node[] = [];
  readonly #byId = new Map<number, Node>();
  #nextId = 0;
  #flying: { from: number; to: number; bytes: Uint8Array }[] = [];

  constructor(options: NetOptions) {
    this.#options = options;
    this.loss = options.loss ?? 0;
    this.value = options.value;
    this.#rng = new Rng(options.seed ?? 1);
    for (let i = 0; i < options.size; i++) this.join();
  }

  get ids(): number[] {
    return this.#nodes.map(({ id }) => id);
  }

  get values(): number[] {
    return this.ids.map((id) => this.value(id)).filter((x) => x !== undefined);
  }

  join(): number {
    const id = this.#nextId++;
    const nodes = this.#nodes;
    const peers = {
      count: () => nodes.length - 1,
      pick: (rng: Rng): string | undefined => {
        if (nodes.length < 2) return undefined;
        for (;;) {
          const node = nodes[rng.below(nodes.length)]!;
          if (node.id !== id) return `n${node.id}`;
        }
      },
    };
    const aggregates = new Aggregates(peers, new Rng((this.#options.seed ?? 1) * 1_000_003 + id));
    const node = { id, aggregates };
    nodes.push(node);
    this.#byId.set(id, node);
    aggregates.open("load", () => this.value(id), this.now, this.#options.settings);
    return id;
  }

  /** A node chosen at random is no more; all others are told. */
  kill(at = this.#rng.below(this.#nodes.length)): void {
    const [node] = this.#nodes.splice(at, 1);
    this.#byId.delete(node!.id);
    for (const { aggregates } of this.#nodes) aggregates.handleGone(`n${node!.id}`);
  }

  run(rounds: number): void {
    for (let end = this.now + rounds * 10 * tickMs; this.now < end; ) this.tick();
  }

  /** Until one of some nodes has been in the epoch for so many rounds. */
  runTo(epoch: number, rounds: number): void {
    for (;;) {
      for (const { aggregates } of this.#nodes.slice(0, 10)) {
        const present = aggregates.present("load", this.now);
        if (present && (present.epoch > epoch || (present.epoch === epoch && present.ageMs >= rounds * 1_000))) return;
      }
      this.tick();
    }
  }

  tick(): void {
    this.now += tickMs;
    const arriving = this.#flying;
    this.#flying = [];
    for (const { from, to, bytes } of arriving) {
      this.#byId.get(to)?.aggregates.handlePacket(`n${from}`, bytes, this.now);
      this.#drain(to);
    }
    for (const { id, aggregates } of this.#nodes) {
      if (aggregates.nextDeadline() > this.now) continue;
      aggregates.handleTimeout(this.now);
      this.#drain(id);
    }
  }

  at(id: number): Aggregates {
    return this.#byId.get(id)!.aggregates;
  }

  presents(): AggregateEstimate[] {
    return this.#nodes.map(({ aggregates }) => aggregates.present("load", this.now)).filter((x) => x !== undefined);
  }

  estimates(): AggregateEstimate[] {
    return this.#nodes.map(({ aggregates }) => aggregates.estimate("load", this.now)).filter((x) => x !== undefined);
  }

  stat(name: "repeated" | "stale" | "forgotten" | "held"): number {
    return this.#nodes.reduce((sum, { aggregates }) => sum + aggregates.statsOf("load")![name], 0);
  }

  #drain(from: number): void {
    const aggregates = this.#byId.get(from)?.aggregates;
    for (let packet = aggregates?.pollTransmit(); packet; packet = aggregates?.pollTransmit()) {
      const to = Number(packet.to.slice(1));
      this.packets++;
      this.bytes += packet.bytes.length;
      this.largest = Math.max(this.largest, packet.bytes.length);
      const copies = this.#rng.float() < (this.#options.duplicates ?? 0) ? 2 : 1;
      for (let i = 0; i < copies; i++) {
        if (this.#rng.float() < this.loss || this.parted(from, to)) continue;
        this.#flying.push({ from, to, bytes: packet.bytes });
      }
    }
  }
}

/** The largest distance of any from the truth, as a share of it. */
export function worst(found: readonly number[], truth: number): number {
  return found.reduce((most, x) => Math.max(most, Math.abs(x - truth) / Math.abs(truth)), 0);
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, x) => sum + x, 0) / values.length;
}
