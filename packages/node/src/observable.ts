/** The listening side of a node: `on`, `once`, `off`, `events`. A listener that throws hurts its own process, not the node. */

import { EventEmitter } from "node:events";
import type { CallOptions, MemberEvent, NodeEventMap } from "./api.ts";
import { EventStreams } from "./event-stream.ts";

export class Observable {
  readonly #emitter = new EventEmitter();
  readonly #streams = new EventStreams<MemberEvent>();

  on<K extends keyof NodeEventMap>(event: K, listener: (...args: NodeEventMap[K]) => void): this {
    this.#emitter.on(event, listener as (...args: unknown[]) => void);
    return this;
  }

  once<K extends keyof NodeEventMap>(event: K, listener: (...args: NodeEventMap[K]) => void): this {
    this.#emitter.once(event, listener as (...args: unknown[]) => void);
    return this;
  }

  off<K extends keyof NodeEventMap>(event: K, listener: (...args: NodeEventMap[K]) => void): this {
    this.#emitter.off(event, listener as (...args: unknown[]) => void);
    return this;
  }

  events(options: CallOptions = {}): AsyncIterable<MemberEvent & { readonly dropped: number }> {
    return this.#streams.open(options.signal);
  }

  protected emit<K extends keyof NodeEventMap>(event: K, ...args: NodeEventMap[K]): void {
    try {
      this.#emitter.emit(event, ...args);
    } catch (error) {
      // Surfaces as an uncaught exception, as it would from any emitter, but not in the middle of the machine's work.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  protected emitMember(event: MemberEvent): void {
    this.#streams.push(event);
    this.emit(event.type, event.member);
  }

  /** So many events were lost on the way here. */
  protected skipEvents(count: number): void {
    this.#streams.skip(count);
  }

  protected endEvents(): void {
    this.#streams.end();
  }
}
