/** Notices that somebody has set the wall clock, which stamps of shared keys are made of. */

/** So far may it be off before the machine is told: ms. */
const DRIFT_MS = 50;
/** How often it is looked at, at most: ms. */
const LOOK_EVERY_MS = 1000;

export class WallWatch {
  /** What the machine was told: wall-clock ms at monotonic 0. */
  #toldMs: number;
  #lookAt = Number.NEGATIVE_INFINITY;
  readonly #wall: () => number;

  /** @param toldMs what the machine began with */
  constructor(toldMs: number, wall: () => number = Date.now) {
    this.#toldMs = toldMs;
    this.#wall = wall;
  }

  /** What to tell the machine now, wall-clock ms; undefined when it knows. @param now monotonic ms */
  look(now: number): number | undefined {
    if (now < this.#lookAt) return undefined;
    this.#lookAt = now + LOOK_EVERY_MS;
    const wallMs = this.#wall();
    if (Math.abs(wallMs - now - this.#toldMs) <= DRIFT_MS) return undefined;
    this.#toldMs = wallMs - now;
    return wallMs;
  }
}
