/** Tables and pictures of `aggregate`, filled as it goes. */
import { type Condition, type Course, goodError } from "./aggregate.ts";
import type { Sample } from "./aggregate-sample.ts";
import type { SettingReader } from "./read-settings.ts";
import type { Column, Plot, Report, Table } from "./report.ts";

/** Rows of the course by round: each so many rounds. */
const rowEvery = 5;
const tiny = { style: "exponent", digits: 1 } as const;

export class AggregateOutput {
  readonly #report: Report;
  readonly #roundMs: number;
  readonly #epochRounds: number;
  readonly #goals: Table;
  readonly #courses: Table;
  readonly #epochs: Table;
  readonly #mean: Plot;
  readonly #count: Plot;
  readonly #long: Plot;
  #startedAt = 0;

  constructor(report: Report, read: SettingReader, conditions: readonly Condition[]) {
    this.#report = report;
    this.#roundMs = read.number("roundMs");
    this.#epochRounds = read.number("epochRounds");
    const nodes = read.number("nodes");
    this.#goals = report.table(
      "goals",
      `${nodes} members: rounds until the worst of them is within 1 % and a millionth`,
      goalColumns,
    );
    this.#courses = report.table("rounds", "Error of the first epoch, as a share of what it began with", courseColumns);
    this.#epochs = report.table("epochs", `Epochs one after another, ${conditions.at(-1)!.name}`, epochColumns);
    const log = { title: "error, share of the truth", scale: "log" } as const;
    this.#mean = report.plot("mean", `The worst of ${nodes} members: mean`, { title: "rounds" }, log);
    this.#count = report.plot("count", `The worst of ${nodes} members: count`, { title: "rounds" }, log);
    this.#long = report.plot("long", `The mean over epochs: ${conditions.at(-1)!.name}`, { title: "seconds" }, log);
    this.#explain(read);
  }

  /** The latest look of a course. */
  add(course: Course): void {
    const sample = course.samples.at(-1)!;
    const { condition } = course;
    const first = course.samples[0]!;
    if (course.samples.length === 1) this.#startedAt = sample.at;
    const round = Math.round(sample.round);
    if (sample.epoch === first.epoch) {
      this.#report.series(this.#mean, condition.name).points.push([round, sample.mean.worst]);
      this.#report.series(this.#count, condition.name).points.push([round, sample.count.worst]);
      if (round % rowEvery === 0) this.#courses.rows.push(courseRow(condition, round, sample));
    }
    if (condition.epochs > 1) this.#addLong(course, sample);
    if (round >= this.#epochRounds && condition.epochs > 1) this.#addEpoch(course, sample);
  }

  /** The course is over. */
  close(course: Course): void {
    const first = course.samples.filter(({ epoch }) => epoch === course.samples[0]?.epoch);
    const within = (of: (sample: Sample) => number, limit: number) => {
      // From then on, not by chance for once.
      const after = first.findLastIndex((sample) => !(of(sample) < limit)) + 1;
      return after < first.length ? Math.round(first[after]!.round) : null;
    };
    const last = first.at(-1);
    this.#goals.rows.push({
      condition: course.condition.name,
      mean1: within(({ mean }) => mean.worst, 0.01),
      count1: within(({ count }) => count.worst, 0.01),
      sum1: within(({ sum }) => sum.worst, 0.01),
      mean6: within(({ mean }) => mean.worst, 1e-6),
      count6: within(({ count }) => count.worst, 1e-6),
      sum6: within(({ sum }) => sum.worst, 1e-6),
      mass: last ? Math.abs(last.mass) : null,
      bytes: course.bytesPerNodeRound,
    });
  }

  #addLong({ served }: Course, sample: Sample): void {
    const at = (sample.at - this.#startedAt) / 1000;
    const add = (name: string, value: number) => this.#report.series(this.#long, name).points.push([at, value]);
    add("epoch under way, worst", sample.mean.worst);
    const { without, worst, typical } = served.at(-1)!;
    if (without > sample.members / 2) return;
    add("served, against the present, worst", worst);
    add("served, against the present, typical", typical);
  }

  #addEpoch({ samples, served, replaced }: Course, sample: Sample): void {
    // What was served while this epoch ran.
    const from = samples.findIndex(({ epoch }) => epoch === sample.epoch);
    const during = served.slice(from);
    this.#epochs.rows.push({
      epoch: sample.epoch,
      members: sample.members,
      replaced: replaced.get(sample.epoch) ?? 0,
      meanTypical: sample.mean.typical,
      mean: sample.mean.worst,
      count: sample.count.worst,
      sum: sample.sum.worst,
      p50: sample.p50.worst,
      p99: sample.p99.worst,
      stated: Math.max(sample.statedMean, sample.statedCount),
      mass: Math.abs(sample.mass),
      served: during.reduce((most, x) => Math.max(most, x.worst), 0),
      ageS: during.reduce((most, x) => Math.max(most, x.ageMs), 0) / 1000,
      without: during.at(-1)!.without,
    });
  }

  #explain(read: SettingReader): void {
    const drift = Number((100 * read.number("drift")).toFixed(2));
    this.#report.notes.push(
      `A round is ${this.#roundMs / 1000} s: each member starts one exchange in it. Values are log-normal: the 99th percentile is ten times the median. Errors are shares of the truth; the worst is that of the member that is off most, "typical" the root of the mean square over all.`,
      "The truth of an epoch is what its members gave into it, also those that ended since. Mass: by how much the average over all members' means differs from it, which is what exchanges have lost or made; members that end take theirs along.",
      `Churn is the share of members replaced in each epoch of ${this.#epochRounds} rounds, evenly, by a crash without a word; the others know after ${read.number("detectMs") / 1000} s. The newly come wait for the next epoch. Meanwhile all values grow by ${drift} % a minute.`,
      `Served: what a program is given, the epoch under way once its stated error is below 1 %, else the last one, where it states less than ${100 * goodError} %; against the values of that moment. Its error is then mostly age: values have grown since the epoch took them, and the oldest in use is told. Not served are the newly come, until their first epoch.`,
    );
  }
}

const goalColumns: Column[] = [
  { key: "condition", title: "trouble" },
  { key: "mean1", title: "mean within 1 %, rounds" },
  { key: "count1", title: "count within 1 %" },
  { key: "sum1", title: "sum within 1 %" },
  { key: "mean6", title: "mean within 1e-6" },
  { key: "count6", title: "count within 1e-6" },
  { key: "sum6", title: "sum within 1e-6" },
  { key: "mass", title: "mass lost or made", ...tiny },
  { key: "bytes", title: "bytes sent by a member in a round" },
];

const courseColumns: Column[] = [
  { key: "condition", title: "trouble" },
  { key: "round", title: "round" },
  { key: "members", title: "members" },
  { key: "meanTypical", title: "mean, typical", ...tiny },
  { key: "mean", title: "mean, worst", ...tiny },
  { key: "statedMean", title: "stated", ...tiny },
  { key: "countTypical", title: "count, typical", ...tiny },
  { key: "count", title: "count, worst", ...tiny },
  { key: "statedCount", title: "stated", ...tiny },
  { key: "sum", title: "sum, worst", ...tiny },
  { key: "p50", title: "median, worst", ...tiny },
  { key: "p99", title: "99th percentile, worst", ...tiny },
];

const epochColumns: Column[] = [
  { key: "epoch", title: "epoch" },
  { key: "members", title: "members at its end" },
  { key: "replaced", title: "replaced in it" },
  { key: "meanTypical", title: "mean, typical", ...tiny },
  { key: "mean", title: "mean, worst", ...tiny },
  { key: "count", title: "count, worst", ...tiny },
  { key: "sum", title: "sum, worst", ...tiny },
  { key: "p50", title: "median, worst", ...tiny },
  { key: "p99", title: "99th percentile, worst", ...tiny },
  { key: "stated", title: "stated, largest", ...tiny },
  { key: "mass", title: "mass lost or made", ...tiny },
  { key: "served", title: "served against the present, worst", ...tiny },
  { key: "ageS", title: "oldest served, s", digits: 1 },
  { key: "without", title: "not served at its end" },
];

function courseRow({ name }: Condition, round: number, sample: Sample) {
  const { members, mean, count, sum, p50, p99, statedMean, statedCount } = sample;
  return {
    condition: name,
    round,
    members,
    meanTypical: mean.typical,
    mean: mean.worst,
    statedMean,
    countTypical: count.typical,
    count: count.worst,
    statedCount,
    sum: sum.worst,
    p50: p50.worst,
    p99: p99.worst,
  };
}
