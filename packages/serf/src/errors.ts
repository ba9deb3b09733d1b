/** What a caller asked for and cannot have. Thrown at once, before anything changed. */

export type SerfErrorCode =
  /** The encoded tags exceed 512 bytes: set fewer or shorter ones. */
  | "tags-too-long"
  /** The node is leaving or has left. */
  | "not-alive"
  /** `leave` was already called. */
  | "leave-in-progress"
  /** A user event over its limit, or that fits no packet. The message is Serf's where Serf has one. */
  | "event-too-long"
  /** A query over its limit, or that fits no packet. */
  | "query-too-long"
  /** A filter's pattern is broken or too long: nobody would pass it. */
  | "query-filter"
  /** Too many queries of ours are open. */
  | "too-many-queries"
  /** A response over its limit, or that fits no packet; the query can still be answered. */
  | "response-too-long"
  | "response-sent"
  /** The query's deadline has passed, or it is not known. */
  | "response-late"
  /** The Serf protocol spoken does not have it. */
  | "unsupported"
  /** A key operation of ours is under way: one at a time. */
  | "key-operation-busy"
  /** The Serf protocol asked for is not one of 2 … 5. */
  | "protocol-version";

export class SerfError extends Error {
  readonly code: SerfErrorCode;

  constructor(code: SerfErrorCode, message: string) {
    super(message);
    this.name = "SerfError";
    this.code = code;
  }
}
