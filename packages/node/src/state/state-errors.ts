/** From the refusals of the state machines to the errors of this package. */

import { CounterError, type CounterErrorCode, StateError, type StateErrorCode } from "@hearsay/state";
import { NodeError, type NodeErrorCode } from "../errors.ts";

const codes: Readonly<Record<StateErrorCode | CounterErrorCode, NodeErrorCode>> = {
  "key-invalid": "BAD_KEY_NAME",
  "value-too-long": "VALUE_TOO_LARGE",
  "too-many-keys": "TOO_MANY_KEYS",
  "ttl-invalid": "BAD_OPTION",
  "snapshot-invalid": "STATE_FILE",
  "counter-name": "BAD_KEY_NAME",
  "counter-amount": "BAD_OPTION",
  "counter-overflow": "COUNTER_OVERFLOW",
  "counters-full": "TOO_MANY_COUNTERS",
  "counter-snapshot": "STATE_FILE",
  "counter-writer": "INTERNAL",
};

/** Carries a wish out; what the machine refuses is thrown as a NodeError with the refusal for a cause. */
export function inStateWords<T>(wish: () => T): T {
  try {
    return wish();
  } catch (error) {
    if (error instanceof StateError || error instanceof CounterError)
      throw new NodeError(codes[error.code], error.message, { cause: error });
    throw error;
  }
}
