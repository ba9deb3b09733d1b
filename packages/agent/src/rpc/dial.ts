/** Connecting to an agent, with a time limit and one line for what went wrong. */
import { connect, type Socket } from "node:net";
import { abortedError, RpcError } from "./rpc-error.ts";

export interface DialOptions {
  readonly host: string;
  readonly port: number;
  readonly signal?: AbortSignal;
}

/** ms of silence after which the kernel asks whether the agent is still there: a stream may be silent for days. */
const PROBE_MS = 15_000;

/** Rejects with RpcError UNREACHABLE or ABORTED. */
export function dial(options: DialOptions, timeoutMs: number): Promise<Socket> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) throw abortedError(signal);
    const { host, port } = options;
    const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: PROBE_MS });
    const timer = setTimeout(
      () => fail(new RpcError("UNREACHABLE", `no answer within ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    const onAbort = () => fail(abortedError(signal!));
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      socket.removeAllListeners();
    };
    const fail = (error: RpcError) => {
      end();
      socket.on("error", () => {});
      socket.destroy();
      reject(error);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    socket.on("error", (error) => fail(new RpcError("UNREACHABLE", dialProblem(error), error)));
    socket.on("connect", () => {
      end();
      resolve(socket);
    });
  });
}

function dialProblem(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "ECONNREFUSED":
      return "nobody listens there (connection refused)";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "the name cannot be resolved";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return "no route to that address";
    default:
      return error.message || String(error.code);
  }
}
