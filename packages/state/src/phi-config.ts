/** What decides how soon silence is taken for death. */
import type { PhiModel } from "./phi-tail.ts";

export interface PhiSettings {
  /** Heartbeats expected every so often, ms, > 0, until `expect` tells: what a member with few samples is judged by. Default 1,000. */
  readonly expectedIntervalMs: number;
  /** Intervals kept of each member, 2 ... 512; 4 bytes each. More is steadier and slower to learn. Default 100. */
  readonly windowSamples: number;
  /** Default "normal". Exponential suits arrivals by gossip, whose chance is the same at each moment. */
  readonly model: PhiModel;
  /**
   * Suspected at this phi and above, in the model's own terms. Default 8: with the normal model one wrong decision in 10^8,
   * if intervals were normal.
   */
  readonly suspectPhi: number;
  /** Trusted again only below this, at most `suspectPhi`. Default 1. */
  readonly trustPhi: number;
  /** How much a wrong suspicion raises the member's own threshold. Default 1. A full window of heartbeats takes it back. */
  readonly raisePhi: number;
  /** The threshold never rises above this. Default 16. */
  readonly maxSuspectPhi: number;
  /** Least deviation, ms, > 0: a clockwork network must not make one late packet a death. Default 100. */
  readonly minDeviationMs: number;
  /** Silence that is always forgiven, ms: added to the mean. Default 0; Akka's is 3,000. */
  readonly acceptablePauseMs: number;
  /** Intervals longer than this are not learnt from, ms, at most 524,287. Default 60,000. */
  readonly maxIntervalMs: number;
  /**
   * So many outages in a row that no interval was learnt: it is the rhythm that has changed, and the window starts anew
   * with the latest. 1 ... 255, default 5.
   */
  readonly relearnAfter: number;
  /** Pauses of our own from this length on make all judgement wait, ms. Default 1,000. */
  readonly pauseMs: number;
  /** For how long after such a pause nobody is suspected and nothing is learnt, ms. Default 2,000. */
  readonly settleMs: number;
  /** Members watched at most. Default 65,536. */
  readonly maxMembers: number;
}

export const phiDefaults: PhiSettings = {
  expectedIntervalMs: 1_000,
  windowSamples: 100,
  model: "normal",
  suspectPhi: 8,
  trustPhi: 1,
  raisePhi: 1,
  maxSuspectPhi: 16,
  minDeviationMs: 100,
  acceptablePauseMs: 0,
  maxIntervalMs: 60_000,
  relearnAfter: 5,
  pauseMs: 1_000,
  settleMs: 2_000,
  maxMembers: 65_536,
};

/** Settings with the defaults filled in. Throws a RangeError that says which is wrong and what would be right. */
export function phiSettings(given: Partial<PhiSettings> = {}): PhiSettings {
  const settings = { ...phiDefaults, ...given };
  const within = (key: Exclude<keyof PhiSettings, "model">, least: number, most: number, whole = false): void => {
    const value = settings[key];
    if (value >= least && value <= most && (!whole || Number.isInteger(value))) return;
    throw new RangeError(
      `phi: ${key} is ${value}, where ${whole ? "a whole number" : "a number"} from ${least} to ${most} belongs`,
    );
  };
  if (settings.model !== "normal" && settings.model !== "exponential")
    throw new RangeError(`phi: model is "${String(settings.model)}", where "normal" or "exponential" belongs`);
  within("expectedIntervalMs", 0.125, 524_287);
  within("windowSamples", 2, 512, true);
  within("suspectPhi", 0.5, 1_000);
  within("trustPhi", 0.31, settings.suspectPhi);
  within("raisePhi", 0, 1_000);
  within("maxSuspectPhi", settings.suspectPhi, 1_000);
  within("minDeviationMs", 0.001, 524_287);
  within("acceptablePauseMs", 0, 86_400_000);
  within("maxIntervalMs", settings.expectedIntervalMs, 524_287);
  within("relearnAfter", 1, 255, true);
  within("pauseMs", 0, 86_400_000);
  within("settleMs", 0, 86_400_000);
  within("maxMembers", 1, 1_048_576, true);
  return settings;
}
