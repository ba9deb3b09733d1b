/** A pool of whole machines, Serf around Swim around the real codec, on a virtual network. */
import { type Endpoint, lanConfig, NameTable, Rng, type SwimConfig } from "@hearsay/core";
import { Serf, type SerfConfig, type SerfEvent, type Tags } from "@hearsay/serf";
import { createCodec } from "@hearsay/wire";
import { VirtualNetwork, type VirtualNetworkOptions, type VirtualNode } from "./virtual-network.ts";

export type SerfNode = VirtualNode<Serf, SerfEvent>;

export interface NodeSettings {
  /** Default 7946. */
  readonly port?: number;
  readonly tags?: Tags;
  readonly serfConfig?: Partial<SerfConfig>;
}

export class SerfPool {
  readonly network: VirtualNetwork<Serf, SerfEvent>;
  readonly #config: SwimConfig;
  readonly #seed: number;
  readonly #codec = createCodec();
  readonly #names = new NameTable();
  #started = 0;

  constructor(options: VirtualNetworkOptions & { readonly config?: Partial<SwimConfig> }) {
    this.network = new VirtualNetwork(options);
    this.#config = { ...lanConfig, ...options.config };
    this.#seed = options.seed;
  }

  /** A new node; its address is 10.0 and the number in its name. It says that it has joined when a join succeeds. */
  add(name: string, settings: NodeSettings = {}): SerfNode {
    const host = Number(/\d+$/.exec(name)?.[0] ?? "250");
    const addr = Uint8Array.of(10, 0, host >> 8, host & 0xff);
    const endpoint: Endpoint = { address: addr.join("."), port: settings.port ?? 7946 };
    const machine = new Serf({
      name,
      addr,
      port: endpoint.port,
      config: this.#config,
      codec: this.#codec,
      names: this.#names,
      rng: new Rng(this.#seed).fork(`node ${++this.#started}`),
      ...(settings.tags && { tags: settings.tags }),
      ...(settings.serfConfig && { serfConfig: settings.serfConfig }),
    });
    const node = this.network.add(machine, endpoint);
    node.onEvent = (event) => {
      if (event.type === "join-result" && event.error === undefined) {
        this.network.act(node, (serf, now) => serf.joined(now));
      }
    };
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
    this.network.run(5000);
    return nodes;
  }

  join(node: SerfNode, seed: SerfNode): void {
    this.network.act(node, (serf, now) => serf.join(seed.endpoint, now));
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

  until(nodes: readonly SerfNode[], holds: (node: SerfNode) => boolean, limitMs: number): number | undefined {
    return this.network.runUntil(() => nodes.every(holds), limitMs);
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
