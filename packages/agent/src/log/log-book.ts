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
/** Longest line remembered and told: UTF-16 units. What RPC clients send, some 100 KiB, may be quoted in one. */
const MAX_LENGTH = 8192;

export class LogBook {
  readonly #lines: LogLine[] = [];
  readonly #listeners = new Set<(line: LogLine) => void>();

  add(whole: LogLine): void {
    const line = whole.text.length > MAX_LENGTH ? { ...whole, text: cut(whole.text) } : whole;
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

/** Copied, since a slice would keep the whole text in memory. */
function cut(text: string): string {
  const start = Buffer.from(text.slice(0, MAX_LENGTH), "utf16le").toString("utf16le");
  return `${start} … (${text.length} characters)`;
}
