/**
 * One thing after the other: the machine takes a key operation only when the one before has ended. Whoever waits may give
 * up; what was begun goes on.
 */

import { abortedError, throwIfAborted } from "./errors.ts";

interface Turn {
  take(): void;
  giveUp(error: Error): void;
}

export class KeyQueue {
  readonly #waiting: Turn[] = [];
  #busy = false;

  /**
   * Runs `operation` when it is its turn. Settles as `operation` does, or with ABORTED when the signal fires first.
   * An operation that was given up while it ran keeps its turn until it is over.
   */
  async run<T>(operation: () => Promise<T>, signal: AbortSignal | undefined, what: string): Promise<T> {
    throwIfAborted(signal, what);
    await this.#turn(signal, what);
    const running = (async () => operation())();
    running.then(this.#next, this.#next);
    return running;
  }

  /** Everybody who waits is refused. */
  close(error: Error): void {
    for (const turn of this.#waiting.splice(0)) turn.giveUp(error);
  }

  #turn(signal: AbortSignal | undefined, what: string): Promise<void> {
    if (!this.#busy) {
      this.#busy = true;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(turn), 1);
        reject(abortedError(signal!, what));
      };
      const over = () => signal?.removeEventListener("abort", abort);
      const turn: Turn = {
        take: () => {
          over();
          resolve();
        },
        giveUp: (error) => {
          over();
          reject(error);
        },
      };
      this.#waiting.push(turn);
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  readonly #next = (): void => {
    const turn = this.#waiting.shift();
    if (turn) turn.take();
    else this.#busy = false;
  };
}
