/** What this is, in one place; a test compares it with the manifest. */
export const VERSION = "0.1.0";
/** Serf protocol spoken by default, and the oldest understood. */
export const SERF_PROTOCOL = 5;
export const SERF_PROTOCOL_MIN = 2;
