/**
 * How news spreads: through real pools (`spread-pool.ts`), and as pure epidemics in rounds (`epidemic.ts`), beside the
 * theory. Two ways to count rounds in a real pool: time divided by the gossip interval, and hops.
 */
import { Rng } from "@hearsay/core";
import type { Latency } from "../latency.ts";
import type { Experiment, Progress, Settings } from "./experiment.ts";
import type { Report } from "./report.ts";
import { largest, mean, median, numberList } from "./spread-figures.ts";
import { type Broadcast, headBytes, SpreadPool, shareMs } from "./spread-pool.ts";
import { type PoolPoint, SpreadRounds } from "./spread-rounds.ts";

/** Sizes measured beside a single one, for the growth. */
const ladder = [10, 30, 100, 300, 1000, 3000, 10_000];
/** Fan-out and interval are varied at no more than so many nodes. */
const mostVaried = 1000;
/** Deviation of the delays' logarithm, as in `lanLatency`. */
const latencySigma = 0.4;

export const spread: Experiment = {
  name: "spread",
  summary: "How long news takes to reach 50, 99 and 100 % of a pool, beside the theory of epidemics",
  settings: [
    {
      name: "nodes",
      help: "sizes; a single one is looked at broadcast by broadcast, with smaller ones beside it",
      kind: "list",
      whole: true,
      default: "10,30,100,300,1000",
      min: 2,
      max: 20_000,
    },
    {
      name: "gossipNodes",
      help: "members told in one round (the fan-out)",
      kind: "integer",
      default: 3,
      min: 1,
      max: 20,
    },
    {
      name: "gossipIntervalMs",
      help: "at most one round of gossip in this time",
      kind: "duration",
      default: 200,
      min: 10,
      max: 10_000,
    },
    {
      name: "fanouts",
      help: "fan-outs to compare",
      kind: "list",
      whole: true,
      default: "1,2,3,4,6",
      min: 1,
      max: 20,
    },
    {
      name: "intervals",
      help: "gossip intervals to compare, ms",
      kind: "list",
      default: "100,200,500",
      min: 10,
      max: 10_000,
    },
    { name: "repeat", help: "broadcasts in each pool", kind: "integer", default: 10, min: 1, max: 1000 },
    { name: "loss", help: "share of packets lost", kind: "share", default: 0, min: 0, max: 0.9 },
    {
      name: "latencyMs",
      help: "median of one packet's delay (log-normal), ms",
      kind: "number",
      default: 0.5,
      min: 0.01,
      max: 10_000,
    },
    {
      name: "payloadBytes",
      help: "size of the message",
      kind: "integer",
      default: 64,
      min: headBytes,
      max: 1000,
    },
    {
      name: "epidemicRuns",
      help: "seeds for each pure epidemic",
      kind: "integer",
      default: 30,
      min: 1,
      max: 10_000,
    },
  ],
  *run(report, settings) {
    yield* new Spread(report, settings).run();
  },
};

class Spread {
  readonly #report: Report;
  readonly #sizes: readonly number[];
  readonly #single: boolean;
  readonly #fanouts: readonly number[];
  readonly #intervals: readonly number[];
  readonly #gossipNodes: number;
  readonly #gossipIntervalMs: number;
  readonly #repeat: number;
  readonly #loss: number;
  readonly #latency: Latency;
  readonly #payloadBytes: number;
  readonly #rounds: SpreadRounds;
  readonly #rng: Rng;
  /** Nodes put to work, of all that will be. */
  #done = 0;
  #total = 1;

  constructor(report: Report, settings: Settings) {
    this.#report = report;
    this.#rng = new Rng(report.seed).fork("spread");
    const given = numberList("nodes", settings.nodes, 2, 20_000);
    this.#single = given.length === 1;
    this.#sizes = this.#single ? [...ladder.filter((size) => size < given[0]!), ...given] : given;
    this.#fanouts = numberList("fanouts", settings.fanouts, 1, 20);
    this.#intervals = numberList("intervals", settings.intervals, 10, 10_000);
    this.#gossipNodes = Number(settings.gossipNodes);
    this.#gossipIntervalMs = Number(settings.gossipIntervalMs);
    this.#repeat = Number(settings.repeat);
    this.#loss = Number(settings.loss);
    this.#latency = { kind: "lognormal", medianMs: Number(settings.latencyMs), sigma: latencySigma };
    this.#payloadBytes = Number(settings.payloadBytes);
    this.#rounds = new SpreadRounds(report, this.#rng, this.#gossipNodes, this.#loss, Number(settings.epidemicRuns));
  }

  get #depth(): number {
    return this.#sizes.at(-1)!;
  }

  *run(): Generator<Progress, void, void> {
    const varied = Math.min(mostVaried, this.#depth);
    const sum = this.#sizes.reduce((total, size) => total + size, 0);
    this.#total = 2 * sum + varied * (this.#fanouts.length + this.#intervals.length);
    const points = yield* this.#bySize();
    for (const nodes of this.#sizes) {
      yield this.#at(0, `epidemics of ${nodes}`);
      this.#rounds.addSize(nodes);
      this.#done += nodes;
    }
    for (const point of points) this.#rounds.addPool(point);
    const deep = points.at(-1)!;
    this.#rounds.uninformed(deep);
    this.#rounds.headline(deep);
    if (this.#single) this.#broadcasts(deep);
    yield* this.#variations(varied);
    this.#explain();
  }

  // Real pools

  *#bySize(): Generator<Progress, PoolPoint[], void> {
    const table = this.#report.table("pools", "Real pools: one user broadcast, passed on at first sight", [
      { key: "nodes", title: "nodes" },
      ...poolColumns,
    ]);
    const points: PoolPoint[] = [];
    for (const nodes of this.#sizes) {
      const point = yield* this.#measure(nodes, this.#gossipNodes, this.#gossipIntervalMs);
      table.rows.push({ nodes, ...poolRow(point) });
      points.push(point);
    }
    return points;
  }

  *#measure(nodes: number, gossipNodes: number, gossipIntervalMs: number): Generator<Progress, PoolPoint, void> {
    const doing = `${nodes} nodes, fan-out ${gossipNodes}, every ${gossipIntervalMs} ms`;
    yield this.#at(0, doing);
    const rng = this.#rng.fork(`pool ${nodes} ${gossipNodes} ${gossipIntervalMs}`);
    const pool = new SpreadPool({
      seed: rng.uint32(),
      nodes,
      gossipNodes,
      gossipIntervalMs,
      loss: this.#loss,
      latency: this.#latency,
      payloadBytes: this.#payloadBytes,
    });
    yield* pool.settle(() => this.#at(0, doing));
    const broadcasts: Broadcast[] = [];
    for (let i = 0; i < this.#repeat; i++) {
      broadcasts.push(
        yield* pool.broadcast(rng.below(nodes), () => this.#at((nodes * (i + 0.5)) / this.#repeat, doing)),
      );
    }
    this.#done += nodes;
    return { nodes, gossipNodes, gossipIntervalMs, broadcasts };
  }

  *#variations(nodes: number): Generator<Progress, void, void> {
    const columns = [
      { key: "gossipNodes", title: "fan-out" },
      { key: "gossipIntervalMs", title: "interval, ms" },
      ...poolColumns,
    ];
    const fanouts = this.#report.table("fanouts", `Real pools of ${nodes}: the fan-out varied`, columns);
    for (const gossipNodes of this.#fanouts) {
      const point = yield* this.#measure(nodes, gossipNodes, this.#gossipIntervalMs);
      fanouts.rows.push({ gossipNodes, gossipIntervalMs: this.#gossipIntervalMs, ...poolRow(point) });
    }
    const intervals = this.#report.table("intervals", `Real pools of ${nodes}: the gossip interval varied`, columns);
    for (const gossipIntervalMs of this.#intervals) {
      const point = yield* this.#measure(nodes, this.#gossipNodes, gossipIntervalMs);
      intervals.rows.push({ gossipNodes: this.#gossipNodes, gossipIntervalMs, ...poolRow(point) });
    }
  }

  #broadcasts(point: PoolPoint): void {
    const table = this.#report.table("broadcasts", `Real pool of ${point.nodes}: each broadcast`, [
      { key: "broadcast", title: "broadcast" },
      { key: "halfMs", title: "50 %, ms", digits: 1 },
      { key: "mostMs", title: "99 %, ms", digits: 1 },
      { key: "everyoneMs", title: "100 %, ms", digits: 1 },
      { key: "intervals", title: "100 %, intervals", digits: 2 },
      { key: "hops", title: "hops" },
      { key: "copies", title: "copies a node", digits: 1 },
    ]);
    for (const [i, broadcast] of point.broadcasts.entries()) {
      const ms = (share: number) => shareMs(broadcast, point.nodes, share) ?? null;
      const everyoneMs = ms(1);
      table.rows.push({
        broadcast: i + 1,
        halfMs: ms(0.5),
        mostMs: ms(0.99),
        everyoneMs,
        intervals: everyoneMs === null ? null : everyoneMs / point.gossipIntervalMs,
        hops: broadcast.hops,
        copies: broadcast.copies / point.nodes,
      });
    }
  }

  // Words

  #explain(): void {
    this.#report.notes.push(
      "A round of a real pool is counted twice: as time divided by the gossip interval, and as hops: the longest chain of " +
        "nodes by which one of them heard of it first.",
      "Intervals are fewer than rounds, because Swim gossips on demand: whoever hears news after a quiet while passes it on " +
        "within a twentieth of an interval, so one wave runs through the pool before the second round begins. It leaves " +
        "out the share s = exp(-f(1-loss)(1-s)); each further interval divides the rest by about exp(f(1-loss)). This " +
        "holds while hops x latency is short beside the interval; rounds are jittered by a tenth, so at a full interval " +
        "some of the next is over already.",
      "Hops are more than rounds: a chain of many quick hops often overtakes one of few, and with small fan-outs the more so.",
      "Recurrences: push u' = u exp(-f(1-loss)(1-u)), pull u' = u (1 - (1-loss)^2 (1-u))^f, push-pull both factors; everyone " +
        "knows when exp(-n u) >= 1/2. They start with one holder and do not know the luck of the first rounds.",
      "Formulas, up to a constant: push log_{1+f(1-loss)} n + ln n / (f(1-loss)); without loss pull log_{1+f} n + " +
        "log_{1+f} ln n, push-pull log_{1+2f} n + log_{1+f} ln n.",
      "Copies are arrivals of the message, at nodes that had it too: the transmission limit 4 ceil(log10(n+1)) is used up.",
    );
    if (this.#single) {
      this.#report.notes.push(
        `One size was asked for: the smaller ones are there to show the growth. Fan-out and interval are varied at ` +
          `${Math.min(mostVaried, this.#depth)} nodes.`,
      );
    }
  }

  #at(nodes: number, doing: string): Progress {
    return { share: Math.min(1, (this.#done + nodes) / this.#total), doing };
  }
}

const poolColumns = [
  { key: "halfMs", title: "50 %, ms", digits: 1 },
  { key: "mostMs", title: "99 %, ms", digits: 1 },
  { key: "everyoneMs", title: "100 %, ms", digits: 1 },
  { key: "worstMs", title: "100 %, worst, ms", digits: 1 },
  { key: "intervals", title: "100 %, intervals", digits: 2 },
  { key: "hops", title: "hops", digits: 1 },
  { key: "copies", title: "copies a node", digits: 1 },
  { key: "incomplete", title: "not to everyone" },
] as const;

function poolRow({ nodes, gossipIntervalMs, broadcasts }: PoolPoint) {
  const ms = (share: number) => broadcasts.flatMap((broadcast) => shareMs(broadcast, nodes, share) ?? []);
  const everyone = median(ms(1));
  return {
    halfMs: median(ms(0.5)),
    mostMs: median(ms(0.99)),
    everyoneMs: everyone,
    worstMs: largest(ms(1)),
    intervals: everyone === null ? null : everyone / gossipIntervalMs,
    hops: median(broadcasts.map(({ hops }) => hops)),
    copies: mean(broadcasts.map(({ copies }) => copies / nodes)),
    incomplete: broadcasts.length - ms(1).length,
  };
}
