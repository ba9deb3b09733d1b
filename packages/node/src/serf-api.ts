/**
 * What Serf adds to a pool, as a node shows it: user events, queries, keys, distances. Part of `HearsayNode`; kept apart
 * from the members' story in `api.ts`.
 */

import type { CallOptions } from "./api.ts";

/** A user event as it reached this node: once, its own included. Order is that of arrival, not of time. */
export interface UserEvent {
  readonly name: string;
  /** Empty when there is none. Yours to keep. */
  readonly payload: Uint8Array;
  /** Lamport time of the event clock. */
  readonly lTime: number;
  /** Of several events of this name, only the latest needs to be told. False also for what came by a state exchange. */
  readonly coalesce: boolean;
}

/** A query for this node. It was acknowledged already, if that was asked. */
export interface IncomingQuery {
  readonly name: string;
  /** Empty when there is none. Yours to keep. */
  readonly payload: Uint8Array;
  readonly lTime: number;
  /** u32, random; with `lTime` it names the query. */
  readonly id: number;
  /** The asker's name. */
  readonly from: string;
  /** When an answer comes too late. */
  readonly deadline: Date;
  /**
   * Answers, once. Resolves when the answer is on its way; packets get lost.
   * @throws NodeError RESPONSE_TOO_LARGE (the query stays answerable), ALREADY_ANSWERED, TOO_LATE, LEFT, CLOSED
   */
  respond(payload: Uint8Array | string): Promise<void>;
}

export interface QueryOptions extends CallOptions {
  /** Only these members, one or more. Default: everybody. */
  readonly filterNodes?: readonly string[];
  /** Only members whose tag matches: tag to RE2 pattern, found anywhere in the value (Serf does not anchor it). */
  readonly filterTags?: Readonly<Record<string, string>>;
  /** Ask also with patterns that are broken, which nobody passes, instead of refusing them. Default false. */
  readonly uncheckedPatterns?: boolean;
  /** Ask for acknowledgements, which come whether anybody handles the query or not. Default true. */
  readonly acks?: boolean;
  /** How many other members shall hand each answer on to us as well: 0 … 255. Default 0. */
  readonly relayFactor?: number;
  /**
   * How long answers are taken: ms, at most a day. 0 or missing: gossip interval * 16 * ceil(log10(alive + 1)), as Serf; 3.2 s for up to
   * nine members of the lan profile.
   */
  readonly timeout?: number;
  /**
   * End as soon as every live member that the query is for has answered, or for `_serf_ping` acknowledged. Serf waits
   * for the deadline whatever happens. Only without tag filters can the node know; with them it waits. Default false.
   */
  readonly endEarly?: boolean;
}

export interface QueryAnswer {
  /** The answering member's name. */
  readonly from: string;
  readonly payload: Uint8Array;
}

export type QueryRecord =
  | { readonly type: "ack"; readonly from: string }
  | ({ readonly type: "response" } & QueryAnswer);

/**
 * A query of ours under way. Iterate it for the answers, or `records()` for acknowledgements and answers as they come:
 * one of them, once (again: BAD_OPTION). Both end at the deadline, by `close`, or when the reader leaves the loop. What comes
 * while nobody reads waits, also for after the end; there is at most one acknowledgement and one answer of each member.
 * Reading rejects with ABORTED as soon as the signal fires, and with CLOSED, LEFT or WORKER_FAILED after what has come by
 * then when the node has gone.
 */
export interface QueryCall extends AsyncIterable<QueryAnswer> {
  /**
   * Resolves when the query is on its way. Rejects with NodeError BAD_OPTION, QUERY_TOO_LARGE, TOO_MANY_QUERIES,
   * UNSUPPORTED (Serf protocol below 4), LEFT, CLOSED, ABORTED; iterating rejects with the same. It need not be looked at.
   */
  readonly started: Promise<{ readonly lTime: number; readonly id: number; readonly deadline: Date }>;
  /** Who has acknowledged so far. */
  readonly acks: ReadonlySet<string>;
  records(): AsyncIterable<QueryRecord>;
  /** Takes no more answers. */
  close(): void;
}

/** What came of a key operation, in the whole pool. It resolves also when some have refused or kept silent: look at it. */
export interface KeyResult {
  /** Everybody who was alive when it was asked has done it. */
  readonly ok: boolean;
  /** Empty if `ok`; else in Serf's words: `1/3 nodes reported failure`, `2/3 nodes reported success`. */
  readonly error: string;
  /** Members alive when it was asked, ourselves included. */
  readonly nodes: number;
  readonly responses: number;
  /** Responses that tell of a failure, or cannot be read. */
  readonly errors: number;
  /** What members said: reasons of failures, and remarks (a list that was cut). By name. */
  readonly messages: Readonly<Record<string, string>>;
  /** Members that were alive and have not answered, in name order. */
  readonly silent: readonly string[];
  /** List only: how many members have each key; base64. */
  readonly keys: Readonly<Record<string, number>>;
  /** List only: how many members encrypt with each key; base64. */
  readonly primaryKeys: Readonly<Record<string, number>>;
}

/**
 * The keys of the whole pool, changed while it runs: install the new one, use it, remove the old one, and list in between.
 * A key is bytes or base64; whether its length will do is for the members to say. Operations of one node follow each other, a
 * list too. Where a node keeps its keys in a file, the file is written before the node answers; that it cannot be is this
 * node's failure in the result, though the key counts.
 * Errors: NodeError BAD_KEY (no base64), QUERY_TOO_LARGE (of no use as a key), UNSUPPORTED (Serf protocol below 4),
 * TOO_MANY_QUERIES, LEFT, CLOSED, ABORTED (what had begun goes on).
 */
export interface PoolKeys {
  install(key: Uint8Array | string, options?: CallOptions): Promise<KeyResult>;
  /** Makes an installed key the one that encrypts. */
  use(key: Uint8Array | string, options?: CallOptions): Promise<KeyResult>;
  remove(key: Uint8Array | string, options?: CallOptions): Promise<KeyResult>;
  list(options?: CallOptions): Promise<KeyResult>;
}

/** A place in the network (Vivaldi with heights; Serf protocol notes, section 16). Seconds; `error` has no unit. */
export interface Coordinate {
  /** Eight dimensions. */
  readonly vec: readonly number[];
  readonly error: number;
  readonly adjustment: number;
  readonly height: number;
}

/** The vote about our name, when another process claims it as well (Serf protocol notes, section 7.9). */
export interface NameVote {
  /** Members that answered; without any there is no decision, and `keep` is true. */
  readonly responses: number;
  /** How many of them know the name at our address. */
  readonly matching: number;
  /** The majority is for us. If not, Serf's agents stop, and so does ours. */
  readonly keep: boolean;
}
