/**
 * The agent: a node, its log, and its RPC server, from start to end. Knows nothing of terminals and signals; whoever runs
 * it awaits `ended` and then calls `close`.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { formatEndpoint } from "@hearsay/core";
import type { HearsayNode, JoinResult, Logger, NodeOptions } from "@hearsay/node";
import { parseRpcAddress } from "../cli/rpc-connection.ts";
import { EventHandlers } from "../handlers/event-handlers.ts";
import { handlerStats } from "../handlers/handler-spec.ts";
import { eventTitle } from "../handlers/script-input.ts";
import type { AgentLog } from "../log/agent-log.ts";
import type { LogBook } from "../log/log-book.ts";
import type { RpcHost, StatGroups } from "../rpc/host.ts";
import { joinErrorText, joinFailureText, oneLine, withoutKey } from "../rpc/join-error.ts";
import { RpcServer } from "../rpc/server.ts";
import { AgentAggregates } from "./agent-aggregates.ts";
import type { AgentEvent } from "./agent-event.ts";
import { type AgentConfig, ConfigError } from "./config.ts";
import { formatDuration } from "./duration.ts";
import { logEvents } from "./event-log.ts";
import { EventPipeline } from "./event-pipeline.ts";
import { inFlagWords } from "./flag-words.ts";
import { checkNodeName, watchName } from "./name-watch.ts";
import { bindAddress, nodeOptions } from "./node-options.ts";
import { statGroups } from "./stats.ts";
import { readTagsFile, writeTagsFile } from "./tags-file.ts";

const TAGS_TWICE = "Tags config not allowed while using tag files: give -tag or -tags-file, not both";

export type CreateNode = (options: NodeOptions) => Promise<HearsayNode>;

/** Why an agent came to its end. `failed`: it cannot go on; one line for people. */
export type Ending = { readonly type: "left" } | { readonly type: "failed"; readonly message: string };

export class Agent implements RpcHost, AsyncDisposable {
  readonly node: HearsayNode;
  readonly aggregates: AgentAggregates;
  readonly log: Logger;
  readonly logBook: LogBook;
  readonly ended: Promise<Ending>;
  /** `host:port` that the gossip was asked to listen at. */
  readonly bindAddress: string;
  #end: (ending: Ending) => void = () => {};
  /** As at the start: what a reload changes is kept by those whom it concerns. */
  readonly #config: AgentConfig;
  #rpc: RpcServer | undefined;
  #discovery: AsyncDisposable | undefined;
  readonly #pipeline: EventPipeline;
  readonly #handlers: EventHandlers;
  #tagChange: Promise<void> = Promise.resolve();
  /** What was reloaded last. */
  #reloaded: AgentConfig | undefined;
  readonly #stopLogging: () => void;
  readonly #stopWatching: () => void;
  readonly #closing = new AbortController();
  #leaving: Promise<void> | undefined;

  private constructor(node: HearsayNode, config: AgentConfig, bind: string, log: AgentLog) {
    this.node = node;
    this.aggregates = new AgentAggregates(this.node);
    this.bindAddress = bind;
    this.#config = config;
    this.log = log.child("agent");
    this.logBook = log.book;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#stopLogging = logEvents(node, { serf: log.child("serf"), memberlist: log.child("memberlist") });
    this.#pipeline = new EventPipeline(node);
    this.#handlers = new EventHandlers(config.eventHandlers, () => node.local(), this.log);
    this.#pipeline.follow((event) => {
      this.log.info({}, `Received event: ${eventTitle(event)}`);
      this.#handlers.handle(event);
    });
    this.#stopWatching = watchName(node, config, (message) => this.#end({ type: "failed", message }));
    node.on("error", (error) => this.#end({ type: "failed", message: error.message }));
  }

  /**
   * Starts the node and the RPC, and `-retry-join` in the background; `-join` is for the caller.
   * Rejects with one line for people, and nothing left running, when either cannot be had.
   */
  static async start(
    config: AgentConfig,
    keys: readonly string[],
    log: AgentLog,
    createNode: CreateNode,
  ): Promise<Agent> {
    const rpcAddress = rpcAddressOf(config);
    checkNodeName(config);
    const derived = { keys, tags: tagsAtStart(config), bind: await bindAddress(config) };
    const node = await createNode(nodeOptions(config, derived, log.child("node"))).catch((error: unknown) => {
      throw new ConfigError(inFlagWords(error, config), { cause: error });
    });
    const agent = new Agent(node, config, derived.bind, log);
    try {
      await agent.#discover(log.child("agent.mdns"));
    } catch (error) {
      await agent.close();
      throw new ConfigError(`-discover: ${(error as Error).message}`, { cause: error });
    }
    try {
      agent.#rpc = await RpcServer.listen(agent, { ...rpcAddress, token: config.rpcAuth });
    } catch (error) {
      await agent.close();
      throw new ConfigError(`-rpc-addr: ${rpcProblem(error, config.rpcAddr)}`, { cause: error });
    }
    agent.log.info({}, "Hearsay agent starting");
    agent.#tellAdvertised();
    void agent.#retryJoin();
    return agent;
  }

  /** Bound to everything, the node has chosen one address among several; that should not be a riddle. */
  #tellAdvertised(): void {
    if (this.#config.advertise !== undefined || !/^(0\.0\.0\.0|\[::\])?:\d+$/.test(this.bindAddress)) return;
    const { address, port } = this.node;
    this.log.info({}, `advertising ${formatEndpoint({ address, port })} (set -advertise to choose another)`);
  }

  /** Where the RPC listens. */
  get rpcAddress(): string {
    const { address, port } = this.#rpc!;
    return formatEndpoint({ address, port });
  }

  // ---- what the RPC asks for

  async join(targets: readonly string[], replay: boolean): Promise<JoinResult> {
    this.log.info({}, `joining: [${targets.join(" ")}] replay: ${replay}`);
    const result = await this.#exchange(targets, replay);
    if (result.contacted > 0) this.log.info({}, `joined: ${result.contacted} nodes`);
    for (const failure of result.failures) this.log.warn({}, `error joining ${joinFailureText(failure)}`);
    return result;
  }

  forceLeave(name: string, prune: boolean): Promise<void> {
    this.log.info({}, `Force leaving node: ${name}${prune ? " (prune)" : ""}`);
    return this.node.forceLeave(name, { prune, signal: this.#closing.signal });
  }

  /** A second call waits for the first. */
  leave(): Promise<void> {
    if (this.#leaving === undefined) {
      this.log.info({}, "requesting graceful leave from the pool");
      this.#leaving = this.node.leave();
    }
    return this.#leaving;
  }

  afterLeave(): void {
    this.#end({ type: "left" });
  }

  /** Changes are made one after another. Rejects as `setTags` does, or when the tags file cannot be written. */
  changeTags(set: Readonly<Record<string, string>>, remove: readonly string[]): Promise<void> {
    return this.#afterTagChanges(() => {
      const kept = Object.entries(this.node.local().tags).filter(([key]) => !remove.includes(key));
      return this.#setTags({ ...Object.fromEntries(kept), ...set }, this.#config.tagsFile);
    });
  }

  follow(listener: (event: AgentEvent) => void): () => void {
    return this.#pipeline.follow(listener);
  }

  stats(): StatGroups {
    return statGroups(this.node, this.aggregates, {
      handlers: handlerStats(this.#handlers.specs),
      lostEvents: this.#handlers.lost,
      coordinates: !this.#config.disableCoordinates,
    });
  }

  // ---- life

  /**
   * Takes over what may change while an agent runs: the event handlers, from the next event on, and the tags, which replace
   * those set by command. Tags that cannot be had leave the old ones, and a line in the log. Resolves when the tags have
   * spread, which can take its time; never rejects.
   */
  async reload(config: AgentConfig): Promise<void> {
    this.#handlers.replace(config.eventHandlers);
    this.#reloaded = config;
    try {
      // What a later reload replaces need not spread before.
      await this.#afterTagChanges(async () => {
        if (this.#reloaded === config) await this.#reloadTags(config);
      });
    } catch (error) {
      if (!this.#closing.signal.aborted) this.log.error({}, `tags not reloaded: ${oneLine((error as Error).message)}`);
    }
    if (!this.#closing.signal.aborted) this.log.info({}, "configuration reloaded");
  }

  /**
   * For an agent that has left: what it was told before is still handled. Nothing new comes, and its addresses are free,
   * while the event handlers finish what waits for them. Resolves when they have, or when `close` is called.
   */
  async finish(): Promise<void> {
    await this.#disconnect();
    this.#pipeline.flush();
    this.#pipeline.close();
    await this.#handlers.idle();
  }

  /**
   * Stops at once, without a word to the pool unless it has left. Commands of event handlers that run are left to
   * themselves. Safe to call twice.
   */
  async close(): Promise<void> {
    this.#pipeline.close();
    this.#handlers.close();
    await this.#disconnect();
  }

  async #disconnect(): Promise<void> {
    this.#closing.abort();
    await this.#discovery?.[Symbol.asyncDispose]();
    await this.#rpc?.close();
    this.aggregates.close();
    await this.node.close();
    this.#stopLogging();
    this.#stopWatching();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * `-retry-join`: until it has brought company, then it is the node's to keep that (its seeds). Lists that all agents of
   * a pool share have our own address, too: our own answer is none, and the others may be still to come.
   */
  async #retryJoin(): Promise<void> {
    const { retryJoin, retryIntervalMs, retryMaxAttempts, replayOnJoin } = this.#config;
    const { signal } = this.#closing;
    if (retryJoin.length === 0) return;
    try {
      for (let attempt = 0; ; attempt++) {
        const { contacted, failures } = await this.#exchange(retryJoin, replayOnJoin);
        if (contacted > 0 && this.#inCompany()) {
          this.log.info({}, `Join completed. Synced with ${contacted} initial agents`);
          return;
        }
        const others = failures.length === 0 ? "" : `; ${oneLine(joinErrorText(failures))}`;
        const problem = contacted > 0 ? `only this agent itself answered${others}` : others.slice(2);
        if (retryMaxAttempts > 0 && attempt >= retryMaxAttempts) {
          this.#end({ type: "failed", message: `gave up joining after ${attempt + 1} tries: ${problem}` });
          return;
        }
        this.log.warn({}, `Join failed: ${problem}; trying again in ${formatDuration(retryIntervalMs)}`);
        await sleep(retryIntervalMs, undefined, { signal });
      }
    } catch (error) {
      if (!signal.aborted) this.log.error({}, `retry join: ${String(error)}`);
    }
  }

  async #exchange(targets: readonly string[], replay: boolean): Promise<JoinResult> {
    const result = await this.node.join(targets, { signal: this.#closing.signal, replay });
    if (this.node.stats().encrypted) return result;
    return { ...result, failures: result.failures.map(withoutKey) };
  }

  #inCompany(): boolean {
    return this.node.members().some(({ name, status }) => name !== this.node.name && status === "alive");
  }

  #afterTagChanges(change: () => Promise<void>): Promise<void> {
    const changed = this.#tagChange.then(change);
    this.#tagChange = changed.catch(() => {});
    return changed;
  }

  /**
   * Whoever keeps the tags in a file has none in the configuration. A Serf agent takes that for a wish to have none at all,
   * and empties the file; here the file is read again, like all others.
   */
  #reloadTags({ tags }: AgentConfig): Promise<void> {
    const { tagsFile } = this.#config;
    if (tagsFile === undefined) return this.#setTags(tags, undefined);
    if (Object.keys(tags).length > 0) throw new ConfigError(TAGS_TWICE);
    const read = readTagsFile(tagsFile);
    return read === undefined ? Promise.resolve() : this.#setTags(read, undefined);
  }

  /** The file first, as with Serf; but it does not keep tags that the node refuses, for with them no agent could start. */
  async #setTags(tags: Readonly<Record<string, string>>, tagsFile: string | undefined): Promise<void> {
    const before = this.node.local().tags;
    if (tagsFile !== undefined) await writeTagsFile(tagsFile, tags);
    if (sameTags(before, tags)) return;
    try {
      await this.node.setTags(tags, { signal: this.#closing.signal });
    } catch (error) {
      const refused = !sameTags(this.node.local().tags, tags);
      if (refused && tagsFile !== undefined) await writeTagsFile(tagsFile, before);
      throw error;
    }
  }

  /** Joins whoever announces the same cluster's name on the network. */
  async #discover(log: Logger): Promise<void> {
    const { discover: cluster, mdns, replayOnJoin } = this.#config;
    if (cluster === undefined) return;
    const { name: nodeName, address, port } = this.node;
    const { startDiscovery } = await import("../discovery/discovery.ts");
    // As Serf's, the interface of the gossip is the one for this, too, unless another is given.
    const interfaceName = mdns.interfaceName ?? this.#config.interfaceName;
    this.#discovery = await startDiscovery({
      ...{ cluster, nodeName, address, port, log },
      ...(interfaceName === undefined ? {} : { interfaceName }),
      ipv4: !mdns.disableIpv4,
      ipv6: !mdns.disableIpv6,
      onFound: async (addresses) => {
        const { failures } = await this.join(addresses, replayOnJoin);
        // Those that are members all the same need no second try.
        const there = this.node.members().flatMap((each) => (each.status === "alive" ? [formatEndpoint(each)] : []));
        return failures.map((failure) => failure.address).filter((each) => !there.includes(each));
      },
      signal: this.#closing.signal,
    });
  }
}

/** @throws ConfigError */
function tagsAtStart({ tags, tagsFile }: AgentConfig): Readonly<Record<string, string>> {
  if (tagsFile === undefined) return tags;
  if (Object.keys(tags).length > 0) throw new ConfigError(TAGS_TWICE);
  return readTagsFile(tagsFile) ?? {};
}

function sameTags(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && a[key] === b[key]);
}

function rpcAddressOf({ rpcAddr }: AgentConfig): { readonly host: string; readonly port: number } {
  return parseRpcAddress(rpcAddr);
}

function rpcProblem(error: unknown, where: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case "EADDRINUSE":
      return `${where} is in use by another process; stop it, or listen elsewhere (port 0 takes a free one)`;
    case "EADDRNOTAVAIL":
      return `${where} is no address of this machine`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `${where} cannot be resolved`;
    case "EACCES":
      return `${where} is not allowed for this user; use a port above 1023`;
    default:
      return `cannot listen at ${where}: ${message}`;
  }
}
