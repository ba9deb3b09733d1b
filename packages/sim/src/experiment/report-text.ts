/** A report as text: what was run, each table in aligned columns, the notes. No times, no surroundings: bytes to compare. */
import type { Cell, Column, Report, Table } from "./report.ts";

/** Notes are broken at this many characters. */
const noteWidth = 100;

export function reportText(report: Report): string {
  const parts = [headText(report), ...report.tables.map(tableText)];
  if (!report.complete) parts.push("INCOMPLETE: broken off before the end; what is above was measured by then.\n");
  if (report.failures.length > 0) parts.push(report.failures.map((failure) => `FAILED: ${failure}\n`).join(""));
  if (report.notes.length > 0) parts.push(report.notes.map(noteText).join(""));
  return parts.join("\n");
}

/** The experiment, its seed and every setting in force: what it takes to run it again. */
function headText({ experiment, seed, settings }: Report): string {
  const words = Object.entries(settings).filter(([key]) => key !== "seed");
  const lines = [`${experiment}, seed ${seed}`];
  if (words.length > 0)
    lines.push(...wrapped(words.map(([key, value]) => `${key} ${value ?? "none"}`).join(", "), "  "));
  return `${lines.join("\n")}\n`;
}

/** Numbers to the right, words to the left, the title above. */
export function tableText(table: Table): string {
  const { columns, rows, title } = table;
  if (rows.length === 0) return `${title}\n  (nothing measured)\n`;
  const cells = rows.map((row) => columns.map((column) => cellText(row[column.key] ?? null, column)));
  const toRight = columns.map(({ key }) => rows.every((row) => typeof row[key] !== "string"));
  const heads = columns.map((column) => headLines(column.title));
  const height = Math.max(...heads.map((lines) => lines.length));
  // A heading of fewer lines stands at the bottom, next to what it names.
  const headRows = Array.from({ length: height }, (_, i) =>
    heads.map((lines) => lines[i - (height - lines.length)] ?? ""),
  );
  const widths = columns.map((_, i) =>
    Math.max(...headRows.map((row) => length(row[i]!)), ...cells.map((row) => length(row[i]!))),
  );
  const line = (row: readonly string[]) =>
    `  ${row.map((cell, i) => pad(cell, widths[i]!, toRight[i]!)).join("  ")}`.trimEnd();
  const rule = `  ${widths.map((width) => "-".repeat(width)).join("  ")}`;
  return [title, ...headRows.map(line), rule, ...cells.map(line), ""].join("\n");
}

export function cellText(cell: Cell, { digits, style }: Pick<Column, "digits" | "style">): string {
  if (cell === null) return "-";
  if (typeof cell === "string") return cell;
  if (!Number.isFinite(cell)) return "-";
  if (style === "exponent") return cell === 0 ? "0" : cell.toExponential(digits ?? 0).replace("e+", "e");
  const text = cell.toFixed(digits ?? 0);
  // What rounds to nothing has no sign.
  return /^-0(\.0+)?$/.test(text) ? text.slice(1) : text;
}

/** A long heading takes two or three lines, or it would make a narrow column wide. */
function headLines(title: string): string[] {
  // A unit stays with its word.
  return wrapped(title.replace(/, (\S{1,6})$/, ",\u00a0$1"), "", 16).map((line) => line.replace("\u00a0", " "));
}

function noteText(note: string): string {
  return `${wrapped(note, "").join("\n")}\n`;
}

function wrapped(text: string, indent: string, width = noteWidth): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, indent + line];
}

function pad(text: string, width: number, toRight: boolean): string {
  const gap = " ".repeat(width - length(text));
  return toRight ? gap + text : text + gap;
}

function length(text: string): number {
  return [...text].length;
}
