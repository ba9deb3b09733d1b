/** What a caller of the counters asked for and cannot have. Thrown at once, before anything changed. */

export type CounterErrorCode =
  /** A counter's name takes 1 ... 128 bytes of UTF-8. */
  | "counter-name"
  /** An amount is a whole number from -(2^53 - 1) to 2^53 - 1. */
  | "counter-amount"
  /** What this life has added, or subtracted, to the counter would pass 2^53 - 1. Start a new life, or count in larger units. */
  | "counter-overflow"
  /** `maxCounters` exist already. */
  | "counters-full"
  /** The writer's name or its life is not one that can be. */
  | "counter-writer"
  /** What was to be restored is not what was saved. */
  | "counter-snapshot";

export class CounterError extends Error {
  readonly code: CounterErrorCode;

  constructor(code: CounterErrorCode, message: string) {
    super(message);
    this.name = "CounterError";
    this.code = code;
  }
}
