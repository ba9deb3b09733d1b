/**
 * One run of an event handler's command: `/bin/sh -c COMMAND`, as Serf runs it (Serf protocol notes, section 14.2).
 *
 * What Node gives a child as its standard streams are sockets, and a socket cannot be opened by name: `cat /dev/stdin` or
 * `echo x > /dev/stderr`, both common in handlers, would fail, and two sockets for stdout and stderr would lose the order of
 * what is written to them. So a small shell stands around the command and puts true pipes there, one for stdout and
 * stderr together. It tells the exit code on a descriptor of its own, which the command does not get: so the end of the
 * command is known even if something that it left behind keeps its output open, which holds a Serf agent for ever.
 *
 *   input --> cat --> /bin/sh -c COMMAND --> cat --> output        exit code on descriptor 3
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { OutputTail } from "./output-tail.ts";

/** The end of the output that is kept: bytes. Serf's number. */
export const KEPT_OUTPUT_BYTES = 8192;
/** After the command has ended, how long its output may stay open before we go on without its end: ms. */
const OUTPUT_GRACE_MS = 500;

/** What the shell itself has to say, such as that the command was killed, is not the command's output. */
const AROUND = `cat 3>&- | { (exec /bin/sh -c "$1" 2>&1 3>&-); echo "$?" >&3; } 2>/dev/null | cat 3>&-`;

export interface ScriptRun {
  readonly exitCode: number;
  /** Standard output and standard error, the last 8192 bytes. */
  readonly output: Uint8Array;
  /** Bytes it has written in all. */
  readonly written: number;
  /**
   * There if something that the command started keeps the output open. What it writes is read and forgotten, until this
   * is called; then it finds nobody there.
   */
  readonly abandon: (() => void) | undefined;
}

export interface ScriptOptions {
  /** On top of the agent's own. */
  readonly environment: Readonly<Record<string, string>>;
  readonly input: Uint8Array;
  /**
   * Ends the waiting, not the command: it goes on without us, and nobody reads its output any more. Serf's agents leave
   * theirs in the same way when they stop, and a handler may well be what makes them stop.
   */
  readonly signal: AbortSignal;
  /** For tests. Default 500. */
  readonly graceMs?: number;
}

/** Rejects when the command cannot be run, and when the signal aborts. An exit code other than 0 is no error here. */
export function runScript(command: string, options: ScriptOptions): Promise<ScriptRun> {
  const { signal, input, graceMs = OUTPUT_GRACE_MS } = options;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const { child, stdin, outputs, status } = start(command, { ...process.env, ...options.environment });
    const tail = new OutputTail(KEPT_OUTPUT_BYTES);
    let open = outputs.length;
    let exitCode: number | undefined;
    let grace: NodeJS.Timeout | undefined;

    const abandon = () => {
      for (const stream of [stdin, ...outputs, ...(status ? [status] : [])]) stream.destroy();
      child.unref();
    };
    const settle = (how: () => void) => {
      clearTimeout(grace);
      signal.removeEventListener("abort", onAbort);
      how();
    };
    const onAbort = () => {
      abandon();
      settle(() => reject(signal.reason));
    };
    const endIfDone = (evenIfOpen: boolean) => {
      if (exitCode === undefined || (open > 0 && !evenIfOpen)) return;
      const result = { exitCode, output: tail.bytes(), written: tail.total };
      const leftBehind = open > 0;
      if (leftBehind) {
        for (const stream of outputs) stream.off("data", onData).resume();
        child.unref();
      }
      // Nobody is there any more to read it, or it has waited long enough.
      stdin.destroy();
      status?.destroy();
      settle(() => resolve({ ...result, abandon: leftBehind ? abandon : undefined }));
    };
    const onExitCode = (code: number) => {
      if (exitCode !== undefined) return;
      exitCode = code;
      grace = setTimeout(() => endIfDone(true), graceMs);
      endIfDone(false);
    };
    const onData = (chunk: Buffer) => tail.add(chunk);

    signal.addEventListener("abort", onAbort, { once: true });
    child.on("error", (error) => {
      abandon();
      settle(() => reject(error));
    });
    // A command that does not read its input is none of our business.
    stdin.on("error", () => {});
    stdin.end(input);
    for (const stream of outputs) {
      stream.on("data", onData);
      stream.on("error", () => {});
      stream.on("close", () => {
        open--;
        endIfDone(false);
      });
    }
    status?.on("error", () => {});
    status?.on("data", (chunk: Buffer) => onExitCode(Number.parseInt(chunk.toString(), 10)));
    child.on("exit", (code, killedBy) => {
      // By now it has told its exit code, unless the shell around it was killed.
      if (status === undefined || killedBy !== null) onExitCode(code ?? 1);
    });
    child.on("close", () => onExitCode(1));
  });
}

interface Started {
  readonly child: ChildProcess;
  readonly stdin: Writable;
  readonly outputs: readonly Readable[];
  /** Where the exit code comes, in decimal; undefined if it is the child's own. */
  readonly status: Readable | undefined;
}

/** Throws for a command or a variable that no process can be given, such as one with a null character. */
function start(command: string, env: NodeJS.ProcessEnv): Started {
  if (process.platform === "win32") {
    const child = spawn("cmd", ["/C", command], { env, windowsVerbatimArguments: true });
    return { child, stdin: child.stdin, outputs: [child.stdout, child.stderr], status: undefined };
  }
  const child = spawn("/bin/sh", ["-c", AROUND, "sh", command], { env, stdio: ["pipe", "pipe", "ignore", "pipe"] });
  return {
    child,
    stdin: child.stdin!,
    outputs: [child.stdout!],
    status: child.stdio[3] as Readable,
  };
}
