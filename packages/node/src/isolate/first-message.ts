/** How a worker says that its node runs, or that it does not. */

import type { Worker } from "node:worker_threads";
import { NodeError } from "../errors.ts";
import { reviveError, type ToMain } from "./protocol.ts";

/** Resolves with the worker's "ready"; rejects when it says or does anything else. */
export function firstMessage(worker: Worker): Promise<Extract<ToMain, { type: "ready" }>> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      worker.off("message", onMessage);
      worker.off("error", onError);
      worker.off("exit", onExit);
      act();
    };
    const failed = (message: string, cause?: unknown) =>
      reject(new NodeError("WORKER_FAILED", message, cause === undefined ? {} : { cause }));
    const onMessage = (message: ToMain) => {
      if (message.type === "ready") settle(() => resolve(message));
      else if (message.type === "start-failed") settle(() => reject(reviveError(message.error)));
    };
    const onError = (cause: Error) =>
      settle(() => failed(`the node's worker thread has failed: ${cause.message}`, cause));
    const onExit = (code: number) =>
      settle(() => failed(`the node's worker thread ended before it was ready (exit code ${code})`));
    worker.on("message", onMessage);
    worker.on("error", onError);
    worker.on("exit", onExit);
  });
}
