/**
 * A node whose machine and sockets live in a worker thread, behind the same interface. The main thread keeps a mirror of
 * members and evidence, so that looking is synchronous; wishes are calls to the worker.
 */

import { Worker } from "node:worker_threads";
import { distanceMs } from "@hearsay/serf";
import { stateDefaults } from "@hearsay/state";
import type { CallOptions, Explanation, HearsayNode, JoinResult, Logger, Member, NodeStats } from "../api.ts";
import {
  checkEventName,
  checkFlag,
  checkPayload,
  checkQuery,
  checkTagLength,
  checkTargets,
  querySignal,
} from "../call-checks.ts";
import { abortable, closedError, leftError, NodeError, optionError, systemCode, throwIfAborted } from "../errors.ts";
import { summarize } from "../explain.ts";
import { checkTags, type NodeSettings } from "../options.ts";
import { poolKeys } from "../pool-keys.ts";
import { type QueryStart, RunningQuery } from "../query-call.ts";
import type { Coordinate, IncomingQuery, KeyResult, PoolKeys, QueryCall, QueryOptions } from "../serf-api.ts";
import { StateFace } from "../state/state-face.ts";
import type { StateSettings } from "../state/state-options.ts";
import { StatefulNode } from "../state/stateful-node.ts";
import { EvidenceMirror } from "./evidence-mirror.ts";
import { firstMessage } from "./first-message.ts";
import { MirroredState, type StateLink } from "./mirrored-state.ts";
import {
  type Batch,
  type Calls,
  ENCRYPTED,
  type MirrorEvent,
  type PlainEvent,
  type PlainQuery,
  reviveError,
  statNames,
  type ToMain,
  type ToWorker,
  type WorkerStart,
} from "./protocol.ts";

/** How long a worker may take to close before it is ended: ms. */
const CLOSE_PATIENCE_MS = 2000;

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

type Phase = "open" | "leaving" | "left" | "closed";

export class IsolatedNode extends StatefulNode implements HearsayNode {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly #worker: Worker;
  readonly #counters: Float64Array;
  readonly #logger: Logger | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #members = new Map<string, Member>();
  readonly #evidence = new EvidenceMirror();
  readonly #places = new Map<string, Coordinate>();
  readonly #mirrored: MirroredState | undefined;
  protected readonly face: StateFace;
  /** Queries of ours under way, by our number. */
  readonly #queries = new Map<number, RunningQuery>();
  readonly #pending = new Map<number, Pending>();
  readonly #exited: Promise<void>;
  #sorted: readonly Member[] | undefined;
  #drops: Readonly<Record<string, number>> = {};
  #nextCall = 1;
  #nextQuery = 1;
  #phase: Phase = "open";
  #leaving: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  static async start(
    settings: NodeSettings,
    context: { readonly logger?: Logger | undefined; readonly signal?: AbortSignal | undefined },
  ): Promise<IsolatedNode> {
    const { signal } = context;
    const counters = new SharedArrayBuffer(8 * (ENCRYPTED + 1));
    const data: WorkerStart = { settings, logging: context.logger !== undefined, counters };
    const worker = startWorker(data);
    try {
      const ready = await abortable(firstMessage(worker), signal, "starting");
      return new IsolatedNode(worker, settings, counters, ready, context);
    } catch (error) {
      await worker.terminate();
      throw error;
    }
  }

  private constructor(
    worker: Worker,
    settings: NodeSettings,
    counters: SharedArrayBuffer,
    ready: Extract<ToMain, { type: "ready" }>,
    context: { readonly logger?: Logger | undefined; readonly signal?: AbortSignal | undefined },
  ) {
    super();
    this.#worker = worker;
    this.#counters = new Float64Array(counters);
    this.#logger = context.logger;
    this.#signal = context.signal;
    this.name = settings.name;
    this.address = ready.address;
    this.port = ready.port;
    this.#mirrored = settings.state && new MirroredState(this.#stateLink(settings.state));
    this.face = new StateFace(this.#mirrored);
    this.#exited = new Promise((resolve) => worker.once("exit", () => resolve()));
    worker.on("message", this.#onMessage);
    worker.on("error", this.#onWorkerError);
    worker.once("exit", this.#onExit);
    this.#signal?.addEventListener("abort", this.#onAbort, { once: true });
    this.#apply(ready.batch);
    this.#post({ type: "taken" });
  }

  local(): Member {
    return this.#withPhi(this.#members.get(this.name)!);
  }

  members(): Member[] {
    this.#sorted ??= [...this.#members.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return this.#sorted.map((member) => this.#withPhi(member));
  }

  member(name: string): Member | undefined {
    const member = this.#members.get(name);
    return member && this.#withPhi(member);
  }

  why(name: string): Explanation | undefined {
    const member = this.member(name);
    const evidence = this.#evidence.about(name);
    if (!member && evidence.length === 0) return undefined;
    const summary = summarize({ name, member, evidence, speaker: this.name, now: new Date() });
    return { name, member, evidence, summary };
  }

  stats(): NodeStats {
    const numbers = Object.fromEntries(statNames.map((name, i) => [name, this.#counters[i]!]));
    return {
      ...(numbers as Record<(typeof statNames)[number], number>),
      encrypted: this.#counters[ENCRYPTED] === 1,
      drops: { ...this.#drops },
    };
  }

  async join(
    targets: readonly string[],
    options: CallOptions & { readonly replay?: boolean } = {},
  ): Promise<JoinResult> {
    const checked = [...checkTargets(targets)];
    return (await this.#call("join", [checked, options.replay ?? false], options.signal)) as JoinResult;
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
    await this.#call("forceLeave", [name, options.prune ?? false], options.signal);
  }

  async setTags(tags: Readonly<Record<string, string>>, options: CallOptions = {}): Promise<void> {
    const checked = checkTags("tags", tags);
    checkTagLength(checked, this.#mirrored !== undefined);
    await this.#call("setTags", [checked], options.signal);
  }

  async userEvent(
    name: string,
    payload?: Uint8Array | string,
    options: CallOptions & { readonly coalesce?: boolean } = {},
  ): Promise<void> {
    checkFlag("coalesce", options.coalesce);
    const args: Calls["userEvent"] = [checkEventName(name), checkPayload(payload), options.coalesce ?? false];
    await this.#call("userEvent", args, options.signal);
  }

  query(name: string, payload?: Uint8Array | string, options: QueryOptions = {}): QueryCall {
    const id = this.#nextQuery++;
    const call = new RunningQuery(querySignal(options), () => {
      // Of one that the worker has ended it needs no telling.
      if (this.#queries.delete(id)) this.#post({ type: "call", id: 0, method: "endQuery", args: [id] });
    });
    if (call.ended) return call;
    try {
      const wish = checkQuery(name, payload, options);
      this.#requireOpen();
      this.#queries.set(id, call);
      this.#request("query", [id, wish]).then(
        (start) => call.begin(start as QueryStart),
        (error: Error) => this.#queryOver(id, call, error),
      );
    } catch (error) {
      call.fail(error instanceof Error ? error : new Error(String(error)));
    }
    return call;
  }

  readonly keys: PoolKeys = poolKeys(
    async (operation, key, signal) => (await this.#call("changeKeys", [operation, key], signal)) as KeyResult,
  );

  rtt(a: string, b: string = this.name): number | undefined {
    const from = this.coordinate(a);
    const to = this.coordinate(b);
    return from && to && distanceMs(from, to);
  }

  coordinate(name: string = this.name): Coordinate | undefined {
    return this.#places.get(name);
  }

  setHealthy(healthy: boolean): void {
    this.#requireOpen();
    this.#post({ type: "call", id: 0, method: "setHealthy", args: [healthy] });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #leave(): Promise<void> {
    if (this.#phase === "closed") throw closedError();
    const left = this.#request("leave", []);
    this.#phase = "leaving";
    try {
      await left;
    } catch (error) {
      if (this.#phase === "leaving") this.#phase = "open";
      throw error;
    }
    this.#phase = "left";
    await this.close();
  }

  async #close(): Promise<void> {
    if (this.#phase !== "left") this.#phase = "closed";
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.face.end();
    this.#rejectAll(closedError());
    this.#post({ type: "call", id: 0, method: "close", args: [] });
    const timer = setTimeout(() => void this.#worker.terminate(), CLOSE_PATIENCE_MS);
    await this.#exited;
    clearTimeout(timer);
    this.endEvents();
  }

  #requireOpen(): void {
    if (this.#phase === "leaving" || this.#phase === "left") {
      throw leftError();
    }
    if (this.#phase === "closed") throw closedError();
  }

  /** One that is leaving may still answer. */
  #requireVoice(): void {
    if (this.#phase !== "leaving") this.#requireOpen();
  }

  async #call<K extends keyof Calls>(method: K, args: Calls[K], signal: AbortSignal | undefined): Promise<unknown> {
    this.#requireOpen();
    throwIfAborted(signal, method);
    const id = this.#nextCall;
    const answer = this.#request(method, args);
    if (!signal) return answer;
    const abort = () => this.#post({ type: "abort", id });
    signal.addEventListener("abort", abort, { once: true });
    try {
      return await abortable(answer, signal, method);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  #request<K extends keyof Calls>(method: K, args: Calls[K]): Promise<unknown> {
    const id = this.#nextCall++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#post({ type: "call", id, method, args });
    });
  }

  #rejectAll(error: NodeError): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    for (const [id, call] of this.#queries) this.#queryOver(id, call, error);
  }

  /** Nothing more comes. What has come can still be read; then `error`, or the end. */
  #queryOver(id: number, call: RunningQuery, error: Error | undefined): void {
    this.#queries.delete(id);
    if (error) call.fail(error);
    else call.done();
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  readonly #onMessage = (message: ToMain): void => {
    switch (message.type) {
      case "batch":
        this.#apply(message.batch);
        this.#post({ type: "taken" });
        break;
      case "answer":
        this.#pending.get(message.id)?.resolve(message.value);
        this.#pending.delete(message.id);
        break;
      case "refusal":
        this.#pending.get(message.id)?.reject(reviveError(message.error));
        this.#pending.delete(message.id);
        break;
      case "record":
        this.#queries.get(message.query)?.push(message.record);
        break;
      case "query-over": {
        const call = this.#queries.get(message.query);
        if (call) this.#queryOver(message.query, call, message.error && reviveError(message.error));
        break;
      }
      case "stopped":
        this.#stop(reviveError(message.error));
        break;
      default:
    }
  };

  /** The worker threw: what it knew is lost. */
  readonly #onWorkerError = (cause: Error): void => {
    const message = `the node's worker thread has failed: ${cause.message}`;
    this.#logger?.error({ err: cause }, message);
    this.#stop(new NodeError("WORKER_FAILED", message, { cause }));
  };

  readonly #onExit = (code: number): void => {
    if (this.#phase !== "open" && this.#phase !== "leaving") return;
    if (this.#phase === "leaving" && code === 0) return;
    this.#stop(new NodeError("WORKER_FAILED", `the node's worker thread has ended by itself (exit code ${code})`));
  };

  readonly #onAbort = (): void => void this.close();

  #stop(error: NodeError): void {
    if (this.#phase === "closed" || this.#phase === "left") return;
    this.#phase = "closed";
    this.#rejectAll(error);
    void this.close();
    this.emit("error", error);
  }

  /** The view first, then the events about it: a listener sees at least what it is told. */
  #apply(batch: Batch): void {
    for (const member of batch.members) this.#members.set(member.name, member);
    for (const name of batch.forgotten) {
      this.#mirrored?.forget(name);
      this.#members.delete(name);
      this.#places.delete(name);
    }
    if (batch.members.length > 0 || batch.forgotten.length > 0) this.#sorted = undefined;
    for (const [name, evidence] of batch.evidence) this.#evidence.set(name, evidence);
    for (const [name, place] of batch.places) {
      if (place) this.#places.set(name, place);
      else this.#places.delete(name);
    }
    const tell = batch.state && this.#mirrored?.apply(batch.state);
    this.#drops = batch.drops;
    for (const line of batch.lines) this.#logger?.[line.level](line.fields, line.message);
    if (batch.droppedEvents > 0) this.skipEvents(batch.droppedEvents);
    if (batch.droppedOthers > 0) {
      const lost = batch.droppedOthers;
      this.#logger?.warn({ lost }, `${lost} events and queries were lost: the main thread was blocked for too long`);
    }
    for (const event of batch.events) this.#onEvent(event);
    tell?.(this.news);
  }

  #withPhi(member: Member): Member {
    if (!this.#mirrored) return member;
    const { phi: _, ...rest } = member;
    const phi = this.#mirrored.phi(member.name);
    return phi === undefined ? rest : { ...rest, phi };
  }

  #stateLink({ config }: StateSettings): StateLink {
    return {
      name: this.name,
      maxValueBytes: config.maxValueBytes ?? stateDefaults.maxValueBytes,
      requireOpen: () => this.#requireOpen(),
      call: (method, args, signal) => this.#call(method, args as Calls[typeof method], signal),
      tell: (method, args) => this.#post({ type: "call", id: 0, method, args }),
    };
  }

  #onEvent(mirrored: MirrorEvent): void {
    switch (mirrored.kind) {
      case "member":
        this.stream(mirrored.event);
        this.emit(mirrored.event.type, mirrored.event.member);
        break;
      case "query":
        this.emit("query", this.#incoming(mirrored.query));
        break;
      case "plain": {
        const { name, args } = mirrored.event as { name: PlainEvent["name"]; args: never };
        this.emit(name, ...(args as []));
        break;
      }
    }
  }

  #incoming(query: PlainQuery): IncomingQuery {
    const respond = async (payload: Uint8Array | string): Promise<void> => {
      const bytes = checkPayload(payload) ?? new Uint8Array(0);
      this.#requireVoice();
      await this.#request("respond", [query.lTime, query.id, bytes]);
    };
    return { ...query, respond };
  }
}

/**
 * The process's own flags go for the worker too, by themselves. Only where one belongs to `node --eval`, and does not go for files,
 * are the others said; then those of V8 may not be among them.
 */
function startWorker(data: WorkerStart): Worker {
  const start = (flags: { readonly execArgv?: string[] }) =>
    new Worker(new URL("./worker.js", import.meta.url), { workerData: data, name: "hearsay", ...flags });
  const others = process.execArgv.filter((argument) => !argument.startsWith("--input-type"));
  if (others.length === process.execArgv.length) return start({});
  try {
    return start({ execArgv: others });
  } catch (error) {
    if (systemCode(error) !== "ERR_WORKER_INVALID_EXEC_ARGV") throw error;
    return start({ execArgv: [] });
  }
}
