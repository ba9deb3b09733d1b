export { type ExchangeMode, type StateConfig, stateDefaults } from "./config.ts";
export { StateError, type StateErrorCode } from "./errors.ts";
export { compareStamps, HybridClock, type Stamp } from "./hlc.ts";
export { stateMessageType } from "./messages.ts";
export { ReplicatedState } from "./replicated-state.ts";
export type {
  NodeKey,
  PeerStatus,
  SharedKey,
  StateCounters,
  StateDropReason,
  StateEvent,
  StateInspection,
  StateOptions,
  StateStreamRequest,
} from "./types.ts";
