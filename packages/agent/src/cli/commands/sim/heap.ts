/**
 * Whether a run fits the memory that Node.js allows itself, and running it again with more when it does not. What many
 * nodes know of each other lies outside that heap; what they observe of each other, when many are accused at once, is in it.
 *
 * Measured: 10,000 nodes, 100 crashed at once, until everybody knows: 2.8 GB of heap at most; at rest 0.13 GB.
 */
import { spawn } from "node:child_process";
import { totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";
import type { Setting, Settings } from "@hearsay/sim";
import type { Io } from "../../spec.ts";
import { Signals } from "../signals.ts";

const MiB = 1024 * 1024;
/** Below, for the rest of the program; and for each pair of nodes, a third more than was measured. */
const baseMb = 300;
const bytesPerPair = 37;
/** The most of a machine's memory that is asked for. */
const memoryShare = 0.8;
/** Set for the second process, so that there is no third. */
const mark = "HEARSAY_SIM_HEAP";

const signalOf = { interrupt: "SIGINT", terminated: "SIGTERM", hangup: "SIGHUP" } as const;

/** MB of heap that a run of so many nodes may need. */
export function neededMb(nodes: number): number {
  return Math.ceil(baseMb + (bytesPerPair * nodes * nodes) / MiB);
}

/**
 * What to ask for, in MB; undefined when what is allowed is enough, or the machine has no more.
 * @param leastMb what an experiment knows to need, whatever the nodes
 */
export function heapPlan(nodes: number, allowedMb: number, machineMb: number, leastMb = 0): number | undefined {
  const needed = Math.max(neededMb(nodes), leastMb);
  if (needed <= allowedMb) return undefined;
  const possible = Math.min(needed, Math.floor(machineMb * memoryShare));
  return possible > allowedMb ? possible : undefined;
}

/** The largest pool that an experiment's settings speak of. */
export function nodesIn(settings: readonly Setting[], values: Settings): number {
  const counts = settings
    .filter(({ name, kind }) => /^(n|nodes|sizes?|members)$/i.test(name) && (kind === "integer" || kind === "list"))
    .flatMap(({ name }) => String(values[name]).split(",").map(Number));
  return Math.max(0, ...counts);
}

/** Runs this command line in a process with more heap, if it is to be; resolves to its exit code, else to undefined. */
export async function runWithMoreHeap(io: Io, nodes: number, leastMb = 0): Promise<number | undefined> {
  const program = process.argv[1];
  if (io.ownsProcess !== true || program === undefined || io.env[mark] !== undefined) return undefined;
  const megabytes = heapPlan(nodes, getHeapStatistics().heap_size_limit / MiB, totalmem() / MiB, leastMb);
  if (megabytes === undefined) return undefined;
  const options = [...process.execArgv, `--max-old-space-size=${megabytes}`];
  using signals = new Signals();
  const child = spawn(process.execPath, [...options, program, ...process.argv.slice(2)], {
    stdio: "inherit",
    env: { ...process.env, [mark]: String(megabytes) },
  });
  // A terminal signals both of us, a supervisor only this one; the run takes a second signal for the same wish.
  void (async () => {
    for (;;) child.kill(signalOf[await signals.next()]);
  })();
  // Awaited here: the signals are ours until the end.
  return await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      if (signal !== null) io.err(`the run was ended by ${signal}: out of memory?\n`);
      resolve(code ?? 1);
    });
  });
}
