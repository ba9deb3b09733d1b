/**
 * The part of `spread` that is about rounds: pure epidemics and their theory by the size of the pool and round by round,
 * with what the real pools did drawn beside them.
 */
import type { Rng } from "@hearsay/core";
import {
  type Epidemic,
  epidemicModes,
  formulaRounds,
  nextUninformed,
  roundsToShare,
  runEpidemic,
  theoryRounds,
  uninformedCurve,
  waveResidue,
} from "../epidemic.ts";
import type { Plot, Report, Row, Table } from "./report.ts";
import { largest, mean, median } from "./spread-figures.ts";
import { type Broadcast, shareMs, uninformedAt } from "./spread-pool.ts";

/** The broadcasts of one real pool. */
export interface PoolPoint {
  readonly nodes: number;
  readonly gossipNodes: number;
  readonly gossipIntervalMs: number;
  readonly broadcasts: readonly Broadcast[];
}

/** Rounds of a real pool's curve at most; it ends when everyone has it. */
const mostRounds = 100;

export class SpreadRounds {
  readonly #report: Report;
  readonly #rng: Rng;
  readonly #gossipNodes: number;
  readonly #loss: number;
  readonly #runs: number;
  readonly #table: Table;
  readonly #growth: Plot;

  /** @param runs seeds for each epidemic. */
  constructor(report: Report, rng: Rng, gossipNodes: number, loss: number, runs: number) {
    this.#report = report;
    this.#rng = rng;
    this.#gossipNodes = gossipNodes;
    this.#loss = loss;
    this.#runs = runs;
    this.#table = report.table("rounds", `Pure epidemics in synchronous rounds (medians of ${runs}), and theory`, [
      { key: "nodes", title: "nodes" },
      { key: "mode", title: "mode" },
      { key: "fanout", title: "fan-out" },
      { key: "half", title: "50 %", digits: 1 },
      { key: "most", title: "99 %", digits: 1 },
      { key: "everyone", title: "100 %", digits: 1 },
      { key: "worst", title: "100 %, worst" },
      { key: "recurrence", title: "100 %, recurrence", digits: 1 },
      { key: "formula", title: "100 %, formula", digits: 1 },
    ]);
    this.#growth = report.plot(
      "growth",
      "Rounds until everyone knows, over the size of the pool",
      { title: "nodes", scale: "log" },
      { title: "rounds until 100 % know" },
    );
  }

  /** The epidemics of one size: sizes ascending. */
  addSize(nodes: number): void {
    for (const epidemic of this.#epidemics(nodes)) {
      const histories = this.#histories(epidemic);
      const rounds = (share: number) => histories.flatMap((history) => roundsToShare(history, nodes, share) ?? []);
      const everyone = median(rounds(1));
      const recurrence = theoryRounds(epidemic, 1);
      this.#table.rows.push({
        nodes,
        mode: epidemic.mode,
        fanout: epidemic.fanout,
        half: median(rounds(0.5)),
        most: median(rounds(0.99)),
        everyone,
        worst: largest(rounds(1)),
        recurrence,
        formula: formulaRounds(epidemic) ?? null,
      });
      this.#point(nameOf(epidemic), nodes, everyone);
      this.#report.series(this.#growth, `${nameOf(epidemic)}, recurrence`, "theory").points.push([nodes, recurrence]);
    }
  }

  addPool({ nodes, gossipIntervalMs, broadcasts }: PoolPoint): void {
    const everyone = median(everyoneMs(broadcasts, nodes));
    this.#point("real pool, hops", nodes, median(broadcasts.map(({ hops }) => hops)));
    this.#point("real pool, gossip intervals", nodes, everyone === null ? null : everyone / gossipIntervalMs);
  }

  /** Share still without it after each round, and in the pool after each gossip interval. */
  uninformed(deep: PoolPoint): void {
    const { nodes } = deep;
    const epidemics = this.#epidemics(nodes);
    const columns = epidemics.flatMap((epidemic) => {
      const measured = this.#meanCurve(epidemic);
      const theory = uninformedCurve(epidemic, measured.length - 1);
      const name = nameOf(epidemic);
      return [
        { key: keyOf(epidemic), name, kind: "measured", curve: measured },
        { key: `${keyOf(epidemic)}Recurrence`, name: `${name}, recurrence`, kind: "theory", curve: theory },
      ] as const;
    });
    const pool = poolCurve(deep);
    const all = [
      ...columns,
      { key: "pool", name: "real pool, by gossip intervals", kind: "measured", curve: pool },
      { key: "poolTheory", name: "one wave, then push", kind: "theory", curve: this.#waveCurve(nodes, pool.length) },
    ] as const;
    const table = this.#report.table("uninformed", `Share still without it after each round, ${nodes} nodes (means)`, [
      { key: "round", title: "round" },
      ...all.map(({ key, name }) => ({ key, title: name, digits: 4 })),
    ]);
    const plot = this.#report.plot(
      "uninformed",
      `Still uninformed after each round, ${nodes} nodes`,
      { title: "round" },
      { title: "share still without it", scale: "log" },
    );
    const rounds = all.reduce((most, { curve }) => Math.max(most, curve.length), 0);
    for (let round = 0; round < rounds; round++) {
      const cells = all.map(({ key, curve }) => [key, curve[round] ?? null] as const);
      table.rows.push({ round, ...Object.fromEntries(cells) });
    }
    for (const { name, kind, curve } of all) {
      // Below a hundredth of one member there is nothing to see, and 0 has no logarithm.
      const shown = [...curve.entries()].filter(([, u]) => u >= 0.01 / nodes);
      this.#report.series(plot, name, kind).points.push(...shown);
    }
  }

  /** The answer in one sentence. */
  headline({ nodes, gossipNodes, gossipIntervalMs, broadcasts }: PoolPoint): void {
    const everyone = median(everyoneMs(broadcasts, nodes));
    const pool =
      everyone === null
        ? "no broadcast reached everyone in the real pool"
        : `the real pool ${everyone.toFixed(0)} ms, which is ${(everyone / gossipIntervalMs).toFixed(1)} gossip intervals ` +
          `and ${median(broadcasts.map(({ hops }) => hops))} hops`;
    this.#report.notes.push(
      `${nodes} nodes, until everyone knows: push to ${gossipNodes} a round takes ` +
        `${this.#row(nodes, "push", gossipNodes).everyone} rounds, push-pull with one partner ` +
        `${this.#row(nodes, "push-pull", 1).everyone} (medians of ${this.#runs}); ${pool} (median of ${broadcasts.length}).`,
    );
  }

  /** The modes with one partner a round, as in the textbooks, and push with the pool's fan-out. */
  #epidemics(nodes: number): Epidemic[] {
    const all: Epidemic[] = epidemicModes.map((mode) => ({ mode, nodes, fanout: 1, loss: this.#loss }));
    if (this.#gossipNodes > 1) all.push({ mode: "push", nodes, fanout: this.#gossipNodes, loss: this.#loss });
    return all;
  }

  #histories(epidemic: Epidemic): number[][] {
    const rng = this.#rng.fork(`epidemic ${epidemic.mode} ${epidemic.nodes} ${epidemic.fanout}`);
    return Array.from({ length: this.#runs }, (_, i) => runEpidemic(epidemic, rng.fork(`run ${i}`)));
  }

  #meanCurve(epidemic: Epidemic): number[] {
    const { nodes } = epidemic;
    const histories = this.#histories(epidemic);
    const length = histories.reduce((most, history) => Math.max(most, history.length), 0);
    return Array.from(
      { length },
      (_, round) => mean(histories.map((history) => 1 - (history[round] ?? nodes) / nodes)) ?? 0,
    );
  }

  /** A wave within the first interval, then rounds of push by all whom it reached. */
  #waveCurve(nodes: number, length: number): number[] {
    const epidemic: Epidemic = { mode: "push", nodes, fanout: this.#gossipNodes, loss: this.#loss };
    const curve = [1 - 1 / nodes];
    for (let u = waveResidue(this.#gossipNodes, this.#loss); curve.length < length && u < 1; ) {
      curve.push(u);
      u = nextUninformed(epidemic, u);
    }
    return curve;
  }

  #point(series: string, nodes: number, value: number | null): void {
    if (value !== null) this.#report.series(this.#growth, series).points.push([nodes, value]);
  }

  #row(nodes: number, mode: string, fanout: number): Row {
    return this.#table.rows.find((row) => row.nodes === nodes && row.mode === mode && row.fanout === fanout)!;
  }
}

/** ms until everyone had it, of the broadcasts that reached everyone. */
export function everyoneMs(broadcasts: readonly Broadcast[], nodes: number): number[] {
  return broadcasts.flatMap((broadcast) => shareMs(broadcast, nodes, 1) ?? []);
}

/** The mean share without it at each multiple of the gossip interval, until everyone has it. */
function poolCurve({ nodes, gossipIntervalMs, broadcasts }: PoolPoint): number[] {
  const curve: number[] = [];
  while (curve.length <= mostRounds && curve.at(-1) !== 0) {
    const ms = curve.length * gossipIntervalMs;
    // Before the first interval the source has told some already; the curve begins with the source alone, as theory does.
    curve.push(
      curve.length === 0
        ? 1 - 1 / nodes
        : (mean(broadcasts.map((broadcast) => uninformedAt(broadcast, nodes, ms))) ?? 0),
    );
  }
  return curve;
}

function nameOf({ mode, fanout }: Epidemic): string {
  return `${mode}, fan-out ${fanout}`;
}

function keyOf({ mode, fanout }: Epidemic): string {
  return `${mode === "push-pull" ? "pushPull" : mode}${fanout}`;
}
