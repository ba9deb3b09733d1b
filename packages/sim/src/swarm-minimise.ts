/**
 * Makes a failing swarm run smaller: faults are left out, in halves, quarters and one by one, then members, as long as the
 * same checker still objects. What is left is not the least there is, but what the story needs is in it.
 */
import { runSwarm, type SwarmOptions, type SwarmResult } from "./swarm.ts";
import type { Fault } from "./swarm-faults.ts";

export interface Minimised {
  /** The smallest run found; the given one when nothing could be left out. */
  readonly result: SwarmResult;
  /** Runs made to find it. */
  readonly runs: number;
}

/** @param maxRuns runs to spend; each takes about as long as the first. */
export function minimiseSwarm(options: SwarmOptions, failed: SwarmResult, maxRuns: number): Minimised {
  const checker = failed.violations[0]?.checker;
  let best = failed;
  let runs = 0;
  const attempt = (faults: readonly Fault[], nodes: number): boolean => {
    if (runs >= maxRuns || checker === undefined) return false;
    runs++;
    const result = runSwarm({ ...options, faults, settings: { ...failed.settings, nodes } });
    if (!result.violations.some((violation) => violation.checker === checker)) return false;
    best = result;
    return true;
  };

  const fewerFaults = () => {
    for (let size = Math.ceil(best.faults.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let from = 0; from < best.faults.length && runs < maxRuns; ) {
        const rest = [...best.faults.slice(0, from), ...best.faults.slice(from + size)];
        if (!attempt(rest, best.settings.nodes)) from += size;
      }
    }
  };
  fewerFaults();
  const before = best.settings.nodes;
  for (const nodes of [3, 5, 8, 12, 20, 30]) {
    if (nodes >= best.settings.nodes) break;
    if (best.faults.every((fault) => highestOf(fault) < nodes) && attempt(best.faults, nodes)) break;
  }
  // In a smaller pool more may be needless.
  if (best.settings.nodes < before) fewerFaults();
  return { result: best, runs };
}

/** The highest member number that a fault is about; -1 for none. */
function highestOf(fault: Fault): number {
  if ("node" in fault) return fault.node;
  if ("from" in fault) return Math.max(fault.from, fault.to);
  return "groups" in fault ? Math.max(...fault.groups.flat()) : -1;
}
