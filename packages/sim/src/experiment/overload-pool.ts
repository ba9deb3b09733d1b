/**
 * A pool of replicated-state machines whose members write at random, in virtual time, over a network that delays and loses
 * nothing; and how far copies are behind. Streams are hung up on, so that packets are all the capacity there is.
 */
import { type Endpoint, Rng } from "@hearsay/core";
import { ReplicatedState, type StateConfig } from "@hearsay/state";
import { DeliveryQueue } from "../delivery-queue.ts";
import { type Latency, LatencySampler } from "../latency.ts";
import { WakeQueue } from "../wake-queue.ts";
import { WriteLog } from "./write-log.ts";

export interface OverloadPoolOptions {
  readonly seed: number;
  readonly nodes: number;
  /** Keys of each member. */
  readonly keys: number;
  readonly latency: Latency;
  readonly config: Partial<StateConfig>;
}

/** How far copies are behind, at one time; of each member's copy of each other member's map. */
export interface Staleness {
  /** Since the oldest write that a copy lacks was made, of the copy that is furthest behind, and in the mean: ms. */
  readonly maxMs: number;
  readonly meanMs: number;
  /** The same since the application asked for the write, whether it was made yet or held back: ms. */
  readonly askedMaxMs: number;
  readonly askedMeanMs: number;
  /** Keys of which a copy has an older value or none, over all copies. */
  readonly staleKeys: number;
}

const wallMs = 1_800_000_000_000;
/** Of any packet: bytes. */
const bufferBytes = 65_536;

export class OverloadPool {
  readonly nodes: ReplicatedState[] = [];
  now = 0;
  /** Wishes to write, over all members. */
  wishes = 0;
  packets = 0;
  packetBytes = 0;
  readonly #names: readonly string[];
  readonly #endpoints: readonly Endpoint[];
  readonly #logs: WriteLog[] = [];
  readonly #keys: number;
  readonly #latency: LatencySampler;
  readonly #delayRng: Rng;
  readonly #writeRng: Rng;
  readonly #flying = new DeliveryQueue();
  readonly #wakes = new WakeQueue();
  /** By member: when it writes next. */
  readonly #writes = new WakeQueue();
  readonly #out = { buffer: new Uint8Array(bufferBytes), length: 0, to: { address: "", port: 0 } as Endpoint };
  #serial = 0;
  #writesPerMs = 0;

  constructor({ seed, nodes, keys, latency, config }: OverloadPoolOptions) {
    const rng = new Rng(seed);
    this.#keys = keys;
    this.#latency = new LatencySampler(latency);
    this.#delayRng = rng.fork("delays");
    this.#writeRng = rng.fork("writes");
    this.#names = Array.from({ length: nodes }, (_, i) => `node-${i}`);
    this.#endpoints = this.#names.map((_, port) => ({ address: "10.0.0.1", port }));
    for (const name of this.#names) {
      this.nodes.push(new ReplicatedState({ name, generation: 1, rng: rng.fork(name), config }));
      this.#logs.push(new WriteLog());
    }
    for (const [i, node] of this.nodes.entries()) {
      for (const [j, name] of this.#names.entries()) node.setPeer(name, this.#endpoints[j]!, "alive", 0);
      node.start(0, wallMs);
      this.#settle(i);
    }
  }

  /** From now on every member writes so often, at random times, a random one of its keys. @param perSecond 0: never */
  setRate(perSecond: number): void {
    this.#writesPerMs = perSecond / 1000;
    for (let i = 0; i < this.nodes.length; i++) this.#planWrite(i);
  }

  run(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const packetAt = this.#flying.first?.at ?? Number.POSITIVE_INFINITY;
      const at = Math.min(packetAt, this.#wakes.time, this.#writes.time);
      if (at > end) break;
      this.now = at;
      if (packetAt === at) this.#deliver();
      else if (this.#wakes.time === at) this.#wake(this.#wakes.node);
      else this.#write(this.#writes.node);
    }
    this.now = end;
  }

  staleness(): Staleness {
    const sum = { maxMs: 0, meanMs: 0, askedMaxMs: 0, askedMeanMs: 0, staleKeys: 0 };
    for (const [owner, log] of this.#logs.entries()) {
      log.look(this.now);
      for (const [i, node] of this.nodes.entries()) {
        if (i === owner) continue;
        const behind = log.behind(node.versionOf(this.#names[owner]!));
        sum.maxMs = Math.max(sum.maxMs, behind.writtenMs);
        sum.askedMaxMs = Math.max(sum.askedMaxMs, behind.askedMs);
        sum.meanMs += behind.writtenMs;
        sum.askedMeanMs += behind.askedMs;
        sum.staleKeys += behind.keys;
      }
    }
    const copies = Math.max(1, this.nodes.length * (this.nodes.length - 1));
    return { ...sum, meanMs: sum.meanMs / copies, askedMeanMs: sum.askedMeanMs / copies };
  }

  /** Writes that were made. */
  get versions(): number {
    return this.#logs.reduce((total, log) => total + log.versions, 0);
  }

  #deliver(): void {
    const flight = this.#flying.pop();
    const { from, to, packet } = flight;
    this.#flying.release(flight);
    this.nodes[to]!.handlePacket(this.#endpoints[from]!, packet as Uint8Array, this.now);
    this.#settle(to);
  }

  #wake(i: number): void {
    this.nodes[i]!.handleTimeout(this.now);
    this.#settle(i);
  }

  #write(i: number): void {
    const key = `key-${this.#writeRng.below(this.#keys)}`;
    this.wishes++;
    this.#logs[i]!.ask(key, this.now);
    // Eight bytes that were not there before.
    this.nodes[i]!.set(key, new Uint8Array(new Float64Array([this.wishes]).buffer), this.now);
    this.#settle(i);
    this.#planWrite(i);
  }

  /** Exponential: each write is a random while after the last. */
  #planWrite(i: number): void {
    const wait = -Math.log(1 - this.#writeRng.float()) / this.#writesPerMs;
    this.#writes.set(i, this.now + wait, ++this.#serial);
  }

  /** What a machine wants after any call. */
  #settle(i: number): void {
    const node = this.nodes[i]!;
    const out = this.#out;
    while (node.pollTransmit(out)) {
      this.packets++;
      this.packetBytes += out.length;
      const at = this.now + this.#latency.sample(this.#delayRng, 0, 0);
      this.#flying.pushPacket(at, ++this.#serial, i, out.to.port, out.buffer.slice(0, out.length), out.length, 0);
    }
    for (let stream = node.pollStream(); stream !== undefined; stream = node.pollStream())
      node.handleStreamEnd(stream.id);
    for (let event = node.pollEvent(); event !== undefined; event = node.pollEvent())
      if (event.type === "node-change" && event.isLocal) this.#logs[i]!.made(event.key, this.now);
    this.#wakes.set(i, node.nextDeadline(), ++this.#serial);
  }
}
