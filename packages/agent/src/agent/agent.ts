/**
 * The agent: a node, its log, and its RPC server, from start to end. Knows nothing of terminals and signals; whoever runs
 * it awaits `ended` and then calls `close`.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { formatEndpoint } from "@hearsay/core";
import type { HearsayNode, JoinResult, Logger, NodeOptions } from "@hearsay/node";
import { parseRpcAddress } from "../cli/rpc-connection.ts";
import type { AgentLog } from "../log/agent-log.ts";
import type { LogBook } from "../log/log-book.ts";
import type { RpcHost, StatGroups } from "../rpc/host.ts";
import { joinErrorText, joinFailureText, oneLine, withoutKey } from "../rpc/join-error.ts";
import { RpcServer } from "../rpc/server.ts";
import type { AgentEvent } from "./agent-event.ts";
import { type AgentConfig, ConfigError } from "./config.ts";
import { formatDuration } from "./duration.ts";
import { logEvents } from "./event-log.ts";
import { inFlagWords } from "./flag-words.ts";
import { nodeOptions, withPort } from "./node-options.ts";
import { statGroups } from "./stats.ts";

export type CreateNode = (options: NodeOptions) => Promise<HearsayNode>;

/** Why an agent came to its end. `failed`: it cannot go on; one line for people. */
export type Ending = { readonly type: "left" } | { readonly type: "failed"; readonly message: string };

/** Somebody who holds our name this soon after our start had it first: ms. */
const NAME_TRIAL_MS = 60_000;
/** A pool that has had us for this long before a name conflict has accepted us: ms. */
const ACCEPTED_MS = 3000;

export class Agent implements RpcHost, AsyncDisposable {
  readonly node: HearsayNode;
  readonly log: Logger;
  readonly logBook: LogBook;
  readonly ended: Promise<Ending>;
  #end: (ending: Ending) => void = () => {};
  #config: AgentConfig;
  #rpc: RpcServer | undefined;
  readonly #stopLogging: () => void;
  readonly #closing = new AbortController();
  #leaving: Promise<void> | undefined;

  private constructor(node: HearsayNode, config: AgentConfig, log: AgentLog) {
    this.node = node;
    this.#config = config;
    this.log = log.child("agent");
    this.logBook = log.book;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#stopLogging = logEvents(node, { serf: log.child("serf"), memberlist: log.child("memberlist") });
    this.#watchName();
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
    const node = await createNode(nodeOptions(config, keys, log.child("node"))).catch((error: unknown) => {
      throw new ConfigError(inFlagWords(error, config), { cause: error });
    });
    const agent = new Agent(node, config, log);
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
    const { bind, advertise } = this.#config;
    if (advertise !== undefined || !/^(0\.0\.0\.0|\[::\])?:\d+$/.test(withPort(bind))) return;
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

  async changeTags(set: Readonly<Record<string, string>>, remove: readonly string[]): Promise<void> {
    const kept = Object.entries(this.node.local().tags).filter(([key]) => !remove.includes(key));
    await this.node.setTags({ ...Object.fromEntries(kept), ...set }, { signal: this.#closing.signal });
  }

  /** To come. */
  follow(_listener: (event: AgentEvent) => void): () => void {
    return () => {};
  }

  stats(): StatGroups {
    return statGroups(this.node);
  }

  // ---- life

  /** Takes over what may change while an agent runs: its tags, replacing those set by command. */
  async reload(config: AgentConfig): Promise<void> {
    this.#config = config;
    await this.node.setTags(config.tags, { signal: this.#closing.signal });
  }

  /** Stops at once, without a word to the pool unless it has left. Safe to call twice. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#rpc?.close();
    await this.node.close();
    this.#stopLogging();
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

  /**
   * A newcomer whose name is taken steps back, and says why; one that the pool knows under the name stays, whoever else
   * claims it (the log says so). The founder of a pool, who joins nobody, is no newcomer.
   */
  #watchName(): void {
    const started = performance.now();
    let accepted = Number.POSITIVE_INFINITY;
    this.node.on("member-join", ({ name }) => {
      if (name !== this.node.name) accepted = Math.min(accepted, performance.now());
    });
    this.node.on("conflict", ({ own, name, claimed }) => {
      const now = performance.now();
      const newcomer = this.#config.startJoin.length + this.#config.retryJoin.length > 0;
      if (!own || !newcomer || now - started > NAME_TRIAL_MS || now - accepted > ACCEPTED_MS) return;
      const message = `node name "${name}" is already in use by ${claimed}; choose another with -node`;
      this.#end({ type: "failed", message });
    });
  }
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
