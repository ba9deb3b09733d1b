/**
 * Gossip: telling random members what is waiting in the queues (reference 12.7), and packing broadcasts onto other
 * packets (7.3).
 *
 * A round goes out at most once in an interval, to `gossipNodes` members. Where memberlist's tick runs all the time, ours
 * is set only while something waits: a quiet node does not wake, and news met after a quiet while leaves almost at once
 * instead of half an interval later.
 */
import { retransmitLimit } from "./formulas.ts";
import { MemberState } from "./messages.ts";
import { maxParts, type Shared } from "./shared.ts";
import { TimerKind } from "./timers.ts";

/** News that comes in a burst shares its first packet: wait up to this share of the interval. */
const burstShare = 0.05;

export class Gossip {
  readonly #s: Shared;
  #lastRound = Number.NEGATIVE_INFINITY;

  constructor(shared: Shared) {
    this.#s = shared;
  }

  /** There is something to gossip: make sure of a round. */
  schedule(): void {
    const s = this.#s;
    const interval = s.config.gossipIntervalMs;
    if (interval <= 0 || s.timers.get(TimerKind.gossip) !== undefined) return;
    const soon = s.now + s.rng.jitter.float() * interval * burstShare;
    s.timers.set(TimerKind.gossip, 0, Math.max(soon, this.#lastRound + s.rng.jitter.jitter(interval, 0.1)));
  }

  /** A round: one packet of broadcasts to each of the chosen; left members get none. */
  onTick(): void {
    const s = this.#s;
    if (this.#waiting() === 0) return;
    const targets = s.table.random(s.config.gossipNodes, s.rng.gossip, (id) => this.#wantsGossip(id));
    if (targets.length > 0) {
      s.counters.gossipRounds++;
      this.#lastRound = s.now;
    }
    for (const id of targets) s.sends.push(id);
    // With nobody to tell, the news waits for the next member to come: a tick would find nothing.
    if (targets.length > 0)
      s.timers.set(TimerKind.gossip, 0, s.now + s.rng.jitter.jitter(s.config.gossipIntervalMs, 0.1));
  }

  /**
   * Appends to `parts` what fits into `room` bytes: membership news first, then user messages, for which a share of the
   * room is kept when any wait.
   * @param gists gets the gists of those that have one
   * @returns the bytes of what was appended
   */
  fill(parts: Uint8Array[], room: number, gists: number[] | undefined): number {
    const s = this.#s;
    const limit = this.#transmitLimit();
    let userBytes = 0;
    for (const queue of s.userQueues) userBytes += queue.bytes + 2 * queue.length;
    const kept = Math.min(userBytes, Math.floor(room * s.config.userShare));
    const memberRoom = room - kept;
    const before = parts.length;
    let left = room - s.memberQueue.take(parts, 2, memberRoom, maxParts - 1 - before, limit, gists);
    for (const queue of s.userQueues) {
      if (queue.length > 0) left -= queue.take(parts, 2, left, maxParts - 1 - parts.length, limit);
    }
    return room - left - 2 * (parts.length - before);
  }

  /**
   * Transmissions of each broadcast. In small pools at least one for each other member: the logarithm gives two for a pool
   * of four in the local profile, and then one leave in thirty is heard of too late by somebody.
   */
  #transmitLimit(): number {
    const { config, table } = this.#s;
    const everyone = Math.min(table.aliveCount - 1, 2 * config.gossipNodes);
    return Math.max(1, everyone, retransmitLimit(config.retransmitMult, table.length));
  }

  #waiting(): number {
    const s = this.#s;
    let waiting = s.memberQueue.length;
    for (const queue of s.userQueues) waiting += queue.length;
    return waiting;
  }

  #wantsGossip(id: number): boolean {
    const s = this.#s;
    if (id === s.selfId) return false;
    const state = s.table.state(id);
    if (state === MemberState.dead) return s.now - s.table.changedAt(id) <= s.config.gossipToTheDeadMs;
    return state !== MemberState.left;
  }
}
