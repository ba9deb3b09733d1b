/**
 * Churn: members leave and crash at a rate, and each is replaced by a new one under a new name; some stay all the time, and
 * what they hold is measured. How far are views from the truth, what does it cost, and at which rate do the queues of news
 * grow without end? Beside it the rate that theory allows: packets a second, times updates in a packet, by transmissions
 * of each update.
 */
import { lanConfig, Rng } from "@hearsay/core";
import { type SwimNode, SwimPool } from "../pool.ts";
import { churnCapacity, updatesPerChange } from "./churn-capacity.ts";
import { advance, advanceUntil, type Experiment, type Progress, type Settings } from "./experiment.ts";
import { type Load, sent, viewsAgree } from "./pool-watch.ts";
import { mean, median, seconds, worst } from "./quantile.ts";
import { runSeed, SettingReader } from "./read-settings.ts";
import type { Plot, Report, Table } from "./report.ts";

export const churn: Experiment = {
  name: "churn",
  summary: "members come, leave and crash at a rate: errors of views, load, and the rate at which queues grow for ever",
  settings: [
    { name: "nodes", help: "members, kept up by newcomers", kind: "integer", default: 128, min: 8, max: 5000 },
    {
      name: "stableShare",
      help: "of them those that stay; what they see is measured",
      kind: "share",
      default: 0.5,
      min: 0.05,
      max: 0.95,
    },
    {
      name: "rates",
      help: "endings a second, each with a newcomer",
      kind: "list",
      default: "0.5,2,5,10,20,40",
      min: 0.01,
      max: 1000,
    },
    { name: "crashShare", help: "endings without a word", kind: "share", default: 0.5, min: 0, max: 1 },
    { name: "runMs", help: "how long each rate goes on", kind: "duration", default: 30_000, min: 5000, max: 3_600_000 },
    {
      name: "settleMs",
      help: "longest wait for agreement afterwards",
      kind: "duration",
      default: 300_000,
      min: 0,
      max: 3_600_000,
    },
    { name: "metaBytes", help: "meta of each member", kind: "integer", default: 0, min: 0, max: 512 },
    { name: "gossipNodes", help: "fan-out", kind: "integer", default: lanConfig.gossipNodes, min: 1, max: 20 },
    { name: "repeat", help: "runs of each rate", kind: "integer", default: 1, min: 1, max: 100 },
  ],
  run,
};

/** How often queues are looked at, and how often views are held against the truth: ms. */
const queueEveryMs = 1000;
const viewsEveryMs = 5000;
/** Members whose views are looked at. */
const observers = 16;
/** Between a leave and the end of the process, so that the news is out: ms. */
const leaveMs = 5000;
/** A queue that is longer in the last third than in the second by this factor, and by this many, grows. */
const growthFactor = 1.25;
const growthItems = 20;

interface Outcome {
  readonly changes: number;
  /** Mean queue in the second and last third of the time, and the longest of any member. */
  readonly queueMiddle: number;
  readonly queueLast: number;
  readonly queueLongest: number;
  readonly queues: readonly (readonly [atMs: number, length: number])[];
  /** Shares of the members that run which views lack; and entries held alive that do not run, by members that run. */
  readonly missing: number;
  readonly stale: number;
  readonly load: Load;
  readonly nodeSeconds: number;
  /** From the last ending until 99.9 % of all entries of all views are right, and until all are. */
  readonly nearMs: number | undefined;
  readonly agreedMs: number | undefined;
}

function* run(report: Report, settings: Settings): Generator<Progress, void, void> {
  const read = new SettingReader(churn, settings);
  const rates = read.list("rates");
  const repeat = read.number("repeat");
  const output = new Output(report, read);
  const total = rates.length * repeat;
  let done = 0;
  for (const rate of rates) {
    const outcomes: Outcome[] = [];
    for (let i = 0; i < repeat; i++) {
      const before = done++;
      const doing = `${rate} endings and newcomers a second, run ${i + 1} of ${repeat}`;
      const progress = (share: number): Progress => ({ share: (before + share) / total, doing });
      outcomes.push(yield* measure(read, rate, runSeed(report.seed, `churn ${rate} ${i}`), progress));
    }
    output.add(rate, outcomes);
  }
}

function* measure(
  read: SettingReader,
  rate: number,
  seed: number,
  progress: (share: number) => Progress,
): Generator<Progress, Outcome, void> {
  const nodes = read.number("nodes");
  const config = { gossipNodes: read.number("gossipNodes") };
  const pool = new SwimPool({ seed, size: 100_000, fidelity: "objects", metaBytes: read.number("metaBytes"), config });
  pool.addConverged(nodes);
  const { world } = pool;
  const rng = new Rng(seed).fork("churn");
  const stable = pool.nodes.slice(0, Math.max(1, Math.min(nodes - 1, Math.round(nodes * read.number("stableShare")))));
  const changing = new Changes(pool, stable, rng, read.number("crashShare"));
  yield* advance(world, 5000, (share) => progress(0.02 * share));

  const before = sent(pool.nodes);
  const runMs = read.number("runMs");
  const queues: [number, number][] = [];
  const missing: number[] = [];
  const stale: number[] = [];
  let longest = 0;
  const began = world.now;
  // Poisson: each ending is a random while after the last.
  const next = () => {
    changing.replaceOne();
    const at = world.now + (-1000 / rate) * Math.log(1 - rng.float());
    if (at < began + runMs) world.at(at, next);
  };
  world.at(began + (-1000 / rate) * Math.log(1 - rng.float()), next);
  for (let elapsed = 0; elapsed < runMs; elapsed += queueEveryMs) {
    yield* advance(world, Math.min(queueEveryMs, runMs - elapsed), () => progress(0.02 + (0.8 * elapsed) / runMs));
    const lengths = stable.map(({ machine }) => machine.queueLength("member"));
    queues.push([world.now - began, mean(lengths) ?? 0]);
    longest = Math.max(longest, worst(lengths) ?? 0);
    if ((elapsed / queueEveryMs) % (viewsEveryMs / queueEveryMs) !== 0 || elapsed < runMs / 4) continue;
    const errors = viewErrors(pool, stable, changing.settled());
    missing.push(errors.missing);
    stale.push(errors.stale);
  }
  const after = sent(pool.nodes);
  const third = (from: number, to: number) =>
    mean(queues.filter(([at]) => at > from * runMs && at <= to * runMs).map(([, length]) => length)) ?? 0;
  yield* advance(world, leaveMs, () => progress(0.82));
  const limitMs = read.number("settleMs");
  const ended = world.now;
  const nearMs = yield* advanceUntil(
    world,
    () => nearlyAgreed(pool),
    limitMs,
    200,
    (share) => progress(0.82 + 0.1 * share),
  );
  const restMs = Math.max(0, limitMs - (world.now - ended));
  const agreedMs = yield* advanceUntil(
    world,
    () => viewsAgree(pool),
    restMs,
    200,
    (share) => progress(0.92 + 0.08 * share),
  );
  return {
    changes: changing.count,
    queueMiddle: third(1 / 3, 2 / 3),
    queueLast: third(2 / 3, 1),
    queueLongest: longest,
    queues,
    missing: mean(missing) ?? 0,
    stale: mean(stale) ?? 0,
    load: { packets: after.packets - before.packets, bytes: after.bytes - before.bytes },
    nodeSeconds: (nodes * runMs) / 1000,
    nearMs: nearMs === undefined ? undefined : nearMs + leaveMs,
    agreedMs: agreedMs === undefined ? undefined : world.now - ended + leaveMs,
  };
}

/** Ends members and brings newcomers. */
class Changes {
  count = 0;
  readonly #pool: SwimPool;
  readonly #rng: Rng;
  readonly #crashShare: number;
  readonly #stable: readonly SwimNode[];
  /** Running and not leaving, without the stable ones. */
  readonly #passing: SwimNode[];
  /** Began less than so long ago: they are still joining. */
  readonly #bornAt = new Map<SwimNode, number>();

  /** All of the pool but the stable ones come and go. */
  constructor(pool: SwimPool, stable: readonly SwimNode[], rng: Rng, crashShare: number) {
    this.#pool = pool;
    this.#stable = stable;
    this.#rng = rng;
    this.#crashShare = crashShare;
    this.#passing = pool.nodes.slice(stable.length);
  }

  /** Members that have had the time to join. */
  settled(): SwimNode[] {
    const { now } = this.#pool.world;
    const passing = this.#passing.filter((node) => now - (this.#bornAt.get(node) ?? Number.NEGATIVE_INFINITY) > 2000);
    return [...this.#stable, ...passing];
  }

  replaceOne(): void {
    const { world } = this.#pool;
    this.count++;
    const place = this.#rng.below(this.#passing.length);
    const ending = this.#passing[place]!;
    this.#passing[place] = this.#passing.at(-1)!;
    this.#passing.pop();
    if (this.#rng.float() < this.#crashShare) world.crash(ending, { host: true });
    else {
      world.act(ending, (machine, now) => machine.leave(now));
      world.at(world.now + leaveMs, () => world.crash(ending, { host: true }));
    }
    const newcomer = this.#pool.add();
    this.#bornAt.set(newcomer, world.now);
    // Seeds are those that stay.
    this.#pool.join(newcomer, this.#stable[this.#rng.below(this.#stable.length)]!);
    this.#passing.push(newcomer);
  }
}

/** How far the views of some watchers are from the truth: means as shares of `members`, which run and have joined. */
function viewErrors(
  pool: SwimPool,
  watchers: readonly SwimNode[],
  members: readonly SwimNode[],
): { missing: number; stale: number } {
  const truth = new Set(members.map(({ machine }) => machine.name));
  const running = new Set(pool.living().map(({ machine }) => machine.name));
  const step = Math.max(1, Math.floor(watchers.length / observers));
  const missing: number[] = [];
  const stale: number[] = [];
  for (let i = 0; i < watchers.length; i += step) {
    const held = watchers[i]!.machine.members().filter(({ state }) => state === "alive" || state === "suspect");
    const known = held.filter(({ name }) => truth.has(name)).length;
    missing.push((truth.size - known) / truth.size);
    stale.push(held.filter(({ name }) => !running.has(name)).length / truth.size);
  }
  return { missing: mean(missing) ?? 0, stale: mean(stale) ?? 0 };
}

/** At most one entry in a thousand, over all views, is too many or too few. */
function nearlyAgreed(pool: SwimPool): boolean {
  const living = pool.living();
  const wrong = living.reduce((sum, { machine }) => sum + Math.abs(machine.aliveCount - living.length), 0);
  return wrong <= living.length ** 2 / 1000;
}

class Output {
  readonly #report: Report;
  readonly #table: Table;
  readonly #queues: Plot;
  readonly #lengths: Plot;
  readonly #capacity: number;

  constructor(report: Report, read: SettingReader) {
    this.#report = report;
    const nodes = read.number("nodes");
    const crashShare = read.number("crashShare");
    const pool = new SwimPool({ seed: 0, size: 100_000, config: { gossipNodes: read.number("gossipNodes") } });
    const capacity = churnCapacity(pool, nodes, read.number("metaBytes"), crashShare);
    this.#capacity = capacity.changesPerSecond;
    this.#table = report.table("churn", `Endings and newcomers among ${nodes} members`, [
      { key: "rate", title: "a second", digits: 1 },
      { key: "changes", title: "in all" },
      { key: "ofCapacityPercent", title: "of capacity, %", digits: 0 },
      { key: "queueMiddle", title: "queue, second third", digits: 1 },
      { key: "queueLast", title: "last third", digits: 1 },
      { key: "queueLongest", title: "longest" },
      { key: "grows", title: "grows" },
      { key: "missingPercent", title: "missing in views, %", digits: 2 },
      { key: "stalePercent", title: "stale in views, %", digits: 2 },
      { key: "packetsPerSecond", title: "packets/s and node", digits: 1 },
      { key: "bytesPerSecond", title: "bytes/s and node" },
      { key: "nearS", title: "99.9 % right afterwards, s", digits: 1 },
      { key: "agreedS", title: "all agree, s", digits: 1 },
      { key: "agreedWorstS", title: "worst", digits: 1 },
      { key: "disagreed", title: "runs without agreement" },
    ]);
    this.#queues = report.plot(
      "queue-by-rate",
      "News waiting at a member",
      { title: "endings and newcomers a second", scale: "log" },
      { title: "queue in the last third" },
    );
    this.#lengths = report.plot(
      "queue-over-time",
      "News waiting at a member, by endings and newcomers a second",
      { title: "seconds" },
      { title: "queue, mean of all members" },
    );
    report.notes.push(
      `Capacity: ${capacity.changesPerSecond.toFixed(1)} endings and newcomers a second. P packets/s x floor(packet bytes / update bytes) / transmissions = ${capacity.updatesPerSecond.toFixed(1)} updates/s of ${capacity.updateBytes.toFixed(0)} bytes, at ${updatesPerChange(crashShare).toFixed(2)} updates for an ending and a newcomer; P is gossip's and the probes'. Transmissions are those of ${nodes} members: the dead, remembered for a while, may add to them. Above it queues fill. They grow without end only well above: newer news of a member takes the place of the older before that has been sent its number of times, and who does not hear of something does not pass it on.`,
      `Grows: the queue's mean in the last third is more than ${growthFactor} times that in the second third, and ${growthItems} items more.`,
      "Queues and views are those of the members that stay. Missing: members that run, have had two seconds to join, and are not held alive or suspect. Stale: held so and ended; a crash takes a probe and a suspicion to be seen. Both as shares of the members, looked at after a quarter of the time.",
      "All agree: a member that missed a death, or learned of the dead from somebody who had missed it, keeps that entry after the others have forgotten it, until it probes it itself: up to twice as many periods as there are members.",
    );
  }

  add(rate: number, outcomes: readonly Outcome[]): void {
    const middle = (of: (outcome: Outcome) => number) => median(outcomes.map(of))!;
    const agreed = outcomes.flatMap(({ agreedMs }) => agreedMs ?? []);
    const queueMiddle = middle((outcome) => outcome.queueMiddle);
    const queueLast = middle((outcome) => outcome.queueLast);
    const grows = queueLast > growthFactor * queueMiddle && queueLast > queueMiddle + growthItems;
    this.#table.rows.push({
      rate,
      changes: middle(({ changes }) => changes),
      ofCapacityPercent: (100 * rate) / this.#capacity,
      queueMiddle,
      queueLast,
      queueLongest: Math.max(...outcomes.map(({ queueLongest }) => queueLongest)),
      grows: grows ? "yes" : "no",
      missingPercent: 100 * middle(({ missing }) => missing),
      stalePercent: 100 * middle(({ stale }) => stale),
      packetsPerSecond: middle(({ load, nodeSeconds }) => load.packets / nodeSeconds),
      bytesPerSecond: middle(({ load, nodeSeconds }) => load.bytes / nodeSeconds),
      nearS: seconds(median(outcomes.flatMap(({ nearMs }) => nearMs ?? []))),
      agreedS: seconds(median(agreed)),
      agreedWorstS: seconds(worst(agreed)),
      disagreed: outcomes.length - agreed.length,
    });
    this.#report.series(this.#queues, "measured").points.push([rate, queueLast]);
    const line = this.#report.series(this.#queues, "capacity", "theory").points;
    // A line upright at the capacity, as high as the measured values.
    line.length = 0;
    line.push(
      [this.#capacity, 0],
      [this.#capacity, Math.max(1, ...this.#table.rows.map((row) => Number(row.queueLast)))],
    );
    const series = this.#report.series(this.#lengths, String(rate));
    for (const [atMs, length] of outcomes[0]!.queues) series.points.push([atMs / 1000, length]);
  }
}
