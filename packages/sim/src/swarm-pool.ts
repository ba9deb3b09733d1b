/**
 * The members of a swarm run and the lives they lead: processes that come, go, move and forget, each with the habits of
 * an agent around it. It joins through the pool's seeds and tries each of them again until it has answered once; it
 * passes user messages on that it has not seen, where its machine does not; it ends its process when it has left.
 */
import { emptyBytes, KnownPool, type Machine, NameTable, Rng, type SwimConfig, type SwimOptions } from "@hearsay/core";
import type { FidelityName } from "./fidelity.ts";
import { addressOf, endpointOf } from "./pool.ts";
import type { SimNode } from "./sim-node.ts";
import type { SwarmLayer } from "./swarm-layer.ts";
import { World } from "./world.ts";

/** A name, wherever its process runs. */
export interface SwarmMember<M extends Machine<E>, E> {
  readonly number: number;
  readonly name: string;
  /** Where it runs, or ran last. */
  place: SimNode<M, E>;
  meta: Uint8Array;
  /** Seeds that have not answered this process yet, by join number; 0 while none is under way. */
  readonly joining: Map<number, number>;
  /** User messages that this process has passed on. */
  readonly seen: Set<string>;
  leaving: boolean;
  /** It has ended and is to stay away. */
  gone: boolean;
  /** What to do when it is to come back; undefined while it runs. */
  comeBack: (() => void) | undefined;
}

export interface SwarmPoolOptions<M extends Machine<E>, E> {
  readonly seed: number;
  readonly fidelity: FidelityName;
  readonly config: SwimConfig;
  /** Members that are there at the start, the first of which everybody joins through. */
  readonly nodes: number;
  /** Begin as a pool instead of joining. */
  readonly converged: boolean;
  readonly layer: SwarmLayer<M, E>;
}

const port = 7946;
/** Members that everybody joins through, as with an agent's `-retry-join`: the first ones. They never stay away for good. */
export const seeds = 3;
/** Pause between two tries to join: ms. */
const retryMs = 4000;
const versions = Uint8Array.of(1, 5, 2, 0, 0, 0);

export class SwarmPool<M extends Machine<E>, E> {
  readonly world: World<M, E>;
  readonly layer: SwarmLayer<M, E>;
  readonly members: SwarmMember<M, E>[] = [];
  readonly #options: SwarmPoolOptions<M, E>;
  readonly #names = new NameTable();
  readonly #rng: Rng;
  #machines = 0;
  #messages = 0;

  constructor(options: SwarmPoolOptions<M, E>) {
    this.#options = options;
    this.layer = options.layer;
    this.world = new World<M, E>({ seed: options.seed, fidelity: options.fidelity, digest: true });
    this.#rng = new Rng(options.seed).fork("machines");
  }

  /** The members that are there at the start. */
  begin(): void {
    const { nodes, converged } = this.#options;
    const known =
      converged && this.layer.remembers ? this.#poolOf(Array.from({ length: nodes }, (_, i) => i)) : undefined;
    for (let i = 0; i < nodes; i++) this.add(known);
  }

  /** One more member. */
  add(known?: KnownPool): SwarmMember<M, E> {
    const number = this.members.length;
    const index = this.world.nodes.length;
    const name = nameOf(number);
    const place = this.world.add(this.#machine(name, index), endpointOf(index), {
      start: (machine, now) => this.layer.start(machine, now, known),
    });
    const member: SwarmMember<M, E> = {
      number,
      name,
      place,
      meta: emptyBytes,
      joining: new Map(),
      seen: new Set(),
      leaving: false,
      gone: false,
      comeBack: undefined,
    };
    this.members.push(member);
    this.#attend(member, known !== undefined);
    return member;
  }

  living(): SwarmMember<M, E>[] {
    return this.members.filter((member) => member.place.alive);
  }

  crash(member: SwarmMember<M, E>, host: boolean): void {
    if (member.place.alive) this.world.crash(member.place, { host });
  }

  /** What the member's process knows, for the next one. Undefined: it has no use for it. */
  memoryOf(member: SwarmMember<M, E>): KnownPool | undefined {
    if (member.leaving || !this.layer.remembers) return undefined;
    const alive = this.layer
      .detectorOf(member.place.machine)
      .members()
      .filter(({ state }) => state === "alive" || state === "suspect");
    return alive.some(({ name }) => name === member.name) ? new KnownPool(this.#names, alive) : undefined;
  }

  /** A new process for a member whose last one has ended: with its memory, or joining anew; or at a new address. */
  restart(member: SwarmMember<M, E>, memory: KnownPool | undefined, elsewhere: boolean): void {
    if (member.place.alive) return;
    member.joining.clear();
    member.seen.clear();
    member.leaving = false;
    member.gone = false;
    member.comeBack = undefined;
    const start = (machine: M, now: number) => this.layer.start(machine, now, memory);
    if (elsewhere) {
      const index = this.world.nodes.length;
      member.place = this.world.add(this.#machine(member.name, index), endpointOf(index), { start });
    } else {
      this.world.restart(member.place, this.#machine(member.name, member.place.index), start);
    }
    this.#attend(member, memory !== undefined);
  }

  leave(member: SwarmMember<M, E>): void {
    if (!member.place.alive || member.leaving) return;
    member.leaving = true;
    this.world.act(member.place, (machine, now) => this.layer.leave(machine, now));
  }

  updateMeta(member: SwarmMember<M, E>, meta: Uint8Array): void {
    if (!member.place.alive || member.leaving) return;
    member.meta = meta;
    this.world.act(member.place, (machine, now) => this.layer.setMeta(machine, meta, now));
  }

  /** A user message unlike all others, at least 4 bytes long; undefined when the member cannot send it. */
  broadcast(member: SwarmMember<M, E>, bytes: number): Uint8Array | undefined {
    if (!member.place.alive || member.leaving) return undefined;
    const payload = new Uint8Array(Math.max(4, bytes));
    new DataView(payload.buffer).setUint32(0, ++this.#messages);
    this.#say(member, payload);
    return payload;
  }

  /** The habits of an agent. */
  #attend(member: SwarmMember<M, E>, joined: boolean): void {
    const { place } = member;
    const { machine } = place;
    place.onEvent = (told) => {
      const event = this.layer.eventOf(told);
      // A word of a process before this one.
      if (event === undefined || place.machine !== machine) return;
      if (event.type === "user-message" && !this.layer.passesOn) this.#say(member, event.payload);
      else if (event.type === "left-pool") this.world.at(this.world.now, () => this.#end(member, machine));
      else if (event.type === "join-result") this.#onJoinResult(member, event.id, event.error === undefined);
    };
    if (joined) return;
    for (let i = 0; i < Math.min(seeds, this.#options.nodes); i++) {
      if (i !== member.number) member.joining.set(i, 0);
    }
    this.#join(member, machine);
  }

  #join(member: SwarmMember<M, E>, machine: M): void {
    const { place } = member;
    if (place.machine !== machine || !place.alive || member.leaving || member.joining.size === 0) return;
    for (const [seed, underWay] of member.joining) {
      if (underWay !== 0) continue;
      const to = this.members[seed]?.place.endpoint ?? endpointOf(seed);
      member.joining.set(
        seed,
        this.world.act(place, (swim, now) => this.layer.join(swim, to, now)),
      );
    }
    this.world.at(this.world.now + retryMs, () => this.#join(member, machine));
  }

  #onJoinResult(member: SwarmMember<M, E>, id: number, fine: boolean): void {
    for (const [seed, underWay] of member.joining) {
      if (underWay !== id) continue;
      if (fine) member.joining.delete(seed);
      if (fine && !member.leaving) this.world.act(member.place, (machine, now) => this.layer.joined(machine, now));
      if (!fine) member.joining.set(seed, 0);
    }
  }

  /** Each message once, its own or another's. */
  #say(member: SwarmMember<M, E>, payload: Uint8Array): void {
    const key = keyOf(payload);
    if (member.leaving || member.seen.has(key)) return;
    member.seen.add(key);
    this.world.act(member.place, (machine, now) => this.layer.broadcast(machine, payload, now));
  }

  #end(member: SwarmMember<M, E>, machine: M): void {
    if (member.place.machine === machine && member.leaving) this.crash(member, false);
  }

  #machine(name: string, index: number): M {
    const options: SwimOptions = {
      name,
      addr: addressOf(index),
      port,
      config: this.#options.config,
      codec: this.world.fidelity.codec,
      rng: this.#rng.fork(`machine ${++this.#machines}`),
      names: this.#names,
    };
    return this.layer.make(options);
  }

  #poolOf(numbers: readonly number[]): KnownPool {
    return new KnownPool(
      this.#names,
      numbers.map((i) => ({ name: nameOf(i), addr: addressOf(i), port, vsn: versions, incarnation: 1 })),
    );
  }
}

function nameOf(number: number): string {
  return `node-${String(number).padStart(2, "0")}`;
}

function keyOf(payload: Uint8Array): string {
  return payload.subarray(0, 4).join(",");
}
