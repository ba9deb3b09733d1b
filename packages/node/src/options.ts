/**
 * From the options people write to the settings a node runs with. Every wrong value is one line: which option, what it
 * was, what would be right. Pure but for the host's name; nothing is opened and no DNS asked.
 */

import { hostname } from "node:os";
import { resolve } from "node:path";
import { addressBytes, addressText, profiles, type SwimConfig } from "@hearsay/core";
import { serfDefaults } from "@hearsay/serf";
import type { NodeOptions, PoolOptions } from "./api.ts";
import { NodeError, optionError, show } from "./errors.ts";
import { nearest } from "./nearest.ts";
import { checkBoolean, checkPath, checkSetting } from "./option-checks.ts";
import { reservedTag, type StateSettings, stateOptionNames, stateSettings } from "./state/state-options.ts";
import { parseTarget, splitHostPort } from "./target.ts";

export const DEFAULT_PORT = 7946;

/** Plain data: it can be sent to a worker thread. */
export interface PoolSettings {
  readonly name: string;
  /** IP text, or a name still to be looked up. */
  readonly bindHost: string;
  readonly bindPort: number;
  /** As `bindHost`; undefined: derive it from what is bound. */
  readonly advertiseHost: string | undefined;
  readonly advertisePort: number | undefined;
  readonly seeds: readonly string[];
  readonly lazySeeds: boolean;
  readonly config: SwimConfig;
  readonly keys: readonly Uint8Array[];
  readonly verifyIncoming: boolean;
  readonly verifyOutgoing: boolean;
  readonly label: string;
  readonly compression: boolean;
}

export interface NodeSettings extends PoolSettings {
  readonly tags: Readonly<Record<string, string>>;
  readonly protocol: number;
  readonly broadcastTimeoutMs: number;
  readonly tombstoneTimeoutMs: number;
  /** Read by whoever starts the node; `keys` is empty then. */
  readonly keyringFile: string | undefined;
  readonly snapshotPath: string | undefined;
  readonly rejoinAfterLeave: boolean;
  readonly userEventSizeLimit: number;
  readonly querySizeLimit: number;
  readonly queryResponseSizeLimit: number;
  readonly coordinates: boolean;
  /** Undefined: nothing beyond Serf is spoken. */
  readonly state: StateSettings | undefined;
}

/** What Serf lets nobody exceed: bytes of an encoded user event. */
const MAX_USER_EVENT_BYTES = 9216;

const nodeOptionNames = [
  "tags",
  "isolate",
  "protocol",
  "broadcastTimeoutMs",
  "tombstoneTimeoutMs",
  "keyringFile",
  "snapshotPath",
  "rejoinAfterLeave",
  "userEventSizeLimit",
  "querySizeLimit",
  "queryResponseSizeLimit",
  "coordinates",
  ...stateOptionNames,
];

const poolOptionNames = [
  "name",
  "bind",
  "advertise",
  "seeds",
  "lazySeeds",
  "profile",
  "config",
  "keys",
  "verifyIncoming",
  "verifyOutgoing",
  "label",
  "compression",
  "logger",
  "signal",
];

/** @throws NodeError BAD_OPTION, BAD_KEY, BAD_ADDRESS */
export function nodeSettings(options: NodeOptions): NodeSettings {
  refuseUnknown(options, [...poolOptionNames, ...nodeOptionNames], "createNode");
  for (const name of ["isolate", "rejoinAfterLeave", "coordinates"] as const) checkBoolean(options, name);
  const least1 = (name: keyof typeof serfDefaults & keyof NodeOptions, whole: boolean) =>
    Number(checkSetting(name, options[name] ?? serfDefaults[name], [1, Number.MAX_SAFE_INTEGER, whole]));
  const protocol = Number(checkSetting("protocol", options.protocol ?? 5, [2, 5, true]));
  const keyringFile = checkPath("keyringFile", options.keyringFile);
  if (keyringFile !== undefined && (options.keys ?? []).length > 0) {
    throw optionError("keyringFile", keyringFile, "excludes keys; give the keys in the file, or keys without a file");
  }
  const snapshotPath = checkPath("snapshotPath", options.snapshotPath);
  const state = stateSettings(options, protocol);
  checkApart({ stateFile: state?.file, snapshotPath, keyringFile });
  return {
    ...checkedPool(options),
    tags: checkTags("tags", options.tags ?? {}),
    protocol,
    broadcastTimeoutMs: least1("broadcastTimeoutMs", false),
    tombstoneTimeoutMs: least1("tombstoneTimeoutMs", false),
    keyringFile,
    snapshotPath,
    rejoinAfterLeave: options.rejoinAfterLeave ?? false,
    userEventSizeLimit: checkEventLimit(options.userEventSizeLimit ?? serfDefaults.userEventSizeLimit),
    querySizeLimit: least1("querySizeLimit", true),
    queryResponseSizeLimit: least1("queryResponseSizeLimit", true),
    coordinates: options.coordinates ?? true,
    state,
  };
}

/** Each file is written as a whole, and would be the end of another by the same name. */
function checkApart(files: Readonly<Record<string, string | undefined>>): void {
  const options = new Map<string, string>();
  for (const [option, path] of Object.entries(files)) {
    if (path === undefined) continue;
    // The state file has a second one beside it.
    for (const taken of option === "stateFile" ? [path, `${path}.log`] : [path]) {
      const other = options.get(resolve(taken));
      if (other !== undefined) throw optionError(option, path, `is a file of ${other}; give each its own`);
      options.set(resolve(taken), option);
    }
  }
}

/** As `nodeSettings`, for raw pools. `more`: names of the options that are the caller's to check. */
export function poolSettings(options: PoolOptions, more: readonly string[]): PoolSettings {
  refuseUnknown(options, [...poolOptionNames, ...more], "createMemberlist");
  return checkedPool(options);
}

/** Tags are texts by name. Their encoded length is checked by the machine, which encodes them. */
export function checkTags(option: string, tags: unknown): Readonly<Record<string, string>> {
  if (typeof tags !== "object" || tags === null || Array.isArray(tags)) {
    throw optionError(option, tags, 'is no object; want texts by name, such as { role: "web" }');
  }
  for (const [key, value] of Object.entries(tags)) {
    if (typeof value !== "string") throw optionError(`${option}.${key}`, value, "is no text; tags are texts");
    if (key === reservedTag)
      throw optionError(`${option}.${key}`, value, "cannot be set: this tag says what the node itself speaks");
  }
  return { ...(tags as Record<string, string>) };
}

/** Keys as bytes. Their values never stand in an error. */
export function checkKeys(option: string, keys: unknown): Uint8Array[] {
  if (!Array.isArray(keys)) {
    throw new NodeError("BAD_KEY", `${option}: is no list; want keys as bytes or base64, the primary first`, {
      option,
    });
  }
  return keys.map((key: unknown, i) => checkKey(option, key, `${option}[${i}]`));
}

/** As `checkKeys`, for one. `where`: what the error line calls it. */
export function checkKey(option: string, key: unknown, where: string = option): Uint8Array {
  const bytes = keyBytes(option, key, where);
  if (bytes.length !== 16 && bytes.length !== 24 && bytes.length !== 32) {
    const message = `${where}: is ${bytes.length} bytes long; want 16, 24 or 32 (AES-128, -192, -256)`;
    throw new NodeError("BAD_KEY", message, { option });
  }
  return bytes;
}

function checkedPool(options: PoolOptions): PoolSettings {
  for (const name of ["lazySeeds", "verifyIncoming", "verifyOutgoing", "compression"] as const)
    checkBoolean(options, name);
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
    throw optionError("signal", options.signal, "is no AbortSignal");
  }
  const bind = checkBind(options.bind ?? `0.0.0.0:${DEFAULT_PORT}`);
  const advertise = options.advertise === undefined ? undefined : checkAdvertise(options.advertise);
  return {
    name: checkName(options.name ?? hostname()),
    bindHost: bind.host,
    bindPort: bind.port,
    advertiseHost: advertise?.host,
    advertisePort: advertise?.port,
    seeds: checkSeeds(options.seeds ?? []),
    lazySeeds: options.lazySeeds ?? false,
    config: checkConfig(options.profile ?? "lan", options.config ?? {}),
    keys: checkKeys("keys", options.keys ?? []),
    verifyIncoming: options.verifyIncoming ?? true,
    verifyOutgoing: options.verifyOutgoing ?? true,
    label: checkLabel(options.label ?? ""),
    compression: options.compression ?? true,
  };
}

function refuseUnknown(options: unknown, known: readonly string[], what: string): void {
  if (typeof options !== "object" || options === null) throw optionError("options", options, "is no object");
  for (const [name, value] of Object.entries(options)) {
    if (known.includes(name) || value === undefined) continue;
    const near = nearest(name, known);
    throw optionError(name, value, `is no option of ${what}${near ? `; did you mean ${near}?` : ""}`);
  }
}

function checkEventLimit(limit: unknown): number {
  if (typeof limit === "number" && limit > MAX_USER_EVENT_BYTES) {
    // The end is in Serf's words.
    const problem = `is too large: user event size limit exceeds limit of ${MAX_USER_EVENT_BYTES} bytes`;
    throw optionError("userEventSizeLimit", limit, problem);
  }
  return Number(checkSetting("userEventSizeLimit", limit, [1, MAX_USER_EVENT_BYTES, true]));
}

function checkName(name: unknown): string {
  if (typeof name !== "string" || name === "")
    throw optionError("name", name, "is no name; want 1 … 255 bytes of text");
  const bytes = Buffer.byteLength(name);
  if (bytes > 255) throw optionError("name", name, `is ${bytes} bytes long; want 1 … 255`);
  if (/\p{Surrogate}/u.test(name)) throw optionError("name", name, "is not well-formed Unicode");
  return name;
}

function checkLabel(label: unknown): string {
  if (typeof label !== "string") throw optionError("label", label, "is no text");
  const bytes = Buffer.byteLength(label);
  if (bytes > 255) throw optionError("label", label, `is ${bytes} bytes long; want at most 255`);
  return label;
}

function checkBind(bind: unknown): { host: string; port: number } {
  const want = "want address:port, such as 0.0.0.0:7946 or [::]:7946";
  if (typeof bind !== "string") throw optionError("bind", bind, `is no text; ${want}`);
  const split = splitHostPort(bind.trim());
  if ("problem" in split) throw optionError("bind", bind, split.problem);
  const host = split.host === "" ? "0.0.0.0" : split.host;
  const port = split.port ?? DEFAULT_PORT;
  return { host: plainHost("bind", bind, host, "0.0.0.0, 10.0.0.5 or [::1]"), port };
}

function checkAdvertise(advertise: unknown): { host: string; port: number | undefined } {
  if (typeof advertise !== "string") throw optionError("advertise", advertise, "is no text; want host[:port]");
  const split = splitHostPort(advertise.trim());
  if ("problem" in split) throw optionError("advertise", advertise, split.problem);
  if (split.host === "") throw optionError("advertise", advertise, "has no host; want host[:port]");
  if (split.port === 0) throw optionError("advertise", advertise, "has port 0; want the port others shall dial");
  const host = plainHost("advertise", advertise, split.host, "10.0.0.5 or [2001:db8::5]");
  if (host === "0.0.0.0" || host === "::") {
    throw optionError("advertise", advertise, "cannot be dialled; want one address of this machine");
  }
  return { host, port: split.port };
}

/** The normal text of an address, or a name as it is. `examples` are of what would be right. */
function plainHost(option: string, value: string, host: string, examples: string): string {
  const target = parseTarget(host.includes(":") ? `[${host}]` : host);
  if ("problem" in target) {
    throw optionError(option, value, `${target.problem}; want one such as ${examples}, with :port or without`);
  }
  if (target.kind === "srv") throw optionError(option, value, "is a service name; want an address");
  if (target.kind === "host") return target.host;
  const bytes = addressBytes(host);
  return bytes ? addressText(bytes) : host;
}

function checkSeeds(seeds: unknown): string[] {
  if (!Array.isArray(seeds)) throw optionError("seeds", seeds, "is no list; want texts such as 10.0.0.1:7946");
  return seeds.map((seed: unknown, i) => {
    if (typeof seed !== "string") throw optionError(`seeds[${i}]`, seed, "is no text; want host[:port]");
    const target = parseTarget(seed);
    if ("problem" in target) throw optionError(`seeds[${i}]`, seed, target.problem);
    return seed;
  });
}

/** Range of each number: least, greatest, whole. */
const ranges: {
  readonly [K in keyof SwimConfig]: readonly [least: number, greatest: number, whole?: boolean] | "boolean";
} = {
  probeIntervalMs: [0, 3_600_000],
  probeTimeoutMs: [1, 3_600_000],
  indirectChecks: [0, 64, true],
  retransmitMult: [1, 100, true],
  suspicionMult: [1, 1000, true],
  suspicionMaxTimeoutMult: [1, 1000, true],
  awarenessMaxMult: [1, 1000, true],
  buddy: "boolean",
  nacks: "boolean",
  pushPullIntervalMs: [0, 86_400_000],
  gossipIntervalMs: [0, 3_600_000],
  gossipNodes: [1, 1000, true],
  gossipToTheDeadMs: [0, Number.MAX_SAFE_INTEGER],
  deadNodeReclaimMs: [0, Number.MAX_SAFE_INTEGER],
  streamTimeoutMs: [1, 3_600_000],
  streamPings: "boolean",
  maxPacketBytes: [512, 65_000, true],
  userShare: [0, 0.5],
  settleIntervalMs: [0, 3_600_000],
  reconnectIntervalMs: [0, 86_400_000],
  reconnectTimeoutMs: [0, Number.MAX_SAFE_INTEGER],
  maxMembers: [1, 10_000_000, true],
};

function checkConfig(profile: unknown, overrides: unknown): SwimConfig {
  const base = typeof profile === "string" && Object.hasOwn(profiles, profile) ? profiles[profile as "lan"] : undefined;
  if (!base) throw optionError("profile", profile, "is no profile; want lan, wan or local");
  if (typeof overrides !== "object" || overrides === null) throw optionError("config", overrides, "is no object");
  const config: Record<string, number | boolean> = { ...base };
  for (const [key, value] of Object.entries(overrides)) {
    if (value === undefined) continue;
    const option = `config.${key}`;
    if (!Object.hasOwn(ranges, key)) {
      const near = nearest(key, Object.keys(ranges));
      throw optionError(option, value, `is no setting${near ? `; did you mean config.${near}?` : ""}`);
    }
    config[key] = checkSetting(option, value, ranges[key as keyof SwimConfig]);
  }
  const checked = config as unknown as SwimConfig;
  if (checked.probeIntervalMs > 0 && checked.probeTimeoutMs > checked.probeIntervalMs) {
    const problem = `is longer than config.probeIntervalMs (${checked.probeIntervalMs}); want at most that, better half`;
    throw optionError("config.probeTimeoutMs", checked.probeTimeoutMs, problem);
  }
  return checked;
}

/** A key of any length, copied. Standard or URL-safe base64, padded or not; white space in it is passed over. */
export function keyBytes(option: string, key: unknown, where: string = option): Uint8Array {
  if (key instanceof Uint8Array) return Uint8Array.from(key);
  const text = typeof key === "string" ? key.replaceAll(/\s/g, "") : undefined;
  if (text === undefined || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) {
    const message = `${where}: is neither bytes nor base64; make one with: hearsay keygen`;
    throw new NodeError("BAD_KEY", message, { option });
  }
  return Uint8Array.from(Buffer.from(text, "base64"));
}

/** For error lines about names given to methods. */
export function unknownMember(name: unknown): NodeError {
  return new NodeError("UNKNOWN_MEMBER", `no member is named ${show(name)}`);
}
