export { counterMessageType } from "./counter-codec.ts";
export { CounterError, type CounterErrorCode } from "./counter-errors.ts";
export { type CounterPacket, CounterSync, type CounterSyncSettings, type CounterSyncStats } from "./counter-sync.ts";
export {
  type CounterLimits,
  type CounterOptions,
  CounterTable,
  type LifeDelta,
  type MergeOutcome,
  maxCounterNameBytes,
} from "./counter-table.ts";
export { type HeartbeatOutcome, type PhiChange, PhiDetector, type PhiInspection } from "./phi.ts";
export { type PhiSettings, phiDefaults } from "./phi-config.ts";
export { deviationsForPhi, type PhiModel, phiOfExponential, phiOfNormal } from "./phi-tail.ts";
