/**
 * A pool of `ReplicatedState` machines in a world, all of whom hold everybody's keys already; with `Swim` beneath them, or
 * with peers that nobody ever declares dead. What is sent is real bytes.
 */
import {
  type Endpoint,
  type KnownPool,
  lanConfig,
  NameTable,
  Rng,
  Swim,
  type SwimConfig,
  type SwimOptions,
} from "@hearsay/core";
import { type ReplicatedState, type StateConfig, type StateEvent, stateDefaults } from "@hearsay/state";
import { addressOf, endpointOf, knownPool, memberPort } from "./pool.ts";
import type { SimNode } from "./sim-node.ts";
import { StateMachine } from "./state-machine.ts";
import { type Contents, warmStart } from "./state-warm.ts";
import { World, type WorldOptions } from "./world.ts";

export type StateNode = SimNode<StateMachine, StateEvent>;

export interface StatePoolOptions extends Omit<WorldOptions, "fidelity"> {
  readonly nodes: number;
  readonly config?: Partial<StateConfig>;
  /** What everybody holds at the beginning. */
  readonly contents: Contents;
  /** `Swim` says who is a member. Default: everybody is, for good. */
  readonly swim?: Partial<SwimConfig> | undefined;
}

/** What the nodes' wall clocks say at 0 of the world: ms since 1970. */
export const wallStartMs = 1_800_000_000_000;

export class StatePool {
  readonly world: World<StateMachine, StateEvent>;
  readonly config: StateConfig;
  readonly #names: readonly string[];
  readonly #rng: Rng;
  #fullStateBytes = 0;

  /** Yields how far it is, 0 … 1. */
  static *create(options: StatePoolOptions): Generator<number, StatePool, void> {
    const pool = new StatePool(options);
    const warm = warmStart({
      members: pool.#names.map((name, i) => ({ name, endpoint: endpointOf(i) })),
      config: pool.config,
      contents: options.contents,
      wallStartMs,
      rng: pool.#rng,
    });
    const { states, fullStateBytes } = yield* warm;
    pool.#fullStateBytes = fullStateBytes;
    pool.#start(states, options.swim);
    return pool;
  }

  private constructor(options: StatePoolOptions) {
    const { seed, nodes, config = {} } = options;
    this.world = new World({ ...options, fidelity: "bytes" });
    this.config = { ...stateDefaults, ...config };
    this.#rng = new Rng(seed).fork("state-pool");
    const digits = String(Math.max(1, nodes - 1)).length;
    this.#names = Array.from({ length: nodes }, (_, i) => `node-${String(i).padStart(digits, "0")}`);
  }

  /** Bytes of one message that holds everything, as it was when the pool began. */
  get fullStateBytes(): number {
    return this.#fullStateBytes;
  }

  get nodes(): readonly StateNode[] {
    return this.world.nodes;
  }

  nameOf(index: number): string {
    return this.#names[index]!;
  }

  stateOf(index: number): ReplicatedState {
    return this.world.nodes[index]!.machine.state;
  }

  /** A wish to one node's state. */
  act<T>(index: number, wish: (state: ReplicatedState, now: number) => T): T {
    return this.world.act(this.world.nodes[index]!, ({ state }, now) => wish(state, now));
  }

  /** Whether all have the same, as far as hashes tell. */
  isEqual(): boolean {
    const [owners, keys] = this.stateOf(0).roots;
    return this.world.nodes.every(
      ({ machine }) => machine.state.roots[0] === owners && machine.state.roots[1] === keys,
    );
  }

  /** What all states together have sent, without what `Swim` sends. */
  sent(): { readonly packets: number; readonly bytes: number } {
    let packets = 0;
    let bytes = 0;
    for (const { machine } of this.world.nodes) {
      packets += machine.state.counters.packetsSent;
      bytes += machine.state.counters.bytesSent + machine.streamBytes;
    }
    return { packets, bytes };
  }

  #start(states: readonly ReplicatedState[], swim: Partial<SwimConfig> | undefined): void {
    const names = new NameTable();
    const known = swim && knownPool(names, this.#names);
    for (const [i, state] of states.entries()) {
      const { codec } = this.world.fidelity;
      const member = swim && this.#swim(i, names, swim);
      const machine = new StateMachine({ codec, state, swim: member, wallStartMs });
      this.world.add(machine, this.#endpoint(i, known), { start: (it, now) => it.start(now, known) });
    }
  }

  #swim(index: number, names: NameTable, config: Partial<SwimConfig>): Swim {
    const options: SwimOptions = {
      name: this.#names[index]!,
      addr: addressOf(index),
      port: memberPort,
      config: { ...lanConfig, ...config },
      codec: this.world.fidelity.codec,
      rng: this.#rng.fork(`swim ${index}`),
      names,
      evidencePerMember: 0,
    };
    return new Swim(options);
  }

  #endpoint(index: number, known: KnownPool | undefined): Endpoint {
    return known?.records[known.ids[index]!]?.endpoint ?? endpointOf(index);
  }
}
