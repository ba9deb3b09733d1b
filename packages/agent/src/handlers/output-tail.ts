/** The end of what a command prints, however much that is. */
export class OutputTail {
  readonly #limit: number;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  /** All that was printed: bytes. */
  total = 0;

  /** @param limit bytes that are kept, > 0 */
  constructor(limit: number) {
    this.#limit = limit;
  }

  add(chunk: Buffer): void {
    this.total += chunk.length;
    this.#keptBytes += chunk.length;
    this.#kept.push(chunk);
    // Joined and cut only now and then, so that many small writes cost little.
    if (this.#keptBytes > 4 * this.#limit || this.#kept.length > 1024) this.#kept = [this.bytes()];
    this.#keptBytes = this.#kept.length === 1 ? this.#kept[0]!.length : this.#keptBytes;
  }

  /** At most the limit; a copy. */
  bytes(): Buffer {
    const all = Buffer.concat(this.#kept);
    return Buffer.from(all.subarray(Math.max(all.length - this.#limit, 0)));
  }
}
