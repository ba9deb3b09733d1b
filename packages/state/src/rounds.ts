/**
 * When to speak to whom: rounds of anti-entropy with random peers, sendings of rumours while there are any, and our
 * heartbeat. Each wait is jittered, so that no two nodes keep step.
 */
import { type Endpoint, type Rng, retransmitLimit } from "@hearsay/core";
import type { StateConfig } from "./config.ts";
import type { Exchange } from "./exchange.ts";
import type { Heartbeat } from "./messages.ts";
import type { NodeMaps } from "./node-maps.ts";
import type { OwnWrites } from "./own-writes.ts";
import { Peers } from "./peers.ts";
import type { Rumours } from "./rumours.ts";

const jitterShare = 0.2;

export class Rounds {
  readonly peers = new Peers();
  /** Addresses that are tried now and then, whoever is there. */
  seeds: readonly Endpoint[] = [];
  readonly #config: StateConfig;
  readonly #maps: NodeMaps;
  readonly #own: OwnWrites;
  readonly #exchange: Exchange;
  readonly #rumours: Rumours;
  readonly #send: (to: Endpoint, bytes: Uint8Array) => void;
  readonly #syncRng: Rng;
  readonly #gossipRng: Rng;
  readonly #jitterRng: Rng;
  #syncAt = Number.POSITIVE_INFINITY;
  #gossipAt = Number.POSITIVE_INFINITY;
  #beatAt = Number.POSITIVE_INFINITY;

  constructor(
    config: StateConfig,
    maps: NodeMaps,
    own: OwnWrites,
    exchange: Exchange,
    rumours: Rumours,
    rng: Rng,
    send: (to: Endpoint, bytes: Uint8Array) => void,
  ) {
    this.#config = config;
    this.#maps = maps;
    this.#own = own;
    this.#exchange = exchange;
    this.#rumours = rumours;
    this.#send = send;
    this.#syncRng = rng.fork("state-sync");
    this.#gossipRng = rng.fork("state-gossip");
    this.#jitterRng = rng.fork("state-jitter");
  }

  /** Monotonic ms. */
  get deadline(): number {
    return Math.min(this.#syncAt, this.#gossipAt, this.#beatAt);
  }

  start(now: number): void {
    const { syncIntervalMs, heartbeatIntervalMs } = this.#config;
    this.#syncAt = now + syncIntervalMs * this.#jitterRng.float();
    if (heartbeatIntervalMs > 0) this.#beatAt = now + heartbeatIntervalMs * this.#jitterRng.float();
  }

  /** There is something to tell. */
  armGossip(now: number): void {
    if (this.#gossipAt === Number.POSITIVE_INFINITY)
      this.#gossipAt = now + this.#config.gossipIntervalMs * this.#jitterRng.float();
  }

  handleTimeout(now: number): void {
    const { syncIntervalMs, gossipIntervalMs, heartbeatIntervalMs } = this.#config;
    if (now >= this.#beatAt) {
      this.#beatAt = now + heartbeatIntervalMs;
      this.#maps.own.beat++;
    }
    if (now >= this.#syncAt) {
      this.#syncAt = now + this.#jitterRng.jitter(syncIntervalMs, jitterShare);
      this.#openExchanges(now);
    }
    if (now >= this.#gossipAt) {
      this.#gossip();
      this.#gossipAt = this.#rumours.isEmpty
        ? Number.POSITIVE_INFINITY
        : now + this.#jitterRng.jitter(gossipIntervalMs, jitterShare);
    }
  }

  #openExchanges(now: number): void {
    const rng = this.#syncRng;
    const { syncNodes, reachOutShare } = this.#config;
    const to = this.peers.someAlive(syncNodes, rng).map(({ endpoint }) => endpoint);
    // Alone, there is nobody else to try.
    const share = to.length === 0 ? 1 : reachOutShare;
    const dead = rng.float() < share ? this.peers.oneDead(rng) : undefined;
    if (dead !== undefined) to.push(dead.endpoint);
    if (rng.float() < share && this.seeds.length > 0) to.push(this.seeds[rng.below(this.seeds.length)]!);
    for (const endpoint of to) {
      this.#send(endpoint, this.#exchange.open(this.#someBeats(), this.#own.openRates(now)));
    }
  }

  /** Ours, and a random few of those who have been heard. */
  #someBeats(): Heartbeat[] {
    const { heartbeatIntervalMs, heartbeatsPerPacket } = this.#config;
    if (heartbeatIntervalMs === 0) return [];
    const { own } = this.#maps;
    const beats: Heartbeat[] = [{ owner: own.owner, generation: own.generation, beat: own.beat }];
    for (const { name } of this.peers.someAlive(heartbeatsPerPacket, this.#syncRng)) {
      const map = this.#maps.find(name);
      if (map && map.beat > 0) beats.push({ owner: name, generation: map.generation, beat: map.beat });
    }
    return beats;
  }

  #gossip(): void {
    const { gossipNodes, retransmitMult, maxPacketBytes, maxPacketWrites } = this.#config;
    const limit = retransmitLimit(retransmitMult, this.peers.aliveCount + 1);
    const peers = this.peers.someAlive(gossipNodes, this.#gossipRng);
    // Nobody to tell: anti-entropy will, when there is.
    if (peers.length === 0) this.#rumours.clear();
    for (const { endpoint } of peers) {
      const bytes = this.#rumours.next(maxPacketBytes, maxPacketWrites, limit);
      if (bytes === undefined) return;
      this.#send(endpoint, bytes);
    }
  }
}
