/** What a shell has to know of the command line, from the specs: so the scripts cannot fall behind them. */
import { LOG_LEVELS } from "../../log/level.ts";
import type { CommandSpec, FlagSpec } from "../spec.ts";

/** What a flag's value can be: these words, a file, a directory, or something that only its user knows. */
export type Values = readonly string[] | "file" | "directory" | "free";

export interface CompletionFlag {
  /** Without dashes. */
  readonly name: string;
  /** Undefined for a switch. */
  readonly values: Values | undefined;
  /** As help shows the value: `FORMAT`. */
  readonly placeholder: string;
  readonly repeatable: boolean;
  /** The help's first sentence or half of it. */
  readonly help: string;
}

export interface CompletionCommand {
  /** Two words, `state get`, for one of several under one name. */
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly CompletionFlag[];
  /** What its first argument can be; empty when that is free. */
  readonly choices: readonly string[];
}

/** A flag of one of these names means the same in every command. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  format: ["text", "json"],
  "log-format": ["text", "json"],
  "log-level": LOG_LEVELS.map((level) => level.toLowerCase()),
  profile: ["lan", "wan", "local"],
  detector: ["swim", "phi"],
};
const PATHS: Readonly<Record<string, "file" | "directory">> = { FILE: "file", PATH: "file", DIR: "directory" };

const HELP_FLAG: CompletionFlag = {
  name: "h",
  values: undefined,
  placeholder: "",
  repeatable: false,
  help: "Explain this command",
};

/** With `help`, which is no command of its own and completes to all of them. */
export function completionModel(specs: readonly CommandSpec[]): readonly CompletionCommand[] {
  const commands = specs.flatMap((spec) => [spec, ...(spec.verbs ?? [])]).map(completionCommand);
  const help = { name: "help", summary: "Explains a command", flags: [], choices: specs.map(({ name }) => name) };
  return [...commands, help].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The names of those that are several, with `or` between. */
export function familyNames(commands: readonly CompletionCommand[]): string {
  return [...new Set(commands.flatMap(({ name }) => (isVerb({ name }) ? name.split(" ")[0]! : [])))].join("|");
}

/** Of two words. */
export const isVerb = ({ name }: Pick<CompletionCommand, "name">): boolean => name.includes(" ");

function completionCommand({ name, summary, flags, verbs = [], choices }: CommandSpec): CompletionCommand {
  const words = choices ?? verbs.map((verb) => verb.name.slice(name.length + 1));
  return { name, summary, choices: words, flags: [...flags.map(completionFlag), HELP_FLAG] };
}

function completionFlag({ name, value, repeatable = false, help }: FlagSpec): CompletionFlag {
  const values = value === undefined ? undefined : (PATHS[value] ?? WORDS[name] ?? "free");
  return { name, values, placeholder: value ?? "", repeatable, help: firstPart(help) };
}

/** Shells show one short line. */
function firstPart(help: string): string {
  return /^.*?(?=[.;:](?:\s|$)|$)/s.exec(help)![0];
}
