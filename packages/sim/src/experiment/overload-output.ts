/** What the overload experiment shows: a line for each variant, the course of time, and its pictures. */
import type { Staleness } from "./overload-pool.ts";
import { mean, worst } from "./quantile.ts";
import type { Plot, Report, Table } from "./report.ts";

export interface OverloadSample extends Staleness {
  readonly atMs: number;
  /** 0 before the overload, 1 in it, 2 after it. */
  readonly phase: number;
  /** Wishes to write and writes made since the beginning, over all members. */
  readonly wishes: number;
  readonly versions: number;
  /** Keys that flow control holds, over all members. */
  readonly held: number;
}

export interface OverloadTerms {
  /** Names, in the order in which they are measured. */
  readonly variants: readonly string[];
  readonly nodes: number;
  /** Writes a second and member that packets can carry, and that are written in normal times. */
  readonly capacity: number;
  readonly normal: number;
  readonly factor: number;
  /** How long each phase lasts: ms. */
  readonly phases: readonly [normal: number, overload: number, after: number];
}

/** Rows of the table over time: one in so many ms. */
const rowEveryMs = 5000;
/** It is over when the mean staleness is no more than so many times that of before. */
const overFactor = 1.5;

export class OverloadOutput {
  readonly #report: Report;
  readonly #terms: OverloadTerms;
  readonly #summary: Table;
  readonly #course: Table;
  readonly #max: Plot;
  readonly #mean: Plot;
  readonly #keys: Plot;
  #name = "";
  #hasFlow = false;
  #variant = -1;
  #samples: OverloadSample[] = [];

  constructor(report: Report, terms: OverloadTerms) {
    this.#report = report;
    this.#terms = terms;
    this.#summary = report.table("overload", `Copies of ${terms.nodes} members' keys`, [
      { key: "variant", title: "order of deltas" },
      { key: "beforeMeanS", title: "mean staleness before, s", digits: 1 },
      { key: "peakMeanS", title: "mean staleness, peak, s", digits: 1 },
      { key: "peakMaxS", title: "greatest staleness, peak, s", digits: 1 },
      { key: "peakKeys", title: "stale keys, peak" },
      { key: "endMeanS", title: "mean staleness, end, s", digits: 1 },
      { key: "overS", title: "over after, s" },
      { key: "askedMeanS", title: "mean since asked, peak, s", digits: 1 },
      { key: "askedMaxS", title: "greatest since asked, peak, s", digits: 1 },
      { key: "made", title: "writes/s and member, overload", digits: 2 },
      { key: "peakHeld", title: "held keys a member, peak", digits: 1 },
    ]);
    this.#course = report.table("course", "Over time", [
      { key: "atS", title: "at, s" },
      ...terms.variants.flatMap((name, i) => [
        { key: `meanS${i}`, title: `${name}: mean, s`, digits: 1 },
        { key: `maxS${i}`, title: "greatest, s", digits: 1 },
        { key: `keys${i}`, title: "stale keys" },
      ]),
    ]);
    const seconds = { title: "seconds" };
    this.#max = report.plot("max-staleness", "Staleness of the copy that is furthest behind", seconds, seconds);
    this.#mean = report.plot("mean-staleness", "Mean staleness of all copies", seconds, seconds);
    this.#keys = report.plot("stale-keys", "Stale keys, over all copies", seconds, { title: "keys" });
    this.#explain();
  }

  begin(name: string, hasFlow: boolean): void {
    this.#name = name;
    this.#hasFlow = hasFlow;
    this.#variant++;
    this.#samples = [];
  }

  add(sample: OverloadSample): void {
    this.#samples.push(sample);
    const atS = sample.atMs / 1000;
    const point = (plot: Plot, name: string, y: number) => this.#report.series(plot, name).points.push([atS, y]);
    point(this.#max, this.#name, sample.maxMs / 1000);
    point(this.#mean, this.#name, sample.meanMs / 1000);
    point(this.#keys, this.#name, sample.staleKeys);
    if (this.#hasFlow) {
      point(this.#max, `${this.#name}: since asked`, sample.askedMaxMs / 1000);
      point(this.#mean, `${this.#name}: since asked`, sample.askedMeanMs / 1000);
    }
    if (sample.atMs % rowEveryMs === 0) this.#row(sample);
  }

  /** The variant's samples are complete. */
  end(): void {
    const of = (phase: number) => this.#samples.filter((sample) => sample.phase === phase);
    const peak = (value: (sample: OverloadSample) => number) => worst(this.#samples.map(value)) ?? 0;
    const before = meanBefore(of(0));
    const overload = of(1);
    const first = of(0).at(-1)!;
    const last = overload.at(-1)!;
    this.#summary.rows.push({
      variant: this.#name,
      beforeMeanS: before / 1000,
      peakMeanS: peak(({ meanMs }) => meanMs) / 1000,
      peakMaxS: peak(({ maxMs }) => maxMs) / 1000,
      peakKeys: peak(({ staleKeys }) => staleKeys),
      endMeanS: this.#samples.at(-1)!.meanMs / 1000,
      overS: overAfter(of(2), before, last.atMs),
      askedMeanS: peak(({ askedMeanMs }) => askedMeanMs) / 1000,
      askedMaxS: peak(({ askedMaxMs }) => askedMaxMs) / 1000,
      made: (1000 * (last.versions - first.versions)) / (last.atMs - first.atMs) / this.#terms.nodes,
      peakHeld: peak(({ held }) => held) / this.#terms.nodes,
    });
    for (const plot of [this.#max, this.#mean, this.#keys]) this.#mark(plot);
  }

  #row(sample: OverloadSample): void {
    const atS = sample.atMs / 1000;
    const { rows } = this.#course;
    const known = rows.findIndex((row) => row.atS === atS);
    const place = known < 0 ? rows.length : known;
    rows[place] = {
      ...(rows[place] ?? { atS }),
      [`meanS${this.#variant}`]: sample.meanMs / 1000,
      [`maxS${this.#variant}`]: sample.maxMs / 1000,
      [`keys${this.#variant}`]: sample.staleKeys,
    };
  }

  /** A box around the time of overload, as high as what was measured. */
  #mark(plot: Plot): void {
    const { phases } = this.#terms;
    const points = plot.series.filter(({ kind }) => kind === "measured").flatMap((series) => series.points);
    const height = worst(points.map(([, y]) => y)) ?? 0;
    const from = phases[0] / 1000;
    const to = (phases[0] + phases[1]) / 1000;
    const box = this.#report.series(plot, "time of overload", "theory").points;
    box.length = 0;
    box.push([from, 0], [from, height], [to, height], [to, 0]);
  }

  #explain(): void {
    const { capacity, normal, factor, nodes } = this.#terms;
    const fixed = (value: number) => value.toFixed(2);
    this.#report.notes.push(
      `Capacity: a member takes part in two exchanges a round, one that it opens and, in the mean, one that another opens, and each brings it a packet of deltas: ${fixed(capacity)} writes a second by each of ${nodes} members, if no packet were wasted. Written are ${fixed(normal)}, in overload ${fixed(normal * factor)}, at random times, each a random key.`,
      "Staleness of a copy (one member's, of another's keys): time since the oldest write that it lacks was made. Stale keys: those of which a copy has an older value or none. Anti-entropy alone, push-pull; rumours and streams are off.",
      `Over: the mean staleness is again within ${overFactor} times what it was before; counted from the end of the overload.`,
      "Flow control holds writes at the writer until there is leave to make them, and a key that is written again meanwhile costs one write. What is held is not stale to others: since asked counts it in, from the first wish.",
    );
  }
}

/** Of the second half of the time before: the pool has found its pace by then. */
function meanBefore(samples: readonly OverloadSample[]): number {
  return mean(samples.slice(Math.floor(samples.length / 2)).map(({ meanMs }) => meanMs)) ?? 0;
}

function overAfter(samples: readonly OverloadSample[], beforeMs: number, endMs: number): number | null {
  const over = samples.find(({ meanMs }) => meanMs <= overFactor * beforeMs);
  return over === undefined ? null : (over.atMs - endMs) / 1000;
}
