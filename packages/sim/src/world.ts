/**
 * The world: a virtual clock, machines at addresses, the network between them, and everything that can happen to a process
 * or a host. It drives any protocol machine as sockets would (`Machine` in `@hearsay/core`), jumps from one thing that
 * happens to the next, and draws all chance from one seed: the same seed and the same calls give the same history, byte
 * for byte.
 *
 *   const world = new World<Swim, SwimEvent>({ seed: 1 });
 *   const a = world.add(machineA, endpointA);
 *   world.act(a, (machine, now) => machine.join(endpointB, now));
 *   world.runUntil(() => a.machine.aliveCount === 2, 10_000);
 *
 * Taking in a message costs a machine no time unless it is stalled or blocked.
 */
import { type Endpoint, formatEndpoint, type Machine, type NameTable, Rng, type Transmit } from "@hearsay/core";
import { DeliveryQueue } from "./delivery-queue.ts";
import { Digest } from "./digest.ts";
import { type Fidelity, type FidelityName, fidelity, type Packet } from "./fidelity.ts";
import { Network, type NetworkConditions } from "./network.ts";
import { indexOf } from "./node-endpoint.ts";
import { Clocks, Ledger, type Place, SimNode } from "./sim-node.ts";
import { Streams } from "./streams.ts";
import { WakeQueue } from "./wake-queue.ts";

export interface WorldOptions {
  readonly seed: number;
  readonly network?: NetworkConditions;
  /** Default "bytes". */
  readonly fidelity?: FidelityName;
  /** Keep a digest of the whole history, to compare runs. Default false. */
  readonly digest?: boolean;
  /** Bytes a socket holds for a process that does not read. Default 4 MiB, what Linux makes of memberlist's 2 MiB. */
  readonly inboxBytes?: number;
}

/** In a node's traits: it runs, nothing holds it up, and its clock is the world's; and it has the names of most. */
const plain = 1;
const sharing = 2;
/** Of a packet whose gists mean nothing any more, or never did. */
const noEpoch = -1;
/** What the kernel counts for a waiting packet beside its bytes. */
const packetOverheadBytes = 800;

export class World<M extends Machine<E>, E> {
  readonly seed: number;
  readonly network: Network;
  readonly fidelity: Fidelity;
  readonly digest: Digest | undefined;
  /** Every node ever added, by index. */
  readonly nodes: SimNode<M, E>[] = [];
  /** Called for each event of each machine after it happened, before the node's own `onEvent`. */
  onEvent: ((node: SimNode<M, E>, event: E, now: number) => void) | undefined;
  /** Called for each packet that is sent, arrive it or not. For checkers and traces; costs time. */
  onPacket: ((from: SimNode<M, E>, to: Endpoint, packet: Packet, bytes: number, now: number) => void) | undefined;
  readonly #deliveries = new DeliveryQueue();
  readonly #wakes = new WakeQueue();
  readonly #streams: Streams<M, E>;
  readonly #inboxLimit: number;
  readonly #byAddress = new Map<string, SimNode<M, E>>();
  /** Nodes that share their address with another one. */
  readonly #byEndpoint = new Map<string, SimNode<M, E>>();
  readonly #out: Transmit;
  readonly #clocks = new Clocks();
  readonly #ledger = new Ledger();
  /** By node: where it is, as it is asked for with every packet. */
  readonly #endpoints: Endpoint[] = [];
  /** By node: what runs there. */
  readonly #machines: M[] = [];
  /** The names that most nodes share, if any do: where to ask whether a packet is news to them. */
  #names: NameTable | undefined;
  /** By node: as whom to ask there. */
  #listeners = new Int32Array(64);
  /** By node, what every packet asks: whether nothing is the matter with it (`plain`), whether it has those names. */
  #traits = new Uint8Array(64);
  #now = 0;
  #serial = 0;

  constructor(options: WorldOptions) {
    this.seed = options.seed;
    this.fidelity = fidelity(options.fidelity ?? "bytes");
    this.network = new Network(new Rng(options.seed).fork("network"), options.network);
    this.digest = options.digest ? new Digest() : undefined;
    this.#inboxLimit = options.inboxBytes ?? 4 * 1024 * 1024;
    this.#out = {
      buffer: new Uint8Array(this.fidelity.codec.maxPacketBytes),
      length: 0,
      to: { address: "", port: 0 },
      gists: [],
    };
    this.#streams = new Streams<M, E>({
      now: () => this.#now,
      network: this.network,
      digest: this.digest,
      ledger: this.#ledger,
      find: (to) => this.find(to),
      at: (time, run) => this.at(time, run),
      tell: (node, wish) => this.act(node, wish),
    });
  }

  /** Virtual ms since the beginning. */
  get now(): number {
    return this.#now;
  }

  /** Things under way: packets, actions. */
  get pending(): number {
    return this.#deliveries.length;
  }

  /** Puts a machine at an address of its own and starts it (`start` says how). */
  add(
    machine: M,
    endpoint: Endpoint,
    options: { readonly zone?: number; readonly start?: (machine: M, now: number) => void } = {},
  ): SimNode<M, E> {
    if (this.find(endpoint)) throw new RangeError(`${formatEndpoint(endpoint)}: address in use`);
    const node = new SimNode<M, E>(this.nodes.length, machine, endpoint, options.zone ?? 0, this.#clocks, this.#ledger);
    this.nodes.push(node);
    this.#endpoints.push(endpoint);
    this.#listen(node);
    if (this.#byAddress.has(endpoint.address)) this.#byEndpoint.set(formatEndpoint(endpoint), node);
    else this.#byAddress.set(endpoint.address, node);
    this.act(node, options.start ?? ((m, now) => m.start(now)));
    return node;
  }

  /** The node at an address, alive or not. */
  find(endpoint: Endpoint): SimNode<M, E> | undefined {
    const index = this.#indexAt(endpoint);
    return index < 0 ? undefined : this.nodes[index];
  }

  /** The number of the node at an address, or -1. Most endpoints say it, so that nodes far off need not be looked at. */
  #indexAt(endpoint: Endpoint): number {
    const index = indexOf(endpoint);
    if (index >= 0 && index < this.#endpoints.length && this.#endpoints[index] === endpoint) return index;
    let node = this.#byAddress.get(endpoint.address);
    if (node !== undefined && node.endpoint.port !== endpoint.port) {
      node = this.#byEndpoint.get(formatEndpoint(endpoint));
    }
    return node === undefined ? -1 : node.index;
  }

  /** A wish: calls the machine, in its own time, and drains it. Not for a node that is not alive. */
  act<T>(node: SimNode<M, E>, wish: (machine: M, now: number) => T): T {
    const result = wish(node.machine, this.#tell(node.index));
    this.#drain(node.index);
    return result;
  }

  /** Runs something at a time of the world; times past count as now. */
  at(time: number, run: () => void): void {
    this.#deliveries.pushAction(Math.max(time, this.#now), ++this.#serial, run);
  }

  // What can happen to a node

  /** The process ends without a word; its address answers "refused", or nothing at all when the host goes too. */
  crash(node: SimNode<M, E>, options: { readonly host?: boolean } = {}): void {
    node.alive = false;
    node.hostUp = options.host !== true;
    this.#see(node);
    this.#wakes.set(node.index, Number.POSITIVE_INFINITY, 0);
  }

  /** A new process at the address of an ended one. */
  restart(node: SimNode<M, E>, machine: M, start: (machine: M, now: number) => void = (m, now) => m.start(now)): void {
    if (node.alive) this.crash(node);
    node.machine = machine;
    node.alive = true;
    node.hostUp = true;
    node.generation++;
    node.stalledUntil = Number.NEGATIVE_INFINITY;
    node.blockedUntil = Number.NEGATIVE_INFINITY;
    node.inboxBytes = 0;
    node.inboxOpensAt = Number.NEGATIVE_INFINITY;
    node.outboxOpensAt = Number.NEGATIVE_INFINITY;
    node.held = false;
    this.#clocks.told[node.index] = Number.NEGATIVE_INFINITY;
    this.#listen(node);
    this.act(node, start);
  }

  /** The process stands still for so long: its socket holds what comes, its timers are late. */
  stall(node: SimNode<M, E>, ms: number): void {
    const until = this.#now + ms;
    if (until <= node.stalledUntil) return;
    node.stalledUntil = until;
    node.held = true;
    this.#see(node);
    const { generation } = node;
    // Timers come first when a process wakes, as in any event loop.
    this.at(until, () => {
      if (node.alive && node.generation === generation && node.stalledUntil === until) this.#wake(node.index);
    });
  }

  /** Messages wait for so long, in and out, while timers go on (the slow processing of Lifeguard's experiments). */
  block(node: SimNode<M, E>, ms: number): void {
    node.blockedUntil = Math.max(node.blockedUntil, this.#now + ms);
    node.held = true;
    this.#see(node);
  }

  /** The node's clock jumps, as after a suspended machine (ahead) or a bad clock (back: it stands still till then). */
  shiftClock(node: SimNode<M, E>, ms: number): void {
    node.clockOffset += ms;
    this.#see(node);
    if (node.alive) this.#reschedule(node.index);
  }

  /** Only nodes of the same group reach each other; those named in none are a group of their own. */
  partition(...groups: readonly (readonly SimNode<M, E>[])[]): void {
    for (const node of this.nodes) node.partition = 0;
    for (const [i, group] of groups.entries()) for (const node of group) node.partition = i + 1;
    this.network.uneven();
  }

  /** Mends partitions, cut links, and loss at single places; the network's global conditions stay. */
  heal(): void {
    this.network.heal(this.nodes);
  }

  // Time

  /** Runs for so long. */
  run(ms: number): void {
    this.#runTo(this.#now + ms);
  }

  /**
   * Runs until `done` holds, at most so long; asked after everything that happens, or only each `everyMs`. Returns the
   * ms it took, or undefined.
   */
  runUntil(done: () => boolean, limitMs: number, everyMs = 0): number | undefined {
    const start = this.#now;
    const end = start + limitMs;
    if (everyMs > 0) {
      while (!done()) {
        if (this.#now >= end) return undefined;
        this.#runTo(Math.min(end, this.#now + everyMs));
      }
      return this.#now - start;
    }
    while (!done()) {
      if (!this.#step(end)) {
        this.#now = end;
        return undefined;
      }
    }
    return this.#now - start;
  }

  /** Goes on to the next thing that happens; false when nothing ever will. */
  step(): boolean {
    return this.#step(Number.POSITIVE_INFINITY);
  }

  #runTo(end: number): void {
    while (this.#step(end)) {
      // One after another.
    }
    this.#now = end;
  }

  #step(end: number): boolean {
    const { first } = this.#deliveries;
    const wakeAt = this.#wakes.time;
    if (first === undefined || wakeAt < first.at || (wakeAt === first.at && this.#wakes.serial < first.serial)) {
      if (wakeAt > end || wakeAt === Number.POSITIVE_INFINITY) return false;
      if (wakeAt > this.#now) this.#now = wakeAt;
      this.#onWake(this.#wakes.node);
      return true;
    }
    if (first.at > end) return false;
    const delivery = this.#deliveries.pop();
    if (delivery.at > this.#now) this.#now = delivery.at;
    if (delivery.run !== undefined) {
      const { run } = delivery;
      this.#deliveries.release(delivery);
      run();
      return true;
    }
    const { from, to, bytes, epoch } = delivery;
    const packet = delivery.packet!;
    this.#deliveries.release(delivery);
    if ((this.#traits[to]! & plain) === 0) this.#arrive(this.nodes[from]!, this.nodes[to]!, packet, bytes, false);
    else {
      // From one who shares the names of most, to one who does, and no name has gone out of use since.
      const gistsHold = (this.#traits[to]! & sharing) !== 0 && this.#names!.epoch === epoch;
      if (!gistsHold || !this.#isOldNews(to, packet, bytes)) this.#deliver(from, to, packet, bytes, gistsHold);
    }
    return true;
  }

  // Packets

  #send(from: number, to: Endpoint, packet: Packet, bytes: number): void {
    this.#ledger.sent(from, bytes);
    if (this.onPacket !== undefined) this.onPacket(this.nodes[from]!, to, packet, bytes, this.#now);
    const target = this.#indexAt(to);
    this.digest?.packet(this.#now, from, target, bytes);
    if (target < 0) {
      this.network.drops.nobody++;
      return;
    }
    if ((this.#traits[from]! & plain) === 0 && this.nodes[from]!.held)
      this.#leave(this.nodes[from]!, target, packet, bytes);
    else this.#route(from, target, packet, bytes, (this.#traits[from]! & sharing) !== 0 ? this.#names!.epoch : noEpoch);
  }

  #leave(from: SimNode<M, E>, to: number, packet: Packet, bytes: number): void {
    if (from.blockedUntil <= this.#now) {
      this.#route(from.index, to, packet, bytes, noEpoch);
      return;
    }
    // Beside those that wait already, so that a longer block keeps their order.
    if (from.outboxOpensAt <= this.#now) from.outboxOpensAt = from.blockedUntil;
    const { generation } = from;
    this.at(from.outboxOpensAt, () => {
      if (from.alive && from.generation === generation) this.#leave(from, to, packet, bytes);
    });
  }

  #route(from: number, to: number, packet: Packet, bytes: number, epoch: number): void {
    const { network } = this;
    const copies = network.route(this.nodes[from]!, this.nodes[to]!, bytes, this.#now);
    for (let i = 0; i < copies; i++) {
      this.#deliveries.pushPacket(network.arrivals[i]!, ++this.#serial, from, to, packet, bytes, epoch);
    }
  }

  #arrive(from: Place, to: SimNode<M, E>, packet: Packet, bytes: number, waited: boolean): void {
    if (waited) to.inboxBytes -= bytes + packetOverheadBytes;
    if (!to.alive) return;
    if (to.held) {
      const heldUntil = Math.max(to.stalledUntil, to.blockedUntil);
      if (heldUntil > this.#now) {
        this.#hold(from, to, packet, bytes, heldUntil);
        return;
      }
      to.held = false;
      this.#see(to);
    }
    this.#deliver(from.index, to.index, packet, bytes, false);
  }

  #deliver(from: number, to: number, packet: Packet, bytes: number, gistsHold: boolean): void {
    this.#ledger.received(to, bytes);
    const machine = this.#machines[to]!;
    this.fidelity.deliver(machine as Machine<unknown>, this.#endpoints[from]!, packet, this.#tell(to), gistsHold);
    this.#drain(to);
  }

  /**
   * Whether a packet only repeats what its receiver has heard, which is true of most when many members fail at once. Then
   * it is counted, and nobody need be woken.
   */
  #isOldNews(to: number, packet: Packet, bytes: number): boolean {
    const gists = this.fidelity.gistsOf(packet);
    if (gists === undefined) return false;
    // Who is late may find that it stood still.
    if (this.#wakes.timeOf(to) <= this.#now) return false;
    if (!this.#names!.hearing.isOldNews(this.#listeners[to]!, gists)) return false;
    this.#ledger.received(to, bytes);
    if (this.#now > this.#clocks.told[to]!) this.#clocks.told[to] = this.#now;
    return true;
  }

  /** Something has happened to a node that decides whether it may be spared packets. */
  #see(node: SimNode<M, E>): void {
    const isPlain = node.alive && !node.held && node.clockOffset === 0;
    this.#traits[node.index] = (this.#traits[node.index]! & ~plain) | (isPlain ? plain : 0);
  }

  /** The node's machine is another one. */
  #listen(node: SimNode<M, E>): void {
    this.#machines[node.index] = node.machine;
    const { ears } = node.machine;
    this.#names ??= ears?.names;
    const { index } = node;
    if (index >= this.#traits.length) {
      const traits = new Uint8Array(2 * index);
      traits.set(this.#traits);
      this.#traits = traits;
      const listeners = new Int32Array(2 * index);
      listeners.set(this.#listeners);
      this.#listeners = listeners;
    }
    this.#listeners[index] = ears?.listener ?? 0;
    this.#traits[index] = ears !== undefined && ears.names === this.#names ? sharing : 0;
    this.#see(node);
  }

  #hold(from: Place, to: SimNode<M, E>, packet: Packet, bytes: number, until: number): void {
    const cost = bytes + packetOverheadBytes;
    if (to.inboxBytes + cost > this.#inboxLimit) {
      this.network.drops.inbox++;
      return;
    }
    to.inboxBytes += cost;
    // As with what is to be sent: one after another, also when the wait becomes longer.
    if (to.inboxOpensAt <= this.#now) to.inboxOpensAt = until;
    const { generation } = to;
    this.at(to.inboxOpensAt, () => {
      if (to.generation === generation) this.#arrive(from, to, packet, bytes, true);
    });
  }

  // Machines

  /** The node's own time, never running backwards. */
  #tell(node: number): number {
    const now = this.#now + this.#offset(node);
    const { told } = this.#clocks;
    if (now <= told[node]!) return told[node]!;
    told[node] = now;
    return now;
  }

  #offset(node: number): number {
    return (this.#traits[node]! & plain) !== 0 ? 0 : this.nodes[node]!.clockOffset;
  }

  #onWake(node: number): void {
    if ((this.#traits[node]! & plain) === 0 && this.nodes[node]!.held && this.nodes[node]!.stalledUntil > this.#now) {
      // The end of the stall wakes it.
      this.#wakes.set(node, Number.POSITIVE_INFINITY, 0);
      return;
    }
    const deadline = this.#machines[node]!.nextDeadline();
    const offset = this.#offset(node);
    // It has changed its mind since: later.
    if (deadline - offset > this.#now) {
      this.#wakes.set(node, deadline - offset, ++this.#serial);
      return;
    }
    // Taking an offset away and adding it again may have rounded it off.
    const { told } = this.#clocks;
    if (deadline > told[node]! && deadline <= this.#now + offset + 1e-6) told[node] = deadline;
    this.#wake(node);
  }

  #wake(node: number): void {
    this.#machines[node]!.handleTimeout(this.#tell(node));
    this.#drain(node);
  }

  #drain(node: number): void {
    const machine = this.#machines[node]!;
    const out = this.#out;
    while (machine.pollTransmit(out)) this.#send(node, out.to, this.fidelity.take(out), out.length);
    for (let request = machine.pollStream(); request !== undefined; request = machine.pollStream()) {
      this.#streams.open(this.nodes[node]!, request);
    }
    for (let event = machine.pollEvent(); event !== undefined; event = machine.pollEvent()) {
      this.onEvent?.(this.nodes[node]!, event, this.#now);
      if (this.#clocks.anyListener) this.nodes[node]!.onEvent?.(event, this.#now);
    }
    this.#reschedule(node);
  }

  /** Moving a wake costs less than looking at a machine that has nothing to do yet. */
  #reschedule(node: number): void {
    if ((this.#traits[node]! & plain) === 0 && !this.nodes[node]!.alive) return;
    const time = this.#machines[node]!.nextDeadline() - this.#offset(node);
    if (time !== this.#wakes.timeOf(node)) this.#wakes.set(node, time, ++this.#serial);
  }
}
