/** Nodes with counters on a network without delay: packets arrive at once, or not at all, or twice. */
import { Rng } from "@hearsay/core";
import { CounterSync, type CounterSyncSettings, type CounterSyncStats } from "../counter-sync.ts";
import { type CounterLimits, CounterTable } from "../counter-table.ts";

export interface CounterNetOptions {
  readonly size: number;
  /** Chance of each packet to be lost. */
  readonly loss?: number;
  readonly limits?: Partial<CounterLimits>;
  readonly settings?: Partial<CounterSyncSettings>;
  /** Of what is lost. Default 3. */
  readonly seed?: number;
}

/** Between two looks at the clock: ms. */
const stepMs = 50;

export class CounterNet {
  loss: number;
  duplicates = 0;
  bytes = 0;
  packets = 0;
  largest = 0;
  parted: (a: number, b: number) => boolean = () => false;
  readonly #options: CounterNetOptions;
  readonly #syncs: CounterSync[];
  readonly #rng: Rng;
  #now = 0;
  #lives = 0;

  constructor(options: CounterNetOptions) {
    this.#options = options;
    this.loss = options.loss ?? 0;
    this.#rng = new Rng(options.seed ?? 3);
    this.#syncs = [];
    for (let i = 0; i < options.size; i++) this.#syncs.push(this.#start(i, options.size));
  }

  sync(at: number): CounterSync {
    return this.#syncs[at]!;
  }

  table(at: number): CounterTable {
    return this.#syncs[at]!.table;
  }

  stats(at: number): CounterSyncStats {
    return this.#syncs[at]!.stats;
  }

  values(name: string): Set<bigint> {
    return new Set(this.#syncs.map((sync) => sync.table.value(name)));
  }

  restart(at: number): void {
    this.#syncs[at] = this.#start(at, this.#syncs.length);
  }

  run(rounds: number): void {
    for (let step = 0; step < (rounds * 1_000) / stepMs; step++) {
      this.#now += stepMs;
      this.#syncs.forEach((sync, i) => {
        if (sync.nextDeadline() <= this.#now) sync.handleTimeout(this.#now);
        this.#deliver(i);
      });
    }
  }

  #deliver(from: number): void {
    const busy = [from];
    for (let at = busy.pop(); at !== undefined; at = busy.pop()) {
      for (let packet = this.#syncs[at]!.pollTransmit(); packet; packet = this.#syncs[at]!.pollTransmit()) {
        this.packets++;
        this.bytes += packet.bytes.length;
        this.largest = Math.max(this.largest, packet.bytes.length);
        const to = Number(packet.to.slice(1));
        if (this.parted(at, to) || this.#rng.float() < this.loss) continue;
        for (let copies = this.#rng.float() < this.duplicates ? 2 : 1; copies > 0; copies--) {
          this.#syncs[to]!.handlePacket(`n${at}`, packet.bytes);
        }
        busy.push(to);
      }
    }
  }

  #start(at: number, size: number): CounterSync {
    const life = this.#lives++;
    const table = new CounterTable({ writer: `n${at}`, life, ...this.#options.limits });
    const sync = new CounterSync(table, new Rng(life), this.#now, this.#options.settings);
    sync.setPeers(Array.from({ length: size }, (_, i) => `n${i}`).filter((name) => name !== `n${at}`));
    return sync;
  }
}
