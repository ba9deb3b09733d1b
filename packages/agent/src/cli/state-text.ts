/** Values of replicated state as people and programs read them. */
import type { StateValue } from "@hearsay/node";
import { printable, printableText, textOf } from "./output.ts";
import type { Io } from "./spec.ts";

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

/** The whole value: to a program as it is, on a terminal without what would steer it. */
export function writeValue(io: Io, value: StateValue): void {
  const { columns, outBytes } = io;
  if (value instanceof Uint8Array) {
    if (columns === undefined && outBytes !== undefined) outBytes.call(io, value);
    else io.out(printableText(textOf(value)));
    return;
  }
  const text = typeof value === "string" ? value : JSON.stringify(value);
  io.out(`${columns === undefined ? text : printableText(text)}\n`);
}

/** As much of a line as fits the terminal: the rest is an ellipsis. */
export function cut(line: string, columns: number | undefined): string {
  const letters = [...line];
  return columns === undefined || letters.length <= columns ? line : `${letters.slice(0, columns - 1).join("")}…`;
}
