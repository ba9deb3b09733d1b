/**
 * Faults that are not crashes, at one member in a hundred: packets lost on the way in only, on the way out only, most of
 * them, or all of those coming in for twenty seconds of every forty (the faults of Rapid's evaluation: Suresh and others,
 * USENIX ATC 2018). Who is removed by the healthy, of the faulty and of the healthy? Who comes and goes? And how many
 * cluster sizes do the healthy see, where a strongly consistent service would show one?
 */
import { Rng } from "@hearsay/core";
import { type SwimNode, SwimPool } from "../pool.ts";
import { advance, advanceUntil, type Experiment, type Progress, type Settings } from "./experiment.ts";
import { sizesSeen, viewsAgree, watchPool } from "./pool-watch.ts";
import { median, seconds } from "./quantile.ts";
import { runSeed, SettingReader } from "./read-settings.ts";
import type { Report, Table } from "./report.ts";

/** What is done to the faulty at the start of the fault, and on each later second of it. */
interface Fault {
  readonly title: string;
  begin(pool: SwimPool, faulty: readonly SwimNode[], read: SettingReader): void;
  tick?(faulty: readonly SwimNode[], elapsedMs: number, read: SettingReader): void;
  /** Nothing heals it: the others should agree that they are dead. */
  readonly final?: boolean;
}

const faults: Readonly<Record<string, Fault>> = {
  crash: {
    title: "crash",
    final: true,
    begin: (pool, faulty) => faulty.forEach((node) => void pool.world.crash(node, { host: true })),
  },
  ingress: { title: "ingress lost", begin: (pool, faulty) => setLoss(pool, faulty, 1, 0) },
  egress: { title: "egress lost", begin: (pool, faulty) => setLoss(pool, faulty, 0, 1) },
  loss: {
    title: "most packets lost",
    begin: (pool, faulty, read) => setLoss(pool, faulty, read.number("lossShare"), read.number("lossShare")),
  },
  "flip-flop": {
    title: "ingress flip-flops",
    begin: (pool, faulty) => setLoss(pool, faulty, 1, 0),
    tick(faulty, elapsedMs, read) {
      const isCut = Math.floor(elapsedMs / read.number("flipMs")) % 2 === 0;
      for (const node of faulty) node.ingressLoss = isCut ? 1 : 0;
    },
  },
};

export const asymmetric: Experiment = {
  name: "asymmetric",
  summary: "crashes, one-way loss and flip-flop links at 1 % of the members: who is removed, who flaps, sizes seen",
  settings: [
    { name: "nodes", help: "members", kind: "integer", default: 1000, min: 10, max: 10_000 },
    {
      name: "fault",
      help: "one fault instead of all",
      kind: "text",
      default: "all",
      choices: ["all", ...Object.keys(faults)],
    },
    { name: "faultyShare", help: "members it strikes", kind: "share", default: 0.01, min: 0, max: 0.5 },
    { name: "faultForMs", help: "for how long", kind: "duration", default: 80_000, min: 10_000, max: 3_600_000 },
    {
      name: "flipMs",
      help: "flip-flop links: cut and mended for so long",
      kind: "duration",
      default: 20_000,
      min: 1000,
      max: 600_000,
    },
    {
      name: "lossShare",
      help: "packets lost, in and out, where most are lost",
      kind: "share",
      default: 0.8,
      min: 0,
      max: 1,
    },
    {
      name: "healMs",
      help: "longest wait for agreement afterwards",
      kind: "duration",
      default: 120_000,
      min: 1000,
      max: 3_600_000,
    },
    {
      name: "repeat",
      help: "runs of each fault; the tables sum them up",
      kind: "integer",
      default: 1,
      min: 1,
      max: 100,
    },
  ],
  run,
};

const settleMs = 5000;
/** How often the sizes seen are looked at, finer than news takes to spread; and drawn: ms. */
const sampleMs = 200;
const drawMs = 1000;

function* run(report: Report, settings: Settings): Generator<Progress, void, void> {
  const read = new SettingReader(asymmetric, settings);
  const chosen = Object.entries(faults).filter(([name]) => [name, "all"].includes(read.text("fault")));
  const repeat = read.number("repeat");
  const output = new Output(report, read);
  const total = chosen.length * repeat;
  let done = 0;
  for (const [name, fault] of chosen) {
    const outcomes: Outcome[] = [];
    for (let i = 0; i < repeat; i++) {
      const before = done++;
      const progress = (share: number): Progress => ({
        share: (before + share) / total,
        doing: `${fault.title}, run ${i + 1} of ${repeat}`,
      });
      outcomes.push(yield* strike(fault, read, runSeed(report.seed, `asymmetric ${name} ${i}`), progress));
      output.draw(name, fault, outcomes, i);
    }
    output.add(fault, outcomes);
  }
}

/** What one member went through in the views of the healthy. */
interface Fate {
  /** Healthy members that hold it dead. */
  readonly holders: Set<number>;
  /** More than half of the healthy have held it dead at some time. */
  removed: boolean;
  /** Deaths and returns in healthy views. */
  deaths: number;
  returns: number;
}

interface Outcome {
  readonly faulty: number;
  readonly healthy: number;
  /** Held dead by more than half of the healthy at some time, and at the end of the fault. */
  readonly faultyRemoved: number;
  readonly faultyGone: number;
  readonly faultyDeaths: number;
  readonly faultyReturns: number;
  /** Of the member that came back most often: returns in an average view. */
  readonly mostReturns: number;
  /** Healthy members held dead by more than half of the others; by anybody healthy; and such events. */
  readonly healthyRemoved: number;
  readonly healthyAccused: number;
  readonly healthyDeaths: number;
  /** Different sizes seen in all, and at one time. */
  readonly sizes: number;
  readonly sizesAtOnce: number;
  readonly samples: readonly { readonly atMs: number; readonly sizes: readonly number[] }[];
  readonly agreedMs: number | undefined;
}

function* strike(
  fault: Fault,
  read: SettingReader,
  seed: number,
  progress: (share: number) => Progress,
): Generator<Progress, Outcome, void> {
  const count = read.number("nodes");
  const pool = new SwimPool({ seed, size: count, fidelity: "objects" });
  pool.addConverged(count);
  const { world } = pool;
  const faulty = drawn(pool, Math.max(1, Math.round(count * read.number("faultyShare"))), new Rng(seed).fork("faulty"));
  const isFaulty = new Set(faulty.map(({ index }) => index));
  const healthy = pool.nodes.filter(({ index }) => !isFaulty.has(index));
  yield* advance(world, settleMs, (share) => progress(0.05 * share));

  const fates = watchFates(pool, isFaulty, healthy.length / 2);
  fault.begin(pool, faulty, read);
  const samples: { atMs: number; sizes: number[] }[] = [];
  const faultForMs = read.number("faultForMs");
  for (let elapsed = 0; elapsed < faultForMs; elapsed += sampleMs) {
    fault.tick?.(faulty, elapsed, read);
    yield* advance(world, Math.min(sampleMs, faultForMs - elapsed), (share) =>
      progress(0.05 + (0.65 * (elapsed + share * sampleMs)) / (faultForMs + sampleMs)),
    );
    samples.push({ atMs: elapsed + sampleMs, sizes: sizesSeen(healthy) });
  }
  const faultyGone = faulty.filter(({ index }) => fates[index]!.holders.size > healthy.length / 2).length;
  const outcome = summary(fates, isFaulty, healthy.length, samples);
  if (fault.final !== true) world.heal();
  const agreedMs = yield* advanceUntil(
    world,
    () => viewsAgree(pool),
    read.number("healMs"),
    200,
    (share) => progress(0.7 + 0.3 * share),
  );
  return { ...outcome, faultyGone, agreedMs };
}

/** Follows what the healthy think of everybody. */
function watchFates(pool: SwimPool, isFaulty: ReadonlySet<number>, half: number): Fate[] {
  const fates = pool.nodes.map((): Fate => ({ holders: new Set(), removed: false, deaths: 0, returns: 0 }));
  watchPool(pool, {
    dead(observer, subject) {
      if (isFaulty.has(observer.index)) return;
      const fate = fates[subject]!;
      fate.deaths++;
      fate.holders.add(observer.index);
      if (fate.holders.size > half) fate.removed = true;
    },
    joined(observer, subject) {
      const fate = fates[subject]!;
      if (fate.holders.delete(observer.index)) fate.returns++;
    },
  });
  return fates;
}

function summary(
  fates: readonly Fate[],
  isFaulty: ReadonlySet<number>,
  healthy: number,
  samples: Outcome["samples"],
): Omit<Outcome, "faultyGone" | "agreedMs"> {
  const ofFaulty = fates.filter((_, index) => isFaulty.has(index));
  const ofHealthy = fates.filter((_, index) => !isFaulty.has(index));
  const sum = (of: readonly Fate[], what: "deaths" | "returns") => of.reduce((all, fate) => all + fate[what], 0);
  return {
    faulty: ofFaulty.length,
    healthy,
    faultyRemoved: ofFaulty.filter(({ removed }) => removed).length,
    faultyDeaths: sum(ofFaulty, "deaths"),
    faultyReturns: sum(ofFaulty, "returns"),
    mostReturns: ofFaulty.reduce((most, { returns }) => Math.max(most, returns), 0) / healthy,
    healthyRemoved: ofHealthy.filter(({ removed }) => removed).length,
    healthyAccused: ofHealthy.filter(({ deaths }) => deaths > 0).length,
    healthyDeaths: sum(ofHealthy, "deaths"),
    sizes: new Set(samples.flatMap(({ sizes }) => sizes)).size,
    sizesAtOnce: samples.reduce((most, { sizes }) => Math.max(most, new Set(sizes).size), 0),
    samples,
  };
}

/** All loss on the way in is like a cut, for streams too. */
function setLoss(pool: SwimPool, nodes: readonly SwimNode[], ingress: number, egress: number): void {
  for (const node of nodes) {
    node.ingressLoss = ingress;
    node.egressLoss = egress;
  }
  pool.world.network.uneven();
}

function drawn(pool: SwimPool, count: number, rng: Rng): SwimNode[] {
  const chosen = new Set<SwimNode>();
  while (chosen.size < count) chosen.add(pool.nodes[rng.below(pool.nodes.length)]!);
  return [...chosen].sort((a, b) => a.index - b.index);
}

class Output {
  readonly #report: Report;
  readonly #table: Table;
  readonly #distinct;

  constructor(report: Report, read: SettingReader) {
    this.#report = report;
    this.#table = report.table("asymmetric", "What the healthy members saw while the fault lasted", [
      { key: "fault", title: "fault" },
      { key: "faulty", title: "faulty" },
      { key: "faultyRemoved", title: "removed" },
      { key: "faultyGone", title: "gone at the end" },
      { key: "flapsMean", title: "returns of each, mean", digits: 2 },
      { key: "flapsMost", title: "most", digits: 2 },
      { key: "healthyRemoved", title: "healthy removed" },
      { key: "healthyAccused", title: "healthy dead to somebody" },
      { key: "healthyDeaths", title: "such deaths in views" },
      { key: "sizes", title: "sizes seen" },
      { key: "sizesAtOnce", title: "at once, most" },
      { key: "agreedS", title: "agreed after the fault, s", digits: 1 },
      { key: "disagreed", title: "runs without agreement" },
    ]);
    this.#distinct = report.plot(
      "distinct-sizes",
      "Different cluster sizes seen by healthy members",
      { title: "seconds since the fault began" },
      { title: "sizes at one time" },
    );
    report.notes.push(
      `Removed: more than half of the healthy members held it dead at some time. Returns: how often a member came back from the dead, in the view of an average healthy member, in ${read.number("faultForMs") / 1000} s of the fault.`,
      "Sizes count members held alive or suspect, looked at five times a second at the healthy members; drawn is the extreme of each second; all runs of a fault together for what is counted, the median for the time to agree. Faults but the crash are healed before that time begins.",
      `Ingress and egress lost: every packet and stream in that direction, at ${(read.number("faultyShare") * 100).toFixed(1)} % of the members. Most packets lost: ${read.number("lossShare") * 100} % of those in and of those out. Flip-flop: all ingress lost for ${read.number("flipMs") / 1000} s, then none for as long.`,
      "Without agreement on a view, a member that is heard by nobody or hears nobody is dead to one and alive to another for a while: compare the sizes seen with the one that a service with consistent views (Rapid) would show.",
    );
  }

  add(fault: Fault, outcomes: readonly Outcome[]): void {
    const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((all, outcome) => all + of(outcome), 0);
    const most = (of: (outcome: Outcome) => number) => Math.max(...outcomes.map(of));
    const agreed = outcomes.flatMap(({ agreedMs }) => agreedMs ?? []);
    this.#table.rows.push({
      fault: fault.title,
      faulty: sum(({ faulty }) => faulty),
      faultyRemoved: sum(({ faultyRemoved }) => faultyRemoved),
      faultyGone: sum(({ faultyGone }) => faultyGone),
      flapsMean: sum(({ faultyReturns }) => faultyReturns) / sum(({ faulty, healthy }) => faulty * healthy),
      flapsMost: most(({ mostReturns }) => mostReturns),
      healthyRemoved: sum(({ healthyRemoved }) => healthyRemoved),
      healthyAccused: sum(({ healthyAccused }) => healthyAccused),
      healthyDeaths: sum(({ healthyDeaths }) => healthyDeaths),
      sizes: most(({ sizes }) => sizes),
      sizesAtOnce: most(({ sizesAtOnce }) => sizesAtOnce),
      agreedS: seconds(median(agreed)),
      disagreed: outcomes.length - agreed.length,
    });
  }

  /** The first run of each fault is drawn. */
  draw(name: string, fault: Fault, outcomes: readonly Outcome[], repetition: number): void {
    if (repetition > 0) return;
    const plot = this.#report.plot(
      `sizes-${name}`,
      `Cluster sizes seen by healthy members: ${fault.title}`,
      { title: "seconds since the fault began" },
      { title: "members" },
    );
    const { samples } = outcomes[0]!;
    for (let i = 0; i < samples.length; i += drawMs / sampleMs) {
      const group = samples.slice(i, i + drawMs / sampleMs).map(({ sizes }) => sizes);
      const at = samples[i]!.atMs / 1000;
      this.#report.series(plot, "largest").points.push([at, Math.max(...group.map((sizes) => sizes.at(-1)!))]);
      this.#report.series(plot, "median").points.push([at, median(group[0]!)!]);
      this.#report.series(plot, "smallest").points.push([at, Math.min(...group.map((sizes) => sizes[0]!))]);
      const distinct = Math.max(...group.map((sizes) => new Set(sizes).size));
      this.#report.series(this.#distinct, fault.title).points.push([at, distinct]);
    }
  }
}
