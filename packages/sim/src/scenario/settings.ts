/** The lines that say what pool a scenario is about: `nodes` and `config`. */
import { lanConfig, profiles, type SwimConfig } from "@hearsay/core";
import type { PoolSettings } from "./scenario.ts";
import { listText, suggestionText, type Words } from "./syntax.ts";

export const nodesUsage =
  "nodes COUNT [profile lan|wan|local] [seed NUMBER] [layer memberlist|serf] [fidelity bytes|objects] [meta BYTES]";
export const configUsage = "config SETTING VALUE";

/** Most nodes: full views of all of them take some bytes for each pair. */
export const maxNodes = 20_000;
/** From here on packets are passed by reference unless the file says otherwise. */
const objectsAbove = 2000;

const pairs = ["profile", "seed", "layer", "fidelity", "meta"] as const;

/** What follows `nodes`. */
export function parseNodes(words: Words): PoolSettings {
  words.usage = nodesUsage;
  const nodes = words.integer("COUNT", 1, maxNodes);
  const given = new Map<string, string | number>();
  while (!words.ended) {
    const key = words.next("a setting");
    if (given.has(key)) throw words.wrong(`${key} is there twice`);
    if (key === "profile") given.set(key, words.choice("profile", ["lan", "wan", "local"]));
    else if (key === "seed") given.set(key, words.integer("seed", 0, Number.MAX_SAFE_INTEGER));
    else if (key === "layer") given.set(key, words.choice("layer", ["memberlist", "serf"]));
    else if (key === "fidelity") given.set(key, words.choice("fidelity", ["bytes", "objects"]));
    else if (key === "meta") given.set(key, words.integer("meta", 0, 512));
    else throw words.wrong(`unknown setting "${key}"${suggestionText(key, pairs) || `: ${listText(pairs)} expected`}`);
  }
  const layer = (given.get("layer") ?? "memberlist") as PoolSettings["layer"];
  if (layer === "serf" && given.has("meta")) throw words.wrong("meta is for layer memberlist; Serf's nodes have tags");
  return {
    nodes,
    profile: (given.get("profile") ?? "lan") as PoolSettings["profile"],
    seed: (given.get("seed") ?? 1) as number,
    layer,
    fidelity: (given.get("fidelity") ?? (nodes > objectsAbove ? "objects" : "bytes")) as PoolSettings["fidelity"],
    metaBytes: (given.get("meta") ?? 0) as number,
    config: {},
  };
}

/** `probe-interval` for `probeIntervalMs`; the rest in kebab-case as it is. */
const keys: ReadonlyMap<string, keyof SwimConfig> = new Map(
  (Object.keys(lanConfig) as (keyof SwimConfig)[]).map((key) => [
    key.replace(/Ms$/, "").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    key,
  ]),
);

/** Intervals that may not be 0: without probes or gossip there is no protocol left; all other times may. */
const neverZero: readonly (keyof SwimConfig)[] = [
  "probeIntervalMs",
  "probeTimeoutMs",
  "gossipIntervalMs",
  "streamTimeoutMs",
];
/** The range of whole numbers, where it is not 0 to 1000. */
const ranges: Partial<Record<keyof SwimConfig, readonly [number, number]>> = {
  retransmitMult: [1, 100],
  suspicionMult: [1, 1000],
  suspicionMaxTimeoutMult: [1, 1000],
  awarenessMaxMult: [1, 1000],
  maxPacketBytes: [512, 8192],
  maxMembers: [1, 1_000_000],
};

/** What follows `config`, added to the settings. */
export function parseConfig(words: Words, settings: PoolSettings): PoolSettings {
  words.usage = configUsage;
  const word = words.next("SETTING");
  const key = keys.get(word);
  if (key === undefined) {
    const names = [...keys.keys()];
    throw words.wrong(`unknown setting "${word}"${suggestionText(word, names) || "; docs/scenarios.md lists them"}`);
  }
  const standard = profiles[settings.profile][key];
  const [min, max] = ranges[key] ?? [0, 1000];
  const value =
    typeof standard === "boolean"
      ? words.choice(word, ["on", "off"]) === "on"
      : key.endsWith("Ms")
        ? words.duration(word, neverZero.includes(key) ? 1 : 0)
        : key === "userShare"
          ? words.share(word)
          : words.integer(word, min, max);
  if (key === "userShare" && (value as number) > 0.5) throw words.wrong(`${word}: at most 50%`);
  words.end();
  return { ...settings, config: { ...settings.config, [key]: value } };
}

/** A sentence when two settings do not go together. */
export function conflictIn({ profile, config }: PoolSettings): string | undefined {
  const { probeIntervalMs, probeTimeoutMs } = { ...profiles[profile], ...config };
  if (probeTimeoutMs <= probeIntervalMs) return undefined;
  return `probe-timeout (${probeTimeoutMs}ms) is longer than probe-interval (${probeIntervalMs}ms)`;
}

/** Names of the settings that `config` knows. */
export const configNames: readonly string[] = [...keys.keys()];
