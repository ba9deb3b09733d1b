/**
 * Counters that everybody adds to, through one kind of trouble after another: how long after the last add until all know
 * the exact total, what that costs, and whether it is exact. What a killed process had stored nowhere and told nobody is lost with
 * it, and is counted apart.
 */
import { CounterOutput } from "./counter-output.ts";
import { CounterPool, type Verdict } from "./counter-pool.ts";
import { advance, advanceUntil, type Experiment, type Progress, type Settings } from "./experiment.ts";
import { runSeed, SettingReader } from "./read-settings.ts";
import type { Report } from "./report.ts";

export const counter: Experiment = {
  name: "counter",
  summary:
    "counters that all add to, with loss, a partition, killed writers and deaths for good: are they exact, and when",
  settings: [
    { name: "nodes", help: "members; all of them add", kind: "integer", default: 50, min: 4, max: 2_000 },
    { name: "counters", help: "different counters", kind: "integer", default: 5, min: 1, max: 1_000 },
    { name: "addsPerSecond", help: "adds by each member", kind: "number", default: 2, min: 0.01, max: 1_000 },
    { name: "runMs", help: "time that is added in", kind: "duration", default: 120_000, min: 20_000, max: 3_600_000 },
    { name: "loss", help: "packets lost, where some are", kind: "share", default: 0.1, min: 0, max: 0.5 },
    {
      name: "duplicates",
      help: "packets that come twice, where some are lost",
      kind: "share",
      default: 0.1,
      min: 0,
      max: 1,
    },
    {
      name: "kills",
      help: "writers killed and started anew, where some are",
      kind: "integer",
      default: 10,
      min: 1,
      max: 1_000,
    },
    {
      name: "downMs",
      help: "from a writer's kill to its next start",
      kind: "duration",
      default: 3_000,
      min: 0,
      max: 600_000,
    },
    { name: "gone", help: "members that die for good, where some do", kind: "integer", default: 2, min: 1, max: 100 },
    {
      name: "detectMs",
      help: "from a kill until the others know",
      kind: "duration",
      default: 10_000,
      min: 0,
      max: 600_000,
    },
    {
      name: "roundMs",
      help: "from a member's question to its next",
      kind: "duration",
      default: 1_000,
      min: 50,
      max: 60_000,
    },
    {
      name: "limitMs",
      help: "longest wait for agreement",
      kind: "duration",
      default: 120_000,
      min: 1_000,
      max: 3_600_000,
    },
  ],
  run,
};

/** One kind of trouble. */
export interface Trouble {
  readonly name: string;
  readonly loss: boolean;
  readonly split: boolean;
  readonly kills: boolean;
  readonly disk: boolean;
  readonly gone: boolean;
}

export interface Outcome extends Verdict {
  /** From the last add until all know the same; undefined when they did not in time. */
  readonly agreedMs: number | undefined;
  /** Sent by a member in a second: while there are adds, and once all agree. */
  readonly busyBytes: number;
  readonly restBytes: number;
  readonly lives: number;
  readonly folded: number;
  readonly savedBytes: number;
}

const calm = { loss: false, split: false, kills: false, disk: false, gone: false };
const troubles: readonly Trouble[] = [
  { ...calm, name: "none" },
  { ...calm, name: "loss and doubles", loss: true },
  { ...calm, name: "a partition in halves", split: true },
  { ...calm, name: "killed writers, with a disk", kills: true, disk: true },
  { ...calm, name: "killed writers, no disk", kills: true },
  { ...calm, name: "deaths for good, collected", gone: true },
  { ...calm, name: "all of it, with a disk", loss: true, split: true, kills: true, disk: true, gone: true },
];

function* run(report: Report, settings: Settings): Generator<Progress, void, void> {
  const read = new SettingReader(counter, settings);
  const output = new CounterOutput(report, read);
  for (const [i, trouble] of troubles.entries()) {
    const progress = (share: number): Progress => ({
      share: (i + share) / troubles.length,
      doing: `${read.number("nodes")} members, trouble: ${trouble.name}`,
    });
    output.add(
      trouble,
      yield* measure(read, trouble, runSeed(report.seed, `counter ${trouble.name}`), progress, output),
    );
  }
}

/** Parts of the time in which there are adds: when the halves are parted, and when they meet again. */
const splitFrom = 0.25;
const splitTo = 0.5;
/** When members die for good: amid the partition. */
const goneAt = 0.4;
/** ms in which all collect a dead member, each at its own time, from when they know. */
const collectMs = 5_000;
/** ms watched at rest. */
const restMs = 30_000;
/** How often the picture is drawn on: ms. */
const drawMs = 1_000;

function* measure(
  read: SettingReader,
  trouble: Trouble,
  seed: number,
  progress: (share: number) => Progress,
  output: CounterOutput,
): Generator<Progress, Outcome, void> {
  const pool = poolOf(read, trouble, seed);
  const { world } = pool;
  const nodes = read.number("nodes");
  const runMs = read.number("runMs");
  plan(pool, read, trouble);
  for (let at = 0; at < runMs; at += drawMs) {
    yield* advance(world, Math.min(drawMs, runMs - at), () => progress((0.8 * at) / runMs));
    output.draw(trouble, world.now, pool);
  }
  const busyBytes = pool.bytes / nodes / (runMs / 1000);
  const agreedMs = yield* advanceUntil(
    world,
    () => pool.agreed(),
    read.number("limitMs"),
    50,
    () => progress(0.8),
  );
  output.draw(trouble, world.now, pool);
  const before = pool.bytes;
  yield* advance(world, restMs, (share) => progress(0.9 + 0.1 * share));
  const { kept, folded } = pool.lives();
  return {
    ...pool.verdict(),
    agreedMs,
    busyBytes,
    restBytes: (pool.bytes - before) / pool.living.length / (restMs / 1000),
    lives: kept,
    folded,
    savedBytes: pool.savedBytes(),
  };
}

function poolOf(read: SettingReader, { loss, disk }: Trouble, seed: number): CounterPool {
  return new CounterPool({
    seed,
    nodes: read.number("nodes"),
    counters: read.number("counters"),
    loss: loss ? read.number("loss") : 0,
    duplicates: loss ? read.number("duplicates") : 0,
    detectMs: read.number("detectMs"),
    disk,
    settings: { roundMs: read.number("roundMs") },
  });
}

/** Everything that will happen. */
function plan(pool: CounterPool, read: SettingReader, { split, kills, gone }: Trouble): void {
  const { world } = pool;
  const runMs = read.number("runMs");
  planAdds(pool, read);
  if (split) {
    world.at(splitFrom * runMs, () => pool.split());
    world.at(splitTo * runMs, () => world.heal());
  }
  if (kills) planKills(pool, read);
  if (!gone) return;
  // From the end of the list; those that are killed and come back are at its beginning.
  for (let i = 1; i <= Math.min(read.number("gone"), read.number("nodes") - 2); i++) {
    const index = read.number("nodes") - i;
    world.at(goneAt * runMs, () => pool.kill(index));
    world.at(goneAt * runMs + read.number("detectMs"), () => pool.giveUp(index, collectMs));
  }
}

function planAdds(pool: CounterPool, read: SettingReader): void {
  const nodes = read.number("nodes");
  const everyMs = 1000 / read.number("addsPerSecond");
  const runMs = read.number("runMs");
  for (let index = 0; index < nodes; index++) {
    const addOne = (at: number): void => {
      if (at > runMs) return;
      pool.world.at(at, () => {
        pool.add(index);
        addOne(at + everyMs);
      });
    };
    addOne((everyMs * (index + 0.5)) / nodes);
  }
}

function planKills(pool: CounterPool, read: SettingReader): void {
  const { world } = pool;
  const kills = read.number("kills");
  const others = Math.max(1, read.number("nodes") - read.number("gone") - 1);
  for (let i = 0; i < kills; i++) {
    const at = ((i + 0.5) / kills) * 0.9 * read.number("runMs");
    world.at(at, () => pool.kill(i % others));
    world.at(at + read.number("downMs"), () => pool.restart(i % others));
  }
}
