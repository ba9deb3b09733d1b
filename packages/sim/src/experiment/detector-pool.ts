/**
 * A pool to compare failure detectors on: the same machines with the same heartbeats over the same network, and only the
 * judge is another. "swim": a failed probe accuses, and heartbeats are heard and judged for nothing. "phi": the silence of
 * heartbeats accuses, and probes only measure. What follows an accusation, suspicion and gossip, is the same.
 */
import type { SwimConfig } from "@hearsay/core";
import type { PhiSettings } from "@hearsay/state";
import { ExtendedPool } from "../extended-pool.ts";
import type { NetworkConditions } from "../network.ts";
import type { Setting } from "./experiment.ts";
import type { SettingReader } from "./read-settings.ts";

export type Detector = "swim" | "phi";

export const detectorTitles: Readonly<Record<Detector, string>> = { swim: "SWIM", phi: "phi" };

/** Settings of every experiment that compares detectors. 0 and "default" mean a pool's own default. */
export const detectorSettings: readonly Setting[] = [
  {
    name: "detector",
    help: "who accuses: failed probes, silent heartbeats, or one after the other",
    kind: "text",
    choices: ["both", "swim", "phi"],
    default: "both",
  },
  {
    name: "phiModel",
    help: "of the intervals between heartbeats",
    kind: "text",
    choices: ["default", "normal", "exponential"],
    default: "default",
  },
  { name: "phiThreshold", help: "accuse at this phi; 0: the default", kind: "number", default: 0, min: 0, max: 1000 },
  {
    name: "phiFloorMs",
    help: "least deviation of intervals; 0: the default",
    kind: "duration",
    default: 0,
    min: 0,
    max: 60_000,
  },
  {
    name: "phiPauseMs",
    help: "silence always forgiven; -1: the default",
    kind: "number",
    default: -1,
    min: -1,
    max: 600_000,
  },
];

export function detectorsOf(read: SettingReader): Detector[] {
  const chosen = read.text("detector");
  return chosen === "both" ? ["swim", "phi"] : [chosen as Detector];
}

export interface DetectorPoolOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly detector: Detector;
  readonly network?: NetworkConditions;
  readonly config?: Partial<SwimConfig>;
}

/** Begun converged; what the nodes hold of each other's heartbeats they learn in the first seconds. */
export function detectorPool(read: SettingReader, { nodes, detector, ...options }: DetectorPoolOptions): ExtendedPool {
  const phi = phiOf(read);
  const pool = new ExtendedPool({
    ...options,
    size: nodes,
    fidelity: "objects",
    extensions: () => ({ detector, phi }),
  });
  pool.addConverged(nodes);
  return pool;
}

function phiOf(read: SettingReader): Partial<PhiSettings> {
  const model = read.text("phiModel");
  const threshold = read.number("phiThreshold");
  const floorMs = read.number("phiFloorMs");
  const pauseMs = read.number("phiPauseMs");
  return {
    ...(model === "normal" || model === "exponential" ? { model } : {}),
    ...(threshold > 0 ? { suspectPhi: threshold } : {}),
    ...(floorMs > 0 ? { minDeviationMs: floorMs } : {}),
    ...(pauseMs >= 0 ? { acceptablePauseMs: pauseMs } : {}),
  };
}
