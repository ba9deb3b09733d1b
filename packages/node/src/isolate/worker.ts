/** The worker's side of an isolated node: runs a node and tells the main thread what becomes of it. */

import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import type { KeyOperation, QueryWish } from "@hearsay/serf";
import type { Logger, MemberEvent, NodeEventMap } from "../api.ts";
import { LocalNode } from "../node.ts";
import type { QueryCall } from "../serf-api.ts";
import { Mirror } from "./mirror.ts";
import {
  ENCRYPTED,
  type LogLine,
  type PlainError,
  type PlainEvent,
  plainError,
  statNames,
  type ToMain,
  type ToWorker,
  type WorkerStart,
} from "./protocol.ts";
import { carryOutState, isStateCall, type SourceValues } from "./state-host.ts";
import { StateMirror, type StateSource } from "./state-mirror.ts";
import type { StateBatch } from "./state-protocol.ts";

/** How often the shared counters are brought up to date, at most: ms. */
const COUNTERS_EVERY_MS = 100;
/** Not every change makes an event (an incarnation alone does not): how often all members are compared, at most: ms. */
const COMPARE_EVERY_MS = 30_000;
/** A probe a second moves us a little: how often places alone are worth waking the main thread, at most: ms. */
const PLACES_EVERY_MS = 1000;

const plainEvents = [
  "conflict",
  "isolated",
  "reconnected",
  "merge-refused",
  "dropped",
  "user-event",
  "name-vote",
] as const;

class Host {
  readonly #port: MessagePort;
  readonly #mirror = new Mirror();
  readonly #state = new StateMirror(() => this.#flushSoon());
  readonly #sourceValues: SourceValues = new Map();
  #stateSource: StateSource | undefined;
  readonly #counters: Float64Array;
  readonly #calls = new Map<number, AbortController>();
  /** Queries under way, by the main thread's number. */
  readonly #queries = new Map<number, QueryCall>();
  /** What was last told of each member, in one line. */
  readonly #told = new Map<string, string>();
  #node: LocalNode | undefined;
  /** The main thread has read the last batch. */
  #mayTell = false;
  #flushing = false;
  #toldAt = -Infinity;
  #countedAt = -Infinity;
  #comparedAt = -Infinity;

  constructor(port: MessagePort, start: WorkerStart) {
    this.#port = port;
    this.#counters = new Float64Array(start.counters);
  }

  async start({ settings, logging }: WorkerStart): Promise<void> {
    this.#port.on("message", (message: ToWorker) => this.#onMessage(message));
    const startSignal = new AbortController();
    this.#calls.set(0, startSignal);
    try {
      const node = await LocalNode.start(settings, {
        logger: logging ? this.#logger() : undefined,
        signal: startSignal.signal,
        onChanged: (name) => this.#onChanged(name),
        onDrained: () => this.#onDrained(),
        onMemberEvent: (event) => this.#onMemberEvent(event),
        onPlace: (name) => this.#onPlace(name),
        stateNews: this.#state,
      });
      this.#calls.delete(0);
      this.#node = node;
      this.#attachState(node);
      for (const name of plainEvents) node.on(name, (...args) => this.#onPlainEvent(name, args));
      node.on("query", ({ respond: _, ...query }) => {
        this.#mirror.event({ kind: "query", query });
        this.#flushSoon();
      });
      node.on("error", (error) => {
        this.#flush();
        this.#post({ type: "stopped", error: plainError(error) });
        this.#port.close();
      });
      for (const member of node.members()) this.#mirror.change(member.name);
      this.#mirror.place(node.name);
      this.#count();
      this.#post({ type: "ready", address: node.address, port: node.port, batch: this.#batch(node) });
    } catch (error) {
      this.#post({ type: "start-failed", error: plainError(error) });
      this.#port.close();
    }
  }

  #onMessage(message: ToWorker): void {
    switch (message.type) {
      case "call":
        void this.#call(message.id, message.method, message.args);
        break;
      case "abort":
        this.#calls.get(message.id)?.abort();
        break;
      case "taken":
        this.#mayTell = true;
        this.#flushSoon();
        break;
    }
  }

  async #call(id: number, method: string, args: readonly unknown[]): Promise<void> {
    const node = this.#node;
    if (!node) return;
    const controller = new AbortController();
    this.#calls.set(id, controller);
    try {
      const value = await this.#carryOut(node, method, args, controller.signal);
      // What the call changed is to be seen by the time it is answered.
      this.#flush(true);
      this.#post({ type: "answer", id, value });
      if (method === "leave") this.#port.close();
    } catch (error) {
      // So is what a call has changed that failed later: what was counted counts, also where no disk has it.
      this.#flush(true);
      this.#post({ type: "refusal", id, error: plainError(error) });
    }
    this.#calls.delete(id);
    if (method === "close") this.#port.close();
  }

  #carryOut(node: LocalNode, method: string, args: readonly unknown[], signal: AbortSignal): unknown {
    const { stateCalls: calls } = node;
    if (calls && isStateCall(method))
      return carryOutState({ calls, mirror: this.#state, values: this.#sourceValues }, method, args, signal);
    switch (method) {
      case "join":
        return node.join(args[0] as string[], { signal, replay: args[1] as boolean });
      case "leave":
        return node.leave({ signal });
      case "forceLeave":
        return node.forceLeave(args[0] as string, { signal, prune: args[1] as boolean });
      case "setTags":
        return node.setTags(args[0] as Record<string, string>, { signal });
      case "userEvent":
        return node.userEvent(args[0] as string, (args[1] as Uint8Array | null) ?? undefined, {
          coalesce: args[2] as boolean,
        });
      case "query":
        return this.#query(node, args[0] as number, args[1] as QueryWish);
      case "endQuery":
        return this.#queries.get(args[0] as number)?.close();
      case "respond":
        return node.respond(args[0] as number, args[1] as number, args[2] as Uint8Array);
      case "changeKeys":
        return node.changeKeys(args[0] as KeyOperation, args[1] as Uint8Array | undefined, signal);
      case "setHealthy":
        return node.setHealthy(args[0] as boolean);
      case "close":
        return node.close();
      default:
        throw new Error(`no such call: ${method}`);
    }
  }

  #query(node: LocalNode, id: number, wish: QueryWish): QueryCall["started"] {
    const call = node.ask(wish);
    this.#queries.set(id, call);
    void this.#passOn(id, call);
    return call.started;
  }

  /** Records go one by one, as they come: nothing of them may be merged or lost, and there are not more than members. */
  async #passOn(query: number, call: QueryCall): Promise<void> {
    let error: PlainError | undefined;
    try {
      for await (const record of call.records()) this.#post({ type: "record", query, record });
    } catch (reason) {
      error = plainError(reason);
    }
    this.#queries.delete(query);
    this.#post({ type: "query-over", query, error });
  }

  #onChanged(name: string): void {
    this.#mirror.change(name);
    this.#flushSoon();
  }

  #onMemberEvent(event: MemberEvent): void {
    this.#mirror.event({ kind: "member", event });
    this.#flushSoon();
  }

  #onPlace(name: string): void {
    this.#mirror.place(name);
    if (performance.now() - this.#toldAt >= PLACES_EVERY_MS) this.#flushSoon();
  }

  #onPlainEvent<K extends PlainEvent["name"]>(name: K, args: NodeEventMap[K]): void {
    this.#mirror.event({ kind: "plain", event: { name, args } as PlainEvent });
    this.#flushSoon();
  }

  #onDrained(): void {
    const now = performance.now();
    if (this.#stateSource) this.#state.drained(now, this.#stateSource);
    if (now - this.#countedAt >= COUNTERS_EVERY_MS) {
      this.#countedAt = now;
      this.#count();
    }
    if (now - this.#comparedAt >= COMPARE_EVERY_MS) {
      this.#comparedAt = now;
      this.#compare();
    }
  }

  #count(): void {
    const stats = this.#node?.stats();
    if (!stats) return;
    for (const [i, name] of statNames.entries()) this.#counters[i] = stats[name];
    this.#counters[ENCRYPTED] = Number(stats.encrypted);
  }

  #compare(): void {
    for (const member of this.#node?.members() ?? []) {
      const line = `${member.status} ${member.state} ${member.incarnation}`;
      if (this.#told.get(member.name) !== line) this.#onChanged(member.name);
      this.#told.set(member.name, line);
    }
    for (const name of this.#told.keys()) if (!this.#node?.member(name)) this.#told.delete(name);
  }

  /** Once the present turn of the loop is over: what a burst of packets changed goes together. */
  #flushSoon(): void {
    if (this.#flushing || !this.#mayTell || !this.#node) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  /** `anyway`: although the last batch may not have been read. Calls are few, and each is answered once. */
  #flush(anyway = false): void {
    const isEmpty = this.#mirror.empty && (this.#state.empty || !this.#stateSource);
    if (!this.#node || isEmpty || !(this.#mayTell || anyway)) return;
    this.#mayTell = false;
    this.#toldAt = performance.now();
    this.#count();
    this.#post({ type: "batch", batch: this.#batch(this.#node) });
  }

  #batch(node: LocalNode) {
    const source = {
      member: (name: string) => node.member(name),
      evidence: (name: string) => node.evidence(name),
      place: (name: string) => node.coordinate(name),
      drops: () => node.stats().drops,
    };
    return this.#mirror.take(source, this.#stateBatch());
  }

  #attachState(node: LocalNode): void {
    const { stateCalls: calls } = node;
    if (!calls) return;
    this.#stateSource = { calls, members: () => node.names() };
    this.#state.attach(calls.counters);
  }

  #stateBatch(): StateBatch | undefined {
    if (!this.#stateSource || this.#state.empty) return undefined;
    return this.#state.take(this.#stateSource);
  }

  #logger(): Logger {
    const log = (level: LogLine["level"]) => (fields: object, message: string) => {
      this.#mirror.line({ level, fields: cloneable(fields), message });
      this.#flushSoon();
    };
    return { trace: log("trace"), debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
  }

  #post(message: ToMain): void {
    this.#port.postMessage(message);
  }
}

function cloneable(fields: object): object {
  try {
    return structuredClone(fields);
  } catch {
    return { unreadable: String(fields) };
  }
}

if (parentPort) {
  const start = workerData as WorkerStart;
  void new Host(parentPort, start).start(start);
}
