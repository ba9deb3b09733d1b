/**
 * How counters come to be the same everywhere: in each round a node asks a few others, chosen at random, whether they know
 * the same. Those who do stay silent, so that at rest a round costs one packet of a few bytes. Otherwise:
 *
 *     us  -- summary -->  peer       one number for all we know
 *     us  <-- buckets --  peer       64 numbers: find where we differ
 *     us  -- digest -->   peer       what we have in there
 *     us  <-- delta ----  peer       what the peer has beyond it
 *     us  <-- wants ----  peer       what it would have from us
 *     us  -- delta -->    peer
 *
 * Nothing here is waited for and nothing retried: a lost packet costs a round. Deltas are cut to the packet, never with a
 * gap. The machine is driven: it takes bytes and a time, and gives packets and a deadline; the table is the caller's.
 */
import { Fifo, type Rng } from "@hearsay/core";
import {
  type CounterMessage,
  decodeCounterMessage,
  encodeCounterMessage,
  type IdVersion,
  idVersionBytes,
  lifeBytes,
  tallyBytes,
} from "./counter-codec.ts";
import { bucketCount, bucketOf, type CounterTable, type LifeDelta, type MergeOutcome } from "./counter-table.ts";

export interface CounterSyncSettings {
  /** ms from one round to the next, jittered by a fifth. Default 1,000. */
  readonly roundMs: number;
  /** Peers asked in a round. Default 2. */
  readonly fanout: number;
  /** Largest packet, bytes. Default 1,200; at least 512. */
  readonly maxPacketBytes: number;
  /** Packets sent in answer to one. Default 8. */
  readonly maxAnswerPackets: number;
}

export interface CounterPacket {
  readonly to: string;
  readonly bytes: Uint8Array;
}

export type CounterSyncStats = Record<MergeOutcome | "malformed" | "unsent", number>;

const defaults: CounterSyncSettings = { roundMs: 1_000, fanout: 2, maxPacketBytes: 1_200, maxAnswerPackets: 8 };
/** Packets that wait to be polled; a driver that never polls must not be the end of us. */
const maxQueued = 1_024;
const firstId = "0".repeat(16);
const lastId = "f".repeat(16);

export class CounterSync {
  readonly table: CounterTable;
  readonly settings: CounterSyncSettings;
  /** Lives of each outcome, packets that were malformed, packets that found no room in the queue. */
  readonly stats: CounterSyncStats = { news: 0, known: 0, gap: 0, full: 0, own: 0, malformed: 0, unsent: 0 };
  readonly #rng: Rng;
  readonly #queue = new Fifo<CounterPacket>();
  #peers: readonly string[] = [];
  #nextRoundAt: number;

  constructor(table: CounterTable, rng: Rng, now: number, settings: Partial<CounterSyncSettings> = {}) {
    this.table = table;
    this.settings = { ...defaults, ...settings };
    if (!(this.settings.maxPacketBytes >= 512))
      throw new RangeError(`counters: maxPacketBytes is ${this.settings.maxPacketBytes}, where 512 or more belongs`);
    if (!(this.settings.roundMs > 0)) throw new RangeError("counters: roundMs is not above 0");
    this.#rng = rng.fork("counter-sync");
    // Staggered, so that nodes started together do not ask together.
    this.#nextRoundAt = now + this.#rng.float() * this.settings.roundMs;
  }

  /** Those whom we may ask: live members that speak this, without ourselves. */
  setPeers(names: readonly string[]): void {
    this.#peers = names;
  }

  nextDeadline(): number {
    return this.#nextRoundAt;
  }

  handleTimeout(now: number): void {
    if (now < this.#nextRoundAt) return;
    this.#nextRoundAt = now + this.#rng.jitter(this.settings.roundMs, 0.2);
    const imprint = this.table.imprints().reduce((sum, x) => (sum + x) >>> 0, 0);
    const start = this.#rng.below(this.#peers.length);
    const asked = new Set<string>();
    for (let i = 0; i < this.settings.fanout && i < this.#peers.length; i++) {
      asked.add(this.#peers[i === 0 ? start : this.#rng.below(this.#peers.length)]!);
    }
    for (const peer of asked) this.#send(peer, { type: "summary", imprint });
  }

  /** Bytes are borrowed for the call. What is malformed has no effect but its counter. */
  handlePacket(from: string, bytes: Uint8Array): void {
    const message = decodeCounterMessage(bytes);
    if (message?.type === "summary") this.#onSummary(from, message.imprint);
    else if (message?.type === "buckets") this.#onBuckets(from, message.imprints);
    else if (message?.type === "digest") this.#onDigest(from, message.first, message.last, message.have);
    else if (message?.type === "wants") this.#sendDeltas(from, message.have);
    else if (message?.type === "delta") for (const life of message.lives) this.stats[this.table.merge(life)]++;
    else this.stats.malformed++;
  }

  /** The next packet to send, or undefined. Drain after each call of a handle method. */
  pollTransmit(): CounterPacket | undefined {
    return this.#queue.shift();
  }

  #onSummary(from: string, imprint: number): void {
    const imprints = this.table.imprints();
    if (imprints.reduce((sum, x) => (sum + x) >>> 0, 0) !== imprint) this.#send(from, { type: "buckets", imprints });
  }

  #onBuckets(from: string, theirs: Uint32Array): void {
    const ours = this.table.imprints();
    let room = this.settings.maxAnswerPackets;
    // From a random one on, so that what is left over this time comes first another time.
    const start = this.#rng.below(bucketCount);
    for (let i = 0; i < bucketCount && room > 0; i++) {
      const bucket = (start + i) % bucketCount;
      if (ours[bucket] !== theirs[bucket]) room -= this.#sendDigests(from, bucket, room);
    }
  }

  /** Returns how many packets it took. */
  #sendDigests(to: string, bucket: number, room: number): number {
    const ids = this.table.idsOf(bucket);
    const perPacket = Math.floor((this.settings.maxPacketBytes - 32) / idVersionBytes);
    const lower = byteText(bucket * 4) + firstId.slice(2);
    const upper = byteText(bucket * 4 + 3) + lastId.slice(2);
    const pages = Math.max(1, Math.ceil(ids.length / perPacket));
    const start = this.#rng.below(pages);
    const count = Math.min(pages, room);
    for (let i = 0; i < count; i++) {
      const page = (start + i) % pages;
      const chunk = ids.slice(page * perPacket, (page + 1) * perPacket);
      this.#send(to, {
        type: "digest",
        first: page === 0 ? lower : chunk[0]!,
        // Up to the id before the next page's first: what lies between, nobody here has.
        last: page === pages - 1 ? upper : before(ids[(page + 1) * perPacket]!),
        have: chunk.map((id) => ({ id, version: this.table.versionOf(id) })),
      });
    }
    return count;
  }

  #onDigest(from: string, first: string, last: string, have: readonly IdVersion[]): void {
    const theirs = new Map(have.map(({ id, version }) => [id, version]));
    const wanted: IdVersion[] = [];
    const perPacket = Math.floor((this.settings.maxPacketBytes - 32) / idVersionBytes);
    for (const { id, version } of have) {
      const ours = this.table.versionOf(id);
      if (version > ours && wanted.length < perPacket) wanted.push({ id, version: ours });
    }
    if (wanted.length > 0) this.#send(from, { type: "wants", have: wanted });
    const newer: IdVersion[] = [];
    for (let bucket = bucketOf(first); bucket <= bucketOf(last); bucket++) {
      for (const id of this.table.idsOf(bucket)) {
        const version = theirs.get(id) ?? 0;
        if (id >= first && id <= last && this.table.versionOf(id) > version) newer.push({ id, version });
      }
    }
    this.#sendDeltas(from, newer);
  }

  /** As much as the answer may take, each life from its oldest news on. */
  #sendDeltas(to: string, have: readonly IdVersion[]): void {
    let room = this.settings.maxPacketBytes - 8;
    let packets = this.settings.maxAnswerPackets;
    let lives: LifeDelta[] = [];
    const start = this.#rng.below(have.length);
    for (let i = 0; i < have.length && packets > 0; i++) {
      const { id, version } = have[(start + i) % have.length]!;
      let delta = this.table.deltaOf(id, version);
      while (delta && packets > 0) {
        const part = cut(delta, room);
        if (part) {
          lives.push(part);
          room -= lifeBytes(part) + part.tallies.reduce((sum, tally) => sum + tallyBytes(tally), 0);
          delta = part.to < delta.to ? this.table.deltaOf(id, part.to) : undefined;
        } else if (lives.length === 0) break;
        if (delta && lives.length > 0) {
          this.#send(to, { type: "delta", lives });
          lives = [];
          room = this.settings.maxPacketBytes - 8;
          packets--;
        }
      }
    }
    if (lives.length > 0 && packets > 0) this.#send(to, { type: "delta", lives });
  }

  #send(to: string, message: CounterMessage): void {
    if (this.#queue.length >= maxQueued) {
      this.stats.unsent++;
      return;
    }
    this.#queue.push({ to, bytes: encodeCounterMessage(message) });
  }
}

/** The oldest news that fit into `room` bytes; undefined when not even the first does. */
function cut(delta: LifeDelta, room: number): LifeDelta | undefined {
  let left = room - lifeBytes(delta);
  let count = 0;
  for (const tally of delta.tallies) {
    left -= tallyBytes(tally);
    if (left < 0) break;
    count++;
  }
  if (count === 0) return undefined;
  if (count === delta.tallies.length) return delta;
  return { ...delta, to: delta.tallies[count - 1]!.version, tallies: delta.tallies.slice(0, count) };
}

function byteText(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

/** The id just below. */
function before(id: string): string {
  return (BigInt(`0x${id}`) - 1n).toString(16).padStart(16, "0");
}
