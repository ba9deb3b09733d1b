/** Tags as Serf's tools know them. */
import type { Member } from "@hearsay/node";

/** A member's tags as they stand on the wire, the reserved one among them: what a Serf agent shows of it, too. */
export function wireTags({ tags, reservedTags }: Pick<Member, "tags" | "reservedTags">): Record<string, string> {
  return { ...tags, ...reservedTags };
}
