/** A node in a raw memberlist pool: own meta, own messages, own state; no Serf layer. */

import {
  addressText,
  emptyBytes,
  formatEndpoint,
  type MemberView,
  type PushPullNode,
  Swim,
  type SwimEvent,
} from "@hearsay/core";
import type {
  CallOptions,
  Explanation,
  JoinResult,
  Logger,
  Memberlist,
  MemberlistDelegate,
  MemberlistEventMap,
  MemberlistOptions,
  MemberlistStats,
  RawMember,
  RawMemberEvent,
  RawMemberEventType,
} from "./api.ts";
import { checkTargets } from "./call-checks.ts";
import { DropReports } from "./drop-reports.ts";
import { Engine, openPlace, type Place } from "./engine.ts";
import { abortable, NodeError, optionError, throwIfAborted } from "./errors.ts";
import { summarize } from "./explain.ts";
import { Observable } from "./observable.ts";
import { type PoolSettings, poolSettings, unknownMember } from "./options.ts";
import { quietLogger } from "./quiet-logger.ts";
import { type Resolver, systemResolver } from "./resolve.ts";
import { codecFor, freshRng, keyringOf, sharedNames } from "./shared-parts.ts";
import { WallClock } from "./wall-clock.ts";

const MAX_META_BYTES = 512;
const MAX_STREAM_BYTES = 20 * 1024 * 1024;
/** What a message costs in a packet beside itself: the compound's header, its entry, the type byte. */
const MESSAGE_OVERHEAD_BYTES = 5;
const META_SPREAD_MS = 5000;

/** As `createNode`, for a raw pool. */
export async function createMemberlist(options: MemberlistOptions = {}): Promise<Memberlist> {
  const settings = poolSettings(options, ["meta", "delegateVersions", "delegate"]);
  checkMeta(options.meta ?? emptyBytes);
  checkVersions(options.delegateVersions ?? [0, 0, 0]);
  throwIfAborted(options.signal, "starting");
  return RawNode.start(settings, options, systemResolver());
}

class RawNode extends Observable<MemberlistEventMap, RawMemberEvent> implements Memberlist {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly #swim: Swim;
  readonly #engine: Engine<SwimEvent>;
  readonly #settings: PoolSettings;
  readonly #delegate: MemberlistDelegate;
  readonly #logger: Logger | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #clock = new WallClock();
  #leaving: Promise<void> | undefined;
  readonly #drops = new DropReports((reason, peer, count) => {
    this.#logger?.debug({ reason, peer, count }, `dropped: ${reason} from ${peer || "unknown"} (${count})`);
    this.emit("dropped", { reason, peer, count });
  });

  static async start(settings: PoolSettings, options: MemberlistOptions, resolver: Resolver): Promise<RawNode> {
    const { signal } = options;
    const place = await openPlace(settings, resolver, signal);
    const node = new RawNode(settings, place, resolver, options);
    try {
      await node.#engine.start(signal);
      throwIfAborted(signal, "starting");
    } catch (error) {
      await node.close();
      throw error;
    }
    signal?.addEventListener("abort", node.#onAbort, { once: true });
    return node;
  }

  private constructor(settings: PoolSettings, place: Place, resolver: Resolver, options: MemberlistOptions) {
    super();
    this.#settings = settings;
    this.#delegate = options.delegate ?? {};
    this.#logger = quietLogger(options.logger);
    this.#signal = options.signal;
    this.name = settings.name;
    this.address = place.address;
    this.port = place.port;
    this.#swim = new Swim({
      name: settings.name,
      addr: place.addr,
      port: place.port,
      bindPort: place.sockets.port,
      config: settings.config,
      codec: codecFor(settings, keyringOf(settings.keys)),
      rng: freshRng(),
      names: sharedNames(),
      meta: options.meta?.slice() ?? emptyBytes,
      delegateVersions: options.delegateVersions ?? [0, 0, 0],
      localState: (join) => this.#localState(join),
      acceptMerge: (nodes) => this.#acceptMerge(nodes),
    });
    this.#engine = new Engine<SwimEvent>({
      settings,
      place,
      machine: this.#swim,
      swim: this.#swim,
      join: (to, now) => this.#swim.join(to, now),
      joined: () => {},
      leave: (now) => this.#swim.leave(now),
      onEvent: this.#onEvent,
      onFailure: this.#onFailure,
      resolver,
      logger: this.#logger,
    });
  }

  local(): RawMember {
    return this.#member(this.#swim.local());
  }

  members(): RawMember[] {
    return this.#swim
      .members()
      .map((member) => this.#member(member))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  member(name: string): RawMember | undefined {
    const member = this.#swim.member(name);
    return member && this.#member(member);
  }

  why(name: string): (Omit<Explanation, "member"> & { readonly member: RawMember | undefined }) | undefined {
    const member = this.member(name);
    const evidence = this.#swim.why(name).map((one) => ({ ...one, time: this.#clock.date(one.at) }));
    if (!member && evidence.length === 0) return undefined;
    const summary = summarize({
      name,
      member: member && { ...member, status: statusOf(member) },
      evidence,
      speaker: this.name,
      now: new Date(),
    });
    return { name, member, evidence, summary };
  }

  stats(): MemberlistStats {
    const { counters } = this.#engine.driver;
    const states = this.#swim.members().map(({ state }) => state);
    return {
      members: states.length,
      alive: this.#swim.aliveCount,
      dead: states.filter((state) => state === "dead").length,
      left: states.filter((state) => state === "left").length,
      healthScore: this.#swim.healthScore,
      memberQueue: this.#swim.queueLength("member"),
      messageQueue: this.#swim.queueLength(0),
      encrypted: this.#settings.keys.length > 0,
      packetsSent: counters.packetsSent,
      packetsReceived: counters.packetsReceived,
      bytesSent: counters.bytesSent,
      bytesReceived: counters.bytesReceived,
      streamsSent: counters.streamsSent,
      streamsReceived: counters.streamsReceived,
      drops: { ...this.#swim.counters.drops },
    };
  }

  async join(targets: readonly string[], options: CallOptions = {}): Promise<JoinResult> {
    return this.#engine.join(checkTargets(targets), options.signal);
  }

  async leave(options: CallOptions = {}): Promise<void> {
    throwIfAborted(options.signal, "leave");
    // Shared by all callers, and going on when one of them waits no longer. A failed one may be tried again.
    this.#leaving ??= this.#leave().catch((error: unknown) => {
      this.#leaving = undefined;
      throw error;
    });
    await abortable(this.#leaving, options.signal, "leave");
  }

  async setMeta(meta: Uint8Array, options: CallOptions = {}): Promise<void> {
    checkMeta(meta);
    const wish = (now: number) => this.#swim.updateMeta(meta, now);
    await this.#engine.broadcast(wish, META_SPREAD_MS, "the new meta", options.signal);
  }

  broadcast(payload: Uint8Array): void {
    this.#engine.requireVoice();
    this.#checkPacket(payload);
    this.#engine.run((now) => this.#swim.broadcastUser(payload, 0, now));
  }

  send(to: string, payload: Uint8Array, options: { readonly reliable?: boolean } = {}): void {
    this.#engine.requireVoice();
    const member = this.#swim.member(to);
    if (!member) throw unknownMember(to);
    if (options.reliable) {
      checkBytes("payload", payload);
      if (payload.length > MAX_STREAM_BYTES) throw tooLarge(payload, MAX_STREAM_BYTES);
      this.#engine.run((now) => this.#swim.sendUserStream(member.endpoint, payload.slice(), now));
    } else {
      this.#checkPacket(payload);
      this.#engine.run((now) => this.#swim.sendUser(member.endpoint, payload, now));
    }
  }

  setHealthy(healthy: boolean): void {
    this.#engine.requireOpen();
    this.#engine.run(() => this.#swim.setHealthy(healthy));
  }

  async close(): Promise<void> {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    await this.#engine.close();
    this.endEvents();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #leave(): Promise<void> {
    await this.#engine.leave();
    await this.close();
  }

  readonly #onAbort = (): void => void this.close();

  readonly #onFailure = (error: unknown): void => {
    const text = error instanceof Error ? error.message : String(error);
    this.#logger?.error({ err: error }, `the node has stopped on an internal error: ${text}`);
    this.emit(
      "error",
      new NodeError("INTERNAL", `the node has stopped on an internal error: ${text}`, { cause: error }),
    );
    void this.close();
  };

  readonly #onEvent = (event: SwimEvent): void => {
    switch (event.type) {
      case "member-join":
      case "member-leave":
      case "member-update":
      case "member-suspect":
      case "member-refuted":
        this.#onMember(event.type, event.member);
        break;
      case "user-message":
        if (this.#engine.left) break;
        this.#ask(() => this.#delegate.onMessage?.(event.payload, event.from));
        break;
      case "remote-state":
        if (this.#engine.left) break;
        this.#ask(() => this.#delegate.mergeRemoteState?.(event.payload, event.join));
        break;
      case "conflict": {
        const held = formatEndpoint(event.held.endpoint);
        const claimed = formatEndpoint({ address: event.address, port: event.port });
        const { name } = event.held;
        this.#logger?.warn({ name, held, claimed }, `name conflict: ${name} is held by ${held}, claimed by ${claimed}`);
        this.emit("conflict", { name, own: event.own, held, claimed });
        break;
      }
      case "isolated":
      case "reconnected":
        this.#logger?.[event.type === "isolated" ? "warn" : "info"]({}, event.type);
        this.emit(event.type);
        break;
      case "merge-refused": {
        const peer = formatEndpoint(event.peer);
        this.#logger?.warn({ peer }, `state exchange with ${peer} refused: ${event.reason}`);
        this.emit("merge-refused", { peer, reason: event.reason });
        break;
      }
      case "dropped":
        this.#drops.add(event.reason, event.peer, this.#engine.driver.now());
        break;
      default:
    }
  };

  #onMember(type: RawMemberEventType, view: MemberView): void {
    const member = this.#member(view);
    this.#logger?.info({ member: member.name }, `${type}: ${member.name} ${formatEndpoint(view.endpoint)}`);
    this.stream({ type, member, time: new Date() });
    this.emit(type, member);
  }

  #localState(join: boolean): Uint8Array {
    const state = this.#ask(() => this.#delegate.localState?.(join)) ?? emptyBytes;
    return state instanceof Uint8Array && state.length <= MAX_STREAM_BYTES ? state : emptyBytes;
  }

  #acceptMerge(nodes: readonly PushPullNode[]): string | undefined {
    if (!this.#delegate.acceptMerge) return undefined;
    let answer: string | undefined = "the application's check has failed";
    this.#ask(() => {
      answer = this.#delegate.acceptMerge?.(
        nodes.map(({ name, addr, port, meta }) => ({
          name,
          address: addressText(addr ?? emptyBytes),
          port,
          meta: meta?.slice() ?? emptyBytes,
        })),
      );
    });
    return answer;
  }

  /** Calls the application from within the machine's work: what it throws must not end up there. */
  #ask<T>(question: () => T): T | undefined {
    try {
      return question();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
      return undefined;
    }
  }

  #checkPacket(payload: Uint8Array): void {
    checkBytes("payload", payload);
    const { codec } = this.#swim;
    const most = this.#settings.config.maxPacketBytes - codec.packetOverhead() - MESSAGE_OVERHEAD_BYTES;
    if (payload.length > most) throw tooLarge(payload, most);
  }

  #member(view: MemberView): RawMember {
    const { vsn } = view;
    return {
      name: view.name,
      address: view.endpoint.address,
      port: view.port,
      meta: view.meta.slice(),
      state: view.state,
      incarnation: view.incarnation,
      since: this.#clock.date(view.since),
      protocolMin: vsn[0]!,
      protocolMax: vsn[1]!,
      protocolCur: vsn[2]!,
      delegateMin: vsn[3]!,
      delegateMax: vsn[4]!,
      delegateCur: vsn[5]!,
    };
  }
}

function statusOf(member: RawMember): "alive" | "left" | "failed" {
  return member.state === "dead" ? "failed" : member.state === "left" ? "left" : "alive";
}

function checkBytes(option: string, bytes: unknown): void {
  if (!(bytes instanceof Uint8Array)) throw optionError(option, bytes, "is no Uint8Array");
}

function checkMeta(meta: unknown): void {
  checkBytes("meta", meta);
  const { length } = meta as Uint8Array;
  if (length > MAX_META_BYTES) {
    throw new NodeError("META_TOO_LARGE", `meta: is ${length} bytes long; want at most ${MAX_META_BYTES}`, {
      option: "meta",
    });
  }
}

function checkVersions(versions: unknown): void {
  const isByte = (n: unknown) => typeof n === "number" && Number.isInteger(n) && n >= 0 && n <= 255;
  if (!Array.isArray(versions) || versions.length !== 3 || !versions.every(isByte)) {
    throw optionError("delegateVersions", versions, "is no list of three bytes: least, greatest and current version");
  }
  const [min, max, cur] = versions as [number, number, number];
  if (min > cur || cur > max) throw optionError("delegateVersions", versions, "has its current version out of range");
}

function tooLarge(payload: Uint8Array, most: number): NodeError {
  return new NodeError("MESSAGE_TOO_LARGE", `the message is ${payload.length} bytes long; want at most ${most}`);
}
