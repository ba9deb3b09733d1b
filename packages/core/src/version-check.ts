/** Whether two sets of members can live in one pool: the check before a push/pull is merged (reference 9.3). */
import { MemberState } from "./messages.ts";

/** A member's versions, with its state: vsn is [pMin, pMax, pCur, dMin, dMax, dCur], or shorter when unknown. */
export interface VersionedMember {
  readonly name: string;
  readonly state: number;
  readonly vsn: ArrayLike<number>;
}

/** Undefined when all fit; else one line saying which member does not, and why. */
export function checkVersions(
  local: Iterable<VersionedMember>,
  remote: readonly VersionedMember[],
): string | undefined {
  const own = Array.from(local);
  let pLow = 0;
  let pHigh = 255;
  let dLow = 0;
  let dHigh = 255;
  for (const member of [...remote, ...own]) {
    if (member.state !== MemberState.alive || member.vsn.length < 5) continue;
    pLow = Math.max(pLow, member.vsn[0]!);
    pHigh = Math.min(pHigh, member.vsn[1]!);
    dLow = Math.max(dLow, member.vsn[3]!);
    dHigh = Math.min(dHigh, member.vsn[4]!);
  }
  for (const member of [...remote, ...own]) {
    const known = member.vsn.length >= 6;
    const protocol = known ? member.vsn[2]! : 0;
    const delegate = known ? member.vsn[5]! : 0;
    if (protocol < pLow || protocol > pHigh) return misfit(member.name, "memberlist", protocol, pLow, pHigh);
    if (delegate < dLow || delegate > dHigh) return misfit(member.name, "delegate", delegate, dLow, dHigh);
  }
  return undefined;
}

function misfit(name: string, layer: string, speaks: number, low: number, high: number): string {
  const why =
    low > high
      ? `and the members here have no version in common (one needs at least ${low}, one at most ${high})`
      : `outside the pool's common range ${low} to ${high}`;
  return `member "${name}" speaks ${layer} protocol ${speaks}, ${why}`;
}
