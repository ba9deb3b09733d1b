/** The whole plan of a pool, as data. Pure: the same inputs give the same figures. */
import { type Bandwidth, bandwidth, bandwidthGroup, pushPullGroup } from "./bandwidth.ts";
import { type Churn, churn, churnGroup } from "./churn.ts";
import { type Convergence, convergence, convergenceGroup } from "./convergence.ts";
import { type Detection, detection, detectionGroup } from "./detection.ts";
import type { FigureGroup } from "./figure.ts";
import type { PlanInputs } from "./inputs.ts";
import { breakingPoint, type Limit, limitsOf } from "./limits.ts";
import { type Memory, memory, memoryGroup } from "./memory.ts";
import { type Mistakes, mistakes, mistakesGroup } from "./mistakes.ts";

export interface Plan {
  readonly inputs: PlanInputs;
  readonly bandwidth: Bandwidth;
  readonly convergence: Convergence;
  readonly detection: Detection;
  readonly mistakes: Mistakes;
  readonly memory: Memory;
  readonly churn: Churn;
  /** The same for people and for JSON: every figure with its unit, formula and source. */
  readonly groups: readonly FigureGroup[];
  /** The most used first. */
  readonly limits: readonly Limit[];
  /** The pool at which something breaks with these settings; undefined if nothing does up to a million. */
  readonly breaks: { readonly nodes: number; readonly limit: Limit } | undefined;
  readonly notes: readonly string[];
}

/** @param inputs as checked by `planInputs`. */
export function plan(inputs: PlanInputs): Plan {
  const traffic = bandwidth(inputs);
  const news = convergence(inputs);
  const crash = detection(inputs, news.spread);
  const wrong = mistakes(inputs);
  const held = memory(inputs);
  const changes = churn(inputs);
  return {
    inputs,
    bandwidth: traffic,
    convergence: news,
    detection: crash,
    mistakes: wrong,
    memory: held,
    churn: changes,
    groups: [
      bandwidthGroup(inputs, traffic),
      pushPullGroup(traffic),
      convergenceGroup(inputs, news),
      detectionGroup(crash),
      mistakesGroup(inputs, wrong),
      memoryGroup(held),
      churnGroup(changes),
    ],
    limits: limitsOf(inputs),
    breaks: breakingPoint(inputs),
    notes: notes(inputs),
  };
}

function notes(inputs: PlanInputs): string[] {
  const list = [
    "Bytes are payload, without compression, label and encryption; IP and UDP add 28 bytes to each packet.",
    "Times hold for members that answer at once: a pause of a process adds to them.",
  ];
  if (inputs.loss > 0) {
    list.push(
      "Each packet is lost by itself here. Real losses come in bursts, which cause more mistakes than their mean.",
    );
  } else {
    list.push("Without loss nobody healthy is suspected here; in real pools pauses and bursts of loss are the cause.");
  }
  if (inputs.config.pushPullIntervalMs === 0) {
    list.push("Without push/pull, what gossip misses stays missed until the next change.");
  }
  return list;
}
