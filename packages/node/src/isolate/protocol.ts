/** What main thread and worker say to each other. All of it is plain data that can be cloned. */

import type { KeyOperation, QueryWish } from "@hearsay/serf";
import type { Member, MemberEvent, NodeEventMap, NodeStats, WallEvidence } from "../api.ts";
import { NodeError, type NodeErrorCode } from "../errors.ts";
import type { NodeSettings } from "../options.ts";
import type { Coordinate, IncomingQuery, QueryRecord } from "../serf-api.ts";
import type { StateBatch, StateCallArgs } from "./state-protocol.ts";

export interface WorkerStart {
  readonly settings: NodeSettings;
  /** Whether the main thread has a logger. */
  readonly logging: boolean;
  /** The counters of `statNames` and ENCRYPTED, written by the worker, read by the main thread whenever it likes. */
  readonly counters: SharedArrayBuffer;
}

/** An `AbortSignal` becomes an `abort` message. */
export interface Calls extends StateCallArgs {
  join: [targets: readonly string[], replay: boolean];
  leave: [];
  forceLeave: [name: string, prune: boolean];
  setTags: [tags: Readonly<Record<string, string>>];
  userEvent: [name: string, payload: Uint8Array | null, coalesce: boolean];
  /** Answered when the query is on its way. `query`: the main thread's number for it. */
  query: [query: number, wish: QueryWish];
  endQuery: [query: number];
  respond: [lTime: number, id: number, payload: Uint8Array];
  changeKeys: [operation: KeyOperation, key: Uint8Array | undefined];
  setHealthy: [healthy: boolean];
  close: [];
}

export type ToWorker =
  | { readonly type: "call"; readonly id: number; readonly method: keyof Calls; readonly args: readonly unknown[] }
  | { readonly type: "abort"; readonly id: number }
  /** The last batch has been read: the next may come. */
  | { readonly type: "taken" };

/** Changes of state are told by the main thread, which sees them in its mirror. */
type MirrorName = "state-change" | "shared-change";
type PlainName = Exclude<keyof NodeEventMap, MemberEvent["type"] | MirrorName | "query" | "error">;

/** Any event but the members' ones, those of the mirror and those that can be answered. */
export type PlainEvent = {
  [K in PlainName]: { readonly name: K; readonly args: NodeEventMap[K] };
}[PlainName];

/** An incoming query without its function: it is answered by time and number. */
export type PlainQuery = Omit<IncomingQuery, "respond">;

export type MirrorEvent =
  | { readonly kind: "member"; readonly event: MemberEvent }
  | { readonly kind: "query"; readonly query: PlainQuery }
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
  /** Places in the network, by name; undefined where there is none any more. */
  readonly places: readonly (readonly [name: string, place: Coordinate | undefined])[];
  /** Member events that came before `events` and found no room. */
  readonly droppedEvents: number;
  /** The same of the others. */
  readonly droppedOthers: number;
  readonly lines: readonly LogLine[];
  /** Undefined: nothing is new, or there is none of it. */
  readonly state: StateBatch | undefined;
  readonly drops: Readonly<Record<string, number>>;
}

export type ToMain =
  | { readonly type: "ready"; readonly address: string; readonly port: number; readonly batch: Batch }
  | { readonly type: "batch"; readonly batch: Batch }
  | { readonly type: "answer"; readonly id: number; readonly value: unknown }
  | { readonly type: "refusal"; readonly id: number; readonly error: PlainError }
  | { readonly type: "record"; readonly query: number; readonly record: QueryRecord }
  | { readonly type: "query-over"; readonly query: number; readonly error: PlainError | undefined }
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
  "coordinateResets",
  "packetsSent",
  "packetsReceived",
  "bytesSent",
  "bytesReceived",
  "streamsSent",
  "streamsReceived",
  "statePacketsSent",
  "statePacketsReceived",
  "stateBytesSent",
  "stateBytesReceived",
] as const satisfies readonly (keyof NodeStats)[];

/** Where the shared array says whether the node encrypts: 0 or 1, after the numbers of `statNames`. */
export const ENCRYPTED = statNames.length;

export interface PlainError {
  readonly code: NodeErrorCode;
  readonly message: string;
  readonly option: string | undefined;
  readonly cause:
    | { readonly code: string | undefined; readonly message: string; readonly stack: string | undefined }
    | undefined;
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
        ? { code: "code" in cause ? String(cause.code) : undefined, message: cause.message, stack: cause.stack }
        : undefined,
  };
}

export function reviveError({ code, message, option, cause }: PlainError): NodeError {
  const details: { cause?: unknown; option?: string } = {};
  if (cause) {
    details.cause = Object.assign(
      new Error(cause.message),
      cause.code ? { code: cause.code } : {},
      cause.stack ? { stack: cause.stack } : {},
    );
  }
  if (option !== undefined) details.option = option;
  return new NodeError(code, message, details);
}
