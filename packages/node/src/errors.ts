/**
 * The errors this package throws or emits. `code` is the contract; the message is one line for people: what was wrong,
 * where, and what would be right. `cause` holds the system's own error where there is one.
 */

/**
 * | code | meaning | state |
 * | --- | --- | --- |
 * | `ADDRESS_IN_USE` | the bind port is taken (UDP or TCP) | nothing was started |
 * | `ADDRESS_NOT_AVAILABLE` | the bind address is not one of this machine | nothing was started |
 * | `BIND_FAILED` | binding failed for another reason, such as missing rights | nothing was started |
 * | `BAD_OPTION` | an option's value is wrong; `option` names it | nothing was changed |
 * | `BAD_KEY` | an encryption key has the wrong form or length | nothing was changed |
 * | `BAD_ADDRESS` | a text is no address of the form asked for | nothing was changed |
 * | `UNRESOLVED` | DNS has no usable address for a name | nothing was changed; worth trying again |
 * | `TAGS_TOO_LARGE` | tags do not fit into 512 bytes | nothing was changed |
 * | `META_TOO_LARGE` | raw pools: meta over 512 bytes | nothing was changed |
 * | `MESSAGE_TOO_LARGE` | raw pools: a message that fits no packet | nothing was sent |
 * | `UNKNOWN_MEMBER` | no member of that name | nothing was changed |
 * | `EVENT_TOO_LARGE` | a user event over the limit, or that fits no packet | nothing was sent |
 * | `QUERY_TOO_LARGE` | a query over the limit, or that fits no packet | nothing was sent |
 * | `TOO_MANY_QUERIES` | a thousand queries of this node are open | nothing was sent; wait for one to end |
 * | `RESPONSE_TOO_LARGE` | an answer over the limit, or that fits no packet | the query can still be answered |
 * | `ALREADY_ANSWERED` | the query was answered before | |
 * | `TOO_LATE` | the query's deadline has passed | |
 * | `UNSUPPORTED` | the Serf protocol version spoken does not have it, or the node has no replicated state | nothing was sent |
 * | `KEYRING_FILE` | the keyring file is missing, broken or empty | nothing was started |
 * | `SNAPSHOT` | the snapshot file can be neither read nor made | nothing was started |
 * | `BAD_KEY_NAME` | no name for a key, a counter or an aggregate | nothing was changed |
 * | `BAD_VALUE` | a value that is neither bytes nor what JSON can hold | nothing was changed |
 * | `VALUE_TOO_LARGE` | a value over `maxValueBytes` | nothing was changed |
 * | `TOO_MANY_KEYS` | this node, or the shared map, has as many keys as it may | nothing was changed |
 * | `TOO_MANY_COUNTERS` | there are as many counters as there may be | nothing was counted |
 * | `COUNTER_OVERFLOW` | what this process added to a counter would pass 2^53 - 1 | nothing was counted |
 * | `ALREADY_OPEN` | this node takes part in the aggregate already | nothing was changed |
 * | `TOO_MANY_AGGREGATES` | this node takes part in 256 aggregates | nothing was changed |
 * | `STATE_FILE` | `stateFile` or its log cannot be read, made or written | at the start: nothing was started; later: it holds here |
 * | `TIMED_OUT` | a broadcast was not spread in time | it may still spread |
 * | `CLOSED` | the node was closed before or during the call | |
 * | `LEFT` | the node is leaving or has left the pool | |
 * | `REENTRANT` | called from within an aggregate's source; raw pools: from within `localState` or `acceptMerge` | nothing was changed |
 * | `ABORTED` | the call's AbortSignal fired; `cause` is its reason | what had begun goes on |
 * | `WORKER_FAILED` | the worker thread of an isolated node died | the node is closed |
 * | `INTERNAL` | a bug in this library: `cause` has the facts; please report it | the node is closed |
 */
export type NodeErrorCode =
  | "ADDRESS_IN_USE"
  | "ADDRESS_NOT_AVAILABLE"
  | "BIND_FAILED"
  | "BAD_OPTION"
  | "BAD_KEY"
  | "BAD_ADDRESS"
  | "UNRESOLVED"
  | "TAGS_TOO_LARGE"
  | "META_TOO_LARGE"
  | "MESSAGE_TOO_LARGE"
  | "UNKNOWN_MEMBER"
  | "EVENT_TOO_LARGE"
  | "QUERY_TOO_LARGE"
  | "TOO_MANY_QUERIES"
  | "RESPONSE_TOO_LARGE"
  | "ALREADY_ANSWERED"
  | "TOO_LATE"
  | "UNSUPPORTED"
  | "KEYRING_FILE"
  | "SNAPSHOT"
  | "BAD_KEY_NAME"
  | "BAD_VALUE"
  | "VALUE_TOO_LARGE"
  | "TOO_MANY_KEYS"
  | "TOO_MANY_COUNTERS"
  | "COUNTER_OVERFLOW"
  | "ALREADY_OPEN"
  | "TOO_MANY_AGGREGATES"
  | "STATE_FILE"
  | "TIMED_OUT"
  | "CLOSED"
  | "LEFT"
  | "REENTRANT"
  | "ABORTED"
  | "WORKER_FAILED"
  | "INTERNAL";

export class NodeError extends Error {
  override readonly name = "NodeError";
  readonly code: NodeErrorCode;
  /** For `BAD_OPTION`, `BAD_KEY` and `BAD_ADDRESS`: the option's name as in the options' type. */
  readonly option: string | undefined;

  constructor(code: NodeErrorCode, message: string, details: { cause?: unknown; option?: string } = {}) {
    super(message, "cause" in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.option = details.option;
  }
}

/** `option: "value" is …; want …`, in one line, the value cut to a readable length. Never used for keys. */
export function optionError(option: string, value: unknown, problem: string, cause?: unknown): NodeError {
  const details = cause === undefined ? { option } : { option, cause };
  return new NodeError("BAD_OPTION", `${option}: ${show(value)} ${problem}`, details);
}

/** A value as it stands in an error line. */
export function show(value: unknown): string {
  let text: string;
  if (typeof value === "string") text = JSON.stringify(value);
  else if (typeof value === "number" || typeof value === "boolean" || value == null) text = String(value);
  else if (typeof value === "function") text = "a function";
  else if (value instanceof Uint8Array) text = `${value.length} bytes`;
  else {
    try {
      text = JSON.stringify(value) ?? typeof value;
    } catch {
      text = typeof value;
    }
  }
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

export function closedError(): NodeError {
  return new NodeError("CLOSED", "the node is closed");
}

export function leftError(): NodeError {
  return new NodeError("LEFT", "the node is leaving or has left the pool");
}

export function reentrantError(): NodeError {
  return new NodeError(
    "REENTRANT",
    "the node waits for its delegate's answer; call it after the delegate has returned",
  );
}

export function abortedError(signal: AbortSignal, what: string): NodeError {
  return new NodeError("ABORTED", `${what} was aborted`, { cause: signal.reason });
}

/** Throws ABORTED if the signal has fired already. */
export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw abortedError(signal, what);
}

/**
 * Settles as `promise` does, or rejects with ABORTED when the signal fires first. The work behind the promise is not
 * stopped; its later failure is swallowed.
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined, what: string): Promise<T> {
  if (!signal) return promise;
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(abortedError(signal, what));
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** The code of a system error (`ECONNREFUSED`), or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** What a failed bind means, in one line. `where` is `host:port`. */
export function bindError(error: unknown, where: string, transport: "UDP" | "TCP"): NodeError {
  const code = systemCode(error);
  const details = { cause: error, option: "bind" };
  switch (code) {
    case "EADDRINUSE":
      return new NodeError(
        "ADDRESS_IN_USE",
        `bind: ${where} (${transport}) is in use by another process; stop it, or bind another port (port 0 picks a free one)`,
        details,
      );
    case "EADDRNOTAVAIL":
    case "EAFNOSUPPORT":
      return new NodeError(
        "ADDRESS_NOT_AVAILABLE",
        `bind: ${where} (${transport}) is no address of this machine; bind one of its addresses, 0.0.0.0 or [::]`,
        details,
      );
    case "EACCES":
    case "EPERM":
      return new NodeError(
        "BIND_FAILED",
        `bind: ${where} (${transport}) is not allowed for this user (${code}); use a port above 1023`,
        details,
      );
    default:
      return new NodeError(
        "BIND_FAILED",
        `bind: ${where} (${transport}) failed (${code ?? String(error)}); check address and port`,
        details,
      );
  }
}
