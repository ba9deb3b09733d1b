/**
 * Heartbeats on their way: whoever has news waits in the line of those sent as often. The least sent goes first, in each
 * line the one that has waited longest. News of one that waits unsent keeps its place, so that nobody is passed over when
 * there is more than the packets carry. What is sent is what is held at that time.
 */
import type { Life } from "./lives.ts";

export class BeatQueue {
  /** By how often they were sent. */
  readonly #lines: Set<Life>[] = [new Set()];

  get length(): number {
    return this.#lines.reduce((sum, line) => sum + line.size, 0);
  }

  get isEmpty(): boolean {
    return this.#lines.every((line) => line.size === 0);
  }

  /** There is news of it. */
  add(life: Life): void {
    const [first] = this.#lines;
    if (life.line !== first) this.#move(life, first);
  }

  /**
   * Offers those that wait, until one is not taken. Each that is counts as sent once more.
   * @param limit of sendings: then it waits no longer. At least 1
   */
  take(limit: number, isTaken: (life: Life) => boolean): void {
    this.#cut(limit);
    const taken: Life[] = [];
    /** How many were taken up to the end of each line. */
    const ends: number[] = [];
    offer: for (const line of this.#lines) {
      for (const life of line) {
        if (!isTaken(life)) break offer;
        taken.push(life);
      }
      ends.push(taken.length);
    }
    // Only now, or it would be offered again from the next line. At rest all are taken, and move up as they stand.
    if (ends.length < this.#lines.length) this.#advance(taken, ends);
    else if (taken.length > 0) this.#lines.unshift(new Set());
    this.#cut(limit);
  }

  /** One by one: there was no room for all. */
  #advance(taken: readonly Life[], ends: readonly number[]): void {
    let sent = 0;
    for (const [i, life] of taken.entries()) {
      while (i >= ends[sent]!) sent++;
      this.#move(life, this.#line(sent + 1));
    }
  }

  /** Whoever was sent so often waits no longer. */
  #cut(limit: number): void {
    while (this.#lines.length > limit) for (const life of this.#lines.pop()!) life.line = undefined;
  }

  #line(sent: number): Set<Life> {
    const line = this.#lines[sent] ?? new Set();
    this.#lines[sent] = line;
    return line;
  }

  #move(life: Life, line: Set<Life> | undefined): void {
    life.line?.delete(life);
    life.line = line?.add(life);
  }
}
