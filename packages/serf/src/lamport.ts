/**
 * Lamport's logical clock, as Serf keeps three of them: for intents, user events and queries (serf protocol notes,
 * section 6).
 *
 * On the wire a time is a u64. Here it is a number, so only times up to `maxLTime` are exact, and a peer could hurt us
 * in two ways: with a time that is not exact, and with one so high that everything said afterwards looks stale to
 * those who believed it. `accepts` refuses both. Refusing costs nothing in a sound pool: at a thousand messages a second
 * the allowed leap is thirty-five years of history, and a newcomer takes it in one step.
 */

/** The highest time that is stamped or believed: 2^53 - 2, so that one past it is still exact. */
export const maxLTime = Number.MAX_SAFE_INTEGER - 1;

/** How far ahead of our clock a time may lie and still be believed. */
export const maxLTimeLeap = 2 ** 40;

export class LamportClock {
  #time = 1;

  /** The present time: what the next message is stamped with. At least 1. */
  get time(): number {
    return this.#time;
  }

  /** Adds one; stays at `maxLTime` once there. Returns the new time. */
  increment(): number {
    if (this.#time < maxLTime) this.#time++;
    return this.#time;
  }

  /** Whether `time` is one a sound peer could have sent: a whole number, not absurdly far ahead. */
  accepts(time: number): boolean {
    return Number.isSafeInteger(time) && time >= 0 && time <= maxLTime && time <= this.#time + maxLTimeLeap;
  }

  /** Moves past a time seen in a message. Times that `accepts` refuses change nothing. */
  witness(time: number): void {
    if (time >= this.#time && this.accepts(time)) this.#time = Math.min(time + 1, maxLTime);
  }
}
