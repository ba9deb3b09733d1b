/**
 * What lies between the nodes: delays, loss (uniform, in bursts, at one node, on one link), duplicates, reordering,
 * bandwidth with a bounded queue, and cuts of every shape. Decides when a packet arrives, how often, or that it does not;
 * knows nothing of protocols. All conditions may change while the world runs.
 */
import type { Rng } from "@hearsay/core";
import { type Latency, LatencySampler, lanLatency } from "./latency.ts";
import type { Place } from "./sim-node.ts";

export interface NetworkConditions {
  /** Default: `lanLatency`. */
  readonly latency?: Latency;
  /** Share of packets lost anywhere: 0 … 1. */
  readonly loss?: number;
  /** Loss in bursts at each node by itself: every so often, for so long, this share is lost, in and out. */
  readonly bursts?: { readonly everyMs: number; readonly lengthMs: number; readonly loss: number } | undefined;
  /** Share of packets that arrive twice. */
  readonly duplicates?: number;
  /** Share of packets delayed by up to `ms` more, so that later ones overtake them. */
  readonly reorder?: { readonly share: number; readonly ms: number } | undefined;
  /** Each node's link to send on: bytes per second, and the bytes that may wait for it. */
  readonly bandwidth?: { readonly bytesPerSecond: number; readonly queueBytes: number } | undefined;
}

/** Why packets did not arrive. */
export interface NetworkDrops {
  lost: number;
  cut: number;
  /** The sender's link had too much waiting. */
  queue: number;
  /** The receiver's socket had too much waiting. */
  inbox: number;
  /** Nobody at that address. */
  nobody: number;
}

/** A retransmission timer of TCP as it starts: ms; it doubles with each loss. */
const rtoMs = 200;
/** Links between more nodes than this cannot be told apart. */
const linkFactor = 0x10_0000;

export class Network {
  readonly drops: NetworkDrops = { lost: 0, cut: 0, queue: 0, inbox: 0, nobody: 0 };
  /** Arrival times of the packet that `route` was asked about: world ms. */
  readonly arrivals: [number, number] = [0, 0];
  readonly #rng: Rng;
  #conditions: NetworkConditions = {};
  #sampler = new LatencySampler(lanLatency);
  #loss = 0;
  /** Links cut in one direction, and links with a loss of their own; by `from * linkFactor + to`. */
  readonly #cutLinks = new Set<number>();
  readonly #linkLoss = new Map<number, number>();
  /** No partition, cut or loss at any one place: most packets skip those questions. */
  #even = true;

  constructor(rng: Rng, conditions: NetworkConditions = {}) {
    this.#rng = rng;
    this.set(conditions);
  }

  get conditions(): NetworkConditions {
    return this.#conditions;
  }

  /** The delays in force. */
  get sampler(): LatencySampler {
    return this.#sampler;
  }

  /** Changes what is named; `undefined` switches a thing off. @throws RangeError for impossible values. */
  set(conditions: NetworkConditions): void {
    checkConditions(conditions);
    if (conditions.latency) this.#sampler = new LatencySampler(conditions.latency);
    this.#conditions = { ...this.#conditions, ...conditions };
    this.#loss = this.#conditions.loss ?? 0;
  }

  /** Tells the network that a node's partition or loss was changed. */
  uneven(): void {
    this.#even = false;
  }

  /** Cuts one direction. */
  cut(from: Place, to: Place): void {
    this.#cutLinks.add(from.index * linkFactor + to.index);
    this.#even = false;
  }

  mend(from: Place, to: Place): void {
    this.#cutLinks.delete(from.index * linkFactor + to.index);
  }

  /** Loss on one link in one direction; 0 takes it away. */
  setLinkLoss(from: Place, to: Place, loss: number): void {
    if (loss > 0) this.#linkLoss.set(from.index * linkFactor + to.index, loss);
    else this.#linkLoss.delete(from.index * linkFactor + to.index);
    this.#even = false;
  }

  /** Mends all links and partitions of `nodes`; global conditions stay. */
  heal(nodes: readonly Place[]): void {
    this.#cutLinks.clear();
    this.#linkLoss.clear();
    for (const node of nodes) {
      node.partition = 0;
      node.ingressLoss = 0;
      node.egressLoss = 0;
    }
    this.#even = true;
  }

  /** Whether packets in this direction have a way at all. */
  open(from: Place, to: Place): boolean {
    if (this.#even) return true;
    if (from.partition !== to.partition) return false;
    return this.#cutLinks.size === 0 || !this.#cutLinks.has(from.index * linkFactor + to.index);
  }

  /** How often the packet arrives: 0, 1 or 2 times, at `arrivals`. */
  route(from: Place, to: Place, bytes: number, now: number): 0 | 1 | 2 {
    const { bandwidth, duplicates, reorder } = this.#conditions;
    let leaves = now;
    if (bandwidth !== undefined) {
      const waits = Math.max(0, from.linkFreeAt - now);
      if ((waits * bandwidth.bytesPerSecond) / 1000 > bandwidth.queueBytes) {
        this.drops.queue++;
        return 0;
      }
      leaves = now + waits + (bytes * 1000) / bandwidth.bytesPerSecond;
      from.linkFreeAt = leaves;
    }
    if (!this.#even && !this.open(from, to)) {
      this.drops.cut++;
      return 0;
    }
    if (this.#isLost(from, to, now)) {
      this.drops.lost++;
      return 0;
    }
    this.arrivals[0] = leaves + this.#delay(from, to);
    if (reorder !== undefined && this.#rng.float() < reorder.share) this.arrivals[0] += this.#rng.float() * reorder.ms;
    if (duplicates === undefined || duplicates === 0 || this.#rng.float() >= duplicates) return 1;
    this.arrivals[1] = leaves + this.#delay(from, to);
    return 2;
  }

  /**
   * The time one direction of a stream takes for so many bytes: ms. What is lost is sent again after a while that doubles,
   * as TCP does; Infinity when there is no way.
   */
  streamDelay(from: Place, to: Place, bytes: number, now: number): number {
    if (!this.open(from, to)) return Number.POSITIVE_INFINITY;
    const { bandwidth } = this.#conditions;
    let delay = this.#delay(from, to);
    if (bandwidth !== undefined) delay += (bytes * 1000) / bandwidth.bytesPerSecond;
    let waited = 0;
    for (let rto = rtoMs; this.#isLost(from, to, now, waited) && rto < 60_000; rto *= 2) waited += rto;
    return delay + waited;
  }

  #delay(from: Place, to: Place): number {
    // The receiver is not looked at where that can be helped: in a large pool it is far away in memory.
    return this.#sampler.zoned
      ? this.#sampler.sample(this.#rng, from.zone, to.zone)
      : this.#sampler.sample(this.#rng, 0, 0);
  }

  /** `aheadMs`: asked now about a time to come, of which only the end of a present burst is known. */
  #isLost(from: Place, to: Place, now: number, aheadMs = 0): boolean {
    if (this.#loss > 0 && this.#rng.float() < this.#loss) return true;
    if (!this.#even) {
      if (from.egressLoss > 0 && this.#rng.float() < from.egressLoss) return true;
      if (to.ingressLoss > 0 && this.#rng.float() < to.ingressLoss) return true;
      if (this.#linkLoss.size > 0) {
        const loss = this.#linkLoss.get(from.index * linkFactor + to.index);
        if (loss !== undefined && this.#rng.float() < loss) return true;
      }
    }
    const { bursts } = this.#conditions;
    if (bursts === undefined) return false;
    const inBurst = this.#inBurst(from, now, aheadMs) || this.#inBurst(to, now, aheadMs);
    return inBurst && this.#rng.float() < bursts.loss;
  }

  /** Bursts come at random (exponential pauses and lengths); a node's are worked out as far as they are asked for. */
  #inBurst(node: Place, now: number, aheadMs: number): boolean {
    const { everyMs, lengthMs } = this.#conditions.bursts!;
    if (node.burstBeginsAt === Number.NEGATIVE_INFINITY) node.burstBeginsAt = now + this.#exponential(everyMs);
    while (node.burstBeginsAt <= now) {
      node.burstEndsAt = node.burstBeginsAt + this.#exponential(lengthMs);
      node.burstBeginsAt = node.burstEndsAt + this.#exponential(everyMs);
    }
    return now + aheadMs < node.burstEndsAt;
  }

  #exponential(meanMs: number): number {
    return -meanMs * Math.log(1 - this.#rng.float());
  }
}

function checkConditions(conditions: NetworkConditions): void {
  const share = (name: string, value: number | undefined) => {
    if (value !== undefined && !(value >= 0 && value <= 1)) throw new RangeError(`${name}: 0 … 1, not ${value}`);
  };
  const above = (name: string, value: number | undefined) => {
    if (value !== undefined && !(value > 0 && Number.isFinite(value))) {
      throw new RangeError(`${name}: above 0, not ${value}`);
    }
  };
  const { bursts, reorder, bandwidth } = conditions;
  share("loss", conditions.loss);
  share("duplicates", conditions.duplicates);
  share("bursts.loss", bursts?.loss);
  above("bursts.everyMs", bursts?.everyMs);
  above("bursts.lengthMs", bursts?.lengthMs);
  share("reorder.share", reorder?.share);
  above("reorder.ms", reorder?.ms);
  above("bandwidth.bytesPerSecond", bandwidth?.bytesPerSecond);
  above("bandwidth.queueBytes", bandwidth?.queueBytes);
}
