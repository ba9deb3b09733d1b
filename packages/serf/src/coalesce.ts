/**
 * Many events made into few, for those who run a script for each (Serf protocol notes, section 13). The first event opens
 * a window; it closes when nothing has come for the quiet time, or when the quantum is over.
 *
 * Different from Serf (section 26), which tells of each member the latest kind only, never empties its table, and skips
 * what it told last time:
 *
 *   in one window              Serf tells              here
 *   join, update               update                  join, with the newest tags
 *   update                     update, in every later  update, once
 *                              window as well
 *   failed or left, and back   nothing                 update: it may be back with other tags, or elsewhere
 *   the same, then update      update                  update
 *   join, then gone            failed, or leave        the same
 *   gone, who was told gone    nothing                 the same
 */

export interface CoalesceSettings {
  /** The longest wait since the first event: ms. */
  readonly quantumMs: number;
  /** The wait since the latest event: ms. */
  readonly quietMs: number;
}

/** What Serf's agents use. */
export const agentCoalescing: CoalesceSettings = { quantumMs: 3000, quietMs: 1000 };

const kinds = ["member-join", "member-leave", "member-failed", "member-update", "member-reap"] as const;
export type CoalescedKind = (typeof kinds)[number];

export interface CoalescedMembers<M> {
  readonly kind: CoalescedKind;
  /** In name order. */
  readonly members: readonly M[];
}

/**
 * So many members, or user events, are due at once: a window holds that many, and what comes until its owner takes them.
 * Nothing is dropped; only the wait is shorter.
 */
export const maxWaiting = 4096;

/** When the present window closes. */
class Window {
  readonly #settings: CoalesceSettings;
  #openedAt = Number.POSITIVE_INFINITY;
  #latestAt = Number.POSITIVE_INFINITY;
  #fullAt = Number.POSITIVE_INFINITY;

  constructor(settings: CoalesceSettings) {
    this.#settings = settings;
  }

  get deadline(): number {
    const { quantumMs, quietMs } = this.#settings;
    return Math.min(this.#openedAt + quantumMs, this.#latestAt + quietMs, this.#fullAt);
  }

  /** @param waiting how many it holds now */
  touch(waiting: number, now: number): void {
    if (this.#openedAt === Number.POSITIVE_INFINITY) this.#openedAt = now;
    this.#latestAt = now;
    if (waiting >= maxWaiting && this.#fullAt === Number.POSITIVE_INFINITY) this.#fullAt = now;
  }

  close(): void {
    this.#openedAt = Number.POSITIVE_INFINITY;
    this.#latestAt = Number.POSITIVE_INFINITY;
    this.#fullAt = Number.POSITIVE_INFINITY;
  }
}

/**
 * Member events: each member once a window, with what became of it. It keeps the window's events, and of each member that
 * is not reaped the last word on whether it is there: as many as there are members.
 */
export class MemberCoalescer<M> {
  readonly #window: Window;
  readonly #latest = new Map<string, { kind: CoalescedKind; member: M }>();
  readonly #told = new Map<string, CoalescedKind>();

  constructor(settings: CoalesceSettings) {
    this.#window = new Window(settings);
  }

  /** When `takeDue` has something: ms; Infinity while nothing waits. */
  get deadline(): number {
    return this.#window.deadline;
  }

  add(kind: CoalescedKind, name: string, member: M, now: number): void {
    const before = this.#latest.get(name)?.kind;
    // New and changed is new.
    const joined = kind === "member-update" && before === "member-join";
    this.#latest.set(name, { kind: joined ? "member-join" : kind, member });
    this.#window.touch(this.#latest.size, now);
  }

  /** What is to be told, kind by kind in a fixed order; nothing before the deadline. */
  takeDue(now: number): readonly CoalescedMembers<M>[] {
    if (now < this.deadline) return [];
    this.#window.close();
    const groups = new Map<CoalescedKind, M[]>();
    for (const [name, { kind, member }] of [...this.#latest].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const told = this.#tell(name, kind);
      if (told === undefined) continue;
      const group = groups.get(told);
      if (group) group.push(member);
      else groups.set(told, [member]);
    }
    this.#latest.clear();
    return kinds.flatMap((kind) => {
      const members = groups.get(kind);
      return members ? [{ kind, members }] : [];
    });
  }

  /** As what it is told, given what was told before; undefined if it is not. */
  #tell(name: string, kind: CoalescedKind): CoalescedKind | undefined {
    // An update says nothing of whether the member is there: what was told of that still holds.
    if (kind === "member-update") return kind;
    if (kind === "member-reap") {
      this.#told.delete(name);
      return kind;
    }
    const before = this.#told.get(name);
    this.#told.set(name, kind);
    if (before !== kind) return kind;
    return kind === "member-join" ? "member-update" : undefined;
  }
}

/** User events with the coalesce flag: of each name those of the highest Lamport time, several if equal. */
export class EventCoalescer<E extends { readonly name: string; readonly lTime: number }> {
  readonly #window: Window;
  readonly #latest = new Map<string, E[]>();
  #waiting = 0;

  constructor(settings: CoalesceSettings) {
    this.#window = new Window(settings);
  }

  /** When `takeDue` has something: ms; Infinity while nothing waits. */
  get deadline(): number {
    return this.#window.deadline;
  }

  add(event: E, now: number): void {
    const known = this.#latest.get(event.name);
    const knownTime = known?.[0]?.lTime ?? Number.NEGATIVE_INFINITY;
    if (known && event.lTime === knownTime) {
      known.push(event);
      this.#waiting++;
    } else if (event.lTime > knownTime) {
      this.#latest.set(event.name, [event]);
      this.#waiting += 1 - (known?.length ?? 0);
    }
    this.#window.touch(this.#waiting, now);
  }

  /** What is to be told, earlier Lamport times first (Serf: in no order); nothing before the deadline. */
  takeDue(now: number): readonly E[] {
    if (now < this.deadline) return [];
    this.#window.close();
    const due = [...this.#latest.values()].flat().sort((a, b) => a.lTime - b.lTime);
    this.#latest.clear();
    this.#waiting = 0;
    return due;
  }
}
