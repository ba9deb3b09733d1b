/**
 * The patterns of `members-filtered`. Each is wrapped as `^` + pattern + `$` without a group, as Serf does it, so that
 * `left|failed` means "begins with left, or ends with failed"; write `(left|failed)` for either.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Member } from "@hearsay/node";
import { Pattern } from "@hearsay/serf";
import { wireTags } from "../agent/wire-tags.ts";
import { RefusedRequest } from "./errors.ts";
import type { FilterBody } from "./messages.ts";

/** ms of work before others get a turn, and before the request is given up. */
const SLICE_MS = 10;
const LIMIT_MS = 2000;
/** Tags asked about, at most: no member has more, in its 512 bytes. */
const MAX_TAGS = 256;
/** Of a refused pattern in the log: UTF-16 units. */
const SHOWN_LENGTH = 256;

/** Throws RefusedRequest for a broken pattern, and for patterns that take too long over this many members. */
export async function filterMembers(members: readonly Member[], filter: FilterBody): Promise<readonly Member[]> {
  const work = new Slices();
  const name = filter.name === "" ? undefined : anchored(filter.name);
  const status = filter.status === "" ? undefined : anchored(filter.status);
  const patterns = Object.entries(filter.tags);
  if (patterns.length > MAX_TAGS) throw new RefusedRequest(`patterns for more than ${MAX_TAGS} tags`);
  const tags: (readonly [string, Pattern])[] = [];
  for (const [key, pattern] of patterns) {
    if (work.due) await work.pause();
    tags.push([key, anchored(pattern)]);
  }
  const kept: Member[] = [];
  for (const member of members) {
    if (work.due) await work.pause();
    if (name?.test(member.name) === false || status?.test(member.status) === false) continue;
    // A tag that is missing is an empty one.
    if (tags.every(([key, pattern]) => pattern.test(ownTag(member, key)))) kept.push(member);
  }
  return kept;
}

class Slices {
  #worked = 0;
  #began = performance.now();

  get due(): boolean {
    return performance.now() - this.#began > SLICE_MS;
  }
  async pause(): Promise<void> {
    this.#worked += performance.now() - this.#began;
    if (this.#worked > LIMIT_MS) throw new RefusedRequest("patterns that take too long");
    await nextTurn();
    this.#began = performance.now();
  }
}

function ownTag(member: Member, key: string): string {
  const tags = wireTags(member);
  return Object.hasOwn(tags, key) ? tags[key]! : "";
}

function anchored(pattern: string): Pattern {
  const compiled = Pattern.compile(`^${pattern}$`);
  if (compiled === undefined) throw new RefusedRequest(`a broken pattern: ${pattern.slice(0, SHOWN_LENGTH)}`);
  return compiled;
}
