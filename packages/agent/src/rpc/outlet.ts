/**
 * The way out to one client. Answers are written at once, as Serf does it; records only while little is waiting, so that
 * what a slow client does not take waits where it is counted. Everybody who waits for room waits here.
 */
import type { Socket } from "node:net";
import type { QueuedRecord } from "./record-queue.ts";

/** Bytes waiting to be sent above which stream records wait in their queues. */
const RECORD_ROOM_BYTES = 64 * 1024;
/** Bytes waiting to be sent above which the next request is not begun. */
const ANSWER_ROOM_BYTES = 1024 * 1024;

export class Outlet {
  readonly #socket: Socket;
  #waiting: (() => void)[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    const wake = () => {
      for (const resolve of this.#waiting.splice(0)) resolve();
    };
    socket.on("drain", wake).on("close", wake);
  }

  get closed(): boolean {
    return this.#socket.destroyed;
  }

  answer(bytes: Uint8Array): void {
    if (!this.closed) this.#socket.write(bytes);
  }

  /** Sends a record; false when there is no room for one, or nobody to send it to. */
  record({ header, body }: QueuedRecord): boolean {
    if (this.closed || this.#socket.writableLength > RECORD_ROOM_BYTES) return false;
    // Two writes, since the body may be shared with many others; corked, they are one packet.
    this.#socket.cork();
    this.#socket.write(header);
    this.#socket.write(body);
    this.#socket.uncork();
    return true;
  }

  /** Resolves when a record would be sent (true), or the connection is gone or takes nothing for `ms` (false). */
  async room(ms: number): Promise<boolean> {
    const until = performance.now() + ms;
    while (!this.closed && this.#socket.writableLength > RECORD_ROOM_BYTES) {
      if (!(await this.#wake(until - performance.now()))) return false;
    }
    return !this.closed;
  }

  /** Resolves when the next request may be begun, or the connection is gone. */
  async drained(): Promise<void> {
    while (!this.closed && this.#socket.writableLength > ANSWER_ROOM_BYTES) await this.#wake();
  }

  /** At the next sign that something has changed: true; or after `ms`: false. */
  #wake(ms?: number): Promise<boolean> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer =
        ms === undefined
          ? undefined
          : setTimeout(() => {
              this.#waiting = this.#waiting.filter((one) => one !== wake);
              resolve(false);
            }, ms);
      this.#waiting.push(wake);
    });
  }
}
