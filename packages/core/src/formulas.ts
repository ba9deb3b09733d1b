/**
 * The arithmetic of timers and limits, as memberlist computes it (reference section 12); pure leaves, tested alone
 * against the Go program's results. All logarithms as given there: the base matters.
 */

/** Transmissions of one broadcast: `mult * ceil(log10(n + 1))`. */
export function retransmitLimit(mult: number, n: number): number {
  return mult * Math.ceil(Math.log10(n + 1));
}

/** Shortest suspicion in ms, for `n` members (12.4). The scale is cut to three decimals, as in Go. */
export function suspicionMinMs(mult: number, n: number, probeIntervalMs: number): number {
  const scale = Math.max(1, Math.log10(Math.max(1, n)));
  return (mult * Math.trunc(1000 * scale) * probeIntervalMs) / 1000;
}

/** Confirmations wanted before the wait is at its shortest: `mult - 2`, or 0 when that many others do not exist. */
export function confirmationsWanted(mult: number, n: number): number {
  const k = mult - 2;
  return n - 2 < k ? 0 : Math.max(0, k);
}

/** Whole length of a suspicion in ms after `confirmations` of `wanted` (12.5; Lifeguard, LHA-Suspicion). */
export function suspicionTotalMs(confirmations: number, wanted: number, minMs: number, maxMs: number): number {
  if (wanted < 1) return minMs;
  const fraction = Math.log(confirmations + 1) / Math.log(wanted + 1);
  return Math.max(minMs, Math.floor(maxMs - (maxMs - minMs) * fraction));
}

/** Factor on the push/pull interval: 1 up to 32 members, then one more for every doubling begun (12.10). */
export function pushPullScale(n: number): number {
  return n <= 32 ? 1 : Math.ceil(Math.log2(n) - 5) + 1;
}
