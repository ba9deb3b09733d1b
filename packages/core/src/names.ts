/**
 * Interned names and shared member records. Names become small dense numbers, so a view of the pool is columns; equal
 * records are one object. One table may serve many machines in one process: then a thousand of them share one copy of
 * each record.
 */
import { addressText, type Endpoint } from "./endpoint.ts";

/** What a member says of itself. Immutable and shared; its bytes are never changed. */
export interface MemberRecord {
  readonly name: string;
  /** As received: 4 or 16 bytes. Passed on untouched, compared byte for byte (reference 10.6). */
  readonly addr: Uint8Array;
  readonly port: number;
  /** Where packets to it go. */
  readonly endpoint: Endpoint;
  readonly meta: Uint8Array;
  /** Six version bytes; zeros when it gave none. */
  readonly vsn: Uint8Array;
}

export class NameTable {
  readonly #ids = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #references: number[] = [];
  readonly #records: (MemberRecord | undefined)[] = [];
  readonly #free: number[] = [];

  /** The number of a name in use, or -1. */
  find(name: string): number {
    return this.#ids.get(name) ?? -1;
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
    }
    this.#references[id]!++;
    return id;
  }

  /** One more use of each of these numbers, which are in use already. */
  acquireAll(ids: Uint32Array): void {
    for (let i = 0; i < ids.length; i++) this.#references[ids[i]!]!++;
  }

  /** One use less; at none the number may be given to another name. */
  release(id: number): void {
    if (--this.#references[id]! > 0) return;
    this.#ids.delete(this.#names[id]!);
    this.#records[id] = undefined;
    this.#free.push(id);
  }

  /** The record with these contents: the kept one if equal, else a new one. The bytes are copied, never kept. */
  record(id: number, addr: Uint8Array, port: number, meta: Uint8Array, vsn: Uint8Array): MemberRecord {
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
      endpoint: { address: addressText(addr), port },
      meta: meta.length === 0 ? emptyBytes : meta.slice(),
      vsn: vsn.slice(),
    };
    this.#records[id] = record;
    return record;
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
