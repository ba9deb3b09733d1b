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
 * Nothing here is waited for and nothing retried: a lost packet costs a round. Only when an answer was about as much as an
 * answer may be, is the same peer asked again soon, since it will have more: so a newcomer is told thousands of counters in
 * seconds, while news at their usual pace cost no more than their rounds. Deltas are cut to the packet, never with a
 * gap. The machine is driven: it takes bytes and a time, and gives packets and a deadline; the table is the caller's.
 */
import { Fifo, type Rng } from "@hearsay/core";
import { DeltaBatch } from "./counter-batch.ts";
import {
  type CounterMessage,
  decodeCounterMessage,
  encodeCounterMessage,
  type IdVersion,
  idVersionBytes,
} from "./counter-codec.ts";
import { bucketCount } from "./counter-limits.ts";
import { bucketOf, type CounterTable, type LifeDelta, type MergeOutcome } from "./counter-table.ts";
import { heldTo, roundPatience } from "./patience.ts";

export interface CounterSyncSettings {
  /** ms from one round to the next, jittered by a fifth. Default 1,000. */
  readonly roundMs: number;
  /** Peers asked in a round. Default 2. */
  readonly fanout: number;
  /** Largest packet, bytes. Default 1,200; at least 512. */
  readonly maxPacketBytes: number;
  /** Packets sent in answer to one. Default 8. */
  readonly maxAnswerPackets: number;
  /**
   * ms from a question to the next one to the same peer, while its answers are full: so many packets go to us in a second
   * at most as 1,000 / hurryMs answers to each of eight digests may be. Default 100; at least 10.
   */
  readonly hurryMs: number;
}

export interface CounterPacket {
  readonly to: string;
  readonly bytes: Uint8Array;
}

export type CounterSyncStats = Record<MergeOutcome | "malformed" | "unsent", number>;

const defaults: CounterSyncSettings = {
  roundMs: 1_000,
  fanout: 2,
  maxPacketBytes: 1_200,
  maxAnswerPackets: 8,
  hurryMs: 100,
};
/** Peers whose packets are counted between two questions. */
const maxWatched = 16;
/** Questions in a hurry, one after another, that bring too little; and how much longer one waits before the next. */
const vainHurries = 3;
const vainFactor = 4;
/** Packets that wait to be polled; a driver that never polls must not be the end of us. */
const maxQueued = 1_024;
/** More of the smallest do not fit into 1,200 bytes; into a larger packet fewer may go than would. */
const talliesPerPacket = 256;
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
  #askedAt: number;
  /** Full packets with news by peer, since we last asked. */
  readonly #brought = new Map<string, number>();
  /** Who has more for us, as it seems. */
  #hurry: { readonly peer: string; left: number; full: boolean } | undefined;

  constructor(table: CounterTable, rng: Rng, now: number, settings: Partial<CounterSyncSettings> = {}) {
    this.table = table;
    this.settings = { ...defaults, ...settings };
    if (!(this.settings.maxPacketBytes >= 512))
      throw new RangeError(`counters: maxPacketBytes is ${this.settings.maxPacketBytes}, where 512 or more belongs`);
    if (!(this.settings.roundMs > 0)) throw new RangeError("counters: roundMs is not above 0");
    if (!(this.settings.hurryMs >= 10))
      throw new RangeError(`counters: hurryMs is ${this.settings.hurryMs}, where 10 or more belongs`);
    this.#rng = rng.fork("counter-sync");
    this.#askedAt = now;
    // Staggered, so that nodes started together do not ask together.
    this.#nextRoundAt = now + this.#rng.float() * this.settings.roundMs;
  }

  /** Those whom we may ask: live members that speak this, without ourselves. */
  setPeers(names: readonly string[]): void {
    this.#peers = names;
  }

  nextDeadline(): number {
    return Math.min(this.#nextRoundAt, this.#hurryAt());
  }

  /** Until when that may be put off: monotonic ms. @param slackMs for what somebody waits for */
  latestWake(slackMs: number): number {
    return Math.min(this.#nextRoundAt + roundPatience * this.settings.roundMs, this.#hurryAt() + slackMs);
  }

  handleTimeout(now: number): void {
    const hurry = now >= this.#hurryAt() ? this.#hurry : undefined;
    const round = now >= this.#nextRoundAt;
    if (!hurry && !round) return;
    this.#askedAt = now;
    this.#brought.clear();
    const asked = round ? this.#chosen() : new Set<string>();
    if (round) this.#nextRoundAt = this.#roundAfter(now);
    if (hurry) {
      asked.add(hurry.peer);
      hurry.full = false;
      if (--hurry.left === 0) this.#hurry = undefined;
    }
    const imprint = this.table.imprints().reduce((sum, x) => (sum + x) >>> 0, 0);
    for (const peer of asked) this.#send(peer, { type: "summary", imprint });
  }

  /** Bytes are borrowed for the call. What is malformed has no effect but its counter. */
  handlePacket(from: string, bytes: Uint8Array): void {
    const message = decodeCounterMessage(bytes);
    if (message?.type === "summary") this.#onSummary(from, message.imprint);
    else if (message?.type === "buckets") this.#onBuckets(from, message.imprints);
    else if (message?.type === "digest") this.#onDigest(from, message);
    else if (message?.type === "wants") this.#sendDeltas(from, message.have);
    else if (message?.type === "delta") this.#onDelta(from, message.lives, bytes.length);
    else this.stats.malformed++;
  }

  /** The next packet to send, or undefined. Drain after each call of a handle method. */
  pollTransmit(): CounterPacket | undefined {
    return this.#queue.shift();
  }

  #chosen(): Set<string> {
    const start = this.#rng.below(this.#peers.length);
    const chosen = new Set<string>();
    for (let i = 0; i < this.settings.fanout && i < this.#peers.length; i++) {
      chosen.add(this.#peers[i === 0 ? start : this.#rng.below(this.#peers.length)]!);
    }
    return chosen;
  }

  #roundAfter(now: number): number {
    const { roundMs } = this.settings;
    return heldTo(this.#nextRoundAt, now, roundPatience * roundMs) + this.#rng.jitter(roundMs, 0.2);
  }

  #hurryAt(): number {
    if (!this.#hurry) return Number.POSITIVE_INFINITY;
    return this.#askedAt + this.settings.hurryMs * (this.#hurry.full ? 1 : vainFactor);
  }

  #onDelta(from: string, lives: readonly LifeDelta[], length: number): void {
    let useful = false;
    for (const life of lives) {
      const outcome = this.table.merge(life);
      this.stats[outcome]++;
      // What would follow a lost packet says as well that there is more.
      useful ||= outcome === "news" || outcome === "gap";
    }
    if (useful && length > this.settings.maxPacketBytes / 2) this.#onFullPacket(from);
  }

  #onFullPacket(from: string): void {
    const count = (this.#brought.get(from) ?? 0) + 1;
    if (count > 1 || this.#brought.size < maxWatched) this.#brought.set(from, count);
    if (count >= this.settings.maxAnswerPackets / 2) this.#hurry = { peer: from, left: vainHurries, full: true };
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
        contents: Uint32Array.from(chunk, (id) => this.table.contentOf(id)),
      });
    }
    return count;
  }

  #onDigest(from: string, { first, last, have, contents }: Extract<CounterMessage, { type: "digest" }>): void {
    const theirs = new Map(have.map(({ id, version }) => [id, version]));
    const wanted: IdVersion[] = [];
    const newer: IdVersion[] = [];
    have.forEach(({ id, version }, i) => {
      const ours = this.table.versionOf(id);
      if (version > ours) wanted.push({ id, version: ours });
      if (version !== ours || contents[i] === this.table.contentOf(id)) return;
      // The same version and not the same in it: both need all of it. From somewhere, since it may not fit into one answer.
      const start = this.#rng.float() < 0.5 ? 0 : Math.floor(this.#rng.float() * version);
      wanted.push({ id, version: start });
      newer.push({ id, version: start });
    });
    const perPacket = Math.floor((this.settings.maxPacketBytes - 32) / idVersionBytes);
    if (wanted.length > 0) this.#send(from, { type: "wants", have: wanted.slice(0, perPacket) });
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
    const batch = new DeltaBatch(this.settings.maxPacketBytes, this.settings.maxAnswerPackets);
    const start = this.#rng.below(have.length);
    for (let i = 0; i < have.length && !batch.full; i++) {
      const { id, version } = have[(start + i) % have.length]!;
      const delta = this.table.deltaOf(id, version, this.settings.maxAnswerPackets * talliesPerPacket);
      if (delta) batch.add(delta);
    }
    for (const lives of batch.packets()) this.#send(to, { type: "delta", lives });
  }

  #send(to: string, message: CounterMessage): void {
    if (this.#queue.length >= maxQueued) {
      this.stats.unsent++;
      return;
    }
    this.#queue.push({ to, bytes: encodeCounterMessage(message) });
  }
}

function byteText(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

/** The id just below. */
function before(id: string): string {
  return (BigInt(`0x${id}`) - 1n).toString(16).padStart(16, "0");
}
