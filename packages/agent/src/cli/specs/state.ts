/** Commands about what everybody needs to know: keys, counters and statistics. Hearsay agents only. */
import { RPC_FLAGS } from "../rpc-connection.ts";
import type { CommandSpec, FlagSpec } from "../spec.ts";
import { FORMAT } from "./shared.ts";

const SHARED: FlagSpec = { name: "shared", help: "The keys that all members share, rather than a member's own." };
const PREFIX: FlagSpec = { name: "prefix", value: "TEXT", help: "Only keys that begin so." };

const memberFlag = (byDefault: string): FlagSpec => ({
  name: "member",
  value: "NAME",
  help: `The keys of this member. Default: ${byDefault}.`,
});

const STATE_VERBS: readonly CommandSpec[] = [
  {
    name: "state get",
    args: "KEY",
    minArgs: 1,
    maxArgs: 1,
    summary: "Prints the value of a key",
    about: `Prints one value: a text as it is, with a line end behind it, bytes as they are, anything else as JSON.
The exit code is 1 if there is no such key.`,
    flags: [SHARED, memberFlag("the agent's own"), FORMAT, ...RPC_FLAGS],
    load: async () => ({ run: (await import("../commands/state/keys.ts")).get }),
  },
  {
    name: "state set",
    args: "KEY [VALUE]",
    minArgs: 1,
    maxArgs: 2,
    flagsFirst: true,
    summary: "Writes a key",
    about: `Writes a key of the agent's own, or a shared one; everybody has it within moments. The value is a text,
unless -json or -file say otherwise. Flags stand before the key: what follows it is the value, whatever
it begins with.`,
    flags: [
      SHARED,
      { name: "ttl", value: "DURATION", help: "Delete the key after this time, such as 30s. Default: never." },
      { name: "json", help: "VALUE is JSON." },
      {
        name: "file",
        value: "FILE",
        help: "The value is the bytes of this file, instead of VALUE; - is standard input.",
      },
      ...RPC_FLAGS,
    ],
    load: async () => ({ run: (await import("../commands/state/keys.ts")).set }),
  },
  {
    name: "state delete",
    args: "KEY",
    minArgs: 1,
    maxArgs: 1,
    summary: "Deletes a key",
    about: "Deletes a key of the agent's own, or a shared one. The exit code is 1 if there is no such key.",
    flags: [SHARED, ...RPC_FLAGS],
    load: async () => ({ run: (await import("../commands/state/keys.ts")).remove }),
  },
  {
    name: "state list",
    minArgs: 0,
    maxArgs: 0,
    summary: "Lists keys and values",
    about: `Lists the keys of all members as far as this agent has heard of them (member, key, value), of one (key,
value), or the shared ones (key, when it was written, by whom, value). On a terminal, long values are cut.`,
    flags: [SHARED, memberFlag("everybody's"), PREFIX, FORMAT, ...RPC_FLAGS],
    load: async () => ({ run: (await import("../commands/state/list.ts")).run }),
  },
  {
    name: "state watch",
    minArgs: 0,
    maxArgs: 0,
    summary: "Shows changes as they come",
    about: `Shows each change of a key when this agent learns of it, a line each, until Ctrl-C: the time, whose key
it is, or who wrote it, the key, and its new value.`,
    flags: [
      SHARED,
      memberFlag("everybody's"),
      PREFIX,
      { name: "initial", help: "Show first what is there already." },
      { ...FORMAT, help: "text (the default) or json: one object a line." },
      ...RPC_FLAGS,
    ],
    load: async () => ({ run: (await import("../commands/state/watch.ts")).run }),
  },
];

const COUNTER_VERBS: readonly CommandSpec[] = [
  {
    name: "counter add",
    args: "NAME [N]",
    minArgs: 1,
    maxArgs: 2,
    summary: "Raises or lowers a counter",
    about: `Adds N, a whole number, to a counter; without N, 1. Prints what this agent then knows of it; the others'
latest may still be on their way. Nothing that was counted is lost or counted twice.`,
    flags: [FORMAT, ...RPC_FLAGS],
    load: async () => ({ run: (await import("../commands/counter.ts")).add }),
  },
  {
    name: "counter get",
    args: "NAME",
    minArgs: 1,
    maxArgs: 1,
    summary: "Prints a counter",
    about: "Prints a counter as this agent knows it. One that nobody has counted with is 0.",
    flags: [FORMAT, ...RPC_FLAGS],
    load: async () => ({ run: (await import("../commands/counter.ts")).get }),
  },
  {
    name: "counter list",
    minArgs: 0,
    maxArgs: 0,
    summary: "Lists the counters",
    about: "Lists all counters that this agent knows: name, value, and how much of it this agent has counted.",
    flags: [FORMAT, ...RPC_FLAGS],
    load: async () => ({ run: (await import("../commands/counter.ts")).list }),
  },
];

const AGGREGATE_VERBS: readonly CommandSpec[] = [
  {
    name: "aggregate set",
    args: "NAME VALUE",
    minArgs: 2,
    maxArgs: 2,
    summary: "Takes part with a number",
    about: `Makes the agent take part in a statistic with this number, from its next epoch on, until it is given
another one, or stops. All that take part must use the same -round and -epoch.`,
    flags: [
      {
        name: "round",
        value: "DURATION",
        help: "How often each exchanges with another, 1ms to 1h. Default: as before, or 1s.",
      },
      {
        name: "epoch",
        value: "N",
        help: "Rounds after which all begin anew with the numbers of then, 10 to 1000. Default: as before, or 50.",
      },
      ...RPC_FLAGS,
    ],
    load: async () => ({ run: (await import("../commands/aggregate.ts")).set }),
  },
  {
    name: "aggregate unset",
    args: "NAME",
    minArgs: 1,
    maxArgs: 1,
    summary: "Takes part no longer",
    about: "Makes the agent take no part in a statistic any more.",
    flags: RPC_FLAGS,
    load: async () => ({ run: (await import("../commands/aggregate.ts")).unset }),
  },
  {
    name: "aggregate get",
    args: "NAME",
    minArgs: 1,
    maxArgs: 1,
    summary: "Prints a statistic",
    about: `Prints what is known of the numbers of all that take part: how many, their sum, mean, least, greatest,
standard deviation and quantiles, how far each may be off, and how old it all is. The agent must take
part itself; the exit code is 1 as long as there is no result.`,
    flags: [FORMAT, ...RPC_FLAGS],
    load: async () => ({ run: (await import("../commands/aggregate.ts")).get }),
  },
  {
    name: "aggregate list",
    minArgs: 0,
    maxArgs: 0,
    summary: "Lists the statistics that the agent takes part in",
    about: "Lists the statistics that the agent takes part in: name, its own number, and the mean of how many.",
    flags: [FORMAT, ...RPC_FLAGS],
    load: async () => ({ run: (await import("../commands/aggregate.ts")).list }),
  },
];

export const STATE_SPECS: readonly CommandSpec[] = [
  family("state", STATE_VERBS, {
    summary: "Reads and writes what everybody shall know",
    about: `Keys and values that all Hearsay members of the pool know. Each member has keys of its own, which only
it writes and everybody reads; they end with its process. With -shared, keys that anybody writes; the
last write wins.`,
  }),
  family("counter", COUNTER_VERBS, {
    summary: "Counts together with everybody",
    about: `Numbers that every Hearsay member of the pool may raise and lower at once, and that are exact once
everybody has heard.`,
  }),
  family("aggregate", AGGREGATE_VERBS, {
    summary: "Statistics over a number of every member",
    about: `Statistics over one number of each Hearsay member that takes part, such as its load, found by gossip:
every one of them knows the result, and nobody collects.`,
  }),
];

function family(
  name: string,
  verbs: readonly CommandSpec[],
  texts: Pick<CommandSpec, "summary" | "about">,
): CommandSpec {
  const load = () => Promise.reject(new Error(`${name} runs by its verbs`));
  return { name, minArgs: 0, maxArgs: 0, flags: [], verbs, load, ...texts };
}
