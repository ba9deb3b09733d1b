/** One command's words, parsed and explained with commander. */
import { Command, CommanderError, Option } from "commander";
import { normaliseArgv } from "./argv.ts";
import { type CommandSpec, type FlagSpec, Flags, UsageError } from "./spec.ts";

/** Throws UsageError. */
export function parseCommand(
  spec: CommandSpec,
  argv: readonly string[],
): { readonly flags: Flags; readonly args: readonly string[] } {
  const given: (readonly [string, string])[] = [];
  const command = bare(spec);
  for (const flag of spec.flags) {
    const option = new Option(`--${flag.name} <value>`).argParser((value: string) => {
      given.push([flag.name, value]);
      return value;
    });
    command.addOption(option);
  }
  try {
    command.parse(normaliseArgv(argv, spec.flags, spec.flagsFirst), { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) throw new UsageError(error.message.replace(/^error: /, ""));
    throw error;
  }
  const { args } = command;
  if (args.length < spec.minArgs) throw new UsageError(missing(spec, args.length));
  if (args.length > spec.maxArgs) {
    const surplus = args.slice(spec.maxArgs);
    // Most likely typed where it would be right for other commands.
    const hint = spec.flagsFirst && surplus[0]!.startsWith("-") ? "; flags stand before the first argument" : "";
    throw new UsageError(`too many arguments: ${surplus.join(" ")}${hint}`);
  }
  return { flags: new Flags(given), args };
}

/** Those that are needed and were not given. */
function missing({ args = "" }: CommandSpec, given: number): string {
  const needed = args.split(" ").filter((word) => !word.startsWith("["));
  // "bash | zsh | fish" is one of several, not several.
  const names = args.includes("|") ? [args] : needed.slice(given);
  return `${names.join(" and ")} ${names.length > 1 ? "are" : "is"} missing`;
}

export function commandHelp(spec: CommandSpec): string {
  const command = bare(spec);
  const usage = [
    "hearsay",
    spec.name,
    ...(spec.flags.length > 0 ? ["[flags]"] : []),
    ...(spec.args ? [spec.args] : []),
  ];
  command.usage(usage.slice(2).join(" ")).description(spec.about);
  for (const flag of spec.flags) command.addOption(new Option(`--${flag.name}`, flag.help));
  command.configureHelp({
    helpWidth: 110,
    commandUsage: () => usage.join(" "),
    styleTitle: (title) => title.replace("Options", "Flags"),
    optionTerm: (option) => flagTerm(spec.flags.find((flag) => flag.name === option.name())!),
  });
  return command.helpInformation();
}

export function overview(specs: readonly CommandSpec[]): string {
  const width = Math.max(...specs.map(({ name }) => name.length));
  const lines = specs.map(({ name, summary }) => `    ${name.padEnd(width)}    ${summary}`);
  return `Usage: hearsay COMMAND [flags] [arguments]

Commands:
${lines.join("\n")}

"hearsay COMMAND -h" tells more about one of them.
`;
}

/** Of a command that is several. */
export function verbsHelp({ name, about, verbs = [] }: CommandSpec): string {
  const usages = verbs.map((verb) => [verbUsage(verb), verb.summary] as const);
  const width = Math.max(...usages.map(([usage]) => usage.length));
  const lines = usages.map(([usage, summary]) => `    ${usage.padEnd(width)}    ${summary}`);
  return `Usage: hearsay ${name} COMMAND [flags] [arguments]

${about}

Commands:
${lines.join("\n")}

"hearsay ${name} COMMAND -h" tells more about one of them.
`;
}

/** Without the name of what it is a part of: `set KEY VALUE`. */
function verbUsage({ name, args }: CommandSpec): string {
  const verb = name.slice(name.indexOf(" ") + 1);
  return args === undefined ? verb : `${verb} ${args}`;
}

function flagTerm({ name, value }: FlagSpec): string {
  return value === undefined ? `-${name}` : `-${name}=${value}`;
}

function bare(spec: CommandSpec): Command {
  return new Command(spec.name)
    .exitOverride()
    .configureOutput({ writeOut: () => {}, writeErr: () => {} })
    .helpOption(false)
    .allowExcessArguments();
}
