/** The list of commands. Their code is loaded when they run, so that a quick question costs little. */
import { AGENT_SPEC } from "./agent-spec.ts";
import { PLAN_SPEC } from "./commands/plan-spec.ts";
import { SIM_SPEC } from "./sim-spec.ts";
import type { CommandSpec } from "./spec.ts";
import { OWN_SPECS } from "./specs/agent-own.ts";
import { MESSAGE_SPECS } from "./specs/messages.ts";
import { POOL_SPECS } from "./specs/pool.ts";
import { STATE_SPECS } from "./specs/state.ts";

/** In the order of their names. */
export const COMMAND_SPECS: readonly CommandSpec[] = [
  AGENT_SPEC,
  PLAN_SPEC,
  SIM_SPEC,
  ...OWN_SPECS,
  ...MESSAGE_SPECS,
  ...POOL_SPECS,
  ...STATE_SPECS,
].sort((a, b) => (a.name < b.name ? -1 : 1));
