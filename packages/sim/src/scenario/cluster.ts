/** What the pools of both layers share: numbers, names, the world, waves of joins, who has heard what. */
import {
  type Codec,
  type Machine,
  MessageType,
  NameTable,
  profiles,
  Rng,
  type Swim,
  type SwimOptions,
} from "@hearsay/core";
import type { Network } from "../network.ts";
import { addressOf, endpointOf } from "../pool.ts";
import type { Place, SimNode } from "../sim-node.ts";
import { World } from "../world.ts";
import type { MemberLine, NewsKind, NewsListener, Pool } from "./pool.ts";
import type { PoolSettings, SeenState } from "./scenario.ts";

/** Where every node listens. */
export const port = 7946;

export abstract class Cluster<M extends Machine<E>, E> implements Pool {
  readonly size: number;
  readonly world: World<M, E>;
  readonly names = new NameTable();
  heals = 0;
  /** By number; undefined until it has joined. */
  protected readonly nodes: (SimNode<M, E> | undefined)[];
  readonly #settings: PoolSettings;
  readonly #rng: Rng;
  readonly #tell: NewsListener;
  readonly #zones: number[];
  readonly #numbers = new Map<string, number>();
  /** By number, from 1. */
  readonly #broadcasts: (Broadcast | undefined)[] = [undefined];
  /** Changes that a wave still has to make. */
  #changes = 0;
  #machines = 0;

  constructor(settings: PoolSettings, tell: NewsListener) {
    this.#settings = settings;
    this.size = settings.nodes;
    this.#tell = tell;
    this.world = new World({ seed: settings.seed, fidelity: settings.fidelity });
    this.#rng = new Rng(settings.seed).fork("machines");
    this.nodes = new Array<SimNode<M, E> | undefined>(settings.nodes).fill(undefined);
    this.#zones = new Array<number>(settings.nodes).fill(0);
    for (let i = 0; i < settings.nodes; i++) this.#numbers.set(this.nameOf(i), i);
  }

  abstract warm(nodes: readonly number[]): Generator<undefined, void, void>;
  abstract quiet(): boolean;
  abstract holds(node: number, about: number): SeenState;
  abstract members(node: number): MemberLine[];
  abstract setMeta(node: number, text: string): void;
  abstract setTags(node: number, tags: Readonly<Record<string, string>>): void;
  /** A new machine for a node that starts or starts again. */
  protected abstract machine(options: SwimOptions, node: number): M;
  protected abstract swim(machine: M): Swim;
  protected abstract beginJoin(machine: M, seed: number, now: number): void;
  protected abstract beginLeave(machine: M, now: number): void;
  protected abstract onEvent(node: number, event: E): void;
  /** Starts a new machine with what the node's last one knew; returns the members to join through, best first. */
  protected abstract startAgain(node: SimNode<M, E>, machine: M): readonly number[];
  protected abstract sendBroadcast(node: SimNode<M, E>, number: number, text: string): void;

  get now(): number {
    return this.world.now;
  }

  get network(): Network {
    return this.world.network;
  }

  get codec(): Codec {
    return this.world.fidelity.codec;
  }

  running(): number[] {
    const found: number[] = [];
    for (let i = 0; i < this.size; i++) if (this.runs(i)) found.push(i);
    return found;
  }

  runs(node: number): boolean {
    return this.nodes[node]?.alive === true;
  }

  place(node: number): Place | undefined {
    return this.nodes[node];
  }

  join(node: number, via: number | undefined): void {
    if (this.nodes[node] !== undefined) return;
    this.add(node);
    const seed = via ?? this.#seedFor(node, this.running());
    if (seed !== undefined) this.#joinThrough(node, seed);
  }

  leave(node: number): void {
    if (this.runs(node)) this.world.act(this.nodes[node]!, (machine, now) => this.beginLeave(machine, now));
  }

  crash(node: number, host: boolean): void {
    if (this.nodes[node] !== undefined) this.world.crash(this.nodes[node], { host });
  }

  restart(node: number, memory: boolean): void {
    const place = this.nodes[node];
    if (place === undefined) return;
    if (place.alive) this.world.crash(place);
    const machine = this.#machine(node);
    let known: readonly number[] = [];
    if (memory) known = this.startAgain(place, machine);
    else this.world.restart(place, machine);
    const seed = this.#seedFor(node, memory ? known : this.running());
    if (seed !== undefined) this.#joinThrough(node, seed);
  }

  stall(node: number, ms: number): void {
    if (this.runs(node)) this.world.stall(this.nodes[node]!, ms);
  }

  block(node: number, ms: number): void {
    if (this.runs(node)) this.world.block(this.nodes[node]!, ms);
  }

  shiftClock(node: number, ms: number): void {
    if (this.nodes[node] !== undefined) this.world.shiftClock(this.nodes[node], ms);
  }

  setZone(node: number, zone: number): void {
    this.#zones[node] = zone;
    if (this.nodes[node] !== undefined) this.nodes[node].zone = zone;
  }

  setHealthy(node: number, healthy: boolean): void {
    if (this.runs(node)) this.swim(this.nodes[node]!.machine).setHealthy(healthy);
  }

  broadcast(from: number, text: string): number {
    const audience = new Map(this.running().map((node) => [node, this.nodes[node]!.generation]));
    const number = this.#broadcasts.push({ from, audience, heard: new Set() }) - 1;
    this.sendBroadcast(this.nodes[from]!, number, text);
    return number;
  }

  partition(groups: readonly (readonly number[])[]): void {
    this.world.partition(...groups.map((group) => group.flatMap((i) => this.nodes[i] ?? [])));
  }

  heal(): void {
    this.heals++;
    this.world.heal();
  }

  at(time: number, run: () => void): void {
    this.world.at(time, run);
  }

  changeAt(time: number, run: () => void): void {
    this.#changes++;
    this.world.at(time, () => {
      this.#changes--;
      run();
    });
  }

  run(ms: number): void {
    this.world.run(ms);
  }

  agreed(): boolean {
    if (this.#changes > 0) return false;
    const living = this.running();
    if (!living.every((node) => this.aliveCount(node) === living.length)) return false;
    // As many as run, and none that does not.
    const ended = this.nodes.flatMap((place, node) => (place !== undefined && !place.alive ? [node] : []));
    return living.every((node) => ended.every((other) => !isAlive(this.holds(node, other))));
  }

  aliveCount(node: number): number {
    const place = this.nodes[node];
    return place === undefined ? 0 : this.swim(place.machine).aliveCount;
  }

  hasHeard(node: number, broadcast: number): boolean {
    return this.#broadcasts[broadcast]!.heard.has(node);
  }

  audience(broadcast: number): number[] {
    const { audience } = this.#broadcasts[broadcast]!;
    return [...audience].flatMap(([node, generation]) => {
      const place = this.nodes[node]!;
      return place.alive && place.generation === generation ? [node] : [];
    });
  }

  // For the layers

  nameOf(node: number): string {
    return `node-${String(node).padStart(String(this.size - 1).length, "0")}`;
  }

  /** Undefined for a name that no node of this pool has. */
  numberOf(name: string): number | undefined {
    return this.#numbers.get(name);
  }

  protected add(node: number, start?: (machine: M, now: number) => void): SimNode<M, E> {
    const place = this.world.add(this.#machine(node), endpointOf(node), {
      zone: this.#zones[node]!,
      ...(start && { start }),
    });
    this.nodes[node] = place;
    place.onEvent = (event) => this.onEvent(node, event);
    return place;
  }

  protected news(observer: number, kind: NewsKind, name: string): void {
    const about = this.#numbers.get(name);
    // What a node says of itself as a member is no news.
    if (about !== undefined && about !== observer) this.#tell(observer, kind, about);
  }

  protected ownNews(node: number, kind: NewsKind): void {
    this.#tell(node, kind, node);
  }

  /** Whether it is news to this node. */
  protected hear(node: number, number: number): boolean {
    const broadcast = this.#broadcasts[number];
    if (broadcast === undefined || broadcast.heard.has(node)) return false;
    broadcast.heard.add(node);
    if (node !== broadcast.from) this.#tell(node, "heard", number);
    return true;
  }

  /** The leave has spread: an agent would end now. */
  protected ended(node: number): void {
    this.world.at(this.now, () => this.crash(node, false));
  }

  /** Hands a user message to a node, as a packet of its own. */
  protected inject(node: SimNode<M, E>, payload: Uint8Array): void {
    const { codec } = this;
    const out = { buffer: new Uint8Array(codec.maxPacketBytes), length: 0, to: node.endpoint };
    const message = codec.encode({ type: MessageType.user, payload });
    codec.sealPacket(out, codec.scratch, 0, [message], 1, false);
    const packet = this.world.fidelity.take(out);
    this.world.act(node, (machine, now) => this.world.fidelity.deliver(machine, node.endpoint, packet, now));
  }

  #joinThrough(node: number, seed: number): void {
    this.world.act(this.nodes[node]!, (machine, now) => this.beginJoin(machine, seed, now));
  }

  /** The first running one that packets reach, there and back. */
  #seedFor(node: number, candidates: readonly number[]): number | undefined {
    const here = this.nodes[node]!;
    return candidates.find((other) => {
      const there = this.nodes[other];
      if (other === node || !there?.alive) return false;
      return this.network.open(here, there) && this.network.open(there, here);
    });
  }

  #machine(node: number): M {
    const { profile, config } = this.#settings;
    const options: SwimOptions = {
      name: this.nameOf(node),
      addr: addressOf(node),
      port,
      config: { ...profiles[profile], ...config },
      codec: this.codec,
      rng: this.#rng.fork(`machine ${++this.#machines}`),
      names: this.names,
    };
    return this.machine(options, node);
  }
}

interface Broadcast {
  readonly from: number;
  /** Those that ran, and which of their processes it was. */
  readonly audience: ReadonlyMap<number, number>;
  readonly heard: Set<number>;
}

export function isAlive(state: MemberLine["state"]): boolean {
  return state === "alive" || state === "suspect" || state === "leaving";
}
