/**
 * How much news a pool can carry: packets a second, times updates in a packet, by transmissions of each update. Above it
 * news is queued faster than it is sent. Pure; what is measured beside it is `churn.ts`.
 */
import { lanConfig, MessageType, retransmitLimit } from "@hearsay/core";
import { addressOf, type SwimPool } from "../pool.ts";

/** Updates of one ending and one newcomer: an alive, and either a left or three suspicions and a dead. */
export function updatesPerChange(crashShare: number, suspicionMult = lanConfig.suspicionMult): number {
  const suspicions = 1 + Math.max(0, suspicionMult - 2);
  return 1 + (1 - crashShare) + crashShare * (suspicions + 1);
}

/** Endings and newcomers a second that the packets have room for. */
export function churnCapacity(pool: SwimPool, nodes: number, metaBytes: number, crashShare: number) {
  const { gossipNodes, gossipIntervalMs, probeIntervalMs, maxPacketBytes, retransmitMult } = pool.config;
  const codec = pool.world.fidelity.codec;
  const alive = codec.encode({
    type: MessageType.alive,
    incarnation: 1,
    node: pool.nameOf(0),
    addr: addressOf(0),
    port: 7946,
    meta: new Uint8Array(metaBytes),
    vsn: Uint8Array.of(1, 5, 2, 0, 0, 0),
  });
  const suspect = codec.encode({
    type: MessageType.suspect,
    incarnation: 1,
    node: pool.nameOf(0),
    from: pool.nameOf(1),
  });
  const updates = updatesPerChange(crashShare, pool.config.suspicionMult);
  // Two bytes of length for each part of a compound.
  const updateBytes = (alive.length + (updates - 1) * suspect.length) / updates + 2;
  const packetsPerSecond = (gossipNodes * 1000) / gossipIntervalMs + 2000 / probeIntervalMs;
  const transmissions = retransmitLimit(retransmitMult, nodes);
  const updatesPerSecond = (packetsPerSecond * Math.floor(maxPacketBytes / updateBytes)) / transmissions;
  return { updateBytes, updatesPerSecond, changesPerSecond: updatesPerSecond / updates };
}
