/** A node in a Serf pool: `createNode` and the node that runs in this thread. */

import { formatEndpoint } from "@hearsay/core";
import type { ExtendedEvent, ExtendedSerf } from "@hearsay/extended";
import { distanceMs, type KeyOperation, type QueryWish, type SerfMember } from "@hearsay/serf";
import type { Keyring } from "@hearsay/wire";
import type {
  CallOptions,
  Explanation,
  HearsayNode,
  JoinResult,
  Logger,
  Member,
  MemberEvent,
  MemberEventType,
  NodeOptions,
  NodeStats,
  WallEvidence,
} from "./api.ts";
import {
  checkEventName,
  checkFlag,
  checkPayload,
  checkQuery,
  checkTagLength,
  checkTargets,
  querySignal,
} from "./call-checks.ts";
import { DropReports } from "./drop-reports.ts";
import { Engine, openPlace } from "./engine.ts";
import { abortable, closedError, leftError, NodeError, optionError, throwIfAborted } from "./errors.ts";
import { logEvent } from "./event-log.ts";
import { summarize } from "./explain.ts";
import { HeldEvents } from "./held-events.ts";
import { readKeyringFile } from "./keyring-file.ts";
import { memberFor } from "./member.ts";
import { checkTags, type NodeSettings, nodeSettings } from "./options.ts";
import type { PoolMemory } from "./pool-memory.ts";
import { quietLogger } from "./quiet-logger.ts";
import { type Resolver, systemResolver } from "./resolve.ts";
import type { Coordinate, KeyResult, PoolKeys, QueryCall, QueryOptions } from "./serf-api.ts";
import { SerfCalls, userEventFor } from "./serf-calls.ts";
import { makeMachine, openKept, type Parts } from "./serf-machine.ts";
import { keyringOf } from "./shared-parts.ts";
import { closeSockets } from "./sockets.ts";
import { StateFace } from "./state/state-face.ts";
import type { StateStore } from "./state/state-store.ts";
import { StatefulNode } from "./state/stateful-node.ts";
import { bothHear, StateCalls, type StateNews } from "./state-calls.ts";
import { WallClock } from "./wall-clock.ts";

/**
 * Starts a node. Resolves when it is bound and the seeds were tried once; that none answered is no error, the node goes
 * on trying. Its sockets keep the process alive until `leave` or `close`.
 * @throws NodeError BAD_OPTION, BAD_KEY, TAGS_TOO_LARGE, ADDRESS_IN_USE, ADDRESS_NOT_AVAILABLE, BIND_FAILED, KEYRING_FILE,
 * SNAPSHOT, STATE_FILE, ABORTED
 */
export async function createNode(options: NodeOptions = {}): Promise<HearsayNode> {
  const settings = nodeSettings(options);
  checkTagLength(settings.tags, settings.state !== undefined);
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
  /** A place in the network is known anew: what `coordinate` says of this name. */
  readonly onPlace?: (name: string) => void;
  /** What changes of replicated state; for mirrors. */
  readonly stateNews?: StateNews;
}

export class LocalNode extends StatefulNode implements HearsayNode {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** What there is of replicated state, for mirrors; undefined: none. */
  readonly stateCalls: StateCalls | undefined;
  protected readonly face: StateFace;
  readonly #machine: ExtendedSerf;
  readonly #engine: Engine<ExtendedEvent>;
  readonly #settings: NodeSettings;
  readonly #clock = new WallClock();
  readonly #logger: Logger | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #onChanged: ((name: string) => void) | undefined;
  readonly #onMemberEvent: ((event: MemberEvent) => void) | undefined;
  readonly #onPlace: ((name: string) => void) | undefined;
  readonly #calls: SerfCalls;
  readonly #held = new HeldEvents();
  readonly #keyring: Keyring | undefined;
  readonly #memory: PoolMemory | undefined;
  readonly #store: StateStore | undefined;
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
    const keyring = keyringOf(settings.keyringFile ? await readKeyringFile(settings.keyringFile) : settings.keys);
    const place = await openPlace(settings, resolver, context.signal);
    // Bound first: of two processes with one address and one snapshot, only the first touches the file.
    const kept = await openKept(settings, context.logger).catch(async (error: unknown) => {
      await closeSockets(place.sockets);
      throw error;
    });
    const { memory, store } = kept;
    const node = await LocalNode.#make(settings, { place, resolver, keyring, ...kept }, context);
    try {
      await store?.begin(node.#machine, node.#engine.driver.now());
      await node.#engine.start(context.signal);
      throwIfAborted(context.signal, "starting");
    } catch (error) {
      await node.close();
      throw error;
    }
    context.signal?.addEventListener("abort", node.#onAbort, { once: true });
    node.#held.release(() => {
      const { lost } = node.#held;
      if (lost > 0) node.#logger?.warn({ lost }, `${lost} events of the past were lost: too many came at the start`);
      memory?.drained(node.#machine.serf);
    });
    return node;
  }

  /** What was opened for it is closed where it cannot be made. */
  static async #make(settings: NodeSettings, parts: Parts, context: StartContext): Promise<LocalNode> {
    try {
      return new LocalNode(settings, parts, context);
    } catch (error) {
      await Promise.all([closeSockets(parts.place.sockets), parts.memory?.close(), parts.store?.close()]);
      throw error;
    }
  }

  private constructor(settings: NodeSettings, parts: Parts, context: StartContext) {
    super();
    const { place, resolver, keyring, memory } = parts;
    this.#settings = settings;
    this.#logger = context.logger;
    this.#signal = context.signal;
    this.#onChanged = context.onChanged;
    this.#onMemberEvent = context.onMemberEvent;
    this.#onPlace = context.onPlace;
    this.#keyring = keyring;
    this.#memory = memory;
    this.#store = parts.store;
    this.name = settings.name;
    this.address = place.address;
    this.port = place.port;
    const machine = makeMachine(settings, parts);
    this.#machine = machine;
    this.#engine = new Engine<ExtendedEvent>({
      settings,
      place,
      machine,
      swim: machine.swim,
      join: (to, now, replay) => machine.join(to, now, { ignoreOldEvents: !replay }),
      joined: (now) => machine.joined(now),
      leave: (now) => machine.leave(now),
      onEvent: this.#onEvent,
      onDrained: () => {
        // Not before it is told: a start that is given up, or this process, may end before that.
        if (!this.#held.holding) memory?.drained(machine.serf);
        this.stateCalls?.drained();
        context.onDrained?.();
      },
      onFailure: this.#onFailure,
      ...(memory ? { remembered: memory.members } : {}),
      resolver,
      logger: context.logger,
    });
    this.#calls = new SerfCalls(machine, this.#engine, this.#clock);
    this.stateCalls = machine.isExtended ? this.#stateCalls(parts.store, context.stateNews) : undefined;
    this.face = new StateFace(this.stateCalls);
  }

  local(): Member {
    return this.#member(this.#machine.serf.local());
  }

  members(): Member[] {
    return this.#machine.serf
      .members()
      .map((member) => this.#member(member))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  member(name: string): Member | undefined {
    const member = this.#machine.serf.member(name);
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

  /** Names of everyone known, in no particular order. */
  names(): string[] {
    return this.#machine.serf.members().map(({ name }) => name);
  }

  /** The evidence about a name with wall times, oldest first. */
  evidence(name: string): WallEvidence[] {
    return this.#machine.serf.why(name).map((one) => ({ ...one, time: this.#clock.date(one.at) }));
  }

  stats(): NodeStats {
    const { flaps: _, ...stats } = this.#machine.serf.stats();
    const { counters } = this.#engine.driver;
    const { traffic } = this.#machine;
    return {
      ...stats,
      encrypted: (this.#keyring?.size ?? 0) > 0,
      packetsSent: counters.packetsSent,
      packetsReceived: counters.packetsReceived,
      bytesSent: counters.bytesSent,
      bytesReceived: counters.bytesReceived,
      streamsSent: counters.streamsSent,
      streamsReceived: counters.streamsReceived,
      statePacketsSent: traffic?.packetsSent ?? 0,
      statePacketsReceived: traffic?.packetsReceived ?? 0,
      stateBytesSent: traffic?.bytesSent ?? 0,
      stateBytesReceived: traffic?.bytesReceived ?? 0,
      drops: { ...this.#machine.swim.counters.drops, ...this.stateCalls?.drops() },
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
      (now) => this.#machine.forceLeave(name, options.prune ?? false, now),
      this.#settings.broadcastTimeoutMs,
      "the forced leave",
      options.signal,
    );
  }

  async setTags(tags: Readonly<Record<string, string>>, options: CallOptions = {}): Promise<void> {
    const checked = checkTags("tags", tags);
    checkTagLength(checked, this.#machine.isExtended);
    const wish = (now: number) => this.#machine.setTags(checked, now);
    await this.#engine.broadcast(wish, this.#settings.broadcastTimeoutMs, "the new tags", options.signal);
  }

  async userEvent(
    name: string,
    payload?: Uint8Array | string,
    options: CallOptions & { readonly coalesce?: boolean } = {},
  ): Promise<void> {
    checkFlag("coalesce", options.coalesce);
    throwIfAborted(options.signal, "the event");
    this.#calls.userEvent(checkEventName(name), checkPayload(payload), options.coalesce ?? false);
  }

  query(name: string, payload?: Uint8Array | string, options: QueryOptions = {}): QueryCall {
    return this.#calls.query(() => checkQuery(name, payload, options), querySignal(options));
  }

  get keys(): PoolKeys {
    return this.#calls.keys;
  }

  /** As `query`, of what was checked. */
  ask(wish: QueryWish): QueryCall {
    return this.#calls.query(() => wish, undefined);
  }

  /** As `keys`, by the operation's name. */
  changeKeys(operation: KeyOperation, key: Uint8Array | undefined, signal: AbortSignal): Promise<KeyResult> {
    return this.#calls.changeKeys(operation, key, signal);
  }

  /** Answers an incoming query by its time and number, for whoever cannot hold its function. */
  respond(lTime: number, id: number, payload: Uint8Array): void {
    this.#calls.respond(lTime, id, payload);
  }

  rtt(a: string, b: string = this.name): number | undefined {
    const from = this.coordinate(a);
    const to = this.coordinate(b);
    return from && to && distanceMs(from, to);
  }

  coordinate(name: string = this.name): Coordinate | undefined {
    return this.#settings.coordinates ? this.#machine.serf.coordinateOf(name) : undefined;
  }

  setHealthy(healthy: boolean): void {
    this.#engine.requireOpen();
    this.#engine.run(() => this.#machine.setHealthy(healthy));
  }

  async close(): Promise<void> {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    const closed = this.#engine.close();
    this.#held.drop();
    this.#calls.close(this.#engine.left ? leftError() : closedError());
    this.face.end();
    await closed;
    await Promise.all([this.#memory?.close(), this.#store?.close()]);
    this.endEvents();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #leave(): Promise<void> {
    // Before the goodbye, as Serf: killed in the middle of it, this process has left all the same.
    const noted = this.#engine.closed ? undefined : this.#memory?.leave();
    await this.#engine.leave();
    await noted;
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

  readonly #onEvent = (event: ExtendedEvent): void => {
    logEvent(this.#logger, event);
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
        this.emit("conflict", { name: event.held.name, own: event.own, held, claimed });
        break;
      }
      case "isolated":
      case "reconnected":
        this.emit(event.type);
        break;
      case "merge-refused":
        this.emit("merge-refused", { peer: formatEndpoint(event.peer), reason: event.reason });
        break;
      case "dropped":
        this.#drops.add(event.reason, event.peer, this.#engine.driver.now());
        break;
      case "user-event":
        this.#held.tell(() => {
          this.#memory?.onUserEvent(event);
          this.emit("user-event", userEventFor(event));
        });
        break;
      case "query":
        this.#held.tell(() => this.emit("query", this.#calls.incoming(event)));
        break;
      case "name-vote":
        this.emit("name-vote", { responses: event.responses, matching: event.matching, keep: event.keep });
        break;
      case "coordinate":
        this.#onPlace?.(event.name);
        break;
      case "node-change":
      case "shared-change":
      case "state-overflow":
        this.stateCalls?.onEvent(event);
        break;
      case "phi-suspect":
      case "flow":
        break;
      default:
        this.#calls.onEvent(event);
    }
  };

  #member(member: SerfMember): Member {
    return memberFor(member, this.#clock, this.stateCalls?.phi(member.name));
  }

  #stateCalls(store: StateStore | undefined, mirror: StateNews | undefined): StateCalls {
    const { driver } = this.#engine;
    const news = mirror ? bothHear(this.news, mirror) : this.news;
    return new StateCalls({ machine: this.#machine, wishes: this.#engine, now: () => driver.now(), news, store });
  }

  #onMember(type: MemberEventType, subject: SerfMember): void {
    this.#onChanged?.(subject.name);
    const member = this.#member(subject);
    const event: MemberEvent = { type, member, time: new Date() };
    this.#memory?.onMember(type, member);
    this.#onMemberEvent?.(event);
    this.stream(event);
    this.emit(type, member);
  }
}
