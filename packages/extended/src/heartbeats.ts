/** Heartbeats of members, judged by phi accrual: who has fallen silent, and how strongly that speaks against them. */
import { type PhiChange, PhiDetector, type PhiInspection, type PhiSettings } from "@hearsay/state";

/** How often everybody is judged: ms. */
const sweepMs = 200;
/** Waking up later than this by so much means that this process stood still: ms. */
const pauseMs = 100;

export class Heartbeats {
  readonly #detector: PhiDetector;
  #sweepAt = Number.POSITIVE_INFINITY;

  constructor(settings: Partial<PhiSettings> = {}) {
    this.#detector = new PhiDetector(settings);
  }

  get deadline(): number {
    return this.#sweepAt;
  }

  /**
   * Whether the member's silence would be noticed here: it has been heard, and is not suspected already. One that stays
   * suspected though it lives, because its heartbeats are lost on the way, is left to other detectors.
   */
  watches(name: string): boolean {
    return this.#detector.suspectAt(name) !== Number.POSITIVE_INFINITY;
  }

  hear(name: string, now: number): void {
    this.#detector.heartbeat(name, now);
    if (this.#sweepAt === Number.POSITIVE_INFINITY) this.#sweepAt = now + sweepMs;
  }

  forget(name: string): void {
    this.#detector.forget(name);
  }

  inspect(name: string, now: number): PhiInspection | undefined {
    return this.#detector.inspect(name, now);
  }

  /** Those who are suspected since the last look. */
  handleTimeout(now: number): readonly PhiChange[] {
    if (now < this.#sweepAt) return [];
    if (now - this.#sweepAt > pauseMs) this.#detector.localPause(now - this.#sweepAt, now);
    this.#sweepAt = this.#detector.size === 0 ? Number.POSITIVE_INFINITY : now + sweepMs;
    return this.#detector.sweep(now).filter(({ suspected }) => suspected);
  }
}
