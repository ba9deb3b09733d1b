/** The agent's settings: their defaults, how several sources are merged, and what is checked before anything starts. */
import type { HandlerSpec } from "../handlers/handler-spec.ts";
import type { LogLevel } from "../log/level.ts";

export interface AgentConfig {
  /** Default: the host name. */
  readonly nodeName: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  /** Keeps the tags over restarts; excludes `tags` at the start. */
  readonly tagsFile: string | undefined;
  /** `host`, `host:port`. A missing port means 7946, here as for `advertise`. */
  readonly bind: string;
  readonly advertise: string | undefined;
  /** The network interface whose address is bound, or must have the one that is. */
  readonly interfaceName: string | undefined;
  /** Find others by multicast DNS under this name. */
  readonly discover: string | undefined;
  readonly mdns: MdnsConfig;
  /** Base64. */
  readonly encryptKey: string | undefined;
  readonly keyringFile: string | undefined;
  readonly snapshotPath: string | undefined;
  /** Without a snapshot it has no effect. */
  readonly rejoinAfterLeave: boolean;
  readonly eventHandlers: readonly HandlerSpec[];
  readonly logLevel: LogLevel;
  readonly logFormat: "text" | "json";
  readonly rpcAddr: string;
  /** Empty: no token is asked for. */
  readonly rpcAuth: string;
  /** Serf protocol version. */
  readonly protocol: number;
  readonly profile: "lan" | "wan" | "local";
  /** Joined at the start, or the agent stops. */
  readonly startJoin: readonly string[];
  readonly replayOnJoin: boolean;
  /** Joined some time. */
  readonly retryJoin: readonly string[];
  /** ms, at least 1 s. */
  readonly retryIntervalMs: number;
  /** Tries after the first; 0: no end. */
  readonly retryMaxAttempts: number;
  readonly leaveOnTerminate: boolean;
  readonly skipLeaveOnInterrupt: boolean;
  readonly reconnectIntervalMs: number | undefined;
  readonly reconnectTimeoutMs: number | undefined;
  readonly tombstoneTimeoutMs: number | undefined;
  readonly broadcastTimeoutMs: number;
  /** Bytes; undefined: Serf's. */
  readonly userEventSizeLimit: number | undefined;
  readonly querySizeLimit: number | undefined;
  readonly queryResponseSizeLimit: number | undefined;
  readonly enableCompression: boolean;
  readonly disableCoordinates: boolean;
  /** Whoever else claims our name, and whatever the pool says of it: we stay. */
  readonly disableNameResolution: boolean;
  /** Our own name must be one that any DNS could hold. What others are called is their own affair. */
  readonly validateNodeNames: boolean;
  /** Asked for, and not done; each is warned of. */
  readonly enableSyslog: boolean;
  readonly statsiteAddr: string | undefined;
  readonly statsdAddr: string | undefined;
  /** Keeps pools on one network apart. */
  readonly label: string | undefined;
  /** Keys, counters and statistics among Hearsay members. */
  readonly state: boolean;
  /** Keeps shared keys and counters over restarts. */
  readonly stateFile: string | undefined;
  /** Who accuses a silent member: an unanswered probe, or heartbeats that stay away. */
  readonly detector: "swim" | "phi";
  /** Run the protocol in a thread of its own. */
  readonly isolate: boolean;
}

export interface MdnsConfig {
  /** Default: that of `interfaceName`, else all. */
  readonly interfaceName: string | undefined;
  readonly disableIpv4: boolean;
  readonly disableIpv6: boolean;
}

/** One source's part of the settings. `role` is the old way to say tag `role`. */
export type ConfigLayer = { readonly [K in Exclude<keyof AgentConfig, "mdns">]?: AgentConfig[K] } & {
  readonly role?: string;
  readonly mdns?: Partial<MdnsConfig>;
};

/** A setting is wrong: one line, naming where it stands. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

export const DEFAULT_CONFIG: AgentConfig = {
  nodeName: undefined,
  tags: {},
  tagsFile: undefined,
  bind: "0.0.0.0",
  advertise: undefined,
  interfaceName: undefined,
  discover: undefined,
  mdns: { interfaceName: undefined, disableIpv4: false, disableIpv6: false },
  encryptKey: undefined,
  keyringFile: undefined,
  snapshotPath: undefined,
  rejoinAfterLeave: false,
  eventHandlers: [],
  logLevel: "INFO",
  logFormat: "text",
  rpcAddr: "127.0.0.1:7373",
  rpcAuth: "",
  protocol: 5,
  profile: "lan",
  startJoin: [],
  replayOnJoin: false,
  retryJoin: [],
  retryIntervalMs: 30_000,
  retryMaxAttempts: 0,
  leaveOnTerminate: false,
  skipLeaveOnInterrupt: false,
  reconnectIntervalMs: undefined,
  reconnectTimeoutMs: undefined,
  tombstoneTimeoutMs: undefined,
  broadcastTimeoutMs: 5000,
  userEventSizeLimit: undefined,
  querySizeLimit: undefined,
  queryResponseSizeLimit: undefined,
  enableCompression: true,
  disableCoordinates: false,
  disableNameResolution: false,
  validateNodeNames: false,
  enableSyslog: false,
  statsiteAddr: undefined,
  statsdAddr: undefined,
  label: undefined,
  state: true,
  stateFile: undefined,
  detector: "swim",
  isolate: false,
};

/** Longest time a timer of Node can wait: ms. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** Those that stay on once they are on. */
const SWITCHES = [
  ...(["replayOnJoin", "leaveOnTerminate", "skipLeaveOnInterrupt", "isolate", "rejoinAfterLeave"] as const),
  ...(["disableCoordinates", "disableNameResolution", "validateNodeNames", "enableSyslog"] as const),
];

/**
 * Later layers win, but lists are appended, tags merge by key, and what is switched on stays on (Serf protocol notes,
 * section 21); what a layer leaves empty it does not set. Compression and state are the switches that are on from the
 * start, so they can be switched off.
 */
export function mergeConfig(layers: readonly ConfigLayer[]): AgentConfig {
  let config = DEFAULT_CONFIG;
  for (const { role, ...layer } of layers) {
    config = {
      ...config,
      ...Object.fromEntries(Object.entries(layer).filter(([, value]) => value !== undefined)),
      tags: { ...config.tags, ...layer.tags, ...(role ? { role } : {}) },
      mdns: {
        interfaceName: layer.mdns?.interfaceName ?? config.mdns.interfaceName,
        disableIpv4: config.mdns.disableIpv4 || layer.mdns?.disableIpv4 === true,
        disableIpv6: config.mdns.disableIpv6 || layer.mdns?.disableIpv6 === true,
      },
      startJoin: [...config.startJoin, ...(layer.startJoin ?? [])],
      retryJoin: [...config.retryJoin, ...(layer.retryJoin ?? [])],
      eventHandlers: [...config.eventHandlers, ...(layer.eventHandlers ?? [])],
      ...Object.fromEntries(SWITCHES.map((name) => [name, config[name] || layer[name] === true])),
    };
  }
  refuseContradictions(config);
  return {
    ...config,
    retryIntervalMs: inTimerRange(config.retryIntervalMs),
    broadcastTimeoutMs: inTimerRange(config.broadcastTimeoutMs),
  };
}

/** As Serf: shorter ones would only miss their time. And a timer that is asked for more than 24 days does not wait at all. */
function inTimerRange(ms: number): number {
  return Math.min(Math.max(ms, 1000), MAX_TIMER_MS);
}

function refuseContradictions({ encryptKey, keyringFile, discover, mdns, ...config }: AgentConfig): void {
  if (encryptKey !== undefined && keyringFile !== undefined) {
    throw new ConfigError("Encryption key not allowed while using a keyring: give -encrypt or -keyring-file, not both");
  }
  if (mdns.interfaceName !== undefined && discover === undefined) {
    throw new ConfigError("mDNS interface specified without enabling mDNS discovery: give -discover as well");
  }
  if (discover !== undefined && mdns.disableIpv4 && mdns.disableIpv6) {
    throw new ConfigError("Invalid mDNS configuration: both IPv4 and IPv6 are disabled");
  }
  if (!config.state && config.stateFile !== undefined) {
    throw new ConfigError("State file specified with replicated state turned off: give -state-file or -state=false");
  }
  if (!config.state && config.detector === "phi") {
    throw new ConfigError("Detector phi needs the heartbeats of replicated state: leave -state=false out");
  }
}

/** What was asked for and will not happen: a line each, for the log. */
export function configWarnings(config: AgentConfig): readonly string[] {
  const { rejoinAfterLeave, snapshotPath, enableSyslog, statsiteAddr, statsdAddr } = config;
  const metrics = [...(statsiteAddr ? ["statsite_addr"] : []), ...(statsdAddr ? ["statsd_addr"] : [])];
  return [
    ...(rejoinAfterLeave && snapshotPath === undefined
      ? ["'RejoinAfterLeave' enabled without snapshot file: give -snapshot, or nobody is remembered"]
      : []),
    // The local syslog takes datagrams on a Unix socket, which Node cannot send.
    ...(enableSyslog
      ? [
          "the log cannot go to syslog by itself: run the agent under systemd, or pipe it: hearsay agent … | logger -t serf",
        ]
      : []),
    ...metrics.map((key) => `"${key}" has no effect: no metrics are sent; the counters are in "hearsay info"`),
  ];
}
