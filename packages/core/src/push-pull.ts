/**
 * Push/pull: full exchange with one random member now and then, which mends whatever gossip lost (reference 12.10), and
 * *settling*: an early one when there is reason to think that something was lost.
 *
 * Reasons to settle: a burst of newcomers (their alives compete for room, and one may run out of transmissions before it
 * has reached everybody), a packet from somebody we hold for dead or do not know, and an exchange in which the two sides
 * disagreed about somebody's life. Where memberlist waits for the periodic exchange, 30 s to several minutes, settling
 * mends within two or three seconds. It costs at most one exchange per settle interval and node, and only then.
 */
import type { Endpoint } from "./endpoint.ts";
import type { Exchanges } from "./exchanges.ts";
import { pushPullScale } from "./formulas.ts";
import type { MergeResult } from "./merge.ts";
import { MemberState } from "./messages.ts";
import type { Shared } from "./shared.ts";
import { TimerKind } from "./timers.ts";

/** A burst is this share of the pool, learned since the last full exchange; at least one. */
const burstShare = 1 / 16;
/** Members up to which a settling exchange is not stretched. */
const settleUnstretched = 500;
/** Early exchanges in a row that taught nothing, before only the periodic one is left. */
const maxFruitless = 3;

export class PushPuller {
  readonly #s: Shared;
  readonly #exchanges: Exchanges;
  /** Members learned otherwise than by a full exchange, since the last one. */
  #learned = 0;
  /** Whom to ask when settling; a random member when there is none. */
  #hint: Endpoint | undefined;
  #fruitless = 0;
  /** The random delay at the start is over. */
  #staggered = false;

  constructor(shared: Shared, exchanges: Exchanges) {
    this.#s = shared;
    this.#exchanges = exchanges;
  }

  start(): void {
    const s = this.#s;
    const interval = s.config.pushPullIntervalMs;
    if (interval > 0) s.timers.set(TimerKind.pushPull, 0, s.now + s.rng.jitter.float() * interval);
  }

  onTick(): void {
    const s = this.#s;
    const first = !this.#staggered;
    this.#staggered = true;
    s.timers.set(TimerKind.pushPull, 0, s.now + s.rng.jitter.jitter(this.#intervalMs(), 0.05));
    // The first tick only ends the random delay: the first interval is that of the pool as it is by then.
    if (first) return;
    this.#fruitless = 0;
    this.#exchange(undefined);
  }

  /** Somebody became alive. */
  onJoined(): void {
    this.#learned++;
    if (this.#learned < Math.max(1, Math.floor(this.#s.table.length * burstShare))) return;
    this.#fruitless = 0;
    this.#settleSoon();
  }

  /** A packet shows that `at` is alive, whatever we think: exchange states with it. */
  onLivingStranger(at: Endpoint): void {
    if (this.#fruitless >= maxFruitless) return;
    this.#hint ??= { address: at.address, port: at.port };
    this.#settleSoon();
  }

  /** An exchange with `peer` is over, whoever began it and why. */
  onExchanged(peer: Endpoint | undefined, result: MergeResult): void {
    this.#learned = 0;
    if (result.learned === 0 && !result.disagreed) return;
    if (result.disagreed && peer) this.#hint = peer;
    this.#settleSoon();
  }

  onSettle(): void {
    const hint = this.#hint;
    this.#hint = undefined;
    this.#exchange(hint);
  }

  /** After standing still: others may have given up on us, and we do not know. */
  settleSoon(): void {
    this.#fruitless = 0;
    this.#settleSoon();
  }

  #settleSoon(): void {
    const s = this.#s;
    const interval = s.config.settleIntervalMs * Math.max(1, s.table.length / settleUnstretched);
    if (interval <= 0 || s.timers.get(TimerKind.settle) !== undefined || this.#fruitless >= maxFruitless) return;
    s.timers.set(TimerKind.settle, 0, s.now + interval * (1 + s.rng.jitter.float()));
  }

  #exchange(hint: Endpoint | undefined): void {
    const s = this.#s;
    if (s.leaving) return;
    const to = hint ?? this.#randomPeer();
    if (!to) return;
    this.#exchanges.pushPull(to, false, (_error, result) => {
      if (!result || result.refused !== undefined || (result.learned === 0 && !result.disagreed)) this.#fruitless++;
      else this.#fruitless = 0;
      if (result && result.refused === undefined) this.onExchanged(to, result);
    });
  }

  #randomPeer(): Endpoint | undefined {
    const s = this.#s;
    const [id] = s.table.random(
      1,
      s.rng.pushPull,
      (candidate) => candidate !== s.selfId && s.table.state(candidate) === MemberState.alive,
    );
    return id === undefined ? undefined : s.table.record(id).endpoint;
  }

  #intervalMs(): number {
    return this.#s.config.pushPullIntervalMs * pushPullScale(this.#s.table.length);
  }
}
