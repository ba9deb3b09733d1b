/**
 * A pool as somebody knows it: what a warm start begins with instead of nothing, such as a snapshot from before a restart
 * or a converged pool in a simulator. Made once, it serves any number of machines that share its names; they share its
 * records until they learn something new.
 */
import { MemberState } from "./messages.ts";
import { emptyBytes, type MemberRecord, type NameTable } from "./names.ts";

export interface KnownMember {
  readonly name: string;
  /** 4 or 16 bytes. */
  readonly addr: Uint8Array;
  readonly port: number;
  /** Default none. */
  readonly meta?: Uint8Array;
  /** Six version bytes. */
  readonly vsn: Uint8Array;
  /** At least 1. */
  readonly incarnation: number;
}

/** In a column of states: nobody. */
export const absent = 255;
/** Records in one page. */
export const pageSize = 256;

export class KnownPool {
  readonly names: NameTable;
  /** Numbers of the members, in the order given. */
  readonly ids: Uint32Array;
  /** By number. */
  readonly states: Uint8Array;
  readonly incarnations: Uint32Array;
  readonly pages: readonly (readonly (MemberRecord | undefined)[])[];

  /** Everyone is alive. @throws RangeError when a name is there twice. */
  constructor(names: NameTable, members: readonly KnownMember[]) {
    this.names = names;
    this.ids = Uint32Array.from(members, (member) => names.acquire(member.name));
    const size = this.ids.reduce((most, id) => Math.max(most, id + 1), 0);
    this.states = new Uint8Array(size).fill(absent);
    this.incarnations = new Uint32Array(size);
    const pages: (MemberRecord | undefined)[][] = [];
    for (const [i, member] of members.entries()) {
      const id = this.ids[i]!;
      if (this.states[id] !== absent) throw new RangeError(`members: ${member.name} is there twice`);
      this.states[id] = MemberState.alive;
      this.incarnations[id] = member.incarnation;
      while (pages.length * pageSize <= id) pages.push(new Array<undefined>(pageSize).fill(undefined));
      const record = names.record(id, member.addr, member.port, member.meta ?? emptyBytes, member.vsn);
      pages[Math.floor(id / pageSize)]![id % pageSize] = record;
    }
    this.pages = pages;
  }
}
