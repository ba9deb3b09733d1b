/**
 * Replicated state, measured: how fast one change comes to everybody and what it costs, what a pool sends while nothing
 * changes, beside those who exchange everything (`full-state.ts`); and the modes of exchange beside each other.
 */
import { Rng } from "@hearsay/core";
import type { ExchangeMode } from "@hearsay/state";
import { epidemicModes } from "../epidemic.ts";
import type { Latency } from "../latency.ts";
import { stateHeapMb } from "../state-warm.ts";
import type { Experiment, Progress, Settings } from "./experiment.ts";
import { SettingReader } from "./read-settings.ts";
import type { Report } from "./report.ts";
import { numberList } from "./spread-figures.ts";
import { measureState, type StatePoint, type StateWork } from "./state-measure.ts";
import { StateOutput } from "./state-output.ts";

/** Sizes measured beside a single one, for the growth. */
const ladder = [10, 30, 100, 300, 1000];
const mostNodes = 3000;
/** The modes are compared at no more than so many nodes. */
const mostCompared = 300;
/** Deviation of the delays' logarithm, as in `lanLatency`. */
const latencySigma = 0.4;

export const state: Experiment = {
  name: "state",
  summary:
    "How fast replicated state comes to everybody, and what it costs, beside exchanging all of it; modes compared",
  settings: [
    {
      name: "nodes",
      help: "sizes; a single one has smaller ones beside it",
      kind: "list",
      whole: true,
      default: "10,30,100,300",
      min: 2,
      max: mostNodes,
    },
    { name: "keys", help: "keys in each node's map", kind: "integer", default: 5, min: 1, max: 200 },
    { name: "valueBytes", help: "size of a value", kind: "integer", default: 32, min: 16, max: 1000 },
    {
      name: "mode",
      help: "what an exchange moves: news from who opened it, to it, or both",
      kind: "text",
      default: "push-pull",
      choices: epidemicModes,
    },
    {
      name: "gossipNodes",
      help: "members that a fresh write is told to at once; 0: anti-entropy does it all",
      kind: "integer",
      default: 3,
      min: 0,
      max: 20,
    },
    {
      name: "gossipIntervalMs",
      help: "between two sendings of fresh writes: a tick",
      kind: "duration",
      default: 200,
      min: 10,
      max: 10_000,
    },
    {
      name: "syncIntervalMs",
      help: "between two exchanges that a node opens: a round",
      kind: "duration",
      default: 1000,
      min: 50,
      max: 60_000,
    },
    { name: "repeat", help: "changes of each kind in each pool", kind: "integer", default: 10, min: 1, max: 1000 },
    {
      name: "restMs",
      help: "time at rest that is measured",
      kind: "duration",
      default: 60_000,
      min: 1000,
      max: 3_600_000,
    },
    { name: "loss", help: "share of packets lost", kind: "share", default: 0, min: 0, max: 0.9 },
    {
      name: "latencyMs",
      help: "median of one packet's delay (log-normal), ms",
      kind: "number",
      default: 0.5,
      min: 0.01,
      max: 1000,
    },
  ],
  heapMb(settings) {
    const nodes = numberList("nodes", settings.nodes, 2, mostNodes).at(-1)!;
    return stateHeapMb(nodes, { keysPerNode: Number(settings.keys), sharedKeys: 1 });
  },
  *run(report, settings) {
    yield* new State(report, settings).run();
  },
};

class State {
  readonly #sizes: readonly number[];
  readonly #base: Omit<StateWork, "seed" | "nodes">;
  readonly #rng: Rng;
  readonly #output: StateOutput;
  /** Nodes measured, of all that will be. */
  #done = 0;
  #total = 1;

  constructor(report: Report, settings: Settings) {
    const read = new SettingReader(state, settings);
    const given = numberList("nodes", settings.nodes, 2, mostNodes);
    this.#sizes = given.length === 1 ? [...ladder.filter((size) => size < given[0]!), ...given] : given;
    const latency: Latency = { kind: "lognormal", medianMs: read.number("latencyMs"), sigma: latencySigma };
    this.#base = {
      keysPerNode: read.number("keys"),
      valueBytes: read.number("valueBytes"),
      mode: read.text("mode") as ExchangeMode,
      gossipNodes: read.number("gossipNodes"),
      gossipIntervalMs: read.number("gossipIntervalMs"),
      syncIntervalMs: read.number("syncIntervalMs"),
      loss: read.number("loss"),
      latency,
      restMs: read.number("restMs"),
      changes: read.number("repeat"),
    };
    this.#rng = new Rng(report.seed).fork("state");
    this.#output = new StateOutput(report, this.#base, this.#rng);
  }

  *run(): Generator<Progress, void, void> {
    const compared = Math.min(mostCompared, this.#sizes.at(-1)!);
    const modes = this.#comparisons();
    this.#total = this.#sizes.reduce((sum, size) => sum + size, 0) + modes.length * compared;
    for (const nodes of this.#sizes) this.#output.addSize(yield* this.#measure({ ...this.#base, nodes }));
    this.#output.beginModes(compared);
    for (const mode of modes) this.#output.addMode(yield* this.#measure({ ...this.#base, ...mode, nodes: compared }));
    this.#output.explain();
  }

  /** Each mode by itself; and with rumours ahead of it, if there are any. */
  #comparisons(): Pick<StateWork, "mode" | "gossipNodes">[] {
    const { gossipNodes, mode } = this.#base;
    const alone = epidemicModes.map((each) => ({ mode: each, gossipNodes: 0 }));
    return gossipNodes > 0 ? [...alone, { mode, gossipNodes }] : alone;
  }

  *#measure(work: Omit<StateWork, "seed">): Generator<Progress, StatePoint, void> {
    const { nodes, mode, gossipNodes } = work;
    const doing = `${nodes} nodes, ${mode}, ${gossipNodes === 0 ? "no rumours" : `rumours to ${gossipNodes}`}`;
    const seed = this.#rng.fork(`pool ${nodes} ${mode} ${gossipNodes}`).uint32();
    const before = this.#done;
    const point = yield* measureState({ ...work, seed }, (share) => {
      return { share: (before + nodes * share) / this.#total, doing };
    });
    this.#done += nodes;
    return point;
  }
}
