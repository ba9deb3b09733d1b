/**
 * Gossip heartbeats with versions, as in Cassandra: every member counts its own heartbeat up each interval and exchanges
 * what it knows of all counters with one random living member; now and then also with one held for dead, and with a seed.
 * A counter that moves is a sign of life, by whatever way it came; silence is judged by φ (`arrivals.ts`), once an interval.
 *
 *   syn    type 1 · u16 n · n × entry                     a digest: the counters I have
 *   ack    type 2 · u16 n · u16 m · n × entry · m × entry what I lack (with what I have), and what you lack
 *   ack2   type 3 · u16 m · m × entry                     what you lacked
 *   entry  member 6 bytes · u32 generation · u32 version  14 bytes
 *
 * A digest that is larger than a datagram goes out in several, each answered by itself; an exchange of 1,000 members is
 * some thirty of them. Nothing is answered where nothing is to be said.
 * Left out: application state, the echo before a member counts as alive again, shadow rounds, and the pause after which
 * Cassandra does not trust its own clock. Source: van Renesse, Minsky, Hayden 1998; Cassandra `Gossiper`.
 */
import { Arrivals } from "./arrivals.ts";
import { getU16, getU32, putU16, putU32 } from "./fields.ts";
import { HeartbeatMachine, type HeartbeatOptions, maxDatagramBytes } from "./heartbeat-machine.ts";
import { memberBytes } from "./roster.ts";

export interface GossipHeartbeatsOptions extends HeartbeatOptions {
  /** Numbers of the seeds in the roster. */
  readonly seeds: readonly number[];
  /** φ from which a member is held for dead; under the exponential model. */
  readonly phi: number;
  /** Counts processes under one address; a higher one beats any version. Default 1. */
  readonly generation?: number;
}

const Type = { syn: 1, ack: 2, ack2: 3 } as const;
const entryBytes = memberBytes + 8;
const synHeadBytes = 3;
const ackHeadBytes = 5;
const mostEntries = Math.floor((maxDatagramBytes - ackHeadBytes) / entryBytes);
/** Intervals of silence that still count into the mean. Cassandra: 2 s, at one heartbeat a second. */
const capIntervals = 2;

export class GossipHeartbeats extends HeartbeatMachine {
  readonly #seeds: readonly number[];
  readonly #phi: number;
  readonly #generations: Uint32Array;
  readonly #versions: Uint32Array;
  readonly #arrivals: Arrivals;
  #deadCount = 0;

  constructor(options: GossipHeartbeatsOptions) {
    super(options);
    const { roster, self, seeds, intervalMs } = options;
    this.#seeds = seeds.filter((seed) => seed !== self);
    this.#phi = options.phi;
    this.#generations = new Uint32Array(roster.length).fill(1);
    this.#generations[self] = options.generation ?? 1;
    this.#versions = new Uint32Array(roster.length);
    this.#arrivals = new Arrivals(roster.length, intervalMs, capIntervals * intervalMs);
  }

  /** How often a member's counter has moved, by what is known here. */
  version(member: number): number {
    return this.#versions[member]!;
  }

  protected override onStart(): void {
    this.#arrivals.begin(this.now);
  }

  protected override onBeat(): void {
    this.#versions[this.self]!++;
    const alive = this.#random(this.roster.length - 1 - this.#deadCount, (member) => this.holdsAlive(member));
    if (alive >= 0) this.#gossipTo(alive);
    const aliveCount = this.roster.length - 1 - this.#deadCount;
    if (this.rng.float() < this.#deadCount / (aliveCount + 1)) {
      this.#gossipTo(this.#random(this.#deadCount, (member) => !this.holdsAlive(member)));
    }
    this.#maybeSeed(alive, aliveCount);
    this.#judge();
  }

  protected override onPacket(from: number, bytes: Uint8Array): void {
    const counts = countsOf(bytes);
    if (counts === undefined) {
      this.drops++;
      return;
    }
    const [type, first, second] = counts;
    if (type === Type.syn) this.#onSyn(from, bytes, first);
    else if (type === Type.ack) this.#onAck(from, bytes, first, second);
    else this.#learn(bytes, synHeadBytes, first);
  }

  /** Not used: judging goes with the beat, as in Cassandra. */
  protected override onCheck(): number {
    return Number.POSITIVE_INFINITY;
  }

  // Whom to tell

  /** A seed as well, unless one was told: else two halves that hold each other for dead might never meet again. */
  #maybeSeed(told: number, aliveCount: number): void {
    if (this.#seeds.length === 0) return;
    if (this.#seeds.includes(told) && aliveCount >= this.#seeds.length) return;
    const chance = aliveCount === 0 ? 1 : this.#seeds.length / (this.roster.length - 1);
    if (this.rng.float() < chance) this.#gossipTo(this.#seeds[this.rng.below(this.#seeds.length)]!);
  }

  #gossipTo(member: number): void {
    const { length } = this.roster;
    for (let first = 0; first < length; first += mostEntries) {
      const count = Math.min(mostEntries, length - first);
      const bytes = new Uint8Array(synHeadBytes + entryBytes * count);
      bytes[0] = Type.syn;
      let at = putU16(bytes, 1, count);
      for (let i = 0; i < count; i++) at = this.#put(bytes, at, first + i);
      this.send(member, bytes);
    }
  }

  /** One of `count` others that fit, or -1. */
  #random(count: number, fits: (member: number) => boolean): number {
    if (count <= 0) return -1;
    // Most fit, or few do: a few tries, then by counting.
    for (let i = 0; i < 8; i++) {
      const member = this.rng.below(this.roster.length);
      if (member !== this.self && fits(member)) return member;
    }
    let left = this.rng.below(count);
    for (let member = 0; member < this.roster.length; member++) {
      if (member !== this.self && fits(member) && left-- === 0) return member;
    }
    return -1;
  }

  // The exchange

  #onSyn(from: number, bytes: Uint8Array, count: number): void {
    const lacking: number[] = [];
    const newer: number[] = [];
    for (let i = 0, at = synHeadBytes; i < count; i++, at += entryBytes) {
      const member = this.roster.get(bytes, at);
      if (member < 0) continue;
      const order = this.#compare(member, getU32(bytes, at + memberBytes), getU32(bytes, at + memberBytes + 4));
      if (order < 0) lacking.push(member);
      else if (order > 0) newer.push(member);
    }
    if (lacking.length + newer.length === 0) return;
    const ack = new Uint8Array(ackHeadBytes + entryBytes * (lacking.length + newer.length));
    ack[0] = Type.ack;
    let at = putU16(ack, putU16(ack, 1, lacking.length), newer.length);
    for (const member of lacking) at = this.#put(ack, at, member);
    for (const member of newer) at = this.#put(ack, at, member);
    this.send(from, ack);
  }

  #onAck(from: number, bytes: Uint8Array, asked: number, told: number): void {
    this.#learn(bytes, ackHeadBytes + entryBytes * asked, told);
    const newer: number[] = [];
    for (let i = 0, at = ackHeadBytes; i < asked; i++, at += entryBytes) {
      const member = this.roster.get(bytes, at);
      if (member < 0) continue;
      if (this.#compare(member, getU32(bytes, at + memberBytes), getU32(bytes, at + memberBytes + 4)) > 0) {
        newer.push(member);
      }
    }
    if (newer.length === 0) return;
    const ack2 = new Uint8Array(synHeadBytes + entryBytes * newer.length);
    ack2[0] = Type.ack2;
    let at = putU16(ack2, 1, newer.length);
    for (const member of newer) at = this.#put(ack2, at, member);
    this.send(from, ack2);
  }

  #learn(bytes: Uint8Array, start: number, count: number): void {
    for (let i = 0, at = start; i < count; i++, at += entryBytes) {
      const member = this.roster.get(bytes, at);
      if (member < 0 || member === this.self) continue;
      const generation = getU32(bytes, at + memberBytes);
      const version = getU32(bytes, at + memberBytes + 4);
      if (this.#compare(member, generation, version) >= 0) continue;
      this.#generations[member] = generation;
      this.#versions[member] = version;
      this.#arrivals.arrived(member, this.now);
      if (this.holdsAlive(member)) continue;
      this.#deadCount--;
      this.revive(member);
    }
  }

  /** Above 0 when what we have of a member is newer than this, below 0 when it is older. */
  #compare(member: number, generation: number, version: number): number {
    const own = this.#generations[member]!;
    return own !== generation ? own - generation : this.#versions[member]! - version;
  }

  #put(target: Uint8Array, at: number, member: number): number {
    const next = putU32(target, this.roster.put(target, at, member), this.#generations[member]!);
    return putU32(target, next, this.#versions[member]!);
  }

  #judge(): void {
    for (let member = 0; member < this.roster.length; member++) {
      if (member === this.self || !this.holdsAlive(member)) continue;
      if (this.#arrivals.phi(member, this.now) < this.#phi) continue;
      this.#deadCount++;
      this.convict(member);
    }
  }
}

/** Type and counts of a packet that is as long as it says; else undefined. */
function countsOf(bytes: Uint8Array): readonly [type: number, first: number, second: number] | undefined {
  const type = bytes[0]!;
  const head = type === Type.ack ? ackHeadBytes : synHeadBytes;
  if (type < Type.syn || type > Type.ack2 || bytes.length < head) return undefined;
  const first = getU16(bytes, 1);
  const second = type === Type.ack ? getU16(bytes, 3) : 0;
  return bytes.length === head + entryBytes * (first + second) ? [type, first, second] : undefined;
}
