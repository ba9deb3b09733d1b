/**
 * The patterns of `members-filtered`. Each is wrapped as `^` + pattern + `$` without a group, as Serf does it, so that
 * `left|failed` means "begins with left, or ends with failed"; write `(left|failed)` for either.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Member } from "@hearsay/node";
import { Pattern } from "@hearsay/serf";
import { RefusedRequest } from "./errors.ts";
import type { FilterBody } from "./messages.ts";

/** ms of work before others get a turn, and before the request is given up. */
const SLICE_MS = 10;
const LIMIT_MS = 2000;

/** Throws RefusedRequest for a broken pattern, and for one that takes too long over this many members. */
export async function filterMembers(members: readonly Member[], filter: FilterBody): Promise<readonly Member[]> {
  const name = filter.name === "" ? undefined : anchored(filter.name);
  const status = filter.status === "" ? undefined : anchored(filter.status);
  const tags = Object.entries(filter.tags).map(([key, pattern]) => [key, anchored(pattern)] as const);
  const kept: Member[] = [];
  let worked = 0;
  let sliceBegan = performance.now();
  for (const member of members) {
    const inSlice = performance.now() - sliceBegan;
    if (inSlice > SLICE_MS) {
      worked += inSlice;
      if (worked > LIMIT_MS) throw new RefusedRequest("patterns that take too long");
      await nextTurn();
      sliceBegan = performance.now();
    }
    if (name?.test(member.name) === false || status?.test(member.status) === false) continue;
    // A tag that is missing is an empty one.
    if (tags.every(([key, pattern]) => pattern.test(ownTag(member, key)))) kept.push(member);
  }
  return kept;
}

function ownTag(member: Member, key: string): string {
  return Object.hasOwn(member.tags, key) ? member.tags[key]! : "";
}

function anchored(pattern: string): Pattern {
  const compiled = Pattern.compile(`^${pattern}$`);
  if (compiled === undefined) throw new RefusedRequest(`a broken pattern: ${pattern}`);
  return compiled;
}
