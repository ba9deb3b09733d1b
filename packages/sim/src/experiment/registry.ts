/** All experiments by name, in the order of `hearsay sim list`. One import and one entry each. */
import { asymmetric } from "./asymmetric.ts";
import { detect } from "./detect.ts";
import type { Experiment } from "./experiment.ts";
import { lifeguard } from "./lifeguard.ts";

export const experiments: readonly Experiment[] = [detect, lifeguard, asymmetric];
