export { Digest } from "./digest.ts";
export {
  type Epidemic,
  type EpidemicMode,
  epidemicModes,
  formulaRounds,
  roundsToShare,
  runEpidemic,
  theoryRounds,
  uninformedCurve,
  waveResidue,
} from "./epidemic.ts";
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
export { plotSvg } from "./experiment/report-svg.ts";
export { reportText, tableText } from "./experiment/report-text.ts";
export { type ExtendedNode, ExtendedPool, type ExtendedPoolOptions } from "./extended-pool.ts";
export type { FidelityName, Packet } from "./fidelity.ts";
export { type Latency, LatencySampler, lanLatency } from "./latency.ts";
export { Network, type NetworkConditions, type NetworkDrops } from "./network.ts";
export type { ObjectPacket } from "./object-codec.ts";
export type { Figure, FigureGroup, FigureUnit } from "./plan/figure.ts";
export { PlanError, type PlanInputs, planInputs } from "./plan/inputs.ts";
export type { Limit } from "./plan/limits.ts";
export { type Plan, plan } from "./plan/plan.ts";
export { mostVerified, verification } from "./plan/verify.ts";
export { addressOf, endpointOf, type PoolOptions, type SwimNode, SwimPool } from "./pool.ts";
export { parseScenario } from "./scenario/parse.ts";
export { type Failure, ScenarioResult } from "./scenario/result.ts";
export { runScenario } from "./scenario/run.ts";
export type { Scenario } from "./scenario/scenario.ts";
export { ScenarioError } from "./scenario/syntax.ts";
export { PoolOfSerfs, type SerfNode, SerfPool, type SerfPoolOptions, type SerfSettings } from "./serf-pool.ts";
export { Place, SimNode, type TrafficCounters } from "./sim-node.ts";
export { StateMachine, type StateMachineOptions } from "./state-machine.ts";
export { type StateNode, StatePool, type StatePoolOptions } from "./state-pool.ts";
export type { Contents } from "./state-warm.ts";
export {
  type Cluster,
  type ClusterOptions,
  createCluster,
  type StrategyName,
  strategyNames,
} from "./strategies/cluster.ts";
export { runSwarm, type SwarmOptions, type SwarmResult, type SwarmSettings } from "./swarm.ts";
export { type Fault, faultKinds, faultText } from "./swarm-faults.ts";
export { type Minimised, minimiseSwarm } from "./swarm-minimise.ts";
export { World, type WorldOptions } from "./world.ts";
