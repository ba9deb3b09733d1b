/** Members as the machine shows them: what the Serf layer and the detector beneath know of each, put together. */
import type { MemberView, Swim } from "@hearsay/core";
import { type SerfMembers, statusNames } from "./members.ts";
import type { MemberRecordMessage } from "./messages.ts";
import { decodeTags } from "./tags.ts";
import type { SerfMember } from "./types.ts";

export class MemberViews {
  readonly #members: SerfMembers;
  readonly #swim: Pick<Swim, "member">;

  constructor(members: SerfMembers, swim: Pick<Swim, "member">) {
    this.#members = members;
    this.#swim = swim;
  }

  /** @param current the detector's view, if it is at hand */
  of(id: number, current: MemberView | undefined): SerfMember {
    const members = this.#members;
    const name = members.names.nameOf(id);
    const view = current ?? members.gone(id)?.last ?? this.#swim.member(name) ?? nobody(name);
    return {
      name,
      addr: view.addr,
      port: view.port,
      endpoint: view.endpoint,
      tags: decodeTags(view.meta),
      status: statusNames[members.status(id)],
      state: view.state,
      incarnation: view.incarnation,
      since: members.since(id),
      statusLTime: members.statusLTime(id),
      vsn: view.vsn,
    };
  }

  /** For a vote on who holds the name; null when it is not known. */
  record(name: string): MemberRecordMessage | null {
    const id = this.#members.find(name);
    if (id < 0) return null;
    const { addr, port, tags, vsn } = this.of(id, undefined);
    return {
      name,
      addr,
      port,
      tags,
      status: this.#members.status(id),
      protocolMin: vsn[0]!,
      protocolMax: vsn[1]!,
      protocolCur: vsn[2]!,
      delegateMin: vsn[3]!,
      delegateMax: vsn[4]!,
      delegateCur: vsn[5]!,
    };
  }
}

/** Stands in for a present member that the detector does not know, which must not happen. */
function nobody(name: string): MemberView {
  return {
    name,
    addr: new Uint8Array(4),
    port: 0,
    endpoint: { address: "0.0.0.0", port: 0 },
    meta: Uint8Array.of(0xff, 0x80),
    vsn: new Uint8Array(6),
    incarnation: 0,
    state: "dead",
    since: 0,
  };
}
