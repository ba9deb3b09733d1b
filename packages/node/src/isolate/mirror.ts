/**
 * What the main thread has not been told yet. Bounded by construction: members and evidence are kept by name, the latest
 * wins; of events and log lines the oldest go. So a main thread that is blocked for an hour finds one batch.
 */

import type { Member, WallEvidence } from "../api.ts";
import { EVENT_BUFFER } from "../event-stream.ts";
import type { Batch, LogLine, MirrorEvent } from "./protocol.ts";

/** Where the mirror looks things up when a batch is made. */
export interface MirrorSource {
  member(name: string): Member | undefined;
  evidence(name: string): readonly WallEvidence[];
  drops(): Readonly<Record<string, number>>;
}

const MAX_LINES = 256;

export class Mirror {
  /** In order of the last change, which is the order they are told in. */
  readonly #changed = new Set<string>();
  #events: MirrorEvent[] = [];
  #droppedEvents = 0;
  #lines: LogLine[] = [];

  get empty(): boolean {
    return this.#changed.size === 0 && this.#events.length === 0 && this.#lines.length === 0;
  }

  /** Something about this name is different. */
  change(name: string): void {
    this.#changed.delete(name);
    this.#changed.add(name);
  }

  event(event: MirrorEvent): void {
    this.#events.push(event);
    if (this.#events.length <= EVENT_BUFFER) return;
    this.#events.shift();
    this.#droppedEvents++;
  }

  line(line: LogLine): void {
    this.#lines.push(line);
    if (this.#lines.length > MAX_LINES) this.#lines.shift();
  }

  /** Everything that is new, which then no longer is. */
  take(source: MirrorSource): Batch {
    const members: Member[] = [];
    const forgotten: string[] = [];
    const evidence: [string, readonly WallEvidence[]][] = [];
    for (const name of this.#changed) {
      const member = source.member(name);
      if (member) members.push(member);
      else forgotten.push(name);
      evidence.push([name, source.evidence(name)]);
    }
    const batch: Batch = {
      members,
      forgotten,
      evidence,
      events: this.#events,
      droppedEvents: this.#droppedEvents,
      lines: this.#lines,
      drops: source.drops(),
    };
    this.#changed.clear();
    this.#events = [];
    this.#droppedEvents = 0;
    this.#lines = [];
    return batch;
  }
}
