/**
 * How soon a crash is noticed, declared and known to everybody, by cluster size and packet loss; and how often a healthy
 * member is suspected or declared dead meanwhile, in a window in which nothing happens. Beside it what theory says: SWIM's
 * section on detection, Lifeguard's suspicion, and the spreading of the news by push gossip.
 */
import { lanConfig, Rng, suspicionMinMs } from "@hearsay/core";
import { SwimPool } from "../pool.ts";
import { advance, advanceUntil, type Experiment, type Progress, type Settings } from "./experiment.ts";
import { counted, watchPool } from "./pool-watch.ts";
import { mean, median, seconds, worst } from "./quantile.ts";
import { runSeed, SettingReader } from "./read-settings.ts";
import type { Report, Row } from "./report.ts";

export const detect: Experiment = {
  name: "detect",
  summary: "time to suspect, declare and know a crash, by size and loss; false positives while nothing happens",
  settings: [
    { name: "nodes", help: "cluster sizes", kind: "list", whole: true, default: "16,64,256,512", min: 4, max: 10_000 },
    { name: "loss", help: "shares of packets lost", kind: "list", default: "0,0.02,0.1,0.2", min: 0, max: 0.9 },
    { name: "repeat", help: "runs for each size and loss", kind: "integer", default: 3, min: 1, max: 1000 },
    { name: "crashes", help: "members that crash, one a second", kind: "integer", default: 4, min: 1, max: 100 },
    { name: "quietMs", help: "window for false positives", kind: "duration", default: 30_000, min: 0, max: 86_400_000 },
    { name: "probeIntervalMs", help: "the protocol period", kind: "duration", default: 1000, min: 100, max: 60_000 },
    { name: "streamPings", help: "also ping over TCP when packets seem lost", kind: "flag", default: true },
  ],
  run,
};

/** Time for gossip and health scores to become what they are at this loss: periods. */
const settlePeriods = 20;
/** After the longest suspicion, so long for the news: ms. */
const spareMs = 60_000;

interface Sample {
  /** Undefined when a suspicion of it ran already, wrongly, at the time of the crash. */
  readonly suspectMs: number | undefined;
  readonly deadMs: number;
  readonly everyoneMs: number;
}

interface Quiet {
  readonly probes: number;
  readonly probesFailed: number;
  readonly suspicions: number;
  /** Members that were healthy and were declared dead by somebody. */
  readonly declared: number;
}

interface Measured {
  readonly samples: Sample[];
  readonly quiet: Quiet[];
  /** Crashes that somebody had not heard of at the limit. */
  missed: number;
}

function* run(report: Report, settings: Settings): Generator<Progress, void, void> {
  const read = new SettingReader(detect, settings);
  const sizes = read.list("nodes");
  const losses = read.list("loss");
  const repeat = read.number("repeat");
  const out = new Output(report, sizes, losses, read.number("quietMs"));
  const total = sizes.length * losses.length * repeat;
  let done = 0;
  for (const nodes of sizes) {
    for (const loss of losses) {
      const all: Measured = { samples: [], quiet: [], missed: 0 };
      for (let i = 0; i < repeat; i++) {
        const before = done++;
        const progress = (share: number): Progress => ({
          share: (before + share) / total,
          doing: `${nodes} nodes, ${percent(loss)} loss, run ${i + 1} of ${repeat}`,
        });
        yield* measure(read, nodes, loss, runSeed(report.seed, `detect ${nodes} ${loss} ${i}`), all, progress);
      }
      out.add(nodes, loss, all, theory(nodes, loss, read.number("probeIntervalMs")));
    }
  }
}

/** One pool: a quiet window, then crashes. */
function* measure(
  read: SettingReader,
  nodes: number,
  loss: number,
  seed: number,
  into: Measured,
  progress: (share: number) => Progress,
): Generator<Progress, void, void> {
  const period = read.number("probeIntervalMs");
  const quietMs = read.number("quietMs");
  const config = { probeIntervalMs: period, probeTimeoutMs: period / 2, streamPings: read.flag("streamPings") };
  const pool = new SwimPool({ seed, size: nodes, fidelity: "objects", network: { loss }, config });
  const { world } = pool;
  pool.addConverged(nodes);
  const wrongly = new Set<number>();
  watchPool(pool, { dead: (_observer, subject) => wrongly.add(subject) });
  const settleMs = settlePeriods * period;
  const aheadMs = quietMs + settleMs;
  yield* advance(world, settleMs, (share) => progress((share * settleMs * 0.7) / aheadMs));
  const before = totals(pool);
  wrongly.clear();
  yield* advance(world, quietMs, (share) => progress(((settleMs + share * quietMs) * 0.7) / aheadMs));
  const after = totals(pool);
  into.quiet.push({
    probes: after.probes - before.probes,
    probesFailed: after.probesFailed - before.probesFailed,
    suspicions: after.suspicions - before.suspicions,
    declared: wrongly.size,
  });

  const victims = new Map<number, Crash>();
  const rng = new Rng(seed).fork("crashes");
  const count = Math.max(1, Math.min(read.number("crashes"), Math.floor(nodes / 8)));
  while (victims.size < count) {
    const index = rng.below(nodes);
    if (!victims.has(index)) victims.set(index, { at: 0, suspect: -1, dead: -1, everyone: -1, holders: new Set() });
  }
  const open = watchCrashes(pool, victims);
  for (const [index, crash] of victims) {
    crash.at = world.now;
    world.crash(pool.nodes[index]!, { host: true });
    yield* advance(world, period, () => progress(0.7));
  }
  const longest = suspicionMinMs(pool.config.suspicionMult, nodes, period) * pool.config.suspicionMaxTimeoutMult;
  yield* advanceUntil(
    world,
    () => open() === 0,
    longest + 10 * period + spareMs,
    period / 10,
    (share) => progress(0.7 + 0.3 * share),
  );
  into.missed += open();
  for (const { at, suspect, dead, everyone } of victims.values()) {
    if (everyone < 0) continue;
    into.samples.push({
      suspectMs: suspect < 0 ? undefined : suspect - at,
      deadMs: dead - at,
      everyoneMs: everyone - at,
    });
  }
}

interface Crash {
  /** World ms, as the others. */
  at: number;
  /** -1 while it has not happened. */
  suspect: number;
  dead: number;
  everyone: number;
  /** Who holds it dead. */
  readonly holders: Set<number>;
}

/** Notes what becomes known of the crashes; returns how many are not known to everybody. */
function watchCrashes(pool: SwimPool, victims: ReadonlyMap<number, Crash>): () => number {
  const witnesses = pool.nodes.length - victims.size;
  watchPool(pool, {
    suspected(_observer, subject, now) {
      const crash = victims.get(subject);
      if (crash && crash.at > 0 && crash.suspect < 0) crash.suspect = now;
    },
    dead(observer, subject, now) {
      const crash = victims.get(subject);
      if (!crash || victims.has(observer.index)) return;
      if (crash.dead < 0) crash.dead = now;
      crash.holders.add(observer.index);
      if (crash.holders.size === witnesses) crash.everyone = now;
    },
    joined(observer, subject) {
      victims.get(subject)?.holders.delete(observer.index);
    },
  });
  return () => [...victims.values()].filter(({ everyone }) => everyone < 0).length;
}

function totals(pool: SwimPool) {
  return {
    probes: counted(pool.nodes, "probes"),
    probesFailed: counted(pool.nodes, "probesFailed"),
    suspicions: counted(pool.nodes, "suspicions"),
  };
}

interface Theory {
  readonly suspectMs: number;
  readonly deadMs: number;
  readonly everyoneMs: number;
  /** Share of the probes of a healthy member that fail, without the ping over TCP. */
  readonly failShare: number;
}

/**
 * Median of the wait for the first ping, an exponential with the period as its mean, and the probe itself; then the
 * shortest suspicion, since confirmations come sooner; then the rounds of push gossip at this fan-out.
 */
export function theory(nodes: number, loss: number, periodMs: number): Theory {
  const { suspicionMult, gossipNodes, gossipIntervalMs, indirectChecks } = lanConfig;
  const arrive = 1 - loss;
  const suspectMs = periodMs * Math.LN2 + periodMs;
  const deadMs = suspectMs + suspicionMinMs(suspicionMult, nodes, periodMs);
  const reach = gossipNodes * arrive;
  const rounds = Math.log(nodes) / Math.log(1 + reach) + Math.log(nodes) / reach;
  return {
    suspectMs,
    deadMs,
    everyoneMs: deadMs + rounds * gossipIntervalMs,
    failShare: (1 - arrive ** 2) * (1 - arrive ** 4) ** indirectChecks,
  };
}

/** The tables and plots, filled row by row. */
class Output {
  readonly #report: Report;
  readonly #times;
  readonly #falses;
  readonly #bySize;
  readonly #byLoss;
  readonly #plotLoss: number;
  readonly #plotSize: number;
  readonly #quietMs: number;

  constructor(report: Report, sizes: readonly number[], losses: readonly number[], quietMs: number) {
    this.#report = report;
    this.#plotLoss = losses[0]!;
    this.#plotSize = sizes.at(-1)!;
    this.#quietMs = quietMs;
    this.#times = report.table("detect", "From a crash to the news: median (worst), beside theory, s", [
      { key: "nodes", title: "nodes" },
      { key: "lossPercent", title: "loss, %", digits: 1 },
      { key: "samples", title: "crashes" },
      { key: "missed", title: "not known to all" },
      { key: "suspectS", title: "first suspicion", digits: 2 },
      { key: "suspectMeanS", title: "its mean", digits: 2 },
      { key: "suspectTheoryS", title: "theory", digits: 2 },
      { key: "deadS", title: "first dead", digits: 2 },
      { key: "deadWorstS", title: "worst", digits: 2 },
      { key: "deadTheoryS", title: "theory", digits: 2 },
      { key: "everyoneS", title: "everyone knows", digits: 2 },
      { key: "everyoneWorstS", title: "worst", digits: 2 },
      { key: "everyoneTheoryS", title: "theory", digits: 2 },
    ]);
    this.#falses = report.table("false-positives", "While nothing happens", [
      { key: "nodes", title: "nodes" },
      { key: "lossPercent", title: "loss, %", digits: 1 },
      { key: "nodeHours", title: "node-hours", digits: 2 },
      { key: "failPercent", title: "probes failed, %", digits: 3 },
      { key: "failTheoryPercent", title: "theory without TCP, %", digits: 3 },
      { key: "suspicions", title: "suspicions in views" },
      { key: "declared", title: "healthy members declared dead" },
      { key: "perNodeHour", title: "per node-hour", digits: 3 },
    ]);
    this.#bySize = report.plot(
      "detect-by-size",
      `A crash at ${percent(this.#plotLoss)} loss`,
      { title: "nodes", scale: "log" },
      { title: "seconds, median" },
    );
    this.#byLoss = report.plot(
      "detect-by-loss",
      `A crash among ${this.#plotSize} nodes`,
      { title: "loss, %" },
      { title: "seconds, median" },
    );
    report.notes.push(
      "Theory: first suspicion T ln 2 + T (the wait for the first ping is exponential with mean T; the probe lasts T), first dead adds the shortest suspicion 4 max(1, log10 n) T, everyone adds log_{1+r} n + ln n / r rounds of gossip with r = fan-out (1 - loss).",
      `SWIM's e/(e-1) = ${(Math.E / (Math.E - 1)).toFixed(2)} periods count whole periods that all members begin together, the last one with its probe included; with members out of step the mean is two periods.`,
      "Probes failed, theory: (1 - q^2)(1 - q^4)^3 with q = 1 - loss, which knows no ping over TCP: --no-stream-pings measures that.",
      "A suspicion in views is one member's coming to hold one other suspect; a member counts as declared dead once in each run.",
    );
  }

  add(nodes: number, loss: number, { samples, quiet, missed }: Measured, expected: Theory): void {
    const suspect = samples.flatMap(({ suspectMs }) => suspectMs ?? []);
    const dead = samples.map(({ deadMs }) => deadMs);
    const everyone = samples.map(({ everyoneMs }) => everyoneMs);
    const row: Row = {
      nodes,
      lossPercent: loss * 100,
      samples: samples.length + missed,
      missed,
      suspectS: seconds(median(suspect)),
      suspectMeanS: seconds(mean(suspect)),
      suspectTheoryS: expected.suspectMs / 1000,
      deadS: seconds(median(dead)),
      deadWorstS: seconds(worst(dead)),
      deadTheoryS: expected.deadMs / 1000,
      everyoneS: seconds(median(everyone)),
      everyoneWorstS: seconds(worst(everyone)),
      everyoneTheoryS: expected.everyoneMs / 1000,
    };
    this.#times.rows.push(row);
    if (loss === this.#plotLoss) this.#draw(this.#bySize, nodes, row);
    if (nodes === this.#plotSize) this.#draw(this.#byLoss, loss * 100, row);

    const sum = (of: (window: Quiet) => number) => quiet.reduce((all, window) => all + of(window), 0);
    const nodeHours = (nodes * quiet.length * this.#quietMs) / 3_600_000;
    const declared = sum((window) => window.declared);
    this.#falses.rows.push({
      nodes,
      lossPercent: loss * 100,
      nodeHours,
      failPercent:
        (100 * sum((window) => window.probesFailed)) /
        Math.max(
          1,
          sum((window) => window.probes),
        ),
      failTheoryPercent: 100 * expected.failShare,
      suspicions: sum((window) => window.suspicions),
      declared,
      perNodeHour: nodeHours > 0 ? declared / nodeHours : null,
    });
  }

  #draw(plot: ReturnType<Report["plot"]>, x: number, row: Row): void {
    for (const [key, name] of [
      ["suspect", "first suspicion"],
      ["dead", "first dead"],
      ["everyone", "everyone knows"],
    ] as const) {
      const measured = row[`${key}S`];
      if (typeof measured === "number") this.#report.series(plot, name).points.push([x, measured]);
      const expected = row[`${key}TheoryS`];
      if (typeof expected === "number") {
        this.#report.series(plot, `${name}, theory`, "theory").points.push([x, expected]);
      }
    }
  }
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(6))} %`;
}
