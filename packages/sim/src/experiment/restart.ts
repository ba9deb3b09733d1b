/**
 * A rolling restart of a whole pool: batch after batch the processes end, by leaving or without a word, and come back a
 * moment later under their names and addresses, without memory, joining through a few seeds. Does anybody take a process
 * that runs for dead? How long until all agree, and how many events does each member's application see?
 */
import { lanConfig, retransmitLimit } from "@hearsay/core";
import { type SwimNode, SwimPool } from "../pool.ts";
import { advance, advanceUntil, type Experiment, type Progress, type Settings } from "./experiment.ts";
import { sent, viewsAgree, watchPool } from "./pool-watch.ts";
import { mean, median, seconds, worst } from "./quantile.ts";
import { runSeed, SettingReader } from "./read-settings.ts";
import type { Plot, Report, Table } from "./report.ts";

const hour = 3_600_000;

export const restart: Experiment = {
  name: "restart",
  summary: "a rolling restart of a whole pool: false deaths, events at each member, time until all agree",
  settings: [
    { name: "nodes", help: "members", kind: "integer", default: 96, min: 4, max: 10_000 },
    {
      name: "batches",
      help: "processes restarted at once",
      kind: "list",
      whole: true,
      default: "1,4,16",
      min: 1,
      max: 1000,
    },
    {
      name: "pauseMs",
      help: "from one batch's return to the next",
      kind: "duration",
      default: 5000,
      min: 0,
      max: hour,
    },
    { name: "downMs", help: "how long a process is away", kind: "duration", default: 2000, min: 1, max: hour },
    { name: "stop", help: "how processes end", kind: "text", default: "both", choices: ["both", "leave", "kill"] },
    {
      name: "seeds",
      help: "members that others join through",
      kind: "integer",
      default: 3,
      min: 1,
      max: 100,
    },
    { name: "repeat", help: "runs of each", kind: "integer", default: 3, min: 1, max: 1000 },
    {
      name: "settleMs",
      help: "longest wait for agreement at the end",
      kind: "duration",
      default: 300_000,
      min: 1000,
      max: hour,
    },
  ],
  run,
};

interface Outcome {
  /** Deaths of members in views while their process ran. */
  falseDeaths: number;
  /** Members that had one or more. */
  readonly slandered: Set<number>;
  /** Deaths of processes that had ended indeed. */
  trueDeaths: number;
  leaves: number;
  joins: number;
  suspicions: number;
  readonly batchMs: number[];
  /** From each batch's return until all running agree, before the next batch; undefined where it was not reached. */
  readonly unsettled: number[];
  agreedMs: number | undefined;
  kibPerNode: number;
}

/** How long a leaving process stays for the news to get out: ms. */
const farewellMs = 2000;
/** A join that failed is tried again: ms. */
const rejoinMs = 1000;
const settleMs = 5000;

function* run(report: Report, settings: Settings): Generator<Progress, void, void> {
  const read = new SettingReader(restart, settings);
  const stops = (["leave", "kill"] as const).filter((stop) => [stop, "both"].includes(read.text("stop")));
  const batches = read.list("batches");
  const repeat = read.number("repeat");
  const nodes = read.number("nodes");
  const output = new Output(report, read);
  const cost = (batch: number) => Math.ceil(nodes / batch) + 10;
  const total = batches.reduce((sum, batch) => sum + cost(batch), 0) * stops.length * repeat;
  let spent = 0;
  for (const stop of stops) {
    for (const batch of batches) {
      const outcomes: Outcome[] = [];
      for (let i = 0; i < repeat; i++) {
        const before = spent;
        spent += cost(batch);
        const doing = `${batch} at once, ${stop}, run ${i + 1} of ${repeat}`;
        const progress = (share: number): Progress => ({ share: (before + share * cost(batch)) / total, doing });
        outcomes.push(yield* roll(read, stop, batch, runSeed(report.seed, `restart ${batch} ${i}`), progress));
      }
      output.add(stop, batch, outcomes);
    }
  }
}

function* roll(
  read: SettingReader,
  stop: "leave" | "kill",
  batch: number,
  seed: number,
  progress: (share: number) => Progress,
): Generator<Progress, Outcome, void> {
  const count = read.number("nodes");
  const pool = new SwimPool({ seed, size: count, fidelity: "objects" });
  pool.addConverged(count);
  const { world } = pool;
  yield* advance(world, settleMs, () => progress(0));
  const outcome = watchRestarts(pool);
  const before = sent(pool.nodes);
  const pauseMs = read.number("pauseMs");
  const rounds = Math.ceil(count / batch);
  for (let round = 0; round < rounds; round++) {
    const part = () => progress((0.9 * round) / rounds);
    const nodes = pool.nodes.slice(round * batch, (round + 1) * batch);
    if (stop === "leave") {
      for (const node of nodes) world.act(node, (machine, now) => machine.leave(now));
      yield* advance(world, farewellMs, part);
    }
    for (const node of nodes) world.crash(node);
    yield* advance(world, read.number("downMs"), part);
    for (const node of nodes) comeBack(pool, node, seedsOf(pool, read.number("seeds")));
    const back = world.now;
    const agreedMs = yield* advanceUntil(world, () => viewsAgree(pool), pauseMs, 100, part);
    if (agreedMs === undefined) outcome.unsettled.push(round);
    else outcome.batchMs.push(agreedMs);
    const last = round === rounds - 1;
    if (!last) yield* advance(world, back + pauseMs - world.now, part);
    else {
      const restMs = yield* advanceUntil(
        world,
        () => viewsAgree(pool),
        read.number("settleMs"),
        100,
        (share) => progress(0.9 + 0.1 * share),
      );
      outcome.agreedMs = restMs === undefined ? undefined : world.now - back;
    }
  }
  outcome.kibPerNode = (sent(pool.nodes).bytes - before.bytes) / 1024 / count;
  return outcome;
}

/** Spread evenly, so that small batches leave one of them running. */
function seedsOf(pool: SwimPool, count: number): SwimNode[] {
  const total = pool.nodes.length;
  const seeds = Math.min(count, total);
  return Array.from({ length: seeds }, (_, i) => pool.nodes[Math.floor((i * total) / seeds)]!);
}

/** A new process of the same name, through a seed that is not itself, and the next one when that does not answer. */
function comeBack(pool: SwimPool, node: SwimNode, seeds: readonly SwimNode[]): void {
  const others = seeds.filter((seed) => seed !== node);
  // A lone seed comes back through somebody far from its batch, as an operator would do it.
  const { length } = pool.nodes;
  if (others.length === 0) others.push(pool.nodes[(node.index + (length >> 1)) % length]!);
  let next = node.index;
  const join = () => pool.join(node, others[next++ % others.length]!);
  const { generation } = node;
  node.onEvent = (event) => {
    if (event.type !== "join-result" || event.error === undefined) return;
    pool.world.at(pool.world.now + rejoinMs, () => {
      if (node.alive && node.generation === generation + 1) join();
    });
  };
  pool.restart(node);
  join();
}

function watchRestarts(pool: SwimPool): Outcome {
  const outcome: Outcome = {
    falseDeaths: 0,
    slandered: new Set(),
    trueDeaths: 0,
    leaves: 0,
    joins: 0,
    suspicions: 0,
    batchMs: [],
    unsettled: [],
    agreedMs: undefined,
    kibPerNode: 0,
  };
  watchPool(pool, {
    dead(_observer, subject) {
      if (!pool.nodes[subject]!.alive) outcome.trueDeaths++;
      else {
        outcome.falseDeaths++;
        outcome.slandered.add(subject);
      }
    },
    left: () => outcome.leaves++,
    // What a new process learns of the others is no news about them.
    joined(observer, subject) {
      if (observer.index !== subject && pool.view(observer, subject)?.state === "alive") outcome.joins++;
    },
    suspected: () => outcome.suspicions++,
  });
  return outcome;
}

class Output {
  readonly #report: Report;
  readonly #table: Table;
  readonly #plot: Plot;
  readonly #nodes: number;

  constructor(report: Report, read: SettingReader) {
    this.#report = report;
    this.#nodes = read.number("nodes");
    this.#table = report.table("restart", `${this.#nodes} processes restarted, batch by batch`, [
      { key: "stop", title: "ended by" },
      { key: "batch", title: "at once" },
      { key: "falseDeaths", title: "false deaths in views" },
      { key: "slandered", title: "members concerned" },
      { key: "trueDeaths", title: "deaths of ended ones" },
      { key: "eventsPerNode", title: "events at each node", digits: 1 },
      { key: "joinsPerNode", title: "joins", digits: 1 },
      { key: "leavesPerNode", title: "leaves", digits: 1 },
      { key: "suspicionsPerNode", title: "suspicions", digits: 1 },
      { key: "batchS", title: "a batch agreed, s", digits: 1 },
      { key: "batchWorstS", title: "worst", digits: 1 },
      { key: "unsettled", title: "batches not in the pause" },
      { key: "agreedS", title: "all agree after the last, s", digits: 1 },
      { key: "disagreed", title: "runs without agreement" },
      { key: "kibPerNode", title: "KiB sent by each", digits: 1 },
    ]);
    this.#plot = report.plot(
      "restart",
      "Events at each member in a rolling restart",
      { title: "processes restarted at once", scale: "log" },
      { title: "joins, leaves, deaths and suspicions" },
    );
    const transmissions = retransmitLimit(lanConfig.retransmitMult, this.#nodes);
    const missed = this.#nodes * Math.exp(-transmissions);
    report.notes.push(
      `Batches not in the pause: theory has a broadcast that everybody passes on ${transmissions} times miss n e^-${transmissions} = ${missed.toPrecision(2)} of the members on average; such a member waits for its next full exchange.`,
      "A death in a view is false when the process of that name ran at the time, the old one or the new one: now and then a refutation runs out of transmissions before it has reached everybody. Agreement: every running process sees exactly the running ones.",
      "A killed process is not missed by its peers if it is back before its suspicion runs out: the new process refutes what is said of the old one. A new process learns of all the others when it joins, which is most of the joins.",
      "Seeds stand evenly among the members. A batch with all of them in it that ends by leaving comes back as a pool of its own: those that left are not tried again by the others.",
      "Leaves, deaths and joins are what an application is told; suspicions only in raw pools. Sums over all members divided by their number; over several runs the mean, of times the median.",
    );
  }

  add(stop: string, batch: number, outcomes: readonly Outcome[]): void {
    const average = (of: (outcome: Outcome) => number) => mean(outcomes.map(of))!;
    const perNode = (of: (outcome: Outcome) => number) => average(of) / this.#nodes;
    const agreed = outcomes.flatMap(({ agreedMs }) => agreedMs ?? []);
    const batchMs = outcomes.flatMap((outcome) => outcome.batchMs);
    const events = perNode((o) => o.falseDeaths + o.trueDeaths + o.joins + o.leaves + o.suspicions);
    this.#table.rows.push({
      stop,
      batch,
      falseDeaths: average(({ falseDeaths }) => falseDeaths),
      slandered: average(({ slandered }) => slandered.size),
      trueDeaths: average(({ trueDeaths }) => trueDeaths),
      eventsPerNode: events,
      joinsPerNode: perNode(({ joins }) => joins),
      leavesPerNode: perNode(({ leaves }) => leaves),
      suspicionsPerNode: perNode(({ suspicions }) => suspicions),
      batchS: seconds(median(batchMs)),
      batchWorstS: seconds(worst(batchMs)),
      unsettled: average(({ unsettled }) => unsettled.length),
      agreedS: seconds(median(agreed)),
      disagreed: outcomes.length - agreed.length,
      kibPerNode: average(({ kibPerNode }) => kibPerNode),
    });
    this.#report.series(this.#plot, stop).points.push([batch, events]);
  }
}
