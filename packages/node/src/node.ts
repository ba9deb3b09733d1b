/** A node in a Serf pool: `createNode` and the node that runs in this thread. */

import { formatEndpoint } from "@hearsay/core";
import { encodeTags, Serf, type SerfConfig, SerfError, type SerfEvent, type SerfMember } from "@hearsay/serf";
import type {
  CallOptions,
  Explanation,
  HearsayNode,
  JoinResult,
  Logger,
  Member,
  MemberEvent,
  MemberEventType,
  NodeEventMap,
  NodeOptions,
  NodeStats,
  WallEvidence,
} from "./api.ts";
import { DropReports } from "./drop-reports.ts";
import { Engine, openPlace, type Place } from "./engine.ts";
import { abortable, NodeError, optionError, throwIfAborted } from "./errors.ts";
import { summarize } from "./explain.ts";
import { Observable } from "./observable.ts";
import { checkTags, type NodeSettings, nodeSettings } from "./options.ts";
import { quietLogger } from "./quiet-logger.ts";
import { type Resolver, systemResolver } from "./resolve.ts";
import type { Coordinate, PoolKeys, QueryCall } from "./serf-api.ts";
import { codecFor, freshRng, sharedNames } from "./shared-parts.ts";
import { WallClock } from "./wall-clock.ts";

/**
 * Starts a node. Resolves when it is bound and the seeds were tried once; that none answered is no error, the node goes
 * on trying. Its sockets keep the process alive until `leave` or `close`.
 * @throws NodeError BAD_OPTION, BAD_KEY, TAGS_TOO_LARGE, ADDRESS_IN_USE, ADDRESS_NOT_AVAILABLE, BIND_FAILED, ABORTED
 */
export async function createNode(options: NodeOptions = {}): Promise<HearsayNode> {
  const settings = nodeSettings(options);
  checkTagLength(settings.tags);
  const logger = quietLogger(options.logger);
  const { signal } = options;
  throwIfAborted(signal, "starting");
  if (options.isolate) {
    const { IsolatedNode } = await import("./isolate/isolated-node.ts");
    return IsolatedNode.start(settings, { logger, signal });
  }
  return LocalNode.start(settings, { logger, signal });
}

export interface StartContext {
  readonly logger?: Logger | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly resolver?: Resolver;
  /** Told of everything that changes what `member` or `why` say about a name; for mirrors. */
  readonly onChanged?: (name: string) => void;
  /** After the machine was drained. */
  readonly onDrained?: () => void;
  /** Every member event, from the start on. */
  readonly onMemberEvent?: (event: MemberEvent) => void;
}

export class LocalNode extends Observable<NodeEventMap, MemberEvent> implements HearsayNode {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly #serf: Serf;
  readonly #engine: Engine<SerfEvent>;
  readonly #settings: NodeSettings;
  readonly #clock = new WallClock();
  readonly #logger: Logger | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #onChanged: ((name: string) => void) | undefined;
  readonly #onMemberEvent: ((event: MemberEvent) => void) | undefined;
  #leaving: Promise<void> | undefined;
  readonly #drops = new DropReports((reason, peer, count) => {
    this.#logger?.debug(
      { event: "dropped", reason, peer, count },
      `dropped: ${reason} from ${peer || "unknown"} (${count})`,
    );
    this.emit("dropped", { reason, peer, count });
  });

  /** As `createNode`, for settings that were checked. */
  static async start(settings: NodeSettings, context: StartContext): Promise<LocalNode> {
    const resolver = context.resolver ?? systemResolver();
    const place = await openPlace(settings, resolver, context.signal);
    const node = new LocalNode(settings, place, resolver, context);
    try {
      await node.#engine.start(context.signal);
      throwIfAborted(context.signal, "starting");
    } catch (error) {
      await node.close();
      throw error;
    }
    context.signal?.addEventListener("abort", node.#onAbort, { once: true });
    return node;
  }

  private constructor(settings: NodeSettings, place: Place, resolver: Resolver, context: StartContext) {
    super();
    this.#settings = settings;
    this.#logger = context.logger;
    this.#signal = context.signal;
    this.#onChanged = context.onChanged;
    this.#onMemberEvent = context.onMemberEvent;
    this.name = settings.name;
    this.address = place.address;
    this.port = place.port;
    const serf = new Serf({
      name: settings.name,
      addr: place.addr,
      port: place.port,
      bindPort: place.sockets.port,
      config: settings.config,
      codec: codecFor(settings),
      rng: freshRng(),
      names: sharedNames(),
      tags: settings.tags,
      protocol: settings.protocol,
      serfConfig: serfConfigFor(settings),
    });
    this.#serf = serf;
    this.#engine = new Engine<SerfEvent>({
      settings,
      place,
      machine: serf,
      swim: serf.swim,
      join: (to, now, replay) => serf.join(to, now, { ignoreOldEvents: !replay }),
      joined: (now) => serf.joined(now),
      leave: (now) => serf.leave(now),
      onEvent: this.#onEvent,
      ...(context.onDrained ? { onDrained: context.onDrained } : {}),
      onFailure: this.#onFailure,
      resolver,
      logger: context.logger,
    });
  }

  local(): Member {
    return this.#member(this.#serf.local());
  }

  members(): Member[] {
    return this.#serf
      .members()
      .map((member) => this.#member(member))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  member(name: string): Member | undefined {
    const member = this.#serf.member(name);
    return member && this.#member(member);
  }

  why(name: string): Explanation | undefined {
    const member = this.member(name);
    const evidence = this.evidence(name);
    if (!member && evidence.length === 0) return undefined;
    return {
      name,
      member,
      evidence,
      summary: summarize({ name, member, evidence, speaker: this.name, now: new Date() }),
    };
  }

  /** The evidence about a name with wall times, oldest first. */
  evidence(name: string): WallEvidence[] {
    return this.#serf.why(name).map((one) => ({ ...one, time: this.#clock.date(one.at) }));
  }

  stats(): NodeStats {
    const { flaps: _, ...stats } = this.#serf.stats();
    const { counters } = this.#engine.driver;
    return {
      ...stats,
      encrypted: this.#settings.keys.length > 0,
      packetsSent: counters.packetsSent,
      packetsReceived: counters.packetsReceived,
      bytesSent: counters.bytesSent,
      bytesReceived: counters.bytesReceived,
      streamsSent: counters.streamsSent,
      streamsReceived: counters.streamsReceived,
      drops: { ...this.#serf.swim.counters.drops },
    };
  }

  async join(
    targets: readonly string[],
    options: CallOptions & { readonly replay?: boolean } = {},
  ): Promise<JoinResult> {
    return this.#engine.join(checkTargets(targets), options.signal, options.replay ?? false);
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

  async forceLeave(name: string, options: CallOptions & { readonly prune?: boolean } = {}): Promise<void> {
    if (typeof name !== "string" || name === "") throw optionError("name", name, "is no member's name");
    await this.#engine.broadcast(
      (now) => this.#serf.forceLeave(name, options.prune ?? false, now),
      this.#settings.broadcastTimeoutMs,
      "the forced leave",
      options.signal,
    );
  }

  async setTags(tags: Readonly<Record<string, string>>, options: CallOptions = {}): Promise<void> {
    const checked = checkTags("tags", tags);
    checkTagLength(checked);
    const wish = (now: number) => this.#serf.setTags(checked, now);
    await this.#engine.broadcast(wish, this.#settings.broadcastTimeoutMs, "the new tags", options.signal);
  }

  // Serf's part: to come.
  userEvent(): Promise<void> {
    throw new NodeError("UNSUPPORTED", "not there yet");
  }
  query(): QueryCall {
    throw new NodeError("UNSUPPORTED", "not there yet");
  }
  get keys(): PoolKeys {
    throw new NodeError("UNSUPPORTED", "not there yet");
  }
  rtt(): number | undefined {
    return undefined;
  }
  coordinate(): Coordinate | undefined {
    return undefined;
  }

  setHealthy(healthy: boolean): void {
    this.#engine.requireOpen();
    this.#engine.run(() => this.#serf.setHealthy(healthy));
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

  readonly #onEvent = (event: SerfEvent): void => {
    switch (event.type) {
      case "member-join":
      case "member-leave":
      case "member-failed":
      case "member-update":
      case "member-reap":
      case "member-suspect":
      case "member-refuted":
        this.#onMember(event.type, event.member);
        break;
      case "evidence":
        this.#onChanged?.(event.name);
        break;
      case "conflict": {
        const held = formatEndpoint(event.held.endpoint);
        const claimed = formatEndpoint({ address: event.address, port: event.port });
        const name = event.held.name;
        const whose = event.own ? "our name" : "the name";
        this.#logger?.warn(
          { event: "conflict", name, held, claimed },
          `name conflict: ${whose} ${JSON.stringify(name)}, held by ${held}, is claimed by ${claimed} too; give each node its own`,
        );
        this.emit("conflict", { name, own: event.own, held, claimed });
        break;
      }
      case "isolated":
        this.#logger?.warn({ event: "isolated" }, "isolated: no other member can be reached; going on trying");
        this.emit("isolated");
        break;
      case "reconnected":
        this.#logger?.info({ event: "reconnected" }, "reconnected: other members can be reached again");
        this.emit("reconnected");
        break;
      case "merge-refused": {
        const peer = formatEndpoint(event.peer);
        this.#logger?.warn({ event: "merge-refused", peer }, `state exchange with ${peer} refused: ${event.reason}`);
        this.emit("merge-refused", { peer, reason: event.reason });
        break;
      }
      case "dropped":
        this.#drops.add(event.reason, event.peer, this.#engine.driver.now());
        break;
      default:
    }
  };

  #onMember(type: MemberEventType, subject: SerfMember): void {
    this.#onChanged?.(subject.name);
    const member = this.#member(subject);
    const at = formatEndpoint(subject.endpoint);
    const level = type === "member-failed" ? "warn" : type === "member-update" ? "debug" : "info";
    this.#logger?.[level]({ event: type, member: member.name, address: at }, `${type}: ${member.name} ${at}`);
    const event: MemberEvent = { type, member, time: new Date() };
    this.#onMemberEvent?.(event);
    this.stream(event);
    this.emit(type, member);
  }

  #member(member: SerfMember): Member {
    const { vsn } = member;
    return {
      name: member.name,
      address: member.endpoint.address,
      port: member.port,
      tags: member.tags,
      status: member.status,
      state: member.state,
      incarnation: member.incarnation,
      since: this.#clock.date(member.since),
      protocolMin: vsn[0]!,
      protocolMax: vsn[1]!,
      protocolCur: vsn[2]!,
      delegateMin: vsn[3]!,
      delegateMax: vsn[4]!,
      delegateCur: vsn[5]!,
    };
  }
}

/** @throws NodeError TAGS_TOO_LARGE */
export function checkTagLength(tags: Readonly<Record<string, string>>): void {
  try {
    encodeTags(tags);
  } catch (error) {
    if (!(error instanceof SerfError)) throw error;
    throw new NodeError("TAGS_TOO_LARGE", "tags: encoded they exceed 512 bytes; set fewer or shorter ones", {
      cause: error,
      option: "tags",
    });
  }
}

/** @throws NodeError BAD_OPTION */
export function checkTargets(targets: unknown): readonly string[] {
  if (!Array.isArray(targets)) throw optionError("targets", targets, "is no list; want texts such as 10.0.0.1:7946");
  for (const target of targets) {
    if (typeof target !== "string") throw optionError("targets", target, "is no text; want host[:port]");
  }
  return targets as readonly string[];
}

/** How long the failed are tried again is one setting, though both layers need it. */
function serfConfigFor({ config, broadcastTimeoutMs, tombstoneTimeoutMs }: NodeSettings): Partial<SerfConfig> {
  return { reconnectTimeoutMs: config.reconnectTimeoutMs, broadcastTimeoutMs, tombstoneTimeoutMs };
}
