/**
 * Reconnecting: members lost without a leave are tried again, long after the pool has forgotten them, so that the halves
 * of a partition find each other by themselves (serf reference section 12; here for raw pools too).
 *
 * On each tick a node acts with probability lost / alive, so that the whole pool makes about as many tries as there are
 * lost members, however large it is.
 */
import type { Endpoint } from "./endpoint.ts";
import type { Exchanges } from "./exchanges.ts";
import type { MergeResult } from "./merge.ts";
import type { Shared } from "./shared.ts";
import { TimerKind } from "./timers.ts";

/** Lost members remembered; the oldest go first. */
const maxLost = 4096;

interface Lost {
  readonly name: string;
  readonly endpoint: Endpoint;
  /** ms. */
  readonly since: number;
}

export class Reconnector {
  readonly #s: Shared;
  readonly #exchanges: Exchanges;
  readonly #onExchanged: (peer: Endpoint, result: MergeResult) => void;
  readonly #lost = new Map<string, Lost>();
  /** Lost since the last look at the others: many may go at once, and it is a while until the first is tried. */
  readonly #justLost: Lost[] = [];

  constructor(shared: Shared, exchanges: Exchanges, onExchanged: (peer: Endpoint, result: MergeResult) => void) {
    this.#s = shared;
    this.#exchanges = exchanges;
    this.#onExchanged = onExchanged;
  }

  get lostCount(): number {
    this.#settle();
    return this.#lost.size;
  }

  onLost(name: string, endpoint: Endpoint): void {
    this.#justLost.push({ name, endpoint, since: this.#s.now });
    if (this.#justLost.length > maxLost) this.#settle();
    this.#arm();
  }

  forget(name: string): void {
    this.#settle();
    this.#lost.delete(name);
  }

  onTick(): void {
    const s = this.#s;
    this.#settle();
    for (const [name, lost] of this.#lost) {
      if (s.now - lost.since > s.config.reconnectTimeoutMs) this.#lost.delete(name);
    }
    if (this.#lost.size === 0 || s.leaving) return;
    this.#arm();
    if (s.rng.relays.float() >= this.#lost.size / Math.max(1, s.table.aliveCount)) return;
    const chosen = [...this.#lost.values()][s.rng.relays.below(this.#lost.size)]!;
    this.#exchanges.pushPull(chosen.endpoint, true, (_error, result) => {
      if (result && result.refused === undefined) this.#onExchanged(chosen.endpoint, result);
    });
  }

  #settle(): void {
    for (const lost of this.#justLost) {
      // Again, at the end.
      this.#lost.delete(lost.name);
      this.#lost.set(lost.name, lost);
      if (this.#lost.size > maxLost) {
        for (const oldest of this.#lost.keys()) {
          this.#lost.delete(oldest);
          break;
        }
      }
    }
    this.#justLost.length = 0;
  }

  #arm(): void {
    const s = this.#s;
    const interval = s.config.reconnectIntervalMs;
    if (interval <= 0 || s.timers.get(TimerKind.reconnect) !== undefined) return;
    s.timers.set(TimerKind.reconnect, 0, s.now + s.rng.jitter.jitter(interval, 0.5));
  }
}
