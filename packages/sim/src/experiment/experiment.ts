/**
 * An experiment: a named, repeatable measurement with settings. It runs as a generator that yields now and then, so that
 * whoever runs it can show how far it is, break it off (keeping what the report has by then), and do something else in
 * between: the simulator itself never waits and knows no clock.
 */
import type { Cell, Report } from "./report.ts";

/** A setting of an experiment: a flag of the command line, with its bounds. */
export interface Setting {
  /** camelCase with the unit where there is one; the flag is `--kebab-case`. */
  readonly name: string;
  readonly help: string;
  readonly kind: "integer" | "number" | "share" | "duration" | "text" | "flag" | "list";
  /** Shares are 0 … 1, durations ms, lists comma-separated numbers as text. */
  readonly default: Cell | boolean;
  readonly min?: number;
  readonly max?: number;
  /** Of a list: only whole numbers. */
  readonly whole?: boolean;
  /** For texts: what it may be. */
  readonly choices?: readonly string[];
}

export type Settings = Readonly<Record<string, Cell | boolean>>;

/** How far a run is: 0 … 1, and what it does at present. */
export interface Progress {
  readonly share: number;
  readonly doing: string;
}

export interface Experiment {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  readonly settings: readonly Setting[];
  /** MB of heap that a run may need, where that is more than members know of each other. */
  heapMb?(settings: Settings): number;
  /** Fills the report. The same seed and settings fill it with the same values. */
  run(report: Report, settings: Settings): Generator<Progress, void, void>;
}

/** What of a world these helpers need, whatever machines run in it. */
export interface Steppable {
  readonly now: number;
  readonly nodes: { readonly length: number };
  run(ms: number): void;
}

/** Virtual ms simulated between two yields, for pools of `n` nodes: some ten to hundred ms of computing. */
export function stepMs(n: number): number {
  return Math.max(20, Math.min(1000, 200_000 / Math.max(1, n)));
}

/** What is left of a time by rounding is nothing: a step so small would not move the clock, and the loop never end. */
const nothingMs = 1e-6;

/** Runs a world for so long, in steps. `progress` says what to yield after each, given the share done. */
export function* advance(
  world: Steppable,
  ms: number,
  progress: (share: number) => Progress,
): Generator<Progress, void, void> {
  const start = world.now;
  const step = stepMs(world.nodes.length);
  for (let left = ms; left > nothingMs; left = start + ms - world.now) {
    world.run(Math.min(step, left));
    yield progress((world.now - start) / ms);
  }
}

/** Runs until `done`, asked every `everyMs` of virtual time; returns the ms it took, or undefined at the limit. */
export function* advanceUntil(
  world: Steppable,
  done: () => boolean,
  limitMs: number,
  everyMs: number,
  progress: (share: number) => Progress,
): Generator<Progress, number | undefined, void> {
  const start = world.now;
  while (!done()) {
    if (world.now - start >= limitMs - nothingMs) return undefined;
    world.run(Math.min(everyMs, start + limitMs - world.now));
    yield progress((world.now - start) / limitMs);
  }
  return world.now - start;
}

/** Runs an experiment to its end without a pause: for tests. */
export function runWhole(experiment: Experiment, report: Report, settings: Settings): void {
  const run = experiment.run(report, settings);
  while (!run.next().done) {
    // On.
  }
}

/** The defaults of an experiment with some of them changed. */
export function settingsOf(experiment: Experiment, changes: Settings = {}): Settings {
  return { ...Object.fromEntries(experiment.settings.map((setting) => [setting.name, setting.default])), ...changes };
}
