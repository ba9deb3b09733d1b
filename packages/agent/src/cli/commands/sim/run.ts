/** `hearsay sim run`: an experiment by name, or a scenario from a file; prints, writes files, says how it went. */
import { readFileSync, statSync } from "node:fs";
import { basename, extname } from "node:path";
import {
  type Cell,
  type Experiment,
  type Plot,
  type Progress,
  parseScenario,
  Report,
  reportText,
  runScenario,
  ScenarioError,
  ScenarioResult,
  type Settings,
} from "@hearsay/sim";
import { nearest } from "../../argv.ts";
import { json } from "../../output.ts";
import { commandHelp, parseCommand } from "../../parse.ts";
import {
  type Call,
  CommandError,
  type CommandSpec,
  type FlagSpec,
  type Flags,
  type Io,
  UsageError,
} from "../../spec.ts";
import { drive } from "./drive.ts";
import { fileNames, type Output, prepare, reason, writeOutput } from "./files.ts";
import { nodesIn, runWithMoreHeap } from "./heap.ts";
import { ProgressLine, spanText } from "./progress.ts";
import { acceptedFlags, readSettings, settingFlags } from "./settings.ts";

const HELP = new Set(["-h", "-help", "--help", "--h"]);
const now = () => performance.now();

/** Of an experiment's text. */
const textEnding = ".txt";
/** Of a scenario's: `.txt` would be the scenario itself, when it is written beside it. */
const transcriptEnding = ".transcript";

const RUN_FLAGS: readonly FlagSpec[] = [
  { name: "seed", value: "N", help: "Where all chance comes from: the same seed, the same output. Default 1." },
  { name: "json", help: "Print JSON instead of text." },
  { name: "out", value: "DIR", help: "Write JSON, text and pictures (SVG) to this directory as well." },
];

export async function runCommand(call: Call, words: readonly string[], known: readonly Experiment[]): Promise<number> {
  const wantsHelp = words.some((word) => HELP.has(word));
  const name = subject(words, known);
  if (name === undefined) {
    if (wantsHelp) {
      call.io.out(commandHelp(spec("NAME|FILE", "Runs an experiment, or a scenario from a file.", RUN_FLAGS)));
      return 0;
    }
    throw new CommandError('NAME or FILE is missing (see "hearsay sim list")');
  }
  const experiment = known.find((one) => one.name === name);
  const flags = experiment ? acceptedFlags(experiment.settings) : [];
  if (wantsHelp) {
    const about = experiment ? `${experiment.summary.replace(/\.?$/, ".")}` : "Runs a scenario, see docs/scenarios.md.";
    const shown = experiment ? settingFlags(experiment.settings) : [];
    call.io.out(commandHelp(spec(experiment ? name : "FILE", about, [...shown, ...RUN_FLAGS])));
    return 0;
  }
  return explained(name, async () => {
    if (experiment === undefined) checkIsFile(name, known);
    const parsed = parseCommand({ ...spec("NAME|FILE", "", [...flags, ...RUN_FLAGS]), maxArgs: 1 }, words);
    return experiment ? runExperiment(call.io, experiment, parsed.flags) : runFile(call.io, name, parsed.flags);
  });
}

/** The first word that is no flag and no flag's value. Flags may come first; which take a value depends on the experiment. */
function subject(words: readonly string[], known: readonly Experiment[]): string | undefined {
  const switches = new Set([
    "json",
    ...known.flatMap((one) => one.settings.filter(isSwitch).map((s) => kebab(s.name))),
  ]);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === "--") return words[i + 1];
    const [, flag, value] = /^--?([^=]+)(=.*)?$/s.exec(word) ?? [];
    if (flag === undefined) return word;
    if (value === undefined && !switches.has(flag) && !HELP.has(word)) i++;
  }
  return undefined;
}

const isSwitch = ({ kind }: Experiment["settings"][number]) => kind === "flag";
const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

function spec(args: string, about: string, flags: readonly FlagSpec[]): CommandSpec {
  const load = () => Promise.reject(new Error("part of sim"));
  return { name: "sim run", args, minArgs: 1, maxArgs: 1, summary: "", about, flags, load };
}

/** What was typed wrong, with the help that would have told. */
async function explained(name: string, act: () => Promise<number>): Promise<number> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof UsageError) throw new CommandError(`${error.message} (see "hearsay sim run ${name} -h")`);
    throw error;
  }
}

/** Before anything takes time. Throws CommandError. */
function prepareOut(flags: Flags, output: Pick<Output, "name" | "textEnding">, source?: string): void {
  const directory = flags.text("out");
  if (directory !== undefined) prepare(directory, output, source);
}

async function runExperiment(io: Io, experiment: Experiment, flags: Flags): Promise<number> {
  const settings = readSettings(experiment.settings, flags);
  const report = new Report(experiment.name, readSeed(flags) ?? 1, cells(settings));
  const elsewhere = await runWithMoreHeap(io, nodesIn(experiment.settings, settings), experiment.heapMb?.(settings));
  if (elsewhere !== undefined) return elsewhere;
  prepareOut(flags, { name: experiment.name, textEnding });
  const run = {
    name: experiment.name,
    textEnding,
    steps: experiment.run(report, settings),
    plots: () => report.plots,
    json: () => json(report),
    text: () => reportText(report),
    breakOff: () => {
      report.complete = false;
    },
    speed: () => "",
  };
  const code = await finish(io, flags, run);
  for (const failure of report.failures) io.err(`failed: ${failure}\n`);
  return code ?? (report.failures.length > 0 ? 1 : 0);
}

async function runFile(io: Io, file: string, flags: Flags): Promise<number> {
  const scenario = parseFile(file);
  const name = basename(file, extname(file));
  const result = new ScenarioResult(scenario, name, readSeed(flags));
  const elsewhere = await runWithMoreHeap(io, scenario.settings.nodes);
  if (elsewhere !== undefined) return elsewhere;
  prepareOut(flags, { name, textEnding: transcriptEnding }, file);
  const run = {
    name,
    textEnding: transcriptEnding,
    source: file,
    steps: runScenario(result),
    plots: () => result.report.plots,
    json: () => json(result),
    text: () => result.text(),
    breakOff: () => {
      result.report.complete = false;
    },
    speed: (wallMs: number) =>
      `; ${virtualText(result.lastMs)} of virtual time, ${ratio(result.lastMs, wallMs)} real time`,
  };
  const code = await finish(io, flags, run);
  for (const { line, what } of result.failures) io.err(`${file}:${line}: ${what}\n`);
  return code ?? (result.failed ? 1 : 0);
}

interface Running {
  readonly name: string;
  readonly textEnding: string;
  readonly source?: string;
  readonly steps: Generator<Progress, void, void>;
  plots(): readonly Plot[];
  json(): string;
  text(): string;
  breakOff(): void;
  speed(wallMs: number): string;
}

/** To its end or to a signal; then everything is printed and written. The exit code if it was a signal. */
async function finish(io: Io, flags: Flags, run: Running): Promise<number | undefined> {
  const directory = flags.text("out");
  const line = new ProgressLine(io, now);
  const code = await drive(run.steps, line, now);
  const wallMs = line.elapsedMs;
  if (code !== undefined) run.breakOff();
  const output: Output = {
    name: run.name,
    textEnding: run.textEnding,
    json: run.json(),
    text: run.text(),
    plots: run.plots(),
  };
  if (flags.on("json")) io.out(output.json);
  else {
    io.out(output.text);
    if (directory === undefined) io.out(`\n-out=DIR would keep this as ${fileNames(output).join(", ")}.\n`);
  }
  if (directory !== undefined) io.err(`written: ${writeOutput(directory, output, run.source).join(", ")}\n`);
  const memory = Math.round(process.resourceUsage().maxRSS / 1024);
  const how = code === undefined ? "took" : "broken off after";
  io.err(`${how} ${(wallMs / 1000).toFixed(1)} s${run.speed(wallMs)}; at most ${memory} MB of memory\n`);
  return code;
}

function virtualText(ms: number): string {
  return ms < 90_000 ? `${(ms / 1000).toFixed(1)} s` : spanText(ms);
}

function ratio(virtualMs: number, wallMs: number): string {
  const times = virtualMs / Math.max(1, wallMs);
  return `${times < 10 ? times.toFixed(1) : times.toFixed(0)} times`;
}

function parseFile(file: string) {
  try {
    return parseScenario(readFileSync(file, "utf8"), file);
  } catch (error) {
    if (error instanceof ScenarioError) throw new CommandError(error.message);
    throw new CommandError(`${file}: ${reason(error as NodeJS.ErrnoException)}`);
  }
}

/** Throws CommandError for a word that is neither an experiment nor a file. */
function checkIsFile(name: string, known: readonly Experiment[]): void {
  if (statSync(name, { throwIfNoEntry: false }) !== undefined) return;
  if (/[./\\]/.test(name)) throw new CommandError(`${name}: no such file`);
  const near = nearest(
    name,
    known.map((one) => one.name),
  );
  const hint = near === undefined ? "" : `; did you mean "${near}"?`;
  throw new CommandError(`"${name}" is no experiment and no file${hint} (see "hearsay sim list")`);
}

function readSeed(flags: Flags): number | undefined {
  const text = flags.text("seed");
  if (text === undefined) return undefined;
  const seed = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(seed)) return seed;
  throw new UsageError(`-seed: a whole number from 0 to ${Number.MAX_SAFE_INTEGER} expected, not "${text}"`);
}

/** For the report, where a switch is on or off. */
function cells(settings: Settings): Record<string, Cell> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      name,
      typeof value === "boolean" ? (value ? "on" : "off") : value,
    ]),
  );
}
