/**
 * What came of a scenario: the transcript, and the same as tables and a plot. Filled while it runs, so that one that is
 * broken off keeps what has happened by then.
 */
import { Report, type Series, type Table } from "../experiment/report.ts";
import { type NewsLine, newsText } from "./news.ts";
import type { Command, Scenario } from "./scenario.ts";
import { nodesText } from "./syntax.ts";

/** An expectation that did not hold. */
export interface Failure {
  readonly line: number;
  /** The command, and what was so instead. */
  readonly what: string;
}

/** Width of the column of times. */
const timeWidth = 10;
/** Lines of news under one command: beyond it would be a log. */
const maxNewsLines = 20;

export class ScenarioResult {
  readonly scenario: Scenario;
  readonly report: Report;
  /** Lines without ends. */
  readonly transcript: string[] = [];
  readonly failures: Failure[] = [];
  readonly #commands: Table;
  readonly #events: Table;
  readonly #most: Series;
  readonly #fewest: Series;
  readonly #running: Series;
  /** Virtual ms at which the last command ended. */
  lastMs = 0;
  #copied = 0;

  /** @param name in the report and its files. */
  constructor(scenario: Scenario, name: string, seed = scenario.settings.seed) {
    this.scenario = scenario;
    const { config, ...settings } = scenario.settings;
    const flat = Object.fromEntries(Object.entries(config).map(([key, value]) => [key, plain(value)]));
    this.report = new Report(name, seed, { ...settings, ...flat, seed });
    this.#commands = this.report.table("commands", "What was done, and what came of it", [
      { key: "line", title: "line" },
      { key: "atMs", title: "at, ms" },
      { key: "command", title: "command" },
      { key: "tookMs", title: "took, ms" },
      { key: "result", title: "result" },
    ]);
    this.#events = this.report.table("events", "What the nodes said of each other", [
      { key: "line", title: "line" },
      { key: "firstMs", title: "first, ms" },
      { key: "lastMs", title: "last, ms" },
      { key: "kind", title: "event" },
      { key: "about", title: "about" },
      { key: "by", title: "by" },
    ]);
    const plot = this.report.plot(
      "members",
      "Members that the nodes see alive",
      { title: "time, s" },
      { title: "members" },
    );
    this.#running = this.report.series(plot, "processes that run", "theory");
    this.#most = this.report.series(plot, "the most that a node sees");
    this.#fewest = this.report.series(plot, "the fewest that a node sees");
  }

  get failed(): boolean {
    return this.failures.length > 0;
  }

  /** The transcript as one string. */
  text(): string {
    const end = this.report.complete ? "" : "INCOMPLETE: broken off before the end.\n";
    return `${this.transcript.join("\n")}\n${end}`;
  }

  toJSON(): object {
    return { ...this.report.toJSON(), failures: this.failures, transcript: this.transcript };
  }

  // While it runs

  /** The command's line, with comments before it. */
  begin(command: Command, nowMs: number): void {
    this.#asidesBefore(command.line);
    this.transcript.push(`${timeText(nowMs).padStart(timeWidth)}  ${command.text}`);
  }

  /** What came of the command that has just ended. */
  end(command: Command, beganMs: number, nowMs: number, news: readonly NewsLine[], outcome: Outcome): void {
    for (const { kind, about, by, firstMs, lastMs } of news) {
      const cells = { kind, about: nodesText(about, 100), by: nodesText(by, 100) };
      this.#events.rows.push({ line: command.line, firstMs: rounded(firstMs), lastMs: rounded(lastMs), ...cells });
    }
    this.#detail(news.slice(0, maxNewsLines).map(newsRow));
    if (news.length > maxNewsLines) this.#detail([`and ${news.length - maxNewsLines} lines more like these`]);
    this.#detail(outcome.lines);
    if (outcome.failure !== undefined) {
      this.failures.push({ line: command.line, what: `${command.text}: ${outcome.failure}` });
      this.#detail([`FAILED: ${outcome.failure}`]);
    }
    this.lastMs = nowMs;
    this.#commands.rows.push({
      line: command.line,
      atMs: rounded(beganMs),
      command: command.text,
      tookMs: rounded(nowMs - beganMs),
      result: outcome.failure ?? outcome.lines.join("; "),
    });
  }

  sample(nowMs: number, running: number, fewest: number, most: number): void {
    const seconds = rounded(nowMs) / 1000;
    this.#running.points.push([seconds, running]);
    this.#fewest.points.push([seconds, fewest]);
    this.#most.points.push([seconds, most]);
  }

  finish(): void {
    this.#asidesBefore(Number.POSITIVE_INFINITY);
    while (this.transcript.at(-1) === "") this.transcript.pop();
  }

  #asidesBefore(line: number): void {
    for (const [at, text] of this.scenario.asides) {
      if (at <= this.#copied || at >= line) continue;
      this.#copied = at;
      // Empty lines part paragraphs; one is enough.
      if (text === "" && (this.transcript.length === 0 || this.transcript.at(-1) === "")) continue;
      const indent = text === "" || text.startsWith("#") ? "" : " ".repeat(timeWidth + 2);
      this.transcript.push(`${indent}${text}`);
    }
  }

  #detail(lines: readonly string[]): void {
    for (const line of lines) this.transcript.push(`${" ".repeat(timeWidth + 4)}${line}`);
  }
}

/** What a command came to: lines under it, and what was wrong. */
export interface Outcome {
  readonly lines: readonly string[];
  readonly failure?: string | undefined;
}

function newsRow(line: NewsLine): string {
  const first = timeText(line.firstMs);
  const last = timeText(line.lastMs);
  const times = first === last ? first : `${first} to ${last}`;
  return `${times.padEnd(2 * timeWidth + 2)}  ${newsText(line)}`;
}

/** `70.000`: seconds of the scenario, to the millisecond. */
export function timeText(ms: number): string {
  return (ms / 1000).toFixed(3);
}

/** Whole microseconds: sums of floating-point delays need no more. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

function plain(value: number | boolean): number | string {
  return typeof value === "boolean" ? (value ? "on" : "off") : value;
}
