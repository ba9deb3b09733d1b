/**
 * When to speak to whom: rounds of anti-entropy with random peers, sendings of rumours (and heartbeats, by setting) while
 * there are any, and when our heartbeat rises. Each wait of the former is jittered, so that no two nodes keep step.
 *
 * A node at rest pays for being woken more than for what it does then. So a round may be late, to go along with whatever
 * wakes this node next, and its next one is none the later for it. And a heartbeat that only rides on packets has no timer:
 * it has risen when one is about to carry it, as often as it was due by then, so that others hear what they would have heard.
 */
import { type Endpoint, type Rng, retransmitLimit } from "@hearsay/core";
import type { MessageBuilder } from "./codec.ts";
import type { StateConfig } from "./config.ts";
import type { Exchange } from "./exchange.ts";
import type { Heartbeats } from "./heartbeats.ts";
import type { OwnWrites } from "./own-writes.ts";
import { heldTo, roundPatience } from "./patience.ts";
import type { Peers } from "./peers.ts";
import type { Rumours } from "./rumours.ts";

const jitterShare = 0.2;
/** Less, since a detector has to bear it; enough for beats to be spread evenly after a pool has grown at once. */
const beatJitterShare = 0.1;
/** Beats that were due and nobody asked for: more, and this process stood still. Then there was no life to tell of. */
const maxOverdueBeats = 16;

/** Whom there is to speak to, and what there is to say. */
export interface Voices {
  readonly peers: Peers;
  readonly own: OwnWrites;
  readonly exchange: Exchange;
  readonly rumours: Rumours;
  readonly beats: Heartbeats;
}

export class Rounds {
  /** Addresses that are tried now and then, whoever is there. */
  seeds: readonly Endpoint[] = [];
  readonly #config: StateConfig;
  readonly #voices: Voices;
  readonly #send: (to: Endpoint, bytes: Uint8Array) => void;
  readonly #syncRng: Rng;
  readonly #gossipRng: Rng;
  readonly #jitterRng: Rng;
  #syncAt = Number.POSITIVE_INFINITY;
  #gossipAt = Number.POSITIVE_INFINITY;
  /** When our heartbeat last rose, and for how much of its interval it waits: the interval follows the pool meanwhile. */
  #beatenAt = Number.POSITIVE_INFINITY;
  #beatShare = 1;

  constructor(config: StateConfig, voices: Voices, rng: Rng, send: (to: Endpoint, bytes: Uint8Array) => void) {
    this.#config = config;
    this.#voices = voices;
    this.#send = send;
    this.#syncRng = rng.fork("state-sync");
    this.#gossipRng = rng.fork("state-gossip");
    this.#jitterRng = rng.fork("state-jitter");
  }

  /** Monotonic ms. */
  get deadline(): number {
    return Math.min(this.#syncAt, this.#gossipAt, this.#beatWakesAt);
  }

  /** Until when that may be put off: monotonic ms. @param slackMs for what somebody waits for */
  latestWake(slackMs: number): number {
    return Math.min(this.#syncAt + this.#patienceMs, Math.min(this.#gossipAt, this.#beatWakesAt) + slackMs);
  }

  start(now: number): void {
    const { beats } = this.#voices;
    this.#syncAt = now + this.#config.syncIntervalMs * this.#jitterRng.float();
    if (!beats.isOn) return;
    this.#beatenAt = now;
    this.#beatShare = this.#jitterRng.float();
  }

  /** Whether there is something to tell before the next round. */
  get hasNews(): boolean {
    return !this.#voices.rumours.isEmpty || this.#voices.beats.wantsGossip;
  }

  /** There is something to tell. */
  armGossip(now: number): void {
    this.raiseBeat(now);
    if (this.#gossipAt === Number.POSITIVE_INFINITY)
      this.#gossipAt = now + this.#config.gossipIntervalMs * this.#jitterRng.float();
  }

  handleTimeout(now: number): void {
    const { syncIntervalMs, gossipIntervalMs } = this.#config;
    const { beats } = this.#voices;
    this.raiseBeat(now);
    if (now >= this.#beatWakesAt) {
      this.#beat(now);
      if (beats.wantsGossip) this.armGossip(now);
    }
    if (now >= this.#syncAt) {
      this.#syncAt = heldTo(this.#syncAt, now, this.#patienceMs) + this.#jitterRng.jitter(syncIntervalMs, jitterShare);
      this.#openExchanges(now);
    }
    if (now >= this.#gossipAt) {
      this.#gossip();
      this.#gossipAt = this.hasNews
        ? now + this.#jitterRng.jitter(gossipIntervalMs, jitterShare)
        : Number.POSITIVE_INFINITY;
    }
  }

  /** A heartbeat that rides along rises as often as it was due by now. Before whatever carries it, or changes its interval. */
  raiseBeat(now: number): void {
    const { beats } = this.#voices;
    if (beats.isGossiped) return;
    for (let at = this.#beatAt; at <= now; at = this.#beatAt)
      this.#beat(heldTo(at, now, maxOverdueBeats * beats.everyMs));
  }

  /** @param at when it was due */
  #beat(at: number): void {
    this.#beatenAt = at;
    this.#beatShare = this.#jitterRng.jitter(1, beatJitterShare);
    this.#voices.beats.beat();
  }

  get #patienceMs(): number {
    return roundPatience * this.#config.syncIntervalMs;
  }

  get #beatAt(): number {
    return this.#beatenAt + this.#beatShare * this.#voices.beats.everyMs;
  }

  /** When somebody has to be told of our heartbeat; what rides along wakes nobody. */
  get #beatWakesAt(): number {
    return this.#voices.beats.isGossiped ? this.#beatAt : Number.POSITIVE_INFINITY;
  }

  #openExchanges(now: number): void {
    const rng = this.#syncRng;
    const { peers, exchange, own } = this.#voices;
    const { syncNodes, reachOutShare } = this.#config;
    const to = peers.someAlive(syncNodes, rng).map(({ endpoint }) => endpoint);
    // Alone, there is nobody else to try.
    const share = to.length === 0 ? 1 : reachOutShare;
    const dead = rng.float() < share ? peers.oneDead(rng) : undefined;
    if (dead !== undefined) to.push(dead.endpoint);
    if (rng.float() < share && this.seeds.length > 0) to.push(this.seeds[rng.below(this.seeds.length)]!);
    for (const endpoint of to) this.#send(endpoint, exchange.open(own.openRates(now)));
  }

  #gossip(): void {
    const { peers, rumours, beats } = this.#voices;
    const { gossipNodes, retransmitMult, maxPacketBytes, maxPacketWrites, heartbeatSpread } = this.#config;
    const limit = retransmitLimit(retransmitMult, peers.aliveCount + 1);
    const some = peers.someAlive(gossipNodes, this.#gossipRng);
    // Nobody to tell: anti-entropy will, when there is.
    if (some.length === 0) rumours.clear();
    const fill = heartbeatSpread === "gossip" ? (builder: MessageBuilder) => beats.fill(builder) : undefined;
    for (const { endpoint } of some) {
      const bytes = rumours.next(maxPacketBytes, maxPacketWrites, limit, fill);
      if (bytes === undefined) return;
      this.#send(endpoint, bytes);
    }
  }
}
