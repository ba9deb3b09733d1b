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
  return text.replace(STEERING, escaped);
}

/** The same for text of several lines: line ends and tabs stay. */
export function printableText(text: string): string {
  return text.replace(STEERING, (c) => (c === "\n" || c === "\t" ? c : escaped(c)));
}

/** As Go reads a string from bytes, near enough: what is no UTF-8 becomes U+FFFD. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/** In double quotes and on one line, as Go's `%q`; where the bytes are no UTF-8, each one that is not ASCII as `\xff`. */
export function quoted(bytes: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true }).decode(bytes);
  } catch {
    const hex = (byte: number) => `\\x${byte.toString(16).padStart(2, "0")}`;
    const inner = [...bytes].map((byte) => (byte >= 0x80 ? hex(byte) : escapedInQuotes(String.fromCharCode(byte))));
    return `"${inner.join("")}"`;
  }
  return `"${escapedInQuotes(text)}"`;
}

function escapedInQuotes(text: string): string {
  return text.replace(/["\\\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) => SHORT[c] ?? escaped(c));
}

const SHORT: Readonly<Record<string, string>> = { "\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t" };

const STEERING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

function escaped(c: string): string {
  const code = c.codePointAt(0)!.toString(16);
  return code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\u{${code}}`;
}

/**
 * Indented by two, with `<`, `>` and `&` escaped, as Go writes it. Maps must come sorted. What would steer a terminal is
 * escaped as well, which Go does only below U+0020: to a reader of JSON it is the same.
 */
export function json(value: unknown): string {
  return `${escapedJson(value, 2)}\n`;
}

/** The same on one line, for records of a stream. */
export function jsonLine(value: unknown): string {
  return `${escapedJson(value, 0)}\n`;
}

function escapedJson(value: unknown, indent: number): string {
  return JSON.stringify(value, null, indent).replace(
    /[<>&\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A copy whose keys are in order. Integer-like keys come first whatever their place, as everywhere in JavaScript. */
export function sorted<T>(fields: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
