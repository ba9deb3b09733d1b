/** All event handlers of an agent. They can be replaced while it runs: the next event finds the new ones. */
import type { Logger } from "@hearsay/node";
import type { AgentEvent } from "../agent/agent-event.ts";
import { Throttle } from "../agent/throttle.ts";
import { EventHandler, type HandlerHost } from "./event-handler.ts";
import type { HandlerSpec } from "./handler-spec.ts";
import type { Self } from "./script-input.ts";

/** A handler's lost events are told no more often than this: ms. */
const REPEAT_MS = 60_000;
/** Outputs kept open by what handlers left behind, at most; beyond, the oldest is closed. */
const MAX_LEFT_BEHIND = 64;

export class EventHandlers {
  #handlers: readonly EventHandler[] = [];
  /** No more events for these, but what waits for them is still to be done. */
  readonly #retired = new Set<EventHandler>();
  readonly #leftBehind = new Set<() => void>();
  readonly #host: HandlerHost;
  /** Events that handlers have lost since the start, because they were too slow. */
  lost = 0;

  constructor(specs: readonly HandlerSpec[], self: () => Self, log: Logger) {
    const seldom = new Throttle(REPEAT_MS);
    const onLost = ({ spec }: EventHandler, waiting: number) => {
      this.lost++;
      if (!seldom.allows(spec.text)) return;
      log.warn({}, `Script '${spec.command}' is too slow: ${waiting} events wait for it, the oldest is lost`);
    };
    this.#host = { log, self, onLost, onLeftBehind: (abandon) => this.#keepOpen(abandon) };
    this.replace(specs);
  }

  get specs(): readonly HandlerSpec[] {
    return this.#handlers.map(({ spec }) => spec);
  }

  handle(event: AgentEvent): void {
    for (const handler of this.#handlers) handler.offer(event);
  }

  /** Handlers whose specification stays keep their queue, so that their events stay in order. */
  replace(specs: readonly HandlerSpec[]): void {
    const old = [...this.#handlers];
    this.#handlers = specs.map((spec) => {
      const same = old.findIndex((handler) => handler.spec.text === spec.text);
      return same < 0 ? new EventHandler(spec, this.#host) : old.splice(same, 1)[0]!;
    });
    for (const handler of old) {
      this.#retired.add(handler);
      void handler.idle().then(() => this.#retired.delete(handler));
    }
  }

  /** Resolves when no handler has anything to do. */
  async idle(): Promise<void> {
    await Promise.all([...this.#handlers, ...this.#retired].map((handler) => handler.idle()));
  }

  /** Commands that run are left to themselves; events that wait are lost, which is told. */
  close(): void {
    let forgotten = 0;
    for (const handler of [...this.#handlers, ...this.#retired]) forgotten += handler.close();
    if (forgotten > 0) this.#host.log.warn({}, `lost, for their event handlers were still busy: ${forgotten} events`);
    for (const abandon of this.#leftBehind) abandon();
    this.#leftBehind.clear();
  }

  #keepOpen(abandon: () => void): void {
    this.#leftBehind.add(abandon);
    if (this.#leftBehind.size <= MAX_LEFT_BEHIND) return;
    const [oldest] = this.#leftBehind;
    this.#leftBehind.delete(oldest!);
    oldest!();
  }
}
