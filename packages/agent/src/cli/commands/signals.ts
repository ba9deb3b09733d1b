/**
 * The signals an agent listens to, one after another. While this is in use, none of them ends the process by itself. USR1
 * is no part of the row: it changes nothing, and is answered at once, as often as it comes.
 */

const WORDS = { SIGINT: "interrupt", SIGTERM: "terminated", SIGHUP: "hangup" } as const;
/** Windows has no USR1. */
const DUMP = process.platform === "win32" ? "SIGBREAK" : "SIGUSR1";
export type SignalWord = (typeof WORDS)[keyof typeof WORDS];

export class Signals implements Disposable {
  readonly #caught: SignalWord[] = [];
  #waiting: ((word: SignalWord) => void)[] = [];
  readonly #dump: (() => void) | undefined;
  readonly #listeners = Object.entries(WORDS).map(([signal, word]) => {
    const listener = () => this.#take(word);
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });

  /** @param dump shows the counters: what Serf's agents do at USR1, where Node would open its debugger to everybody */
  constructor(dump?: () => void) {
    this.#dump = dump && (() => dump());
    if (this.#dump !== undefined) process.on(DUMP, this.#dump);
  }

  /** The next signal that nobody has been told of. All who wait at that time are told. */
  next(): Promise<SignalWord> {
    const caught = this.#caught.shift();
    if (caught !== undefined) return Promise.resolve(caught);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #take(word: SignalWord): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.length === 0) this.#caught.push(word);
    for (const resolve of waiting) resolve(word);
  }

  [Symbol.dispose](): void {
    for (const end of this.#listeners) end();
    if (this.#dump !== undefined) process.off(DUMP, this.#dump);
  }
}
