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
  const { commandHelp, overview, parseCommand } = await import("./parse.ts");
  if (name !== undefined && HELP.has(name)) {
    io.out(overview(COMMAND_SPECS));
    return 0;
  }
  if (name === "help") return main([...rest.slice(0, 1), "-h"], io);
  const named = find(name);
  const flagWords = named?.flagsFirst
    ? [named.name, ...wordsBeforeData(rest, named.flags)]
    : argv.slice(0, argv.includes("--") ? argv.indexOf("--") : argv.length);
  const spec = flagWords.some((word) => VERSION.has(word)) ? find("version")! : named;
  if (spec === undefined) {
    if (name !== undefined) io.err(`${unknownCommand(name)}\n\n`);
    io.err(overview(COMMAND_SPECS));
    return 127;
  }
  if (!spec.ownWords && flagWords.slice(1).some((word) => HELP.has(word))) {
    io.out(commandHelp(spec));
    return 0;
  }
  try {
    const words = spec.name === name ? rest : [];
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
