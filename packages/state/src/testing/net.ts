/** A small network of state machines in virtual time: loss, latency, splits, clocks that differ; one seed, one history. */
import { type Endpoint, Rng } from "@hearsay/core";
import { encodeUtf8, readUtf8 } from "@hearsay/wire";
import type { StateConfig } from "../config.ts";
import { ReplicatedState } from "../replicated-state.ts";
import type { StateEvent } from "../types.ts";

export const wallStartMs = 1_800_000_000_000;

export interface NetOptions {
  readonly nodes: number;
  readonly seed?: number;
  /** 0 … 1, of packets. */
  readonly loss?: number;
  readonly config?: Partial<StateConfig>;
  readonly tickMs?: number;
  /** Nodes whose streams cannot be dialled: all when true. */
  readonly noStreams?: boolean;
  /** Nobody knows anybody at first. */
  readonly strangers?: boolean;
  /** What is put around each state machine. */
  readonly around?: (node: ReplicatedState, i: number) => Driven;
}

/** What is driven: a state machine, or something around it. */
export type Driven = Pick<
  ReplicatedState,
  "start" | "setPeer" | "handlePacket" | "handleTimeout" | "pollEvent" | "nextDeadline"
>;

interface Flying {
  readonly to: number;
  readonly from: number;
  readonly bytes: Uint8Array;
}

export const bytes = encodeUtf8;
export const text = (value: Uint8Array | undefined | null) =>
  value === undefined || value === null ? undefined : readUtf8(value, 0, value.length);

export class Net {
  readonly nodes: ReplicatedState[] = [];
  /** The nodes, or what is around them. */
  readonly #driven: Driven[] = [];
  readonly #around: (node: ReplicatedState, i: number) => Driven;
  readonly config: Partial<StateConfig>;
  now = 0;
  loss: number;
  packets = 0;
  packetBytes = 0;
  largestPacket = 0;
  streams = 0;
  /** Share of packets of which a byte is another on arrival: 0 … 1. */
  corruption = 0;
  /** Duplicates every packet when set. */
  duplicate = false;
  /** Nodes that run. */
  readonly up = new Set<number>();
  readonly events: StateEvent[][] = [];
  readonly wallOffsets: number[] = [];
  readonly #rng: Rng;
  readonly #tickMs: number;
  readonly #noStreams: boolean;
  readonly #flying = new Map<number, Flying[]>();
  /** Node → side of a split; equal sides hear each other. */
  #side: (node: number) => number = () => 0;
  readonly #out = { buffer: new Uint8Array(65_536), length: 0, to: { address: "", port: 0 } as Endpoint };

  constructor(options: NetOptions) {
    this.#rng = new Rng(options.seed ?? 1);
    this.#tickMs = options.tickMs ?? 10;
    this.#noStreams = options.noStreams ?? false;
    this.loss = options.loss ?? 0;
    this.config = options.config ?? {};
    this.#around = options.around ?? ((node) => node);
    for (let i = 0; i < options.nodes; i++) this.boot(i, wallStartMs);
    if (!options.strangers) this.introduceAll();
  }

  /** Starts a node, or a new life of it that remembers nothing. */
  boot(i: number, generation: number, name = nameOf(i), config: Partial<StateConfig> = {}): ReplicatedState {
    const node = new ReplicatedState({
      name,
      generation,
      config: { ...this.config, ...config },
      rng: this.#rng.fork(`node-${i}-${generation}`),
    });
    this.wallOffsets[i] ??= 0;
    const driven = this.#around(node, i);
    driven.start(this.now, wallStartMs + this.now + this.wallOffsets[i]!);
    this.nodes[i] = node;
    this.#driven[i] = driven;
    this.events[i] = [];
    this.up.add(i);
    return node;
  }

  introduceAll(): void {
    for (const i of this.up) for (const j of this.up) this.introduce(i, j);
  }

  introduce(i: number, j: number): void {
    this.#driven[i]!.setPeer(nameOf(j), endpointOf(j), "alive", this.now);
  }

  setWall(i: number, offsetMs: number): void {
    this.wallOffsets[i] = offsetMs;
    this.nodes[i]!.setWallClock(wallStartMs + this.now + offsetMs, this.now);
  }

  split(side: (node: number) => number): void {
    this.#side = side;
  }

  heal(): void {
    this.#side = () => 0;
  }

  run(ms: number): void {
    const end = this.now + ms;
    while (this.now < end) this.tick();
  }

  /** Ms until it holds; throws after `mostMs`. */
  until(holds: () => boolean, mostMs: number): number {
    const start = this.now;
    while (!holds()) {
      if (this.now - start >= mostMs) throw new Error(`not within ${mostMs} ms`);
      this.tick();
    }
    return this.now - start;
  }

  tick(): void {
    this.now += this.#tickMs;
    const due = this.#flying.get(this.now) ?? [];
    this.#flying.delete(this.now);
    for (const { from, to, bytes } of due) {
      if (!this.up.has(to) || this.#side(from) !== this.#side(to)) continue;
      this.#driven[to]!.handlePacket(endpointOf(from), bytes, this.now);
    }
    for (const i of this.up) {
      const node = this.#driven[i]!;
      if (node.nextDeadline() <= this.now) node.handleTimeout(this.now);
      this.#drain(i);
    }
  }

  isEqual(some: Iterable<number> = this.up): boolean {
    const roots = new Set(Array.from(some, (i) => this.nodes[i]!.roots.join()));
    return roots.size === 1;
  }

  /** All that a node holds, as plain text. */
  view(i: number): unknown {
    const node = this.nodes[i]!;
    return {
      maps: Object.fromEntries(
        node
          .owners()
          .sort()
          .map((owner) => [owner, node.entries(owner).map(({ key, value, version }) => [key, text(value), version])]),
      ),
      shared: node
        .sharedEntries()
        .map(({ key, value, writer, stamp }) => [key, text(value), writer, stamp.ms, stamp.count])
        .sort(),
    };
  }

  #drain(i: number): void {
    const node = this.nodes[i]!;
    const out = this.#out;
    while (node.pollTransmit(out)) {
      this.packets++;
      this.packetBytes += out.length;
      this.largestPacket = Math.max(this.largestPacket, out.length);
      for (let copies = this.duplicate ? 2 : 1; copies > 0; copies--) {
        if (this.#rng.float() < this.loss) continue;
        const at = this.now + this.#tickMs * (1 + this.#rng.below(3));
        const flight = { from: i, to: out.to.port, bytes: out.buffer.slice(0, out.length) };
        if (this.corruption > 0 && this.#rng.float() < this.corruption)
          flight.bytes[this.#rng.below(out.length)] = this.#rng.below(256);
        const others = this.#flying.get(at);
        if (others) others.push(flight);
        else this.#flying.set(at, [flight]);
      }
    }
    for (let request = node.pollStream(); request !== undefined; request = node.pollStream()) {
      const to = request.to.port;
      const payload = node.streamPayload(request.id);
      if (payload === undefined || this.#noStreams || !this.up.has(to) || this.#side(i) !== this.#side(to)) {
        node.handleStreamEnd(request.id);
        continue;
      }
      this.streams++;
      const answer = this.nodes[to]!.handleStreamRequest(endpointOf(i), payload, this.now);
      if (answer === undefined) node.handleStreamEnd(request.id);
      else {
        const push = node.handleStreamReply(request.id, answer, this.now);
        if (push !== undefined) this.nodes[to]!.handleStreamPush(endpointOf(i), push, this.now);
      }
    }
    const driven = this.#driven[i]!;
    for (let event = driven.pollEvent(); event !== undefined; event = driven.pollEvent()) this.events[i]!.push(event);
  }
}

export function nameOf(i: number): string {
  return `node-${i}`;
}

export function endpointOf(i: number): Endpoint {
  return { address: "10.0.0.1", port: i };
}
