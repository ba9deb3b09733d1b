// @ts-check
/**
 * `npm run sim:swarm`: many simulated pools, each with the faults its seed draws, and checkers around them.
 *
 *   npm run sim:swarm -- --seeds 1..500                  one line for each seed that fails
 *   npm run sim:swarm -- --seeds 17                      one seed, with all it drew, and traces of what went wrong
 *   npm run sim:swarm -- --seeds 17 --minimise           and the smallest run in which it still goes wrong
 *
 *   --nodes 5..50         members at the start, drawn from this range
 *   --fidelity NAME       bytes or objects; drawn by default
 *   --machines NAME       swim (raw memberlist pools) or serf; drawn by default
 *   --stop-after N        ends after so many seeds that failed
 *   --jobs N              processes; 2 by default, where there are as many cores
 *
 * Exit codes: 0 all is well; 1 something wrong was done (safety); 2 no convergence in time; 3 an exception; 64 wrong
 * arguments. Where several apply: 3 before 1 before 2.
 */
import { execFileSync, fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { root, runMain } from "./bootstrap.mjs";
import { build } from "./build.mjs";

/** @typedef {{ from: number, to: number }} Range */
/** @typedef {{ seeds: Range, nodes: Range, fidelity: "bytes" | "objects" | undefined, machines: "swim" | "serf" | undefined, stopAfter: number, jobs: number, minimise: boolean }} Options */
/** @typedef {{ seed: number, text?: string, ms: number, virtualMs?: number, events?: number, packets?: number, agreedAfterMs?: number | undefined, error?: string, kinds: string[], first?: string }} Outcome */

/** Runs that `--minimise` may spend. */
const minimiseRuns = 300;
const exitCodes = { crash: 3, safety: 1, convergence: 2 };
const longestRange = 10_000_000;

class UsageError extends Error {}

async function main() {
  /** @type {Options} */
  let options;
  try {
    options = readOptions();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`sim:swarm: ${error.message}`);
    return 64;
  }
  await build();
  const { from, to } = options.seeds;
  const nodes = `${options.nodes.from}..${options.nodes.to}`;
  const whole = `seeds ${from}..${to}, nodes ${nodes}, fidelity ${options.fidelity ?? "drawn"}, machines ${options.machines ?? "drawn"}`;
  console.log(`${whole}, commit ${commit()}, node ${process.versions.node}`);
  return from === to ? one(options) : many(options);
}

/** One seed, told in full. @param {Options} options */
async function one(options) {
  const sim = await simulator();
  const asked = swarmOptions(options, options.seeds.from);
  const outcome = runSeed(sim, asked, true);
  console.log(outcome.text ?? outcome.error);
  if (options.minimise && outcome.kinds.length > 0 && outcome.error === undefined) {
    console.log(`\nmaking it smaller, at most ${minimiseRuns} runs ...`);
    const { result, runs } = sim.minimiseSwarm(asked, sim.runSwarm(asked), minimiseRuns);
    console.log(`after ${runs} runs:\n\n${describe(sim, result)}`);
  }
  return exitCode([outcome]);
}

/** @param {Options} options */
async function many(options) {
  const { from, to } = options.seeds;
  const started = performance.now();
  /** @type {Outcome[]} */
  const outcomes = [];
  let next = from;
  let printed = from;
  /** @type {Map<number, Outcome>} */
  const waiting = new Map();
  let failed = 0;
  const take = () => (next <= to && failed < options.stopAfter ? next++ : undefined);
  // In order of seeds, whoever comes first.
  const collect = (/** @type {Outcome} */ outcome) => {
    waiting.set(outcome.seed, outcome);
    for (let ready = waiting.get(printed); ready; ready = waiting.get(++printed)) {
      waiting.delete(printed);
      outcomes.push(ready);
      if (ready.error === undefined && ready.kinds.length === 0) continue;
      failed++;
      const what = ready.error?.split("\n")[0] ?? ready.first;
      console.log(`seed ${ready.seed}: ${what}; replay: npm run sim:swarm -- ${replay(options, ready.seed)}`);
    }
  };
  const jobs = Math.min(options.jobs, to - from + 1);
  if (jobs === 1) {
    const sim = await simulator();
    for (let seed = take(); seed !== undefined; seed = take()) {
      collect(runSeed(sim, swarmOptions(options, seed), false));
    }
  } else {
    await Promise.all(Array.from({ length: jobs }, () => work(options, take, collect)));
  }
  summarise(outcomes, performance.now() - started);
  return exitCode(outcomes);
}

/** A process of its own that takes seeds until there are none. A process that ends early is a crash of its seed.
 *  @param {Options} options
 *  @param {() => number | undefined} take
 *  @param {(outcome: Outcome) => void} collect */
function work(options, take, collect) {
  return new Promise((resolve) => {
    const child = fork(fileURLToPath(import.meta.url), ["--worker"]);
    let seed = take();
    const give = () => {
      if (seed === undefined) child.disconnect();
      else child.send(swarmOptions(options, seed));
    };
    child.on("message", (message) => {
      collect(/** @type {Outcome} */ (message));
      seed = take();
      give();
    });
    child.on("exit", (code, signal) => {
      if (seed !== undefined) collect({ seed, ms: 0, kinds: [], error: `the process ended: ${signal ?? code}` });
      resolve(undefined);
    });
    give();
  });
}

async function worker() {
  const sim = await simulator();
  process.on("message", (message) => {
    process.send?.(runSeed(sim, /** @type {import("@hearsay/sim").SwarmOptions} */ (message), false));
  });
}

/** @returns {Promise<typeof import("@hearsay/sim")>} */
function simulator() {
  return import(pathToFileURL(join(root, "packages/sim/dist/index.js")).href);
}

/** @param {typeof import("@hearsay/sim")} sim
 *  @param {import("@hearsay/sim").SwarmOptions} asked
 *  @param {boolean} full
 *  @returns {Outcome} */
function runSeed(sim, asked, full) {
  const started = performance.now();
  const { seed } = asked;
  try {
    const result = sim.runSwarm(asked);
    const { violations, virtualMs, events, packets, agreedAfterMs } = result;
    const [first] = violations;
    return {
      seed,
      ms: performance.now() - started,
      virtualMs,
      events,
      packets,
      agreedAfterMs,
      kinds: violations.map(({ kind }) => kind),
      ...(first && { first: `${first.checker} at ${seconds(first.at)} on ${first.node}: ${first.message}` }),
      ...(full && { text: describe(sim, result) }),
    };
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { seed, ms: performance.now() - started, kinds: [], error: text };
  }
}

/** @param {typeof import("@hearsay/sim")} sim
 *  @param {import("@hearsay/sim").SwarmResult} result */
function describe(sim, result) {
  const { settings, faults, violations, agreedAfterMs } = result;
  const { config, ...rest } = settings;
  const lines = [
    `settings  ${Object.entries({ ...rest, ...config })
      .map(([key, value]) => `${key} ${value}`)
      .join(", ")}`,
    `faults    ${faults.length}`,
    ...faults.map((fault) => sim.faultText(fault)),
    `healed after ${seconds(settings.breakMs)}, ${agreedAfterMs === undefined ? "never agreed" : `agreed after ${seconds(agreedAfterMs)} more`}`,
    `${result.packets} packets, ${result.events} events, digest ${result.digest}`,
    `${violations.length} violations`,
  ];
  for (const { checker, kind, seed, at, node, message, trace } of violations) {
    lines.push("", `${checker} (${kind}), seed ${seed}, at ${seconds(at)}, on ${node}: ${message}`, ...trace);
  }
  return lines.join("\n");
}

/** @param {readonly Outcome[]} outcomes
 *  @param {number} ms */
function summarise(outcomes, ms) {
  const violations = outcomes.reduce((sum, { kinds }) => sum + kinds.length, 0);
  const crashes = outcomes.filter(({ error }) => error !== undefined).length;
  const agreed = outcomes.flatMap(({ agreedAfterMs }) => agreedAfterMs ?? []).sort((a, b) => a - b);
  const sum = (/** @type {"virtualMs" | "packets"} */ key) => outcomes.reduce((all, one) => all + (one[key] ?? 0), 0);
  const hours = (sum("virtualMs") / 3_600_000).toFixed(1);
  const packets = (sum("packets") / 1e6).toFixed(1);
  console.log(`${hours} h simulated in ${seconds(ms)}, ${packets} million packets`);
  if (agreed.length > 0) {
    const [median, last] = [agreed[agreed.length >> 1] ?? 0, agreed[agreed.length - 1] ?? 0];
    console.log(`agreed again ${seconds(median)} after healing in the median, ${seconds(last)} at the most`);
  }
  console.log(`${outcomes.length} seeds, ${violations} violations${crashes > 0 ? `, ${crashes} exceptions` : ""}`);
}

/** @param {readonly Outcome[]} outcomes */
function exitCode(outcomes) {
  if (outcomes.some(({ error }) => error !== undefined)) return exitCodes.crash;
  const kinds = new Set(outcomes.flatMap((outcome) => outcome.kinds));
  if (kinds.has("safety")) return exitCodes.safety;
  return kinds.has("convergence") ? exitCodes.convergence : 0;
}

/** @param {Options} options
 *  @param {number} seed
 *  @returns {import("@hearsay/sim").SwarmOptions} */
function swarmOptions({ nodes, fidelity, machines }, seed) {
  return { seed, nodes: [nodes.from, nodes.to], ...(fidelity && { fidelity }), ...(machines && { machines }) };
}

/** @param {Options} options
 *  @param {number} seed */
function replay({ nodes, fidelity, machines }, seed) {
  const range = nodes.from === 5 && nodes.to === 50 ? "" : ` --nodes ${nodes.from}..${nodes.to}`;
  const drawn = `${fidelity ? ` --fidelity ${fidelity}` : ""}${machines ? ` --machines ${machines}` : ""}`;
  return `--seeds ${seed}${range}${drawn}`;
}

/** @returns {Options} */
function readOptions() {
  let values;
  try {
    ({ values } = parseArgs({
      options: {
        seeds: { type: "string" },
        nodes: { type: "string" },
        fidelity: { type: "string" },
        machines: { type: "string" },
        "stop-after": { type: "string" },
        jobs: { type: "string" },
        minimise: { type: "boolean" },
      },
    }));
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const { fidelity, machines } = values;
  if (fidelity !== undefined && fidelity !== "bytes" && fidelity !== "objects") {
    throw new UsageError(`--fidelity: bytes or objects, not "${fidelity}"`);
  }
  if (machines !== undefined && machines !== "swim" && machines !== "serf") {
    throw new UsageError(`--machines: swim or serf, not "${machines}"`);
  }
  const seeds = range("--seeds", values.seeds ?? "1..100", 0, Number.MAX_SAFE_INTEGER);
  if (seeds.to - seeds.from >= longestRange) throw new UsageError(`--seeds: at most ${longestRange} of them`);
  return {
    seeds,
    nodes: range("--nodes", values.nodes ?? "5..50", 3, 200),
    fidelity,
    machines,
    stopAfter: values["stop-after"] === undefined ? Infinity : whole("--stop-after", values["stop-after"], 1, 1e9),
    jobs: whole("--jobs", values.jobs ?? String(Math.min(2, availableParallelism())), 1, 64),
    minimise: values.minimise ?? false,
  };
}

/** @param {string} flag
 *  @param {string} text
 *  @param {number} min
 *  @param {number} max
 *  @returns {Range} */
function range(flag, text, min, max) {
  const [first = "", last = first, ...rest] = text.split("..");
  if (rest.length > 0) throw new UsageError(`${flag}: a number or FROM..TO, not "${text}"`);
  const from = whole(flag, first, min, max);
  const to = whole(flag, last, min, max);
  if (to < from) throw new UsageError(`${flag}: "${text}" runs backwards`);
  return { from, to };
}

/** @param {string} flag
 *  @param {string} text
 *  @param {number} min
 *  @param {number} max */
function whole(flag, text, min, max) {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new UsageError(`${flag}: a whole number from ${min} to ${max}, not "${text}"`);
  }
  return value;
}

/** @param {number} ms */
function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}

function commit() {
  const git = (/** @type {string[]} */ ...args) =>
    execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    return `${git("rev-parse", "--short", "HEAD")}${git("status", "--porcelain", "--untracked-files=no") === "" ? "" : " with changes"}`;
  } catch {
    return "unknown";
  }
}

if (process.argv[2] === "--worker" && process.send) await worker();
else await runMain(main);
