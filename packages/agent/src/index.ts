/** The agent and the command line. Light on purpose: what a command needs is loaded when it runs. */
export { main } from "./cli/main.ts";
export {
  type KeyBody,
  RpcClient,
  type RpcClientOptions,
  RpcError,
  type RpcErrorCode,
  type RpcQuery,
  type RpcQueryRecord,
  type StreamRecord,
} from "./rpc/client.ts";
export type { MemberRecord } from "./rpc/messages.ts";
export type { EvidenceRecord, ExplanationRecord } from "./rpc/why.ts";
export { VERSION } from "./version.ts";
