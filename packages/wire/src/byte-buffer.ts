/** A growing run of bytes that is kept between uses. Contents are valid from 0 to `length`. */
export class ByteBuffer {
  bytes: Uint8Array;
  length = 0;

  constructor(initialBytes = 0) {
    this.bytes = new Uint8Array(initialBytes);
  }

  /**
   * Makes room for `total` bytes altogether, keeping what is there. Doubles, so appending stays linear, but takes no more
   * than `most` on that account.
   */
  ensure(total: number, most = Number.POSITIVE_INFINITY): Uint8Array {
    if (total > this.bytes.length) {
      const grown = new Uint8Array(Math.max(total, Math.min(this.bytes.length * 2, most)));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    return this.bytes;
  }

  /** Empties it, and gives the memory back where it grew beyond `keepBytes`: one big message must not cost for ever. */
  clear(keepBytes: number): void {
    this.length = 0;
    if (this.bytes.length > keepBytes) this.bytes = new Uint8Array(0);
  }
}

/** Shared by all: nothing in it can change. */
export const noBytes: Uint8Array = new Uint8Array(0);
