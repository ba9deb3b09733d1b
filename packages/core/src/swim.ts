/**
 * Swim: the whole machine. It hands what comes in to the part whose story it is and builds packets when polled; it decides
 * nothing itself. Pure: bytes, time and wishes in; bytes, events and a deadline out. See `machine.ts` for the contract,
 * `probe.ts` for detection, `claims.ts` for the state machine, `gossip.ts` and `push-pull.ts` for dissemination.
 */
import { noKey } from "./broadcast-queue.ts";
import { Claims, nextIncarnation } from "./claims.ts";
import type { Codec, Transmit } from "./codec.ts";
import type { DropReason } from "./drop-reason.ts";
import { addressText, type Endpoint } from "./endpoint.ts";
import type { MemberView, SwimEvent } from "./events.ts";
import type { Evidence } from "./evidence.ts";
import { Exchanges } from "./exchanges.ts";
import { Gossip } from "./gossip.ts";
import { fitsPacket, Inbox, maxFitting } from "./inbox.ts";
import type { KnownPool } from "./known-pool.ts";
import type { Ears, Machine, StreamFailure, StreamReply, StreamRequest } from "./machine.ts";
import { Merger } from "./merge.ts";
import { MemberState, MessageType, type StreamMessage } from "./messages.ts";
import { Prober } from "./probe.ts";
import { PushPuller } from "./push-pull.ts";
import { Reclaimer } from "./reclaim.ts";
import { Reconnector } from "./reconnect.ts";
import { Relays } from "./relay.ts";
import { type SendIntent, Shared, type SwimCounters, type SwimOptions } from "./shared.ts";
import { TimerKind } from "./timers.ts";

/** Lateness from which a call counts as a stall, as a share of the probe timeout: answers may have come meanwhile. */
const stallShare = 0.5;
const defaultMaxUserQueue = 4096;
/** Gossip intervals waited at most for a leave to be spread; in the LAN profile 5 s, Serf's broadcast timeout. */
const leaveRounds = 25;

export class Swim implements Machine<SwimEvent> {
  readonly codec: Codec;
  readonly #s: Shared;
  readonly #claims: Claims;
  readonly #merger: Merger;
  readonly #exchanges: Exchanges;
  readonly #prober: Prober;
  readonly #relays: Relays;
  readonly #gossip: Gossip;
  readonly #pushPuller: PushPuller;
  readonly #reconnector: Reconnector;
  readonly #reclaimer: Reclaimer;
  readonly #inbox: Inbox;
  readonly #parts: Uint8Array[] = [];
  #leaveId = 0;

  constructor(options: SwimOptions) {
    const address = addressText(options.addr);
    if (address === "") throw new RangeError(`addr: 4 or 16 bytes expected, not ${options.addr.length}`);
    if (options.name === "") throw new RangeError("name: must not be empty");
    if (options.meta && options.meta.length > 512) {
      throw new RangeError(`meta: at most 512 bytes, not ${options.meta.length}`);
    }
    const s = new Shared(options, { address, port: options.port });
    this.#s = s;
    this.codec = options.codec;
    this.#claims = new Claims(s, {
      onOwnNameElsewhere: (addr, port, incarnation, from) => this.#reclaimer.onElsewhere(addr, port, incarnation, from),
      onJoined: (id) => this.#onJoined(id),
      onGone: (id) => this.#onGone(id),
    });
    this.#merger = new Merger(s, this.#claims, (addr, port, incarnation, from) =>
      this.#reclaimer.onElsewhere(addr, port, incarnation, from),
    );
    this.#exchanges = new Exchanges(s, this.#merger);
    this.#prober = new Prober(s, this.#claims, this.#exchanges);
    this.#relays = new Relays(s);
    this.#gossip = new Gossip(s);
    this.#pushPuller = new PushPuller(s, this.#exchanges);
    this.#reconnector = new Reconnector(s, this.#exchanges, (peer, result) =>
      this.#pushPuller.onExchanged(peer, result),
    );
    this.#reclaimer = new Reclaimer(s, this.#exchanges);
    this.#inbox = new Inbox(s, this.#claims, this.#prober, this.#relays, this.#pushPuller, this.#reclaimer);
    s.onQueued = () => this.#gossip.schedule();
  }

  get name(): string {
    return this.#s.name;
  }

  /** Alive and suspect members, this node included. */
  get aliveCount(): number {
    return this.#s.table.aliveCount;
  }

  /** Every member remembered, the dead and left included. */
  get memberCount(): number {
    return this.#s.table.length;
  }

  /** 0 is healthy (Lifeguard's local health multiplier). */
  get healthScore(): number {
    return this.#s.awareness.score;
  }

  /** Live counters; read, do not write. */
  get counters(): Readonly<SwimCounters> {
    const { counters, table } = this.#s;
    counters.packetsReceived += table.names.hearing.takeCount(table.listener);
    return counters;
  }

  get ears(): Ears {
    const { names, listener } = this.#s.table;
    return { names, listener };
  }

  // Wishes

  /**
   * @param known begin with this pool instead of alone: its members are taken to be alive, nobody is told, and this node,
   * which must be one of them, goes on with the incarnation it has there.
   */
  start(now: number, known?: KnownPool): void {
    const s = this.#s;
    if (s.selfId >= 0) throw new Error("start: already started");
    s.now = now;
    if (known) {
      s.table.load(known, s.rng.ring, now);
      s.selfId = s.table.find(s.name);
      if (s.selfId < 0) throw new RangeError(`known: ${s.name} is not in it`);
      s.incarnation = s.table.incarnation(s.selfId);
    } else {
      s.incarnation = 1;
      this.#announce(s.meta, 0);
      s.selfId = s.table.find(s.name);
    }
    this.#prober.start();
    this.#pushPuller.start();
  }

  /** Joins the pool of `to` with a push/pull. The outcome is a `join-result` event with the returned number. */
  join(to: Endpoint, now: number): number {
    this.#enter(now);
    const id = this.#s.nextId();
    this.#exchanges.pushPull(to, true, (error, result) => {
      if (result && result.refused === undefined) this.#pushPuller.onExchanged(to, result);
      this.#s.events.push({ type: "join-result", id, to, error });
    });
    return id;
  }

  /** Tells the pool that this node leaves. `left-pool` follows when it has been spread, or cannot be. Then close. */
  leave(now: number): void {
    this.#enter(now);
    const s = this.#s;
    if (s.leaving) return;
    s.leaving = true;
    this.#reclaimer.stop();
    const alone = s.table.aliveCount <= 1;
    this.#leaveId = s.nextId();
    this.#claims.leave(this.#leaveId);
    if (alone) {
      this.#leaveId = 0;
      s.events.push({ type: "left-pool" });
    } else {
      s.timers.set(TimerKind.leave, 0, now + leaveRounds * s.config.gossipIntervalMs);
    }
  }

  /** New meta, at most 512 bytes (RangeError). The number comes back in `broadcast-done`. */
  updateMeta(meta: Uint8Array, now: number): number {
    if (meta.length > 512) throw new RangeError(`meta: at most 512 bytes, not ${meta.length}`);
    this.#enter(now);
    const s = this.#s;
    const id = s.nextId();
    s.meta = meta.slice();
    if (s.leaving || s.table.aliveCount <= 1) s.events.push({ type: "broadcast-done", id });
    if (s.leaving) return id;
    s.incarnation = nextIncarnation(s.incarnation);
    // Nobody has accused us of this one yet.
    s.admitted = -1;
    this.#announce(s.meta, s.table.aliveCount <= 1 ? 0 : id);
    return id;
  }

  /**
   * Gossips a user message to everyone; members hand it to their own layer above, who passes it on. Queue 0 goes before
   * 1 before 2. The number comes back in `broadcast-done`. `payload` is copied. Of more than `maxUserQueue` in one queue the
   * most often sent are given up, which counts as done.
   */
  broadcastUser(payload: Uint8Array, queue: 0 | 1 | 2, now: number): number {
    this.#enter(now);
    const s = this.#s;
    const id = s.nextId();
    s.userQueue(queue).queue(s.codec.encode({ type: MessageType.user, payload }), noKey, 0, id);
    s.userQueue(queue).prune(s.options.maxUserQueue ?? defaultMaxUserQueue);
    this.#gossip.schedule();
    return id;
  }

  /** The largest message that `sendUser` sends: bytes. More than what is gossiped may have, which must share a packet. */
  get maxUserBytes(): number {
    return maxFitting(this.codec);
  }

  /**
   * One user message straight to `to`, by packet, without a guarantee. `payload` is copied. What no packet can carry is
   * dropped ("message-too-large"), because peers can make the layer above send for them.
   */
  sendUser(to: Endpoint, payload: Uint8Array, now: number): void {
    this.#enter(now);
    if (!fitsPacket(this.codec, payload.length)) {
      this.#s.drop("message-too-large", to);
      return;
    }
    this.#s.send(to, { type: MessageType.user, payload: payload.slice() }, false, false);
  }

  /** One user message to `to` on a stream: for what no packet can carry. `payload` is kept until sent. */
  sendUserStream(to: Endpoint, payload: Uint8Array, now: number): void {
    this.#enter(now);
    this.#exchanges.sendUser(to, payload, () => {});
  }

  /**
   * Another failure detector's verdict: `name` is suspected, as after a failed probe, or its suspicion confirmed. Whether
   * that made a difference.
   * @param silence what speaks against it, for the evidence: how strongly, and how long it has been silent, ms
   */
  accuse(name: string, silence: { readonly phi: number; readonly silentMs: number }, now: number): boolean {
    this.#enter(now);
    const s = this.#s;
    const id = s.table.find(name);
    if (id < 0 || id === s.selfId || s.leaving || !s.table.isAliveOrSuspect(id)) return false;
    const incarnation = s.table.incarnation(id);
    s.evidence(name, { type: "silent", at: now, incarnation, ...silence });
    return this.#claims.applySuspect(incarnation, name, s.name, undefined) === "accepted";
  }

  /** Unhealthy: answer no probes and refute no accusation, so that the others take this node out. Healthy: come back. */
  setHealthy(healthy: boolean): void {
    this.#s.healthy = healthy;
    if (healthy) this.#claims.onHealthy();
  }

  /** Stops trying to reach a lost member. */
  forget(name: string): void {
    this.#reconnector.forget(name);
  }

  // Looking in

  members(): MemberView[] {
    const { table } = this.#s;
    const views: MemberView[] = [];
    for (let i = 0; i < table.length; i++) views.push(this.#s.view(table.at(i)));
    return views;
  }

  member(name: string): MemberView | undefined {
    const id = this.#s.table.find(name);
    return id < 0 ? undefined : this.#s.view(id);
  }

  local(): MemberView {
    return this.#s.view(this.#s.selfId);
  }

  /** The evidence about a name, oldest first; also of names already forgotten. */
  why(name: string): readonly Evidence[] {
    return this.#s.log.about(name);
  }

  /** Broadcasts waiting in one queue. */
  queueLength(queue: "member" | 0 | 1 | 2): number {
    return queue === "member" ? this.#s.memberQueue.length : (this.#s.userQueues[queue]?.length ?? 0);
  }

  /** A plain copy of the state, for checkers and tests. */
  inspect(): SwimInspection {
    const s = this.#s;
    return {
      name: s.name,
      incarnation: s.incarnation,
      healthScore: s.awareness.score,
      members: this.members(),
      suspicions: this.members().flatMap((member) => {
        const suspicion = this.#claims.suspicionOf(s.table.find(member.name));
        if (!suspicion) return [];
        const { startedAt, deadline, confirmations, wanted, minMs, maxMs } = suspicion;
        return [{ name: member.name, startedAt, deadline, confirmations, wanted, minMs, maxMs }];
      }),
      broadcasts: s.memberQueue.list().map((broadcast) => broadcast.bytes.slice()),
      queued: [0, 1, 2].map((queue) => s.userQueues[queue]?.length ?? 0),
      timers: s.timers.length,
      exchanges: this.#exchanges.openCount,
      lost: this.#reconnector.lostCount,
    };
  }

  // From outside

  handlePacket(from: Endpoint, bytes: Uint8Array, now: number): void {
    this.#enter(now);
    this.#s.counters.packetsReceived++;
    this.#inbox.from = from;
    this.codec.openPacket(bytes, this.#inbox);
  }

  handleTimeout(now: number): void {
    this.#enter(now);
    while (this.#s.timers.fireDue(this.#s.now, this.#fire)) {
      // One after another; each may set others.
    }
  }

  handleSendFailure(to: Endpoint, now: number): void {
    this.#enter(now);
    this.#s.counters.sendFailures++;
    this.#prober.onSendFailure(to);
  }

  handleStreamRequest(from: Endpoint, message: StreamMessage, now: number): StreamReply {
    this.#enter(now);
    const { reply, merged } = this.#exchanges.onRequest(from, message);
    // The peer's listening address is not the connection's: no hint from this side.
    if (merged && merged.refused === undefined) this.#pushPuller.onExchanged(undefined, merged);
    return reply;
  }

  handleStreamRequestError(from: Endpoint, reason: DropReason, now: number): StreamReply {
    this.#enter(now);
    this.#s.drop(reason, from);
    // Ends and foreign labels close without a word (8.2, section 2); the text is fixed, it tells a stranger nothing.
    if (reason === "stream-truncated" || reason === "label-mismatch" || reason === "label-malformed") {
      return { bytes: undefined };
    }
    return { bytes: this.codec.encodeStream({ type: MessageType.err, error: "message refused" }, false) };
  }

  streamPayload(id: number, now: number): Uint8Array | undefined {
    this.#enter(now);
    return this.#exchanges.payload(id);
  }

  handleStreamReply(id: number, message: StreamMessage, now: number): void {
    this.#enter(now);
    this.#exchanges.onReply(id, message);
  }

  handleStreamEnd(id: number, reason: StreamFailure | undefined, now: number): void {
    this.#enter(now);
    this.#exchanges.onEnd(id, reason);
  }

  // To outside

  pollTransmit(out: Transmit): boolean {
    const s = this.#s;
    for (let intent = s.sends.shift(); intent !== undefined; intent = s.sends.shift()) {
      const parts = this.#parts;
      // Making it empty at once would throw its memory away.
      while (parts.length > 0) parts.pop();
      const { gists } = out;
      if (gists !== undefined) while (gists.length > 0) gists.pop();
      if (typeof intent === "number") {
        if (!this.#buildGossip(intent, parts, out)) continue;
      } else this.#buildMessage(intent, parts, out);
      s.counters.packetsBuilt++;
      return true;
    }
    return false;
  }

  /** False when there is nothing left to say: an earlier packet took the last of it. */
  #buildGossip(to: number, parts: Uint8Array[], out: Transmit): boolean {
    const s = this.#s;
    const room = s.config.maxPacketBytes - 2 - s.codec.packetOverhead();
    const bytes = this.#gossip.fill(parts, room, out.gists);
    if (parts.length === 0) return false;
    const { gists } = out;
    if (gists !== undefined && gists.length < parts.length) while (gists.length > 0) gists.pop();
    const { endpoint, vsn } = s.table.record(to);
    s.codec.sealPacket(out, s.codec.scratch, 0, parts, parts.length, vsn[1]! >= 5, bytes);
    out.to = endpoint;
    return true;
  }

  #buildMessage(intent: SendIntent, parts: Uint8Array[], out: Transmit): void {
    const s = this.#s;
    const headLength = s.codec.encodeInto(intent.head, s.codec.scratch, 0);
    let bytes = 0;
    if (intent.extra) {
      parts.push(s.codec.encode(intent.extra));
      bytes += parts[0]!.length;
    }
    if (intent.piggyback) {
      const room = s.config.maxPacketBytes - 2 - s.codec.packetOverhead() - headLength;
      bytes += this.#gossip.fill(parts, room, undefined);
    }
    s.codec.sealPacket(out, s.codec.scratch, headLength, parts, parts.length, intent.crc, bytes);
    out.to = intent.to;
  }

  pollStream(): StreamRequest | undefined {
    return this.#s.streams.shift();
  }

  pollEvent(): SwimEvent | undefined {
    const event = this.#s.events.shift();
    if (event?.type === "broadcast-done" && event.id === this.#leaveId) {
      this.#leaveId = 0;
      this.#s.timers.clear(TimerKind.leave);
      return { type: "left-pool" };
    }
    return event;
  }

  nextDeadline(): number {
    return this.#s.timers.next;
  }

  latestWake(): number {
    return this.#s.timers.latestWake(this.#slackMs);
  }

  /** The present moment; and whether this process stood still before it. */
  #enter(now: number): void {
    const s = this.#s;
    const lateMs = now - s.timers.next;
    if (now > s.now) s.now = now;
    const stalledMs = s.config.probeTimeoutMs * stallShare;
    // What a driver may put off is no stall.
    if (lateMs > stalledMs && now - this.latestWake() > stalledMs) this.#onStall(lateMs);
  }

  /**
   * What this process did not hear while it stood still is no evidence against anyone: the running probe ends without a
   * verdict, suspects get the time back, and our own health score says that we may be the slow one (design, rule 7).
   */
  #onStall(lateMs: number): void {
    const s = this.#s;
    s.counters.stalls++;
    s.awareness.apply(Math.max(1, Math.floor(lateMs / Math.max(1, s.config.probeIntervalMs))));
    this.#prober.abandon();
    this.#claims.excuse(lateMs);
    s.timers.postpone(TimerKind.relay, lateMs);
    // Timers that are due now fire later than planned, each after its own jitter, not all in this moment.
    const probeAt = s.timers.get(TimerKind.probe);
    if (probeAt !== undefined && probeAt <= s.now) s.timers.set(TimerKind.probe, 0, s.now + s.config.probeIntervalMs);
    for (const kind of [TimerKind.gossip, TimerKind.pushPull, TimerKind.settle, TimerKind.reconnect, TimerKind.leave]) {
      const at = s.timers.get(kind);
      if (at !== undefined && at <= s.now)
        s.timers.set(kind, 0, s.now + s.rng.jitter.float() * s.config.gossipIntervalMs);
    }
    if (s.timers.get(TimerKind.reclaim) !== undefined) {
      s.timers.set(TimerKind.reclaim, 0, s.now + s.config.probeTimeoutMs + s.config.gossipIntervalMs);
    }
    s.evidence(s.name, { type: "stalled", at: s.now, incarnation: s.incarnation, lateMs });
    if (lateMs >= s.config.probeIntervalMs && !s.leaving) this.#pushPuller.settleSoon();
  }

  /** How late each thing may be: much where nobody waits for it, next to nothing where others wait for us. */
  readonly #slackMs = (kind: TimerKind): number => {
    const { probeTimeoutMs, gossipIntervalMs } = this.#s.config;
    switch (kind) {
      case TimerKind.probe:
      case TimerKind.pushPull:
      case TimerKind.settle:
      case TimerKind.reconnect:
        return Math.min(200, probeTimeoutMs * 0.4);
      case TimerKind.gossip:
        return Math.min(20, gossipIntervalMs * 0.1);
      default:
        return Math.min(25, probeTimeoutMs * 0.05);
    }
  };

  readonly #fire = (kind: TimerKind, number: number): void => {
    switch (kind) {
      case TimerKind.probeTimeout:
        this.#prober.onTimeout();
        break;
      case TimerKind.probeEnd:
        this.#prober.onEnd();
        break;
      case TimerKind.relay:
        this.#relays.onTimeout(number);
        break;
      case TimerKind.suspicion:
        this.#claims.onSuspicionTimeout(this.#s.table.names.idOfRow(number));
        break;
      case TimerKind.probe:
        this.#prober.onTick();
        break;
      case TimerKind.gossip:
        this.#gossip.onTick();
        break;
      case TimerKind.pushPull:
        this.#pushPuller.onTick();
        break;
      case TimerKind.settle:
        this.#pushPuller.onSettle();
        break;
      case TimerKind.reconnect:
        this.#reconnector.onTick();
        break;
      case TimerKind.reclaim:
        this.#reclaimer.onTick();
        break;
      case TimerKind.leave:
        if (this.#leaveId !== 0) this.#s.events.push({ type: "broadcast-done", id: this.#leaveId });
        break;
    }
  };

  #announce(meta: Uint8Array, broadcastId: number): void {
    const s = this.#s;
    this.#claims.applyAlive(
      {
        type: MessageType.alive,
        incarnation: s.incarnation,
        node: s.name,
        addr: s.options.addr,
        port: s.options.port,
        meta,
        vsn: s.vsn,
      },
      undefined,
      true,
      broadcastId,
    );
  }

  #onJoined(id: number): void {
    const s = this.#s;
    const name = s.table.names.nameOf(id);
    if (name === s.name) return;
    this.#reconnector.forget(name);
    this.#pushPuller.onJoined();
  }

  #onGone(id: number): void {
    const s = this.#s;
    if (id === s.selfId) return;
    const record = s.table.record(id);
    if (s.table.state(id) === MemberState.dead) this.#reconnector.onLost(record.name, record.endpoint);
    else this.#reconnector.forget(record.name);
  }
}

export interface SwimInspection {
  readonly name: string;
  readonly incarnation: number;
  readonly healthScore: number;
  readonly members: readonly MemberView[];
  readonly suspicions: readonly {
    readonly name: string;
    readonly startedAt: number;
    readonly deadline: number;
    readonly confirmations: number;
    readonly wanted: number;
    readonly minMs: number;
    readonly maxMs: number;
  }[];
  /** Membership broadcasts in send order. */
  readonly broadcasts: readonly Uint8Array[];
  readonly queued: readonly number[];
  readonly timers: number;
  readonly exchanges: number;
  readonly lost: number;
}
