/**
 * What a snapshot says when all its lines have been read in order: who is alive, the highest Lamport times seen, and the
 * latest events. The same state is kept while lines are written, so that at any time the file can be written anew from it, shorter.
 */

import type { RestoredClocks, SeenEvents } from "@hearsay/serf";
import { formatLine, type SnapshotRecord } from "./lines.ts";
import { SeenMemory } from "./seen-events.ts";

export interface RememberedMember {
  readonly name: string;
  /** IP address text. */
  readonly address: string;
  readonly port: number;
}

/** Files shorter than this are left alone: bytes. Serf's numbers. */
const COMPACT_FROM_BYTES = 128 * 1024;
const COMPACT_BYTES_PER_MEMBER = 256;

export class SnapshotState {
  /** Oldest first. */
  readonly alive = new Map<string, RememberedMember>();
  memberTime = 0;
  eventTime = 0;
  queryTime = 0;
  /** What the event clock's own line says: less, for as long as that of a newer event waits. */
  eventClock = 0;
  readonly #seen = new SeenMemory();
  /** A goodbye is the last thing of weight that was said. */
  left = false;
  /** A goodbye does not count: the pool is joined again all the same. */
  readonly #rejoinAfterLeave: boolean;

  constructor(options: { readonly rejoinAfterLeave: boolean }) {
    this.#rejoinAfterLeave = options.rejoinAfterLeave;
  }

  apply(record: SnapshotRecord): void {
    switch (record.type) {
      case "alive": {
        const { name, address, port } = record;
        const known = this.alive.get(name);
        // We do not say what is said; Serf does, and says this of itself and of all whom it meets when it starts.
        if (known?.address === address && known.port === port) this.#seen.doubt();
        this.alive.set(name, { name, address, port });
        return;
      }
      case "not-alive":
        if (!this.alive.delete(record.name)) this.#seen.doubt();
        return;
      case "clock":
        this.memberTime = record.time;
        return;
      case "event-clock":
        this.eventTime = this.eventClock = record.time;
        this.#seen.witness(record.time);
        return;
      case "query-clock":
        this.queryTime = record.time;
        return;
      case "leave":
        this.left = true;
        if (this.#rejoinAfterLeave) return;
        this.alive.clear();
        this.#seen.forget(this.eventTime);
        this.memberTime = this.eventTime = this.eventClock = this.queryTime = 0;
        return;
      case "seen-range":
        this.#seen.cover(record.from, record.to);
        return;
      case "seen-event":
        this.#seen.add(record.time, record.hash);
        // The clock gets its line later.
        this.eventTime = Math.max(this.eventTime, record.time);
        return;
      case "nothing":
        return;
    }
  }

  /** Undefined when no time is remembered. */
  clocks(): RestoredClocks | undefined {
    const { memberTime, eventTime, queryTime } = this;
    if (memberTime === 0 && eventTime === 0 && queryTime === 0) return undefined;
    return { memberTime, eventTime, queryTime };
  }

  /** Undefined when only the latest time is known: then all events up to it are of the past. */
  seenEvents(): SeenEvents | undefined {
    return this.eventTime > 0 ? this.#seen.events() : undefined;
  }

  /**
   * The shortest lines that say the same. Whoever is alive, and what was seen, is copied at the call; the lines are made as they are taken, so
   * that a pool of a hundred thousand does not hold up its process.
   */
  lines(): Iterable<string> {
    const members = [...this.alive.values()];
    const clocks: readonly SnapshotRecord[] = [
      { type: "clock", time: this.memberTime },
      ...this.#seen.records(this.eventTime),
      { type: "event-clock", time: this.eventTime },
      { type: "query-clock", time: this.queryTime },
    ];
    const goodbye = this.left ? formatLine({ type: "leave" }) : "";
    const rejoins = this.#rejoinAfterLeave;
    return (function* () {
      // A goodbye takes back what stands before it. Where it does not count it is kept for whoever reads with other eyes.
      if (!rejoins) yield goodbye;
      for (const member of members) yield formatLine({ type: "alive", ...member });
      for (const clock of clocks) yield formatLine(clock);
      if (rejoins) yield goodbye;
    })();
  }
}

/**
 * The size at which a file is worth writing anew: bytes. Serf's: 128 KiB or 256 bytes a member, whichever is more. Where
 * names are so long that the shortest file is about that large already, it may double first.
 *
 * @param compactBytes size of the file when it was last written anew; 0 if it was not
 */
export function compactAtBytes(aliveCount: number, compactBytes: number): number {
  return Math.max(COMPACT_FROM_BYTES, COMPACT_BYTES_PER_MEMBER * aliveCount, 2 * compactBytes);
}
