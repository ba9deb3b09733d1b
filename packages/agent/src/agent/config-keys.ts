/**
 * The keys of configuration files, and what their values must look like. The same readers serve the flags, so that one
 * mistake is described in one way wherever it was made.
 */
import { HandlerSpecError, parseHandlerSpec } from "../handlers/handler-spec.ts";
import { LOG_LEVELS, parseLogLevel } from "../log/level.ts";
import { SERF_PROTOCOL, SERF_PROTOCOL_MIN } from "../version.ts";
import { ConfigError, type ConfigLayer, type MdnsConfig } from "./config.ts";
import { parseDuration } from "./duration.ts";

/** `where` names the value in errors: `agent.json: "profile"`, or `-profile`. */
type Read = (value: unknown, where: string) => ConfigLayer;

function text(where: string, value: unknown): string {
  if (typeof value !== "string") throw new ConfigError(`${where} must be a string, not ${JSON.stringify(value)}`);
  return value;
}
function switched(where: string, value: unknown): boolean {
  if (typeof value !== "boolean") throw new ConfigError(`${where} must be true or false, not ${JSON.stringify(value)}`);
  return value;
}
function texts(where: string, value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.some((item) => typeof item !== "string")) {
    throw new ConfigError(`${where} must be an array of strings, not ${JSON.stringify(value)}`);
  }
  return value as readonly string[];
}
function duration(where: string, value: unknown): number {
  const ms = typeof value === "string" ? parseDuration(value) : undefined;
  if (ms === undefined) {
    throw new ConfigError(`${where} must be a duration such as "30s" or "1h30m", not ${JSON.stringify(value)}`);
  }
  return ms;
}
/** Flags bring numbers as text. */
function integer(where: string, value: unknown): number {
  const number = typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value;
  if (typeof number !== "number" || !Number.isInteger(number)) {
    throw new ConfigError(`${where} must be a whole number, not ${JSON.stringify(value)}`);
  }
  return number;
}

const readTags: Read = (value, where) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ConfigError(`${where} must be an object of strings, not ${JSON.stringify(value)}`);
  }
  const tags = Object.entries(value).map(([key, tag]) => [key, text(`${where}: "${key}"`, tag ?? "")]);
  return { tags: Object.fromEntries(tags) };
};

const readLogLevel: Read = (value, where) => {
  const logLevel = parseLogLevel(text(where, value));
  if (logLevel !== undefined) return { logLevel };
  throw new ConfigError(`${where}: Invalid log level: ${value}. Valid log levels are: [${LOG_LEVELS.join(" ")}]`);
};

const readProfile: Read = (value, where) => {
  const profile = text(where, value);
  if (profile === "lan" || profile === "wan" || profile === "local") return { profile };
  throw new ConfigError(`${where}: Unknown profile: ${profile}. It must be lan, wan or local`);
};

const readDetector: Read = (value, where) => {
  const detector = text(where, value);
  if (detector === "swim" || detector === "phi") return { detector };
  throw new ConfigError(`${where}: Unknown detector: ${detector}. It must be swim or phi`);
};

const readProtocol: Read = (value, where) => {
  const protocol = integer(where, value);
  // As for Serf, no version is chosen.
  if (protocol === 0) return {};
  if (protocol >= SERF_PROTOCOL_MIN && protocol <= SERF_PROTOCOL) return { protocol };
  const what = protocol > SERF_PROTOCOL ? "high" : "low";
  const range = `[${SERF_PROTOCOL_MIN}, ${SERF_PROTOCOL}]`;
  throw new ConfigError(`${where}: Protocol version '${protocol}' too ${what}. Must be in range: ${range}`);
};

const readLogFormat: Read = (value, where) => {
  const logFormat = text(where, value);
  if (logFormat === "text" || logFormat === "json") return { logFormat };
  throw new ConfigError(`${where}: Unknown log format: ${logFormat}. It must be text or json`);
};

/**
 * The key itself is no matter for an error text: it may be right but for a missing character. A flag that is empty is no
 * wish to go without, as it would be for Serf: rather a variable that nobody has set.
 */
const readEncryptKey: Read = (value, where) => {
  if (value === "" && !where.startsWith("-")) return {};
  const encryptKey = text(where, value);
  checkKey(encryptKey, where);
  return { encryptKey };
};

/** Throws ConfigError unless the text is base64 of 16, 24 or 32 bytes. */
export function checkKey(key: string, where: string): void {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(key) || key === "") {
    throw new ConfigError(`${where}: Invalid encryption key: not base64; make one with "hearsay keygen"`);
  }
  const { length } = Buffer.from(key, "base64");
  if (length !== 16 && length !== 24 && length !== 32) {
    throw new ConfigError(`${where}: Invalid encryption key: key size must be 16, 24 or 32 bytes, not ${length}`);
  }
}

const count: (where: string, value: unknown) => number = (where, value) => {
  const number = integer(where, value);
  if (number < 0) throw new ConfigError(`${where} must be 0 or more, not ${number}`);
  return number;
};

/** A text that goes nowhere: what it is for is not done, and `enable_syslog` says so. */
const readNothing: Read = (value, where) => {
  text(where, value);
  return {};
};

/** 0 leaves the default, as for Serf. */
const sizeLimit: (where: string, value: unknown) => number | undefined = (where, value) =>
  count(where, value) || undefined;

const readEventHandlers: Read = (value, where) => {
  try {
    return { eventHandlers: texts(where, value).map(parseHandlerSpec) };
  } catch (error) {
    if (error instanceof HandlerSpecError) throw new ConfigError(`${where}: ${error.message}`);
    throw error;
  }
};

const readMdns: Read = (value, where) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ConfigError(`${where} must be an object, not ${JSON.stringify(value)}`);
  }
  let mdns: Partial<MdnsConfig> = {};
  for (const [written, part] of Object.entries(value)) {
    const inner = `${where}: "${written}"`;
    const key = written.toLowerCase();
    if (part === null) continue;
    if (key === "interface") mdns = { ...mdns, interfaceName: text(inner, part) };
    else if (key === "disable_ipv4") mdns = { ...mdns, disableIpv4: switched(inner, part) };
    else if (key === "disable_ipv6") mdns = { ...mdns, disableIpv6: switched(inner, part) };
    else throw new ConfigError(`${inner} is no key of it; it has interface, disable_ipv4 and disable_ipv6`);
  }
  return { mdns };
};

/** Go leaves out what is empty, so an empty path or name is none. */
const optional = (where: string, value: unknown): string | undefined => text(where, value) || undefined;

/** For the same reason, an empty text where one cannot be meant says nothing: templates leave such behind. */
const unlessEmpty =
  (read: Read): Read =>
  (value, where) =>
    value === "" ? {} : read(value, where);

export const CONFIG_KEYS: Readonly<Record<string, Read>> = {
  node_name: unlessEmpty((v, w) => ({ nodeName: text(w, v) })),
  role: (v, w) => ({ role: text(w, v) }),
  tags: readTags,
  tags_file: (v, w) => ({ tagsFile: optional(w, v) }),
  bind: unlessEmpty((v, w) => ({ bind: text(w, v) })),
  advertise: unlessEmpty((v, w) => ({ advertise: text(w, v) })),
  interface: (v, w) => ({ interfaceName: optional(w, v) }),
  discover: (v, w) => ({ discover: optional(w, v) }),
  mdns: readMdns,
  encrypt_key: readEncryptKey,
  keyring_file: (v, w) => ({ keyringFile: optional(w, v) }),
  snapshot_path: (v, w) => ({ snapshotPath: optional(w, v) }),
  rejoin_after_leave: (v, w) => ({ rejoinAfterLeave: switched(w, v) }),
  event_handlers: readEventHandlers,
  log_level: unlessEmpty(readLogLevel),
  log_format: unlessEmpty(readLogFormat),
  rpc_addr: unlessEmpty((v, w) => ({ rpcAddr: text(w, v) })),
  rpc_auth: unlessEmpty((v, w) => ({ rpcAuth: text(w, v) })),
  protocol: readProtocol,
  profile: unlessEmpty(readProfile),
  start_join: (v, w) => ({ startJoin: texts(w, v) }),
  replay_on_join: (v, w) => ({ replayOnJoin: switched(w, v) }),
  retry_join: (v, w) => ({ retryJoin: texts(w, v) }),
  retry_interval: unlessEmpty((v, w) => ({ retryIntervalMs: duration(w, v) })),
  retry_max_attempts: (v, w) => ({ retryMaxAttempts: count(w, v) }),
  leave_on_terminate: (v, w) => ({ leaveOnTerminate: switched(w, v) }),
  skip_leave_on_interrupt: (v, w) => ({ skipLeaveOnInterrupt: switched(w, v) }),
  reconnect_interval: unlessEmpty((v, w) => ({ reconnectIntervalMs: duration(w, v) })),
  reconnect_timeout: unlessEmpty((v, w) => ({ reconnectTimeoutMs: duration(w, v) })),
  tombstone_timeout: unlessEmpty((v, w) => ({ tombstoneTimeoutMs: duration(w, v) })),
  broadcast_timeout: unlessEmpty((v, w) => ({ broadcastTimeoutMs: duration(w, v) })),
  user_event_size_limit: (v, w) => ({ userEventSizeLimit: sizeLimit(w, v) }),
  query_size_limit: (v, w) => ({ querySizeLimit: sizeLimit(w, v) }),
  query_response_size_limit: (v, w) => ({ queryResponseSizeLimit: sizeLimit(w, v) }),
  disable_coordinates: (v, w) => ({ disableCoordinates: switched(w, v) }),
  disable_name_resolution: (v, w) => ({ disableNameResolution: switched(w, v) }),
  validate_node_names: (v, w) => ({ validateNodeNames: switched(w, v) }),
  enable_syslog: (v, w) => ({ enableSyslog: switched(w, v) }),
  syslog_facility: readNothing,
  statsite_addr: (v, w) => ({ statsiteAddr: optional(w, v) }),
  statsd_addr: (v, w) => ({ statsdAddr: optional(w, v) }),
  enable_compression: (v, w) => ({ enableCompression: switched(w, v) }),
  label: unlessEmpty((v, w) => ({ label: text(w, v) })),
  state: (v, w) => ({ state: switched(w, v) }),
  state_file: (v, w) => ({ stateFile: optional(w, v) }),
  detector: unlessEmpty(readDetector),
  isolate: (v, w) => ({ isolate: switched(w, v) }),
};

/** Flag name -> file key, for flags that stand for one key. */
export const FLAG_KEYS: Readonly<Record<string, string>> = {
  node: "node_name",
  role: "role",
  bind: "bind",
  advertise: "advertise",
  iface: "interface",
  discover: "discover",
  snapshot: "snapshot_path",
  "tags-file": "tags_file",
  encrypt: "encrypt_key",
  "keyring-file": "keyring_file",
  "log-level": "log_level",
  "log-format": "log_format",
  "rpc-addr": "rpc_addr",
  "rpc-auth": "rpc_auth",
  protocol: "protocol",
  profile: "profile",
  "retry-interval": "retry_interval",
  "retry-max": "retry_max_attempts",
  "broadcast-timeout": "broadcast_timeout",
  label: "label",
  "state-file": "state_file",
  detector: "detector",
};
