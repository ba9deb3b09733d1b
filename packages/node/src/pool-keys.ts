/** `node.keys`: the same for a node in this thread and one in a worker, which differ in whom they ask. */

import type { KeyOperation, KeyOperationResult } from "@hearsay/serf";
import type { CallOptions } from "./api.ts";
import { keyBytes } from "./options.ts";
import type { KeyResult, PoolKeys } from "./serf-api.ts";

export type AskForKeys = (
  operation: KeyOperation,
  key: Uint8Array | undefined,
  signal: AbortSignal | undefined,
) => Promise<KeyResult>;

export function poolKeys(ask: AskForKeys): PoolKeys {
  const change =
    (operation: KeyOperation) =>
    async (key: Uint8Array | string, options: CallOptions = {}) =>
      ask(operation, keyBytes("key", key), options.signal);
  return {
    install: change("install"),
    use: change("use"),
    remove: change("remove"),
    list: async (options: CallOptions = {}) => ask("list", undefined, options.signal),
  };
}

/** What the machine gathered, as plain data. */
export function keyResult(result: KeyOperationResult): KeyResult {
  const { nodes, responses, errors, error, silent } = result;
  return {
    ok: error === "",
    error,
    nodes,
    responses,
    errors,
    messages: Object.fromEntries(result.messages),
    silent: [...silent],
    keys: Object.fromEntries(result.keys),
    primaryKeys: Object.fromEntries(result.primaryKeys),
  };
}
