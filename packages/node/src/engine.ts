/**
 * What every node has, Serf's or raw: sockets, driver, seeds, joins, and the answers to those who wait for something.
 * `node.ts` and `memberlist.ts` give it a machine and turn its events into their own.
 */

import { addressBytes, type Endpoint, formatEndpoint, type Machine, type Swim, type SwimEvent } from "@hearsay/core";
import type { ExtendedEvent } from "@hearsay/extended";
import { advertisedAddress } from "./advertise.ts";
import type { JoinResult, Logger } from "./api.ts";
import { Driver } from "./driver.ts";
import { abortable, abortedError, closedError, leftError, NodeError, optionError, throwIfAborted } from "./errors.ts";
import type { PoolSettings } from "./options.ts";
import { type ResolveContext, type Resolver, resolveTarget } from "./resolve.ts";
import { type Alarm, type Scheduler, sharedScheduler } from "./scheduler.ts";
import { SeedAliases, SeedPlan, type SeedTask } from "./seeds.ts";
import { openSockets, type Sockets } from "./sockets.ts";

/** Where the node is bound and what it tells others. */
export interface Place {
  readonly sockets: Sockets;
  /** Advertised: 4 or 16 bytes, their text, and the port. */
  readonly addr: Uint8Array;
  readonly address: string;
  readonly port: number;
}

/**
 * Binds the sockets and settles what to advertise.
 * @throws NodeError; nothing is left open then.
 */
export async function openPlace(settings: PoolSettings, resolver: Resolver, signal?: AbortSignal): Promise<Place> {
  const lookUp = async (option: string, host: string): Promise<string> => {
    if (addressBytes(host)) return host;
    const context: ResolveContext = { resolver, defaultPort: 1, reach: "both", signal };
    try {
      const found = await resolveTarget(host, context);
      // `localhost` is often ::1 first, and then nobody would be reached over IPv4.
      return (found.find(({ address }) => !address.includes(":")) ?? found[0]!).address;
    } catch (error) {
      throwIfAborted(signal, "starting");
      throw optionError(option, host, "cannot be looked up; want an IP address, or a name that DNS knows", error);
    }
  };
  const bindAddress = await lookUp("bind", settings.bindHost);
  const advertised =
    settings.advertiseHost === undefined ? undefined : await lookUp("advertise", settings.advertiseHost);
  const sockets = await openSockets(bindAddress, settings.bindPort, signal);
  const address = advertised ?? advertisedAddress(bindAddress);
  return { sockets, addr: addressBytes(address)!, address, port: settings.advertisePort ?? sockets.port };
}

export interface EngineOptions<E extends ExtendedEvent | SwimEvent> {
  readonly settings: PoolSettings;
  readonly place: Place;
  readonly machine: Machine<E>;
  /** The failure detector within the machine, or the machine itself. */
  readonly swim: Swim;
  /** Asks the machine to join; returns the number of its join-result. */
  join(to: Endpoint, now: number, replay: boolean): number;
  /** One or more of a set of joins have succeeded. */
  joined(now: number): void;
  leave(now: number): void;
  /** The machine's events, in order. Must not throw. */
  onEvent(event: E): void;
  /** After the machine was drained. Must not throw. */
  onDrained?(): void;
  /** The machine has failed: a bug, its state cannot be trusted. The engine is closed already. */
  onFailure(error: unknown): void;
  /**
   * Members from before, to be tried at the start. Of a pool that we were in, we want the past: what we have seen of it the
   * machine knows, the rest we have missed.
   */
  readonly remembered?: readonly RememberedMember[];
  readonly resolver: Resolver;
  readonly logger: Logger | undefined;
  readonly scheduler?: Scheduler;
}

/** Whoever was alive when a process before this one ended. */
export interface RememberedMember {
  readonly name: string;
  /** IP address text. */
  readonly address: string;
  readonly port: number;
}

/** Exchanges of one `join` call at once. */
const JOIN_WIDTH = 16;
/** How long a start waits for its seeds before it goes on without: ms. A dead seed can hang for the stream timeout. */
const FIRST_ROUND_MS = 3000;

type Waiter = { resolve(error: string | undefined): void; reject(error: Error): void };

export class Engine<E extends ExtendedEvent | SwimEvent> {
  readonly driver: Driver<E>;
  readonly place: Place;
  readonly #options: EngineOptions<E>;
  readonly #joins = new Map<number, Waiter>();
  readonly #broadcasts = new Map<number, Waiter>();
  readonly #leavers: Waiter[] = [];
  readonly #plan: SeedPlan | undefined;
  readonly #aliases = new SeedAliases();
  readonly #seedAlarm: Alarm | undefined;
  /** The last complaint about each seed, so that a lasting one is logged once. */
  readonly #seedTrouble = new Map<string, string>();
  /** Aborts look-ups when the engine closes. */
  readonly #life = new AbortController();
  #onFirstSuccess: (() => void) | undefined;
  #leaving = false;
  #left = false;
  #closing: Promise<void> | undefined;

  constructor(options: EngineOptions<E>) {
    this.#options = options;
    this.place = options.place;
    const scheduler = options.scheduler ?? sharedScheduler();
    this.driver = new Driver<E>({
      machine: options.machine,
      sockets: options.place.sockets,
      streamTimeoutMs: options.settings.config.streamTimeoutMs,
      onEvent: this.#onEvent,
      ...(options.onDrained ? { onDrained: options.onDrained } : {}),
      onFailure: this.#onFailure,
      onSocketError: (error) => options.logger?.warn({ err: error }, `socket: ${error.message}`),
      scheduler,
    });
    if (options.settings.seeds.length > 0) {
      this.#plan = new SeedPlan({ random: Math.random, lazy: options.settings.lazySeeds });
      this.#seedAlarm = scheduler.add(this.#onSeedsDue);
    }
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** True once the goodbye was spread: what still arrives is no business of the application's. */
  get left(): boolean {
    return this.#left;
  }

  /** Throws CLOSED or LEFT when the node takes no messages any more. One that is leaving still does. */
  requireVoice(): void {
    if (this.#left || this.closed) this.requireOpen();
  }

  /** Throws CLOSED or LEFT when the node can take no wishes any more. */
  requireOpen(): void {
    // A goodbye cut short by closing is none.
    if (this.closed && !this.#left) throw closedError();
    if (this.#left || this.#leaving) throw leftError();
  }

  /**
   * Starts the machine and tries the seeds once. Resolves when one has answered, all have failed, or a few seconds have
   * passed: a node without company is a node all the same, and goes on trying.
   */
  async start(signal?: AbortSignal): Promise<void> {
    this.driver.start();
    // In the background: a pool that has moved on since then must not hold up the start.
    void this.#rejoin();
    if (!this.#plan || this.#options.settings.lazySeeds) return;
    const patience = new AbortController();
    const first = new Promise<void>((resolve) => {
      this.#onFirstSuccess = resolve;
      const timer = setTimeout(resolve, FIRST_ROUND_MS);
      patience.signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
      void this.#trySeeds().then(resolve);
    });
    try {
      await abortable(first, signal, "starting");
    } finally {
      patience.abort();
      this.#onFirstSuccess = undefined;
    }
  }

  /** Carries a wish into the machine. */
  run<T>(wish: (now: number) => T): T {
    return this.driver.run(wish);
  }

  /**
   * Push/pull with every address of every target. Rejects with ABORTED, CLOSED or LEFT only.
   */
  async join(targets: readonly string[], signal?: AbortSignal, replay = false): Promise<JoinResult> {
    this.requireOpen();
    throwIfAborted(signal, "join");
    const all = this.#joinAll(targets, replay, () => true);
    const { contacted, failures } = await abortable(all, signal, "join");
    return { contacted, failures };
  }

  /**
   * Carries a wish into the machine that returns the number of a broadcast; resolves when it has been spread.
   * @throws NodeError TIMED_OUT, ABORTED, CLOSED
   */
  async broadcast(wish: (now: number) => number, timeoutMs: number, what: string, signal?: AbortSignal): Promise<void> {
    this.requireOpen();
    throwIfAborted(signal, what);
    let timer: NodeJS.Timeout | undefined;
    let id = 0;
    const spread = new Promise<string | undefined>((resolve, reject) => {
      // Registered before the machine is drained: alone, it says at once that it is done.
      this.run((now) => {
        id = wish(now);
        this.#broadcasts.set(id, { resolve, reject });
      });
      timer = setTimeout(() => {
        const seconds = timeoutMs / 1000;
        reject(new NodeError("TIMED_OUT", `${what} was not spread within ${seconds} s; it may still be`));
      }, timeoutMs);
    });
    try {
      await abortable(spread, signal, what);
    } finally {
      clearTimeout(timer);
      this.#broadcasts.delete(id);
    }
  }

  /** Says goodbye; resolves when it was spread. To be closed then. Again: waits for the same goodbye. */
  async leave(): Promise<void> {
    if (this.#left) return;
    if (this.closed) throw closedError();
    if (!this.#leaving) {
      this.#leaving = true;
      try {
        this.run((now) => this.#options.leave(now));
      } catch (error) {
        this.#leaving = false;
        throw error;
      }
      this.#seedAlarm?.close();
      // Alone, the machine says at once that it has left.
      if (this.#left) return;
      if (this.closed) throw closedError();
    }
    await new Promise<string | undefined>((resolve, reject) => this.#leavers.push({ resolve, reject }));
  }

  /** Stops at once. Resolves when nothing is left. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#life.abort();
    this.#seedAlarm?.close();
    const done = this.driver.close();
    const waiters = [...this.#joins.values(), ...this.#broadcasts.values(), ...this.#leavers];
    this.#joins.clear();
    this.#broadcasts.clear();
    this.#leavers.length = 0;
    for (const waiter of waiters) waiter.reject(closedError());
    await done;
  }

  readonly #onFailure = (error: unknown): void => {
    void this.close();
    this.#options.onFailure(error);
  };

  readonly #onEvent = (event: E): void => {
    const common: ExtendedEvent | SwimEvent = event;
    switch (common.type) {
      case "join-result": {
        const waiter = this.#joins.get(common.id);
        this.#joins.delete(common.id);
        if (common.error === undefined) this.#onFirstSuccess?.();
        waiter?.resolve(common.error === undefined ? undefined : this.#withDetail(common.error));
        break;
      }
      case "broadcast-done":
        this.#broadcasts.get(common.id)?.resolve(undefined);
        break;
      case "left-pool":
        this.#left = true;
        for (const waiter of this.#leavers.splice(0)) waiter.resolve(undefined);
        break;
      case "member-join":
      case "member-leave":
      case "isolated":
      case "reconnected":
        this.#reviewCompany();
        break;
      default:
    }
    this.#options.onEvent(event);
  };

  /** `10.0.0.1:7946 cannot be reached (no route to host)` */
  #withDetail(error: string): string {
    const failure = this.driver.streamFailure;
    // Refused says it all.
    if (failure?.detail === undefined || failure.reason === "refused") return error;
    return `${error} (${systemWords[failure.detail] ?? failure.detail})`;
  }

  // Joining

  async #joinAll(
    targets: readonly string[],
    replay: boolean,
    wanted: (to: Endpoint) => boolean,
  ): Promise<JoinResult & { readonly answered: readonly Endpoint[] }> {
    const failures: { address: string; error: string }[] = [];
    const answered: Endpoint[] = [];
    const endpoints = new Map<string, Endpoint>();
    await Promise.all(
      targets.map(async (target) => {
        try {
          for (const to of await resolveTarget(target, this.#resolveContext())) {
            if (wanted(to)) endpoints.set(formatEndpoint(to), to);
          }
        } catch (error) {
          if (this.closed) throw closedError();
          failures.push({ address: target, error: error instanceof Error ? error.message : String(error) });
        }
      }),
    );
    const queue = [...endpoints.values()];
    const worker = async () => {
      for (let to = queue.shift(); to; to = queue.shift()) {
        const error = await this.#exchange(to, replay);
        if (error === undefined) answered.push(to);
        else failures.push({ address: formatEndpoint(to), error });
      }
    };
    await Promise.all(Array.from({ length: Math.min(JOIN_WIDTH, queue.length) }, worker));
    if (answered.length > 0 && !this.closed && !this.#leaving) this.run((now) => this.#options.joined(now));
    return { contacted: answered.length, failures, answered };
  }

  /** One push/pull; resolves to an error's text or undefined. Rejects with CLOSED or LEFT. */
  async #exchange(to: Endpoint, replay: boolean): Promise<string | undefined> {
    this.requireOpen();
    return new Promise((resolve, reject) => {
      this.run((now) => {
        const id = this.#options.join(to, now, replay);
        this.#joins.set(id, { resolve, reject });
      });
    });
  }

  /**
   * Push/pull with one of the remembered: in random order, until one answers; no retries. It is no join: the pool is not told
   * that we mean to stay, and the events that we have missed are wanted (Serf protocol notes, section 15).
   */
  async #rejoin(): Promise<void> {
    const { logger } = this.#options;
    const others = this.#remembered;
    try {
      for (const { name, address, port } of shuffled(others)) {
        const at = formatEndpoint({ address, port });
        const error = await this.#exchange({ address, port }, true);
        if (error === undefined) {
          logger?.info({ member: name, address: at }, `rejoined the pool by way of ${name} ${at}, from the snapshot`);
          return;
        }
        logger?.debug({ member: name, address: at }, `snapshot: ${error}`);
      }
      if (others.length > 0) {
        logger?.warn({ tried: others.length }, `none of the ${others.length} members of the snapshot can be reached`);
      }
    } catch (error) {
      // Closed or left in between; anything else is worth a line.
      if (!this.closed && !this.#leaving) logger?.warn({ err: error }, `snapshot: ${String(error)}`);
    }
  }

  get #remembered(): readonly RememberedMember[] {
    const { remembered = [], settings } = this.#options;
    const own = this.#ownAddresses();
    // Ourselves, also as we were called before: we would answer, and nobody else be tried.
    return remembered.filter((one) => one.name !== settings.name && !own.has(formatEndpoint(one)));
  }

  /** Whether events from before a join by seeds are news. After a goodbye nobody is remembered, and they are not. */
  get #wantsPast(): boolean {
    return this.#remembered.length > 0;
  }

  #resolveContext(): ResolveContext {
    const { sockets } = this.place;
    const reach = sockets.family === 4 ? 4 : sockets.address === "::" ? "both" : 6;
    return {
      resolver: this.#options.resolver,
      defaultPort: sockets.port,
      reach,
      signal: this.#life.signal,
    };
  }

  #ownAddresses(): ReadonlySet<string> {
    const { address, port, sockets } = this.place;
    return new Set([formatEndpoint({ address, port }), formatEndpoint(sockets)]);
  }

  // Seeds

  /** The seeds' plan depends on whether anybody is there. */
  #reviewCompany(): void {
    if (!this.#plan || this.#leaving || this.closed) return;
    const now = this.driver.now();
    if (this.#options.swim.aliveCount > 1) this.#plan.accompanied(now);
    else this.#plan.isolated(now);
    this.#seedAlarm!.set(this.#plan.deadline);
  }

  readonly #onSeedsDue = (): void => void this.#trySeeds();

  async #trySeeds(): Promise<void> {
    const plan = this.#plan!;
    const task = plan.take(this.driver.now());
    if (task) {
      try {
        await this.#runSeedTask(task);
      } catch (error) {
        // Closed or left in between; anything else is worth a line, and the next try.
        if (!this.closed && !this.#leaving) this.#options.logger?.warn({ err: error }, `seeds: ${String(error)}`);
      }
      plan.done(this.driver.now());
    }
    if (!this.closed && !this.#leaving) this.#seedAlarm!.set(plan.deadline);
  }

  async #runSeedTask(task: SeedTask): Promise<void> {
    const { settings, swim, logger } = this.#options;
    const own = this.#ownAddresses();
    const living = () => {
      const alive = swim.members().filter(({ state }) => state === "alive" || state === "suspect");
      return new Set(alive.map(({ endpoint }) => formatEndpoint(endpoint)));
    };
    const known = task === "look" ? living() : undefined;
    const result = await this.#joinAll(settings.seeds, this.#wantsPast, (to) => {
      const text = formatEndpoint(to);
      return !own.has(text) && !(known && (known.has(text) || !this.#aliases.worthTrying(text)));
    });
    if (this.closed) return;
    if (result.answered.length > 0) {
      const members = living();
      for (const to of result.answered) {
        const text = formatEndpoint(to);
        this.#aliases.answered(text, members.has(text));
        if (task === "look") logger?.info({ seed: text }, `seed ${text} was no member of ours; joined it`);
      }
    }
    this.#reportSeeds(result);
  }

  /** One line for each seed whose trouble is new. */
  #reportSeeds({ contacted, failures }: JoinResult): void {
    const { logger } = this.#options;
    const trouble = new Map(failures.map(({ address, error }) => [address, error]));
    for (const [address, error] of trouble) {
      const line = `seed ${address}: ${error}`;
      if (this.#seedTrouble.get(address) === error) logger?.debug({ seed: address }, line);
      else logger?.warn({ seed: address }, line);
    }
    this.#seedTrouble.clear();
    for (const [address, error] of trouble) this.#seedTrouble.set(address, error);
    if (contacted > 0) logger?.info({ contacted }, `joined by way of ${contacted} of the seeds`);
  }
}

function shuffled<T>(list: readonly T[]): T[] {
  const rest = [...list];
  for (let i = rest.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [rest[i], rest[j]] = [rest[j]!, rest[i]!];
  }
  return rest;
}

const systemWords: Readonly<Record<string, string>> = {
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "network unreachable",
  ETIMEDOUT: "timed out",
  ECONNRESET: "connection reset",
  EPIPE: "connection reset",
  EACCES: "forbidden by the firewall",
  EPERM: "forbidden by the firewall",
  EINVAL: "not an address that can be dialled",
  EADDRNOTAVAIL: "not an address that can be dialled from here",
  EMFILE: "no file descriptor left",
};

/** For those who start an engine with a signal: ABORTED, or the error as it is. */
export function startError(error: unknown, signal: AbortSignal | undefined): unknown {
  return signal?.aborted ? abortedError(signal, "starting") : error;
}
