/**
 * Serf: the whole machine around the failure detector. It has the detector's verbs and drains it inside its own handlers,
 * because an event below may become a message above. It hands on what comes to the part whose story it is:
 * `membership.ts` (statuses and intents), `user-events.ts`, `queries.ts`, `responses.ts`, `asker.ts` (what we ask),
 * `coordinates.ts`, `state-exchange.ts`, `leave.ts`.
 * Pure: see `Machine` in `@hearsay/core` for the contract.
 */
import {
  addressText,
  type Codec,
  type DropReason,
  type Endpoint,
  type Evidence,
  emptyBytes,
  Fifo,
  formatEndpoint,
  type KnownPool,
  type Machine,
  type MemberView,
  NameTable,
  type StreamFailure,
  type StreamMessage,
  type StreamReply,
  type StreamRequest,
  Swim,
  type SwimEvent,
  type Transmit,
} from "@hearsay/core";
import { Reader } from "@hearsay/wire";
import { Asker } from "./asker.ts";
import { type SerfConfig, serfDefaults } from "./config.ts";
import { type Coordinate, freshCoordinate } from "./coordinate.ts";
import { Coordinates } from "./coordinates.ts";
import { readJoin, readLeave } from "./decode.ts";
import { encodeJoin, encodeLeave } from "./encode.ts";
import { SerfError } from "./errors.ts";
import { LeaveSequence } from "./leave.ts";
import { MemberViews } from "./member-views.ts";
import { Status } from "./members.ts";
import { Membership } from "./membership.ts";
import { SerfType } from "./messages.ts";
import { Peers } from "./peers.ts";
import { Queries } from "./queries.ts";
import { Responses } from "./responses.ts";
import { StateExchange } from "./state-exchange.ts";
import { encodeTags, type Tags } from "./tags.ts";
import type {
  KeyOperation,
  QueryTicket,
  QueryWish,
  RestoredPast,
  SerfDropReason,
  SerfEvent,
  SerfInspection,
  SerfMember,
  SerfOptions,
  SerfStats,
} from "./types.ts";
import { maxUserEventBytes, UserEvents } from "./user-events.ts";

const minProtocol = 2;
const maxProtocol = 5;

/** The detector's queues for user messages, most urgent first. */
const Queue = { intents: 0, queries: 1, events: 2 } as const;

/** From here up types are of no message of Serf's, now or to come. */
const firstExtensionType = 0xe0;

/** Longest name an intent may be about: UTF-16 units. */
const maxNameLength = 255;

/**
 * Largest Serf message taken: bytes. All of them travel in packets; by a stream, which nobody uses, they could have tens of
 * megabytes, and thousands of queries and answers are kept for a while.
 */
const maxMessageBytes = 0xffff;

/** Bytes a gossiped message costs beside itself: the compound header, its entry, and the mark of a user message. */
const gossipOverhead = 5;

/** How late a look for members to forget may be: ms. */
const reapSlackMs = 1000;

/** Waiting reports of refusals; a flood is counted but not told one by one. */
const maxWaitingDrops = 1024;

export interface JoinOptions {
  /** Take no user events that happened before the join (Serf's `ignoreOld`; the CLI's flag `-replay` is its negation). */
  readonly ignoreOldEvents?: boolean;
}

export class Serf implements Machine<SerfEvent> {
  /** The failure detector within. For looking in; its wishes go through this machine. */
  readonly swim: Swim;
  readonly codec: Codec;
  readonly #config: SerfConfig;
  readonly #protocol: number;
  readonly #maxPassOnBytes: () => number;
  readonly #membership: Membership;
  readonly #userEvents: UserEvents;
  readonly #queries: Queries;
  readonly #responses: Responses;
  readonly #exchange: StateExchange;
  readonly #leave: LeaveSequence;
  readonly #asker: Asker;
  readonly #views: MemberViews;
  readonly #endpoint: Endpoint;
  readonly #takesExtensions: boolean;
  readonly #coordinates: Coordinates | undefined;
  readonly #events = new Fifo<SerfEvent>();
  /** Joins under way whose pool's past is not wanted. */
  readonly #joinsIgnoringOld = new Set<number>();
  /** Broadcasts whose end the caller is told of. */
  readonly #awaited = new Set<number>();
  #tags: Tags;
  #leaveIntent: Uint8Array = emptyBytes;
  #reapAt = Number.POSITIVE_INFINITY;
  #now = 0;
  /** Numbers of broadcasts that nobody had to hear; the detector's are positive. */
  #unheardId = 0;

  /** Throws SerfError "tags-too-long" or "protocol-version"; RangeError for a user event limit over 9216. */
  constructor(options: SerfOptions) {
    const {
      tags = {},
      protocol = maxProtocol,
      serfConfig,
      keyring,
      restored,
      coordinates = true,
      extensions = false,
      ...swimOptions
    } = options;
    if (!Number.isInteger(protocol) || protocol < minProtocol || protocol > maxProtocol) {
      throw new SerfError(
        "protocol-version",
        `Protocol version '${protocol}' must be in range: [${minProtocol}, ${maxProtocol}]`,
      );
    }
    // One setting for both layers: the detector tries a lost member for as long as we remember it.
    const reconnectTimeoutMs = serfConfig?.reconnectTimeoutMs ?? options.config.reconnectTimeoutMs;
    const config: SerfConfig = { ...serfDefaults, ...serfConfig, reconnectTimeoutMs };
    if (config.userEventSizeLimit > maxUserEventBytes) {
      throw new RangeError(`user event size limit exceeds limit of ${maxUserEventBytes} bytes`);
    }
    const names = options.names ?? new NameTable();
    this.#config = config;
    this.#protocol = protocol;
    this.#takesExtensions = extensions;
    this.#tags = { ...tags };
    this.swim = new Swim({
      ...swimOptions,
      config: { ...options.config, reconnectTimeoutMs },
      names,
      meta: encodeTags(tags, protocol),
      delegateVersions: [minProtocol, maxProtocol, protocol],
      maxUserQueue: config.maxQueueDepth,
      localState: () => this.#exchange.encodeLocal(),
      ...(coordinates ? { ackPayload: () => this.#coordinates!.payload() } : {}),
    });
    if (coordinates) this.#coordinates = new Coordinates(options.name, options.rng.fork("serf-coordinates"));
    this.codec = options.codec;
    this.#endpoint = { address: addressText(options.addr), port: options.port };
    this.#maxPassOnBytes = () => options.config.maxPacketBytes - options.codec.packetOverhead() - gossipOverhead;
    const onDrop = (reason: SerfDropReason) => this.#drop(reason);
    this.#membership = new Membership(options.name, names, config, options.config.maxMembers, {
      onMember: (type, id, view) => {
        const member = this.#views.of(id, view);
        if (type === "member-reap") this.#coordinates?.forget(member.name);
        this.#events.push({ type, member });
      },
      onAccused: () => this.#broadcastJoin(),
      onUnwanted: (name) => this.swim.forget(name),
    });
    this.#views = new MemberViews(this.#membership.members, this.swim);
    this.#userEvents = new UserEvents(config.eventBuffer, config.maxEventBytes, {
      onUserEvent: (event) => this.#events.push(event),
      passOn: (message) => this.#passOn(message, Queue.events),
      onDrop,
    });
    const peers = new Peers({ all: () => this.swim.members(), find: (name) => this.swim.member(name) });
    const relayRng = options.rng.fork("serf-relays");
    this.#responses = new Responses(options.name, relayRng, config.queryResponseSizeLimit, peers, {
      send: (to, message) => this.#send(to, message),
      memberCount: () => this.#membership.members.length,
      isPresent: (member) => this.#isPresent(member),
      maxMessageBytes: this.#maxPassOnBytes,
      maxDirectBytes: () => this.swim.maxUserBytes,
      onDrop,
    });
    this.#queries = new Queries(options.name, config.queryBuffer, this.#responses, {
      onQuery: (event) => this.#events.push(event),
      passOn: (message) => this.#passOn(message, Queue.queries),
      onDrop,
      tags: () => this.#tags,
      record: (name) => this.#views.record(name),
      keyring,
    });
    this.#asker = new Asker({
      name: options.name,
      addr: options.addr.slice(),
      endpoint: this.#endpoint,
      protocol,
      config,
      gossipIntervalMs: options.config.gossipIntervalMs,
      rng: options.rng.fork("serf-queries"),
      swim: this.swim,
      queries: this.#queries,
      maxMessageBytes: this.#maxPassOnBytes,
      onEvent: (event) => this.#events.push(event),
      onDrop,
    });
    if (restored) this.#restore(restored);
    this.#exchange = new StateExchange({
      membership: this.#membership,
      userEvents: this.#userEvents,
      queries: this.#queries,
      maxMembers: options.config.maxMembers,
      isName,
      onDrop,
    });
    this.#leave = new LeaveSequence(
      {
        broadcastIntent: () => this.#gossip(this.#leaveIntent, Queue.intents),
        leaveDetector: (now) => this.swim.leave(now),
        onLeft: () => this.#events.push({ type: "left-pool" }),
      },
      config.broadcastTimeoutMs,
      config.leavePropagateMs,
    );
  }

  get name(): string {
    return this.swim.name;
  }

  // Wishes

  /** @param known see `Swim.start`: its members are told of as joined, and nobody else is. */
  start(now: number, known?: KnownPool): void {
    this.#now = now;
    this.#reapAt = now + this.#config.reapIntervalMs;
    this.swim.start(now, known);
    if (known) for (const member of this.swim.members()) this.#membership.onAlive(member, now);
    this.#drain();
  }

  /**
   * Joins the pool of `to`; a `join-result` event with the returned number tells the outcome. Call `joined` once when
   * one or more of a set of joins have succeeded. Throws SerfError "not-alive" while leaving.
   */
  join(to: Endpoint, now: number, options: JoinOptions = {}): number {
    this.#requireAlive("Serf can't Join after Leave or Shutdown");
    this.#now = now;
    const id = this.swim.join(to, now);
    if (options.ignoreOldEvents) this.#joinsIgnoringOld.add(id);
    this.#drain();
    return id;
  }

  /** Tells the pool that we are here to stay: it may remember us as left or leaving. Nothing once we leave ourselves. */
  joined(now: number): void {
    if (this.#leave.phase !== "none") return;
    this.#now = now;
    this.#broadcastJoin();
    this.#drain();
  }

  /**
   * Leaves gracefully; `left-pool` follows, at most two broadcast timeouts and a propagation delay later. Throws
   * SerfError "leave-in-progress"; after `left-pool` it does nothing.
   */
  leave(now: number): void {
    if (this.#leave.phase === "done") return;
    if (this.#leave.phase !== "none") throw new SerfError("leave-in-progress", "Leave already in progress");
    this.#now = now;
    this.#membership.leaving = true;
    this.#leaveIntent = this.#declareLeft(this.name, false);
    this.#leave.begin(this.swim.aliveCount <= 1, now);
    this.#drain();
  }

  /**
   * Declares a member left: a failed one at once, a live one unless it objects. With `prune` it is erased as well.
   * Returns the number that comes back in `broadcast-done`. Of an unknown name the pool is told all the same.
   */
  forceLeave(name: string, prune: boolean, now: number): number {
    this.#now = now;
    const intent = this.#declareLeft(name, prune);
    let id: number;
    if (this.swim.aliveCount > 1) {
      id = this.#gossip(intent, Queue.intents);
      this.#awaited.add(id);
    } else {
      id = --this.#unheardId;
      this.#events.push({ type: "broadcast-done", id });
    }
    this.#drain();
    return id;
  }

  /**
   * New tags, in place of the old ones. Returns the number that comes back in `broadcast-done`. Throws SerfError
   * "tags-too-long" before anything changed.
   */
  setTags(tags: Tags, now: number): number {
    const meta = encodeTags(tags, this.#protocol);
    this.#now = now;
    this.#tags = { ...tags };
    const id = this.swim.updateMeta(meta, now);
    this.#awaited.add(id);
    this.#drain();
    return id;
  }

  /**
   * Tells everybody, ourselves included: `user-event`. Returns the event's Lamport time. `payload` is copied. Throws
   * SerfError "event-too-long", also for what no packet can carry.
   */
  userEvent(name: string, payload: Uint8Array | null, coalesce: boolean, now: number): number {
    this.#now = now;
    const limits = { limit: this.#config.userEventSizeLimit, packetLimit: this.#maxPassOnBytes() };
    const lTime = this.#userEvents.originate(name, payload, coalesce, limits, now);
    this.#drain();
    return lTime;
  }

  /**
   * Asks everybody, or those whom the filters name: `query-ack` and `query-response` tell of the answers, `query-done` of
   * the end. Throws SerfError "query-too-long", "query-filter", "too-many-queries", "unsupported".
   */
  query(wish: QueryWish, now: number): QueryTicket {
    this.#now = now;
    const ticket = this.#asker.query(wish, now);
    this.#drain();
    return ticket;
  }

  /** Takes no more answers to a query of ours; no event follows. Nothing for one that has ended. */
  endQuery(handle: number, now: number): void {
    this.#now = now;
    this.#asker.end(handle);
  }

  /**
   * Answers a query that a `query` event told of. Throws SerfError "response-too-long" (it can still be answered),
   * "response-sent", "response-late".
   */
  respond(lTime: number, id: number, payload: Uint8Array, now: number): void {
    this.#now = now;
    this.#queries.answerable.respond(lTime, id, payload, now);
    this.#drain();
  }

  /**
   * Changes the keys of everybody, or asks for them: `key-result` tells what came of it. One at a time.
   * @param key 16, 24 or 32 bytes; not for "list". Throws SerfError "key-operation-busy", "query-too-long", "unsupported",
   * "too-many-queries".
   */
  keys(operation: KeyOperation, key: Uint8Array | undefined, now: number): number {
    this.#now = now;
    const handle = this.#asker.keys(operation, key, now);
    this.#drain();
    return handle;
  }

  /**
   * A message of a type from 0xE0 up straight to `to`, by packet, without a guarantee: for members that are known to take it.
   * `message` is copied.
   */
  sendExtension(to: Endpoint, message: Uint8Array, now: number): void {
    this.#now = now;
    this.swim.sendUser(to, message, now);
  }

  /** Another failure detector's verdict: see `Swim.accuse`. */
  accuse(name: string, silence: { readonly phi: number; readonly silentMs: number }, now: number): boolean {
    this.#now = now;
    const news = this.swim.accuse(name, silence, now);
    this.#drain();
    return news;
  }

  /** Unhealthy: answer no probes and refute no accusation, so that the others take this node out. Healthy: come back. */
  setHealthy(healthy: boolean): void {
    this.swim.setHealthy(healthy);
    this.#drain();
  }

  // Looking in

  /** Everybody known, whatever the status, in no particular order. */
  members(): SerfMember[] {
    return Array.from(this.#membership.members.ids(), (id) => this.#views.of(id, undefined));
  }

  member(name: string): SerfMember | undefined {
    const id = this.#membership.members.find(name);
    return id < 0 ? undefined : this.#views.of(id, undefined);
  }

  /** Ourselves; after `start`. */
  local(): SerfMember {
    const member = this.member(this.name);
    if (!member) throw new SerfError("not-alive", "not started");
    return member;
  }

  /** Our place in the network. Where one begins if it is not measured. */
  coordinate(): Coordinate {
    return this.#coordinates?.own ?? freshCoordinate();
  }

  /** A member's place as it last told us: of those that have answered a probe of ours. Our own name gives our own. */
  coordinateOf(name: string): Coordinate | undefined {
    return this.#coordinates?.of(name);
  }

  /** The evidence about a name, oldest first; also of names already forgotten. */
  why(name: string): readonly Evidence[] {
    return this.swim.why(name);
  }

  stats(): SerfStats {
    const { members } = this.#membership;
    return {
      members: members.length,
      alive: this.swim.aliveCount,
      failed: members.failed.size,
      left: members.left.size,
      healthScore: this.swim.healthScore,
      memberTime: this.#membership.clock.time,
      eventTime: this.#userEvents.clock.time,
      queryTime: this.#queries.clock.time,
      memberQueue: this.swim.queueLength("member"),
      intentQueue: this.swim.queueLength(Queue.intents),
      queryQueue: this.swim.queueLength(Queue.queries),
      eventQueue: this.swim.queueLength(Queue.events),
      flaps: this.#membership.flaps,
      coordinateResets: this.#coordinates?.resets ?? 0,
    };
  }

  /**
   * The lowest Lamport time of which user events are still taken: earlier ones are past the buffer, or from before we came.
   * Whoever remembers which events were seen need not remember any below.
   */
  get eventsFrom(): number {
    return this.#userEvents.buffer.openFrom(this.#userEvents.clock.time);
  }

  /** A plain copy of the state, for checkers and tests. */
  inspect(): SerfInspection {
    return {
      name: this.name,
      members: this.members(),
      stats: this.stats(),
      leavePhase: this.#leave.phase,
      recentIntents: this.#membership.recent.size,
      bufferedEvents: this.#userEvents.buffer.length,
      prunes: this.#membership.pruneCount,
      openQueries: this.#asker.open,
      answerable: this.#queries.answerable.length,
    };
  }

  // From outside

  handlePacket(from: Endpoint, bytes: Uint8Array, now: number): void {
    this.#now = now;
    this.swim.handlePacket(from, bytes, now);
    this.#drain();
  }

  handleTimeout(now: number): void {
    this.#now = now;
    this.swim.handleTimeout(now);
    this.#drain();
    if (now >= this.#reapAt) {
      this.#reapAt = now + this.#config.reapIntervalMs;
      this.#membership.reap(now);
    }
    if (now >= this.#membership.nextPrune) this.#membership.runPrunes(now);
    this.#leave.handleTimeout(now);
    this.#asker.handleTimeout(now);
    this.#drain();
  }

  handleSendFailure(to: Endpoint, now: number): void {
    this.#now = now;
    this.swim.handleSendFailure(to, now);
    this.#drain();
  }

  handleStreamRequest(from: Endpoint, message: StreamMessage, now: number): StreamReply {
    this.#now = now;
    const reply = this.swim.handleStreamRequest(from, message, now);
    this.#drain();
    return reply;
  }

  handleStreamRequestError(from: Endpoint, reason: DropReason, now: number): StreamReply {
    this.#now = now;
    const reply = this.swim.handleStreamRequestError(from, reason, now);
    this.#drain();
    return reply;
  }

  streamPayload(id: number, now: number): Uint8Array | undefined {
    this.#now = now;
    const payload = this.swim.streamPayload(id, now);
    this.#drain();
    return payload;
  }

  handleStreamReply(id: number, message: StreamMessage, now: number): void {
    this.#now = now;
    this.swim.handleStreamReply(id, message, now);
    this.#drain();
  }

  handleStreamEnd(id: number, reason: StreamFailure | undefined, now: number): void {
    this.#now = now;
    this.swim.handleStreamEnd(id, reason, now);
    this.#drain();
  }

  // To outside

  pollTransmit(out: Transmit): boolean {
    if (this.swim.pollTransmit(out)) return true;
    // Building packets may have used up broadcasts, which somebody waits for; and that may mean more packets.
    this.#drain();
    return this.swim.pollTransmit(out);
  }

  pollStream(): StreamRequest | undefined {
    return this.swim.pollStream();
  }

  pollEvent(): SerfEvent | undefined {
    return this.#events.shift();
  }

  nextDeadline(): number {
    return Math.min(
      this.swim.nextDeadline(),
      this.#reapAt,
      this.#membership.nextPrune,
      this.#leave.deadline,
      this.#asker.deadline,
    );
  }

  latestWake(): number {
    return Math.min(
      this.swim.latestWake(),
      this.#reapAt + reapSlackMs,
      this.#membership.nextPrune,
      this.#leave.deadline,
      this.#asker.deadline,
    );
  }

  // What the detector reports

  #drain(): void {
    for (let event = this.swim.pollEvent(); event; event = this.swim.pollEvent()) this.#onSwimEvent(event);
  }

  #onSwimEvent(event: SwimEvent): void {
    switch (event.type) {
      case "member-join":
        this.#membership.onAlive(event.member, this.#now);
        return;
      case "member-leave":
        this.#membership.onGone(event.member, this.#now);
        return;
      case "member-update":
        this.#membership.onUpdate(event.member);
        return;
      case "member-suspect":
      case "member-refuted": {
        const id = this.#membership.members.find(event.member.name);
        if (id >= 0) this.#events.push({ type: event.type, member: this.#views.of(id, event.member) });
        return;
      }
      case "user-message":
        this.#onMessage(event.payload, event.from);
        return;
      case "remote-state": {
        const ignoreOld = event.initiator && event.join && this.#joinsIgnoringOld.size > 0;
        this.#exchange.merge(event.payload, event.initiator, ignoreOld, this.#now);
        return;
      }
      case "left-pool":
        this.#leave.onDetectorLeft(this.#now);
        return;
      case "broadcast-done":
        this.#leave.onBroadcastDone(event.id, this.#now);
        // Most broadcasts are somebody else's words passed on: nobody waits for those.
        if (this.#awaited.delete(event.id)) this.#events.push(event);
        return;
      case "ping-complete":
        this.#events.push(event);
        this.#onPong(event.member, event.rttMs, event.payload);
        return;
      case "conflict":
        this.#events.push(event);
        if (event.own && this.#leave.phase === "none") this.#asker.voteOnName(this.#now);
        return;
      case "join-result":
        this.#joinsIgnoringOld.delete(event.id);
        this.#events.push(event);
        return;
      default:
        this.#events.push(event);
    }
  }

  /** A user message of the detector's is a Serf message. It is ours to keep. */
  #onMessage(message: Uint8Array, from: Endpoint | undefined): void {
    if (message.length > maxMessageBytes) {
      this.#drop("serf-too-long", from);
      return;
    }
    switch (message[0]) {
      case undefined:
        return; // Empty: Serf ignores it.
      case SerfType.leave:
      case SerfType.join:
        this.#onIntent(message, from);
        return;
      case SerfType.userEvent:
        this.#userEvents.handleMessage(message, this.#now);
        return;
      case SerfType.query:
        this.#queries.handleMessage(message, this.#now);
        return;
      case SerfType.queryResponse:
        this.#asker.handleResponse(message, this.#now);
        return;
      case SerfType.relay:
        this.#responses.handleRelay(message, this.#now);
        return;
      default:
        if (this.#takesExtensions && message[0]! >= firstExtensionType) {
          this.#events.push({ type: "extension-message", payload: message, from });
        } else this.#drop("serf-unknown-type", from);
    }
  }

  #onPong({ name, endpoint }: MemberView, rttMs: number, payload: Uint8Array | null): void {
    // Erased while its answer was under way: nobody would erase its place any more.
    if (!this.#coordinates || this.#membership.members.find(name) < 0) return;
    const outcome = this.#coordinates.onPong(name, rttMs, payload);
    if (outcome === "refused") this.#drop("serf-coordinate", endpoint);
    else if (outcome === "taken") {
      this.#events.push({ type: "coordinate", name: this.name });
      this.#events.push({ type: "coordinate", name });
    }
  }

  #onIntent(message: Uint8Array, from: Endpoint | undefined): void {
    const reader = new Reader(message, 1);
    const leave = message[0] === SerfType.leave ? readLeave(reader) : undefined;
    const intent = leave ?? readJoin(reader);
    const membership = this.#membership;
    if (!reader.ok) this.#drop("serf-malformed", from);
    else if (!isName(intent.node)) this.#drop("serf-name", from);
    else if (!membership.accepts(intent.node, intent.lTime, this.#now)) this.#drop("serf-ltime", from);
    else {
      const news = leave
        ? membership.applyLeave(leave.node, leave.lTime, leave.prune, this.#now)
        : membership.applyJoin(intent.node, intent.lTime, this.#now);
      if (news) this.#passOn(message, Queue.intents);
    }
  }

  // What we say

  /**
   * To our own address it need not go by way of the network, as it does with Serf: nobody else sees the packet, and an
   * address that cannot be reached from within, as behind a router, costs no answer.
   */
  #send(to: Endpoint, message: Uint8Array): void {
    if (to.port === this.#endpoint.port && to.address === this.#endpoint.address) this.#onMessage(message, to);
    else this.swim.sendUser(to, message, this.#now);
  }

  /** The past that a snapshot remembers is not lived through again (section 15). */
  #restore({ memberTime, eventTime, queryTime, seenEvents }: RestoredPast): void {
    const now = Number.NEGATIVE_INFINITY;
    this.#membership.clock.learn(memberTime + 1, now);
    this.#userEvents.clock.learn(eventTime + 1, now);
    this.#queries.clock.learn(queryTime + 1, now);
    // Never past the clock, which does not believe every number: else our own words would be of the past as well.
    if (eventTime > 0) {
      const { buffer, clock } = this.#userEvents;
      const known = seenEvents !== undefined && Number.isSafeInteger(seenEvents.fromTime);
      buffer.minTime = Math.min(known ? seenEvents.fromTime : eventTime + 1, clock.time);
      if (known) buffer.restore(seenEvents.hashes);
    }
    if (queryTime > 0) this.#queries.buffer.minTime = Math.min(queryTime + 1, this.#queries.clock.time);
  }

  #broadcastJoin(): void {
    const lTime = this.#membership.stampJoin(this.#now);
    this.#gossip(encodeJoin({ lTime, node: this.name }), Queue.intents);
  }

  /** Applies a leave intent of our own making; returns it encoded, for the others. */
  #declareLeft(name: string, prune: boolean): Uint8Array {
    const lTime = this.#membership.stampLeave();
    this.#membership.applyLeave(name, lTime, prune, this.#now);
    return encodeLeave({ lTime, node: name, prune });
  }

  /** Gossips a message unchanged. One that no packet can carry would only lie in the queue. */
  #passOn(message: Uint8Array, queue: 0 | 1 | 2): void {
    if (message.length > this.#maxPassOnBytes()) return;
    this.#gossip(message, queue);
  }

  /** Returns the number that `broadcast-done` will carry. */
  #gossip(message: Uint8Array, queue: 0 | 1 | 2): number {
    if (this.swim.queueLength(queue) >= this.#config.maxQueueDepth) this.#drop("serf-queue-full");
    return this.swim.broadcastUser(message, queue, this.#now);
  }

  /** Alive and not about to leave. */
  #isPresent(member: MemberView): boolean {
    const { members } = this.#membership;
    const id = members.find(member.name);
    return id >= 0 && members.status(id) === Status.alive;
  }

  #requireAlive(message: string): void {
    if (this.#leave.phase !== "none") throw new SerfError("not-alive", message);
  }

  #drop(reason: SerfDropReason, peer?: Endpoint): void {
    const { drops } = this.swim.counters;
    drops[reason] = (drops[reason] ?? 0) + 1;
    if (this.#events.length < maxWaitingDrops) {
      this.#events.push({ type: "dropped", reason, peer: peer ? formatEndpoint(peer) : "" });
    }
  }
}

function isName(name: string): boolean {
  return name !== "" && name.length <= maxNameLength;
}
