/**
 * Which user events of late were seen: what lets a node that starts again take those it has missed and no other. Serf's own
 * lines have only the latest time; these are comments to it, and it drops them when it writes the file anew:
 *
 *   # seen-range: FROM TO      of the times FROM to TO, all that were seen stand here
 *   # seen-event: TIME HASH    one that was seen; from TO on as well
 *
 * A Serf agent that had the file in between may have seen events which no line tells of. So the range is believed only
 * while there is no sign of anybody else; the next run of ours begins one above all that may be.
 */

import type { SeenEvents } from "@hearsay/serf";
import type { SnapshotRecord } from "./lines.ts";

/** Events remembered; 32 for each time in the buffer's window. Of more, the earliest are given up, and count as seen. */
export const MAX_SEEN_EVENTS = 16_384;

export class SeenMemory {
  readonly #hashes = new Map<number, Set<string>>();
  #count = 0;
  /** Of earlier times there is nothing here. Never sinks. */
  #from = 0;
  /** Undefined: not to be relied on. */
  #to: number | undefined;

  add(time: number, hash: string): void {
    if (time < this.#from) return;
    const hashes = this.#hashes.get(time);
    if (hashes?.has(hash)) return;
    if (hashes) hashes.add(hash);
    else this.#hashes.set(time, new Set([hash]));
    if (++this.#count > MAX_SEEN_EVENTS) this.#giveUpEarliest();
  }

  /** All that was seen since `from` is here, up to `to` and beyond. What is earlier is forgotten. */
  cover(from: number, to: number): void {
    this.#to = to;
    this.#forgetBelow(from);
  }

  /** Events up to `time` are said to have been seen. */
  witness(time: number): void {
    if (this.#to === undefined || time > this.#to) this.doubt();
  }

  /** Somebody else has written here. */
  doubt(): void {
    this.#to = undefined;
  }

  /** A goodbye: whatever was seen, up to `time`, is of the past. */
  forget(time: number): void {
    this.doubt();
    this.#forgetBelow(Number.POSITIVE_INFINITY, time + 1);
  }

  /** A copy; undefined when it is not to be relied on. */
  events(): SeenEvents | undefined {
    if (this.#to === undefined) return undefined;
    const hashes = new Map(Array.from(this.#hashes, ([time, each]) => [time, new Set(each)]));
    return { fromTime: this.#from, hashes };
  }

  /** Lines that say the same, before `event-clock: eventTime` does. */
  records(eventTime: number): SnapshotRecord[] {
    const records: SnapshotRecord[] = [];
    if (this.#to !== undefined) {
      records.push({ type: "seen-range", from: this.#from, to: Math.max(this.#to, eventTime) });
    }
    // Without a range, too: it may be about to come.
    for (const [time, hashes] of this.#hashes) {
      for (const hash of hashes) records.push({ type: "seen-event", time, hash });
    }
    return records;
  }

  #giveUpEarliest(): void {
    for (const time of [...this.#hashes.keys()].sort((a, b) => a - b)) {
      // Some at a time: to look for the earliest costs.
      if (this.#count <= (MAX_SEEN_EVENTS * 3) / 4) return;
      this.#forgetBelow(time + 1);
    }
  }

  #forgetBelow(time: number, from = time): void {
    this.#from = Math.max(this.#from, from);
    for (const [each, hashes] of this.#hashes) {
      if (each >= time) continue;
      this.#hashes.delete(each);
      this.#count -= hashes.size;
    }
  }
}
