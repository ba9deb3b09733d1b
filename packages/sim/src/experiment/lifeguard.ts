/**
 * The experiments of the Lifeguard paper (Dadgar, Phillips, Currey: arXiv 1707.00788, section 5) on our machines. Some
 * members are slow: their messages wait, in and out, while their timers go on. Two kinds of runs:
 *
 * - *Threshold*: C members are slow once, together, for D. How soon is one declared dead, and when do all healthy members
 *   hold it so? A slow member is what is to be detected.
 * - *Interval*: C members are slow for D, well for I, and so on till the end. How many healthy members are declared dead, by
 *   anybody (FP) and at healthy members (FP-); and what is sent?
 *
 * Five configurations, each with the same seeds: SWIM alone, one of Lifeguard's three parts, and all. Beside them phi
 * accrual as the judge of who is silent, alone and with all of Lifeguard: what comes after the accusation is the same.
 * These run on whole nodes, which exchange heartbeats; the others on the detector's machine alone. `--full` takes the
 * paper's 9 C x 8 D x 8 I, ten times each; by default a corner of that which shows the differences in about a minute.
 */
import { type Machine, Rng, type SwimConfig, type SwimEvent } from "@hearsay/core";
import type { ExtendedEvent } from "@hearsay/extended";
import { SwimPool } from "../pool.ts";
import { type Detector, detectorPool, detectorSettings, detectorsOf } from "./detector-pool.ts";
import { advance, type Experiment, type Progress, type Settings } from "./experiment.ts";
import { LifeguardOutput, LifeguardTally } from "./lifeguard-output.ts";
import { sent, type WatchedPool, watchPool } from "./pool-watch.ts";
import { runSeed, SettingReader } from "./read-settings.ts";
import type { Report } from "./report.ts";
import { drawn, slowDown } from "./slow-members.ts";

/** The paper's table of parameters: C, D and I in ms. */
const paper = {
  slow: [1, 4, 8, 12, 16, 20, 24, 28, 32],
  durationMs: [128, 512, 1024, 2048, 4096, 8192, 16_384, 32_768],
  intervalMs: [1, 4, 16, 64, 256, 1024, 4096, 16_384],
  repeat: 10,
};

/** The paper's S = 8: scores from 0 to 8. memberlist has one fewer. */
const healthScores = 8 + 1;

const swim = { awarenessMaxMult: 1, suspicionMaxTimeoutMult: 1, buddy: false, nacks: false };

const all = { awarenessMaxMult: healthScores, suspicionMaxTimeoutMult: 6, buddy: true, nacks: true };

type WatchedEvent = SwimEvent | ExtendedEvent;
type Named<E> = Machine<E> & { readonly name: string };

interface Configuration {
  readonly detector: Detector;
  /** What it takes away of the whole. */
  readonly config: Partial<SwimConfig>;
}

export const configurations: Readonly<Record<string, Configuration>> = {
  SWIM: { detector: "swim", config: swim },
  "LHA-Probe": { detector: "swim", config: { ...swim, awarenessMaxMult: healthScores, nacks: true } },
  "LHA-Suspicion": { detector: "swim", config: { ...swim, suspicionMaxTimeoutMult: 6 } },
  "Buddy System": { detector: "swim", config: { ...swim, buddy: true } },
  Lifeguard: { detector: "swim", config: all },
  phi: { detector: "phi", config: swim },
  "phi, Lifeguard": { detector: "phi", config: all },
};

const most = 3_600_000;

export const lifeguard: Experiment = {
  name: "lifeguard",
  summary: "the Lifeguard paper's experiments: false positives, latencies and load with slow members, part by part",
  settings: [
    { ...detectorSettings[0]!, default: "swim" },
    { name: "full", help: "the paper's size: half a day", kind: "flag", default: false },
    { name: "nodes", help: "members", kind: "integer", default: 128, min: 8, max: 2000 },
    { name: "slow", help: "C: members slow at once", kind: "list", whole: true, default: "4,12,24", min: 1, max: 1000 },
    {
      name: "durationMs",
      help: "D: slow for so long, Interval runs",
      kind: "list",
      default: "16384",
      min: 1,
      max: most,
    },
    { name: "intervalMs", help: "I: well for so long", kind: "list", default: "64", min: 1, max: most },
    { name: "thresholdMs", help: "D of Threshold runs", kind: "list", default: "32768", min: 1, max: most },
    { name: "repeat", help: "runs of each", kind: "integer", default: 1, min: 1, max: 1000 },
    { name: "runMs", help: "length of an Interval run", kind: "duration", default: 120_000, min: 1000, max: most },
    { name: "quiesceMs", help: "undisturbed before each run", kind: "duration", default: 15_000, min: 0, max: most },
    { name: "suspicionMult", help: "alpha", kind: "integer", default: 5, min: 1, max: 100 },
    {
      name: "suspicionMaxTimeoutMult",
      help: "beta, where LHA-Suspicion is on",
      kind: "integer",
      default: 6,
      min: 1,
      max: 100,
    },
    ...detectorSettings.slice(1),
  ],
  run,
};

/** After a Threshold run's anomaly, so long for verdicts and news that are under way: ms. */
const afterMs = 30_000;

interface Cell {
  readonly kind: "interval" | "threshold";
  readonly slow: number;
  readonly durationMs: number;
  readonly intervalMs: number;
  readonly repetition: number;
}

function* run(report: Report, settings: Settings): Generator<Progress, void, void> {
  const read = new SettingReader(lifeguard, settings);
  const nodes = read.number("nodes");
  const cells = cellsOf(read).filter(({ slow }) => slow < nodes);
  const detectors = detectorsOf(read);
  const chosen = Object.entries(configurations).filter(([, { detector }]) => detectors.includes(detector));
  const output = new LifeguardOutput(
    report,
    chosen.map(([name]) => name),
  );
  // A cell's time grows with what it simulates.
  const cost = (cell: Cell) => read.number("quiesceMs") + lengthMs(cell, read.number("runMs"));
  const total = cells.reduce((sum, cell) => sum + cost(cell), 0) * chosen.length;
  let spent = 0;
  for (const cell of cells) {
    for (const [name, configuration] of chosen) {
      const doing = `${cell.kind}: ${name}, C ${cell.slow}, D ${cell.durationMs} ms, I ${cell.intervalMs} ms`;
      const progress = (share: number): Progress => ({ share: (spent + share * cost(cell)) / total, doing });
      const tally = new LifeguardTally();
      const seed = runSeed(report.seed, `lifeguard ${Object.values(cell).join(" ")}`);
      yield* play(read, cell, configuration, seed, tally, progress);
      spent += cost(cell);
      output.add(name, cell.kind, cell.slow, tally);
    }
    output.write();
  }
}

/** One run: undisturbed, then disturbed. */
function* play(
  read: SettingReader,
  cell: Cell,
  { detector, config }: Configuration,
  seed: number,
  tally: LifeguardTally,
  progress: (share: number) => Progress,
): Generator<Progress, void, void> {
  const quiesceMs = read.number("quiesceMs");
  const disturbedMs = lengthMs(cell, read.number("runMs"));
  const total = quiesceMs + disturbedMs;
  const options = {
    seed,
    nodes: read.number("nodes"),
    config: {
      ...config,
      suspicionMult: read.number("suspicionMult"),
      suspicionMaxTimeoutMult: config.suspicionMaxTimeoutMult === 1 ? 1 : read.number("suspicionMaxTimeoutMult"),
    },
  };
  const run = function* <M extends Named<E>, E extends WatchedEvent>(pool: WatchedPool<M, E>) {
    yield* advance(pool.world, quiesceMs, (share) => progress((share * quiesceMs) / total));
    yield* disturb(pool, cell, seed, disturbedMs, tally, (share) =>
      progress((quiesceMs + share * disturbedMs) / total),
    );
  };
  if (detector === "phi") yield* run(detectorPool(read, { ...options, detector }));
  else yield* run(swimPool(options));
}

function swimPool(options: { readonly seed: number; readonly nodes: number; readonly config: Partial<SwimConfig> }) {
  const pool = new SwimPool({ ...options, size: options.nodes, fidelity: "objects" });
  pool.addConverged(options.nodes);
  return pool;
}

function cellsOf(read: SettingReader): Cell[] {
  const full = read.flag("full");
  const slows = full ? paper.slow : read.list("slow");
  const durations = full ? paper.durationMs : read.list("durationMs");
  const intervals = full ? paper.intervalMs : read.list("intervalMs");
  const thresholds = full ? paper.durationMs : read.list("thresholdMs");
  const cells: Cell[] = [];
  for (let repetition = 0; repetition < (full ? paper.repeat : read.number("repeat")); repetition++) {
    for (const slow of slows) {
      for (const durationMs of thresholds) {
        cells.push({ kind: "threshold", slow, durationMs, intervalMs: 0, repetition });
      }
      for (const durationMs of durations) {
        for (const intervalMs of intervals) cells.push({ kind: "interval", slow, durationMs, intervalMs, repetition });
      }
    }
  }
  return cells;
}

/** Of the disturbed part: whole cycles, until so long is over. */
function lengthMs(cell: Cell, runMs: number): number {
  if (cell.kind === "threshold") return cell.durationMs + afterMs;
  const cycleMs = cell.durationMs + cell.intervalMs;
  return Math.ceil(runMs / cycleMs) * cycleMs;
}

/** Slows members down and tallies what follows. */
function* disturb<M extends Named<E>, E extends WatchedEvent>(
  pool: WatchedPool<M, E>,
  cell: Cell,
  seed: number,
  length: number,
  tally: LifeguardTally,
  progress: (share: number) => Progress,
): Generator<Progress, void, void> {
  const { world } = pool;
  const slow = drawn(pool.nodes.length, cell.slow, new Rng(seed).fork("slow members"));
  const healthyCount = pool.nodes.length - slow.size;
  const began = world.now;
  /** By slow member: the healthy ones that hold it dead. */
  const holders = new Map(Array.from(slow, (index) => [index, new Set<number>()]));
  const known = new Set<number>();
  watchPool(pool, {
    dead(observer, subject, now, declared) {
      const healthy = !slow.has(observer.index);
      if (!slow.has(subject)) {
        tally.falsePositive(healthy, declared);
        return;
      }
      const held = holders.get(subject)!;
      if (!healthy || known.has(subject)) return;
      if (cell.kind === "threshold" && !tally.detected.has(subject)) tally.detected.set(subject, now - began);
      held.add(observer.index);
      if (held.size < healthyCount) return;
      known.add(subject);
      if (cell.kind === "threshold") tally.disseminated.push(now - began);
    },
    joined(observer, subject) {
      holders.get(subject)?.delete(observer.index);
    },
  });
  const before = sent(pool.nodes);
  const members = pool.nodes.filter(({ index }) => slow.has(index));
  const intervalMs = cell.kind === "threshold" ? length : cell.intervalMs;
  slowDown(world, members, { durationMs: cell.durationMs, intervalMs }, began + length);
  yield* advance(world, length, progress);
  const after = sent(pool.nodes);
  tally.packets = after.packets - before.packets;
  tally.bytes = after.bytes - before.bytes;
  tally.slow = slow.size;
}
