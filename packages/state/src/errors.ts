/** What a caller asked for and cannot have. Thrown at once, before anything changed. */

export type StateErrorCode =
  /** A key is 1 … 255 bytes of well-formed text in UTF-8. */
  | "key-invalid"
  /** The value is longer than `maxValueBytes`. */
  | "value-too-long"
  /**
   * This node's map holds `maxKeysPerOwner` keys or `maxOwnerBytes`, or the shared map `maxSharedKeys` or `maxSharedBytes`:
   * delete some first.
   */
  | "too-many-keys"
  /** A time to live is a whole number of ms, 1 … 2^42. */
  | "ttl-invalid"
  /** Saved bytes that are no snapshot, or one cut short. */
  | "snapshot-invalid";

export class StateError extends Error {
  readonly code: StateErrorCode;

  constructor(code: StateErrorCode, message: string) {
    super(message);
    this.name = "StateError";
    this.code = code;
  }
}
