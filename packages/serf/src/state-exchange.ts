/** Serf's part of a push/pull: what we know of everybody, and what becomes of what a peer knows (section 7.7). */
import { Reader } from "@hearsay/wire";
import { readState } from "./decode.ts";
import { encodeState } from "./encode.ts";
import type { LamportClock } from "./lamport.ts";
import { Status } from "./members.ts";
import type { Membership } from "./membership.ts";
import { SerfType } from "./messages.ts";
import type { Queries } from "./queries.ts";
import type { SerfDropReason } from "./types.ts";
import type { UserEvents } from "./user-events.ts";

/** More events than any sound buffer holds. */
const maxEvents = 65_536;

export interface StateExchangeParts {
  readonly membership: Membership;
  readonly userEvents: UserEvents;
  readonly queries: Queries;
  readonly maxMembers: number;
  readonly isName: (name: string) => boolean;
  readonly onDrop: (reason: SerfDropReason) => void;
}

export class StateExchange {
  readonly #parts: StateExchangeParts;

  constructor(parts: StateExchangeParts) {
    this.#parts = parts;
  }

  /** The user state to send. */
  encodeLocal(): Uint8Array {
    const { membership, userEvents, queries } = this.#parts;
    const { members } = membership;
    const statusLTimes = new Map<string, number>();
    for (const id of members.ids()) {
      // A time without an entry among the left reads as that of a join, and the leave itself, which has the same, would
      // then come too late. Who is about to leave is not in that list yet.
      if (members.status(id) !== Status.leaving) statusLTimes.set(members.names.nameOf(id), members.statusLTime(id));
    }
    return encodeState({
      lTime: membership.clock.time,
      eventLTime: userEvents.clock.time,
      queryLTime: queries.clock.time,
      statusLTimes,
      leftMembers: membership.leftNames(),
      events: userEvents.buffer.slots(),
    });
  }

  /**
   * Merges a peer's user state, type byte first. Nothing of it is passed on, but a leave of ours that is on record there
   * is refuted.
   * @param asked it is from a member that we have asked, or joined: its clocks are believed. Anybody may send us a state
   *   without being asked, and that counts like gossip.
   * @param ignoreOldEvents whatever happened before now is not wanted (8.3).
   */
  merge(message: Uint8Array, asked: boolean, ignoreOldEvents: boolean, now: number): void {
    const { membership, userEvents, queries, maxMembers, isName, onDrop } = this.#parts;
    if (message[0] !== SerfType.pushPull) {
      onDrop("serf-unknown-type");
      return;
    }
    const reader = new Reader(message, 1);
    // A peer remembers the gone as well: twice our bound for the living is generous.
    const state = readState(reader, { maxNames: 2 * maxMembers, maxEvents });
    if (!reader.ok) {
      onDrop("serf-malformed");
      return;
    }
    follow(membership.clock, state.lTime, asked, now);
    follow(userEvents.clock, state.eventLTime, asked, now);
    follow(queries.clock, state.queryLTime, asked, now);
    const left = new Set(state.leftMembers);
    for (const name of left) {
      if (isName(name)) membership.applyLeftThere(name, state.statusLTimes.get(name) ?? 1, now);
    }
    for (const [name, lTime] of state.statusLTimes) {
      if (!left.has(name) && isName(name)) membership.applyKnownThere(name, lTime, now);
    }
    if (ignoreOldEvents && state.eventLTime <= userEvents.clock.time) {
      userEvents.buffer.minTime = Math.max(userEvents.buffer.minTime, state.eventLTime);
    }
    userEvents.mergeSlots(state.events, now);
  }
}

/** A clock in a state has not been used for a message yet: ours shall become equal to it, not pass it. */
function follow(clock: LamportClock, time: number, asked: boolean, now: number): void {
  if (asked) clock.learn(time, now);
  else if (time > 0) clock.witness(time - 1, now);
}
