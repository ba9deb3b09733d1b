/** The completion script for bash, 3.2 and later. */
import { type CompletionCommand, type CompletionFlag, familyNames, isVerb, type Values } from "./model.ts";

/** What the words in the model may hold; anything else would have to be quoted in the script. */
const SAFE = /^[\w.=|:/[\]-]+$/;

export function bashScript(commands: readonly CompletionCommand[]): string {
  return `# bash completion for hearsay, made by "hearsay completion bash"

_hearsay() {
    local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
    local command=\${COMP_WORDS[1]} flags= choices= values= dashes=-
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W '${words(commands.filter((one) => !isVerb(one)).map(({ name }) => name))}' -- "$current"))
        return
    fi
    case $command in
        ${familyNames(commands)}) if [ "$COMP_CWORD" -gt 2 ]; then command="$command \${COMP_WORDS[2]}"; fi ;;
    esac
    # -flag=value comes as three words.
    if [ "$current" = = ]; then
        current=
    elif [ "$previous" = = ]; then
        previous=\${COMP_WORDS[COMP_CWORD-2]}
    fi
    case $command in
${commands.map(commandCase).join("\n")}
    esac
    case "$command \${previous/#--/-}" in
${valueCases(commands)}
    esac
    case $values in
        '') ;;
        free) return ;;
        file) local IFS=$'\n'; COMPREPLY=($(compgen -f -- "$current")); compopt -o filenames 2>/dev/null; return ;;
        directory) local IFS=$'\n'; COMPREPLY=($(compgen -d -- "$current")); compopt -o filenames 2>/dev/null; return ;;
        *) COMPREPLY=($(compgen -W "$values" -- "$current")); return ;;
    esac
    case $current in
        --*) dashes=-- ;;
        -*) ;;
        *)
            if [ "$COMP_CWORD" -eq 2 ]; then COMPREPLY=($(compgen -W "$choices" -- "$current")); fi
            if [ -n "$current" ] || [ -n "$choices" ]; then return; fi
            ;;
    esac
    COMPREPLY=($(compgen -P "$dashes" -W "$flags" -- "\${current#"$dashes"}"))
    case "\${#COMPREPLY[@]} \${COMPREPLY[0]}" in
        '1 '*=) compopt -o nospace 2>/dev/null ;;
    esac
}

complete -F _hearsay hearsay
`;
}

function commandCase({ name, flags, choices }: CompletionCommand): string {
  const list = words(flags.map((flag) => (flag.values === undefined ? flag.name : `${flag.name}=`)));
  return `        ${quotedName(name)}) flags='${list}' choices='${words(choices)}' ;;`;
}

/** One line for each answer, whoever gives it. */
function valueCases(commands: readonly CompletionCommand[]): string {
  const patterns = new Map<string, string[]>();
  for (const { name, flags } of commands) {
    for (const flag of flags) {
      if (flag.values === undefined) continue;
      const values = valueText(flag.values);
      patterns.set(values, [...(patterns.get(values) ?? []), pattern(name, flag)]);
    }
  }
  return [...patterns].map(([values, of]) => `        ${of.join("|")}) values='${values}' ;;`).join("\n");
}

const pattern = (command: string, { name }: CompletionFlag): string =>
  `'${words(command.split(" "))} -${words([name])}'`;

const quotedName = (name: string): string => (isVerb({ name }) ? `'${words(name.split(" "))}'` : words([name]));

const valueText = (values: Values): string => (typeof values === "string" ? values : words(values));

function words(list: readonly string[]): string {
  for (const word of list) if (!SAFE.test(word)) throw new Error(`"${word}" would have to be quoted for bash`);
  return list.join(" ");
}
