/**
 * Why something from the network was refused. A stable contract: counters, logs and tests use these words.
 * `docs/limits.md` says what each means.
 */
export type DropReason =
  // framing
  | "empty"
  | "label-malformed"
  | "label-mismatch"
  | "not-encrypted"
  | "decrypt-failed"
  | "encryption-version"
  | "crc-mismatch"
  | "unknown-type"
  | "compound-truncated"
  | "compress-algorithm"
  | "compress-corrupt"
  | "compress-too-large"
  | "nesting-too-deep"
  | "stream-too-large"
  | "stream-truncated"
  // fields
  | "msgpack-invalid"
  | "msgpack-truncated"
  | "msgpack-too-deep"
  | "field-range"
  | "name-invalid"
  | "name-too-long"
  | "meta-too-long"
  | "address-length"
  | "version-vector"
  | "count-too-large"
  // the machine's own refusals
  | "incarnation-zero"
  | "incarnation-wrap"
  | "member-limit"
  | "version-mismatch"
  | "merge-refused"
  | "unknown-ack"
  | "relay-limit"
  | "stream-unexpected"
  | "queue-full"
  | "message-too-large";
