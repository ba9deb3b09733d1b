/** The files of `--out`: a run as JSON, as text, and a picture for each plot. */
import { mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
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

/** Before a run: the directory is there, and can be written to. Throws CommandError. */
export function prepare(directory: string): void {
  attempt(directory, () => mkdirSync(directory, { recursive: true }));
}

/**
 * @param source never written over: a scenario's own file.
 * @returns the paths written.
 */
export function writeOutput(directory: string, output: Output, source?: string): string[] {
  const texts = [output.json, ...output.plots.map(plotSvg), output.text];
  return fileNames(output).map((name, i) => {
    const path = join(directory, name);
    attempt(path, () => {
      if (source !== undefined && resolve(path) === realpathSync(source))
        throw new Error("that is the scenario itself");
      writeFileSync(path, texts[i]!);
    });
    return path;
  });
}

function attempt(path: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    throw new CommandError(`${path}: ${reason(error as NodeJS.ErrnoException)}`);
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
