/** What people install: the node's public API. The `hearsay` command is in `@hearsay/agent`. */
export * from "@hearsay/node";
