/**
 * A pool split in two for a given time, then healed: how long until all agree again? Until the others' suspicions have run
 * out, healing costs next to nothing; after that the halves hold each other dead and must find each other again, by trying
 * lost members now and then, and by full exchanges.
 */
import { lanConfig, suspicionMinMs } from "@hearsay/core";
import { SwimPool } from "../pool.ts";
import { advance, advanceUntil, type Experiment, type Progress, type Settings } from "./experiment.ts";
import { sent, viewsAgree, watchPool } from "./pool-watch.ts";
import { median, seconds, worst } from "./quantile.ts";
import { runSeed, SettingReader } from "./read-settings.ts";
import type { Plot, Report, Table } from "./report.ts";

const longest = 24 * 3_600_000;

export const partition: Experiment = {
  name: "partition",
  summary: "a pool split for a given time, then healed: who is given up meanwhile, and the time until all agree again",
  settings: [
    { name: "nodes", help: "members", kind: "integer", default: 128, min: 4, max: 10_000 },
    {
      name: "splitMs",
      help: "lengths of the split",
      kind: "list",
      default: "5000,15000,30000,120000,300000",
      min: 100,
      max: longest,
    },
    {
      name: "shares",
      help: "the smaller side's part of the members",
      kind: "list",
      default: "0.5,0.1",
      min: 0.001,
      max: 0.5,
    },
    { name: "repeat", help: "runs of each", kind: "integer", default: 3, min: 1, max: 1000 },
    { name: "healMs", help: "longest wait for agreement", kind: "duration", default: 600_000, min: 1000, max: longest },
    {
      name: "reconnectIntervalMs",
      help: "how often a lost member is tried",
      kind: "duration",
      default: 15_000,
      min: 0,
      max: 3_600_000,
    },
  ],
  run,
};

interface Outcome {
  /** Views, of both sides, in which a member of the other side is dead when the split ends; as a share of all such. */
  readonly givenUp: number;
  /** Until both sides have a member that sees one of the other side alive again; undefined if none was lost. */
  readonly contactMs: number | undefined;
  readonly agreedMs: number | undefined;
  /** Deaths of running members in views after the split was over: mistakes of healing. */
  readonly lateDeaths: number;
  /** Sent from healing till agreement, by member. */
  readonly kibPerNode: number;
}

const settleMs = 5000;

function* run(report: Report, settings: Settings): Generator<Progress, void, void> {
  const read = new SettingReader(partition, settings);
  const shares = read.list("shares");
  const splits = read.list("splitMs");
  const repeat = read.number("repeat");
  const output = new Output(report, read);
  const cost = (splitMs: number) => splitMs + 60_000;
  const total = splits.reduce((sum, splitMs) => sum + cost(splitMs), 0) * shares.length * repeat;
  let spent = 0;
  for (const share of shares) {
    for (const splitMs of splits) {
      const outcomes: Outcome[] = [];
      for (let i = 0; i < repeat; i++) {
        const before = spent;
        spent += cost(splitMs);
        const doing = `${share * 100} % split off for ${splitMs / 1000} s, run ${i + 1} of ${repeat}`;
        const progress = (part: number): Progress => ({ share: (before + part * cost(splitMs)) / total, doing });
        outcomes.push(
          yield* split(read, share, splitMs, runSeed(report.seed, `partition ${share} ${splitMs} ${i}`), progress),
        );
      }
      output.add(share, splitMs, outcomes);
    }
  }
}

function* split(
  read: SettingReader,
  share: number,
  splitMs: number,
  seed: number,
  progress: (share: number) => Progress,
): Generator<Progress, Outcome, void> {
  const count = read.number("nodes");
  const config = { reconnectIntervalMs: read.number("reconnectIntervalMs") };
  const pool = new SwimPool({ seed, size: count, fidelity: "objects", config });
  pool.addConverged(count);
  const { world } = pool;
  yield* advance(world, settleMs, () => progress(0));

  const few = Math.max(1, Math.round(count * share));
  const side = (index: number) => index < few;
  world.partition(pool.nodes.slice(0, few), pool.nodes.slice(few));
  const splitShare = splitMs / (splitMs + 60_000);
  yield* advance(world, splitMs, (part) => progress(part * splitShare));
  // Everybody runs, so whoever is not seen alive is held dead; no side loses its own here but by mistake.
  const across = 2 * few * (count - few);
  const givenUp = pool.nodes.reduce((sum, { machine }) => sum + count - machine.aliveCount, 0) / across;

  let lateDeaths = 0;
  const contact: (number | undefined)[] = [undefined, undefined];
  const healedAt = world.now;
  watchPool(pool, {
    dead: () => lateDeaths++,
    joined(observer, subject, now) {
      if (side(observer.index) !== side(subject)) contact[side(observer.index) ? 0 : 1] ??= now - healedAt;
    },
  });
  const before = sent(pool.nodes);
  world.heal();
  const agreedMs = yield* advanceUntil(
    world,
    () => viewsAgree(pool),
    read.number("healMs"),
    100,
    (part) => progress(splitShare + part * (1 - splitShare)),
  );
  const [one, other] = contact;
  return {
    givenUp,
    contactMs: one === undefined || other === undefined ? undefined : Math.max(one, other),
    agreedMs,
    lateDeaths,
    kibPerNode: (sent(pool.nodes).bytes - before.bytes) / 1024 / count,
  };
}

class Output {
  readonly #report: Report;
  readonly #table: Table;
  readonly #plot: Plot;

  constructor(report: Report, read: SettingReader) {
    this.#report = report;
    const nodes = read.number("nodes");
    this.#table = report.table("partition", `${nodes} members split in two, then healed`, [
      { key: "sidePercent", title: "smaller side, %", digits: 1 },
      { key: "splitS", title: "split, s", digits: 1 },
      { key: "runs", title: "runs" },
      { key: "givenUpPercent", title: "given up by the end, %", digits: 1 },
      { key: "contactS", title: "first contact, s", digits: 1 },
      { key: "agreedS", title: "all agree, s", digits: 1 },
      { key: "agreedWorstS", title: "worst", digits: 1 },
      { key: "disagreed", title: "runs without agreement" },
      { key: "lateDeaths", title: "deaths in views after healing" },
      { key: "kibPerNode", title: "KiB sent by each till then", digits: 1 },
    ]);
    this.#plot = report.plot(
      "partition",
      "From healing till all agree",
      { title: "seconds split", scale: "log" },
      { title: "seconds, median" },
    );
    const minS = suspicionMinMs(lanConfig.suspicionMult, nodes, lanConfig.probeIntervalMs) / 1000;
    report.notes.push(
      `Given up: of all pairs across the split, those in which one holds the other dead when it ends. A suspicion lasts ${minS.toFixed(1)} s at the shortest among ${nodes}; the smaller side waits longer, as few are there to confirm.`,
      `First contact: the later of the two sides' first sight of a lost member. A pool makes about one try in ${read.number("reconnectIntervalMs") / 1000} s for each lost member; the pings to those still held alive or suspect go on all the time.`,
      "Medians over the runs; deaths in views after healing are news of the split still on its way, or mistakes, of all runs together.",
    );
  }

  add(share: number, splitMs: number, outcomes: readonly Outcome[]): void {
    const agreed = outcomes.flatMap(({ agreedMs }) => agreedMs ?? []);
    const agreedS = seconds(median(agreed));
    this.#table.rows.push({
      sidePercent: share * 100,
      splitS: splitMs / 1000,
      runs: outcomes.length,
      givenUpPercent: 100 * median(outcomes.map(({ givenUp }) => givenUp))!,
      contactS: seconds(median(outcomes.flatMap(({ contactMs }) => contactMs ?? []))),
      agreedS,
      agreedWorstS: seconds(worst(agreed)),
      disagreed: outcomes.length - agreed.length,
      lateDeaths: outcomes.reduce((sum, { lateDeaths }) => sum + lateDeaths, 0),
      kibPerNode: median(outcomes.map(({ kibPerNode }) => kibPerNode)),
    });
    if (agreedS === null) return;
    this.#report.series(this.#plot, `${share * 100} % split off`).points.push([splitMs / 1000, agreedS]);
  }
}
