/**
 * Records on their way to one client that asked for a stream of them. A client that reads slowly fills this queue, then
 * loses records; it holds up nobody else.
 */

/** Records waiting for one stream. Serf's number. */
export const MAX_RECORDS = 512;

export class RecordQueue {
  readonly #waiting: Uint8Array[] = [];
  readonly #send: (bytes: Uint8Array) => boolean;
  readonly #onOverflow: () => void;
  #overflowing = false;

  /**
   * @param send hands bytes over, or returns false at once when the connection has enough for now
   * @param onOverflow called at the first record lost, and again only after the queue has emptied
   */
  constructor(send: (bytes: Uint8Array) => boolean, onOverflow: () => void) {
    this.#send = send;
    this.#onOverflow = onOverflow;
  }

  offer(record: Uint8Array): void {
    if (this.#waiting.length >= MAX_RECORDS) {
      const first = !this.#overflowing;
      // Set before the call: the log line it makes may be a record for this very queue.
      this.#overflowing = true;
      if (first) this.#onOverflow();
      return;
    }
    this.#waiting.push(record);
    this.flush();
  }

  /** To be called when the connection takes bytes again. */
  flush(): void {
    let sent = 0;
    while (sent < this.#waiting.length && this.#send(this.#waiting[sent]!)) sent++;
    this.#waiting.splice(0, sent);
    if (this.#waiting.length === 0) this.#overflowing = false;
  }
}
