/** What the `detect` experiment found: tables and plots, filled row by row. */
import type { Case, Measured, Quiet } from "./detect-measure.ts";
import type { Theory } from "./detect-theory.ts";
import { type Detector, detectorTitles } from "./detector-pool.ts";
import { mean, median, seconds, worst } from "./quantile.ts";
import type { Column, Plot, Report, Row } from "./report.ts";

const caseColumns: readonly Column[] = [
  { key: "detector", title: "detector" },
  { key: "nodes", title: "nodes" },
  { key: "lossPercent", title: "loss, %", digits: 1 },
  { key: "slow", title: "slow" },
];

export class DetectOutput {
  readonly #report: Report;
  readonly #times;
  readonly #falses;
  readonly #plots: readonly FactorPlots[];
  readonly #quietMs: number;
  readonly #withTheory: boolean;

  constructor(report: Report, cases: readonly Case[], quietMs: number) {
    this.#report = report;
    this.#quietMs = quietMs;
    this.#times = report.table("detect", "From a crash to the news: median (worst), beside theory, s", timeColumns);
    this.#falses = report.table("false-positives", "While nobody dies", falseColumns);
    // Two detectors are compared with each other, one with theory.
    this.#withTheory = cases.every(({ detector }) => detector === cases[0]?.detector);
    this.#plots = factorPlots(report, cases);
    report.notes.push(...notes);
  }

  add(measuredCase: Case, measured: Measured, expected: Theory | undefined): void {
    const times = timesRow(measuredCase, measured, expected);
    const falses = this.#falsesRow(measuredCase, measured.quiet, expected);
    this.#times.rows.push(times);
    this.#falses.rows.push(falses);
    for (const plots of this.#plots) {
      if (!plots.shows(measuredCase)) continue;
      this.#drawTimes(plots.times, plots.at(measuredCase), measuredCase.detector, times);
      this.#drawFalses(plots.falses, plots.at(measuredCase), measuredCase.detector, falses);
    }
  }

  #falsesRow(measuredCase: Case, quiet: readonly Quiet[], expected: Theory | undefined): Row {
    const { nodes, slow } = measuredCase;
    const sum = (key: keyof Quiet) => quiet.reduce((all, window) => all + window[key], 0);
    const nodeSeconds = Math.max(1, (nodes * quiet.length * this.#quietMs) / 1000);
    const nodeHours = ((nodes - slow) * quiet.length * this.#quietMs) / 3_600_000;
    return {
      ...caseOf(measuredCase),
      nodeHours,
      failPercent: (100 * sum("probesFailed")) / Math.max(1, sum("probes")),
      failTheoryPercent: expected ? 100 * expected.failShare : null,
      suspicions: sum("suspicions"),
      declared: sum("declared"),
      declaredByWell: sum("declaredByWell"),
      perNodeHour: nodeHours > 0 ? sum("declared") / nodeHours : null,
      declaredSlow: sum("declaredSlow"),
      packetsPerS: sum("packets") / nodeSeconds,
      bytesPerS: sum("bytes") / nodeSeconds,
    };
  }

  #drawTimes(plot: Plot, x: number, detector: Detector, row: Row): void {
    for (const [key, name] of [
      ["suspect", "first suspicion"],
      ["dead", "first dead"],
      ["everyone", "everyone knows"],
    ] as const) {
      // With both, two curves of each: the first suspicion, and the end.
      if (key === "dead" && !this.#withTheory) continue;
      const measured = row[`${key}S`];
      const title = this.#withTheory ? name : `${detectorTitles[detector]}, ${name}`;
      if (typeof measured === "number") this.#report.series(plot, title).points.push([x, measured]);
      const expected = row[`${key}TheoryS`];
      if (this.#withTheory && typeof expected === "number")
        this.#report.series(plot, `${name}, theory`, "theory").points.push([x, expected]);
    }
  }

  #drawFalses(plot: Plot, x: number, detector: Detector, row: Row): void {
    const { perNodeHour } = row;
    if (typeof perNodeHour === "number")
      this.#report.series(plot, detectorTitles[detector]).points.push([x, perNodeHour]);
  }
}

const timeColumns: readonly Column[] = [
  ...caseColumns,
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
];

const falseColumns: readonly Column[] = [
  ...caseColumns,
  { key: "nodeHours", title: "node-hours", digits: 2 },
  { key: "failPercent", title: "probes failed, %", digits: 3 },
  { key: "failTheoryPercent", title: "theory without TCP, %", digits: 3 },
  { key: "suspicions", title: "suspicions in views" },
  { key: "declared", title: "healthy members declared dead" },
  { key: "declaredByWell", title: "at healthy members" },
  { key: "perNodeHour", title: "per node-hour", digits: 3 },
  { key: "declaredSlow", title: "slow members declared dead" },
  { key: "packetsPerS", title: "packets/s and node", digits: 1 },
  { key: "bytesPerS", title: "bytes/s and node" },
];

const notes = [
  "Both detectors run on the same nodes with the same heartbeats, which also answer probes; only the judge is another. What follows an accusation, suspicion and gossip, is the same. Theory is of SWIM.",
  "Theory: first suspicion T ln 2 + T (the wait for the first ping is exponential with mean T; the probe lasts T), first dead adds the shortest suspicion 4 max(1, log10 n) T, everyone adds log_{1+r} n + ln n / r rounds of gossip with r = fan-out (1 - loss).",
  `SWIM's e/(e-1) = ${(Math.E / (Math.E - 1)).toFixed(2)} periods count whole periods that all members begin together, the last one with its probe included; with members out of step the mean is two periods.`,
  "Probes failed, theory: (1 - q^2)(1 - q^4)^3 with q = 1 - loss, which knows no ping over TCP: --no-stream-pings measures that.",
  "A suspicion in views is one member's coming to hold one other suspect; a member counts as declared dead once in each run. Healthy members are those that are never slow; times are of what they know. Slow members, tried in the largest pool at the least loss, are slow all together, from the beginning to the end.",
];

function caseOf({ detector, nodes, loss, slow }: Case): Row {
  return { detector: detectorTitles[detector], nodes, lossPercent: loss * 100, slow };
}

function timesRow(measuredCase: Case, { samples, missed }: Measured, expected: Theory | undefined): Row {
  const suspect = samples.flatMap(({ suspectMs }) => suspectMs ?? []);
  const dead = samples.map(({ deadMs }) => deadMs);
  const everyone = samples.map(({ everyoneMs }) => everyoneMs);
  return {
    ...caseOf(measuredCase),
    samples: samples.length + missed,
    missed,
    suspectS: seconds(median(suspect)),
    suspectMeanS: seconds(mean(suspect)),
    suspectTheoryS: seconds(expected?.suspectMs ?? null),
    deadS: seconds(median(dead)),
    deadWorstS: seconds(worst(dead)),
    deadTheoryS: seconds(expected?.deadMs ?? null),
    everyoneS: seconds(median(everyone)),
    everyoneWorstS: seconds(worst(everyone)),
    everyoneTheoryS: seconds(expected?.everyoneMs ?? null),
  };
}

/** Curves over one factor, the other two being held. */
interface FactorPlots {
  readonly times: Plot;
  readonly falses: Plot;
  shows(measuredCase: Case): boolean;
  at(measuredCase: Case): number;
}

type Factor = "nodes" | "loss" | "slow";

/** Size and loss are shown without slow members, loss and slow members in the largest pool, the others at the least loss. */
function factorPlots(report: Report, cases: readonly Case[]): FactorPlots[] {
  const values = (factor: Factor) => cases.map((one) => one[factor]);
  const held = {
    nodes: Math.max(...values("nodes")),
    loss: Math.min(...values("loss")),
    slow: Math.min(...values("slow")),
  };
  const texts = { nodes: `${held.nodes} nodes`, loss: `${percent(held.loss)} loss`, slow: `${held.slow} slow members` };
  const titles = { nodes: "nodes", loss: "loss, %", slow: "slow members" };
  const plotsOf = (factor: Factor, name: string): FactorPlots => {
    const others = (["nodes", "loss", "slow"] as const).filter((other) => other !== factor);
    const where = others.map((other) => texts[other]).join(", ");
    const x = { title: titles[factor], scale: factor === "nodes" ? "log" : "linear" } as const;
    return {
      times: report.plot(`detect-by-${name}`, `A crash: ${where}`, x, { title: "seconds, median" }),
      falses: report.plot(`false-by-${name}`, `Healthy members declared dead: ${where}`, x, {
        title: "per node-hour",
      }),
      shows: (one) => others.every((other) => one[other] === held[other]),
      at: (one) => (factor === "loss" ? one.loss * 100 : one[factor]),
    };
  };
  return [plotsOf("nodes", "size"), plotsOf("loss", "loss"), plotsOf("slow", "slow")];
}

export function percent(share: number): string {
  return `${Number((share * 100).toPrecision(6))} %`;
}
