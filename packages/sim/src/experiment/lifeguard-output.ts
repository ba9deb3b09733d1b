/** What the `lifeguard` experiment found, in the paper's terms: sums and quantiles over all runs of a configuration. */
import { quantile, seconds } from "./quantile.ts";
import type { Report, Row, Table } from "./report.ts";

/** One run. */
export class LifeguardTally {
  /** Death events about healthy members: anywhere, and at healthy members (FP and FP-). */
  events = 0;
  eventsAtHealthy = 0;
  /** Those of them in which the member itself gave the verdict; the others were told. */
  declared = 0;
  declaredAtHealthy = 0;
  /** Threshold runs: ms from the anomaly's start to the first healthy member that held a slow one dead, by member. */
  readonly detected = new Map<number, number>();
  /** And until all healthy members held it dead. */
  readonly disseminated: number[] = [];
  slow = 0;
  packets = 0;
  bytes = 0;

  falsePositive(atHealthy: boolean, declared: boolean): void {
    this.events++;
    if (atHealthy) this.eventsAtHealthy++;
    if (declared) this.declared++;
    if (declared && atHealthy) this.declaredAtHealthy++;
  }
}

class Sum {
  runs = 0;
  events = 0;
  eventsAtHealthy = 0;
  declared = 0;
  declaredAtHealthy = 0;
  packets = 0;
  bytes = 0;
  /** Slow members of Threshold runs. */
  slow = 0;
  readonly detected: number[] = [];
  readonly disseminated: number[] = [];

  add(kind: "interval" | "threshold", tally: LifeguardTally): void {
    if (kind === "threshold") {
      this.slow += tally.slow;
      this.detected.push(...tally.detected.values());
      this.disseminated.push(...tally.disseminated);
      return;
    }
    this.runs++;
    this.events += tally.events;
    this.eventsAtHealthy += tally.eventsAtHealthy;
    this.declared += tally.declared;
    this.declaredAtHealthy += tally.declaredAtHealthy;
    this.packets += tally.packets;
    this.bytes += tally.bytes;
  }
}

export class LifeguardOutput {
  readonly #report: Report;
  readonly #names: readonly string[];
  readonly #whole = new Map<string, Sum>();
  /** By C, then configuration. */
  readonly #bySlow = new Map<number, Map<string, Sum>>();
  readonly #falses: Table;
  readonly #latencies: Table;
  readonly #load: Table;
  readonly #concurrency: Table;
  readonly #plots;

  /** @param names the configurations; the first is what the others are compared with. */
  constructor(report: Report, names: readonly string[]) {
    const ofFirst = `% of ${names[0]}`;
    this.#report = report;
    this.#names = names;
    const configuration = { key: "configuration", title: "configuration" };
    this.#falses = report.table("false-positives", "False positives, all Interval runs", [
      configuration,
      { key: "fp", title: "FP" },
      { key: "fpPercent", title: ofFirst, digits: 2 },
      { key: "fpHealthy", title: "FP-" },
      { key: "fpHealthyPercent", title: ofFirst, digits: 2 },
      { key: "declared", title: "verdicts" },
      { key: "declaredHealthy", title: "verdicts of healthy members" },
    ]);
    this.#latencies = report.table("latencies", "A slow member's detection and dissemination, Threshold runs, s", [
      configuration,
      { key: "slow", title: "slow members" },
      { key: "detected", title: "detected" },
      { key: "detectMedianS", title: "detected: median", digits: 2 },
      { key: "detect99S", title: "99 %", digits: 2 },
      { key: "detect999S", title: "99.9 %", digits: 2 },
      { key: "knownMedianS", title: "known to all: median", digits: 2 },
      { key: "known99S", title: "99 %", digits: 2 },
      { key: "known999S", title: "99.9 %", digits: 2 },
    ]);
    this.#load = report.table("load", "Message load, all Interval runs", [
      configuration,
      { key: "packets", title: "packets" },
      { key: "packetsPercent", title: ofFirst, digits: 1 },
      { key: "mebibytes", title: "MiB", digits: 1 },
      { key: "bytesPercent", title: ofFirst, digits: 1 },
    ]);
    this.#concurrency = report.table("by-concurrency", "FP and FP- by the number of slow members", [
      { key: "slow", title: "C" },
      ...names.flatMap((name) => [
        { key: keyOf(name, "Fp"), title: `${name} FP` },
        { key: keyOf(name, "FpHealthy"), title: "FP-" },
      ]),
    ]);
    this.#plots = [
      report.plot(
        "false-positives",
        "False positives (FP)",
        { title: "slow members" },
        { title: "events", scale: "log" },
      ),
      report.plot(
        "false-positives-healthy",
        "False positives at healthy members (FP-)",
        { title: "slow members" },
        { title: "events", scale: "log" },
      ),
    ] as const;
    report.notes.push(
      "FP counts death events about members that were never slow, one for each member in whose view it happens; FP- those at members that were never slow. A verdict is a view's own suspicion running out, not what others told.",
      "Slow: messages wait in both directions for D while timers go on; all C members at the same times. Latencies are of the slow members that were declared dead by a healthy one at all, from the beginning of D.",
      "SWIM here has the fixed suspicion alpha * log10 n periods and indirect probes, and our machine's other habits: gossip beside the probes, pings over TCP, push/pull and settling. Load counts packets, and bytes of packets and streams.",
      "phi: heartbeats' silence accuses in place of failed probes, with SWIM's fixed suspicion or with all of Lifeguard. It runs on whole nodes, whose heartbeats and rounds of anti-entropy are part of its load; the others run on the detector alone.",
      "Points at zero do not show on the logarithmic axis.",
    );
  }

  add(name: string, kind: "interval" | "threshold", slow: number, tally: LifeguardTally): void {
    let byName = this.#bySlow.get(slow);
    if (byName === undefined) this.#bySlow.set(slow, (byName = new Map()));
    for (const sums of [this.#whole, byName]) {
      let sum = sums.get(name);
      if (sum === undefined) sums.set(name, (sum = new Sum()));
      sum.add(kind, tally);
    }
  }

  /** Brings tables and plots to what is known by now. */
  write(): void {
    for (const table of [this.#falses, this.#latencies, this.#load, this.#concurrency]) table.rows.length = 0;
    for (const plot of this.#plots) plot.series.length = 0;
    const base = this.#whole.get(this.#names[0]!);
    if (base === undefined) return;
    for (const name of this.#names) {
      const sum = this.#whole.get(name);
      if (sum !== undefined) this.#writeWhole(name, sum, base);
    }
    for (const [slow, sums] of [...this.#bySlow].sort(([a], [b]) => a - b)) this.#writeConcurrency(slow, sums);
  }

  #writeWhole(configuration: string, sum: Sum, base: Sum): void {
    if (sum.runs > 0) {
      this.#falses.rows.push({
        configuration,
        fp: sum.events,
        fpPercent: percentOf(sum.events, base.events),
        fpHealthy: sum.eventsAtHealthy,
        fpHealthyPercent: percentOf(sum.eventsAtHealthy, base.eventsAtHealthy),
        declared: sum.declared,
        declaredHealthy: sum.declaredAtHealthy,
      });
      this.#load.rows.push({
        configuration,
        packets: sum.packets,
        packetsPercent: percentOf(sum.packets, base.packets),
        mebibytes: sum.bytes / 2 ** 20,
        bytesPercent: percentOf(sum.bytes, base.bytes),
      });
    }
    if (sum.slow === 0) return;
    this.#latencies.rows.push({
      configuration,
      slow: sum.slow,
      detected: sum.detected.length,
      detectMedianS: seconds(quantile(sum.detected, 0.5)),
      detect99S: seconds(quantile(sum.detected, 0.99)),
      detect999S: seconds(quantile(sum.detected, 0.999)),
      knownMedianS: seconds(quantile(sum.disseminated, 0.5)),
      known99S: seconds(quantile(sum.disseminated, 0.99)),
      known999S: seconds(quantile(sum.disseminated, 0.999)),
    });
  }

  #writeConcurrency(slow: number, sums: ReadonlyMap<string, Sum>): void {
    const row: Record<string, number> = { slow };
    for (const name of this.#names) {
      const sum = sums.get(name);
      if (sum === undefined || sum.runs === 0) continue;
      row[keyOf(name, "Fp")] = sum.events;
      row[keyOf(name, "FpHealthy")] = sum.eventsAtHealthy;
      const [all, healthy] = this.#plots;
      if (sum.events > 0) this.#report.series(all, name).points.push([slow, sum.events]);
      if (sum.eventsAtHealthy > 0) this.#report.series(healthy, name).points.push([slow, sum.eventsAtHealthy]);
    }
    if (Object.keys(row).length > 1) this.#concurrency.rows.push(row as Row);
  }
}

function percentOf(value: number, base: number): number | null {
  return base === 0 ? null : (100 * value) / base;
}

/** "LHA-Probe", "Fp" -> "lhaProbeFp". */
function keyOf(name: string, what: string): string {
  return `${name.slice(0, 1).toLowerCase()}${name.slice(1).replaceAll(/[^A-Za-z]/g, "")}${what}`;
}
