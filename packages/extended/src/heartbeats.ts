/**
 * How heartbeats travel and are judged in a pool of whole nodes, unless it is set otherwise. The figures behind these choices
 * are in docs/experiments.md ("phi beside SWIM").
 */
import type { PhiSettings, StateConfig } from "@hearsay/state";

export type Detector = "swim" | "phi";

/** How often a heartbeat rises at most: ms. */
const heartbeatIntervalMs = 1000;

/**
 * Where probes are the judge, heartbeats only inform, and ride on packets that go out anyway. Where they are the judge, they
 * run ahead in packets of their own, each sent on so often that few miss one (2 % at 4 times, and one in a million misses
 * four in a row), and twice as many of them: with 64 a second, everybody's comes every second among up to 65 members.
 */
export function heartbeatDefaults(detector: Detector): Partial<StateConfig> {
  if (detector === "swim") return { heartbeatIntervalMs };
  return { heartbeatIntervalMs, heartbeatSpread: "gossip", heartbeatMult: 2, heartbeatBudgetPerSecond: 64 };
}

/**
 * Where probes are the judge, the watch's own: phi 8 of the normal model above a pause that is forgiven, which hardly ever
 * speaks without need. Where silence accuses:
 *
 * What decides is how many heartbeats in a row are missed: intervals are nearly whole numbers of beats, with an exponential
 * tail, and a pause or a deviation in ms would mean something else in each pool. So the exponential model, whose threshold
 * counts in mean intervals: phi 2 is a silence of 4.6. That suspects a living member about once in a million intervals,
 * which costs nothing but the accusation: a suspect that lives refutes it. The higher thresholds in use elsewhere (8 and
 * more, or 18 mean intervals) are for detectors whose first word is the last.
 */
export function phiOf(detector: Detector, given: Partial<PhiSettings> = {}): Partial<PhiSettings> {
  if (detector === "swim") return given;
  const { suspectPhi = 2 } = given;
  // Twice the threshold: one that is set higher is not to be above its own limit.
  const limit = { maxSuspectPhi: 2 * suspectPhi, raisePhi: suspectPhi / 4 };
  return { model: "exponential", acceptablePauseMs: 0, ...limit, ...given, suspectPhi };
}
