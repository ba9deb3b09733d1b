/** Commands about the pool and its members. */
import { RPC_FLAGS } from "../rpc-connection.ts";
import type { CommandSpec } from "../spec.ts";
import { FORMAT } from "./shared.ts";

export const POOL_SPECS: readonly CommandSpec[] = [
  {
    name: "force-leave",
    args: "NODE",
    minArgs: 1,
    maxArgs: 1,
    summary: "Declares a failed member left",
    about: `Takes a failed member out of the pool for good: everybody lists it as left, and stops trying to reach it.
A member that is in fact alive objects, and is alive again within seconds.`,
    flags: [{ name: "prune", help: "Erase the member from the lists as well." }, ...RPC_FLAGS],
    load: () => import("../commands/force-leave.ts"),
  },
  {
    name: "join",
    args: "ADDRESS...",
    minArgs: 1,
    maxArgs: Number.POSITIVE_INFINITY,
    summary: "Makes an agent join a pool",
    about: `Makes the agent exchange what it knows with the members at these addresses (HOST or HOST:PORT; without a
port, the agent's own gossip port is meant). One that answers is enough.`,
    flags: [{ name: "replay", help: "Deliver the user events of the past, too." }, ...RPC_FLAGS],
    load: () => import("../commands/join.ts"),
  },
  {
    name: "leave",
    minArgs: 0,
    maxArgs: 0,
    summary: "Makes an agent leave its pool and stop",
    about: "Makes the agent tell everybody that it leaves, so that it is listed as left and not as failed, and stop.",
    flags: RPC_FLAGS,
    load: () => import("../commands/leave.ts"),
  },
  {
    name: "members",
    minArgs: 0,
    maxArgs: 0,
    summary: "Lists the members of the pool",
    about: `Lists the members as this agent sees them: name, address, status (alive, leaving, left, failed) and tags.
The patterns are regular expressions in RE2's syntax and must match the whole text.`,
    flags: [
      { name: "status", value: "PATTERN", help: "Only members whose status matches." },
      { name: "name", value: "PATTERN", help: "Only members whose name matches." },
      { name: "tag", value: "KEY=PATTERN", repeatable: true, help: "Only members whose tag matches. May be repeated." },
      { name: "role", value: "PATTERN", help: "Old form of -tag role=PATTERN." },
      { name: "detailed", help: "Show protocol versions as well (text only; json always has them)." },
      FORMAT,
      ...RPC_FLAGS,
    ],
    load: () => import("../commands/members.ts"),
  },
  {
    name: "reachability",
    minArgs: 0,
    maxArgs: 0,
    summary: "Tests whether every live member can be reached",
    about: `Asks all members for a sign of life, by way of gossip and straight back, and compares who answers with who
is listed as alive. Takes as long as a query does: 3.2 seconds in a small pool. The exit code is 0 only if
the two are the same.`,
    flags: [{ name: "verbose", help: "Show each answer as it comes, and how long they took." }, ...RPC_FLAGS],
    load: () => import("../commands/reachability.ts"),
  },
  {
    name: "rtt",
    args: "NODE [NODE]",
    minArgs: 1,
    maxArgs: 2,
    summary: "Estimates the round-trip time between two members",
    about: `Estimates how long a packet takes from one member to another and back, without sending one: members learn
their places in the network from the probes they send each other anyway. Without a second name, the agent's
own is taken. The agent knows the place of those that it has probed lately.`,
    flags: RPC_FLAGS,
    load: () => import("../commands/rtt.ts"),
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
    load: () => import("../commands/why.ts"),
  },
];
