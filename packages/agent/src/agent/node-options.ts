/** From the agent's settings to the node's. */
import type { Logger, NodeOptions } from "@hearsay/node";
import type { AgentConfig } from "./config.ts";

const GOSSIP_PORT = 7946;

export function nodeOptions(config: AgentConfig, keys: readonly string[], logger: Logger): NodeOptions {
  const { reconnectIntervalMs, reconnectTimeoutMs, tombstoneTimeoutMs } = config;
  return {
    ...(config.nodeName === undefined ? {} : { name: config.nodeName }),
    bind: withPort(config.bind),
    ...(config.advertise === undefined ? {} : { advertise: withPort(config.advertise) }),
    // Whoever was to be joined is tried again whenever nobody is there any more; the first joins are the agent's own.
    seeds: [...new Set([...config.startJoin, ...config.retryJoin])],
    lazySeeds: true,
    tags: config.tags,
    profile: config.profile,
    config: {
      ...(reconnectIntervalMs === undefined ? {} : { reconnectIntervalMs }),
      ...(reconnectTimeoutMs === undefined ? {} : { reconnectTimeoutMs }),
    },
    keys,
    ...(config.label === undefined ? {} : { label: config.label }),
    compression: config.enableCompression,
    isolate: config.isolate,
    protocol: config.protocol,
    broadcastTimeoutMs: config.broadcastTimeoutMs,
    ...(tombstoneTimeoutMs === undefined ? {} : { tombstoneTimeoutMs }),
    logger: withoutEvents(logger),
  };
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
