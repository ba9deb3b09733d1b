/** From the machine's view of a member to the one people are handed. */

import type { SerfMember } from "@hearsay/serf";
import type { Member } from "./api.ts";
import type { WallClock } from "./wall-clock.ts";

export function memberFor(member: SerfMember, clock: WallClock): Member {
  const { vsn } = member;
  return {
    name: member.name,
    address: member.endpoint.address,
    port: member.port,
    tags: member.tags,
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
