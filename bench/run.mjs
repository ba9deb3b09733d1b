// @ts-check
/**
 * The bench: ours beside HashiCorp's memberlist, the same work on the same machine in the same run, turn by turn.
 *
 *   node bench/run.mjs [--quick] [--n 10,100,400] [--only codec,rush,rest,broadcast,crash] [--rushes 10]
 *
 * Prints Markdown tables and keeps all figures in bench/results/. Without Go there is one column.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root, run, runMain, SetupError } from "../scripts/bootstrap.mjs";
import { build } from "../scripts/build.mjs";
import { clusterTables, codecTable, rushTable } from "./tables.mjs";

/** @typedef {import("./tables.mjs").Pair} Pair */
/** @typedef {import("./tables.mjs").Report} Report */
/** @typedef {{ key: "reference" | "ours", command: string, args: readonly string[], codec: readonly string[] }} Column */

const everything = ["codec", "rush", "rest", "broadcast", "crash"];
const peer = join(root, "bench/peers/memberlist");

async function main() {
  const { quick, sizes, only, rushes } = readOptions();
  await build();
  const columns = [await reference(), ours()].filter((column) => column !== undefined);
  const results = { machine: machine(), date: new Date().toISOString(), codec: {}, rush: {}, cluster: {} };
  console.log(`${results.machine}, ${results.date.slice(0, 10)}\n`);

  if (only.includes("codec")) {
    const pair = await both(columns, (column) => [...column.codec, `--round=${quick ? 0.1 : 0.5}`]);
    results.codec = pair;
    console.log(codecTable(pair));
  }
  if (only.includes("rush")) {
    /** @type {Record<number, Pair[]>} */
    const runs = {};
    for (const n of sizes.filter((n) => n >= 50)) {
      runs[n] = [];
      const args = ["rush", `--n=${n}`, `--limit=${quick ? 30 : 60}`];
      for (let i = 0; i < rushes; i++) runs[n].push(await both(columns, (column) => inCluster(column, args)));
    }
    results.rush = runs;
    console.log(rushTable(runs));
  }
  const parts = only.filter((part) => ["rest", "broadcast", "crash"].includes(part));
  if (parts.length > 0) {
    /** @type {Record<number, Pair>} */
    const runs = {};
    const times = quick ? [10, 3, 1] : [30, 9, 5];
    const flags = [`--rest=${times[0]}`, `--broadcasts=${times[1]}`, `--crashes=${times[2]}`];
    for (const n of sizes) {
      const args = ["cluster", `--n=${n}`, "--limit=90", `--parts=${parts.join(",")}`, ...flags];
      runs[n] = await both(columns, (column) => inCluster(column, args), 3);
    }
    results.cluster = runs;
    console.log(clusterTables(runs));
  }

  const file = join(root, "bench/results", `${results.date.replaceAll(":", "-").slice(0, 19)}.json`);
  mkdirSync(join(root, "bench/results"), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
  console.log(`figures: ${file}`);
  return 0;
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      n: { type: "string" },
      only: { type: "string", default: everything.join(",") },
      rushes: { type: "string" },
    },
  });
  const only = values.only.split(",");
  const unknown = only.find((part) => !everything.includes(part));
  if (unknown !== undefined) throw new SetupError(`--only ${unknown}: want some of ${everything.join(",")}`);
  const sizes = (values.n ?? (values.quick ? "10,100" : "10,100,400")).split(",").map(Number);
  if (!sizes.every((n) => Number.isInteger(n) && n >= 2 && n <= 5000))
    throw new SetupError(`--n ${values.n}: want numbers of nodes, 2 to 5000, such as 10,100,400`);
  return { quick: values.quick, only, sizes, rushes: Number(values.rushes ?? (values.quick ? 1 : 10)) };
}

/** @returns {Promise<Column | undefined>} */
async function reference() {
  const command = join(peer, "memberlist-bench");
  const { code, output } = await run("go", ["build", "-o", command, "."], { cwd: peer });
  if (code === 0) return { key: "reference", command, args: [], codec: ["codec"] };
  const why = code === 127 ? "there is no Go here" : `its program could not be built:\n${output.trim()}`;
  console.log(`memberlist's column is empty: ${why}\n`);
  return undefined;
}

/** @returns {Column} */
function ours() {
  const args = ["--expose-gc", join(root, "bench/cluster.mjs")];
  return { key: "ours", command: process.execPath, args, codec: [join(root, "bench/codec.mjs"), "--json"] };
}

/** Each run at addresses of its own, so that nobody else's cluster on this machine is met.
 *  @param {Column} column
 *  @param {readonly string[]} args */
function inCluster(column, args) {
  return [...column.args, ...args, `--net=${64 + Math.floor(Math.random() * 190)}`];
}

/** One turn of each column. A cluster that does not come up (large ones of memberlist's sometimes do not) has `tries`.
 *  @param {readonly Column[]} columns
 *  @param {(column: Column) => readonly string[]} args
 *  @param {number} [tries]
 *  @returns {Promise<Pair>} */
async function both(columns, args, tries = 1) {
  /** @type {Pair} */
  const pair = { reference: undefined, ours: undefined };
  for (const column of columns) {
    for (let i = 0; i < tries; i++) {
      const report = await measure(column.command, args(column));
      pair[column.key] = report;
      if (report?.result.join?.complete !== false) break;
      console.log(`${report.what}: ${report.result.n} nodes did not all see each other (try ${i + 1} of ${tries})\n`);
    }
  }
  return pair;
}

/** Runs one measuring program in a quiet moment; its last line is the report.
 *  @param {string} command
 *  @param {readonly string[]} args
 *  @returns {Promise<Report | undefined>} */
async function measure(command, args) {
  await quiet();
  const { code, output } = await run(command, args);
  try {
    return JSON.parse(output.trim().split("\n").at(-1) ?? "");
  } catch {
    console.log(`no figures (exit ${code}) from ${command} ${args.join(" ")}:\n${output.trim().slice(-2000)}\n`);
    return undefined;
  }
}

/** Waits until everybody else uses less than an eighth of the machine, but at most a minute. */
async function quiet() {
  for (let i = 0; i < 60; i++) {
    const before = cpuTimes();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const after = cpuTimes();
    if ((after.busy - before.busy) / Math.max(1, after.all - before.all) < 0.12) return;
  }
  process.stderr.write("bench: the machine is not quiet; the tables say how busy it was\n");
}

function cpuTimes() {
  let busy = 0;
  let all = 0;
  for (const { times } of cpus()) {
    busy += times.user + times.nice + times.sys + times.irq;
    all += times.user + times.nice + times.sys + times.irq + times.idle;
  }
  return { busy, all };
}

function machine() {
  const [first] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const system =
    process.platform === "linux" ? readFileSync("/proc/sys/kernel/ostype", "utf8").trim() : process.platform;
  return `${cpus().length} × ${first?.model.trim() ?? "?"}, ${memory} GiB, ${system} ${release()}`;
}

await runMain(main);
