/** Tables and JSON as Serf's commands print them (Serf protocol notes, section 20). */
import { UsageError } from "./spec.ts";

export type Format = "text" | "json";

/** Throws UsageError. */
export function parseFormat(text: string | undefined): Format {
  if (text === undefined || text === "text" || text === "json") return text ?? "text";
  throw new UsageError(`Invalid output format "${text}": use -format=text or -format=json`);
}

/**
 * Columns padded to the widest and two blanks apart. The last cell of a row is not padded, but stands where it would even
 * when it is empty; only the end of the whole table is trimmed. To the byte what Serf prints.
 */
export function table(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => printable(cell).trim()));
  const widths: number[] = [];
  for (const row of cells) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, length(cell));
  }
  const lines = cells.map((row) =>
    row.map((cell, i) => (i === row.length - 1 ? cell : cell + " ".repeat(widths[i]! - length(cell)))).join("  "),
  );
  return lines.length === 0 ? "" : `${lines.join("\n").trimEnd()}\n`;
}

const length = (text: string): number => [...text].length;

/** Names and tags come from the network: what would steer the terminal is shown instead of obeyed. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) => {
    const code = c.codePointAt(0)!.toString(16);
    return code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\u{${code}}`;
  });
}

/** Indented by two, with `<`, `>` and `&` escaped, as Go writes it. Maps must come sorted. */
export function json(value: unknown): string {
  const escaped = JSON.stringify(value, null, 2).replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `${escaped}\n`;
}

/** A copy whose keys are in order. Integer-like keys come first whatever their place, as everywhere in JavaScript. */
export function sorted<T>(fields: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
