/** From the machine's view of a member to the one people are handed. */

import { capabilitiesOf, capabilityTag } from "@hearsay/extended";
import type { SerfMember } from "@hearsay/serf";
import type { Member } from "./api.ts";
import type { WallClock } from "./wall-clock.ts";

/** @param phi how strongly its silence speaks against it; undefined where that is not known */
export function memberFor(member: SerfMember, clock: WallClock, phi?: number): Member {
  const { vsn } = member;
  return {
    name: member.name,
    address: member.endpoint.address,
    port: member.port,
    ...dividedTags(member.tags),
    capabilities: capabilitiesOf(member.tags),
    ...(phi === undefined ? {} : { phi }),
    status: member.status,
    state: member.state,
    incarnation: member.incarnation,
    since: clock.date(member.since),
    protocolMin: vsn[0]!,
    protocolMax: vsn[1]!,
    protocolCur: vsn[2]!,
    delegateMin: vsn[3]!,
    delegateMax: vsn[4]!,
    delegateCur: vsn[5]!,
  };
}

/** Ours would only be in the way of who sets the tags anew from the old ones. */
function dividedTags(all: Readonly<Record<string, string>>): Pick<Member, "tags" | "reservedTags"> {
  if (!Object.hasOwn(all, capabilityTag)) return { tags: all, reservedTags: {} };
  const { [capabilityTag]: value, ...tags } = all;
  return { tags, reservedTags: { [capabilityTag]: value! } };
}
