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
    while (this.#lines.length > limit) for (const life of this.#lines.pop()!) life.line = undefined;
    const taken: { readonly life: Life; readonly sent: number }[] = [];
    offer: for (const [sent, line] of this.#lines.entries()) {
      for (const life of line) {
        if (!isTaken(life)) break offer;
        taken.push({ life, sent: sent + 1 });
      }
    }
    // Only now, or it would be offered again from the next line.
    for (const { life, sent } of taken) this.#move(life, sent < limit ? this.#line(sent) : undefined);
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
