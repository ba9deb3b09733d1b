/**
 * Slow members, as in the Lifeguard paper: whatever comes to them or leaves them waits, while their timers go on; all of
 * them at the same times. Or, where it says so, the whole process stands still.
 */
import type { Machine, Rng } from "@hearsay/core";
import type { SimNode } from "../sim-node.ts";
import type { World } from "../world.ts";

export interface Slowness {
  /** Slow for so long, ms, then well for so long, ms. */
  readonly durationMs: number;
  readonly intervalMs: number;
  /** The whole process stands still, timers too. Default false. */
  readonly standsStill?: boolean;
}

/** From now on; `until` is world ms, and a last slowness that begins before it is whole. */
export function slowDown<M extends Machine<E>, E>(
  world: World<M, E>,
  nodes: readonly SimNode<M, E>[],
  { durationMs, intervalMs, standsStill = false }: Slowness,
  until: number,
): void {
  const cycle = () => {
    for (const node of nodes) {
      if (!node.alive) continue;
      if (standsStill) world.stall(node, durationMs);
      else world.block(node, durationMs);
    }
    const next = world.now + durationMs + intervalMs;
    if (next < until) world.at(next, cycle);
  };
  cycle();
}

/** `count` different numbers below `n`; all of them when there are fewer. */
export function drawn(n: number, count: number, rng: Rng): Set<number> {
  const chosen = new Set<number>();
  while (chosen.size < Math.min(count, n)) chosen.add(rng.below(n));
  return chosen;
}
