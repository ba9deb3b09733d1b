/** The words of Serf's RPC for what went wrong (Serf protocol notes, section 18.6). Clients compare them. */
export const RPC_ERRORS = {
  unsupportedCommand: "Unsupported command",
  unsupportedVersion: "Unsupported IPC version",
  duplicateHandshake: "Handshake already performed",
  handshakeRequired: "Handshake required",
  monitorExists: "Monitor already exists",
  invalidFilter: "Invalid event filter",
  streamExists: "Stream with given sequence exists",
  noPendingQuery: "No pending queries matching ID",
  authRequired: "Authentication required",
  invalidAuthToken: "Invalid authentication token",
  reservedQueryName: "Queries cannot contain the '_serf_' prefix",
  joinAfterLeave: "Serf can't Join after Leave or Shutdown",
  forceLeaveTimeout: "timed out broadcasting node removal",
  tagsTimeout: "timeout waiting for update broadcast",
  tagsTooLarge: "Encoded length of tags exceeds limit of 512 bytes",
  responseSent: "response already sent",
  responseLate: "response is past the deadline",
  unsupportedFeature: "Feature not supported",
  /** Before the reason why a response was refused, whatever the query was about. */
  respondPrefix: "failed to respond to key query: ",
} as const;

/** Of the commands that are ours: replicated state, counters and aggregates. As stable as Serf's. */
export const STATE_ERRORS = {
  off: "Replicated state is off on this agent",
  noSuchKey: "No such key",
  noSuchMember: "No such member",
  notOwn: "Only a member itself writes its keys",
  sharedMember: "Shared keys belong to no member",
  badValue: "The value is neither JSON nor bytes",
  watchExists: "Watch with given sequence exists",
  badAmount: "The amount is no whole number between -(2^53 - 1) and 2^53 - 1",
  badNumber: "The value is no finite number",
  noSuchAggregate: "No such aggregate",
  noResult: "No result yet",
} as const;

/** What a client sent cannot be answered: the connection is closed without a word, as Serf does. */
export class RefusedRequest extends Error {
  override readonly name = "RefusedRequest";
}

/** By the code of a NodeError. */
export type Translations = Readonly<Record<string, string>>;

/**
 * Of a failed call to the node, what the client is told: Serf's words for its code, if given; else those of the Serf layer
 * beneath, which has Serf's own where Serf has any; else the error's.
 */
export function serfText(error: unknown, translations: Translations = {}): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? String(error.code) : "";
  if (Object.hasOwn(translations, code)) return translations[code]!;
  // By name, for an error that has crossed from a worker thread is of no class of ours any more.
  const { cause } = error;
  if (cause instanceof Error && cause.name === "SerfError" && cause.message !== "") return cause.message;
  return error.message === "" ? String(error) : error.message;
}
