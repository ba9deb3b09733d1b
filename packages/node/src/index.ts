export type * from "./api.ts";
export { NodeError, type NodeErrorCode } from "./errors.ts";
export { createMemberlist } from "./memberlist.ts";
export { createNode } from "./node.ts";
export { DEFAULT_PORT } from "./options.ts";
export type * from "./serf-api.ts";
export type * from "./state-api.ts";
