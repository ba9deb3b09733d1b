/** Checks of single options that several parts share. Each wrong value is one line: which option, what it was, what would be right. */

import { optionError } from "./errors.ts";
import { nearest } from "./nearest.ts";

export function checkBoolean(options: object, name: string): void {
  const value = (options as Record<string, unknown>)[name];
  if (value !== undefined && typeof value !== "boolean") throw optionError(name, value, "is neither true nor false");
}

/** A file's name. Whether it can be read or made is found out when the node starts. */
export function checkPath(option: string, path: unknown): string | undefined {
  if (path === undefined) return undefined;
  if (typeof path !== "string" || path === "") throw optionError(option, path, "is no path; want the name of a file");
  if (path.includes("\0")) throw optionError(option, path, "has a null character, which no file's name can have");
  return path;
}

/** A number within its range, or a switch. @param range least, greatest, whole */
export function checkSetting(
  option: string,
  value: unknown,
  range: readonly [number, number, boolean?] | "boolean",
): number | boolean {
  if (range === "boolean") {
    if (typeof value !== "boolean") throw optionError(option, value, "is neither true nor false");
    return value;
  }
  const [least, greatest, whole] = range;
  const fits = typeof value === "number" && value >= least && value <= greatest && (!whole || Number.isInteger(value));
  if (!fits) {
    const kind = whole ? "whole number" : "number";
    const limits = greatest === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${greatest}`;
    throw optionError(option, value, `is out of range; want a ${kind} ${limits}`);
  }
  return value;
}

/** Overrides of single settings of an object; what is undefined is not said. @throws NodeError BAD_OPTION */
export function checkNames(option: string, overrides: unknown, known: readonly string[]): Record<string, unknown> {
  if (typeof overrides !== "object" || overrides === null || Array.isArray(overrides))
    throw optionError(option, overrides, "is no object");
  const said = Object.entries(overrides).filter(([, value]) => value !== undefined);
  for (const [key, value] of said) {
    if (known.includes(key)) continue;
    const near = nearest(key, known);
    throw optionError(`${option}.${key}`, value, `is no setting${near ? `; did you mean ${option}.${near}?` : ""}`);
  }
  return Object.fromEntries(said);
}
