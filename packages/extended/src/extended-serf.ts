/**
 * Serf, and beside it what only Hearsay nodes tell each other: the whole machine of a node. It has Serf's verbs, drains it inside
 * its own handlers, and tells the extensions who is here; what they want sent goes out as messages of Serf's detector, so that
 * framing, encryption and labels are the pool's. Members of other makes get none of it.
 *
 *     packets ──> Serf ──extension-message──> Extensions (state, counters, aggregates, heartbeats)
 *                   │<──────sendExtension────────┘ ▲
 *                   └── member events: who is here ─┘
 *
 * Without `extensions` it is Serf and no more. Pure: see `Machine` in `@hearsay/core` for the contract.
 */
import {
  type Codec,
  type DropReason,
  type Endpoint,
  Fifo,
  formatEndpoint,
  type KnownPool,
  type Machine,
  MessageType,
  type StreamFailure,
  type StreamMessage,
  type StreamReply,
  type StreamRequest,
  type Swim,
  type Transmit,
} from "@hearsay/core";
import {
  type JoinOptions,
  type KeyOperation,
  type QueryTicket,
  type QueryWish,
  Serf,
  type SerfEvent,
  type SerfMember,
  type Tags,
} from "@hearsay/serf";
import type {
  AggregateEstimate,
  AggregateSettings,
  CounterTable,
  PhiInspection,
  ReplicatedState,
} from "@hearsay/state";
import { capabilitiesOf, withCapabilities } from "./capabilities.ts";
import { envelopeType } from "./envelope.ts";
import { ExtensionStreams } from "./extension-streams.ts";
import { Extensions } from "./extensions.ts";
import type { ExtendedEvent, ExtendedOptions, ExtensionDropReason } from "./types.ts";

/** How late what is beyond Serf may be even where somebody waits for it, so that nodes share wake-ups: ms. */
const slackMs = 50;
/** What a user message in a packet needs beside itself: the message's type, a checksum, and room to spare. */
const framingBytes = 16;
/** Waiting reports of refusals; a flood is counted but not told one by one. */
const maxWaitingDrops = 1024;

export class ExtendedSerf implements Machine<ExtendedEvent> {
  /** To look in; wishes go through this machine. */
  readonly serf: Serf;
  readonly codec: Codec;
  readonly #extensions: Extensions | undefined;
  readonly #streams: ExtensionStreams;
  readonly #events = new Fifo<ExtendedEvent>();
  readonly #accuses: boolean;
  readonly #wallOffsetMs: number;
  #now = 0;
  #hasLeft = false;

  /** Throws as `Serf` does; RangeError for settings of the extensions out of their range; CounterError. */
  constructor({ extensions, ...options }: ExtendedOptions) {
    this.codec = options.codec;
    this.#wallOffsetMs = extensions?.wallOffsetMs ?? 0;
    this.#accuses = extensions?.detector === "phi";
    const tags = options.tags ?? {};
    this.serf = new Serf({
      ...options,
      tags: extensions ? withCapabilities(tags) : tags,
      extensions: extensions !== undefined,
      ...(this.#accuses ? { isJudgedElsewhere: (name) => this.#hears(name) } : {}),
    });
    if (extensions) {
      const { maxPacketBytes } = options.config;
      this.#extensions = new Extensions(extensions, {
        name: options.name,
        rng: options.rng.fork("extensions"),
        maxMessageBytes: maxPacketBytes - options.codec.packetOverhead() - framingBytes,
        onDrop: (reason, from) => this.#drop(reason, from),
        onEvent: (event) => this.#events.push(event),
        onSilent: (name, phi, silentMs) => this.#onSilent(name, phi, silentMs),
      });
    }
    this.#streams = new ExtensionStreams(this.codec, this.#extensions);
  }

  get name(): string {
    return this.serf.name;
  }

  /** The failure detector within. For looking in. */
  get swim(): Swim {
    return this.serf.swim;
  }

  /** Whether anything beyond Serf is spoken. */
  get isExtended(): boolean {
    return this.#extensions !== undefined;
  }

  /** Replicated state. To look in; writes go through this machine. RangeError without extensions. */
  get state(): ReplicatedState {
    return this.#required.state;
  }

  /** The counters. To look in, and to merge what a disk kept before `start`. RangeError without extensions. */
  get counters(): CounterTable {
    return this.#required.counters;
  }

  /** Messages beyond Serf's that went by packet so far. Undefined without extensions. */
  get traffic(): Extensions["traffic"] | undefined {
    return this.#extensions?.traffic;
  }

  // Wishes beyond Serf's; all throw RangeError without extensions

  /** See `ReplicatedState.set`. */
  setState(key: string, value: Uint8Array, now: number, ttlMs?: number): void {
    this.#extend(now, ({ state }) => state.set(key, value, now, ttlMs));
  }

  deleteState(key: string, now: number): boolean {
    return this.#extend(now, ({ state }) => state.delete(key, now));
  }

  /** See `ReplicatedState.setShared`. */
  setShared(key: string, value: Uint8Array, now: number, ttlMs?: number): void {
    this.#extend(now, ({ state }) => state.setShared(key, value, now, ttlMs));
  }

  deleteShared(key: string, now: number): boolean {
    return this.#extend(now, ({ state }) => state.deleteShared(key, now));
  }

  /** See `ReplicatedState.restoreShared`. */
  restoreShared(snapshot: Uint8Array, now: number): number {
    return this.#extend(now, ({ state }) => state.restoreShared(snapshot, now));
  }

  /** See `CounterTable.add`. */
  addTo(counter: string, amount: number, now: number): void {
    this.#extend(now, ({ counters }) => counters.add(counter, amount));
  }

  /** See `Aggregates.open`. */
  openAggregate(
    name: string,
    source: () => number | undefined,
    now: number,
    settings: Partial<AggregateSettings> = {},
  ): void {
    this.#extend(now, ({ aggregates }) => aggregates.open(name, source, now, settings));
  }

  closeAggregate(name: string): boolean {
    return this.#required.aggregates.close(name);
  }

  aggregates(): readonly string[] {
    return this.#required.aggregates.names();
  }

  /** The best there is; see `Aggregate.estimate`. */
  estimate(name: string, now: number): AggregateEstimate | undefined {
    return this.#required.aggregates.estimate(name, now);
  }

  /** What is known of a member's heartbeats; undefined when none was heard. */
  phi(name: string, now: number): PhiInspection | undefined {
    return this.#extensions?.heartbeats.inspect(name, now);
  }

  /** What was refused beyond Serf, how often, beside what `swim.counters` has. */
  extensionDrops(): Record<string, number> {
    return this.#extensions?.drops() ?? {};
  }

  /** What the wall clock says, whenever it was set. @param wallMs ms since 1970 */
  setWallClock(wallMs: number, now: number): void {
    this.#extensions?.state.setWallClock(wallMs, now);
  }

  // Serf's wishes

  /** @param known see `Serf.start`; what its members hold beyond Serf is learnt from them */
  start(now: number, known?: KnownPool): void {
    this.#now = now;
    this.serf.start(now, known);
    this.#extensions?.heartbeats.start(now, now + this.#wallOffsetMs);
    this.#drain();
  }

  join(to: Endpoint, now: number, options: JoinOptions = {}): number {
    return this.#wish(now, () => this.serf.join(to, now, options));
  }

  joined(now: number): void {
    this.#wish(now, () => this.serf.joined(now));
  }

  leave(now: number): void {
    this.#wish(now, () => this.serf.leave(now));
  }

  forceLeave(name: string, prune: boolean, now: number): number {
    return this.#wish(now, () => this.serf.forceLeave(name, prune, now));
  }

  /** New tags; what we can stays among them. See `Serf.setTags`. */
  setTags(tags: Tags, now: number): number {
    return this.#wish(now, () => this.serf.setTags(this.#extensions ? withCapabilities(tags) : tags, now));
  }

  userEvent(name: string, payload: Uint8Array | null, coalesce: boolean, now: number): number {
    return this.#wish(now, () => this.serf.userEvent(name, payload, coalesce, now));
  }

  query(wish: QueryWish, now: number): QueryTicket {
    return this.#wish(now, () => this.serf.query(wish, now));
  }

  endQuery(handle: number, now: number): void {
    this.#wish(now, () => this.serf.endQuery(handle, now));
  }

  respond(lTime: number, id: number, payload: Uint8Array, now: number): void {
    this.#wish(now, () => this.serf.respond(lTime, id, payload, now));
  }

  keys(operation: KeyOperation, key: Uint8Array | undefined, now: number): number {
    return this.#wish(now, () => this.serf.keys(operation, key, now));
  }

  setHealthy(healthy: boolean): void {
    this.serf.setHealthy(healthy);
    this.#drain();
  }

  // From outside

  handlePacket(from: Endpoint, bytes: Uint8Array, now: number): void {
    this.#now = now;
    this.serf.handlePacket(from, bytes, now);
    this.#drain();
  }

  handleTimeout(now: number): void {
    this.#now = now;
    this.serf.handleTimeout(now);
    // First what the detector learnt: whom it lost need not be spoken to.
    this.#drain();
    if (this.#hasLeft) return;
    this.#extensions?.handleTimeout(now);
    this.#drain();
  }

  handleSendFailure(to: Endpoint, now: number): void {
    this.#wish(now, () => this.serf.handleSendFailure(to, now));
  }

  handleStreamRequest(from: Endpoint, message: StreamMessage, now: number): StreamReply {
    this.#now = now;
    const isOurs =
      this.#extensions && message.type === MessageType.user && message.payload[0] === envelopeType && !this.#hasLeft;
    const reply = isOurs
      ? this.#streams.onRequest(from, message.payload, now)
      : this.serf.handleStreamRequest(from, message, now);
    this.#drain();
    return reply;
  }

  handleStreamRequestError(from: Endpoint, reason: DropReason, now: number): StreamReply {
    return this.#wish(now, () => this.serf.handleStreamRequestError(from, reason, now));
  }

  streamPayload(id: number, now: number): Uint8Array | undefined {
    if (this.#streams.has(id)) return this.#hasLeft ? undefined : this.#streams.payload(id);
    return this.#wish(now, () => this.serf.streamPayload(id, now));
  }

  handleStreamReply(id: number, message: StreamMessage, now: number): void {
    this.#wish(now, () => {
      if (this.#streams.has(id)) this.#streams.onReply(id, message, now);
      else this.serf.handleStreamReply(id, message, now);
    });
  }

  handleStreamEnd(id: number, reason: StreamFailure | undefined, now: number): void {
    this.#wish(now, () => {
      if (this.#streams.has(id)) this.#streams.onEnd(id);
      else this.serf.handleStreamEnd(id, reason, now);
    });
  }

  // To outside

  pollTransmit(out: Transmit): boolean {
    if (this.serf.pollTransmit(out)) return true;
    // That may have used up broadcasts, which somebody waits for.
    this.#drain();
    return this.serf.pollTransmit(out);
  }

  pollStream(): StreamRequest | undefined {
    return this.serf.pollStream() ?? this.#streams.poll();
  }

  pollEvent(): ExtendedEvent | undefined {
    return this.#events.shift();
  }

  nextDeadline(): number {
    return Math.min(this.serf.nextDeadline(), this.#extensionDeadline);
  }

  latestWake(): number {
    return Math.min(this.serf.latestWake(), this.#extensionsBy(slackMs));
  }

  /** Serf's deadlines to the moment; what is beyond it, and in no hurry, goes along with them or with a packet. */
  latestWakeAlone(): number {
    return Math.min(this.serf.nextDeadline(), this.#extensionsBy(0));
  }

  // Within

  get #required(): Extensions {
    if (this.#extensions === undefined) throw new RangeError("extensions: not spoken by this machine");
    return this.#extensions;
  }

  get #extensionDeadline(): number {
    return this.#extensions && !this.#hasLeft ? this.#extensions.nextDeadline() : Number.POSITIVE_INFINITY;
  }

  #extensionsBy(slackMs: number): number {
    return this.#extensions && !this.#hasLeft ? this.#extensions.latestWake(slackMs) : Number.POSITIVE_INFINITY;
  }

  #wish<T>(now: number, wish: () => T): T {
    this.#now = now;
    const result = wish();
    this.#drain();
    return result;
  }

  #extend<T>(now: number, wish: (extensions: Extensions) => T): T {
    const extensions = this.#required;
    return this.#wish(now, () => wish(extensions));
  }

  #drain(): void {
    for (let event = this.serf.pollEvent(); event; event = this.serf.pollEvent()) this.#onSerfEvent(event);
    const extensions = this.#extensions;
    if (extensions === undefined) return;
    extensions.drain();
    if (this.#hasLeft) return;
    for (let packet = extensions.pollPacket(); packet; packet = extensions.pollPacket()) {
      this.serf.sendExtension(packet.to, packet.bytes, this.#now);
    }
  }

  #onSerfEvent(event: SerfEvent): void {
    switch (event.type) {
      case "extension-message":
        if (!this.#hasLeft) this.#extensions?.handleMessage(event.payload, event.from, this.#now);
        return;
      case "member-join":
      case "member-leave":
      case "member-failed":
      case "member-update":
        this.#onMember(event.member);
        break;
      case "member-reap":
        this.#extensions?.removePeer(event.member.name, true);
        break;
      case "left-pool":
        this.#hasLeft = true;
        break;
      default:
    }
    this.#events.push(event);
  }

  #onMember({ name, endpoint, tags, status }: SerfMember): void {
    if (this.#extensions === undefined || name === this.name) return;
    const can = capabilitiesOf(tags);
    const alive = status === "alive" || status === "leaving";
    if (can !== "") this.#extensions.setPeer({ name, endpoint, can, alive }, this.#now);
    else this.#extensions.removePeer(name, false);
  }

  /**
   * Whether the member's silence would be noticed: it has been heard, and is not suspected already. One that stays suspected
   * though it lives, because its heartbeats are lost on the way, is left to the probes; so are all when all are silent.
   */
  #hears(name: string): boolean {
    const { heartbeats } = this.#required;
    return !heartbeats.isDeaf(this.#now) && heartbeats.inspect(name, this.#now)?.suspected === false;
  }

  #onSilent(name: string, phi: number, silentMs: number): void {
    this.#events.push({ type: "phi-suspect", name, phi, silentMs });
    if (this.#accuses) this.serf.accuse(name, { phi, silentMs }, this.#now);
  }

  #drop(reason: ExtensionDropReason, from: Endpoint | undefined): void {
    const { drops } = this.swim.counters;
    drops[reason] = (drops[reason] ?? 0) + 1;
    if (this.#events.length < maxWaitingDrops) {
      this.#events.push({ type: "dropped", reason, peer: from ? formatEndpoint(from) : "" });
    }
  }
}
