/**
 * A pool as somebody knows it: what a warm start begins with instead of nothing, such as a snapshot from before a restart
 * or a converged pool in a simulator. Made once, it serves any number of machines that share its names: they read here
 * what they have not learned otherwise.
 */
import type { Endpoint } from "./endpoint.ts";
import { MemberState } from "./messages.ts";
import { emptyBytes, type MemberRecord, type NameTable } from "./names.ts";

export interface KnownMember {
  readonly name: string;
  /** 4 or 16 bytes. */
  readonly addr: Uint8Array;
  readonly port: number;
  /** Where packets to it go, to be used as it is. Default: made from `addr` and `port`. */
  readonly endpoint?: Endpoint;
  /** Default none. */
  readonly meta?: Uint8Array;
  /** Six version bytes. */
  readonly vsn: Uint8Array;
  /** At least 1. */
  readonly incarnation: number;
}

/** In a column of states: nobody. */
export const absent = 255;

export class KnownPool {
  readonly names: NameTable;
  /** Numbers of the members, in the order given. */
  readonly ids: Uint32Array;
  /** By number. */
  readonly states: Uint8Array;
  readonly incarnations: Uint32Array;
  readonly records: readonly (MemberRecord | undefined)[];

  /** Everyone is alive. The names stay in use for good. @throws RangeError when a name is there twice. */
  constructor(names: NameTable, members: readonly KnownMember[]) {
    this.names = names;
    this.ids = Uint32Array.from(members, (member) => names.acquire(member.name));
    const size = this.ids.reduce((most, id) => Math.max(most, id + 1), 0);
    this.states = new Uint8Array(size).fill(absent);
    this.incarnations = new Uint32Array(size);
    const records = new Array<MemberRecord | undefined>(size).fill(undefined);
    for (const [i, member] of members.entries()) {
      const id = this.ids[i]!;
      if (this.states[id] !== absent) throw new RangeError(`members: ${member.name} is there twice`);
      this.states[id] = MemberState.alive;
      this.incarnations[id] = member.incarnation;
      records[id] = names.record(id, member.addr, member.port, member.meta ?? emptyBytes, member.vsn, member.endpoint);
    }
    this.records = records;
  }
}
