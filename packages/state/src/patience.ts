/**
 * What may be late at rest. A wake-up costs a node more than what it then does, so a round of anti-entropy waits a while for
 * something else that wakes it: a packet, a probe. Rounds stay as many as they were, since the next wait counts from when
 * this round was due.
 */

/** How late a round may be, as a share of its interval. */
export const roundPatience = 0.4;

/** From when on the next wait counts: a little late is as if in time, and what came much later begins anew. */
export function heldTo(dueAt: number, now: number, patienceMs: number): number {
  return now - dueAt <= patienceMs ? dueAt : now;
}
