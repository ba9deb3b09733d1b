/**
 * What becomes of the addresses that are heard of: those that are new are gathered while more come in, and joined in one
 * call. Whoever was joined is left alone for as long as it is heard of; Serf does the same with those whose join failed, and
 * never tries them again: here they are, when they are heard of next.
 */

import type { Logger } from "@hearsay/node";

/** How long nothing new may come before the gathered are joined: ms. Serf's number. */
const QUIET_MS = 100;
/** So many are joined without waiting for more. */
const MAX_BATCH = 64;
/** More agents than this are not kept in mind; by then gossip knows them better. */
const MAX_KNOWN = 1024;
/** How long an address whose join failed is left alone: ms. Less than the time between two questions. */
const RETRY_MS = 20_000;
/** One that was not heard of for so long is forgotten, and joined when it is back: ms. Five questions unanswered. */
const FORGET_MS = 5 * 60_000;

interface Known {
  state: "waiting" | "joining" | "joined" | "failed";
  /** ms. */
  heardAt: number;
  /** ms: when a failed one may be tried again. */
  retryAt: number;
}

export interface FoundAddressesOptions {
  /** Joins; resolves to those where that failed. */
  readonly onFound: (addresses: readonly string[]) => Promise<readonly string[]>;
  readonly log: Logger;
  /** Monotonic: ms. */
  readonly now: () => number;
}

export class FoundAddresses {
  readonly #options: FoundAddressesOptions;
  readonly #known = new Map<string, Known>();
  #waiting: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #joining = false;
  #closed = false;

  constructor(options: FoundAddressesOptions) {
    this.#options = options;
  }

  /** @param address `ip:port` */
  heard(address: string): void {
    if (this.#closed) return;
    const now = this.#options.now();
    const known = this.#known.get(address);
    if (known) known.heardAt = now;
    if (known && !(known.state === "failed" && now >= known.retryAt)) return;
    if (!known && this.#known.size >= MAX_KNOWN) this.#forget(now);
    if (!known && this.#known.size >= MAX_KNOWN) return;
    this.#known.set(address, { state: "waiting", heardAt: now, retryAt: 0 });
    this.#waiting.push(address);
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#known.clear();
    this.#waiting = [];
  }

  #schedule(): void {
    if (this.#joining || this.#closed || this.#waiting.length === 0) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#join(), this.#waiting.length >= MAX_BATCH ? 0 : QUIET_MS);
  }

  async #join(): Promise<void> {
    const batch = this.#waiting.splice(0, MAX_BATCH);
    this.#joining = true;
    for (const address of batch) this.#mark(address, "joining");
    const { onFound, log, now } = this.#options;
    let failed: readonly string[] = batch;
    try {
      failed = await onFound(batch);
    } catch (error) {
      if (!this.#closed) log.warn({ err: error }, `joining ${batch.join(", ")} failed: ${String(error)}`);
    }
    this.#joining = false;
    for (const address of batch) this.#mark(address, failed.includes(address) ? "failed" : "joined", now() + RETRY_MS);
    this.#schedule();
  }

  #mark(address: string, state: Known["state"], retryAt = 0): void {
    const known = this.#known.get(address);
    if (known) Object.assign(known, { state, retryAt });
  }

  /** Those that are gone. */
  #forget(now: number): void {
    for (const [address, { state, heardAt }] of this.#known) {
      if ((state === "joined" || state === "failed") && now - heardAt > FORGET_MS) this.#known.delete(address);
    }
  }

  /** To be called now and then. */
  tidy(): void {
    this.#forget(this.#options.now());
  }
}
