/** From the machine's refusals to the errors of this package. The text is the machine's, which is Serf's where Serf has one. */

import { SerfError, type SerfErrorCode } from "@hearsay/serf";
import { NodeError, type NodeErrorCode } from "./errors.ts";

const codes: Partial<Record<SerfErrorCode, NodeErrorCode>> = {
  "not-alive": "LEFT",
  "leave-in-progress": "LEFT",
  "event-too-long": "EVENT_TOO_LARGE",
  "query-too-long": "QUERY_TOO_LARGE",
  "query-filter": "BAD_OPTION",
  "too-many-queries": "TOO_MANY_QUERIES",
  "response-too-long": "RESPONSE_TOO_LARGE",
  "response-sent": "ALREADY_ANSWERED",
  "response-late": "TOO_LATE",
  unsupported: "UNSUPPORTED",
};

/** Carries a wish out; what the machine refuses is thrown as a NodeError with the refusal for a cause. */
export function inOurWords<T>(wish: () => T): T {
  try {
    return wish();
  } catch (error) {
    const code = error instanceof SerfError ? codes[error.code] : undefined;
    if (error instanceof SerfError && code) throw new NodeError(code, error.message, { cause: error });
    throw error;
  }
}
