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

interface Wanted {
  readonly kind: EventKind | "*";
  /** Of a user event or query; empty for any. */
  readonly name: string;
}

export class EventFilter {
  readonly #wanted: readonly Wanted[];

  private constructor(wanted: readonly Wanted[]) {
    this.#wanted = wanted;
  }

  /** Undefined when a part names no event. Blanks count: ` user` is no event. */
  static parse(text: string): EventFilter | undefined {
    const wanted = (text === "" ? "*" : text).split(",").map(parsePart);
    return wanted.every((part) => part !== undefined) ? new EventFilter(wanted) : undefined;
  }

  wants(kind: EventKind, name = ""): boolean {
    return this.#wanted.some(
      (one) => one.kind === "*" || (one.kind === kind && (one.name === "" || one.name === name)),
    );
  }
}

function parsePart(part: string): Wanted | undefined {
  if (part.startsWith("user:")) return { kind: "user", name: part.slice("user:".length) };
  if (part.startsWith("query:")) return { kind: "query", name: part.slice("query:".length) };
  const kind = part === "*" ? part : KINDS.find((known) => known === part);
  return kind === undefined ? undefined : { kind, name: "" };
}
