/** The flags of `hearsay agent`: Serf's, then our own. The matching file keys are in ../agent/config-keys.ts. */
import type { CommandSpec } from "./spec.ts";

export const AGENT_SPEC: CommandSpec = {
  name: "agent",
  minArgs: 0,
  maxArgs: 0,
  summary: "Runs an agent",
  about: `Runs a member of the pool until it is stopped. Ctrl-C leaves the pool gracefully, a second one stops
at once; a hangup (SIGHUP) makes it read its files again: log level, event handlers, tags and the
leave switches follow. Every setting can stand in a configuration file as well; flags win.

An event handler is [FILTER=]COMMAND: the command is run by /bin/sh for each event, with SERF_EVENT,
SERF_SELF_NAME, SERF_TAG_... and more in its environment, and members or payload on its input; what
it prints answers a query. FILTER is a list, with commas between, of member-join, member-leave,
member-failed, member-update, member-reap, user, user:NAME, query and query:NAME; * or none is
everything. It ends at the first "=". A member event can be narrowed to members with certain tags,
by regular expressions for the whole value: 'member-join[role=web][dc=eu-.*]=COMMAND'.`,
  flags: [
    { name: "node", value: "NAME", help: "Name of this member, unique in the pool. Default: the host name." },
    { name: "bind", value: "HOST[:PORT]", help: "Where to listen for gossip, UDP and TCP. Default 0.0.0.0:7946." },
    {
      name: "advertise",
      value: "HOST[:PORT]",
      help: "What others shall dial, if not the bind address; the log tells what 0.0.0.0 chooses.",
    },
    { name: "iface", value: "NAME", help: "Network interface whose address is bound, or must have the one that is." },
    { name: "tag", value: "KEY=VALUE", repeatable: true, help: "A tag of this member. May be repeated." },
    { name: "role", value: "ROLE", help: "Old form of -tag role=ROLE." },
    {
      name: "tags-file",
      value: "FILE",
      help: "Keeps the tags, also those changed while running, for the next start; instead of -tag. A hangup reads it again.",
    },
    {
      name: "event-handler",
      value: "[FILTER=]COMMAND",
      repeatable: true,
      help: "Runs a command for events; see above. May be repeated: handlers do not wait for one another.",
    },
    {
      name: "join",
      value: "ADDRESS",
      repeatable: true,
      help: "A member to join at the start; stop if none answers. May be repeated.",
    },
    {
      name: "retry-join",
      value: "ADDRESS",
      repeatable: true,
      help: "A member to join, tried until another member is there. May be repeated.",
    },
    { name: "retry-interval", value: "DURATION", help: "Time between these tries. Default 30s." },
    { name: "retry-max", value: "N", help: "Give up and stop after N more tries. Default 0: never." },
    { name: "replay", help: "Deliver the user events of the past when joining." },
    {
      name: "discover",
      value: "CLUSTER",
      help: "Find and join, by multicast DNS, the agents on this network that give the same name.",
    },
    { name: "mdns-iface", value: "NAME", help: "Network interface for that. Default: that of -iface, else all." },
    { name: "mdns-disable-ipv4", help: "No multicast DNS over IPv4." },
    { name: "mdns-disable-ipv6", help: "No multicast DNS over IPv6." },
    {
      name: "snapshot",
      value: "FILE",
      help: "Remembers the pool: at the next start its members are joined, and events seen before are not told again.",
    },
    { name: "rejoin", help: "With -snapshot: join them again even after a graceful leave." },
    { name: "encrypt", value: "KEY", help: "Base64 of 16, 24 or 32 bytes; encrypts all gossip. See keygen." },
    {
      name: "keyring-file",
      value: "FILE",
      help: "JSON array of such keys, primary first, kept in step with changes; instead of -encrypt.",
    },
    { name: "rpc-addr", value: "HOST:PORT", help: "Where to listen for commands. Default 127.0.0.1:7373." },
    { name: "rpc-auth", value: "TOKEN", help: "Ask clients of the RPC for this token." },
    { name: "profile", value: "PROFILE", help: "Timing: lan (the default), wan or local." },
    { name: "protocol", value: "N", help: "Serf protocol version to speak, 2 to 5. Default 5." },
    { name: "disable-compression", help: "Send everything uncompressed." },
    {
      name: "broadcast-timeout",
      value: "DURATION",
      help: "How long a leave or a force-leave may take to spread. Default 5s.",
    },
    {
      name: "config-file",
      value: "FILE",
      repeatable: true,
      help: "JSON with settings. May be repeated; later files win.",
    },
    {
      name: "config-dir",
      value: "DIR",
      repeatable: true,
      help: "All *.json of a directory, in order of their names. May be repeated.",
    },
    { name: "log-level", value: "LEVEL", help: "trace, debug, info (the default), warn or err." },
    { name: "log-format", value: "FORMAT", help: "text (the default) or json: one object a line, and no banner." },
    { name: "syslog", help: "Accepted and not done: pipe the log to logger(1), or leave it to systemd." },
    {
      name: "label",
      value: "TEXT",
      help: "Keeps pools on one network apart: only members with the same label hear each other.",
    },
    {
      name: "state",
      help: "Keys, counters and statistics that everybody knows. On by default; -state=false turns it off.",
    },
    {
      name: "state-file",
      value: "FILE",
      help: "Keeps the shared keys and the counters for the next start; a second file beside it ends in .log.",
    },
    {
      name: "detector",
      value: "DETECTOR",
      help: "Who accuses a silent member: swim (the default), an unanswered probe; phi, heartbeats that stay away.",
    },
    {
      name: "isolate",
      help: "Run the protocol in a thread of its own, so that nothing else in the process can delay it.",
    },
  ],
  load: () => import("./commands/agent.ts"),
};
