/**
 * The files of `-out`: a run as JSON, as text, and a picture for each plot. Whether they can be written is found out before
 * the run, whose minutes would be lost otherwise.
 */
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type Plot, plotSvg } from "@hearsay/sim";
import { CommandError } from "../../spec.ts";

export interface Output {
  /** Files begin with this. */
  readonly name: string;
  /** Of the text file, behind the name. */
  readonly textEnding: string;
  readonly json: string;
  readonly text: string;
  readonly plots: readonly Plot[];
}

/** Names, in the order they are written. */
export function fileNames({ name, textEnding, plots }: Pick<Output, "name" | "textEnding" | "plots">): string[] {
  return [`${name}.json`, ...plots.map((plot) => `${name}-${plot.name}.svg`), `${name}${textEnding}`];
}

/**
 * Before a run: makes the directory, and finds out whether its files can be written. What is there stays as it is.
 *
 * @param source never written over: a scenario's own file.
 * @throws CommandError
 */
export function prepare(directory: string, output: Pick<Output, "name" | "textEnding">, source?: string): void {
  if (directory === "") throw new CommandError("-out: a directory expected, not nothing");
  // Behind a file, a slash at the end would hide it from `statOf`.
  makeDirectory(directory.replace(/(.)\/+$/, "$1"));
  attempt(directory, "choose one where files can be made", () => {
    // Rights alone do not tell: a file system may be read-only, full, or none that takes files.
    rmdirSync(mkdtempSync(join(directory, ".hearsay-")));
  });
  for (const name of namesAhead(directory, output)) checkFile(join(directory, name), source);
}

/** With those above it that are missing. One by one: Node's own recursion never ends where the system says ENOENT, as in /proc. */
function makeDirectory(directory: string): void {
  const found = attempt(directory, "choose another", () => statOf(directory));
  if (found?.isDirectory()) return;
  if (found !== undefined) {
    throw new CommandError(`-out: ${directory} is there, and is no directory; choose one, or a name that is free`);
  }
  const above = dirname(resolve(directory));
  if (above !== resolve(directory)) makeDirectory(above);
  attempt(directory, "choose one that can be made", () => mkdirSync(directory));
}

/** The files that are known before the run, and the pictures that an earlier one left. */
function namesAhead(directory: string, { name, textEnding }: Pick<Output, "name" | "textEnding">): string[] {
  const pictures = readdirSync(directory).filter((file) => file.startsWith(`${name}-`) && file.endsWith(".svg"));
  return [...fileNames({ name, textEnding, plots: [] }), ...pictures];
}

/** One that is not there yet can be made, as `prepare` has found. */
function checkFile(path: string, source: string | undefined): void {
  const found = attempt(path, "choose another directory", () => statOf(path));
  if (found === undefined) return;
  attempt(path, "choose another directory, or move it away", () => {
    if (found.isDirectory()) throw new Error("is a directory");
    if (isSource(path, source)) throw new Error("that is the scenario itself");
    accessSync(path, constants.W_OK);
  });
}

/** Undefined where nothing is, also where the way to it is cut short by a file. */
function statOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOTDIR") return undefined;
    throw error;
  }
}

function isSource(path: string, source: string | undefined): boolean {
  return source !== undefined && statOf(path) !== undefined && realpathSync(path) === realpathSync(source);
}

/**
 * @param source never written over: a scenario's own file.
 * @returns the paths written.
 */
export function writeOutput(directory: string, output: Output, source?: string): string[] {
  const texts = [output.json, ...output.plots.map(plotSvg), output.text];
  return fileNames(output).map((name, i) => {
    const path = join(directory, name);
    attempt(path, "choose another directory", () => {
      if (isSource(path, source)) throw new Error("that is the scenario itself");
      writeFileSync(path, texts[i]!);
    });
    return path;
  });
}

/** @param instead what would be right, for the message. */
function attempt<T>(path: string, instead: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new CommandError(`-out: ${path}: ${reason(error as NodeJS.ErrnoException)}; ${instead}`);
  }
}

export function reason(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "ENOENT":
      return "no such file or directory";
    case "EISDIR":
      return "is a directory";
    case "EEXIST":
    case "ENOTDIR":
      return "is there, and is no directory";
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return "not allowed";
    case "ENOSPC":
      return "no space left";
    default:
      return error.message;
  }
}
