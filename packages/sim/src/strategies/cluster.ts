/**
 * One cluster under one of the strategies, all with the same outside: members by number, verdicts, faults. Every member
 * knows every other from the start and holds it for alive. Member 0 is the central strategy's master, and a member like any
 * other under the rest.
 */
import { type Endpoint, lanConfig, type Machine, Rng, type Swim, type SwimEvent } from "@hearsay/core";
import type { Network, NetworkConditions } from "../network.ts";
import { endpointOf, SwimPool } from "../pool.ts";
import type { Place } from "../sim-node.ts";
import { World } from "../world.ts";
import { AllToAll } from "./all-to-all.ts";
import { Central } from "./central.ts";
import { GossipHeartbeats } from "./gossip-heartbeats.ts";
import type { HeartbeatMachine, HeartbeatOptions, WatchEvent } from "./heartbeat-machine.ts";
import { Roster } from "./roster.ts";

export type StrategyName = "central" | "all-to-all" | "gossip" | "swim";
export const strategyNames: readonly StrategyName[] = ["central", "all-to-all", "gossip", "swim"];

export interface ClusterOptions {
  readonly strategy: StrategyName;
  readonly seed: number;
  /** At least 2. */
  readonly nodes: number;
  readonly network?: NetworkConditions;
  /** Between two heartbeats, or probes: ms. */
  readonly intervalMs: number;
  /** central, all-to-all: heartbeats missing in a row before a member is held for dead. */
  readonly missed: number;
  /** gossip: φ from which a member is held for dead (exponential model). */
  readonly phi: number;
  /** swim: see `SwimConfig`. */
  readonly suspicionMult: number;
}

/** gossip: members that are seeds, from number 0 on. Cassandra's advice: three in a data centre. */
const seedCount = 3;

export interface Cluster {
  readonly strategy: StrategyName;
  readonly network: Network;
  readonly nodes: readonly Place[];
  readonly now: number;
  run(ms: number): void;
  /** The host goes silent: nothing answers any more. */
  crash(member: number): void;
  holdsAlive(observer: number, member: number): boolean;
  /** When that verdict became what it is: ms; undefined where the observer has forgotten the member. */
  since(observer: number, member: number): number | undefined;
  /** Called at each changed verdict. */
  onVerdict: ((observer: number, member: number, alive: boolean, now: number) => void) | undefined;
}

export function createCluster(options: ClusterOptions): Cluster {
  return options.strategy === "swim" ? new SwimCluster(options) : new HeartbeatCluster(options);
}

/** Silence after which a member is dead to those who wait for its heartbeats: `missed` of them, and half an interval more. */
export function silenceMs(intervalMs: number, missed: number): number {
  return (missed + 0.5) * intervalMs;
}

abstract class WorldCluster<M extends Machine<E>, E> implements Cluster {
  readonly strategy: StrategyName;
  onVerdict: Cluster["onVerdict"];
  protected readonly world: World<M, E>;

  constructor(strategy: StrategyName, world: World<M, E>) {
    this.strategy = strategy;
    this.world = world;
  }

  abstract holdsAlive(observer: number, member: number): boolean;
  abstract since(observer: number, member: number): number | undefined;

  get network(): Network {
    return this.world.network;
  }

  get nodes(): readonly Place[] {
    return this.world.nodes;
  }

  get now(): number {
    return this.world.now;
  }

  run(ms: number): void {
    this.world.run(ms);
  }

  crash(member: number): void {
    this.world.crash(this.world.nodes[member]!, { host: true });
  }
}

class HeartbeatCluster extends WorldCluster<HeartbeatMachine, WatchEvent> {
  constructor(options: ClusterOptions) {
    const { strategy, seed, nodes, network } = options;
    super(strategy, new World({ seed, fidelity: "bytes", ...(network ? { network } : {}) }));
    const { world } = this;
    const endpoints = Array.from({ length: nodes }, (_, i): Endpoint => endpointOf(i));
    const roster = new Roster(endpoints);
    const rng = new Rng(seed).fork("machines");
    for (let self = 0; self < nodes; self++) {
      const { intervalMs } = options;
      const common = { roster, self, intervalMs, rng: rng.fork(`machine ${self}`), codec: world.fidelity.codec };
      world.add(heartbeatMachine(options, common), endpoints[self]!);
    }
    world.onEvent = (node, event, now) =>
      this.onVerdict?.(node.index, event.member, event.type === "member-alive", now);
  }

  override holdsAlive(observer: number, member: number): boolean {
    return this.world.nodes[observer]!.machine.holdsAlive(member);
  }

  override since(observer: number, member: number): number {
    return this.world.nodes[observer]!.machine.since(member);
  }
}

function heartbeatMachine(options: ClusterOptions, common: HeartbeatOptions): HeartbeatMachine {
  const timeoutMs = silenceMs(options.intervalMs, options.missed);
  switch (options.strategy) {
    case "central":
      return new Central({ ...common, master: 0, timeoutMs });
    case "all-to-all":
      return new AllToAll({ ...common, timeoutMs });
    default: {
      const seeds = Array.from({ length: Math.min(seedCount, common.roster.length) }, (_, i) => i);
      return new GossipHeartbeats({ ...common, seeds, phi: options.phi });
    }
  }
}

class SwimCluster extends WorldCluster<Swim, SwimEvent> {
  readonly #pool: SwimPool;

  constructor(options: ClusterOptions) {
    const { seed, nodes, network, intervalMs, suspicionMult } = options;
    const pool = new SwimPool({
      seed,
      size: nodes,
      fidelity: "objects",
      ...(network ? { network } : {}),
      config: {
        // The LAN profile at one probe a second, stretched to the interval.
        probeIntervalMs: intervalMs,
        probeTimeoutMs: intervalMs / 2,
        gossipIntervalMs: (lanConfig.gossipIntervalMs * intervalMs) / lanConfig.probeIntervalMs,
        suspicionMult,
      },
    });
    pool.addConverged(nodes);
    super("swim", pool.world);
    this.#pool = pool;
    const numbers = new Map(Array.from({ length: nodes }, (_, i) => [pool.nameOf(i), i]));
    pool.world.onEvent = (node, event, now) => {
      // A suspect is still a member: only what ends or begins a membership is a verdict.
      if (event.type !== "member-leave" && event.type !== "member-join") return;
      this.onVerdict?.(node.index, numbers.get(event.member.name)!, event.type === "member-join", now);
    };
  }

  override holdsAlive(observer: number, member: number): boolean {
    const state = this.#pool.view(this.#pool.nodes[observer]!, member)?.state;
    return state === "alive" || state === "suspect";
  }

  override since(observer: number, member: number): number | undefined {
    return this.#pool.view(this.#pool.nodes[observer]!, member)?.since;
  }
}
