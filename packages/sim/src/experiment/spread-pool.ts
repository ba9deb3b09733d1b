/**
 * User broadcasts through a real pool: converged `Swim` machines, and on each an application that passes a message on when
 * it sees it for the first time, as Serf does (memberlist and our `Swim` leave that to the layer above).
 */
import type { Latency } from "../latency.ts";
import { SwimPool } from "../pool.ts";
import { advance, advanceUntil, type Progress } from "./experiment.ts";

export interface SpreadPoolOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly gossipNodes: number;
  readonly gossipIntervalMs: number;
  readonly loss: number;
  readonly latency: Latency;
  /** Bytes of a message, at least `headBytes`. */
  readonly payloadBytes: number;
}

/** What became of one broadcast. */
export interface Broadcast {
  /** When each node first had it, ms after the beginning, ascending; the source's 0 first. Shorter if some never did. */
  readonly timesMs: readonly number[];
  /** Most times that it was passed on before it reached a node for the first time. */
  readonly hops: number;
  /** Arrivals at nodes that had it already count too. */
  readonly copies: number;
}

/** Number of the broadcast and its hops, both 16 bits. */
export const headBytes = 4;
/** Gossip intervals after which a broadcast that has not reached everyone is given up. */
const limitRounds = 100;
/** Before the first broadcast: ms. */
const settleMs = 1000;

export class SpreadPool {
  readonly pool: SwimPool;
  readonly #options: SpreadPoolOptions;
  /** By node: the last broadcast it has seen. */
  readonly #seen: Uint16Array;
  #current = 0;
  #startedAt = 0;
  #times: number[] = [];
  #hops = 0;
  #copies = 0;

  constructor(options: SpreadPoolOptions) {
    const { seed, nodes, gossipNodes, gossipIntervalMs, loss, latency } = options;
    this.#options = options;
    this.#seen = new Uint16Array(nodes);
    this.pool = new SwimPool({
      seed,
      size: nodes,
      fidelity: "objects",
      network: { latency, loss },
      config: { gossipNodes, gossipIntervalMs },
    });
    this.pool.addConverged(nodes);
    for (const node of this.pool.nodes) {
      node.onEvent = (event) => {
        if (event.type === "user-message") this.#onMessage(node.index, event.payload);
      };
    }
  }

  /** Until the machines have come off their common start. */
  settle(progress: (share: number) => Progress): Generator<Progress, void, void> {
    return advance(this.pool.world, settleMs, progress);
  }

  /** One broadcast from `source` until everyone has it and nobody passes it on any more. */
  *broadcast(source: number, progress: (share: number) => Progress): Generator<Progress, Broadcast, void> {
    const { world } = this.pool;
    const { nodes, gossipIntervalMs } = this.#options;
    this.#current++;
    this.#startedAt = world.now;
    this.#times = [];
    this.#hops = 0;
    this.#copies = 0;
    this.#take(source, 0);
    const limitMs = limitRounds * gossipIntervalMs;
    const everyMs = Math.max(1, gossipIntervalMs / 4);
    yield* advanceUntil(world, () => this.#times.length === nodes, limitMs, everyMs, progress);
    // The next broadcast shall find quiet machines.
    yield* advanceUntil(world, () => this.#quiet(), limitMs, gossipIntervalMs, progress);
    return { timesMs: this.#times, hops: this.#hops, copies: this.#copies };
  }

  #quiet(): boolean {
    return this.pool.nodes.every((node) => node.machine.queueLength(0) === 0);
  }

  #onMessage(index: number, payload: Uint8Array): void {
    if (((payload[0]! << 8) | payload[1]!) !== this.#current) return;
    this.#copies++;
    if (this.#seen[index] !== this.#current) this.#take(index, (payload[2]! << 8) | payload[3]!);
  }

  /** A node has it for the first time, after so many hops, and passes it on. */
  #take(index: number, hops: number): void {
    this.#seen[index] = this.#current;
    this.#times.push(this.pool.world.now - this.#startedAt);
    this.#hops = Math.max(this.#hops, hops);
    const payload = new Uint8Array(this.#options.payloadBytes);
    const next = hops + 1;
    payload.set([this.#current >> 8, this.#current & 255, next >> 8, next & 255]);
    this.pool.world.act(this.pool.nodes[index]!, (machine, now) => machine.broadcastUser(payload, 0, now));
  }
}

/** ms until this share had it; undefined when it never came to that. */
export function shareMs(broadcast: Broadcast, nodes: number, share: number): number | undefined {
  return broadcast.timesMs[Math.ceil(share * nodes - 1e-9) - 1];
}

/** The share without it so long after the beginning. */
export function uninformedAt(broadcast: Broadcast, nodes: number, ms: number): number {
  const { timesMs } = broadcast;
  let low = 0;
  let high = timesMs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (timesMs[middle]! <= ms) low = middle + 1;
    else high = middle;
  }
  return 1 - low / nodes;
}
