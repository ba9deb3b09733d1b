/**
 * A pool that counts, with a record of every add: which process made it, under which life, as which version. So it can be
 * said at the end which adds nobody alive has heard of, and whether everything else is counted exactly once.
 */
import { Rng } from "@hearsay/core";
import { CounterSync, type CounterSyncSettings, CounterTable } from "@hearsay/state";
import type { SimNode } from "../sim-node.ts";
import { World } from "../world.ts";
import { Courier, nameOf, Roll } from "./courier.ts";

export interface CounterPoolOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly counters: number;
  readonly loss: number;
  readonly duplicates: number;
  /** ms from a member's end until the others stop asking it. */
  readonly detectMs: number;
  /** Whether a process stores what it wrote before it acknowledges an add, and finds it there when it starts again. */
  readonly disk: boolean;
  readonly settings: Partial<CounterSyncSettings>;
}

interface Member {
  readonly node: SimNode<Courier<CounterSync>, never>;
  stored: Uint8Array | undefined;
}

interface Add {
  readonly life: string;
  readonly version: number;
  readonly counter: number;
  readonly amount: bigint;
}

/** What is counted in the end, against what was added. */
export interface Verdict {
  /** All living members say the same of each counter. */
  readonly agreed: boolean;
  /** And it is the sum of all adds but those that ended with the process that made them. */
  readonly exact: boolean;
  readonly adds: number;
  /** Acknowledged, and heard of by nobody alive. */
  readonly lost: number;
}

export class CounterPool {
  readonly world: World<Courier<CounterSync>, never>;
  /** Of all adds so far. */
  added = 0n;
  readonly #options: CounterPoolOptions;
  readonly #roll = new Roll();
  readonly #members: Member[] = [];
  readonly #adds: Add[] = [];
  readonly #rng: Rng;
  #lives = 0;

  constructor(options: CounterPoolOptions) {
    this.#options = options;
    const { seed, loss, duplicates } = options;
    this.world = new World({ seed, network: { loss, duplicates } });
    this.#rng = new Rng(seed).fork("counters");
    for (let i = 0; i < options.nodes; i++) this.#roll.add();
    for (let i = 0; i < options.nodes; i++) this.#join(i);
    this.#tellPeers();
  }

  /** Members that run. */
  get living(): readonly number[] {
    return this.#members.flatMap(({ node }) => (node.alive ? [node.index] : []));
  }

  /** A member that runs adds something to one of the counters, and acknowledges it. */
  add(index: number): void {
    const member = this.#members[index]!;
    if (!member.node.alive) return;
    const { table } = member.node.machine.talker;
    const counter = this.#rng.below(this.#options.counters);
    // More is added than taken.
    const amount = this.#rng.below(1_000) - 200 || 1;
    table.add(counterName(counter), amount);
    if (this.#options.disk) member.stored = table.save("own");
    this.#adds.push({ life: table.ownId, version: table.versionOf(table.ownId), counter, amount: BigInt(amount) });
    this.added += BigInt(amount);
  }

  /** kill -9. The others find out after a while. */
  kill(index: number): void {
    this.world.crash(this.#members[index]!.node, { host: true });
    this.world.at(this.world.now + this.#options.detectMs, () => {
      if (this.#members[index]!.node.alive || !this.#roll.present.includes(index)) return;
      this.#roll.remove(index);
      this.#tellPeers();
    });
  }

  /** The next process of the name, at the same address. */
  restart(index: number): void {
    const { node, stored } = this.#members[index]!;
    const machine = this.#machine(index);
    if (stored) machine.talker.table.restore(stored);
    this.world.restart(node, machine);
    if (!this.#roll.present.includes(index)) this.#roll.put(index);
    this.#tellPeers();
  }

  /** It will not come back, and its share is collected: by each member when it likes, within `withinMs`. */
  giveUp(index: number, withinMs: number): void {
    for (const { node } of this.#members) {
      const at = this.world.now + this.#rng.float() * withinMs;
      this.world.at(at, () => {
        if (node.alive) node.machine.talker.table.fold(nameOf(index));
      });
    }
  }

  /** Members of even and of odd numbers do not reach each other. */
  split(): void {
    const { nodes } = this.world;
    this.world.partition(
      nodes.filter(({ index }) => index % 2 === 0),
      nodes.filter(({ index }) => index % 2 === 1),
    );
  }

  /** Whether all who run know the same. */
  agreed(): boolean {
    const [first, ...others] = this.#tables();
    const imprints = first?.imprints().join();
    return others.every((table) => table.imprints().join() === imprints);
  }

  verdict(): Verdict {
    const tables = this.#tables();
    const heard = new Map<string, number>();
    const versionOf = (life: string) => {
      const known = heard.get(life) ?? Math.max(...tables.map((table) => table.versionOf(life)));
      heard.set(life, known);
      return known;
    };
    const right = Array.from({ length: this.#options.counters }, () => 0n);
    const counted = this.#adds.filter(({ life, version }) => version <= versionOf(life));
    for (const { counter, amount } of counted) right[counter]! += amount;
    const values = tables.map((table) => right.map((_, i) => table.value(counterName(i))));
    return {
      agreed: values.every((list) => list.join() === values[0]!.join()),
      exact: values.every((list) => list.join() === right.join()),
      adds: this.#adds.length,
      lost: this.#adds.length - counted.length,
    };
  }

  /** Of all counters together, as each member sees it; in no order. */
  totals(): bigint[] {
    const names = Array.from({ length: this.#options.counters }, (_, i) => counterName(i));
    return this.#tables().map((table) => names.reduce((sum, name) => sum + table.value(name), 0n));
  }

  /** Lives that a member keeps, and how many of them are folded: the most of any. */
  lives(): { readonly kept: number; readonly folded: number } {
    const tables = this.#tables();
    const most = (of: (table: CounterTable) => number) => tables.reduce((n, table) => Math.max(n, of(table)), 0);
    return { kept: most((table) => table.lives), folded: most((table) => table.foldedLives) };
  }

  /** What a member's counters take in a file: bytes, the most of any. */
  savedBytes(): number {
    return this.#tables().reduce((most, table) => Math.max(most, table.save().length), 0);
  }

  /** Bytes sent by all so far. */
  get bytes(): number {
    return this.world.nodes.reduce((sum, { traffic }) => sum + traffic.bytesSent, 0);
  }

  #join(index: number): void {
    const node = this.world.add(this.#machine(index), this.#roll.endpoints[index]!);
    this.#members.push({ node, stored: undefined });
  }

  #machine(index: number): Courier<CounterSync> {
    const life = ++this.#lives;
    const table = new CounterTable({ writer: nameOf(index), life });
    const sync = new CounterSync(table, this.#rng.fork(`sync ${life}`), this.world.now, this.#options.settings);
    return new Courier(sync, this.#roll, this.world.fidelity.codec);
  }

  #tellPeers(): void {
    const names = this.#roll.present.map(nameOf);
    for (const { node } of this.#members) {
      node.machine.talker.setPeers(names.filter((name) => name !== nameOf(node.index)));
    }
  }

  #tables(): CounterTable[] {
    return this.#members.flatMap(({ node }) => (node.alive ? [node.machine.talker.table] : []));
  }
}

function counterName(i: number): string {
  return `counter-${i}`;
}
