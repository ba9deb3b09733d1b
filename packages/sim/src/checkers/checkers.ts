/**
 * The set of checkers around a world: it hears what the world tells, looks at the machines now and then, and hands all of
 * it to each checker. What they report becomes violations, each once, with the history that explains it.
 *
 *   const checkers = new Checkers(world, config, swimLayer);
 *   checkers.watch(1000);                  // looks once a second, for as long as the world runs
 *   world.run(60_000);
 *   checkers.healed();                     // from here on everything has to become well, and stay so
 *   world.runUntil(() => checkers.agreed, limitMs, 250);
 *   checkers.violations
 */
import type { Endpoint, Machine, Swim, SwimConfig, SwimEvent } from "@hearsay/core";
import type { Packet } from "../fidelity.ts";
import type { SimNode } from "../sim-node.ts";
import type { World } from "../world.ts";
import { Agreement } from "./agreement.ts";
import { type Bounds, boundsOf } from "./bounds.ts";
import type { Checker, Scene, Step, Violation, Watched } from "./checker.ts";
import { Delivery } from "./delivery.ts";
import { History } from "./history.ts";
import { Incarnations } from "./incarnations.ts";
import { LastingDeaths } from "./lasting-deaths.ts";
import { Opinions } from "./opinions.ts";
import { PacketReader } from "./packet-reader.ts";
import { PacketSizes } from "./packet-sizes.ts";
import { Queues } from "./queues.ts";
import { Resurrections } from "./resurrections.ts";
import { Transmissions } from "./transmissions.ts";

/** How to find the failure detector in a machine, and its events among the machine's. */
export interface DetectorLayer<M, E> {
  detectorOf(machine: M): Swim;
  /** Undefined: not one of the detector's. */
  eventOf(event: E): SwimEvent | undefined;
  /** See `Watched`. */
  statusesOf?(machine: M): ReadonlyMap<string, string>;
}

export const swimLayer: DetectorLayer<Swim, SwimEvent> = {
  detectorOf: (machine) => machine,
  eventOf: (event) => event,
};

/** Violations kept; after that many nothing new is to be learned. */
const maxViolations = 32;

export class Checkers<M extends Machine<E>, E> implements Scene {
  readonly config: SwimConfig;
  readonly violations: Violation[] = [];
  readonly history = new History();
  readonly delivery = new Delivery();
  /** Events of all machines. */
  events = 0;
  readonly #agreement = new Agreement();
  readonly #checkers: readonly Checker[];
  readonly #world: World<M, E>;
  readonly #layer: DetectorLayer<M, E>;
  readonly #opinions: Opinions;
  readonly #reader = new PacketReader();
  readonly #watched: Watched[] = [];
  readonly #names = new Set<string>();
  readonly #reported = new Set<string>();
  #living: readonly Watched[] | undefined;
  #bounds: Bounds | undefined;
  #healedAt = Number.POSITIVE_INFINITY;

  constructor(world: World<M, E>, config: SwimConfig, layer: DetectorLayer<M, E>) {
    this.#world = world;
    this.#layer = layer;
    this.#checkers = [
      new LastingDeaths(),
      new Resurrections(),
      this.#agreement,
      new Incarnations(),
      new Transmissions(),
      new PacketSizes(),
      new Queues(),
      this.delivery,
    ];
    this.config = config;
    this.#opinions = new Opinions(config, (step) => this.#onStep(step));
    world.onEvent = (node, event) => this.#onEvent(node, event);
    world.onPacket = (from, to, packet, bytes) => this.#onPacket(from, to, packet, bytes);
  }

  /** All views are the same, for good. */
  get agreed(): boolean {
    return this.#agreement.agreedAt !== Number.POSITIVE_INFINITY;
  }

  /** World ms at which they were found to be, and Infinity before. */
  get agreedAt(): number {
    return this.#agreement.agreedAt;
  }

  // What checkers ask for

  get healedAt(): number {
    return this.#healedAt;
  }

  get now(): number {
    return this.#world.now;
  }

  get names(): number {
    return this.#names.size;
  }

  living(): readonly Watched[] {
    return this.#living ?? this.#world.nodes.filter((node) => node.alive).map((node) => this.processAt(node));
  }

  bounds(): Bounds {
    this.#bounds ??= boundsOf(this.config, this.names, this.living().length);
    return this.#bounds;
  }

  report(checker: Checker, node: string, message: string, about = node): void {
    // The same thing goes wrong again and again: the first time explains it.
    const key = `${checker.name} ${node} ${about}`;
    if (this.#reported.has(key) || this.violations.length >= maxViolations) return;
    this.#reported.add(key);
    const { name, kind } = checker;
    const { seed, now } = this.#world;
    const trace = this.history.about(node, about);
    this.violations.push({ checker: name, kind, seed, at: now, node, message, trace });
  }

  // Looking on

  /** Looks at all machines every so often from now on. */
  watch(everyMs: number): void {
    const look = () => {
      this.look();
      this.#world.at(this.#world.now + everyMs, look);
    };
    look();
  }

  /** Nothing is broken from `at` (world ms, default now) on. */
  healed(at = this.#world.now): void {
    this.#healedAt = at;
  }

  /** Looks at all machines. */
  look(): void {
    this.#bounds = undefined;
    this.#living = this.living();
    for (const node of this.#living) {
      const members = node.swim.members();
      this.#opinions.onLook(node, members);
      for (const checker of this.#checkers) checker.onLook?.(node, members, this);
    }
    for (const checker of this.#checkers) checker.onRound?.(this);
    this.#living = undefined;
  }

  /** The process that runs at a node. */
  processAt(node: SimNode<M, E>): Watched {
    const known = this.#watched[node.index];
    const swim = this.#layer.detectorOf(node.machine);
    if (known?.swim === swim) return known;
    if (known) this.#opinions.end(known);
    const { statusesOf } = this.#layer;
    const { machine } = node;
    const statuses = statusesOf && (() => statusesOf(machine));
    const watched: Watched = { place: node, name: swim.name, swim, statuses, startedAt: this.#world.now };
    this.#watched[node.index] = watched;
    this.#names.add(swim.name);
    for (const checker of this.#checkers) checker.onProcess?.(watched, this);
    return watched;
  }

  #onEvent(node: SimNode<M, E>, event: E): void {
    this.events++;
    const told = this.#layer.eventOf(event);
    if (told === undefined) return;
    const watched = this.processAt(node);
    this.#note(watched, told);
    this.#opinions.onEvent(watched, told);
    for (const checker of this.#checkers) checker.onEvent?.(watched, told, this);
  }

  #onPacket(from: SimNode<M, E>, to: Endpoint, packet: Packet, bytes: number): void {
    const watched = this.processAt(from);
    const messages = this.#reader.read(packet);
    const { dropped } = this.#reader;
    for (const checker of this.#checkers) {
      if (dropped !== undefined) checker.onUnreadable?.(watched, dropped, bytes, this);
      checker.onPacket?.(watched, to, messages, bytes, this);
    }
  }

  #onStep(step: Step): void {
    for (const checker of this.#checkers) checker.onStep?.(step, this);
  }

  #note(node: Watched, event: SwimEvent): void {
    const { now } = this.#world;
    if (event.type === "evidence") {
      const { evidence, name } = event;
      this.history.note(now, node.name, name, evidence.type, evidence.incarnation, evidence);
    } else if (event.type === "member-join" || event.type === "member-update") {
      const { name, incarnation, endpoint } = event.member;
      this.history.note(now, node.name, name, event.type, incarnation, `${endpoint.address}:${endpoint.port}`);
    } else if (event.type === "conflict") {
      this.history.note(now, node.name, event.held.name, "conflict", event.held.incarnation, `${event.address}`);
    } else if (event.type === "isolated" || event.type === "reconnected" || event.type === "left-pool") {
      this.history.note(now, node.name, node.name, event.type, 0);
    }
  }
}
