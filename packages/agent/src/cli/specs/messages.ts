/** Commands that send something through the pool. */
import { RPC_FLAGS } from "../rpc-connection.ts";
import type { CommandSpec } from "../spec.ts";
import { FORMAT } from "./shared.ts";

export const MESSAGE_SPECS: readonly CommandSpec[] = [
  {
    name: "event",
    args: "NAME [PAYLOAD]",
    minArgs: 1,
    maxArgs: 2,
    flagsFirst: true,
    summary: "Sends an event to all members",
    about: `Tells every member of an event; nobody answers. Name and payload may have about 480 bytes together. Flags
stand before the name: what follows it is payload, whatever it begins with.`,
    flags: [
      {
        name: "coalesce",
        help:
          "Of several events of this name at about the same time, only the last needs to be told. On by default; " +
          "-coalesce=false turns it off.",
      },
      ...RPC_FLAGS,
    ],
    load: () => import("../commands/event.ts"),
  },
  {
    name: "keys",
    minArgs: 0,
    maxArgs: 0,
    summary: "Changes and lists the encryption keys of the pool",
    about: `Changes the keys of all members while they run. Every message is encrypted with the primary key, and read
with any of those installed. To change it: install the new key, use it, remove the old one, and make sure in
between with -list that everybody has followed. Each is harmless to repeat. The exit code is 0 only if every
live member has done it.`,
    flags: [
      { name: "install", value: "KEY", help: "Install a key: base64 of 16, 24 or 32 bytes, see keygen." },
      { name: "use", value: "KEY", help: "Encrypt with this key from now on; it must be installed." },
      { name: "remove", value: "KEY", help: "Forget a key. The primary cannot be removed." },
      { name: "list", help: "List the keys, with how many members have each." },
      {
        name: "format",
        value: "FORMAT",
        help: "With -list: text (the default) or json, which tells the primary keys as well (Hearsay's agents only).",
      },
      ...RPC_FLAGS,
    ],
    load: () => import("../commands/keys.ts"),
  },
  {
    name: "query",
    args: "NAME [PAYLOAD]",
    minArgs: 1,
    maxArgs: 2,
    flagsFirst: true,
    summary: "Asks all members something and shows the answers",
    about: `Asks every member, or those that the filters choose, and shows who has received it (acks) and what they
answer, as it comes, until time is up. Name and payload may have about 960 bytes together. Flags stand
before the name: what follows it is payload, whatever it begins with. Ctrl-C ends it with what has come
until then.`,
    flags: [
      { name: "node", value: "NAME", repeatable: true, help: "Only this member. May be repeated." },
      {
        name: "tag",
        value: "KEY=PATTERN",
        repeatable: true,
        help: "Only members with such a tag: RE2 syntax, found anywhere in the value. May be repeated; all must match.",
      },
      {
        name: "timeout",
        value: "DURATION",
        help: "How long answers are taken, such as 500ms or 15s. Default: by the size of the pool; 3.2s for a small one.",
      },
      {
        name: "end-early",
        help: "End as soon as everybody has answered; not in Serf, whose agents wait all the same.",
      },
      { name: "no-ack", help: "Do not ask for acks." },
      {
        name: "relay-factor",
        value: "N",
        help: "Have each answer sent through N other members as well, 0 to 255. Default 0.",
      },
      FORMAT,
      ...RPC_FLAGS,
    ],
    load: () => import("../commands/query.ts"),
  },
];
