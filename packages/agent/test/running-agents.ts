/** The command line in this process, with real agents on loopback behind it: what people type and what they read. */
import { expect } from "vitest";
// Loaded here rather than in the first test that starts an agent, whose time it would take.
import "../src/cli/commands/agent.ts";
import { main } from "../src/cli/main.ts";

export interface Run {
  out: string;
  err: string;
  readonly code: Promise<number>;
}

export const settings = {
  /** Whether what runs may end this process. */
  ownsProcess: false,
};

export function cli(...argv: string[]): Run {
  const run = { out: "", err: "", code: Promise.resolve(0) };
  run.code = main(argv, {
    out: (text) => {
      run.out += text;
    },
    err: (text) => {
      run.err += text;
    },
    env: {},
    ownsProcess: settings.ownsProcess,
  });
  return run;
}

export interface RunningAgent extends Run {
  readonly rpc: string;
  readonly gossip: string;
}

/** Those that have not ended. */
export const running = new Set<RunningAgent>();

/** Until its log streams. Flags given win. */
export async function agent(...argv: string[]): Promise<RunningAgent> {
  const run = cli("agent", "-bind=127.0.0.1:0", "-rpc-addr=127.0.0.1:0", "-profile=local", ...argv);
  const early = run.code.then((code) => {
    throw new Error(`ended with ${code}: ${run.err}`);
  });
  const up = expect.poll(() => run.out, { timeout: 20_000 }).toContain("Log data will now stream");
  await Promise.race([up, early]);
  early.catch(() => {});
  const [, gossip] = /Advertise addr: '(.*)'/.exec(run.out)!;
  const [, rpc] = /RPC addr: '(.*)'/.exec(run.out)!;
  const started = Object.assign(run, { gossip: gossip!, rpc: rpc! });
  running.add(started);
  void run.code.then(() => running.delete(started));
  return started;
}

/** A command that works: its output. */
export async function ok(...argv: string[]): Promise<string> {
  const run = cli(...argv);
  expect([await run.code, run.err]).toEqual([0, ""]);
  return run.out;
}

/** A command that fails: its one line. */
export async function failure(...argv: string[]): Promise<string> {
  const run = cli(...argv);
  expect(await run.code).toBe(1);
  expect(run.err).toMatch(/^[^\n]+\n$/);
  return run.err.trimEnd();
}

/** The same signal to all agents of this process. */
export const signal = (name: "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGUSR1") => process.emit(name);

/** To be called after each test: nothing is left. */
export async function endAgents(): Promise<void> {
  const ended = [...running].map((run) => run.code);
  signal("SIGTERM");
  await Promise.all(ended);
}
