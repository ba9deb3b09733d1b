/** Configuration from files and flags (Serf protocol notes, section 21). */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { nearest } from "../cli/argv.ts";
import type { Flags } from "../cli/spec.ts";
import { parseTags } from "../cli/tags.ts";
import { type AgentConfig, ConfigError, type ConfigLayer, configWarnings, mergeConfig } from "./config.ts";
import { CONFIG_KEYS, checkKey, FLAG_KEYS } from "./config-keys.ts";

export interface LoadedConfig {
  readonly config: AgentConfig;
  /** Raw keys in base64, primary first; empty without encryption. */
  readonly keys: readonly string[];
  /** Lines about what was asked for and will not happen. */
  readonly warnings: readonly string[];
}

/** Files and directories in the order given, then flags. Throws ConfigError or UsageError with one line. */
export function loadConfig(flags: Flags): LoadedConfig {
  const files = flags.inOrder(["config-file", "config-dir"]).flatMap(jsonFiles);
  const layers = files.map(readLayer);
  const config = mergeConfig([...layers, flagLayer(flags)]);
  return { config, keys: readKeys(config), warnings: configWarnings(config) };
}

/** The file itself, or a directory's, in byte order of their names. Either flag takes both, as with Serf. */
function jsonFiles(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    const names = readdirSync(path).filter((name) => name.endsWith(".json"));
    const files = names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))).map((name) => join(path, name));
    return files.filter((file) => !statSync(file).isDirectory());
  } catch (error) {
    throw new ConfigError(`cannot read ${path}: ${systemWords(error)}`);
  }
}

function readLayer(file: string): ConfigLayer {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    const problem = error instanceof SyntaxError ? `no valid JSON${syntaxProblem(error)}` : systemWords(error);
    throw new ConfigError(`cannot read ${file}: ${problem}`);
  }
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    throw new ConfigError(`${file}: must hold a JSON object`);
  }
  let layer: ConfigLayer = {};
  for (const [written, value] of Object.entries(content)) {
    const key = written.toLowerCase();
    const where = `${file}: "${written}"`;
    const read = Object.hasOwn(CONFIG_KEYS, key) ? CONFIG_KEYS[key] : undefined;
    // Null is Go's way of saying nothing.
    if (read !== undefined) layer = value === null ? layer : { ...layer, ...read(value, where) };
    else throw new ConfigError(`${file}: unknown key "${written}"${suggestion(key)}`);
  }
  return layer;
}

/** The engine's words without the piece of the file that it quotes: a token or a key may stand there. */
function syntaxProblem({ message }: SyntaxError): string {
  const words = message.replace(/,? ?(?:\.\.\.)?".*"(?:\.\.\.)? is not valid JSON$/s, "");
  return words === "" ? "" : `: ${words}`;
}

function suggestion(key: string): string {
  const near = nearest(key, Object.keys(CONFIG_KEYS));
  return near === undefined ? "" : `; did you mean "${near}"?`;
}

function flagLayer(flags: Flags): ConfigLayer {
  let layer: ConfigLayer = {};
  for (const [flag, key] of Object.entries(FLAG_KEYS)) {
    const value = flags.text(flag);
    if (value !== undefined) layer = { ...layer, ...CONFIG_KEYS[key]!(value, `-${flag}`) };
  }
  const mdnsInterface = flags.text("mdns-iface") || undefined;
  return {
    ...layer,
    ...CONFIG_KEYS.event_handlers!(flags.texts("event-handler"), "-event-handler"),
    mdns: {
      ...(mdnsInterface === undefined ? {} : { interfaceName: mdnsInterface }),
      disableIpv4: flags.on("mdns-disable-ipv4"),
      disableIpv6: flags.on("mdns-disable-ipv6"),
    },
    rejoinAfterLeave: flags.on("rejoin"),
    enableSyslog: flags.on("syslog"),
    tags: parseTags(flags.texts("tag")),
    startJoin: flags.texts("join"),
    retryJoin: flags.texts("retry-join"),
    replayOnJoin: flags.on("replay"),
    isolate: flags.on("isolate"),
    ...(flags.text("state") === undefined ? {} : { state: flags.on("state") }),
    ...(flags.on("disable-compression") ? { enableCompression: false } : {}),
  };
}

/** The keyring file's, or the one key. */
function readKeys({ encryptKey, keyringFile }: AgentConfig): readonly string[] {
  if (keyringFile === undefined) return encryptKey === undefined ? [] : [encryptKey];
  let keys: unknown;
  try {
    keys = JSON.parse(readFileSync(keyringFile, "utf8"));
  } catch (error) {
    // What is in there stays in there: no part of it is quoted.
    const problem = error instanceof SyntaxError ? "no valid JSON" : systemWords(error);
    throw new ConfigError(`keyring file ${keyringFile}: ${problem}`);
  }
  if (!Array.isArray(keys) || keys.some((key) => typeof key !== "string")) {
    throw new ConfigError(`keyring file ${keyringFile}: must be a JSON array of base64 keys`);
  }
  if (keys.length === 0) throw new ConfigError(`keyring file ${keyringFile}: Keyring file contains no keys`);
  for (const [i, key] of (keys as string[]).entries()) checkKey(key, `keyring file ${keyringFile}, key ${i + 1}`);
  return keys as string[];
}

function systemWords(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "no such file or directory";
  if (code === "EACCES") return "permission denied";
  if (code === "EISDIR") return "it is a directory";
  if (code === "ENOTDIR") return "it is not a directory";
  return message;
}
