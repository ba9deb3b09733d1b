/**
 * Interned names and shared member records. Names become small dense numbers, so a view of the pool is columns; equal
 * records are one object. One table may serve many machines in one process: then a thousand of them share one copy of
 * each record.
 */
import { addressText, type Endpoint } from "./endpoint.ts";
import { Hearing } from "./hearing.ts";
import { Memory } from "./memory.ts";
import type { PushPullNode } from "./messages.ts";

/** What a member says of itself. Immutable and shared; its bytes are never changed. */
export interface MemberRecord {
  readonly name: string;
  /** As received: 4 or 16 bytes. Passed on untouched, compared byte for byte (reference 10.6). */
  readonly addr: Uint8Array;
  readonly port: number;
  /** Where packets to it go. */
  readonly endpoint: Endpoint;
  readonly meta: Uint8Array;
  /** Six version bytes; zeros when it gave none. Equal ones of one table are one object. */
  readonly vsn: Uint8Array;
}

/** A name in use, as its table numbers it. */
export interface Subject {
  /** The name table: any other has numbers of its own. */
  readonly table: object;
  /** -1 once the name is out of use: then this says nothing any more. */
  id: number;
  /** See `NameTable.rowOf`. */
  row: number;
  /** Who accused it, as far as there are bits for them (`NameTable.accuserBit`). */
  readonly accusers: string[];
}

/** What `addressText` may give. */
const likeAddress = /^[0-9a-f.:]+$/;

/** Bits of a row's mark from here on stand for accusers. */
const firstAccuserBit = 8;
const mostAccusers = 24;

export class NameTable {
  /** Where the machines that share these names keep their columns. */
  readonly memory = new Memory();
  readonly hearing = new Hearing();
  readonly #ids = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #references: number[] = [];
  readonly #records: (MemberRecord | undefined)[] = [];
  readonly #entries: (PushPullNode | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #rows: number[] = [];
  readonly #idsOfRows: number[] = [];
  readonly #freeRows: number[] = [];
  #rowCount = 0;
  #epoch = 0;
  #likeAddresses = 0;
  readonly #subjects: (Subject | undefined)[] = [];
  /** By their bytes in a number: few pools speak more than a handful of versions. */
  readonly #versions = new Map<number, Uint8Array>();

  /** The number of a name in use, or -1. */
  find(name: string): number {
    return this.#ids.get(name) ?? -1;
  }

  /** Whether any name in use could be an address's text. */
  get anyLikeAddresses(): boolean {
    return this.#likeAddresses > 0;
  }

  nameOf(id: number): string {
    return this.#names[id]!;
  }

  /** The number of `name`, counted as one more use. Pair with `release`. */
  acquire(name: string): number {
    let id = this.#ids.get(name);
    if (id === undefined) {
      id = this.#free.pop() ?? this.#names.length;
      this.#ids.set(name, id);
      this.#names[id] = name;
      this.#references[id] = 0;
      this.#rows[id] = -1;
      this.#subjects[id] = undefined;
      this.#records[id] = undefined;
      this.#entries[id] = undefined;
      if (likeAddress.test(name)) this.#likeAddresses++;
    }
    this.#references[id]!++;
    return id;
  }

  /** One more use of each of these numbers, which are in use already. */
  acquireAll(ids: ArrayLike<number>): void {
    for (let i = 0; i < ids.length; i++) this.#references[ids[i]!]!++;
  }

  /** How often a name has gone out of use: what was said in numbers of this table before may mean somebody else now. */
  get epoch(): number {
    return this.#epoch;
  }

  /** One use less; at none the number and the row may be given to another name. */
  release(id: number): void {
    if (--this.#references[id]! > 0) return;
    this.#epoch++;
    this.#ids.delete(this.#names[id]!);
    if (likeAddress.test(this.#names[id]!)) this.#likeAddresses--;
    this.#records[id] = undefined;
    this.#entries[id] = undefined;
    this.#free.push(id);
    if (this.#rows[id]! >= 0) this.#freeRows.push(this.#rows[id]!);
    this.#rows[id] = -1;
    const subject = this.#subjects[id];
    if (subject) {
      subject.id = -1;
      subject.row = -1;
    }
    this.#subjects[id] = undefined;
  }

  /**
   * The row of a member in the columns of those machines that have something of their own to note about it; -1 as long
   * as none has. Dense in the order in which names came to need one, so that where thousands of machines begin with
   * the same pool, their columns are as short as the list of members that something happened to.
   */
  rowOf(id: number): number {
    return this.#rows[id]!;
  }

  /** As `rowOf`, and gives it one. */
  needRow(id: number): number {
    let row = this.#rows[id]!;
    if (row >= 0) return row;
    row = this.#freeRows.pop() ?? this.#rowCount++;
    this.#rows[id] = row;
    this.#idsOfRows[row] = id;
    const subject = this.#subjects[id];
    if (subject) subject.row = row;
    return row;
  }

  /** Whose row this is. */
  idOfRow(row: number): number {
    return this.#idsOfRows[row]!;
  }

  /** Rows there have been: columns of this length hold them all. */
  get rowCount(): number {
    return this.#rowCount;
  }

  /** The number as an object that goes stale with it: to be noted on messages. */
  subject(id: number): Subject {
    let subject = this.#subjects[id];
    if (subject === undefined) {
      subject = { table: this, id, row: this.#rows[id]!, accusers: [] };
      this.#subjects[id] = subject;
    }
    return subject;
  }

  /**
   * A bit that stands for this accuser of this subject wherever the subject is used, or 0 when there are too many: one set
   * of accusers then is one number. The same accusers are named to every machine.
   */
  accuserBit(subject: Subject, accuser: string): number {
    let at = subject.accusers.indexOf(accuser);
    if (at < 0 && subject.accusers.length < mostAccusers) at = subject.accusers.push(accuser) - 1;
    return at < 0 ? 0 : 1 << (firstAccuserBit + at);
  }

  /** The record with these contents: the kept one if equal, else a new one. The bytes are copied, never kept. */
  record(
    id: number,
    addr: Uint8Array,
    port: number,
    meta: Uint8Array,
    vsn: Uint8Array,
    endpoint?: Endpoint,
  ): MemberRecord {
    const kept = this.#records[id];
    if (
      kept &&
      kept.port === port &&
      equalBytes(kept.addr, addr) &&
      equalBytes(kept.meta, meta) &&
      equalBytes(kept.vsn, vsn)
    ) {
      return kept;
    }
    const record: MemberRecord = {
      name: this.#names[id]!,
      addr: addr.slice(),
      port,
      endpoint: endpoint ?? { address: addressText(addr), port },
      meta: meta.length === 0 ? emptyBytes : meta.slice(),
      vsn: this.#version(vsn),
    };
    this.#records[id] = record;
    return record;
  }

  /** An entry for push/pull: the one made last if it says the same, so that pools which agree share their lists. */
  entry(id: number, record: MemberRecord, incarnation: number, state: number): PushPullNode {
    const kept = this.#entries[id];
    if (
      kept !== undefined &&
      kept.incarnation === incarnation &&
      kept.state === state &&
      kept.addr === record.addr &&
      kept.port === record.port &&
      kept.meta === record.meta &&
      kept.vsn === record.vsn
    ) {
      return kept;
    }
    const entry: PushPullNode = {
      name: record.name,
      addr: record.addr,
      port: record.port,
      meta: record.meta,
      incarnation,
      state,
      vsn: record.vsn,
      subject: this.subject(id),
      encodedBytes: 0,
    };
    this.#entries[id] = entry;
    return entry;
  }

  #version(vsn: Uint8Array): Uint8Array {
    if (vsn.length !== 6) return vsn.slice();
    let key = 0;
    for (let i = 0; i < 6; i++) key = key * 256 + vsn[i]!;
    let kept = this.#versions.get(key);
    if (kept === undefined) {
      kept = vsn.slice();
      // Peers choose these bytes: a flood of odd ones must not fill the memory.
      if (this.#versions.size < 256) this.#versions.set(key, kept);
    }
    return kept;
  }
}

/** No bytes. Shared; nobody can write into it. */
export const emptyBytes = new Uint8Array(0);

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
