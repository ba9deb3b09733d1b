/**
 * A pool of `Serf` machines in a world, joined for real: what user events, queries, tags and graceful leaves are studied
 * on. Like `SwimPool`, with what a whole node adds: it says that it has joined once a join has succeeded, as a driver
 * makes it do.
 */
import {
  addressText,
  type Endpoint,
  type KnownMember,
  KnownPool,
  lanConfig,
  type Machine,
  NameTable,
  Rng,
  type Swim,
  type SwimConfig,
} from "@hearsay/core";
import { encodeTags, Serf, type SerfConfig, type SerfEvent, type SerfOptions, type Tags } from "@hearsay/serf";
import { NodeEndpoint } from "./node-endpoint.ts";
import { addressOf, endpointOf } from "./pool.ts";
import type { SimNode } from "./sim-node.ts";
import { World, type WorldOptions } from "./world.ts";

/** Its `onEvent` is the pool's own: listen with the world's. */
export type SerfNode = SimNode<Serf, SerfEvent>;

/** What a pool does with its machines. */
export interface PooledSerf<E> extends Machine<E> {
  readonly swim: Swim;
  start(now: number, known?: KnownPool): void;
  join(to: Endpoint, now: number): number;
  joined(now: number): void;
  leave(now: number): void;
  setTags(tags: Tags, now: number): number;
}

export interface SerfPoolOptions extends WorldOptions {
  /** Default: the LAN profile. */
  readonly config?: Partial<SwimConfig>;
  /** Default: Serf's. */
  readonly serfConfig?: Partial<SerfConfig>;
  /** Nodes that will be: names get as many digits. Default 1000. */
  readonly size?: number;
  /** Zone of each node by its number. Default 0. */
  readonly zoneOf?: (index: number) => number;
  /** Overrides for single machines. */
  readonly machine?: (options: SerfOptions, index: number) => SerfOptions;
}

export interface SerfSettings {
  /** Default `node-0007`, by number. */
  readonly name?: string;
  /** 4 or 16 bytes. Default 10.0.0.1 and up, by number. */
  readonly addr?: Uint8Array;
  /** Default 7946. */
  readonly port?: number;
  readonly tags?: Tags;
  /** Beside the pool's. */
  readonly serfConfig?: Partial<SerfConfig>;
}

/** What a Serf machine says of its versions: memberlist's, then Serf's. */
const versions = Uint8Array.of(1, 5, 2, 2, 5, 5);

type JoinResult = Extract<SerfEvent, { readonly type: "join-result" }>;

/** A pool of machines that are Serf or have it within. */
export abstract class PoolOfSerfs<M extends PooledSerf<E>, E extends { readonly type: string }> {
  readonly world: World<M, E>;
  readonly config: SwimConfig;
  readonly names = new NameTable();
  readonly #options: SerfPoolOptions;
  readonly #rng: Rng;
  readonly #digits: number;
  /** Of each node, for the process after this one. */
  readonly #settings: SerfSettings[] = [];
  #machines = 0;

  constructor(options: SerfPoolOptions) {
    this.#options = options;
    this.world = new World(options);
    this.config = { ...lanConfig, ...options.config };
    this.#rng = new Rng(options.seed).fork("machines");
    this.#digits = String(Math.max(1, (options.size ?? 1000) - 1)).length;
  }

  get nodes(): readonly SimNode<M, E>[] {
    return this.world.nodes;
  }

  /** Nodes whose process runs. */
  living(): SimNode<M, E>[] {
    return this.world.nodes.filter((node) => node.alive);
  }

  /** `node-0007`: all such names of a pool are equally long, so that order by name is order by number. */
  nameOf(index: number): string {
    return `node-${String(index).padStart(this.#digits, "0")}`;
  }

  /** One more node, alone. */
  add(settings: SerfSettings = {}): SimNode<M, E> {
    const index = this.world.nodes.length;
    const options = this.#machineOptions(index, settings);
    return this.#place(options, { address: addressText(options.addr), port: options.port }, settings);
  }

  /** `count` nodes that all know each other already, with nothing left to say; with no tags but those they must have. */
  addConverged(count: number): void {
    if (this.world.nodes.length > 0) throw new RangeError("addConverged: into an empty world only");
    const all = Array.from({ length: count }, (_, index) => this.#machineOptions(index, {}));
    const known = new KnownPool(
      this.names,
      all.map(({ name, addr, port, tags = {} }, index): KnownMember => {
        const endpoint = new NodeEndpoint(endpointOf(index).address, port, index);
        return { name, addr, port, endpoint, meta: encodeTags(this.tagsOf(name, tags)), vsn: versions, incarnation: 1 };
      }),
    );
    // The very endpoint that the machines will send to.
    for (const [i, options] of all.entries())
      this.#place(options, known.records[known.ids[i]!]!.endpoint, {}, (machine, now) => machine.start(now, known));
  }

  /** @returns the number in the `join-result` event. */
  join(node: SimNode<M, E>, seed: SimNode<M, E>): number {
    return this.world.act(node, (serf, now) => serf.join(seed.endpoint, now));
  }

  /** Begins a graceful leave; `left-pool` follows. The process then still runs: crash it. */
  leave(node: SimNode<M, E>): void {
    this.world.act(node, (serf, now) => serf.leave(now));
  }

  /** @returns the number in the `broadcast-done` event. */
  setTags(node: SimNode<M, E>, tags: Tags): number {
    return this.world.act(node, (serf, now) => serf.setTags(tags, now));
  }

  /**
   * A new process under the name and address of an ended one; it knows nobody, and joins through `seed` if given. It has
   * the settings that the node was added with, but for those named here; name and address stay.
   */
  restart(node: SimNode<M, E>, seed?: SimNode<M, E>, settings: Pick<SerfSettings, "tags" | "serfConfig"> = {}): void {
    const options = this.#machineOptions(node.index, { ...this.#settings[node.index], ...settings });
    this.world.restart(node, this.make(options));
    if (seed) this.join(node, seed);
  }

  /** Every living node sees exactly the living ones alive (suspects count). */
  agreed(): boolean {
    const living = this.living();
    return living.every(({ machine }) => machine.swim.aliveCount === living.length);
  }

  protected abstract make(options: SerfOptions): M;

  /** The tags that a machine made with these ones has. */
  protected tagsOf(_name: string, tags: Tags): Tags {
    return tags;
  }

  #place(
    options: SerfOptions,
    endpoint: Endpoint,
    settings: SerfSettings,
    start?: (machine: M, now: number) => void,
  ): SimNode<M, E> {
    const zone = this.#options.zoneOf?.(this.world.nodes.length) ?? 0;
    const node = this.world.add(this.make(options), endpoint, start ? { zone, start } : { zone });
    this.#settings.push(settings);
    node.onEvent = (event) => {
      if (event.type === "join-result" && (event as unknown as JoinResult).error === undefined)
        this.world.act(node, (serf, now) => serf.joined(now));
    };
    return node;
  }

  #machineOptions(index: number, settings: SerfSettings): SerfOptions {
    const options: SerfOptions = {
      name: settings.name ?? this.nameOf(index),
      addr: settings.addr ?? addressOf(index),
      port: settings.port ?? 7946,
      tags: settings.tags ?? {},
      config: this.config,
      serfConfig: { ...this.#options.serfConfig, ...settings.serfConfig },
      codec: this.world.fidelity.codec,
      rng: this.#rng.fork(`machine ${++this.#machines}`),
      names: this.names,
    };
    return this.#options.machine?.(options, index) ?? options;
  }
}

export class SerfPool extends PoolOfSerfs<Serf, SerfEvent> {
  protected make(options: SerfOptions): Serf {
    return new Serf(options);
  }
}
