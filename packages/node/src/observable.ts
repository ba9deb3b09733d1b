/** The listening side of a node: `on`, `once`, `off`, `events`. A listener that throws hurts its own process, not the node. */

import { EventEmitter } from "node:events";
import type { CallOptions } from "./api.ts";
import { EventStreams } from "./event-stream.ts";

/** @typeParam Events arguments by event name. @typeParam Streamed what `events` gives. */
export class Observable<Events extends { [K in keyof Events]: unknown[] }, Streamed extends object> {
  readonly #emitter = new EventEmitter();
  readonly #streams = new EventStreams<Streamed>();

  on<K extends keyof Events & string>(event: K, listener: (...args: Events[K]) => void): this {
    this.#emitter.on(event, listener as (...args: unknown[]) => void);
    return this;
  }

  once<K extends keyof Events & string>(event: K, listener: (...args: Events[K]) => void): this {
    this.#emitter.once(event, listener as (...args: unknown[]) => void);
    return this;
  }

  off<K extends keyof Events & string>(event: K, listener: (...args: Events[K]) => void): this {
    this.#emitter.off(event, listener as (...args: unknown[]) => void);
    return this;
  }

  events(options: CallOptions = {}): AsyncIterable<Streamed & { readonly dropped: number }> {
    return this.#streams.open(options.signal);
  }

  /** Whether anybody listens to this event. */
  protected hears(event: keyof Events & string): boolean {
    return this.#emitter.listenerCount(event) > 0;
  }

  protected emit<K extends keyof Events & string>(event: K, ...args: Events[K]): void {
    try {
      this.#emitter.emit(event, ...args);
    } catch (error) {
      // Surfaces as an uncaught exception, as it would from any emitter, but not in the middle of the machine's work.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  protected stream(event: Streamed): void {
    this.#streams.push(event);
  }

  /** So many events were lost on the way here. */
  protected skipEvents(count: number): void {
    this.#streams.skip(count);
  }

  protected endEvents(): void {
    this.#streams.end();
  }
}
