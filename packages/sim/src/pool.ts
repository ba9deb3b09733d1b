/**
 * A pool of `Swim` machines in a world: named and addressed alike, with one configuration, joined for real or begun
 * converged. What most experiments and all large ones run on.
 */
import {
  type Endpoint,
  type KnownMember,
  KnownPool,
  lanConfig,
  type MemberView,
  NameTable,
  Rng,
  Swim,
  type SwimConfig,
  type SwimEvent,
  type SwimOptions,
} from "@hearsay/core";
import { NodeEndpoint } from "./node-endpoint.ts";
import type { SimNode } from "./sim-node.ts";
import { World, type WorldOptions } from "./world.ts";

export type SwimNode = SimNode<Swim, SwimEvent>;

export interface PoolOptions extends WorldOptions {
  /** Default: the LAN profile. */
  readonly config?: Partial<SwimConfig>;
  /** Nodes that will be: names get as many digits. Default 1000. */
  readonly size?: number;
  /** Other names than `node-0007`; different, and best equally long. */
  readonly nameOf?: (index: number) => string;
  /** Bytes of meta that each carries, at most 512. Default 0. */
  readonly metaBytes?: number;
  /** Zone of each node by its number. Default 0. */
  readonly zoneOf?: (index: number) => number;
  /** See `SwimOptions`: 0 saves memory and time in large pools. Default 64. */
  readonly evidencePerMember?: number;
  /** Overrides for single machines. */
  readonly machine?: (options: SwimOptions, index: number) => SwimOptions;
}

/** Where every member listens. */
export const memberPort = 7946;
const port = memberPort;
/** What `Swim` says of its versions without a layer above. */
const versions = Uint8Array.of(1, 5, 2, 0, 0, 0);

export class SwimPool {
  readonly world: World<Swim, SwimEvent>;
  readonly config: SwimConfig;
  readonly names = new NameTable();
  readonly #options: PoolOptions;
  readonly #rng: Rng;
  readonly #digits: number;
  readonly #meta: Uint8Array;
  readonly #memberNames: string[] = [];
  #machines = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.world = new World(options);
    this.config = { ...lanConfig, ...options.config };
    this.#rng = new Rng(options.seed).fork("machines");
    this.#digits = String(Math.max(1, (options.size ?? 1000) - 1)).length;
    this.#meta = new Uint8Array(options.metaBytes ?? 0).fill(0x6d);
  }

  get nodes(): readonly SwimNode[] {
    return this.world.nodes;
  }

  /** Nodes whose process runs. */
  living(): SwimNode[] {
    return this.world.nodes.filter((node) => node.alive);
  }

  /** `node-0007`: all names of a pool are equally long, so that order by name is order by number. */
  nameOf(index: number): string {
    // One object for each: text that is one object is found without comparing it.
    let name = this.#memberNames[index];
    if (name === undefined) {
      name = this.#options.nameOf?.(index) ?? `node-${String(index).padStart(this.#digits, "0")}`;
      this.#memberNames[index] = name;
    }
    return name;
  }

  /** One more node, alone. */
  add(): SwimNode {
    const index = this.world.nodes.length;
    const machine = this.#machine(index);
    return this.world.add(machine, endpointOf(index), { zone: this.#options.zoneOf?.(index) ?? 0 });
  }

  /** `count` nodes that all know each other already, with nothing left to say. */
  addConverged(count: number): void {
    const first = this.world.nodes.length;
    if (first > 0) throw new RangeError("addConverged: into an empty world only");
    const memberNames = Array.from({ length: count }, (_, i) => this.nameOf(i));
    const known = knownPool(this.names, memberNames, this.#meta);
    for (let i = 0; i < count; i++) {
      // The very endpoint that the machines will send to.
      this.world.add(this.#machine(i), known.records[known.ids[i]!]!.endpoint, {
        zone: this.#options.zoneOf?.(i) ?? 0,
        start: (machine, now) => machine.start(now, known),
      });
    }
  }

  join(node: SwimNode, seed: SwimNode): void {
    this.world.act(node, (machine, now) => machine.join(seed.endpoint, now));
  }

  /** A new process under the name and address of an ended one; it knows nobody, and joins through `seed` if given. */
  restart(node: SwimNode, seed?: SwimNode): void {
    this.world.restart(node, this.#machine(node.index));
    if (seed) this.join(node, seed);
  }

  /** Every living node sees exactly the living ones alive (suspects count). */
  agreed(): boolean {
    const living = this.living();
    return living.every(({ machine }) => machine.aliveCount === living.length);
  }

  view(node: SwimNode, index: number): MemberView | undefined {
    return node.machine.member(this.nameOf(index));
  }

  #machine(index: number): Swim {
    const options: SwimOptions = {
      name: this.nameOf(index),
      addr: addressOf(index),
      port,
      meta: this.#meta,
      config: this.config,
      codec: this.world.fidelity.codec,
      rng: this.#rng.fork(`machine ${++this.#machines}`),
      names: this.names,
      evidencePerMember: this.#options.evidencePerMember ?? 64,
    };
    return new Swim(this.#options.machine?.(options, index) ?? options);
  }
}

/** Members of these names, at the addresses of a pool's nodes, all alive in their first incarnation. */
export function knownPool(
  names: NameTable,
  memberNames: readonly string[],
  meta: Uint8Array = new Uint8Array(0),
): KnownPool {
  const members = memberNames.map((name, i): KnownMember => {
    const endpoint = new NodeEndpoint(endpointOf(i).address, port, i);
    return { name, addr: addressOf(i), port, endpoint, meta, vsn: versions, incarnation: 1 };
  });
  return new KnownPool(names, members);
}

/** 10.0.0.1 and up. */
export function addressOf(index: number): Uint8Array {
  const host = index + 1;
  return Uint8Array.of(10, (host >> 16) & 255, (host >> 8) & 255, host & 255);
}

export function endpointOf(index: number): Endpoint {
  return { address: addressOf(index).join("."), port };
}
