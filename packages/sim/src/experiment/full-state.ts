/**
 * What the same work costs those who exchange everything: from time to time each node picks another one, sends it all that it
 * has, and is sent all that the other has (memberlist's push/pull). Not run, but reckoned: from the bytes of the whole
 * state as they really are when encoded, and from the epidemic that such exchanges are (push-pull with one partner).
 */
import { pushPullScale, type Rng } from "@hearsay/core";
import { roundsToShare, runEpidemic } from "../epidemic.ts";
import { median } from "./quantile.ts";

/** memberlist's interval up to 32 members: ms. */
const baseIntervalMs = 30_000;
/** Epidemics that the median is taken of. */
const runs = 30;

export interface FullState {
  /** Between two exchanges that a node begins: ms. */
  readonly intervalMs: number;
  /** Sent by each node: bytes per second, at rest and at any other time. It begins one exchange an interval, and is asked once. */
  readonly bytesPerNodeSecond: number;
  /** From a change until everyone has it: ms. */
  readonly everyoneMs: number;
  /** Sent by each node meanwhile: bytes. */
  readonly bytesPerNode: number;
}

/** memberlist's interval for so many members: longer in larger pools, as the state is larger: ms. */
export function memberlistIntervalMs(nodes: number): number {
  return baseIntervalMs * pushPullScale(nodes);
}

/** @param stateBytes of the whole state, encoded */
export function fullState(nodes: number, stateBytes: number, intervalMs: number, rng: Rng): FullState {
  const epidemic = { mode: "push-pull", nodes, fanout: 1, loss: 0 } as const;
  const rounds = Array.from({ length: runs }, (_, i) => {
    return roundsToShare(runEpidemic(epidemic, rng.fork(`full ${nodes} ${i}`)), nodes, 1) ?? Number.POSITIVE_INFINITY;
  });
  const everyone = median(rounds)!;
  return {
    intervalMs,
    bytesPerNodeSecond: (2 * stateBytes) / (intervalMs / 1000),
    everyoneMs: everyone * intervalMs,
    bytesPerNode: everyone * 2 * stateBytes,
  };
}
