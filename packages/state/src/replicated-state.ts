/**
 * Replicated state: what everybody needs to know. The machine around the maps; a driver hands in packets, time and who is
 * a member, and takes packets, streams and events, as with every machine here (`Machine` in `@hearsay/core` tells the
 * loop). `now` is monotonic ms; the wall clock, which stamps need, is told by `setWallClock`.
 *
 * Rounds of anti-entropy (`exchange.ts`) make everyone equal; fresh writes run ahead of them as rumours (`rumours.ts`).
 * Peers are those who understand these messages: the driver tells only of them.
 */
import { type Endpoint, Fifo, type Transmit } from "@hearsay/core";
import { decodeStateMessage, defaultMaxItems } from "./codec.ts";
import { checkedConfig, checkedTtl, checkKey, checkValue, type StateConfig } from "./config.ts";
import { StateError } from "./errors.ts";
import { Exchange } from "./exchange.ts";
import { flowSettings } from "./flow-config.ts";
import { HashTree } from "./hash-tree.ts";
import { type BeatOutcome, Heartbeats } from "./heartbeats.ts";
import { noStamp } from "./hlc.ts";
import { type RateLine, type StateMessage, Tree } from "./messages.ts";
import { NodeMaps } from "./node-maps.ts";
import { OwnWrites } from "./own-writes.ts";
import type { Missed, Place } from "./packing.ts";
import { Peers } from "./peers.ts";
import { Rounds } from "./rounds.ts";
import { Rumours } from "./rumours.ts";
import { type SharedEntry, SharedMap } from "./shared-map.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";
import { StreamPatience } from "./stream-patience.ts";
import type {
  NodeKey,
  PeerStatus,
  SharedKey,
  StateCounters,
  StateDecoder,
  StateDropReason,
  StateEvent,
  StateInspection,
  StateOptions,
  StateStreamRequest,
} from "./types.ts";
import { WriteRate } from "./write-rate.ts";

/** Packets that wait to be polled. */
const maxOutbox = 1024;
/**
 * Somebody has come back: for so many rounds the others are likely to have much that we lack, and we them. Then streams are
 * wished for sooner, and also for what was not looked into; at other times that is mostly news still on its way.
 */
const reunionRounds = 15;
const reunionThresholdBytes = 2048;
/** Nodes of trees that a stream asks about one by one; more, and it compares all. */
const maxStreamPlaces = 64;
/** How often what has had its time is looked for: ms at most; and how late that may be, as a share. */
const collectIntervalMs = 10_000;
const collectPatience = 0.25;

/**
 * How far a life may be ahead of our clock: ms, a year, as in Cassandra (CASSANDRA-10969: measured from the clock, not from
 * the life before). A forged one cannot leave its owner without a later one.
 */
const maxLeadMs = 365 * 24 * 3600 * 1000;
/** A clock that shows less has not been set yet, and is not what others' lives are measured by: 2026 in wall-clock ms. */
const earliestWallMs = 1_767_225_600_000;

export class ReplicatedState {
  readonly name: string;
  readonly config: StateConfig;
  readonly counters: StateCounters = {
    packetsSent: 0,
    bytesSent: 0,
    packetsReceived: 0,
    bytesReceived: 0,
    idleRounds: 0,
    streams: 0,
    beatsSent: 0,
    beatsReceived: 0,
    beatsNew: 0,
    drops: new Map(),
  };
  readonly #decode: StateDecoder;
  readonly #maps: NodeMaps;
  /** Undefined: without flow control. */
  readonly #rate: WriteRate | undefined;
  readonly #own: OwnWrites;
  readonly #shared: SharedMap;
  readonly #keys = new HashTree();
  readonly #exchange: Exchange;
  readonly #rumours: Rumours;
  readonly #peers = new Peers();
  readonly #beats: Heartbeats;
  readonly #rounds: Rounds;
  readonly #outbox = new Fifo<{ readonly to: Endpoint; readonly bytes: Uint8Array }>();
  readonly #streams = new Fifo<StateStreamRequest>();
  readonly #events = new Fifo<StateEvent>();
  #lostEvents = 0;
  /** One at a time: the next round finds what is left. */
  #stream:
    | { readonly id: number; readonly to: Endpoint; readonly places: readonly Place[]; readonly until: number }
    | undefined;
  readonly #patience = new StreamPatience();
  #streamId = 0;
  #reunionUntil = Number.NEGATIVE_INFINITY;
  #wallOffsetMs = 0;
  #isLocal = false;
  /** When another was last heard; of those of before a restart nothing is known. */
  #heardAt = Number.NEGATIVE_INFINITY;
  /** Since when nobody at all is known: monotonic ms; Infinity while somebody is. */
  #aloneSince = Number.POSITIVE_INFINITY;
  /** The shared map was restored: others may have it from an earlier life. */
  #hasPast = false;
  #collectAt = Number.POSITIVE_INFINITY;

  /** Throws RangeError for a setting or generation out of its range. */
  constructor({ name, generation, rng, config = {}, decode = decodeStateMessage }: StateOptions) {
    checkKey(name);
    this.name = name;
    this.#decode = decode;
    this.config = checkedConfig(config);
    this.#maps = new NodeMaps(name, generation, this.config, (owner, key, before, after, isLocal) =>
      this.#emit({ type: "node-change", owner, key, before, after, isLocal }),
    );
    this.#shared = new SharedMap(
      this.config,
      (entry, before) => this.#onShared(entry, before),
      (key) => this.#keys.delete(key),
    );
    const { flow, syncIntervalMs } = this.config;
    this.#rate = flow && new WriteRate(flowSettings(flow), syncIntervalMs);
    this.#own = new OwnWrites(this.#maps, this.config, this.#rate);
    this.#beats = new Heartbeats(this.config, this.#maps, this.#peers, this.counters, (beat) =>
      this.#emit({ type: "heartbeat", ...beat }),
    );
    const packing = rng.fork("state-packing");
    this.#exchange = new Exchange(this.config, this.#maps, this.#shared, this.#keys, this.#beats, packing);
    this.#rumours = new Rumours(this.#maps, this.#shared);
    const voices = {
      peers: this.#peers,
      own: this.#own,
      exchange: this.#exchange,
      rumours: this.#rumours,
      beats: this.#beats,
    };
    this.#rounds = new Rounds(this.config, voices, rng, (to, bytes) => this.#send(to, bytes));
  }

  // Wishes

  /** Arms the timers. Once. @param wallMs wall-clock ms since 1970 at this `now` */
  start(now: number, wallMs: number): void {
    this.setWallClock(wallMs, now);
    this.#rate?.start(now);
    this.#rounds.start(now);
    this.#collectAt = now + this.#collectEveryMs;
  }

  /**
   * What the wall clock says: at the start, and whenever it was set. Where it was so far ahead that others refused what was
   * written by it, those keys are written again.
   */
  setWallClock(wallMs: number, now: number): void {
    this.#wallOffsetMs = wallMs - now;
    this.#isLocal = true;
    const again = this.#shared.doubt(this.#wallAt(now), this.name);
    this.#isLocal = false;
    for (const key of again) this.#spreadKey(key, now);
  }

  /** A member that understands us, or news of its state or whereabouts. */
  setPeer(name: string, endpoint: Endpoint, status: PeerStatus, now: number): void {
    if (name === this.name) return;
    this.#rounds.raiseBeat(now);
    if (status === "alive" && this.#peers.isDead(name))
      this.#reunionUntil = now + reunionRounds * this.config.syncIntervalMs;
    this.#peers.set({ name, endpoint: { ...endpoint }, status });
    if (status === "dead") this.#maps.markDead(name, now);
    else if (!this.#maps.admit(name)) this.#drop("member-limit");
  }

  /** A member that is forgotten: its map goes with it. */
  removePeer(name: string): void {
    this.#peers.delete(name);
    this.#maps.forget(name);
  }

  /** Addresses that are tried now and then, whoever is there. */
  setSeeds(seeds: readonly Endpoint[]): void {
    this.#rounds.seeds = seeds.map((seed) => ({ ...seed }));
  }

  /**
   * Writes a key of our own map; under flow control as soon as there is leave to. The value is copied. Throws StateError
   * "key-invalid", "value-too-long", "ttl-invalid", "too-many-keys".
   * @param ttlMs after which it is deleted; for ever when left out
   */
  set(key: string, value: Uint8Array, now: number, ttlMs?: number): void {
    this.#changeOwn(now, () => this.#own.set(key, value, ttlMs, now));
  }

  /** Deletes a key of our own map; whether it was there. */
  delete(key: string, now: number): boolean {
    return this.#changeOwn(now, () => this.#own.delete(key, now));
  }

  /** Writes a key of the shared map, over whatever is there. Throws as `set` does. */
  setShared(key: string, value: Uint8Array, now: number, ttlMs?: number): void {
    checkKey(key);
    checkValue(value, this.config);
    const ttl = checkedTtl(ttlMs);
    this.#shared.expire(this.#wallAt(now));
    if (!this.#shared.hasRoomFor(key, value))
      throw new StateError(
        "too-many-keys",
        `the shared map may have ${this.config.maxSharedKeys} keys, as many deleted ones, and ${this.config.maxSharedBytes} bytes: it is full`,
      );
    this.#writeShared(key, value.slice(), ttl, now);
  }

  /** Deletes a key of the shared map; whether it was there. */
  deleteShared(key: string, now: number): boolean {
    const entry = this.#shared.get(key);
    if (entry === undefined || entry.dead) return false;
    this.#writeShared(key, null, 0, now);
    return true;
  }

  // Looking in

  /** A value of our own map, as last set, whether held back or not. Borrowed: not to be changed. */
  get(key: string): Uint8Array | undefined {
    return this.#own.get(key) ?? undefined;
  }

  /** How fast our own map may be written at present: writes a second. Infinity without flow control. */
  get maxWriteRate(): number {
    return this.#own.maxRate;
  }

  /** Keys of our own map that wait to be written. */
  get heldWrites(): number {
    return this.#own.heldCount;
  }

  /** A value of another's map, as far as it has been heard. */
  getOf(owner: string, key: string): Uint8Array | undefined {
    return this.#maps.find(owner)?.get(key) ?? undefined;
  }

  /** The owner's map (ours by default) as it spreads, in order of versions. */
  entries(owner: string = this.name): NodeKey[] {
    const keys: NodeKey[] = [];
    for (const { key, value, version } of this.#maps.find(owner)?.entries() ?? []) {
      if (value !== null) keys.push({ key, value, version });
    }
    return keys;
  }

  /** The highest version of the owner's map that we have: all up to it is here. 0: nothing. */
  versionOf(owner: string): number {
    return this.#maps.find(owner)?.maxVersion ?? 0;
  }

  /** Whose maps are known, ours included. */
  owners(): string[] {
    return Array.from(this.#maps.owners(), ({ owner }) => owner);
  }

  getShared(key: string): SharedKey | undefined {
    const entry = this.#shared.get(key);
    return entry && asSharedKey(entry);
  }

  sharedEntries(): SharedKey[] {
    return Array.from(this.#shared.entries(), asSharedKey).filter((key) => key !== undefined);
  }

  /** The shared map with its tombstones, to be read by `restoreShared` in a later life. */
  saveShared(): Uint8Array {
    return encodeSnapshot(this.#shared.gc, this.#shared.entries());
  }

  /**
   * Takes in what `saveShared` gave: it is merged like anything from a peer. Returns how many writes were news. Throws
   * StateError "snapshot-invalid", before anything changed.
   */
  restoreShared(snapshot: Uint8Array, now: number): number {
    const { gc, writes } = decodeSnapshot(snapshot, this.config.maxValueBytes);
    this.#hasPast ||= writes.length > 0;
    let taken = 0;
    for (const write of writes) if (this.#shared.apply(write, gc, this.#wallAt(now)) === "applied") taken++;
    return taken;
  }

  /** How often our heartbeat rises, and everybody's who sees as many members: ms. 0 when heartbeats are off. */
  get heartbeatEveryMs(): number {
    return this.#beats.everyMs;
  }

  /**
   * How often a member's heartbeats are heard, on average: ms, `heartbeatEveryMs` and one and a half rounds. Longer where
   * the beats do not fit the packets, or many are lost. 0 when heartbeats are off.
   */
  get heartbeatHeardMs(): number {
    return this.#beats.heardMs;
  }

  /** Hashes of all maps and of the shared one: equal at two nodes that have the same. */
  get roots(): readonly [owners: number, keys: number] {
    return [this.#maps.tree.root, this.#keys.root];
  }

  inspect(): StateInspection {
    const owners = Array.from(this.#maps.owners(), (map) => ({
      ...map.line(),
      keys: map.liveCount,
      tombstones: map.tombstoneCount,
      beat: map.beat,
      isListed: this.#maps.isListed(map.owner),
    }));
    return {
      name: this.name,
      generation: this.#maps.own.generation,
      roots: this.roots,
      owners,
      sharedKeys: this.#shared.liveCount,
      sharedTombstones: this.#shared.size - this.#shared.liveCount,
      sharedGc: this.#shared.gc,
      rumours: this.#rumours.length,
      beats: this.#beats.waiting,
      heldWrites: this.#own.heldCount,
    };
  }

  // The driver's side

  /** A packet whose first byte is 0xe0. `from` and `bytes` are borrowed. Nothing a peer sends makes it throw. */
  handlePacket(from: Endpoint, bytes: Uint8Array, now: number): void {
    const message = this.#receive(bytes, now);
    if (message === undefined || message.rumour) return;
    const to = { ...from };
    const { maxPacketBytes, maxPacketWrites } = this.config;
    const wallMs = this.#wallAt(now);
    const rates = this.#shareRates(message, now);
    const answer = this.#exchange.answer(message, maxPacketBytes, maxPacketWrites, wallMs, rates);
    const { bytes: reply, missed, gave } = answer;
    if (gave) this.#rate?.onExchange(missed.bytes > 0, now);
    if (reply !== undefined) this.#send(to, reply);
    this.#wishStream(to, missed, now);
  }

  /** The first message of an accepted stream; what to write back, if anything. */
  handleStreamRequest(_from: Endpoint, bytes: Uint8Array, now: number): Uint8Array | undefined {
    return this.#answerOnStream(bytes, now);
  }

  /** What the other side wrote after our answer on an accepted stream: the last message of an exchange. */
  handleStreamPush(_from: Endpoint, bytes: Uint8Array, now: number): void {
    this.#receive(bytes, now);
  }

  /** What to write on a stream asked for; undefined when it is no longer wanted: hang up. */
  streamPayload(id: number): Uint8Array | undefined {
    return this.#stream?.id === id ? this.#exchange.list(this.#stream.places) : undefined;
  }

  /** The answer on a stream asked for. What is returned is to be written before closing; the exchange is over. */
  handleStreamReply(id: number, bytes: Uint8Array, now: number): Uint8Array | undefined {
    const stream = this.#stream;
    if (stream?.id !== id) {
      this.#drop("stream-unexpected");
      return undefined;
    }
    this.#stream = undefined;
    return this.#answerOnStream(bytes, now, stream.to);
  }

  /** A stream asked for has ended without an answer. */
  handleStreamEnd(id: number): void {
    if (this.#stream?.id !== id) return;
    this.#patience.note(this.#stream.to, true);
    this.#stream = undefined;
  }

  /** Fires all that is due. Early, late and repeated calls are harmless. */
  handleTimeout(now: number): void {
    this.#shared.expire(this.#wallAt(now));
    if (this.#maps.expiresAt <= now || this.#own.deadline <= now) this.#changeOwn(now, () => this.#maps.expire(now));
    if (now >= this.#collectAt) {
      this.#collectAt = now + this.#collectEveryMs;
      this.#collect(now);
    }
    this.#rounds.handleTimeout(now);
  }

  /** The next packet, written into the caller's buffer; false when there is none. */
  pollTransmit(out: Transmit): boolean {
    const next = this.#outbox.shift();
    if (next === undefined) return false;
    out.buffer.set(next.bytes);
    out.length = next.bytes.length;
    out.to = next.to;
    this.counters.packetsSent++;
    this.counters.bytesSent += next.bytes.length;
    return true;
  }

  pollStream(): StateStreamRequest | undefined {
    return this.#streams.shift();
  }

  pollEvent(): StateEvent | undefined {
    if (this.#lostEvents > 0) {
      const lost = this.#lostEvents;
      this.#lostEvents = 0;
      return { type: "state-overflow", lost };
    }
    return this.#events.shift();
  }

  /** Monotonic ms of the next thing to do. Any call but the looks may change it. */
  nextDeadline(): number {
    return Math.min(
      this.#rounds.deadline,
      this.#collectAt,
      this.#maps.expiresAt,
      this.#own.deadline,
      this.#shared.expiresAt - this.#wallOffsetMs,
    );
  }

  /**
   * Until when that may be put off, so that it goes along with something else: monotonic ms.
   * @param slackMs for what somebody waits for, 0 and more
   */
  latestWake(slackMs: number): number {
    const soonest = Math.min(this.#maps.expiresAt, this.#own.deadline, this.#shared.expiresAt - this.#wallOffsetMs);
    return Math.min(
      this.#rounds.latestWake(slackMs),
      this.#collectAt + collectPatience * this.#collectEveryMs,
      soonest + slackMs,
    );
  }

  // Within

  get #collectEveryMs(): number {
    return Math.min(collectIntervalMs, this.config.tombstoneGraceMs / 4, this.config.deadListedMs / 4);
  }

  /** Both maps' lines and writes at their limits, where those are set higher than usual. */
  get #maxItems(): number {
    return Math.max(defaultMaxItems, 16 * this.config.maxSharedKeys, 4 * this.config.maxKeysPerOwner);
  }

  #wallAt(now: number): number {
    return Math.floor(now + this.#wallOffsetMs);
  }

  #writeShared(key: string, value: Uint8Array | null, ttlMs: number, now: number): void {
    this.#isLocal = true;
    this.#shared.write(key, value, ttlMs, this.name, this.#wallAt(now));
    this.#isLocal = false;
    this.#spreadKey(key, now);
  }

  #spreadKey(key: string, now: number): void {
    if (this.config.gossipNodes === 0) return;
    this.#rumours.addKey(key);
    this.#rounds.armGossip(now);
  }

  /** Changes our own map, and spreads what that wrote. */
  #changeOwn<T>(now: number, change: () => T): T {
    const from = this.#maps.own.maxVersion;
    const held = this.#own.heldCount;
    const result = change();
    this.#own.release(now);
    if (this.#maps.own.maxVersion > from) this.#spreadOwn(from, now);
    const { heldCount, maxRate } = this.#own;
    if (held > 0 !== heldCount > 0) this.#emit({ type: "flow", held: heldCount, maxWriteRate: maxRate });
    return result;
  }

  /** Under flow control: what to say of our rate in the answer, if anything. */
  #shareRates({ rates, roots, initiator }: StateMessage, now: number): RateLine | undefined {
    if (rates === undefined || this.#rate === undefined) return undefined;
    if (roots !== undefined) return this.#own.answerRates(rates, now);
    if (initiator || !this.#rate.onAnswer(rates, now)) this.#drop("rates-unexpected");
    return undefined;
  }

  #spreadOwn(from: number, now: number): void {
    if (this.config.gossipNodes === 0) return;
    const { generation, maxVersion } = this.#maps.own;
    this.#rumours.addOwner(this.name, generation, from, maxVersion);
    this.#rounds.armGossip(now);
  }

  /** Decodes a message and takes in what it brings; undefined when it was refused. */
  #receive(bytes: Uint8Array, now: number): StateMessage | undefined {
    this.#rounds.raiseBeat(now);
    this.counters.packetsReceived++;
    this.counters.bytesReceived += bytes.length;
    const read = this.#decode(bytes, this.config.maxValueBytes, this.#maxItems);
    if (typeof read === "string") {
      this.#drop(read);
      return undefined;
    }
    const wallMs = this.#wallAt(now);
    const message = this.#shared.isCredible(read.gc, wallMs) ? read : { ...read, gc: noStamp };
    // Out of touch until now: what was missed meanwhile we cannot know.
    if (!this.#isInTouch(now)) this.#shared.completeFromMs = wallMs;
    this.#heardAt = now;
    this.#maps.beforeHearing(now, Math.max(wallMs, earliestWallMs) + maxLeadMs);
    const canSpread = message.rumour && this.config.gossipNodes > 0;
    for (const delta of message.deltas) {
      const map = this.#maps.find(delta.owner);
      const known = map?.generation === delta.generation ? map.maxVersion : 0;
      const outcome = this.#maps.apply(delta, now);
      if (outcome === "applied" && canSpread) this.#rumours.addOwner(delta.owner, delta.generation, known, delta.to);
      else if (outcome === "gap") this.#drop("delta-gap");
      else if (outcome !== "applied" && outcome !== "stale" && outcome !== "own") this.#drop(outcome);
    }
    for (const write of message.writes) {
      const outcome = this.#shared.apply(write, message.gc, wallMs);
      if (outcome === "applied" && canSpread) this.#rumours.addKey(write.key);
      else if (outcome !== "applied" && outcome !== "stale") this.#drop(outcome);
    }
    this.#takeBeats(message, now);
    if (this.#exchange.isEqual(message)) {
      this.counters.idleRounds++;
      this.#rate?.onExchange(false, now);
    }
    if (message.roots?.[Tree.keys] === this.#keys.root) this.#shared.becomeComplete(message.gc);
    if (this.#rounds.hasNews) this.#rounds.armGossip(now);
    return message;
  }

  /** @param asked whom we asked, where it is an answer */
  #answerOnStream(bytes: Uint8Array, now: number, asked?: Endpoint): Uint8Array | undefined {
    const message = this.#receive(bytes, now);
    if (message === undefined) return undefined;
    if (asked !== undefined) this.#patience.note(asked, isIdle(message));
    this.counters.streams++;
    const everything = Number.POSITIVE_INFINITY;
    return this.#exchange.answer(message, this.config.maxStreamBytes, everything, this.#wallAt(now)).bytes;
  }

  #takeBeats({ beats, shortBeats }: StateMessage, now: number): void {
    if (!this.#beats.isOn) return;
    this.counters.beatsReceived += beats.length + shortBeats.length;
    const note = (outcome: BeatOutcome) => {
      if (outcome !== "news" && outcome !== "known") this.#drop(outcome);
    };
    for (const beat of beats) note(this.#beats.takeLong(beat, now));
    for (const beat of shortBeats) note(this.#beats.takeShort(beat, now));
  }

  #collect(now: number): void {
    this.#maps.collect(now);
    // Somebody who has never met another has nobody who could bring anything back.
    const isNew = this.#heardAt === Number.NEGATIVE_INFINITY && !this.#hasPast;
    this.#aloneSince = this.#peers.isEmpty ? Math.min(this.#aloneSince, now) : Number.POSITIVE_INFINITY;
    // Whoever comes back to the last one of a pool has been away for longer than deletions are remembered.
    const isAlone = now - this.#aloneSince >= this.config.tombstoneGraceMs;
    this.#shared.collect(this.#wallAt(now), this.#isInTouch(now) || isNew || isAlone);
  }

  #isInTouch(now: number): boolean {
    return now - this.#heardAt < this.config.tombstoneGraceMs / 2;
  }

  #wishStream(to: Endpoint, missed: Missed, now: number): void {
    const { streamThresholdBytes, streamTimeoutMs } = this.config;
    const isReunion = now < this.#reunionUntil;
    const threshold = isReunion ? Math.min(reunionThresholdBytes, streamThresholdBytes) : streamThresholdBytes;
    const bytes = isReunion ? missed.bytes + missed.unseenBytes : missed.bytes;
    if (!missed.oversize && bytes <= threshold) return;
    // A driver that never reports an end does not stop us for good.
    if (this.#stream !== undefined && now < this.#stream.until) return;
    if (!this.#patience.allows(to)) return;
    const id = ++this.#streamId;
    this.#stream = { id, to, places: missed.places(maxStreamPlaces, isReunion), until: now + 2 * streamTimeoutMs };
    this.#streams.push({ id, to, timeoutMs: streamTimeoutMs });
  }

  #send(to: Endpoint, bytes: Uint8Array): void {
    if (this.#outbox.length >= maxOutbox) this.#drop("outbox-full");
    else this.#outbox.push({ to, bytes });
  }

  #onShared(entry: SharedEntry, before: Uint8Array | null): void {
    this.#keys.set(entry.key, entry.hash);
    const { key, writer, ms, count, value } = entry;
    const after = entry.dead ? null : value;
    if (before === null && after === null) return;
    this.#emit({ type: "shared-change", key, before, after, writer, stamp: { ms, count }, isLocal: this.#isLocal });
  }

  #emit(event: StateEvent): void {
    if (this.#events.length >= this.config.maxEvents) {
      this.#events.shift();
      this.#lostEvents++;
    }
    this.#events.push(event);
  }

  #drop(reason: StateDropReason): void {
    this.counters.drops.set(reason, (this.counters.drops.get(reason) ?? 0) + 1);
  }
}

/** Neither tells anything nor asks for it. */
function isIdle({ ownerWants, keyWants, deltas, writes }: StateMessage): boolean {
  return ownerWants.length + keyWants.length + deltas.length + writes.length === 0;
}

function asSharedKey({ key, value, writer, ms, count, ttlMs, dead }: SharedEntry): SharedKey | undefined {
  return dead || value === null ? undefined : { key, value, writer, stamp: { ms, count }, ttlMs };
}
