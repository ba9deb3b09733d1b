/**
 * The members of a swarm run and the lives they lead: processes that come, go, move and forget, each with the habits of
 * an agent around it. It joins through the pool's seeds and tries each of them again until it has answered once; it
 * passes user messages on that it has not seen; it ends its process when it has left.
 */
import { KnownPool, NameTable, Rng, Swim, type SwimConfig, type SwimEvent, type SwimOptions } from "@hearsay/core";
import type { FidelityName } from "./fidelity.ts";
import { addressOf, endpointOf, type SwimNode } from "./pool.ts";
import { World } from "./world.ts";

/** A name, wherever its process runs. */
export interface SwarmMember {
  readonly number: number;
  readonly name: string;
  /** Where it runs, or ran last. */
  place: SwimNode;
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

export interface SwarmPoolOptions {
  readonly seed: number;
  readonly fidelity: FidelityName;
  readonly config: SwimConfig;
  /** Members that are there at the start, the first of which everybody joins through. */
  readonly nodes: number;
  /** Begin as a pool instead of joining. */
  readonly converged: boolean;
  /** Makes the machines. Default: `Swim` itself. Tests break it here. */
  readonly machine?: ((options: SwimOptions) => Swim) | undefined;
}

const port = 7946;
/** Members that everybody joins through, as with an agent's `-retry-join`: the first ones. They never stay away for good. */
export const seeds = 3;
/** Pause between two tries to join: ms. */
const retryMs = 4000;
const versions = Uint8Array.of(1, 5, 2, 0, 0, 0);

export class SwarmPool {
  readonly world: World<Swim, SwimEvent>;
  readonly members: SwarmMember[] = [];
  readonly #options: SwarmPoolOptions;
  readonly #names = new NameTable();
  readonly #rng: Rng;
  #machines = 0;
  #messages = 0;

  constructor(options: SwarmPoolOptions) {
    this.#options = options;
    this.world = new World<Swim, SwimEvent>({ seed: options.seed, fidelity: options.fidelity, digest: true });
    this.#rng = new Rng(options.seed).fork("machines");
  }

  /** The members that are there at the start. */
  begin(): void {
    const { nodes, converged } = this.#options;
    const known = converged ? this.#poolOf(Array.from({ length: nodes }, (_, i) => i)) : undefined;
    for (let i = 0; i < nodes; i++) this.add(known);
  }

  /** One more member. */
  add(known?: KnownPool): SwarmMember {
    const number = this.members.length;
    const index = this.world.nodes.length;
    const name = nameOf(number);
    const machine = this.#machine(name, index, new Uint8Array(0));
    const place = this.world.add(machine, endpointOf(index), { start: (swim, now) => swim.start(now, known) });
    const member: SwarmMember = {
      number,
      name,
      place,
      meta: new Uint8Array(0),
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

  living(): SwarmMember[] {
    return this.members.filter((member) => member.place.alive);
  }

  crash(member: SwarmMember, host: boolean): void {
    if (member.place.alive) this.world.crash(member.place, { host });
  }

  /** What the member's process knows, for the next one. Undefined: it has no use for it. */
  memoryOf(member: SwarmMember): KnownPool | undefined {
    if (member.leaving) return undefined;
    const alive = member.place.machine.members().filter(({ state }) => state === "alive" || state === "suspect");
    return alive.some(({ name }) => name === member.name) ? new KnownPool(this.#names, alive) : undefined;
  }

  /** A new process for a member whose last one has ended: with its memory, or joining anew; or at a new address. */
  restart(member: SwarmMember, memory: KnownPool | undefined, elsewhere: boolean): void {
    if (member.place.alive) return;
    member.joining.clear();
    member.seen.clear();
    member.leaving = false;
    member.gone = false;
    member.comeBack = undefined;
    const start = (swim: Swim, now: number) => swim.start(now, memory);
    if (elsewhere) {
      const index = this.world.nodes.length;
      member.place = this.world.add(this.#machine(member.name, index, member.meta), endpointOf(index), { start });
    } else {
      this.world.restart(member.place, this.#machine(member.name, member.place.index, member.meta), start);
    }
    this.#attend(member, memory !== undefined);
  }

  leave(member: SwarmMember): void {
    if (!member.place.alive || member.leaving) return;
    member.leaving = true;
    this.world.act(member.place, (swim, now) => swim.leave(now));
  }

  updateMeta(member: SwarmMember, meta: Uint8Array): void {
    if (!member.place.alive || member.leaving) return;
    member.meta = meta;
    this.world.act(member.place, (swim, now) => swim.updateMeta(meta, now));
  }

  /** A user message unlike all others, at least 4 bytes long; undefined when the member is not there. */
  broadcast(member: SwarmMember, bytes: number): Uint8Array | undefined {
    if (!member.place.alive || member.leaving) return undefined;
    const payload = new Uint8Array(Math.max(4, bytes));
    new DataView(payload.buffer).setUint32(0, ++this.#messages);
    member.seen.add(keyOf(payload));
    this.world.act(member.place, (swim, now) => swim.broadcastUser(payload, 2, now));
    return payload;
  }

  /** Everything waiting to be told has been told. */
  quiet(): boolean {
    return this.living().every(({ place: { machine } }) => machine.queueLength(2) === 0);
  }

  /** The habits of an agent. */
  #attend(member: SwarmMember, joined: boolean): void {
    const { place } = member;
    const { machine } = place;
    place.onEvent = (event) => {
      // A word of an earlier process.
      if (place.machine !== machine) return;
      if (event.type === "user-message") this.#passOn(member, event.payload);
      else if (event.type === "left-pool") this.world.at(this.world.now, () => this.#end(member, machine));
      else if (event.type === "join-result") this.#onJoinResult(member, event.id, event.error === undefined);
    };
    if (joined) return;
    for (let i = 0; i < Math.min(seeds, this.#options.nodes); i++) {
      if (i !== member.number) member.joining.set(i, 0);
    }
    this.#join(member, machine);
  }

  #join(member: SwarmMember, machine: Swim): void {
    const { place } = member;
    if (place.machine !== machine || !place.alive || member.leaving || member.joining.size === 0) return;
    for (const [seed, underWay] of member.joining) {
      if (underWay !== 0) continue;
      const to = this.members[seed]?.place.endpoint ?? endpointOf(seed);
      member.joining.set(
        seed,
        this.world.act(place, (swim, now) => swim.join(to, now)),
      );
    }
    this.world.at(this.world.now + retryMs, () => this.#join(member, machine));
  }

  #onJoinResult(member: SwarmMember, id: number, fine: boolean): void {
    for (const [seed, underWay] of member.joining) {
      if (underWay !== id) continue;
      if (fine) member.joining.delete(seed);
      else member.joining.set(seed, 0);
    }
  }

  #passOn(member: SwarmMember, payload: Uint8Array): void {
    const key = keyOf(payload);
    if (member.seen.has(key) || member.leaving) return;
    member.seen.add(key);
    this.world.act(member.place, (swim, now) => swim.broadcastUser(payload, 2, now));
  }

  #end(member: SwarmMember, machine: Swim): void {
    if (member.place.machine === machine && member.leaving) this.crash(member, false);
  }

  #machine(name: string, index: number, meta: Uint8Array): Swim {
    const options: SwimOptions = {
      name,
      addr: addressOf(index),
      port,
      meta,
      config: this.#options.config,
      codec: this.world.fidelity.codec,
      rng: this.#rng.fork(`machine ${++this.#machines}`),
      names: this.#names,
    };
    return this.#options.machine?.(options) ?? new Swim(options);
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
