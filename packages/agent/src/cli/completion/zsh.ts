/** The completion script for zsh: sourced, or as a file `_hearsay` in a directory of `fpath`. */
import { type CompletionCommand, type CompletionFlag, familyNames, isVerb } from "./model.ts";

export function zshScript(commands: readonly CompletionCommand[]): string {
  const first = commands.filter((one) => !isVerb(one));
  const descriptions = first.map(({ name, summary }) => `        ${quote(`${escapeColons(name)}:${summary}`)}`);
  return `#compdef hearsay
# zsh completion for hearsay, made by "hearsay completion zsh"

_hearsay() {
    local -a commands flags
    commands=(
${descriptions.join("\n")}
    )
    if (( CURRENT == 2 )); then
        _describe command commands
        return
    fi
${joinVerbs(commands)}    case $words[2] in
${commands.map(commandCase).join("\n")}
        *) return 1 ;;
    esac
    # Flags take one dash or two: offered as they were begun.
    if [[ $PREFIX == --* || $words[CURRENT-1] == --* ]]; then
        flags=("\${(@)flags/#-/--}")
        flags=("\${(@)flags/#\\*-/*--}")
    fi
    shift words
    (( CURRENT-- ))
    _arguments : $flags
}

if [[ $funcstack[1] == _hearsay ]]; then
    _hearsay "$@"
else
    compdef _hearsay hearsay
fi
`;
}

/** Makes one word of the two that name a command. */
function joinVerbs(commands: readonly CompletionCommand[]): string {
  const names = familyNames(commands);
  if (names === "") return "";
  return `    if (( CURRENT > 3 )) && [[ $words[2] == (${names}) ]]; then
        words[2]="$words[2] $words[3]"
        words[3]=()
        (( CURRENT-- ))
    fi
`;
}

function commandCase({ name, flags, choices }: CompletionCommand): string {
  const lines = flags.map(flagSpec);
  if (choices.length > 0) lines.push(`1: :(${choices.join(" ")})`);
  // Other arguments are names, addresses and data, which no shell can know.
  lines.push("*: :");
  return [
    `        ${isVerb({ name }) ? quote(name) : name}) flags=(`,
    ...lines.map((line) => `            ${quote(line)}`),
    "        ) ;;",
  ].join("\n");
}

/** As `_arguments` reads it: `*-tag=[help]:KEY=VALUE:`. */
function flagSpec({ name, values, placeholder, repeatable, help }: CompletionFlag): string {
  const explained = `${repeatable ? "*" : ""}-${name}${values === undefined ? "" : "="}[${escapeBrackets(help)}]`;
  if (values === undefined) return explained;
  const actions = { file: "_files", directory: "_files -/", free: "" };
  const action = typeof values === "string" ? actions[values] : `(${values.join(" ")})`;
  return `${explained}:${escapeColons(placeholder)}:${action}`;
}

const escapeBrackets = (text: string): string => text.replace(/[\\[\]]/g, "\\$&");
const escapeColons = (text: string): string => text.replace(/[\\:]/g, "\\$&");
const quote = (text: string): string => `'${text.replace(/'/g, "'\\''")}'`;
