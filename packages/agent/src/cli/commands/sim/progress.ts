/**
 * How far a run is, on standard error: on a terminal one line that changes, elsewhere a line every ten seconds. Wall time
 * belongs here and nowhere else: what goes to standard output and to files is the same at every run.
 */
import type { Progress } from "@hearsay/sim";
import { printable } from "../../output.ts";
import type { Io } from "../../spec.ts";

const terminalEveryMs = 100;
const lineEveryMs = 10_000;
/** From so early on an estimate is a guess. */
const estimateAfterMs = 2000;
const estimateAfterShare = 0.01;

export class ProgressLine {
  readonly #io: Io;
  readonly #now: () => number;
  readonly #start: number;
  #shownAt: number;
  #onScreen = false;

  /** @param now monotonic ms. */
  constructor(io: Io, now: () => number) {
    this.#io = io;
    this.#now = now;
    this.#start = now();
    this.#shownAt = this.#start;
  }

  get elapsedMs(): number {
    return this.#now() - this.#start;
  }

  show(progress: Progress): void {
    const { errColumns } = this.#io;
    const now = this.#now();
    if (now - this.#shownAt < (errColumns === undefined ? lineEveryMs : terminalEveryMs)) return;
    this.#shownAt = now;
    const text = progressText(progress, now - this.#start);
    if (errColumns === undefined) {
      this.#io.err(`${text}\n`);
      return;
    }
    // The last column stays free: a terminal that wraps there would scroll.
    this.#io.err(`\r\u001b[K${text.slice(0, Math.max(1, errColumns - 1))}`);
    this.#onScreen = true;
  }

  /** Takes the line off the terminal. */
  clear(): void {
    if (this.#onScreen) this.#io.err("\r\u001b[K");
    this.#onScreen = false;
  }
}

/** ` 42%  about 3 min left  1000 nodes, loss 5%`. */
export function progressText({ share, doing }: Progress, elapsedMs: number): string {
  const done = Math.min(1, Math.max(0, share));
  const percent = `${Math.floor(100 * done)}%`.padStart(4);
  const known = elapsedMs >= estimateAfterMs && done >= estimateAfterShare;
  const left = known ? `  about ${spanText((elapsedMs * (1 - done)) / done)} left` : "";
  return `${percent}${left}  ${printable(doing)}`;
}

/** `8 s`, `3 min`, `1 h 20 min`. */
export function spanText(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
