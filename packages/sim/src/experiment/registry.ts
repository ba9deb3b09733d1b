/** All experiments by name, in the order of `hearsay sim list`. One import and one entry each. */
import type { Experiment } from "./experiment.ts";
import { spread } from "./spread.ts";
import { strategies } from "./strategies.ts";

export const experiments: readonly Experiment[] = [spread, strategies];
