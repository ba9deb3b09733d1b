export { Digest } from "./digest.ts";
export type { FidelityName, Packet } from "./fidelity.ts";
export { type Latency, LatencySampler, lanLatency } from "./latency.ts";
export { Network, type NetworkConditions, type NetworkDrops } from "./network.ts";
export type { ObjectPacket } from "./object-codec.ts";
export { addressOf, endpointOf, type PoolOptions, type SwimNode, SwimPool } from "./pool.ts";
export { Place, SimNode, type TrafficCounters } from "./sim-node.ts";
export { World, type WorldOptions } from "./world.ts";
