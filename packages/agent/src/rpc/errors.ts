/** The words of Serf's RPC for what went wrong (Serf protocol notes, section 18.6). Clients compare them. */
export const RPC_ERRORS = {
  unsupportedCommand: "Unsupported command",
  unsupportedVersion: "Unsupported IPC version",
  duplicateHandshake: "Handshake already performed",
  handshakeRequired: "Handshake required",
  monitorExists: "Monitor already exists",
  invalidFilter: "Invalid event filter",
  streamExists: "Stream with given sequence exists",
  authRequired: "Authentication required",
  invalidAuthToken: "Invalid authentication token",
  noPendingQuery: "No pending queries matching ID",
  internalQuery: "Queries cannot contain the '_serf_' prefix",
  /** In front of every refusal of a response, whatever the query was: clients may match it. */
  respondPrefix: "failed to respond to key query: ",
  /** Ours: Serf sets no limit. */
  tooManyQueries: "Too many open queries on this connection",
  tooManyStreams: "Too many streams on this connection",
  forceLeaveTimeout: "timed out broadcasting node removal",
  tagsTimeout: "timeout waiting for update broadcast",
  tagsTooLarge: "Encoded length of tags exceeds limit of 512 bytes",
} as const;

/** What a client sent cannot be answered: the connection is closed without a word, as Serf does. */
export class RefusedRequest extends Error {
  override readonly name = "RefusedRequest";
}
