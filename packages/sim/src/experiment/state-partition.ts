/**
 * A pool split in two while both sides write and delete, then healed: how long until everybody has the same, and whether it
 * is what was written last, with nothing deleted come back. Who is a member, `Swim` says, as on real nodes: each side gives
 * the other up, and finds it again.
 */
import { Rng } from "@hearsay/core";
import { stateDefaults } from "@hearsay/state";
import { StatePool } from "../state-pool.ts";
import { type Contents, stateHeapMb } from "../state-warm.ts";
import { advance, advanceUntil, type Experiment, type Progress, type Settings } from "./experiment.ts";
import { runSeed, SettingReader } from "./read-settings.ts";
import type { Report } from "./report.ts";
import { type SplitOutcome, StatePartitionOutput } from "./state-partition-output.ts";
import { type Differences, StateWrites } from "./state-writes.ts";

const longest = 24 * 3_600_000;

export const statePartition: Experiment = {
  name: "state-partition",
  summary:
    "Replicated state written on both sides of a split: until all have the same, and whether it is what was last written",
  settings: [
    { name: "nodes", help: "members", kind: "integer", default: 64, min: 4, max: 2000 },
    {
      name: "splitMs",
      help: "lengths of the split",
      kind: "list",
      default: "60000,600000",
      min: 1000,
      max: longest,
    },
    {
      name: "share",
      help: "the smaller side's part of the members",
      kind: "share",
      default: 0.5,
      min: 0.001,
      max: 0.5,
    },
    { name: "keys", help: "keys in each node's map", kind: "integer", default: 5, min: 1, max: 200 },
    { name: "sharedKeys", help: "keys in the shared map", kind: "integer", default: 100, min: 1, max: 10_000 },
    { name: "valueBytes", help: "size of a value", kind: "integer", default: 32, min: 16, max: 1000 },
    {
      name: "writes",
      help: "writes and deletions during a split",
      kind: "integer",
      default: 400,
      min: 2,
      max: 100_000,
    },
    { name: "repeat", help: "runs of each", kind: "integer", default: 3, min: 1, max: 1000 },
    {
      name: "syncIntervalMs",
      help: "between two exchanges that a node opens",
      kind: "duration",
      default: stateDefaults.syncIntervalMs,
      min: 50,
      max: 60_000,
    },
    {
      name: "streamThresholdBytes",
      help: "so much left over that no packet took is fetched by a stream",
      kind: "integer",
      default: stateDefaults.streamThresholdBytes,
      min: 1,
      max: 2 ** 24,
    },
    { name: "loss", help: "share of packets lost", kind: "share", default: 0, min: 0, max: 0.5 },
    {
      name: "withinMs",
      help: "all must have the same so long after healing, or the run has failed",
      kind: "duration",
      default: 15_000,
      min: 100,
      max: longest,
    },
    { name: "healMs", help: "longest wait for that", kind: "duration", default: 120_000, min: 1000, max: longest },
    {
      name: "watchMs",
      help: "time after it in which nothing may come back",
      kind: "duration",
      default: 60_000,
      min: 0,
      max: longest,
    },
  ],
  heapMb: ({ nodes, keys, sharedKeys }) =>
    // Swim beneath it, while half of the members are declared dead: as much again at most.
    2 * stateHeapMb(Number(nodes), { keysPerNode: Number(keys), sharedKeys: Number(sharedKeys) }),
  run,
};

/** Before the split: ms. */
const settleMs = 5000;
/** How often it is asked whether all have the same: ms. */
const askEveryMs = 100;

function* run(report: Report, settings: Settings): Generator<Progress, void, void> {
  const read = new SettingReader(statePartition, settings);
  const repeat = read.number("repeat");
  const splits = read.list("splitMs");
  const output = new StatePartitionOutput(report, read);
  const cost = (splitMs: number) => splitMs + 60_000;
  const total = splits.reduce((sum, splitMs) => sum + cost(splitMs), 0) * repeat;
  let spent = 0;
  for (const splitMs of splits) {
    const outcomes: SplitOutcome[] = [];
    for (let i = 0; i < repeat; i++) {
      const before = spent;
      spent += cost(splitMs);
      const doing = `split for ${splitMs / 1000} s, run ${i + 1} of ${repeat}`;
      const progress = (part: number): Progress => ({ share: (before + part * cost(splitMs)) / total, doing });
      const seed = runSeed(report.seed, `state-partition ${splitMs} ${i}`);
      const split = yield* Split.begin(read, splitMs, seed, progress);
      outcomes.push(yield* split.run());
    }
    output.add(splitMs, outcomes);
  }
  output.explain();
}

/** Shares of the work: until the pool stands, until the split is over. */
const createdShare = 0.2;
const splitShare = 0.8;

class Split {
  readonly #read: SettingReader;
  readonly #splitMs: number;
  readonly #pool: StatePool;
  readonly #writes: StateWrites;
  readonly #rng: Rng;
  readonly #progress: (share: number) => Progress;
  /** Members of the smaller side: the first ones. */
  readonly #few: number;

  static *begin(
    read: SettingReader,
    splitMs: number,
    seed: number,
    progress: (share: number) => Progress,
  ): Generator<Progress, Split, void> {
    const contents: Contents = {
      keysPerNode: read.number("keys"),
      sharedKeys: read.number("sharedKeys"),
      valueBytes: read.number("valueBytes"),
    };
    const network = { loss: read.number("loss") };
    const config = {
      syncIntervalMs: read.number("syncIntervalMs"),
      streamThresholdBytes: read.number("streamThresholdBytes"),
    };
    const creation = StatePool.create({ seed, nodes: read.number("nodes"), network, config, contents, swim: {} });
    for (;;) {
      const step = creation.next();
      if (step.done) return new Split(read, splitMs, step.value, contents, new Rng(seed).fork("split"), progress);
      yield progress(step.value * createdShare);
    }
  }

  private constructor(
    read: SettingReader,
    splitMs: number,
    pool: StatePool,
    contents: Contents,
    rng: Rng,
    progress: (share: number) => Progress,
  ) {
    this.#read = read;
    this.#splitMs = splitMs;
    this.#pool = pool;
    this.#writes = new StateWrites(pool, contents, rng.fork("writes"));
    this.#rng = rng;
    this.#progress = progress;
    this.#few = Math.max(1, Math.round(pool.nodes.length * read.number("share")));
  }

  *run(): Generator<Progress, SplitOutcome, void> {
    const { world, nodes } = this.#pool;
    yield* advance(world, settleMs, () => this.#progress(createdShare));
    world.partition(nodes.slice(0, this.#few), nodes.slice(this.#few));
    yield* this.#write();
    const across = 2 * this.#few * (nodes.length - this.#few);
    const givenUp = nodes.reduce((sum, { machine }) => sum + nodes.length - machine.swim!.aliveCount, 0) / across;
    const differed = !this.#pool.isEqual();
    const before = this.#pool.sent().bytes;
    const healed = yield* this.#heal();
    const bytes = this.#pool.sent().bytes - before;
    const found = yield* this.#compare();
    yield* advance(world, this.#read.number("watchMs"), () => this.#progress(1));
    const later = yield* this.#compare();
    return {
      ...healed,
      givenUp,
      differed,
      counts: this.#writes.counts,
      kibPerNode: bytes / 1024 / nodes.length,
      found,
      later,
    };
  }

  /** Writes at random times of the split, at least a few ms apart, so that there is a last one. */
  *#write(): Generator<Progress, void, void> {
    const count = this.#read.number("writes");
    const { world } = this.#pool;
    const start = world.now;
    const times = Array.from({ length: count }, () => this.#rng.float() * this.#splitMs).sort((a, b) => a - b);
    for (const [i, time] of times.entries()) {
      const wait = Math.max(2, start + time - world.now);
      yield* advance(world, wait, () => this.#at(world.now - start));
      const side = i % 2 === 0 ? 0 : 1;
      this.#writes.act(this.#someone(side), side);
    }
    yield* advance(world, Math.max(2, start + this.#splitMs - world.now), () => this.#at(world.now - start));
  }

  #someone(side: 0 | 1): number {
    const rest = this.#pool.nodes.length - this.#few;
    return side === 0 ? this.#rng.below(this.#few) : this.#few + this.#rng.below(rest);
  }

  #at(ms: number): Progress {
    return this.#progress(createdShare + (splitShare - createdShare) * Math.min(1, ms / this.#splitMs));
  }

  *#heal(): Generator<Progress, Pick<SplitOutcome, "equalMs" | "membersMs">, void> {
    const { world, nodes } = this.#pool;
    const start = world.now;
    let membersMs: number | undefined;
    const isDone = () => {
      if (membersMs === undefined && nodes.every(({ machine }) => machine.swim!.aliveCount === nodes.length)) {
        membersMs = world.now - start;
      }
      return this.#pool.isEqual();
    };
    world.heal();
    const progress = (part: number) => this.#progress(splitShare + part * (1 - splitShare));
    const equalMs = yield* advanceUntil(world, isDone, this.#read.number("healMs"), askEveryMs, progress);
    return { equalMs, membersMs };
  }

  *#compare(): Generator<Progress, Differences, void> {
    const found: Differences = { wrong: 0, missing: 0, resurrected: 0 };
    for (let i = 0; i < this.#pool.nodes.length; i++) {
      this.#writes.compare(i, found);
      yield this.#progress(1);
    }
    return found;
  }
}
