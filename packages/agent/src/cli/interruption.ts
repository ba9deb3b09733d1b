/**
 * Ctrl-C while a command shows what comes in: it is told, and may finish what it has. A second one ends the process at
 * once, as if nobody had listened. To be made once there is a connection, so that until then the first one does. Whoever
 * has one with `using` must await what it is for before returning.
 */
export class Interruption implements Disposable {
  /** As a shell reports a program that was broken off. */
  static readonly exitCode = 130;

  readonly #controller = new AbortController();
  readonly #listener = () => this.#controller.abort();

  constructor() {
    process.once("SIGINT", this.#listener);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    process.off("SIGINT", this.#listener);
  }
}
