/** A plan for people: aligned, in the units people use, each formula's source as a numbered note. */
import type { Figure, FigureUnit, Limit, Plan, PlanInputs, Report } from "@hearsay/sim";
import { flagOf } from "./plan-flags.ts";

/** Where no terminal tells its width: columns. */
const DEFAULT_COLUMNS = 120;

export function planText(plan: Plan, profile: string, columns = DEFAULT_COLUMNS): string {
  const notes = new Notes();
  const figures = plan.groups.flatMap((group) => group.figures);
  const titleWidth = Math.max(...figures.map((figure) => figure.title.length));
  const valueWidth = Math.max(...figures.map((figure) => figureText(figure).length));
  const formulaWidth = columns - titleWidth - valueWidth - 11;
  // In a narrow terminal the formulas go down to their sources.
  const inline = formulaWidth >= 30;
  const lines = [heading(plan.inputs, profile)];
  for (const { title, figures: members } of plan.groups) {
    lines.push("", title);
    for (const figure of members) {
      const fits = inline && figure.formula.length <= formulaWidth;
      const note = notes.add(fits ? figure.source : `${figure.formula}: ${figure.source}`);
      const tail = fits ? `${figure.formula}  ${note}` : note;
      lines.push(`  ${figure.title.padEnd(titleWidth)}  ${figureText(figure).padStart(valueWidth)}  ${tail}`);
    }
  }
  lines.push("", "What is used of each limit, the nearest first");
  lines.push(...limitLines(plan.limits, notes, columns));
  lines.push("", ...wrap(breakText(plan), columns, ""));
  lines.push("", "Notes", ...plan.notes.flatMap((note) => wrap(note, columns, "  ")));
  lines.push("", "Sources", ...notes.lines().flatMap((line) => wrap(line, columns, "  ", 5)));
  return `${lines.join("\n")}\n`;
}

function heading(inputs: PlanInputs, profile: string): string {
  const parts = [
    `${grouped(inputs.nodes)} members`,
    `${profile} profile`,
    `${value(inputs.latencyMs, "ms")} one way`,
    inputs.loss > 0 ? `${significant(100 * inputs.loss)} % loss` : "no loss",
    `names of ${inputs.nameBytes} bytes`,
    inputs.metaBytes > 0 ? `${inputs.metaBytes} bytes of meta` : "no meta",
  ];
  if (inputs.churnPerSecond > 0) parts.push(`${value(60 * inputs.churnPerSecond, "count")} changes a minute`);
  return parts.join(", ");
}

function limitLines(limits: readonly Limit[], notes: Notes, columns: number): string[] {
  const rows = limits.map((limit) => [
    limit.title,
    limit.share >= 0.0005 ? `${significant(100 * limit.share)} %` : "0 %",
    `${used(limit.used, limit)} of ${used(limit.available, limit)}`,
    flagOf(limit.setting),
    notes.add(`${limit.formula}: ${limit.source}`),
  ]);
  const lines = columnsOf(rows, [false, true, false, false, false]);
  if (Math.max(...lines.map((line) => line.length)) <= columns) return lines;
  return columnsOf(
    rows.map(([title, share, , setting, note]) => [title!, share!, setting!, note!]),
    [false, true, false, false],
  );
}

/** Two rates are compared as rates, not as "one in so many days". */
function used(amount: number, { unit }: Limit): string {
  return unit === "per day" ? `${significant(amount)}/day` : value(amount, unit);
}

function breakText({ breaks, inputs }: Plan): string {
  if (breaks === undefined) return "With these settings nothing breaks up to a million members.";
  const { limit, nodes } = breaks;
  const what = `${limit.title} (${flagOf(limit.setting)}); beyond, ${limit.beyond}`;
  if (nodes === inputs.nodes) return `BREAKS: ${what}.`;
  return `First to break as the pool grows: ${what}. That is at about ${grouped(Number(nodes.toPrecision(2)))} members.`;
}

/** Prediction beside measurement. */
export function verificationText(report: Report, columns = DEFAULT_COLUMNS): string {
  const table = report.tables[0];
  if (table === undefined || table.rows.length === 0) return "Broken off before anything was measured.\n";
  const rows = table.rows.map((row) => {
    const unit = row.unit as FigureUnit;
    const difference = row.differencePercent;
    return [
      String(row.quantity),
      value(Number(row.predicted), unit),
      value(Number(row.measured), unit),
      typeof difference === "number" ? `${difference > 0 ? "+" : ""}${difference.toFixed(1)} %` : "",
      typeof row.standardError === "number" ? `± ${value(row.standardError, unit)}` : "",
      String(row.explanation ?? ""),
    ];
  });
  const lines = [
    `${table.title}, seed ${report.seed}${report.complete ? "" : " (broken off)"}`,
    ...columnsOf(
      [["", "predicted", "measured", "difference", "chance", ""], ...rows],
      [false, true, true, true, true, false],
    ),
    ...report.notes.flatMap((note) => ["", ...wrap(note, columns, "  ")]),
  ];
  return `${lines.join("\n")}\n`;
}

/** Numbered, each text once. */
class Notes {
  readonly #texts: string[] = [];

  add(text: string): string {
    if (!this.#texts.includes(text)) this.#texts.push(text);
    return `[${this.#texts.indexOf(text) + 1}]`;
  }

  lines(): string[] {
    return this.#texts.map((text, i) => `${`[${i + 1}]`.padEnd(5)}${text}`);
  }
}

function columnsOf(rows: readonly (readonly string[])[], right: readonly boolean[]): string[] {
  const widths = right.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) => {
    const cells = row.map((cell, i) => (right[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)));
    return `  ${cells.join("  ")}`.trimEnd();
  });
}

function wrap(text: string, columns: number, indent: string, hanging = 0): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const begin = lines.length === 0 ? indent : indent + " ".repeat(hanging);
    if (line !== "" && begin.length + line.length + 1 + word.length > columns) {
      lines.push(begin + line);
      line = word;
    } else {
      line = line === "" && word !== "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, (lines.length === 0 ? indent : indent + " ".repeat(hanging)) + line];
}

function figureText({ value: amount, unit }: Figure): string {
  return amount === null ? "never" : value(amount, unit);
}

/** In the unit a person would choose. */
export function value(amount: number, unit: FigureUnit): string {
  if (!Number.isFinite(amount)) return "never";
  switch (unit) {
    case "bytes":
      return bytes(amount);
    case "bytes/s":
      return `${bytes(amount)}/s`;
    case "packets/s":
      return `${significant(amount)}/s`;
    case "ms":
      return duration(amount);
    case "per second":
      return rate(amount);
    case "per day":
      return perDay(amount);
    case "share":
      return share(amount);
    case "count":
      return amount >= 100 ? grouped(Math.round(amount)) : significant(amount);
  }
}

function bytes(amount: number): string {
  if (amount < 999.5) return `${significant(amount)} B`;
  if (amount < 999_500) return `${significant(amount / 1000)} kB`;
  if (amount < 999.5e6) return `${significant(amount / 1e6)} MB`;
  return `${significant(amount / 1e9)} GB`;
}

function duration(ms: number): string {
  if (ms < 999.5) return `${significant(ms)} ms`;
  if (ms < 120_000) return `${significant(ms / 1000)} s`;
  return `${significant(ms / 60_000)} min`;
}

function rate(perSecond: number): string {
  if (perSecond === 0) return "0/s";
  if (perSecond >= 0.1) return `${significant(perSecond)}/s`;
  if (perSecond * 60 >= 0.1) return `${significant(perSecond * 60)}/min`;
  return `${significant(perSecond * 86_400)}/day`;
}

function perDay(amount: number): string {
  if (amount === 0) return "never";
  if (amount >= 1) return `${value(amount, "count")}/day`;
  const days = 1 / amount;
  if (days < 730) return `1 in ${significant(days)} days`;
  const years = days / 365.25;
  return years < 1e6 ? `1 in ${grouped(Number(years.toPrecision(2)))} years` : "never";
}

function share(amount: number): string {
  if (amount === 0) return "never";
  if (amount >= 0.001) return `${significant(100 * amount)} %`;
  const one = 1 / amount;
  return one < 1e12 ? `1 in ${grouped(Number(one.toPrecision(2)))}` : "never";
}

/** Three digits, without exponents where people would not write one. */
function significant(amount: number): string {
  if (amount === 0) return "0";
  if (Math.abs(amount) < 1e-6) return amount.toExponential(1);
  const rounded = Number(amount.toPrecision(3));
  return Math.abs(rounded) >= 1000 ? grouped(Math.round(rounded)) : String(rounded);
}

/** 12,345 on any machine. */
function grouped(amount: number): string {
  return String(amount).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}
