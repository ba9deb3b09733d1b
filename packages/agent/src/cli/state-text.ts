/** Values of replicated state as people and programs read them. */
import type { StateValue } from "@hearsay/node";
import { printable, printableText, textOf } from "./output.ts";
import type { Io } from "./spec.ts";

/** Longest name that an error repeats whole: letters. */
const QUOTED_LETTERS = 64;

/** A name in an error: in quotes, and no longer than one can read. */
export function named(name: string): string {
  return `"${cut(printable(name), QUOTED_LETTERS)}"`;
}

/** On one line: a text as it is, bytes by their number, anything else as JSON. */
export function valueText(value: StateValue): string {
  if (value instanceof Uint8Array) return `(${value.length} ${value.length === 1 ? "byte" : "bytes"})`;
  return printable(typeof value === "string" ? value : JSON.stringify(value));
}

/** The field of an object that holds it: `value`, or `bytes` in base64. None for what is not there. */
export function jsonValue(value: StateValue | undefined): { readonly value?: unknown; readonly bytes?: string } {
  if (value === undefined) return {};
  return value instanceof Uint8Array ? { bytes: Buffer.from(value).toString("base64") } : { value };
}

/** The whole value: to a program as it is, on a terminal without what would steer it, and with an end to its last line. */
export function writeValue(io: Io, value: StateValue): void {
  if (value instanceof Uint8Array) {
    writeBytes(io, value);
    return;
  }
  const text = typeof value === "string" ? value : JSON.stringify(value);
  io.out(`${io.columns === undefined ? text : printableText(text)}\n`);
}

function writeBytes(io: Io, bytes: Uint8Array): void {
  const { columns, outBytes } = io;
  const text = printableText(textOf(bytes));
  if (columns !== undefined) io.out(text === "" || text.endsWith("\n") ? text : `${text}\n`);
  else if (outBytes !== undefined) outBytes.call(io, bytes);
  else io.out(text);
}

/** As much of a line as fits the terminal: the rest is an ellipsis. */
export function cut(line: string, columns: number | undefined): string {
  if (columns === undefined) return line;
  let width = 0;
  let fits = "";
  for (const letter of line) {
    width += widthOf(letter);
    if (width > columns) return `${fits}…`;
    if (width < columns) fits += letter;
  }
  return line;
}

/** Columns that a terminal gives it, near enough. */
function widthOf(letter: string): number {
  if (letter < "\u0300") return 1;
  if (/\p{Mn}/u.test(letter)) return 0;
  return WIDE.test(letter) ? 2 : 1;
}

/** The scripts of East Asia with their signs, and pictures. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
