/**
 * Who is a member, and in what status: what the failure detector reports and what intents say, put together (serf
 * protocol notes, section 7).
 *
 *        ┌─────────┐  leave intent  ┌─────────┐  death seen  ┌──────┐
 *   ───▶ │  alive  │ ─────────────▶ │ leaving │ ───────────▶ │ left │
 *        │         │ ◀───────────── │         │              │      │
 *        └─────────┘  join intent   └─────────┘              └──────┘
 *             │                                                 ▲
 *             │ death seen      ┌────────┐     leave intent     │
 *             └───────────────▶ │ failed │ ─────────────────────┘
 *                               └────────┘
 *
 * Whoever is seen alive again is alive. The failed and the left are reaped in time, or pruned.
 *
 * Only an intent makes a leave graceful; the detector's own word "left" plays no part. An intent counts if its Lamport
 * time is higher than that of the last one that counted, so the order of arrival does not matter to the living.
 *
 * Different from Serf: a prune of a leaving member waits on a timer instead of blocking the node, and is called off when
 * the member refutes; the table is bounded; a time that no sound peer sends is refused (`lamport.ts`); of a join and a
 * leave with one time the join wins; times taken from a peer's list of the left do not creep upwards; and a node whose
 * name has a past that it does not know says again that it is there.
 */
import type { MemberView, NameTable } from "@hearsay/core";
import type { SerfConfig } from "./config.ts";
import { LamportClock } from "./lamport.ts";
import { SerfMembers, Status } from "./members.ts";
import { type IntentKind, RecentIntents } from "./recent-intents.ts";

/** What the rules cause outside: the machine implements it. */
export interface MembershipListener {
  onMember(
    type: "member-join" | "member-leave" | "member-failed" | "member-update" | "member-reap",
    id: number,
    /** The detector's view at hand, if the change came from there. */
    view: MemberView | undefined,
  ): void;
  /** A leave intent names us and is wrong: a join intent is due. */
  onAccused(): void;
  /** Nobody shall try to reach this member any more. */
  onUnwanted(name: string): void;
}

export class Membership {
  readonly members: SerfMembers;
  readonly clock = new LamportClock();
  readonly recent: RecentIntents;
  readonly #self: string;
  readonly #config: SerfConfig;
  readonly #maxMembers: number;
  readonly #listener: MembershipListener;
  /** Members to be erased, and when at the earliest: ms. */
  readonly #prunes = new Map<number, number>();
  /** Left here, and said to have joined again since: only the detector has not seen them yet. */
  readonly #returning = new Set<number>();
  #flaps = 0;
  /** Our own leave has begun: leave intents about us are true. */
  leaving = false;

  constructor(self: string, names: NameTable, config: SerfConfig, maxMembers: number, listener: MembershipListener) {
    this.#self = self;
    this.#config = config;
    this.#maxMembers = maxMembers;
    this.#listener = listener;
    this.members = new SerfMembers(names);
    this.recent = new RecentIntents(config.maxRecentIntents);
  }

  /** Members that failed and were back within the flap timeout. */
  get flaps(): number {
    return this.#flaps;
  }

  /** Prunes that wait. */
  get pruneCount(): number {
    return this.#prunes.size;
  }

  /** The earliest prune still waiting: ms; Infinity when there is none. */
  get nextPrune(): number {
    let next = Number.POSITIVE_INFINITY;
    if (this.#prunes.size === 0) return next; // The rule, and this is asked after every packet.
    for (const at of this.#prunes.values()) if (at < next) next = at;
    return next;
  }

  /**
   * Names for a state's list of the left. Who has left and said since that it joined is not one of them: its time there is
   * that of the join, and who met it for the first time in our list would hold it to be leaving at that time, for ever.
   */
  leftNames(): string[] {
    const { left, names } = this.members;
    return Array.from(left.keys()).flatMap((id) => (this.#returning.has(id) ? [] : names.nameOf(id)));
  }

  // ---- what the failure detector reports (7.2)

  onAlive(view: MemberView, now: number): void {
    const members = this.members;
    let id = members.find(view.name);
    if (id < 0) {
      this.#makeRoom();
      const intent = this.recent.get(view.name);
      id = members.add(view.name, intent?.lTime ?? 0, now);
      if (intent?.kind === "leave") members.setPresent(id, Status.leaving, now);
    } else {
      const gone = members.gone(id);
      if (members.status(id) === Status.failed && gone && now - gone.at < this.#config.flapTimeoutMs) this.#flaps++;
      members.setPresent(id, Status.alive, now);
      this.#prunes.delete(id);
      this.#returning.delete(id);
    }
    this.#listener.onMember("member-join", id, view);
  }

  onGone(view: MemberView, now: number): void {
    const members = this.members;
    const id = members.find(view.name);
    if (id < 0) return;
    const status = members.status(id);
    if (status === Status.leaving) {
      members.setGone(id, Status.left, { at: now, last: view }, now);
      if (this.#prunes.get(id) === Number.POSITIVE_INFINITY) this.#prunes.set(id, now);
      this.#listener.onUnwanted(view.name);
      this.#listener.onMember("member-leave", id, view);
    } else if (status === Status.alive) {
      members.setGone(id, Status.failed, { at: now, last: view }, now);
      this.#listener.onMember("member-failed", id, view);
    }
  }

  onUpdate(view: MemberView): void {
    const id = this.members.find(view.name);
    if (id >= 0) this.#listener.onMember("member-update", id, view);
  }

  // ---- what intents say

  /**
   * Whether an intent of this time is believed now. About somebody unknown it moves the clock by steps only: of such
   * there may be any number, all made up.
   */
  accepts(name: string, lTime: number, now: number): boolean {
    return this.clock.accepts(lTime, now, this.members.find(name) >= 0);
  }

  /** A leave intent (7.3). Returns whether it is to be passed on. */
  applyLeave(name: string, lTime: number, prune: boolean, now: number): boolean {
    return this.#leave(name, lTime, prune, Status.none, now);
  }

  /**
   * A join intent (7.4). Returns whether it is to be passed on. Of a join and a leave with one time the join wins, in
   * whatever order they come: whoever says so is there.
   */
  applyJoin(name: string, lTime: number, now: number): boolean {
    const news = this.#join(name, lTime, Status.leaving, now);
    const id = this.members.find(name);
    if (news && id >= 0 && this.members.status(id) === Status.left) this.#returning.add(id);
    return news;
  }

  /**
   * A peer knows somebody, and not as left, with this status time there (7.7). That may be the time of a leave under
   * way, so an equal time says nothing here.
   */
  applyKnownThere(name: string, lTime: number, now: number): void {
    const id = this.members.find(name);
    const own = id >= 0 && name === this.#self ? this.members.statusLTime(id) : 0;
    this.#join(name, lTime, Status.none, now);
    // A time of ours that we have not said: from an earlier life, and what we say now looks old to those who know it.
    if (own > 0 && lTime > own && this.members.statusLTime(id) === lTime && !this.leaving) this.#listener.onAccused();
  }

  /**
   * A peer has somebody on its list of the left, with this status time there (7.7): the time of the leave, or later. Of
   * one that failed here an equal time will do: it may have come from somebody who saw it leaving. Serf adds one to all
   * of them, so that such times, and the clocks with them, creep upwards at each exchange, and may overtake the join of
   * one that has come back, which is then taken to be leaving for good.
   */
  applyLeftThere(name: string, lTime: number, now: number): void {
    this.#leave(name, lTime, false, Status.failed, now);
  }

  /**
   * The time for a join intent about ourselves. One above the clock, where Serf takes the clock itself: peers that
   * remember us as left may have made up a time for that (see above) which equals the clock, and of two equal times Serf
   * believes the first that comes.
   */
  stampJoin(now: number): number {
    const lTime = this.clock.increment();
    this.applyJoin(this.#self, lTime, now);
    return lTime;
  }

  /** The time for a leave intent about anybody. */
  stampLeave(): number {
    const lTime = this.clock.time;
    this.clock.increment();
    return lTime;
  }

  // ---- forgetting

  /** Erases what has been failed or left for too long, and old recent intents. */
  reap(now: number): void {
    this.#reapList(this.members.failed, now - this.#config.reconnectTimeoutMs);
    this.#reapList(this.members.left, now - this.#config.tombstoneTimeoutMs);
    this.recent.expire(now, this.#config.recentIntentTimeoutMs);
  }

  /** Erases the members whose prune is due. One that still has not gone is erased when it has. */
  runPrunes(now: number): void {
    for (const [id, at] of this.#prunes) {
      if (at > now) continue;
      if (this.members.status(id) === Status.leaving) this.#prunes.set(id, Number.POSITIVE_INFINITY);
      else this.#erase(id);
    }
  }

  #prune(id: number, now: number): void {
    if (this.members.status(id) !== Status.leaving) this.#erase(id);
    else if (!this.#prunes.has(id)) {
      // Its leave may be under way: the members shall see it leave before they see it vanish.
      this.#prunes.set(id, now + this.#config.broadcastTimeoutMs + this.#config.leavePropagateMs);
    }
  }

  #reapList(list: ReadonlyMap<number, { readonly at: number }>, before: number): void {
    for (const [id, gone] of list) if (gone.at <= before) this.#erase(id);
  }

  #erase(id: number): void {
    const name = this.members.names.nameOf(id);
    this.#prunes.delete(id);
    this.#returning.delete(id);
    this.#listener.onUnwanted(name);
    this.#listener.onMember("member-reap", id, undefined);
    this.members.remove(id);
  }

  /** Keeps the table within its bound: whoever has been gone longest makes room, the left before the failed. */
  #makeRoom(): void {
    while (this.members.length >= this.#maxMembers) {
      const oldest = this.members.left.keys().next().value ?? this.members.failed.keys().next().value;
      if (oldest === undefined) return; // All present: the detector's own bound holds.
      this.#erase(oldest);
    }
  }

  #leave(name: string, lTime: number, prune: boolean, tieFor: Status, now: number): boolean {
    const id = this.#admit("leave", name, lTime, tieFor, now);
    if (typeof id === "boolean") return id;
    if (name === this.#self && !this.leaving) {
      this.#listener.onAccused();
      return false;
    }
    const members = this.members;
    // Always, or two nodes would pass each other's copies back and forth for ever.
    members.setStatusLTime(id, lTime);
    this.#returning.delete(id);
    const gone = members.gone(id);
    if (members.status(id) === Status.alive) {
      members.setPresent(id, Status.leaving, now);
    } else if (members.status(id) === Status.failed && gone) {
      members.setGone(id, Status.left, gone, now);
      this.#listener.onUnwanted(name);
      this.#listener.onMember("member-leave", id, undefined);
    }
    if (prune && name !== this.#self) this.#prune(id, now);
    return true;
  }

  #join(name: string, lTime: number, tieFor: Status, now: number): boolean {
    const id = this.#admit("join", name, lTime, tieFor, now);
    if (typeof id === "boolean") return id;
    this.members.setStatusLTime(id, lTime);
    if (this.members.status(id) === Status.leaving && !this.#isOurLeave(name)) {
      this.members.setPresent(id, Status.alive, now);
      this.#prunes.delete(id);
    }
    return true;
  }

  /**
   * Witnesses and sorts out: the member an intent is about, or whether to pass it on if it changes nobody. `tieFor`: the
   * status for which the same time as the last is late enough.
   */
  #admit(kind: IntentKind, name: string, lTime: number, tieFor: Status, now: number): number | boolean {
    const id = this.members.find(name);
    if (!this.clock.witness(lTime, now, id >= 0)) return false;
    if (id < 0) return this.recent.note(name, kind, lTime, now);
    const statusLTime = this.members.statusLTime(id);
    if (lTime > statusLTime) return id;
    return lTime === statusLTime && this.members.status(id) === tieFor && !this.#isOurLeave(name) ? id : false;
  }

  #isOurLeave(name: string): boolean {
    return this.leaving && name === this.#self;
  }
}
