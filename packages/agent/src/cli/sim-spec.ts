/** What the command line knows of `hearsay sim` before the simulator is loaded. Flags of a run are the experiment's own. */
import type { CommandSpec } from "./spec.ts";

export const SIM_SPEC: CommandSpec = {
  name: "sim",
  args: "list | run NAME|FILE",
  minArgs: 1,
  maxArgs: Number.POSITIVE_INFINITY,
  choices: ["list", "run"],
  summary: "Runs experiments in the simulator",
  about: `Runs simulated pools of real nodes, up to ten thousand, under virtual time. The same seed and settings give
the same output, byte for byte.

  hearsay sim list                what there is to run
  hearsay sim run NAME -h         what an experiment measures, and its settings
  hearsay sim run NAME [flags]    runs an experiment and prints its tables
  hearsay sim run FILE [flags]    runs a scenario, see docs/scenarios.md

Ctrl-C ends a run early and keeps what was measured.`,
  flags: [],
  ownWords: true,
  load: () => import("./commands/sim.ts"),
};
