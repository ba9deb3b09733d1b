/** `hearsay sim`: what can be run in the simulator, and running it. */
import { type Experiment, experiments } from "@hearsay/sim";
import { nearest } from "../argv.ts";
import { json, table } from "../output.ts";
import { commandHelp, parseCommand } from "../parse.ts";
import { type Call, CommandError, type CommandSpec, type FlagSpec, UsageError } from "../spec.ts";
import { runCommand } from "./sim/run.ts";
import { flagName } from "./sim/settings.ts";

const HELP = new Set(["-h", "-help", "--help", "--h"]);

/** @param known the experiments there are; tests bring their own. */
export async function run(call: Call, known: readonly Experiment[] = experiments): Promise<number> {
  const [verb, ...words] = call.args;
  if (verb === undefined) throw new UsageError("what to do is missing: list or run");
  if (HELP.has(verb)) {
    call.io.out(commandHelp(call.command));
    return 0;
  }
  if (verb === "list") return list(call, words, known);
  if (verb === "run") return runCommand(call, words, known);
  const near = nearest(verb, ["list", "run"]);
  throw new UsageError(`"${verb}" is neither list nor run${near === undefined ? "" : `; did you mean "${near}"?`}`);
}

const JSON_FLAG: FlagSpec = { name: "json", help: "Print JSON, with the settings of each." };

const LIST_SPEC: CommandSpec = {
  name: "sim list",
  minArgs: 0,
  maxArgs: 0,
  summary: "",
  about: "Lists the experiments.",
  flags: [JSON_FLAG],
  load: () => Promise.reject(new Error("part of sim")),
};

function list({ io }: Call, words: readonly string[], known: readonly Experiment[]): number {
  if (words.some((word) => HELP.has(word))) {
    io.out(commandHelp(LIST_SPEC));
    return 0;
  }
  const { flags } = parseOrExplain(LIST_SPEC, words);
  if (flags.on("json")) {
    io.out(json(known.map(({ name, summary, settings }) => ({ name, summary, settings: settings.map(jsonSetting) }))));
    return 0;
  }
  io.out(table(known.map(({ name, summary }) => [name, summary])));
  io.out('\n"hearsay sim run NAME -h" tells the settings of one; a FILE can be run as well, see docs/scenarios.md.\n');
  return 0;
}

function jsonSetting(setting: Experiment["settings"][number]): unknown {
  return { flag: flagName(setting), ...setting };
}

function parseOrExplain(spec: CommandSpec, words: readonly string[]) {
  try {
    return parseCommand(spec, words);
  } catch (error) {
    if (error instanceof UsageError) throw new CommandError(`${error.message} (see "hearsay ${spec.name} -h")`);
    throw error;
  }
}
