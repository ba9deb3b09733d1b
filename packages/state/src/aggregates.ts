/**
 * All aggregates of a node. The machine is driven like the others: it takes bytes and a time and gives packets and a
 * deadline. A peer that has no aggregate of the name says so, and is asked again another time.
 */
import { Fifo, type Rng } from "@hearsay/core";
import { Aggregate, type AggregatePacket, type AggregatePeers, type AggregateStats } from "./aggregate.ts";
import { checkName, decodeAggregateMessage, encodeAggregateMessage } from "./aggregate-codec.ts";
import { type AggregateEstimate, type AggregateSettings, aggregateSettings } from "./aggregate-config.ts";

/** Aggregates of one node at most. */
const maxAggregates = 256;
/** Packets that wait to be polled; a driver that never polls must not be the end of us. */
const maxQueued = 4_096;
/** Why an aggregate passes over what it is told. */
const reasons = ["leaps", "unconfirmed", "implausible", "forgotten"] as const;

export class Aggregates {
  /** Packets that were malformed, spoke of an aggregate we do not have, found no room in the queue. */
  readonly stats = { malformed: 0, unknown: 0, unsent: 0 };
  readonly #all = new Map<string, Aggregate>();
  /** What those refused that are closed. */
  readonly #past = { leaps: 0, unconfirmed: 0, implausible: 0, forgotten: 0 };
  readonly #queue = new Fifo<AggregatePacket>();
  readonly #peers: AggregatePeers;
  readonly #rng: Rng;
  #opened = 0;

  constructor(peers: AggregatePeers, rng: Rng) {
    this.#peers = peers;
    this.#rng = rng;
  }

  /**
   * Takes part in an aggregate from its next epoch on. `source` is asked at the start of each epoch; undefined means that this
   * node has no value for it and is not counted. Throws a RangeError on a bad name or setting, a second one of the name, or
   * one too many.
   */
  open(name: string, source: () => number | undefined, now: number, settings: Partial<AggregateSettings> = {}): void {
    checkName(name);
    if (this.#all.has(name)) throw new RangeError(`aggregate: there is one of the name "${name}" already`);
    if (this.#all.size >= maxAggregates) throw new RangeError(`aggregate: there are ${maxAggregates} already`);
    const send = (packet: AggregatePacket): void => this.#push(packet);
    // One that is closed and opened again must not draw the same lots and number its exchanges alike.
    const rng = this.#rng.fork(`${name} ${this.#opened++}`);
    this.#all.set(name, new Aggregate(name, source, this.#peers, send, rng, now, aggregateSettings(settings)));
  }

  /** Returns whether there was one. */
  close(name: string): boolean {
    const aggregate = this.#all.get(name);
    if (aggregate) for (const reason of reasons) this.#past[reason] += aggregate.stats[reason];
    return this.#all.delete(name);
  }

  names(): readonly string[] {
    return [...this.#all.keys()];
  }

  /** See `Aggregate.estimate`. */
  estimate(name: string, now: number): AggregateEstimate | undefined {
    return this.#all.get(name)?.estimate(now);
  }

  /** Of the epoch under way, however rough. */
  present(name: string, now: number): AggregateEstimate | undefined {
    return this.#all.get(name)?.present(now);
  }

  /** The epoch that this node takes part in; undefined while it waits for one. */
  epochOf(name: string): number | undefined {
    const aggregate = this.#all.get(name);
    return aggregate?.takesPart ? aggregate.epoch : undefined;
  }

  statsOf(name: string): Readonly<AggregateStats> | undefined {
    return this.#all.get(name)?.stats;
  }

  /** What was refused, how often, by reason: of all that are and were open. */
  drops(): Record<string, number> {
    const drops = { ...this.stats, ...this.#past };
    for (const { stats } of this.#all.values()) for (const reason of reasons) drops[reason] += stats[reason];
    return drops;
  }

  /** Smallest of all; Infinity when there is none. Changes with each call of a handle method, `open` and `close`. */
  nextDeadline(): number {
    let at = Number.POSITIVE_INFINITY;
    for (const aggregate of this.#all.values()) at = Math.min(at, aggregate.nextDeadline());
    return at;
  }

  handleTimeout(now: number): void {
    for (const aggregate of this.#all.values()) aggregate.handleTimeout(now);
  }

  /** Bytes are borrowed for the call. What is malformed has no effect but its counter. */
  handlePacket(from: string, bytes: Uint8Array, now: number): void {
    const message = decodeAggregateMessage(bytes);
    if (!message) {
      this.stats.malformed++;
      return;
    }
    const aggregate = this.#all.get(message.name);
    if (aggregate) {
      aggregate.handleMessage(from, message, now);
      return;
    }
    this.stats.unknown++;
    if (message.type !== "ask") return;
    const { name, epoch, ageMs, exchange } = message;
    this.#push({ to: from, bytes: encodeAggregateMessage({ type: "busy", name, epoch, ageMs, exchange }) });
  }

  /** The member is no more. */
  handleGone(name: string): void {
    for (const aggregate of this.#all.values()) aggregate.handleGone(name);
  }

  /** The next packet to send, or undefined. Drain after each call of a handle method. */
  pollTransmit(): AggregatePacket | undefined {
    return this.#queue.shift();
  }

  #push(packet: AggregatePacket): void {
    if (this.#queue.length < maxQueued) this.#queue.push(packet);
    else this.stats.unsent++;
  }
}
