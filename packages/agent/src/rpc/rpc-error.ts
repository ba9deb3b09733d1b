/**
 * | code | meaning |
 * | --- | --- |
 * | `UNREACHABLE` | nobody listens there, the name is unknown, or nothing answered in time |
 * | `REFUSED` | the agent answered with an error; the message is the agent's |
 * | `CLOSED` | the connection ended before the answer, or before the end of a stream: the agent could not read the request, or stopped |
 * | `TIMED_OUT` | no answer in time |
 * | `ABORTED` | the signal fired |
 * | `BAD_ANSWER` | what came is no answer: something else than an agent listens there |
 */
export type RpcErrorCode = "UNREACHABLE" | "REFUSED" | "CLOSED" | "TIMED_OUT" | "ABORTED" | "BAD_ANSWER";

export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code: RpcErrorCode;
  constructor(code: RpcErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

export function abortedError(signal: AbortSignal): RpcError {
  return new RpcError("ABORTED", "the call was aborted", signal.reason);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
