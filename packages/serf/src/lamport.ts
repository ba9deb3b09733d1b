/**
 * Lamport's logical clock, as Serf keeps three of them: for intents, user events and queries (serf protocol notes,
 * section 6).
 *
 * On the wire a time is a u64. Here it is a number, so only times up to `maxLTime` are exact, and a peer could hurt us
 * in two ways: with a time that is not exact, and with one so high that what others say afterwards looks stale, or what
 * we say afterwards looks mad to them. So a clock climbs by what it hears only so far in a while:
 *
 * - by steps, `maxSteps` of them a minute: seventeen thousand messages a second are within that;
 * - by one leap a minute, up to `maxLTimeLeap`: a newcomer takes the whole past of a pool in one;
 * - to whatever time a peer has whose state we asked for: so those whom a leap has parted come together again, since
 *   everybody asks somebody now and then. One wave of refusals is all that a forged time can cause.
 *
 * No leap of any kind goes past `maxLeapTarget`, half of what there is, so that no forger can use the range up: the way
 * from there to the top is eight thousand years of steps.
 */

/** The highest time that is stamped or believed: 2^53 - 2, so that one past it is still exact. */
export const maxLTime = Number.MAX_SAFE_INTEGER - 1;

/** How far ahead of our clock a time may lie and still be believed. */
export const maxLTimeLeap = 2 ** 40;

/** How far others may move the clock by steps in one window. */
export const maxSteps = 2 ** 20;

/** The highest time that a leap may reach. */
export const maxLeapTarget = 2 ** 52;

/** ms: for how long a leap, or the steps, have to do. */
export const windowMs = 60_000;

export class LamportClock {
  #time = 1;
  /** ms: since when `#ceiling` counts. */
  #windowAt = Number.NEGATIVE_INFINITY;
  /** The highest time that steps reach in this window. */
  #ceiling = 0;
  #leapAt = Number.NEGATIVE_INFINITY;

  /** The present time: what the next message is stamped with. At least 1. */
  get time(): number {
    return this.#time;
  }

  /** Adds one; stays at `maxLTime` once there. Returns the new time. */
  increment(): number {
    if (this.#time < maxLTime) {
      this.#time++;
      // Our own ticks are nobody's steps.
      this.#ceiling++;
    }
    return this.#time;
  }

  /**
   * Whether `time` is one a sound peer could have sent: a whole number, and not further ahead than the clock may go now
   * (ms). Without `leap` only steps count: for what may be about nobody.
   */
  accepts(time: number, now: number, leap = true): boolean {
    if (!Number.isSafeInteger(time) || time < 0 || time > maxLTime) return false;
    if (time < this.#time || time <= this.#ceilingAt(now)) return true;
    return leap && time <= maxLeapTarget && time <= this.#time + maxLTimeLeap && now - this.#leapAt >= windowMs;
  }

  /** Moves past a time seen in a message. Times that `accepts` refuses change nothing; returns whether it did not. */
  witness(time: number, now: number, leap = true): boolean {
    if (!this.accepts(time, now, leap)) return false;
    if (time < this.#time) return true;
    const ceiling = this.#ceilingAt(now);
    if (time > ceiling) this.#leapAt = now;
    if (now - this.#windowAt >= windowMs) this.#windowAt = now;
    this.#ceiling = time > ceiling ? time + maxSteps : ceiling;
    this.#time = Math.min(time + 1, maxLTime);
    return true;
  }

  /**
   * Moves up to the clock of a peer whose state we asked for: as far as a leap may reach, at once, and by steps from
   * there.
   */
  learn(time: number, now: number): void {
    if (!Number.isSafeInteger(time) || time > maxLTime) return;
    const reach = Math.min(time, maxLeapTarget);
    if (reach > this.#time) {
      this.#time = reach;
      this.#ceiling = Math.max(this.#ceilingAt(now), reach + maxSteps);
    }
    // Beyond, as near as the steps go: the rest another time.
    const near = Math.min(time, this.#ceilingAt(now)) - 1;
    if (near >= this.#time) this.witness(near, now, false);
  }

  #ceilingAt(now: number): number {
    return now - this.#windowAt >= windowMs ? this.#time + maxSteps : this.#ceiling;
  }
}
