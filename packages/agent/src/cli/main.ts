/** The command line: finds the command, runs it, and turns what went wrong into one line. */
import { nearest, wordsBeforeData } from "./argv.ts";
import { COMMAND_SPECS } from "./commands.ts";
import { CommandError, type CommandSpec, Flags, type Io, UsageError } from "./spec.ts";

const HELP = new Set(["-h", "-help", "--help", "--h"]);
const VERSION = new Set(["-v", "-version", "--version", "--v"]);

/**
 * Runs one command line (without the program's own name) and resolves to its exit code: 0 done, 1 not done, 127 no such
 * command. Results and help asked for go to `io.out`, everything else to `io.err`. Never rejects for what was typed or
 * for what an agent said.
 */
export async function main(argv: readonly string[], io: Io = processIo()): Promise<number> {
  const [name, ...rest] = argv;
  const { overview } = await import("./parse.ts");
  if (name !== undefined && HELP.has(name)) {
    io.out(overview(COMMAND_SPECS));
    return 0;
  }
  if (name === "help") return main([...rest.slice(0, find(rest[0])?.verbs === undefined ? 1 : 2), "-h"], io);
  const { named, words } = choose(argv);
  const flagWords = named?.flagsFirst ? wordsBeforeData(words, named.flags) : words.slice(0, endOfFlags(words));
  if (flagWords.some((word) => VERSION.has(word))) return runCommand(find("version")!, [], io);
  if (named === undefined) {
    if (name !== undefined) io.err(`${unknownCommand(name)}\n\n`);
    io.err(overview(COMMAND_SPECS));
    return 127;
  }
  if (named.ownWords || !flagWords.some((word) => HELP.has(word))) return runCommand(named, words, io);
  io.out(await helpOf(named));
  return 0;
}

/** The command named, and the words behind its name; all of them when there is no such command. */
function choose(argv: readonly string[]): {
  readonly named: CommandSpec | undefined;
  readonly words: readonly string[];
} {
  const [name, verb, ...rest] = argv;
  const first = find(name);
  const second = first?.verbs?.find((one) => one.name === `${name} ${verb}`);
  if (second !== undefined) return { named: second, words: rest };
  return { named: first, words: first === undefined ? argv : argv.slice(1) };
}

const endOfFlags = (words: readonly string[]): number => (words.includes("--") ? words.indexOf("--") : words.length);

async function helpOf(spec: CommandSpec): Promise<string> {
  const { commandHelp, verbsHelp } = await import("./parse.ts");
  return spec.verbs === undefined ? commandHelp(spec) : verbsHelp(spec);
}

async function runCommand(spec: CommandSpec, words: readonly string[], io: Io): Promise<number> {
  try {
    if (spec.verbs !== undefined) throw unknownVerb(spec, words[0]);
    const { parseCommand } = await import("./parse.ts");
    const { flags, args } = spec.ownWords ? { flags: new Flags([]), args: words } : parseCommand(spec, words);
    const { run } = await spec.load();
    return await run({ command: spec, flags, args, io });
  } catch (error) {
    if (error instanceof CommandError) io.err(`${error.message}\n`);
    else if (error instanceof UsageError) io.err(`${error.message} (see "hearsay ${spec.name} -h")\n`);
    else throw error;
    return 1;
  }
}

function unknownVerb({ name, verbs = [] }: CommandSpec, word: string | undefined): UsageError {
  const known = verbs.map((verb) => verb.name.slice(name.length + 1));
  const list = known.join(", ").replace(/, (\w+)$/, " or $1");
  if (word === undefined) return new UsageError(`what to do is missing: ${list}`);
  const near = nearest(word, known);
  const hint = near === undefined ? `; it can be ${list}` : `; did you mean "${near}"?`;
  return new UsageError(`"${word}" is nothing that ${name} can do${hint}`);
}

function find(name: string | undefined): CommandSpec | undefined {
  return COMMAND_SPECS.find((spec) => spec.name === name);
}

function unknownCommand(name: string): string {
  const near = nearest(
    name,
    COMMAND_SPECS.map((spec) => spec.name),
  );
  return `"${name}" is no command${near === undefined ? "" : `; did you mean "${near}"?`}`;
}

function processIo(): Io {
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    outBytes: (bytes) => void process.stdout.write(bytes),
    outUnread: () => process.stdout.writableLength,
    env: process.env,
    columns: process.stdout.isTTY ? process.stdout.columns : undefined,
    errColumns: process.stderr.isTTY ? process.stderr.columns : undefined,
    ownsProcess: true,
  };
}
