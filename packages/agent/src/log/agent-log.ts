/**
 * The agent's log: pino's records, written as Serf writes them (`    2026/11/22 10:00:00 [INFO] serf: text`) or as JSON,
 * and kept in the book that `monitor` reads. Nothing reaches the terminal before `open`: until then the agent is
 * starting, and what it has to say then is said in other words.
 */
import type { Logger } from "@hearsay/node";
import { pino } from "pino";
import { printable } from "../cli/output.ts";
import { type LogLevel, levelOfPino, passes, pinoLevel } from "./level.ts";
import { LogBook } from "./log-book.ts";

/** Lines held while the agent starts; of more, the oldest are for the book alone. */
const MAX_HELD = 4096;

/** Bytes that may wait for whoever reads the log; while there are more, lines are for the book alone. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;

export interface AgentLogOptions {
  readonly level: LogLevel;
  readonly format: "text" | "json";
  /** Gets whole lines. */
  readonly write: (text: string) => void;
  /** How much of what was written nobody has read yet: bytes. Default: nothing. */
  readonly unread?: (() => number) | undefined;
}

interface PinoRecord {
  readonly level: number;
  readonly time: number;
  readonly msg?: string;
  readonly component?: string;
}

export class AgentLog {
  readonly book = new LogBook();
  /** Lines of the agent itself. */
  readonly logger: Logger;
  /** What the terminal shows; may be changed at any time. */
  level: LogLevel;
  readonly #options: AgentLogOptions;
  #held: string[] | undefined = [];
  #lost = 0;

  constructor(options: AgentLogOptions) {
    this.#options = options;
    this.level = options.level;
    // The book wants debug lines whatever the terminal shows; traces are for those who ask at the start.
    const lowest = options.level === "TRACE" ? "trace" : pinoLevel("DEBUG");
    this.logger = pino(
      { level: lowest, base: null, serializers: { err: pino.stdSerializers.err } },
      { write: (line: string) => this.#take(line) },
    );
  }

  /** For a part of the program; `component` stands before each of its lines. */
  child(component: string): Logger {
    return (this.logger as ReturnType<typeof pino>).child({ component });
  }

  /** Lets the lines held so far through, and all that follow. */
  open(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const line of held) this.#write(line);
  }

  /** A pipe that nobody empties would take memory without end; a Serf agent stands still instead. */
  #write(line: string): void {
    const { write, unread } = this.#options;
    if (unread !== undefined && unread() > MAX_UNREAD_BYTES) {
      this.#lost++;
      return;
    }
    const lost = this.#lost;
    this.#lost = 0;
    if (lost > 0) this.child("agent").warn({}, `${lost} log lines were lost: whoever reads them did not keep up`);
    write(line);
  }

  #take(record: string): void {
    const { level: number, time, msg = "", component = "agent" } = JSON.parse(record) as PinoRecord;
    const level = levelOfPino(number);
    const text = `${timestamp(new Date(time))} [${level}] ${component}: ${printable(msg)}`;
    this.book.add({ level, text });
    if (!passes(level, this.level)) return;
    const line = this.#options.format === "json" ? record : `    ${text}\n`;
    if (this.#held === undefined) this.#write(line);
    else if (this.#held.push(line) > MAX_HELD) this.#held.shift();
  }
}

/** `2026/11/22 10:00:00`, on this machine's clock. */
export function timestamp(time: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("/");
  return `${date} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":")}`;
}
