/**
 * Averages by gossip: how far every member's estimate is off, round by round. Without trouble; with packets lost; and with
 * packets lost, members that end and are replaced, and values that grow, over several epochs. Errors are against what the
 * epoch began with, which is what it can know, and against the present, which is what a program wants to know.
 */

import { AggregateOutput } from "./aggregate-output.ts";
import { AggregatePool } from "./aggregate-pool.ts";
import { errorsOf, type Sample, sampleOf } from "./aggregate-sample.ts";
import { advance, advanceUntil, type Experiment, type Progress, type Settings } from "./experiment.ts";
import { runSeed, SettingReader } from "./read-settings.ts";
import type { Report } from "./report.ts";

export const aggregate: Experiment = {
  name: "aggregate",
  summary: "how far count, mean, sum and quantiles are off, round by round: in quiet, with loss, with loss and churn",
  settings: [
    { name: "nodes", help: "members", kind: "integer", default: 1000, min: 10, max: 20_000 },
    {
      name: "roundMs",
      help: "from one exchange to a member's next",
      kind: "duration",
      default: 1000,
      min: 100,
      max: 60_000,
    },
    { name: "epochRounds", help: "rounds until all start anew", kind: "integer", default: 50, min: 10, max: 1000 },
    { name: "epochs", help: "epochs with loss and churn", kind: "integer", default: 4, min: 2, max: 100 },
    { name: "loss", help: "packets lost, where some are", kind: "share", default: 0.1, min: 0, max: 0.5 },
    {
      name: "churn",
      help: "members replaced in each epoch, where some are",
      kind: "share",
      default: 0.01,
      min: 0,
      max: 0.5,
    },
    {
      name: "detectMs",
      help: "from a member's end until the others know",
      kind: "duration",
      default: 10_000,
      min: 0,
      max: 600_000,
    },
    {
      name: "drift",
      help: "by how much values grow in a minute, where there is churn",
      kind: "share",
      default: 0.05,
      min: 0,
      max: 1,
    },
    { name: "buckets", help: "of each member's sketch of quantiles", kind: "integer", default: 96, min: 8, max: 96 },
    { name: "extrema", help: "numbers drawn for the rough count", kind: "integer", default: 32, min: 8, max: 64 },
  ],
  run,
};

/** One kind of trouble. */
export interface Condition {
  readonly name: string;
  readonly loss: number;
  readonly churn: number;
  readonly drift: number;
  readonly epochs: number;
}

/** What programs are given, against the values of that moment: of those members whose estimate states a small error. */
export interface Served {
  readonly at: number;
  /** Members that have no such estimate. */
  readonly without: number;
  readonly worst: number;
  readonly typical: number;
  /** Of the oldest estimate in use: ms. */
  readonly ageMs: number;
}

export interface Course {
  readonly condition: Condition;
  readonly samples: Sample[];
  readonly served: Served[];
  /** By epoch: members replaced in it. */
  readonly replaced: Map<number, number>;
  bytesPerNodeRound: number;
}

function conditionsOf(read: SettingReader): Condition[] {
  const [loss, churn, drift, epochs] = ["loss", "churn", "drift", "epochs"].map((name) => read.number(name));
  const percent = (share: number) => `${Number((100 * share).toFixed(2))} %`;
  return [
    { name: "quiet", loss: 0, churn: 0, drift: 0, epochs: 1 },
    { name: `${percent(loss!)} loss`, loss: loss!, churn: 0, drift: 0, epochs: 1 },
    {
      name: `${percent(loss!)} loss, ${percent(churn!)} churn`,
      loss: loss!,
      churn: churn!,
      drift: drift!,
      epochs: epochs!,
    },
  ];
}

function* run(report: Report, settings: Settings): Generator<Progress, void, void> {
  const read = new SettingReader(aggregate, settings);
  const conditions = conditionsOf(read);
  const output = new AggregateOutput(report, read, conditions);
  const total = conditions.reduce((sum, { epochs }) => sum + epochs, 0);
  let done = 0;
  for (const condition of conditions) {
    const progress = (share: number): Progress => ({
      share: (done + share * condition.epochs) / total,
      doing: `${read.number("nodes")} members, ${condition.name}`,
    });
    const course: Course = { condition, samples: [], served: [], replaced: new Map(), bytesPerNodeRound: 0 };
    yield* measure(read, course, runSeed(report.seed, `aggregate ${condition.name}`), progress, output);
    output.close(course);
    done += condition.epochs;
  }
}

/** Where in a round it is looked: shortly before the end, so that an epoch's last round is seen too. */
const lookAt = 0.95;

function* measure(
  read: SettingReader,
  course: Course,
  seed: number,
  progress: (share: number) => Progress,
  output: AggregateOutput,
): Generator<Progress, void, void> {
  const { condition } = course;
  const roundMs = read.number("roundMs");
  const epochRounds = read.number("epochRounds");
  const pool = poolOf(read, condition, seed);
  const { world } = pool;
  yield* advanceUntil(
    world,
    () => pool.presents().length > 0,
    20 * roundMs,
    roundMs / 50,
    () => progress(0),
  );
  const rounds = epochRounds * condition.epochs;
  const before = pool.bytes;
  yield* advance(world, lookAt * roundMs, () => progress(0));
  for (let round = 1; round <= rounds; round++) {
    look(pool, course, roundMs, output);
    if (round === rounds) break;
    yield* replacing(pool, course, roundMs, Math.floor(((round + 1) / epochRounds) * condition.churn * pool.size), () =>
      progress(round / rounds),
    );
  }
  course.bytesPerNodeRound = (pool.bytes - before) / pool.size / rounds;
}

function poolOf(read: SettingReader, { loss, drift }: Condition, seed: number): AggregatePool {
  return new AggregatePool({
    seed,
    nodes: read.number("nodes"),
    loss,
    detectMs: read.number("detectMs"),
    driftPerMinute: drift,
    settings: {
      roundMs: read.number("roundMs"),
      epochRounds: read.number("epochRounds"),
      maxBuckets: read.number("buckets"),
      extrema: read.number("extrema"),
    },
  });
}

/** One round; by its end so many members have been replaced in all. */
function* replacing(
  pool: AggregatePool,
  course: Course,
  roundMs: number,
  until: number,
  progress: () => Progress,
): Generator<Progress, void, void> {
  const count = until - pool.replaced;
  for (let i = 0; i < count; i++) {
    yield* advance(pool.world, roundMs / (count + 1), progress);
    pool.replaceOne();
  }
  yield* advance(pool.world, roundMs / (Math.max(0, count) + 1), progress);
  const epoch = course.samples.at(-1)?.epoch ?? 0;
  course.replaced.set(epoch, (course.replaced.get(epoch) ?? 0) + Math.max(0, count));
}

/** A program should not act on an estimate that says of itself that it is off by more. */
export const goodError = 0.05;

function look(pool: AggregatePool, course: Course, roundMs: number, output: AggregateOutput): void {
  const sample = sampleOf(pool, roundMs);
  if (sample === undefined) return;
  course.samples.push(sample);
  const good = pool.estimates().filter((x) => Math.max(x.meanError, x.countError) < goodError);
  const { mean } = errorsOf(good, pool.values());
  const ageMs = good.reduce((most, x) => Math.max(most, x.ageMs), 0);
  course.served.push({ at: sample.at, without: pool.size - good.length, ...mean, ageMs });
  output.add(course);
}
