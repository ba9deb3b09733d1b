/** One run of `detect`: a pool in which nothing happens for a while, but that some are slow; then crashes among the rest. */
import { Rng, suspicionMinMs } from "@hearsay/core";
import type { ExtendedNode, ExtendedPool } from "../extended-pool.ts";
import { type Detector, detectorPool } from "./detector-pool.ts";
import { advance, advanceUntil, type Progress } from "./experiment.ts";
import { counted, sent, watchPool } from "./pool-watch.ts";
import type { SettingReader } from "./read-settings.ts";
import { drawn, slowDown } from "./slow-members.ts";

/** Time for gossip and health scores to become what they are at this loss: periods. */
const settlePeriods = 20;
/** After the longest suspicion, so long for the news: ms. */
const spareMs = 60_000;
/** Of a run's progress, what is over when the crashes begin. */
const quietShare = 0.7;

export interface Case {
  readonly detector: Detector;
  readonly nodes: number;
  /** Share of packets. */
  readonly loss: number;
  /** Slow members. */
  readonly slow: number;
}

interface Sample {
  /** Undefined when a suspicion of it ran already, wrongly, at the time of the crash. */
  readonly suspectMs: number | undefined;
  readonly deadMs: number;
  readonly everyoneMs: number;
}

export interface Quiet {
  readonly probes: number;
  readonly probesFailed: number;
  readonly suspicions: number;
  /** Members that were never slow and were declared dead by somebody; and by somebody who was never slow. */
  readonly declared: number;
  readonly declaredByWell: number;
  /** Slow ones that were declared dead. */
  readonly declaredSlow: number;
  /** Sent by all. */
  readonly packets: number;
  readonly bytes: number;
}

/** What the runs of one case gave. */
export class Measured {
  readonly samples: Sample[] = [];
  readonly quiet: Quiet[] = [];
  /** Crashes that somebody had not heard of at the limit. */
  missed = 0;
}

/** Adds one run to `into`. */
export function* measure(
  read: SettingReader,
  { detector, nodes, loss, slow }: Case,
  seed: number,
  into: Measured,
  progress: (share: number) => Progress,
): Generator<Progress, void, void> {
  const period = read.number("probeIntervalMs");
  const config = { probeIntervalMs: period, probeTimeoutMs: period / 2, streamPings: read.flag("streamPings") };
  const pool = detectorPool(read, { seed, nodes, detector, network: { loss }, config });
  const crashes = Math.max(1, Math.min(read.number("crashes"), Math.floor(nodes / 8)));
  const troubled = Array.from(drawn(nodes, slow + crashes, new Rng(seed).fork("crashes")));
  const victims = new Map(troubled.slice(0, crashes).map((index) => [index, newCrash()]));
  const slowOnes = new Set(troubled.slice(crashes));
  const slowness = {
    durationMs: read.number("slowForMs"),
    intervalMs: read.number("wellForMs"),
    standsStill: read.text("slowKind") === "process",
  };
  const longest = suspicionMinMs(pool.config.suspicionMult, nodes, period) * pool.config.suspicionMaxTimeoutMult;
  const limitMs = longest + 10 * period + spareMs;
  const settleMs = settlePeriods * period;
  const lengthMs = settleMs + read.number("quietMs") + crashes * period + limitMs;
  if (slowOnes.size > 0) {
    const members = pool.nodes.filter(({ index }) => slowOnes.has(index));
    slowDown(pool.world, members, slowness, pool.world.now + lengthMs);
  }
  yield* watchQuiet(pool, slowOnes, settleMs, read.number("quietMs"), into, progress);
  yield* crash(pool, victims, slowOnes, period, limitMs, into, progress);
}

/** The window in which nobody dies. */
function* watchQuiet(
  pool: ExtendedPool,
  slowOnes: ReadonlySet<number>,
  settleMs: number,
  quietMs: number,
  into: Measured,
  progress: (share: number) => Progress,
): Generator<Progress, void, void> {
  const declared = new Set<number>();
  const declaredByWell = new Set<number>();
  watchPool(pool, {
    dead(observer, subject) {
      declared.add(subject);
      if (!slowOnes.has(observer.index)) declaredByWell.add(subject);
    },
  });
  const share = (ms: number) => (quietShare * ms) / (settleMs + quietMs);
  yield* advance(pool.world, settleMs, (done) => progress(share(done * settleMs)));
  const before = totals(pool);
  declared.clear();
  declaredByWell.clear();
  yield* advance(pool.world, quietMs, (done) => progress(share(settleMs + done * quietMs)));
  const after = totals(pool);
  const well = (members: ReadonlySet<number>) => [...members].filter((index) => !slowOnes.has(index)).length;
  into.quiet.push({
    probes: after.probes - before.probes,
    probesFailed: after.probesFailed - before.probesFailed,
    suspicions: after.suspicions - before.suspicions,
    declared: well(declared),
    declaredByWell: well(declaredByWell),
    declaredSlow: declared.size - well(declared),
    packets: after.packets - before.packets,
    bytes: after.bytes - before.bytes,
  });
}

interface Crash {
  /** World ms, as the others. */
  at: number;
  /** -1 while it has not happened. */
  suspect: number;
  dead: number;
  everyone: number;
  /** Who holds it dead. */
  readonly holders: Set<number>;
}

function newCrash(): Crash {
  return { at: 0, suspect: -1, dead: -1, everyone: -1, holders: new Set() };
}

/** One crash a period, and what becomes of them. */
function* crash(
  pool: ExtendedPool,
  victims: ReadonlyMap<number, Crash>,
  slowOnes: ReadonlySet<number>,
  period: number,
  limitMs: number,
  into: Measured,
  progress: (share: number) => Progress,
): Generator<Progress, void, void> {
  const { world } = pool;
  const open = watchCrashes(pool, victims, slowOnes);
  for (const [index, victim] of victims) {
    victim.at = world.now;
    // Who holds it dead already, wrongly until now, will not be told again.
    for (const observer of pool.nodes)
      if (isWitness(observer, victims, slowOnes) && holdsDead(pool, observer, index))
        victim.holders.add(observer.index);
    world.crash(pool.nodes[index]!, { host: true });
    yield* advance(world, period, () => progress(quietShare));
  }
  yield* advanceUntil(
    world,
    () => open() === 0,
    limitMs,
    period / 10,
    (share) => progress(quietShare + (1 - quietShare) * share),
  );
  into.missed += open();
  for (const { at, suspect, dead, everyone } of victims.values()) {
    if (everyone < 0) continue;
    into.samples.push({
      suspectMs: suspect < 0 ? undefined : suspect - at,
      deadMs: dead - at,
      everyoneMs: everyone - at,
    });
  }
}

/** Notes what those who are well come to know of the crashes; returns how many are not known to all of them. */
function watchCrashes(
  pool: ExtendedPool,
  victims: ReadonlyMap<number, Crash>,
  slowOnes: ReadonlySet<number>,
): () => number {
  const witnesses = pool.nodes.length - victims.size - slowOnes.size;
  watchPool(pool, {
    suspected(observer, subject, now) {
      const crashed = victims.get(subject);
      if (crashed && crashed.at > 0 && crashed.suspect < 0 && isWitness(observer, victims, slowOnes))
        crashed.suspect = now;
    },
    dead(observer, subject, now) {
      const crashed = victims.get(subject);
      if (!crashed || !isWitness(observer, victims, slowOnes)) return;
      if (crashed.dead < 0) crashed.dead = now;
      crashed.holders.add(observer.index);
      if (crashed.holders.size === witnesses) crashed.everyone = now;
    },
    joined(observer, subject) {
      victims.get(subject)?.holders.delete(observer.index);
    },
  });
  return () => [...victims.values()].filter(({ everyone }) => everyone < 0).length;
}

type Indices = Pick<ReadonlySet<number>, "has">;

/** Whose knowledge counts: those who live and are never slow. */
function isWitness({ index }: { readonly index: number }, victims: Indices, slowOnes: Indices): boolean {
  return !victims.has(index) && !slowOnes.has(index);
}

function holdsDead(pool: ExtendedPool, observer: ExtendedNode, index: number): boolean {
  const state = observer.machine.swim.member(pool.nameOf(index))?.state;
  return state !== "alive" && state !== "suspect";
}

function totals(pool: ExtendedPool) {
  return {
    probes: counted(pool.nodes, "probes"),
    probesFailed: counted(pool.nodes, "probesFailed"),
    suspicions: counted(pool.nodes, "suspicions"),
    ...sent(pool.nodes),
  };
}
