/** What a caller asked for and cannot have. Thrown at once, before anything changed. */

export type SerfErrorCode =
  /** The encoded tags exceed 512 bytes: set fewer or shorter ones. */
  | "tags-too-long"
  /** The node is leaving or has left. */
  | "not-alive"
  /** `leave` was already called. */
  | "leave-in-progress"
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
