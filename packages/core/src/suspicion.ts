/**
 * Suspicion: how long an accused member may still speak up. Not a detector: `probe.ts` accuses, this only counts down.
 * More independent accusers shorten the wait, from the longest towards the shortest. Owns no timer; `claims.ts` keeps its
 * deadline. Source: Lifeguard, LHA-Suspicion; reference 12.4 and 12.5.
 */
import { suspicionTotalMs } from "./formulas.ts";

export class Suspicion {
  readonly startedAt: number;
  readonly wanted: number;
  readonly minMs: number;
  readonly maxMs: number;
  /** Everyone who accused, the first included. At most `wanted` + 1. */
  readonly #accusers: string[];
  #confirmations = 0;
  /** Time in which this process stood still, and a refutation could not be heard: ms. */
  #excusedMs = 0;

  /** @param from the first accuser, who never counts as a confirmation. */
  constructor(from: string, wanted: number, minMs: number, maxMs: number, now: number) {
    this.startedAt = now;
    this.wanted = wanted;
    this.minMs = minMs;
    this.maxMs = maxMs;
    this.#accusers = [from];
  }

  get confirmations(): number {
    return this.#confirmations;
  }

  /** No further accuser changes anything. */
  get settled(): boolean {
    return this.#confirmations >= this.wanted;
  }

  /** When its time is up, as things stand: ms. */
  get deadline(): number {
    const total =
      this.wanted < 1 ? this.minMs : suspicionTotalMs(this.#confirmations, this.wanted, this.minMs, this.maxMs);
    return this.startedAt + total + this.#excusedMs;
  }

  /** One more accuser. True when it is new and was still wanted: then it is worth passing on. */
  confirm(from: string): boolean {
    if (this.settled || this.#accusers.includes(from)) return false;
    this.#confirmations++;
    this.#accusers.push(from);
    return true;
  }

  excuse(ms: number): void {
    this.#excusedMs += ms;
  }
}
