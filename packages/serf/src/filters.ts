/**
 * Whom a query is for: its filters, each a type byte and a MessagePack value; all must pass (serf protocol notes,
 * section 9.2). Anything broken or unknown does not pass, as with Serf.
 */
import { Reader } from "@hearsay/wire";
import { Pattern } from "./pattern.ts";
import type { Tags } from "./tags.ts";

export const FilterType = { node: 0, tag: 1 } as const;

/** Serf's agents send one of names and one for each tag asked about. Each may cost milliseconds. */
const maxFilters = 16;

const tagFields = ["Tag", "Expr"] as const;

export function passesFilters(filters: readonly Uint8Array[] | null, name: string, tags: Tags): boolean {
  if (filters === null) return true;
  if (filters.length > maxFilters) return false;
  return filters.every((filter) => passesFilter(filter, name, tags));
}

function passesFilter(filter: Uint8Array, name: string, tags: Tags): boolean {
  const reader = new Reader(filter, 1);
  if (filter[0] === FilterType.node) return namesNode(reader, name);
  if (filter[0] === FilterType.tag) return matchesTag(reader, tags);
  return false;
}

function namesNode(reader: Reader, name: string): boolean {
  let found = false;
  const count = reader.array();
  for (let i = 0; i < count && reader.ok; i++) if (reader.textLossy() === name && reader.ok) found = true;
  return found && reader.ok;
}

/** The pattern may match anywhere in the value; a tag we do not have counts as empty. */
function matchesTag(reader: Reader, tags: Tags): boolean {
  let tag = "";
  let expression = "";
  reader.struct(tagFields, (field) => {
    if (field === 0) tag = reader.text();
    else expression = reader.text();
  });
  if (!reader.ok) return false;
  const value = Object.hasOwn(tags, tag) ? tags[tag]! : "";
  return Pattern.compile(expression)?.test(value) ?? false;
}
