/** Commands about one agent, and those that need none. */
import { RPC_FLAGS } from "../rpc-connection.ts";
import type { CommandSpec } from "../spec.ts";
import { FORMAT } from "./shared.ts";

export const OWN_SPECS: readonly CommandSpec[] = [
  {
    name: "completion",
    args: "bash | zsh | fish",
    minArgs: 1,
    maxArgs: 1,
    choices: ["bash", "zsh", "fish"],
    summary: "Prints a shell's completion script",
    about: `Prints a script that teaches a shell to complete commands, flags and values. To use it:

  bash   source <(hearsay completion bash)                                      in ~/.bashrc
  zsh    source <(hearsay completion zsh)                                       in ~/.zshrc, after compinit
  fish   hearsay completion fish > ~/.config/fish/completions/hearsay.fish      once`,
    flags: [],
    load: () => import("../commands/completion.ts"),
  },
  {
    name: "info",
    minArgs: 0,
    maxArgs: 0,
    summary: "Shows an agent's counters and clocks",
    about: "Shows what an agent knows of itself: its pool in numbers, its clocks and queues, its tags, its runtime.",
    flags: [FORMAT, ...RPC_FLAGS],
    load: () => import("../commands/info.ts"),
  },
  {
    name: "keygen",
    minArgs: 0,
    maxArgs: 0,
    summary: "Makes an encryption key",
    about: "Prints a new random key of 32 bytes in base64, for -encrypt and for keys -install.",
    flags: [],
    load: () => import("../commands/keygen.ts"),
  },
  {
    name: "monitor",
    minArgs: 0,
    maxArgs: 0,
    summary: "Shows an agent's log and events as they come",
    about: `Shows the last lines of an agent's log, then what comes, and each event as the agent's handlers are told of
it. The level is this command's own: debug lines can be seen of an agent that logs less. Ctrl-C ends it.`,
    flags: [
      { name: "log-level", value: "LEVEL", help: "trace, debug, info (the default), warn or err." },
      ...RPC_FLAGS,
    ],
    load: () => import("../commands/monitor.ts"),
  },
  {
    name: "tags",
    minArgs: 0,
    maxArgs: 0,
    summary: "Changes the tags of a running agent",
    about: `Changes the agent's own tags, and tells everybody. A key that is both deleted and set ends up set. All tags
may have 512 bytes altogether.`,
    flags: [
      { name: "set", value: "KEY=VALUE", repeatable: true, help: "Add or change a tag. May be repeated." },
      { name: "delete", value: "KEY", repeatable: true, help: "Remove a tag, if it is there. May be repeated." },
      ...RPC_FLAGS,
    ],
    load: () => import("../commands/tags.ts"),
  },
  {
    name: "version",
    minArgs: 0,
    maxArgs: 0,
    summary: "Prints the version",
    about: "Prints the version of this program and the Serf protocol versions it speaks.",
    flags: [],
    load: () => import("../commands/version.ts"),
  },
];
