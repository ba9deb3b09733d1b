export { Digest } from "./digest.ts";
export {
  advance,
  advanceUntil,
  type Experiment,
  type Progress,
  runWhole,
  type Setting,
  type Settings,
  settingsOf,
  stepMs,
} from "./experiment/experiment.ts";
export { experiments } from "./experiment/registry.ts";
export {
  type Axis,
  type Cell,
  type Column,
  type Plot,
  Report,
  type Row,
  type Series,
  type Table,
} from "./experiment/report.ts";
export type { FidelityName, Packet } from "./fidelity.ts";
export { type Latency, LatencySampler, lanLatency } from "./latency.ts";
export { Network, type NetworkConditions, type NetworkDrops } from "./network.ts";
export type { ObjectPacket } from "./object-codec.ts";
export { addressOf, endpointOf, type PoolOptions, type SwimNode, SwimPool } from "./pool.ts";
export { Place, SimNode, type TrafficCounters } from "./sim-node.ts";
export { runSwarm, type SwarmOptions, type SwarmResult, type SwarmSettings } from "./swarm.ts";
export { type Fault, faultKinds, faultText } from "./swarm-faults.ts";
export { type Minimised, minimiseSwarm } from "./swarm-minimise.ts";
export { World, type WorldOptions } from "./world.ts";
