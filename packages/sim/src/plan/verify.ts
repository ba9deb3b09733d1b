/**
 * The plan put to the test: the same pool in the simulator, and prediction beside measurement. An experiment like the
 * others, so it can be watched and broken off; rows appear as soon as they are measured.
 *
 *   a window of rest       bandwidth, packets, push/pulls
 *   some broadcasts        half, 99 %, everybody; packets and bytes
 *   some crashes at once   first suspicion, first dead, everybody knows
 *
 * Beyond `wholePool` members a whole interval of push/pulls would take many minutes, so some members do them at a shorter
 * interval, the others only answer, and the result is scaled to the plan's interval; a note says so.
 */
import { pushPullScale, Rng, type SwimConfig } from "@hearsay/core";
import { advance, advanceUntil, type Experiment, type Progress, type Settings } from "../experiment/experiment.ts";
import type { Report, Table } from "../experiment/report.ts";
import { SwimPool } from "../pool.ts";
import { type Bandwidth, bandwidth } from "./bandwidth.ts";
import { simulatorTimers } from "./chance.ts";
import { type Convergence, convergence } from "./convergence.ts";
import { detection } from "./detection.ts";
import { latencySigma, type PlanInputs } from "./inputs.ts";
import { mistakes } from "./mistakes.ts";
import { BroadcastTrial, CrashTrial } from "./trials.ts";

/** A view is 17 bytes a member, and there are n of n members: 10,000 take 1.7 GB. */
export const mostVerified = 10_000;
const wholePool = 1500;
/** Members that do push/pulls where not all do. */
const sampled = 20;
/** The least that is watched at rest: ms. */
const restMs = 20_000;
/** A difference that must be explained: percent. */
const tolerance = 20;

export function verification(inputs: PlanInputs): Experiment {
  const { nodes } = inputs;
  const large = nodes > wholePool;
  return {
    name: "plan-verify",
    summary: "A plan's predictions beside measurements in the simulator",
    settings: [
      {
        name: "broadcasts",
        help: "Broadcasts measured, one after another.",
        kind: "integer",
        default: large ? 5 : 20,
        min: 1,
        max: 1000,
      },
      {
        name: "crashes",
        help: "Members that crash at once.",
        kind: "integer",
        default: Math.max(1, Math.min(large ? 5 : 10, Math.floor(nodes / 10))),
        min: 1,
        max: Math.max(1, Math.floor(nodes / 2)),
      },
    ],
    *run(report: Report, settings: Settings) {
      yield* new Verification(inputs, report).run(Number(settings.broadcasts), Number(settings.crashes));
    },
  };
}

class Verification {
  readonly #inputs: PlanInputs;
  readonly #report: Report;
  readonly #table: Table;
  readonly #rng: Rng;
  readonly #pool: SwimPool;
  readonly #traffic: Bandwidth;
  readonly #news: Convergence;
  /** Of push/pulls, where only some members do them; else undefined. */
  readonly #sampleMs: number | undefined;
  /** Virtual ms that the whole will take, roughly. */
  #totalMs = 1;
  /** A member's, measured at rest. */
  #packetsPerMs = 0;
  #bytesPerMs = 0;

  constructor(inputs: PlanInputs, report: Report) {
    this.#inputs = { ...inputs, churnPerSecond: 0 };
    this.#report = report;
    this.#table = report.table("verify", `Prediction and measurement, ${inputs.nodes} members`, [
      { key: "quantity", title: "quantity" },
      { key: "unit", title: "unit" },
      { key: "predicted", title: "predicted", digits: 1 },
      { key: "measured", title: "measured", digits: 1 },
      { key: "differencePercent", title: "difference, %", digits: 1 },
      { key: "samples", title: "samples" },
      { key: "standardError", title: "standard error", digits: 1 },
      { key: "explanation", title: "why" },
    ]);
    this.#rng = new Rng(report.seed).fork("plan-verify");
    this.#traffic = bandwidth(this.#inputs, simulatorTimers);
    this.#news = convergence(this.#inputs);
    const { config, nodes } = this.#inputs;
    const isSample = nodes > wholePool && config.pushPullIntervalMs > 0;
    this.#sampleMs = isSample ? restMs / (1.1 + 1.05 * pushPullScale(nodes)) : undefined;
    this.#pool = this.#makePool();
  }

  *run(broadcasts: number, crashes: number): Generator<Progress, void, void> {
    const { nodes } = this.#inputs;
    const crash = detection(this.#inputs, this.#news.spread);
    const broadcastMs = this.#quietMs() + (this.#news.everyoneMs ?? this.#news.lifeMs);
    const [warmMs, windowMs] = this.#restWindow();
    this.#totalMs = warmMs + windowMs + broadcasts * broadcastMs + crash.everyone.badMs;
    yield { share: 0, doing: `setting up ${nodes} members` };
    this.#pool.addConverged(nodes);
    yield* this.#rest(warmMs, windowMs);
    yield* this.#broadcasts(broadcasts);
    yield* this.#crash(crashes);
    this.#notes(crashes);
  }

  #makePool(): SwimPool {
    const { nodes, config, loss, latencyMs, metaBytes, nameBytes } = this.#inputs;
    const sampleMs = this.#sampleMs;
    const intervalOf = (index: number): Partial<SwimConfig> =>
      sampleMs === undefined ? {} : { pushPullIntervalMs: index < sampled ? sampleMs : 0 };
    return new SwimPool({
      seed: this.#report.seed,
      fidelity: "objects",
      size: nodes,
      config,
      metaBytes,
      nameOf: (index) => String(index).padStart(nameBytes, "n"),
      network: { loss, latency: { kind: "lognormal", medianMs: latencyMs, sigma: latencySigma } },
      machine: (options, index) => ({ ...options, config: { ...options.config, ...intervalOf(index) } }),
    });
  }

  /** Until push/pulls run as they always will, and how long to watch then: one interval of them. */
  #restWindow(): [warmMs: number, windowMs: number] {
    const { config, nodes } = this.#inputs;
    const settledMs = 3 * config.probeIntervalMs;
    const longMs = Math.max(restMs, 20 * config.probeIntervalMs);
    if (this.#sampleMs !== undefined || config.pushPullIntervalMs === 0) return [settledMs, longMs];
    const every = config.pushPullIntervalMs * pushPullScale(nodes);
    const whole = Math.max(1, Math.ceil(longMs / every)) * every;
    return [config.pushPullIntervalMs + 1.05 * every, whole];
  }

  *#rest(warmMs: number, windowMs: number): Generator<Progress, void, void> {
    const { nodes, loss } = this.#inputs;
    const { world } = this.#pool;
    const sample = this.#sampleMs !== undefined;
    yield* advance(world, warmMs, () => this.#progress("waiting for an even load"));
    // A sample's push/pulls count from the beginning: one for each of its members.
    const start = { ...this.#sums(), ...(sample ? { streamBytes: 0, pushPulls: 0 } : {}) };
    yield* advance(world, windowMs, () => this.#progress("watching the pool at rest"));
    const end = this.#sums();
    const perSecond = (sum: number): number => (sum * 1000) / (nodes * windowMs);
    const packetBytes = perSecond(end.bytes - start.bytes);
    const packets = perSecond(end.packets - start.packets);
    const exchanges = end.pushPulls - start.pushPulls;
    const streamBytes = sample
      ? ((end.streamBytes - start.streamBytes) * 1000) / Math.max(1, exchanges) / this.#traffic.pushPullEveryMs
      : perSecond(end.streamBytes - start.streamBytes);
    this.#packetsPerMs = packets / 1000;
    this.#bytesPerMs = packetBytes / 1000;
    const b = this.#traffic;
    const byPacket = b.atRestBytesPerSecond - b.probeStreamBytesPerSecond;
    const byStream = b.pushPullBytesPerSecond + b.probeStreamBytesPerSecond;
    this.#row("at rest, by packets", "bytes/s", byPacket, packetBytes, nodes);
    this.#row("packets", "packets/s", b.packetsPerSecond, packets, nodes);
    if (this.#inputs.config.pushPullIntervalMs > 0) {
      this.#row("push/pull, by streams", "bytes/s", byStream, streamBytes, exchanges);
      this.#row("all together", "bytes/s", b.totalBytesPerSecond, packetBytes + streamBytes, nodes);
    }
    if (loss > 0) {
      const wrong = mistakes(this.#inputs, simulatorTimers);
      const predicted = (wrong.suspicionsPerPoolDay * windowMs) / 86_400_000;
      const measured = end.probesFailed - start.probesFailed;
      this.#row("false accusations meanwhile", "count", predicted, measured, measured, Math.sqrt(predicted));
    }
  }

  *#broadcasts(count: number): Generator<Progress, void, void> {
    const { nodes, broadcastBytes } = this.#inputs;
    const { world } = this.#pool;
    const trials: BroadcastTrial[] = [];
    const costs: { packets: number; bytes: number }[] = [];
    try {
      for (let i = 0; i < count; i++) {
        const doing = `broadcast ${i + 1} of ${count}`;
        const before = this.#sums();
        const start = world.now;
        const trial = new BroadcastTrial(this.#pool, i, broadcastBytes, this.#rng.below(nodes));
        // Where it may miss somebody, until its last packets have come: delays may be longer than all of its rounds.
        const { lifeMs, everyoneBadMs, spread } = this.#news;
        const limitMs = 3 * lifeMs + (everyoneBadMs ?? spread.endMs);
        yield* advanceUntil(
          world,
          () => trial.done,
          limitMs,
          5,
          () => this.#progress(doing),
        );
        // Until nobody has anything to say, and a first packet may go out at once again.
        yield* advance(world, this.#quietMs(), () => this.#progress(doing));
        trial.end();
        const after = this.#sums();
        const restMembersMs = nodes * (world.now - start);
        costs.push({
          packets: after.packets - before.packets - this.#packetsPerMs * restMembersMs,
          bytes: after.bytes - before.bytes - this.#bytesPerMs * restMembersMs,
        });
        trials.push(trial);
      }
    } finally {
      this.#broadcastRows(trials, costs);
    }
  }

  #broadcastRows(trials: readonly BroadcastTrial[], costs: readonly { packets: number; bytes: number }[]): void {
    if (trials.length === 0) return;
    const { halfMs, ninetyNineMs, spread } = this.#news;
    this.#medians(
      "broadcast: half have it, median",
      halfMs,
      trials.map((trial) => trial.halfMs),
    );
    this.#medians(
      "broadcast: 99 % have it, median",
      ninetyNineMs,
      trials.map((trial) => trial.ninetyNineMs),
    );
    this.#means(
      "broadcast: everybody has it, mean",
      "ms",
      spread.meanEveryoneMs(),
      trials.map((trial) => trial.everyoneMs),
    );
    this.#means(
      "broadcast: packets",
      "count",
      this.#traffic.broadcastPackets,
      costs.map((cost) => cost.packets),
    );
    this.#means(
      "broadcast: bytes",
      "bytes",
      this.#traffic.broadcastBytes,
      costs.map((cost) => cost.bytes),
    );
    const missed = trials.reduce((sum, trial) => sum + trial.missing, 0);
    if (missed > 0) {
      this.#report.notes.push(
        `${missed === 1 ? "Once" : `${missed} times`} a broadcast passed by a member for good (predicted: ${plain(this.#news.missedMembers)} members each time); "everybody" is the mean of the others.`,
      );
    }
  }

  *#crash(count: number): Generator<Progress, void, void> {
    const { world } = this.#pool;
    const expected = detection(this.#inputs, this.#news.spread);
    const trial = new CrashTrial(this.#pool, this.#chosen(count));
    const limitMs = expected.suspicionMaxMs + 30 * this.#inputs.config.probeIntervalMs;
    try {
      yield* advanceUntil(
        world,
        () => trial.done,
        limitMs,
        10,
        () => this.#progress("waiting for every death to be known"),
      );
    } finally {
      trial.end();
      // One member's death is a matter of chance: an exponential wait, and the rest comes after it.
      const error = expected.chanceMs / Math.sqrt(Math.max(1, count));
      const { firstSuspicion, firstDead, everyone } = expected;
      this.#means("crash: first suspicion, mean", "ms", firstSuspicion.meanMs, trial.firstSuspicionMs, error);
      this.#means("crash: first declares it dead, mean", "ms", firstDead.meanMs, trial.firstDeadMs, error);
      this.#means("crash: everybody knows, mean", "ms", everyone.meanMs, trial.everyoneMs, error);
    }
  }

  /** From hearing of something to the next member's hearing of it, at the most but for slow packets. */
  #hopMs(): number {
    return 0.05 * this.#inputs.config.gossipIntervalMs + 2 * this.#inputs.latencyMs;
  }

  #quietMs(): number {
    return 1.2 * (this.#news.lifeMs + this.#inputs.config.gossipIntervalMs);
  }

  #chosen(count: number): number[] {
    const chosen = new Set<number>();
    while (chosen.size < count) chosen.add(this.#rng.below(this.#inputs.nodes));
    return [...chosen];
  }

  #progress(doing: string): Progress {
    return { share: Math.min(0.99, this.#pool.world.now / this.#totalMs), doing };
  }

  #sums() {
    let [bytes, packets, streamBytes, pushPulls, probesFailed] = [0, 0, 0, 0, 0];
    for (const { traffic, machine } of this.#pool.nodes) {
      bytes += traffic.bytesSent;
      packets += traffic.packetsSent;
      streamBytes += traffic.streamBytesSent;
      pushPulls += machine.counters.pushPulls;
      probesFailed += machine.counters.probesFailed;
    }
    return { bytes, packets, streamBytes, pushPulls, probesFailed };
  }

  /** One broadcast in some dozens starts badly and drags its mean along: the recurrence is about the others. */
  #medians(quantity: string, predicted: number | null, values: readonly (number | undefined)[]): void {
    const known = values.filter((value) => value !== undefined).sort((a, b) => a - b);
    if (known.length === 0 || predicted === null) return;
    const middle = (known[(known.length - 1) >> 1]! + known[known.length >> 1]!) / 2;
    // A median's error from the middle half of the values, as for a normal distribution.
    const half = known[Math.floor((known.length * 3) / 4)]! - known[Math.floor(known.length / 4)]!;
    this.#row(quantity, "ms", predicted, middle, known.length, (1.25 * half) / 1.35 / Math.sqrt(known.length));
  }

  #means(
    quantity: string,
    unit: string,
    predicted: number | null,
    values: readonly (number | undefined)[],
    expectedError?: number,
  ): void {
    const known = values.filter((value) => value !== undefined);
    if (known.length === 0 || predicted === null) return;
    const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
    const variance = known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, known.length - 1);
    this.#row(quantity, unit, predicted, mean, known.length, expectedError ?? Math.sqrt(variance / known.length));
  }

  #row(
    quantity: string,
    unit: string,
    predicted: number,
    measured: number,
    samples: number,
    standardError: number | null = null,
  ): void {
    const difference = predicted === 0 ? (measured === 0 ? 0 : null) : 100 * (measured / predicted - 1);
    this.#table.rows.push({
      quantity,
      unit,
      predicted: round(predicted),
      measured: round(measured),
      differencePercent: difference === null ? null : Math.round(10 * difference) / 10,
      samples,
      standardError: standardError === null ? null : round(standardError),
      explanation:
        difference !== null && Math.abs(difference) <= tolerance
          ? ""
          : explain(predicted, measured, samples, standardError, unit === "ms" ? this.#hopMs() : 0),
    });
  }

  #notes(crashes: number): void {
    const { notes } = this.#report;
    if (crashes > 1) {
      notes.push(
        `The ${crashes} crashes happen at once and share gossip rounds: the last to know hears up to an interval later than of a single crash, which is predicted.`,
      );
    }
    if (this.#inputs.loss > 0) {
      notes.push(
        "The simulator sends a lost SYN again after 200 ms, real systems after 1 s: predictions here are for 200 ms.",
      );
    }
    if (this.#sampleMs !== undefined) {
      notes.push(
        `Push/pull is measured on ${sampled} members that do it every ${Math.round((this.#sampleMs * pushPullScale(this.#inputs.nodes)) / 1000)} s while the others answer, and scaled to the plan's ${Math.round(this.#traffic.pushPullEveryMs / 1000)} s.`,
      );
    }
  }
}

function explain(predicted: number, measured: number, samples: number, error: number | null, hopMs: number): string {
  const off = Math.abs(measured - predicted);
  if (error !== null && off <= 2.6 * error) {
    return `chance: ${samples} ${samples === 1 ? "sample" : "samples"} (${plain(off / error)} standard errors)`;
  }
  if (off <= hopMs) return `within one hop (${plain(hopMs)} ms): the formula averages over the first few packets`;
  return "beyond chance: the formula leaves something out here";
}

function round(value: number): number {
  return Number(value.toPrecision(6));
}

function plain(value: number): string {
  return String(Number(value.toPrecision(2)));
}
