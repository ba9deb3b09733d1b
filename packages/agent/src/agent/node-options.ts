/** From the agent's settings to the node's. */
import type { Logger, NodeOptions } from "@hearsay/node";
import { type AgentConfig, ConfigError } from "./config.ts";

const GOSSIP_PORT = 7946;

/** What the agent works out for itself. */
interface Derived {
  /** Primary first; a keyring file's are for the node to read. */
  readonly keys: readonly string[];
  /** From the tags file, if there is one. */
  readonly tags: Readonly<Record<string, string>>;
  /** `host:port`; the interface's, if one is given. */
  readonly bind: string;
}

export function nodeOptions(config: AgentConfig, { keys, tags, bind }: Derived, logger: Logger): NodeOptions {
  const { reconnectIntervalMs, reconnectTimeoutMs, tombstoneTimeoutMs, keyringFile, snapshotPath } = config;
  const { userEventSizeLimit, querySizeLimit, queryResponseSizeLimit } = config;
  return {
    ...(config.nodeName === undefined ? {} : { name: config.nodeName }),
    bind,
    ...(config.advertise === undefined ? {} : { advertise: withPort(config.advertise) }),
    // Whoever was to be joined is tried again whenever nobody is there any more; the first joins are the agent's own.
    seeds: [...new Set([...config.startJoin, ...config.retryJoin])],
    lazySeeds: true,
    tags,
    profile: config.profile,
    config: {
      ...(reconnectIntervalMs === undefined ? {} : { reconnectIntervalMs }),
      ...(reconnectTimeoutMs === undefined ? {} : { reconnectTimeoutMs }),
    },
    ...(keyringFile === undefined ? { keys } : { keyringFile }),
    ...(snapshotPath === undefined ? {} : { snapshotPath, rejoinAfterLeave: config.rejoinAfterLeave }),
    ...(config.label === undefined ? {} : { label: config.label }),
    compression: config.enableCompression,
    coordinates: !config.disableCoordinates,
    isolate: config.isolate,
    ...(config.state ? {} : { state: false }),
    ...(config.stateFile === undefined ? {} : { stateFile: config.stateFile }),
    ...(config.detector === "swim" ? {} : { detector: config.detector }),
    protocol: config.protocol,
    broadcastTimeoutMs: config.broadcastTimeoutMs,
    ...(tombstoneTimeoutMs === undefined ? {} : { tombstoneTimeoutMs }),
    ...(userEventSizeLimit === undefined ? {} : { userEventSizeLimit }),
    ...(querySizeLimit === undefined ? {} : { querySizeLimit }),
    ...(queryResponseSizeLimit === undefined ? {} : { queryResponseSizeLimit }),
    logger: withoutEvents(logger),
  };
}

/**
 * `host:port` to listen at. Of a wildcard, `-iface` leaves the interface's own address; any other must be one of its.
 * @throws ConfigError
 */
export async function bindAddress({ bind, interfaceName }: AgentConfig): Promise<string> {
  const whole = withPort(bind);
  if (interfaceName === undefined) return whole;
  const [, host = "", port = ""] = /^(.*):(\d*)$/.exec(whole) ?? [];
  const { checkInterface } = await import("../discovery/interfaces.ts");
  try {
    const own = checkInterface(host.replace(/^\[(.*)\]$/, "$1"), interfaceName);
    return `${bracketed(own)}:${port}`;
  } catch (error) {
    throw new ConfigError(`Invalid network interface: ${(error as Error).message}`, { cause: error });
  }
}

/** An address without a port means Serf's, also in `advertise`, whatever the bind port (notes, section 19). */
export function withPort(address: string): string {
  const hasPort = address.startsWith("[") ? /\]:\d+$/.test(address) : /^[^:]*:\d+$/.test(address);
  return hasPort || /[^:]:$/.test(address) ? address : `${bracketed(address)}:${GOSSIP_PORT}`;
}

/** An IPv6 address without brackets gets them. */
function bracketed(address: string): string {
  return address.includes(":") && !address.startsWith("[") ? `[${address}]` : address;
}

/** The agent writes the node's events in words of its own. */
function withoutEvents(logger: Logger): Logger {
  const silence =
    (level: keyof Logger) =>
    (fields: object, message: string): void => {
      if (!("event" in fields)) logger[level](fields, message);
    };
  return {
    trace: silence("trace"),
    debug: silence("debug"),
    info: silence("info"),
    warn: silence("warn"),
    error: silence("error"),
  };
}
