/** All experiments by name, in the order of `hearsay sim list`. One import and one entry each. */
import { aggregate } from "./aggregate.ts";
import { asymmetric } from "./asymmetric.ts";
import { churn } from "./churn.ts";
import { counter } from "./counter.ts";
import { detect } from "./detect.ts";
import type { Experiment } from "./experiment.ts";
import { lifeguard } from "./lifeguard.ts";
import { overload } from "./overload.ts";
import { partition } from "./partition.ts";
import { restart } from "./restart.ts";
import { spread } from "./spread.ts";
import { state } from "./state.ts";
import { statePartition } from "./state-partition.ts";
import { strategies } from "./strategies.ts";

export const experiments: readonly Experiment[] = [
  spread,
  detect,
  strategies,
  lifeguard,
  asymmetric,
  churn,
  partition,
  restart,
  overload,
  state,
  statePartition,
  aggregate,
  counter,
];
