/** Pools of whole machines, Serf around Swim around the real codec, in a simulated world, with what tests ask of them. */
import type { Endpoint, SwimConfig } from "@hearsay/core";
import type { Serf, SerfConfig, SerfEvent, SerfOptions, Tags } from "@hearsay/serf";
import { SerfPool as Pool, type SimNode, type World } from "@hearsay/sim";
import { type Recorded, record, recorded } from "./recorded.ts";

export type SerfNode = Recorded<Serf, SerfEvent>;

export interface NodeSettings {
  /** Default 7946. */
  readonly port?: number;
  /** Last byte of the address. Default: the number in the name. */
  readonly host?: number;
  readonly tags?: Tags;
  readonly serfConfig?: Partial<SerfConfig>;
}

export interface SerfPoolOptions {
  readonly seed: number;
  /** Share of packets lost, 0 … 1. Default 0. */
  readonly loss?: number;
  readonly config?: Partial<SwimConfig>;
  readonly serfConfig?: Partial<SerfConfig>;
  /** Overrides for single machines. */
  readonly machine?: (options: SerfOptions) => SerfOptions;
}

/** With three packets in ten lost, TCP may need longer than a join may take. */
const joinAgainMs = 1000;

export class SerfPool {
  readonly world: World<Serf, SerfEvent>;
  readonly #pool: Pool;

  constructor({ loss = 0, ...options }: SerfPoolOptions) {
    this.#pool = new Pool({ ...options, network: { latency: { kind: "uniform", minMs: 1, maxMs: 2 }, loss } });
    this.world = this.#pool.world;
    record(this.world);
    const { onEvent } = this.world;
    this.world.onEvent = (node, event, now) => {
      onEvent?.(node, event, now);
      if (event.type === "join-result" && event.error !== undefined) this.#joinAgain(node, event.to);
    };
  }

  /**
   * A new node; its address is 10.0 and the number in its name. Where one has ended, it is a new process in its place. It
   * says that it has joined when a join succeeds, and tries again when one fails, as a driver does with its seeds.
   */
  add(name: string, settings: NodeSettings = {}): SerfNode {
    const host = settings.host ?? Number(/\d+$/.exec(name)?.[0] ?? "250");
    const addr = Uint8Array.of(10, 0, host >> 8, host & 0xff);
    const former = this.world.find({ address: addr.join("."), port: settings.port ?? 7946 });
    if (former === undefined) return recorded(this.#pool.add({ ...settings, name, addr }));
    if (former.alive) throw new Error(`${name} runs already`);
    const node = recorded(former);
    node.events.length = 0;
    this.#pool.restart(node, undefined, { tags: {}, ...settings });
    return node;
  }

  /** As many nodes, n1 …, all joined through the first; returns once all see all. */
  build(count: number, settings: (i: number) => NodeSettings = () => ({})): SerfNode[] {
    const nodes: SerfNode[] = [];
    for (let i = 1; i <= count; i++) {
      const node = this.add(`n${i}`, settings(i));
      nodes.push(node);
      if (i > 1) this.join(node, nodes[0]!);
    }
    const took = this.until(nodes, () => nodes.every((node) => node.machine.stats().alive === count), 60_000);
    if (took === undefined) throw new Error("the pool did not form");
    this.world.run(5000);
    return nodes;
  }

  join(node: SerfNode, seed: SerfNode): void {
    this.#pool.join(node, seed);
  }

  /** What `node` says of everybody: `n1 alive` and so on, sorted. */
  view(node: SerfNode): string[] {
    return node.machine
      .members()
      .map((member) => `${member.name} ${member.status}`)
      .sort();
  }

  /** Runs until all of `nodes` show `name` in this status (undefined: do not know it). Returns the ms, or undefined. */
  untilStatus(
    nodes: readonly SerfNode[],
    name: string,
    status: string | undefined,
    limitMs: number,
  ): number | undefined {
    return this.until(nodes, (node) => node.machine.member(name)?.status === status, limitMs);
  }

  #joinAgain(node: SimNode<Serf, SerfEvent>, to: Endpoint): void {
    const { generation } = node;
    this.world.at(this.world.now + joinAgainMs, () => {
      if (!node.alive || node.generation !== generation) return;
      this.world.act(node, (serf, now) => serf.join(to, now));
    });
  }

  until(nodes: readonly SerfNode[], holds: (node: SerfNode) => boolean, limitMs: number): number | undefined {
    return this.world.runUntil(() => nodes.every(holds), limitMs);
  }
}

/** The events about members in a node's log, as words. */
export function memberEvents(node: SerfNode): string[] {
  return node.events.flatMap(({ event }) =>
    "member" in event && event.type !== "ping-complete" ? [`${event.type} ${event.member.name}`] : [],
  );
}

export function eventsOf<T extends SerfEvent["type"]>(node: SerfNode, type: T): Extract<SerfEvent, { type: T }>[] {
  return node.events.map(({ event }) => event).filter((event) => event.type === type) as Extract<
    SerfEvent,
    { type: T }
  >[];
}
