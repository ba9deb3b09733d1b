/** What main thread and worker say to each other. All of it is plain data that can be cloned. */

import type { Member, MemberEvent, NodeEventMap, NodeStats, WallEvidence } from "../api.ts";
import { NodeError, type NodeErrorCode } from "../errors.ts";
import type { NodeSettings } from "../options.ts";

export interface WorkerStart {
  readonly settings: NodeSettings;
  /** Whether the main thread has a logger. */
  readonly logging: boolean;
  /** The counters of `statNames`, written by the worker, read by the main thread whenever it likes. */
  readonly counters: SharedArrayBuffer;
}

/** An `AbortSignal` becomes an `abort` message. */
export interface Calls {
  join: [targets: readonly string[], replay: boolean];
  leave: [];
  forceLeave: [name: string, prune: boolean];
  setTags: [tags: Readonly<Record<string, string>>];
  setHealthy: [healthy: boolean];
  close: [];
}

export type ToWorker =
  | { readonly type: "call"; readonly id: number; readonly method: keyof Calls; readonly args: readonly unknown[] }
  | { readonly type: "abort"; readonly id: number }
  /** The last batch has been read: the next may come. */
  | { readonly type: "taken" };

/** Any event but the members' ones. */
export type PlainEvent = {
  [K in Exclude<keyof NodeEventMap, MemberEvent["type"] | "error">]: {
    readonly name: K;
    readonly args: NodeEventMap[K];
  };
}[Exclude<keyof NodeEventMap, MemberEvent["type"] | "error">];

export type MirrorEvent =
  | { readonly kind: "member"; readonly event: MemberEvent }
  | { readonly kind: "plain"; readonly event: PlainEvent };

export interface LogLine {
  readonly level: "trace" | "debug" | "info" | "warn" | "error";
  readonly fields: object;
  readonly message: string;
}

/** What has changed since the batch before. */
export interface Batch {
  readonly members: readonly Member[];
  readonly forgotten: readonly string[];
  /** Whole logs, by name. */
  readonly evidence: readonly (readonly [name: string, evidence: readonly WallEvidence[]])[];
  readonly events: readonly MirrorEvent[];
  /** Events that came before `events` and found no room. */
  readonly droppedEvents: number;
  readonly lines: readonly LogLine[];
  readonly drops: Readonly<Record<string, number>>;
}

export type ToMain =
  | { readonly type: "ready"; readonly address: string; readonly port: number; readonly batch: Batch }
  | { readonly type: "batch"; readonly batch: Batch }
  | { readonly type: "answer"; readonly id: number; readonly value: unknown }
  | { readonly type: "refusal"; readonly id: number; readonly error: PlainError }
  | { readonly type: "start-failed"; readonly error: PlainError }
  | { readonly type: "stopped"; readonly error: PlainError };

/** The stats that are numbers, in the order of the shared array. */
export const statNames = [
  "members",
  "alive",
  "failed",
  "left",
  "healthScore",
  "memberTime",
  "eventTime",
  "queryTime",
  "memberQueue",
  "intentQueue",
  "eventQueue",
  "queryQueue",
  "packetsSent",
  "packetsReceived",
  "bytesSent",
  "bytesReceived",
  "streamsSent",
  "streamsReceived",
] as const satisfies readonly (keyof NodeStats)[];

export interface PlainError {
  readonly code: NodeErrorCode;
  readonly message: string;
  readonly option: string | undefined;
  /** The cause's code and message. */
  readonly cause: { readonly code: string | undefined; readonly message: string } | undefined;
}

export function plainError(error: unknown): PlainError {
  const of = error instanceof NodeError ? error : new NodeError("INTERNAL", String(error), { cause: error });
  const cause = of.cause;
  return {
    code: of.code,
    message: of.message,
    option: of.option,
    cause:
      cause instanceof Error
        ? { code: "code" in cause ? String(cause.code) : undefined, message: cause.stack ?? cause.message }
        : undefined,
  };
}

export function reviveError({ code, message, option, cause }: PlainError): NodeError {
  const details: { cause?: unknown; option?: string } = {};
  if (cause) details.cause = Object.assign(new Error(cause.message), cause.code ? { code: cause.code } : {});
  if (option !== undefined) details.option = option;
  return new NodeError(code, message, details);
}
