/** The agent's settings: their defaults, how several sources are merged, and what is checked before anything starts. */
import type { LogLevel } from "../log/level.ts";

export interface AgentConfig {
  /** Default: the host name. */
  readonly nodeName: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  /** `host`, `host:port`. A missing port means 7946, here as for `advertise`. */
  readonly bind: string;
  readonly advertise: string | undefined;
  /** Base64. */
  readonly encryptKey: string | undefined;
  readonly keyringFile: string | undefined;
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
  readonly enableCompression: boolean;
  /** Keeps pools on one network apart. */
  readonly label: string | undefined;
  /** Run the protocol in a thread of its own. */
  readonly isolate: boolean;
}

/** One source's part of the settings. `role` is the old way to say tag `role`. */
export type ConfigLayer = { readonly [K in keyof AgentConfig]?: AgentConfig[K] } & { readonly role?: string };

/** A setting is wrong: one line, naming where it stands. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

export const DEFAULT_CONFIG: AgentConfig = {
  nodeName: undefined,
  tags: {},
  bind: "0.0.0.0",
  advertise: undefined,
  encryptKey: undefined,
  keyringFile: undefined,
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
  enableCompression: true,
  label: undefined,
  isolate: false,
};

/**
 * Later layers win, but lists are appended, tags merge by key, and what is switched on stays on (Serf protocol notes,
 * section 21). Compression is the one switch that is on from the start, so it can be switched off.
 */
export function mergeConfig(layers: readonly ConfigLayer[]): AgentConfig {
  let config = DEFAULT_CONFIG;
  for (const { role, ...layer } of layers) {
    config = {
      ...config,
      ...layer,
      tags: { ...config.tags, ...layer.tags, ...(role ? { role } : {}) },
      startJoin: [...config.startJoin, ...(layer.startJoin ?? [])],
      retryJoin: [...config.retryJoin, ...(layer.retryJoin ?? [])],
      replayOnJoin: config.replayOnJoin || layer.replayOnJoin === true,
      leaveOnTerminate: config.leaveOnTerminate || layer.leaveOnTerminate === true,
      skipLeaveOnInterrupt: config.skipLeaveOnInterrupt || layer.skipLeaveOnInterrupt === true,
      isolate: config.isolate || layer.isolate === true,
    };
  }
  if (config.encryptKey !== undefined && config.keyringFile !== undefined) {
    throw new ConfigError("Encryption key not allowed while using a keyring: give -encrypt or -keyring-file, not both");
  }
  return {
    ...config,
    // As Serf: shorter ones would only miss their time.
    retryIntervalMs: Math.max(config.retryIntervalMs, 1000),
    broadcastTimeoutMs: Math.max(config.broadcastTimeoutMs, 1000),
  };
}
