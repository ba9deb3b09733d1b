/** The options about replicated state, checked. Plain data comes out: it can be sent to a worker thread. */

import { capabilityTag } from "@hearsay/extended";
import {
  checkedConfig,
  PhiDetector,
  type PhiSettings,
  phiDefaults,
  type StateConfig,
  stateDefaults,
} from "@hearsay/state";
import { optionError } from "../errors.ts";
import { checkNames, checkPath, checkSetting } from "../option-checks.ts";
import type { StateNodeOptions } from "../state-api.ts";

/** The tag that tells others what this node can. Nobody else may set it, and it is not shown. */
export const reservedTag = capabilityTag;

/** From this version of Serf's protocol on all tags reach others, and with them what a member can. */
const LEAST_PROTOCOL = 3;

export interface StateSettings {
  readonly config: Partial<StateConfig>;
  readonly phi: Partial<PhiSettings>;
  readonly detector: "swim" | "phi";
  readonly file: string | undefined;
  readonly saveIntervalMs: number;
}

export const stateOptionNames: readonly (keyof StateNodeOptions)[] = [
  "state",
  "stateFile",
  "stateSaveIntervalMs",
  "detector",
  "phi",
];

/**
 * Undefined: none of it is wanted, or the protocol cannot carry it.
 * @throws NodeError BAD_OPTION
 */
export function stateSettings(options: StateNodeOptions, protocol: number): StateSettings | undefined {
  const { state = true, detector = "swim", phi = {} } = options;
  const config = typeof state === "boolean" ? {} : checkConfig(state);
  const file = checkPath("stateFile", options.stateFile);
  const saveIntervalMs = Number(
    checkSetting("stateSaveIntervalMs", options.stateSaveIntervalMs ?? 10_000, [100, 2 ** 31 - 1]),
  );
  if (detector !== "swim" && detector !== "phi")
    throw optionError("detector", detector, "is no detector; want swim or phi");
  const settings = { config, phi: checkPhi(phi), detector, file, saveIntervalMs };
  if (state !== false && protocol >= LEAST_PROTOCOL) return settings;
  const problem = `needs replicated state: ${state === false ? "state is false" : `protocol is ${protocol}, want ${LEAST_PROTOCOL} or more`}`;
  if (file !== undefined) throw optionError("stateFile", file, problem);
  if (detector === "phi") throw optionError("detector", detector, problem);
  return undefined;
}

function checkConfig(state: unknown): Partial<StateConfig> {
  const config = checkNames("state", state, Object.keys(stateDefaults)) as Partial<StateConfig>;
  return inOptionWords("state", config, () => checkedConfig(config));
}

function checkPhi(phi: unknown): Partial<PhiSettings> {
  const settings = checkNames("phi", phi, Object.keys(phiDefaults)) as Partial<PhiSettings>;
  return inOptionWords("phi", settings, () => new PhiDetector(settings));
}

/** The settings as they are, if the machine takes them. */
function inOptionWords<T>(option: string, settings: T, check: () => unknown): T {
  try {
    check();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw optionError(option, settings, `is wrong: ${error.message}`, error);
  }
  return settings;
}
