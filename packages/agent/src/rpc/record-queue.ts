/**
 * Records on their way to one client that asked for a stream of them. A client that reads slowly fills this queue, then
 * loses records; it holds up nobody else.
 */

/** Records waiting for one stream. Serf's number. */
export const MAX_RECORDS = 512;

/** What all streams of one connection may keep waiting together: bytes. A single record may be longer. */
export const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/** The bytes waiting in the queues of one connection. */
export class WaitingBytes {
  #held = 0;

  /** False, and nothing is taken, when there is no room. */
  take(bytes: number): boolean {
    if (this.#held > 0 && this.#held + bytes > MAX_WAITING_BYTES) return false;
    this.#held += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }
}

/** A header of this stream's own, and a body that other streams may share. */
export interface QueuedRecord {
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

export class RecordQueue {
  readonly #waiting: QueuedRecord[] = [];
  readonly #send: (record: QueuedRecord) => boolean;
  readonly #onOverflow: () => void;
  readonly #bytes: WaitingBytes;
  #overflowing = false;

  /**
   * @param send hands bytes over, or returns false at once when the connection has enough for now
   * @param onOverflow called at the first record lost, and again only after the queue has emptied
   */
  constructor(send: (record: QueuedRecord) => boolean, bytes: WaitingBytes, onOverflow: () => void) {
    this.#send = send;
    this.#bytes = bytes;
    this.#onOverflow = onOverflow;
  }

  /** False when the record is lost. */
  offer(record: QueuedRecord): boolean {
    if (this.#waiting.length >= MAX_RECORDS || !this.#bytes.take(sizeOf(record))) {
      const first = !this.#overflowing;
      // Set before the call: the log line it makes may be a record for this very queue.
      this.#overflowing = true;
      if (first) this.#onOverflow();
      return false;
    }
    this.#waiting.push(record);
    this.flush();
    return true;
  }

  /** To be called when the connection takes bytes again. */
  flush(): void {
    let sent = 0;
    while (sent < this.#waiting.length && this.#send(this.#waiting[sent]!)) sent++;
    for (const record of this.#waiting.splice(0, sent)) this.#bytes.give(sizeOf(record));
    if (this.#waiting.length === 0) this.#overflowing = false;
  }

  /** Forgets what waits: nobody wants it any more. */
  clear(): void {
    for (const record of this.#waiting.splice(0)) this.#bytes.give(sizeOf(record));
  }
}

function sizeOf({ header, body }: QueuedRecord): number {
  return header.length + body.length;
}
