/**
 * What a member says it understands beyond Serf, in one reserved tag that Go's agents carry untouched: a version, then a
 * letter for each capability. The letters count; a later version may only add some.
 */
import type { Tags } from "@hearsay/serf";

/** The reserved tag. */
export const capabilityTag = "hs";

export const Capability = { state: "s", counters: "c", aggregates: "a" } as const;

const version = 1;
const letters = Object.values(Capability).join("");
/** Longest value that is looked at: characters. */
const maxLength = 64;

/** The tags with ours in place. */
export function withCapabilities(tags: Tags): Tags {
  return { ...tags, [capabilityTag]: `${version}${letters}` };
}

/** The letters that a member's tags name; empty when it has none of this, or none that can be read. */
export function capabilitiesOf(tags: Tags): string {
  const value = Object.hasOwn(tags, capabilityTag) ? tags[capabilityTag]! : "";
  if (value.length > maxLength) return "";
  return /^[1-9][0-9]*([a-z]*)$/.exec(value)?.[1] ?? "";
}
