/**
 * Many events made into few, for those who run a script for each (serf protocol notes, section 13). The first event opens
 * a window; it closes when nothing has come for the quiet time, or when the quantum is over.
 *
 * Two defects of Serf's are not repeated (section 26): what was told is forgotten with the window, so a member once updated
 * is not told again at every later one; and an update does not swallow the join before it: that is told as a join, with the
 * newest tags.
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

/** When the present window closes. */
class Window {
  readonly #settings: CoalesceSettings;
  #openedAt = Number.POSITIVE_INFINITY;
  #latestAt = Number.POSITIVE_INFINITY;

  constructor(settings: CoalesceSettings) {
    this.#settings = settings;
  }

  get deadline(): number {
    return Math.min(this.#openedAt + this.#settings.quantumMs, this.#latestAt + this.#settings.quietMs);
  }

  touch(now: number): void {
    if (this.#openedAt === Number.POSITIVE_INFINITY) this.#openedAt = now;
    this.#latestAt = now;
  }

  close(): void {
    this.#openedAt = Number.POSITIVE_INFINITY;
    this.#latestAt = Number.POSITIVE_INFINITY;
  }
}

/**
 * Member events: each member once a window, with what became of it last. One that ends as it was last told (failed, and back
 * at once, after it had been told as joined) is not told. It keeps the last kind told of each member that is not reaped, and
 * the window's events: as many as there are members.
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
    this.#window.touch(now);
    const before = this.#latest.get(name)?.kind;
    // New and changed is new.
    const joined = kind === "member-update" && before === "member-join";
    this.#latest.set(name, { kind: joined ? "member-join" : kind, member });
  }

  /** What is to be told, kind by kind; nothing before the deadline. */
  takeDue(now: number): readonly CoalescedMembers<M>[] {
    if (now < this.#window.deadline) return [];
    this.#window.close();
    const groups = new Map<CoalescedKind, M[]>();
    for (const [name, { kind, member }] of [...this.#latest].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const again = this.#told.get(name) === kind && kind !== "member-update";
      if (kind === "member-reap") this.#told.delete(name);
      // An update says nothing of whether the member is there: what was told of that still holds.
      else if (kind !== "member-update") this.#told.set(name, kind);
      if (again) continue;
      const group = groups.get(kind);
      if (group) group.push(member);
      else groups.set(kind, [member]);
    }
    this.#latest.clear();
    return kinds.flatMap((kind) => {
      const members = groups.get(kind);
      return members ? [{ kind, members }] : [];
    });
  }
}

/** Most events that wait in a window; the oldest names go first. */
const maxWaitingEvents = 4096;

/** User events with the coalesce flag: of each name those of the highest Lamport time, several if equal. */
export class EventCoalescer<E extends { readonly name: string; readonly lTime: number }> {
  readonly #window: Window;
  readonly #latest = new Map<string, { lTime: number; events: E[] }>();
  #waiting = 0;

  constructor(settings: CoalesceSettings) {
    this.#window = new Window(settings);
  }

  /** When `takeDue` has something: ms; Infinity while nothing waits. */
  get deadline(): number {
    return this.#window.deadline;
  }

  add(event: E, now: number): void {
    this.#window.touch(now);
    const known = this.#latest.get(event.name);
    if (known && event.lTime < known.lTime) return;
    if (known && event.lTime === known.lTime) known.events.push(event);
    else {
      this.#waiting -= known?.events.length ?? 0;
      this.#latest.set(event.name, { lTime: event.lTime, events: [event] });
    }
    this.#waiting++;
    for (const [name, { events }] of this.#latest) {
      if (this.#waiting <= maxWaitingEvents) break;
      this.#latest.delete(name);
      this.#waiting -= events.length;
    }
  }

  /** What is to be told, by names in the order of their first event; nothing before the deadline. */
  takeDue(now: number): readonly E[] {
    if (now < this.#window.deadline) return [];
    this.#window.close();
    const due = [...this.#latest.values()].flatMap(({ events }) => events);
    this.#latest.clear();
    this.#waiting = 0;
    return due;
  }
}
