/** Which events a `stream` wants: `member-join,member-failed`, `user:deploy`, `*`, or nothing at all for everything. */

const KINDS = [
  "member-join",
  "member-leave",
  "member-failed",
  "member-update",
  "member-reap",
  "user",
  "query",
] as const;
export type EventKind = (typeof KINDS)[number];

/** Longest filter of a stream: UTF-16 units. Serf knows no limit; each stream keeps its own. */
export const MAX_FILTER_LENGTH = 16 * 1024;

export class EventFilter {
  /** Wanted whatever their name. */
  readonly #kinds = new Set<EventKind>();
  /** `user:deploy`, `query:load`: wanted by name. However many, an event is looked up once. */
  readonly #named = new Set<string>();

  private constructor() {}

  /** Undefined when a part names no event, or the text is too long. Blanks count: ` user` is no event. */
  static parse(text: string): EventFilter | undefined {
    if (text.length > MAX_FILTER_LENGTH) return undefined;
    const filter = new EventFilter();
    return (text === "" ? "*" : text).split(",").every((part) => filter.#want(part)) ? filter : undefined;
  }

  wants(kind: EventKind, name = ""): boolean {
    return this.#kinds.has(kind) || this.#named.has(`${kind}:${name}`);
  }

  /** False when the part names no event. */
  #want(part: string): boolean {
    if (part === "*") for (const kind of KINDS) this.#kinds.add(kind);
    // Without a name behind the colon: any.
    else if (part === "user:" || part === "query:") this.#kinds.add(part === "user:" ? "user" : "query");
    else if (part.startsWith("user:") || part.startsWith("query:")) this.#named.add(part);
    else {
      const kind = KINDS.find((known) => known === part);
      if (kind === undefined) return false;
      this.#kinds.add(kind);
    }
    return true;
  }
}
