/** The node's errors name options of the library; whoever started an agent knows them as flags and file keys. */
import type { AgentConfig } from "./config.ts";

const FLAGS: Readonly<Record<string, string>> = {
  name: "-node",
  bind: "-bind",
  advertise: "-advertise",
  tags: "-tag",
  keys: "-encrypt",
  label: "-label",
  profile: "-profile",
  protocol: "-protocol",
  isolate: "-isolate",
  state: "-state",
  stateFile: "-state-file",
  detector: "-detector",
  compression: "-disable-compression",
  broadcastTimeoutMs: "-broadcast-timeout",
  tombstoneTimeoutMs: "tombstone_timeout",
  keyringFile: "-keyring-file",
  snapshotPath: "-snapshot",
  userEventSizeLimit: "user_event_size_limit",
  querySizeLimit: "query_size_limit",
  queryResponseSizeLimit: "query_response_size_limit",
  "config.reconnectIntervalMs": "reconnect_interval",
  "config.reconnectTimeoutMs": "reconnect_timeout",
};

/** The message of an error from starting a node, beginning with the flag that is to blame, if one is. */
export function inFlagWords(error: unknown, config: AgentConfig): string {
  const { message, option } = error as Error & { readonly option?: string };
  const flag = option === undefined ? undefined : flagOf(option, config);
  if (flag === undefined) return message;
  // An option stands at the beginning, perhaps with an index or a key.
  const found = /^([A-Za-z]+(?:\.[^:\s]*|\[\d+\])*): /.exec(message);
  return found === null ? `${flag}: ${message}` : `${flag}: ${message.slice(found[0].length)}`;
}

function flagOf(option: string, { startJoin, keyringFile }: AgentConfig): string | undefined {
  if (option.startsWith("tags.")) return `-tag ${option.slice(5)}`;
  const seed = /^seeds\[(\d+)\]$/.exec(option)?.[1];
  // The order of the node's seeds: those of -join, then those of -retry-join.
  if (seed !== undefined) return Number(seed) < new Set(startJoin).size ? "-join" : "-retry-join";
  if (option === "keys" && keyringFile !== undefined) return "-keyring-file";
  return Object.hasOwn(FLAGS, option) ? FLAGS[option] : undefined;
}
