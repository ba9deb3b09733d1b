export type { AggregatePacket, AggregatePeers, AggregateStats } from "./aggregate.ts";
export { aggregateMessageType } from "./aggregate-codec.ts";
export { type AggregateEstimate, type AggregateSettings, aggregateDefaults } from "./aggregate-config.ts";
export { Aggregates } from "./aggregates.ts";
export { decodeStateMessage } from "./codec.ts";
export {
  checkedConfig,
  type DeltaOrder,
  type ExchangeMode,
  type HeartbeatSpread,
  type StateConfig,
  stateDefaults,
} from "./config.ts";
export { counterMessageType } from "./counter-codec.ts";
export { CounterError, type CounterErrorCode } from "./counter-errors.ts";
export { maxCounterNameBytes } from "./counter-limits.ts";
export { type CounterPacket, CounterSync, type CounterSyncSettings, type CounterSyncStats } from "./counter-sync.ts";
export {
  type CounterLimits,
  type CounterOptions,
  CounterTable,
  type LifeDelta,
  type MergeOutcome,
} from "./counter-table.ts";
export { StateError, type StateErrorCode } from "./errors.ts";
export { type FlowSettings, flowDefaults } from "./flow-config.ts";
export { HeartbeatWatch } from "./heartbeat-watch.ts";
export { compareStamps, HybridClock, type Stamp } from "./hlc.ts";
export { type StateMessage, stateMessageType } from "./messages.ts";
export { type HeartbeatOutcome, type PhiChange, PhiDetector, type PhiInspection } from "./phi.ts";
export { type PhiSettings, phiDefaults } from "./phi-config.ts";
export { deviationsForPhi, type PhiModel, phiOfExponential, phiOfNormal } from "./phi-tail.ts";
export { ReplicatedState } from "./replicated-state.ts";
export { type Buckets, Sketch } from "./sketch.ts";
export type {
  NodeKey,
  PeerStatus,
  SharedKey,
  StateCounters,
  StateDecoder,
  StateDropReason,
  StateEvent,
  StateInspection,
  StateOptions,
  StateStreamRequest,
} from "./types.ts";
