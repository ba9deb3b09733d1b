/**
 * What `-event-handler` says: `[FILTER=]COMMAND` (Serf protocol notes, section 14.1). The filter is a list of event names,
 * `user:NAME`, `query:NAME` or `*`, with commas between; without one, everything is wanted. It ends at the first `=`, so a
 * bare command with an `=` in it needs one: `*=env X=1 cmd`. No blanks are trimmed.
 *
 * Of our own: a member event may be followed by tag filters, `member-join[role=web][dc=eu-.*]=COMMAND`. Each is an RE2
 * pattern for the whole value of that tag (a missing tag is an empty one); all must match, and the command hears only of
 * the members that do. Brackets inside a pattern must be balanced or escaped. Serf refuses everything that begins like
 * this, so no handler written for it can mean something else here.
 */
import { Pattern } from "@hearsay/serf";
import type { AgentEvent } from "../agent/agent-event.ts";
import { wireTags } from "../agent/wire-tags.ts";

interface TagFilter {
  readonly tag: string;
  readonly pattern: Pattern;
}

export interface EventFilterPart {
  /** As it was written: `user:deploy`, `member-join[role=web]`. */
  readonly text: string;
  readonly kind: AgentEvent["kind"] | "*";
  /** Of a user event or query; empty for any. */
  readonly name: string;
  readonly tags: readonly TagFilter[];
}

export interface HandlerSpec {
  /** As it was written; two specifications with the same text are the same. */
  readonly text: string;
  readonly filter: readonly EventFilterPart[];
  readonly command: string;
}

/** A specification makes no sense: one line, in Serf's words where it has any. */
export class HandlerSpecError extends Error {
  override readonly name = "HandlerSpecError";
}

const MEMBER_KINDS = ["member-join", "member-leave", "member-failed", "member-update", "member-reap"] as const;
const EVERYTHING: EventFilterPart = { text: "*", kind: "*", name: "", tags: [] };

/** @throws HandlerSpecError */
export function parseHandlerSpec(text: string): HandlerSpec {
  if (!text.includes("=")) return { text, filter: [EVERYTHING], command: text };
  const { parts, command } = split(text);
  const filter = parts.length === 1 && parts[0] === "" ? [EVERYTHING] : parts.map((part) => parsePart(part, command));
  return { text, filter, command };
}

/** At the commas, and at the first `=`, that stand in no tag filter. */
function split(text: string): { readonly parts: readonly string[]; readonly command: string } {
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === "[" && text.startsWith("member-", start)) {
      at = closingBracket(text, at);
      if (at < 0) break;
    } else if (char === "," || char === "=") {
      parts.push(text.slice(start, at));
      start = at + 1;
      if (char === "=") return { parts, command: text.slice(start) };
    }
  }
  throw new HandlerSpecError(
    `Invalid event script: '${text}' has a tag filter that does not end, or no command; write EVENT[TAG=PATTERN]=COMMAND`,
  );
}

/** Where the bracket that opens at `at` is closed; -1 if nowhere. */
function closingBracket(text: string, at: number): number {
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    const char = text[i];
    if (char === "\\") i++;
    else if (char === "[") depth++;
    else if (char === "]" && --depth === 0) return i;
  }
  return -1;
}

function parsePart(text: string, command: string): EventFilterPart {
  if (text === "*") return EVERYTHING;
  for (const kind of ["user", "query"] as const) {
    if (text === kind) return { text, kind, name: "", tags: [] };
    if (text.startsWith(`${kind}:`)) return { text, kind, name: text.slice(kind.length + 1), tags: [] };
  }
  const kind = MEMBER_KINDS.find((known) => text === known || text.startsWith(`${known}[`));
  if (kind !== undefined) return { text, kind, name: "", tags: parseTagFilters(text, kind.length) };
  throw new HandlerSpecError(`Invalid event script: Event '${text}' invoking '${command}'`);
}

function parseTagFilters(text: string, from: number): TagFilter[] {
  const tags: TagFilter[] = [];
  for (let at = from; at < text.length; ) {
    const end = text[at] === "[" ? closingBracket(text, at) : -1;
    if (end < 0)
      throw new HandlerSpecError(`Invalid event script: '${text.slice(at)}' after a tag filter in '${text}'`);
    tags.push(parseTagFilter(text.slice(at + 1, end), text));
    at = end + 1;
  }
  return tags;
}

function parseTagFilter(text: string, part: string): TagFilter {
  const at = text.indexOf("=");
  if (at < 1) {
    throw new HandlerSpecError(`Invalid event script: '[${text}]' in '${part}' is no tag filter; write [TAG=PATTERN]`);
  }
  const source = text.slice(at + 1);
  // First by itself: between parentheses of ours, some broken patterns would be whole.
  const pattern = Pattern.compile(source) && Pattern.compile(`^(?:${source})$`);
  if (pattern === undefined) {
    throw new HandlerSpecError(
      `Invalid event script: '${source}' in '${part}' is no regular expression of RE2's syntax`,
    );
  }
  return { tag: text.slice(0, at), pattern };
}

/** What a handler is to be told of an event: all of it, some of its members, or nothing. Once, however many parts match. */
export function wantedPart({ filter }: HandlerSpec, event: AgentEvent): AgentEvent | undefined {
  const fitting = filter.filter(({ kind, name }) => {
    if (kind === "*") return true;
    return kind === event.kind && (name === "" || name === nameOf(event));
  });
  if (fitting.length === 0) return undefined;
  if (!("members" in event) || fitting.some(({ tags }) => tags.length === 0)) return event;
  const members = event.members.filter((member) =>
    fitting.some(({ tags }) => tags.every(({ tag, pattern }) => pattern.test(tagOf(wireTags(member), tag)))),
  );
  return members.length === 0 ? undefined : { kind: event.kind, members };
}

/** Of a user event or query. */
function nameOf(event: AgentEvent): string {
  if (event.kind === "user") return event.event.name;
  return event.kind === "query" ? event.query.name : "";
}

function tagOf(tags: Readonly<Record<string, string>>, tag: string): string {
  return Object.hasOwn(tags, tag) ? tags[tag]! : "";
}

/**
 * The group `event_handlers` of `stats`: `event:name` to command. Where several handlers want the same, Serf shows one
 * of them; here all stand behind one another.
 */
export function handlerStats(specs: readonly HandlerSpec[]): Record<string, string> {
  const shown = new Map<string, string>();
  for (const { filter, command } of specs) {
    for (const key of new Set(filter.map(statKey))) {
      const before = shown.get(key);
      shown.set(key, before === undefined ? command : `${before}, ${command}`);
    }
  }
  return Object.fromEntries(shown);
}

/** `user:deploy` has its colon; `user` and all the others get one, with no name behind it. */
function statKey({ text }: EventFilterPart): string {
  return /^(?:user|query):/.test(text) ? text : `${text}:`;
}
