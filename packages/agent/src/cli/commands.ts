/** The list of commands. Their code is loaded when they run, so that a quick question costs little. */
import { AGENT_SPEC } from "./agent-spec.ts";
import { PLAN_SPEC } from "./commands/plan-spec.ts";
import { RPC_FLAGS } from "./rpc-connection.ts";
import { SIM_SPEC } from "./sim-spec.ts";
import type { CommandSpec, FlagSpec } from "./spec.ts";

const FORMAT: FlagSpec = { name: "format", value: "FORMAT", help: "text (the default) or json." };

export const COMMAND_SPECS: readonly CommandSpec[] = [
  AGENT_SPEC,
  {
    name: "force-leave",
    args: "NODE",
    minArgs: 1,
    maxArgs: 1,
    summary: "Declares a failed member left",
    about: `Takes a failed member out of the pool for good: everybody lists it as left, and stops trying to reach it.
A member that is in fact alive objects, and is alive again within seconds.`,
    flags: [{ name: "prune", help: "Erase the member from the lists as well." }, ...RPC_FLAGS],
    load: () => import("./commands/force-leave.ts"),
  },
  {
    name: "info",
    minArgs: 0,
    maxArgs: 0,
    summary: "Shows an agent's counters and clocks",
    about: "Shows what an agent knows of itself: its pool in numbers, its clocks and queues, its tags, its runtime.",
    flags: [FORMAT, ...RPC_FLAGS],
    load: () => import("./commands/info.ts"),
  },
  {
    name: "join",
    args: "ADDRESS...",
    minArgs: 1,
    maxArgs: Number.POSITIVE_INFINITY,
    summary: "Makes an agent join a pool",
    about: `Makes the agent exchange what it knows with the members at these addresses (HOST or HOST:PORT; without a port,
the agent's own gossip port is meant). One that answers is enough.`,
    flags: [{ name: "replay", help: "Deliver the user events of the past, too." }, ...RPC_FLAGS],
    load: () => import("./commands/join.ts"),
  },
  {
    name: "keygen",
    minArgs: 0,
    maxArgs: 0,
    summary: "Makes an encryption key",
    about: "Prints a new random key of 32 bytes in base64, for -encrypt.",
    flags: [],
    load: () => import("./commands/keygen.ts"),
  },
  {
    name: "leave",
    minArgs: 0,
    maxArgs: 0,
    summary: "Makes an agent leave its pool and stop",
    about: "Makes the agent tell everybody that it leaves, so that it is listed as left and not as failed, and stop.",
    flags: RPC_FLAGS,
    load: () => import("./commands/leave.ts"),
  },
  {
    name: "members",
    minArgs: 0,
    maxArgs: 0,
    summary: "Lists the members of the pool",
    about: `Lists the members as this agent sees them: name, address, status (alive, leaving, left, failed) and tags. The
patterns are regular expressions in RE2's syntax and must match the whole text.`,
    flags: [
      { name: "status", value: "PATTERN", help: "Only members whose status matches." },
      { name: "name", value: "PATTERN", help: "Only members whose name matches." },
      { name: "tag", value: "KEY=PATTERN", repeatable: true, help: "Only members whose tag matches. May be repeated." },
      { name: "role", value: "PATTERN", help: "Old form of -tag role=PATTERN." },
      { name: "detailed", help: "Show protocol versions as well (text only; json always has them)." },
      FORMAT,
      ...RPC_FLAGS,
    ],
    load: () => import("./commands/members.ts"),
  },
  PLAN_SPEC,
  SIM_SPEC,
  {
    name: "version",
    minArgs: 0,
    maxArgs: 0,
    summary: "Prints the version",
    about: "Prints the version of this program and the Serf protocol versions it speaks.",
    flags: [],
    load: () => import("./commands/version.ts"),
  },
  {
    name: "why",
    args: "NODE",
    minArgs: 1,
    maxArgs: 1,
    summary: "Explains an agent's opinion of a member",
    about: `Shows what the agent observed of a member, oldest first: probes without answer and the paths they took, who
suspected it and who agreed, when it was declared dead. Serf agents do not have this command.`,
    flags: [FORMAT, ...RPC_FLAGS],
    load: () => import("./commands/why.ts"),
  },
];
