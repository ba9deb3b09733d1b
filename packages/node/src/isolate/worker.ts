/** The worker's side of an isolated node: runs a node and tells the main thread what becomes of it. */

import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import type { Logger, MemberEvent, NodeEventMap } from "../api.ts";
import { LocalNode } from "../node.ts";
import { Mirror } from "./mirror.ts";
import {
  type LogLine,
  type PlainEvent,
  plainError,
  statNames,
  type ToMain,
  type ToWorker,
  type WorkerStart,
} from "./protocol.ts";

/** How often the shared counters are brought up to date, at most: ms. */
const COUNTERS_EVERY_MS = 100;
/** Not every change makes an event (an incarnation alone does not): how often all members are compared, at most: ms. */
const COMPARE_EVERY_MS = 30_000;

const plainEvents = ["conflict", "isolated", "reconnected", "merge-refused", "dropped"] as const;

class Host {
  readonly #port: MessagePort;
  readonly #mirror = new Mirror();
  readonly #counters: Float64Array;
  readonly #calls = new Map<number, AbortController>();
  /** What was last told of each member, in one line. */
  readonly #told = new Map<string, string>();
  #node: LocalNode | undefined;
  /** The main thread has read the last batch. */
  #mayTell = false;
  #flushing = false;
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
      });
      this.#calls.delete(0);
      this.#node = node;
      for (const name of plainEvents) node.on(name, (...args) => this.#onPlainEvent(name, args));
      node.on("error", (error) => {
        this.#flush();
        this.#post({ type: "stopped", error: plainError(error) });
        this.#port.close();
      });
      for (const member of node.members()) this.#mirror.change(member.name);
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
      this.#post({ type: "refusal", id, error: plainError(error) });
    }
    this.#calls.delete(id);
    if (method === "close") this.#port.close();
  }

  #carryOut(node: LocalNode, method: string, args: readonly unknown[], signal: AbortSignal): unknown {
    switch (method) {
      case "join":
        return node.join(args[0] as string[], { signal, replay: args[1] as boolean });
      case "leave":
        return node.leave({ signal });
      case "forceLeave":
        return node.forceLeave(args[0] as string, { signal, prune: args[1] as boolean });
      case "setTags":
        return node.setTags(args[0] as Record<string, string>, { signal });
      case "setHealthy":
        return node.setHealthy(args[0] as boolean);
      case "close":
        return node.close();
      default:
        throw new Error(`no such call: ${method}`);
    }
  }

  #onChanged(name: string): void {
    this.#mirror.change(name);
    this.#flushSoon();
  }

  #onMemberEvent(event: MemberEvent): void {
    this.#mirror.event({ kind: "member", event });
    this.#flushSoon();
  }

  #onPlainEvent<K extends PlainEvent["name"]>(name: K, args: NodeEventMap[K]): void {
    this.#mirror.event({ kind: "plain", event: { name, args } as PlainEvent });
    this.#flushSoon();
  }

  #onDrained(): void {
    const now = performance.now();
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
    if (!this.#node || this.#mirror.empty || !(this.#mayTell || anyway)) return;
    this.#mayTell = false;
    this.#count();
    this.#post({ type: "batch", batch: this.#batch(this.#node) });
  }

  #batch(node: LocalNode) {
    return this.#mirror.take({
      member: (name) => node.member(name),
      evidence: (name) => node.evidence(name),
      drops: () => node.stats().drops,
    });
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
