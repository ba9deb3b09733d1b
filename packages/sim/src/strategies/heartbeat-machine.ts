/**
 * What the heartbeat strategies have in common: a verdict about each member of the roster, a beat every interval, packets
 * and events that wait to be polled. Not a strategy: `central.ts`, `all-to-all.ts` and `gossip-heartbeats.ts` say who sends
 * what to whom, and what silence means. The outside is every machine's (`Machine` in `@hearsay/core`); no streams are used.
 *
 * Everyone begins by holding everyone for alive, heard of at the start: a pool that has run for a while.
 */
import {
  type Codec,
  type Endpoint,
  Fifo,
  type Machine,
  type Rng,
  type StreamReply,
  type StreamRequest,
  type Transmit,
} from "@hearsay/core";
import type { Roster } from "./roster.ts";

/** A changed verdict about a member, by its number in the roster. */
export interface WatchEvent {
  readonly type: "member-dead" | "member-alive";
  readonly member: number;
}

export interface HeartbeatOptions {
  readonly roster: Roster;
  /** Own number in the roster. */
  readonly self: number;
  /** Between two heartbeats: ms, above 0. */
  readonly intervalMs: number;
  readonly rng: Rng;
  /** Never used: these machines open no streams. It is part of a machine's outside. */
  readonly codec: Codec;
}

/** Payload of one datagram at most: bytes; as memberlist's. */
export const maxDatagramBytes = 1400;

/** The same bytes to one member, or to all of a range but ourselves. */
interface Parcel {
  readonly bytes: Uint8Array;
  next: number;
  readonly end: number;
}

export abstract class HeartbeatMachine implements Machine<WatchEvent> {
  readonly codec: Codec;
  readonly roster: Roster;
  readonly self: number;
  readonly intervalMs: number;
  /** Packets from strangers, or that could not be read. */
  drops = 0;
  /** ms of the call being handled. */
  protected now = 0;
  /** When `onCheck` is due: ms. */
  protected checkAt = Number.POSITIVE_INFINITY;
  protected readonly rng: Rng;
  readonly #dead: Uint8Array;
  readonly #since: Float64Array;
  readonly #events = new Fifo<WatchEvent>();
  readonly #outbox = new Fifo<Parcel>();
  #sending: Parcel | undefined;
  #beatAt = Number.POSITIVE_INFINITY;

  constructor(options: HeartbeatOptions) {
    this.codec = options.codec;
    this.roster = options.roster;
    this.self = options.self;
    this.intervalMs = options.intervalMs;
    this.rng = options.rng;
    this.#dead = new Uint8Array(options.roster.length);
    this.#since = new Float64Array(options.roster.length);
  }

  // What a strategy adds

  protected abstract onStart(): void;
  /** Once every interval. */
  protected abstract onBeat(): void;
  protected abstract onPacket(from: number, bytes: Uint8Array): void;
  /** `checkAt` has come: says when the next one is due, ms. */
  protected abstract onCheck(): number;

  // Verdicts

  holdsAlive(member: number): boolean {
    return this.#dead[member] === 0;
  }

  /** When the verdict about a member became what it is: ms. */
  since(member: number): number {
    return this.#since[member]!;
  }

  protected convict(member: number): void {
    if (this.#dead[member] === 1 || member === this.self) return;
    this.#dead[member] = 1;
    this.#since[member] = this.now;
    this.#events.push({ type: "member-dead", member });
  }

  protected revive(member: number): void {
    if (this.#dead[member] === 0) return;
    this.#dead[member] = 0;
    this.#since[member] = this.now;
    this.#events.push({ type: "member-alive", member });
  }

  protected send(to: number, bytes: Uint8Array): void {
    this.#outbox.push({ bytes, next: to, end: to + 1 });
  }

  protected sendToAll(bytes: Uint8Array): void {
    this.#outbox.push({ bytes, next: 0, end: this.roster.length });
  }

  // The outside of a machine

  start(now: number): void {
    this.now = now;
    this.#since.fill(now);
    // Phases are spread over an interval, so that no two nodes beat in step.
    this.#beatAt = now + this.rng.float() * this.intervalMs;
    this.onStart();
  }

  handlePacket(from: Endpoint, bytes: Uint8Array, now: number): void {
    this.now = now;
    const member = this.roster.find(from);
    if (member < 0 || member === this.self || bytes.length === 0) this.drops++;
    else this.onPacket(member, bytes);
  }

  handleTimeout(now: number): void {
    this.now = now;
    if (this.#beatAt <= now) {
      // Missed beats are not made up.
      this.#beatAt = Math.max(this.#beatAt, now - this.intervalMs) + this.intervalMs;
      this.onBeat();
    }
    if (this.checkAt <= now) this.checkAt = this.onCheck();
  }

  pollTransmit(out: Transmit): boolean {
    for (;;) {
      const parcel = (this.#sending ??= this.#outbox.shift());
      if (parcel === undefined) return false;
      if (parcel.next === this.self) parcel.next++;
      if (parcel.next < parcel.end) {
        out.buffer.set(parcel.bytes);
        out.length = parcel.bytes.length;
        out.to = this.roster.endpoints[parcel.next++]!;
        return true;
      }
      this.#sending = undefined;
    }
  }

  pollEvent(): WatchEvent | undefined {
    return this.#events.shift();
  }

  nextDeadline(): number {
    return Math.min(this.#beatAt, this.checkAt);
  }

  latestWake(): number {
    return this.nextDeadline();
  }

  /** A refused datagram is a lost one: silence decides. */
  handleSendFailure(): void {}

  pollStream(): StreamRequest | undefined {
    return undefined;
  }

  handleStreamRequest(): StreamReply {
    this.drops++;
    return { bytes: undefined };
  }

  handleStreamRequestError(): StreamReply {
    this.drops++;
    return { bytes: undefined };
  }

  streamPayload(): Uint8Array | undefined {
    return undefined;
  }

  handleStreamReply(): void {}

  handleStreamEnd(): void {}
}
