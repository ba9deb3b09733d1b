/** The completion script for fish. */
import { type CompletionCommand, type CompletionFlag, isVerb } from "./model.ts";

export function fishScript(commands: readonly CompletionCommand[]): string {
  const lines = commands.flatMap((command) => [
    "",
    nameLine(command),
    ...(command.choices.length > 0 && !commands.some((one) => isVerb(one) && one.name.startsWith(`${command.name} `))
      ? [`complete -c hearsay -f -n '__hearsay_first ${command.name}' -a ${quote(command.choices.join(" "))}`]
      : []),
    ...command.flags.map((flag) => flagLine(command.name, flag)),
  ]);
  return `# fish completion for hearsay, made by "hearsay completion fish"

function __hearsay_no_command
    test (count (commandline -opc)) -eq 1
end

function __hearsay_in
    set -l words (commandline -opc)
    set -l last (math (count $argv) + 1)
    test (count $words) -ge $last; and test "$words[2..$last]" = "$argv"
end

function __hearsay_first
    test (count (commandline -opc)) -eq 2; and __hearsay_in $argv[1]
end

# What no rule below knows is a name, an address or data, but no file.
complete -c hearsay -f
${lines.join("\n")}
`;
}

/** Where the command's own name may stand: as the first word, or as the second behind that of several. */
function nameLine(command: CompletionCommand): string {
  const [first, verb] = command.name.split(" ") as [string, string?];
  const where = verb === undefined ? "__hearsay_no_command" : `'__hearsay_first ${first}'`;
  return `complete -c hearsay -f -n ${where} -a ${verb ?? first} -d ${quote(command.summary)}`;
}

/** With one dash and with two. */
function flagLine(command: string, { name, values, help }: CompletionFlag): string {
  const as = name.length === 1 ? `-s ${name}` : `-o ${name} -l ${name}`;
  return `complete -c hearsay -n '__hearsay_in ${command}' ${as}${valueText(values)} -d ${quote(help)}`;
}

function valueText(values: CompletionFlag["values"]): string {
  if (values === undefined) return "";
  if (values === "file") return " -r -F";
  if (values === "directory") return " -x -a '(__fish_complete_directories)'";
  return values === "free" ? " -x" : ` -x -a ${quote(values.join(" "))}`;
}

const quote = (text: string): string => `'${text.replace(/['\\]/g, "\\$&")}'`;
