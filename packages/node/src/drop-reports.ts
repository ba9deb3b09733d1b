/** Reports of dropped input, at most one a second for each reason: an attacker's flood must not become ours. */

const INTERVAL_MS = 1000;

export class DropReports {
  readonly #report: (reason: string, peer: string, count: number) => void;
  readonly #byReason = new Map<string, { count: number; reportedAt: number }>();

  constructor(report: (reason: string, peer: string, count: number) => void) {
    this.#report = report;
  }

  /** `count` in the report: how many since the last one for this reason. Reasons are a fixed set. */
  add(reason: string, peer: string, now: number): void {
    let entry = this.#byReason.get(reason);
    if (!entry) {
      entry = { count: 0, reportedAt: -Infinity };
      this.#byReason.set(reason, entry);
    }
    entry.count++;
    if (now - entry.reportedAt < INTERVAL_MS) return;
    const { count } = entry;
    entry.count = 0;
    entry.reportedAt = now;
    this.#report(reason, peer, count);
  }
}
