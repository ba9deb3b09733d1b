/**
 * The keys of a cluster: an ordered list without doubles. The first is the primary, which encrypts; all decrypt, in list
 * order. One ring may serve several codecs; they notice changes by its revision.
 * Source: memberlist protocol notes, section 3.2.
 */

import { copyOf } from "./byte-views.ts";

export type KeyringErrorCode = "key-length" | "key-unknown" | "key-primary";

/** A wish that the ring refuses. The ring is unchanged. */
export class KeyringError extends Error {
  override readonly name = "KeyringError";
  readonly code: KeyringErrorCode;

  constructor(code: KeyringErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export class Keyring {
  private list: Uint8Array[] = [];
  private changes = 0;

  /**
   * @param keys of 16, 24 or 32 bytes, copied; doubles are dropped
   * @param primary put first, and added if it is not among them. Default: the first key
   */
  constructor(keys: Iterable<Uint8Array> = [], primary?: Uint8Array) {
    for (const key of keys) this.add(key);
    if (primary !== undefined) {
      this.add(primary);
      this.use(primary);
    }
  }

  /** How many keys there are. Without any, nothing is encrypted. */
  get size(): number {
    return this.list.length;
  }

  /** The key that encrypts, copied; undefined on an empty ring. */
  get primary(): Uint8Array | undefined {
    return this.list.length > 0 ? copyOf(this.list[0]!) : undefined;
  }

  /** Grows with every change. */
  get revision(): number {
    return this.changes;
  }

  /** All keys, primary first, copied. */
  keys(): Uint8Array[] {
    return this.list.map((key) => copyOf(key));
  }

  has(key: Uint8Array): boolean {
    return this.indexOf(key) >= 0;
  }

  /** Appends a key; on an empty ring it becomes the primary. A key that is there already stays where it is. */
  add(key: Uint8Array): void {
    if (key.length !== 16 && key.length !== 24 && key.length !== 32)
      throw new KeyringError("key-length", `a key has 16, 24 or 32 bytes, not ${key.length}`);
    if (this.has(key)) return;
    this.list.push(copyOf(key));
    this.changes++;
  }

  /** Makes a key of the ring the primary. */
  use(key: Uint8Array): void {
    const index = this.indexOf(key);
    if (index < 0) throw new KeyringError("key-unknown", "only a key on the ring can become the primary");
    if (index === 0) return;
    this.list.unshift(...this.list.splice(index, 1));
    this.changes++;
  }

  /** Takes a key off the ring; one that is not there is fine. The primary cannot go. */
  remove(key: Uint8Array): void {
    const index = this.indexOf(key);
    if (index === 0) throw new KeyringError("key-primary", "the primary key cannot be removed; use another first");
    if (index < 0) return;
    this.list.splice(index, 1);
    this.changes++;
  }

  private indexOf(key: Uint8Array): number {
    return this.list.findIndex((known) => known.length === key.length && known.every((byte, i) => byte === key[i]));
  }
}
