/**
 * The agent's last log lines, of every level, and whoever wants to hear the next ones: what `monitor` reads. The
 * terminal's own threshold does not matter here.
 */
import type { LogLevel } from "./level.ts";

export interface LogLine {
  readonly level: LogLevel;
  /** `2026/11/22 10:00:00 [INFO] component: text`, without a line break. */
  readonly text: string;
}

/** Lines remembered. Serf's number. */
const HISTORY = 512;

export class LogBook {
  readonly #lines: LogLine[] = [];
  readonly #listeners = new Set<(line: LogLine) => void>();

  add(line: LogLine): void {
    this.#lines.push(line);
    if (this.#lines.length > HISTORY) this.#lines.shift();
    for (const listener of this.#listeners) listener(line);
  }

  /** Oldest first. */
  history(): readonly LogLine[] {
    return [...this.#lines];
  }

  /** Calls `listener` for each line from now on; the function returned ends that. */
  follow(listener: (line: LogLine) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
