/**
 * What the main thread has not been told yet. Bounded by construction: members and evidence are kept by name, the latest
 * wins; of events and log lines the oldest go, and a flood of user events takes no room from members' ones. So a main thread that is blocked for an hour finds one batch.
 */

import type { Member, WallEvidence } from "../api.ts";
import { EVENT_BUFFER } from "../event-stream.ts";
import type { Coordinate } from "../serf-api.ts";
import type { Batch, LogLine, MirrorEvent } from "./protocol.ts";
import type { StateBatch } from "./state-protocol.ts";

/** Where the mirror looks things up when a batch is made. */
export interface MirrorSource {
  member(name: string): Member | undefined;
  evidence(name: string): readonly WallEvidence[];
  place(name: string): Coordinate | undefined;
  drops(): Readonly<Record<string, number>>;
}

const MAX_LINES = 256;

export class Mirror {
  /** In order of the last change, which is the order they are told in. */
  readonly #changed = new Set<string>();
  readonly #places = new Set<string>();
  #events: MirrorEvent[] = [];
  /** How many of `#events` are members' ones. */
  #memberEvents = 0;
  #droppedEvents = 0;
  #droppedOthers = 0;
  #lines: LogLine[] = [];

  get empty(): boolean {
    return this.#changed.size + this.#places.size + this.#events.length + this.#lines.length === 0;
  }

  /** Something about this name is different. */
  change(name: string): void {
    this.#changed.delete(name);
    this.#changed.add(name);
  }

  /** The place of this name in the network is known anew. */
  place(name: string): void {
    this.#places.add(name);
  }

  event(event: MirrorEvent): void {
    this.#events.push(event);
    const ofMember = event.kind === "member";
    if (ofMember) this.#memberEvents++;
    const waiting = ofMember ? this.#memberEvents : this.#events.length - this.#memberEvents;
    if (waiting <= EVENT_BUFFER) return;
    this.#events.splice(
      this.#events.findIndex(({ kind }) => (kind === "member") === ofMember),
      1,
    );
    if (ofMember) {
      this.#memberEvents--;
      this.#droppedEvents++;
    } else this.#droppedOthers++;
  }

  line(line: LogLine): void {
    this.#lines.push(line);
    if (this.#lines.length > MAX_LINES) this.#lines.shift();
  }

  /** Everything that is new, which then no longer is. @param state the same of replicated state */
  take(source: MirrorSource, state?: StateBatch): Batch {
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
      places: Array.from(this.#places, (name) => [name, source.place(name)] as const),
      droppedEvents: this.#droppedEvents,
      droppedOthers: this.#droppedOthers,
      lines: this.#lines,
      state,
      drops: source.drops(),
    };
    this.#changed.clear();
    this.#places.clear();
    this.#events = [];
    this.#memberEvents = 0;
    this.#droppedEvents = 0;
    this.#droppedOthers = 0;
    this.#lines = [];
    return batch;
  }
}
