/** What the experiment `state-partition` has to show, and what of it is a failure. */
import { median, seconds, worst } from "./quantile.ts";
import type { SettingReader } from "./read-settings.ts";
import type { Plot, Report, Table } from "./report.ts";
import type { Differences, WriteCounts } from "./state-writes.ts";

export interface SplitOutcome {
  /** From healing until all hashes are equal; undefined if they were not in time. */
  readonly equalMs: number | undefined;
  /** Until everybody held everybody for alive; undefined if that came later than `equalMs`. */
  readonly membersMs: number | undefined;
  /** Views, of both sides, in which a member of the other side was dead when the split ended; as a share of all such. */
  readonly givenUp: number;
  /** Whether the sides had come to differ at all. */
  readonly differed: boolean;
  readonly counts: WriteCounts;
  /** Sent by each state from healing until all were equal. */
  readonly kibPerNode: number;
  /** Right after that, and a while later. */
  readonly found: Differences;
  readonly later: Differences;
}

export class StatePartitionOutput {
  readonly #report: Report;
  readonly #table: Table;
  readonly #plot: Plot;
  readonly #withinMs: number;
  readonly #watchMs: number;
  readonly #nodes: number;

  constructor(report: Report, read: SettingReader) {
    this.#report = report;
    this.#withinMs = read.number("withinMs");
    this.#watchMs = read.number("watchMs");
    this.#nodes = read.number("nodes");
    this.#table = report.table("splits", `${this.#nodes} members split in two while both sides write, then healed`, [
      { key: "splitS", title: "split, s" },
      { key: "runs", title: "runs" },
      { key: "writes", title: "writes" },
      { key: "deletions", title: "deletions" },
      { key: "contested", title: "shared keys of both sides" },
      { key: "givenUpPercent", title: "members given up, %", digits: 1 },
      { key: "membersS", title: "all members seen, s", digits: 1 },
      { key: "equalS", title: "all the same, s", digits: 1 },
      { key: "equalWorstS", title: "worst", digits: 1 },
      { key: "unequal", title: "runs without" },
      { key: "wrong", title: "not the last value" },
      { key: "missing", title: "missing" },
      { key: "resurrected", title: "come back" },
      { key: "kibPerNode", title: "KiB sent by each till then", digits: 1 },
    ]);
    this.#plot = report.plot(
      "heal",
      "From healing until all have the same",
      { title: "seconds split", scale: "log" },
      { title: "seconds" },
    );
  }

  add(splitMs: number, outcomes: readonly SplitOutcome[]): void {
    const equal = outcomes.flatMap(({ equalMs }) => equalMs ?? []);
    const sum = (countOf: (outcome: SplitOutcome) => number) =>
      outcomes.reduce((total, outcome) => total + countOf(outcome), 0);
    // The later look counts as well: what comes back late has come back.
    const both = (kind: keyof Differences) => sum(({ found, later }) => Math.max(found[kind], later[kind]));
    const splitS = splitMs / 1000;
    this.#table.rows.push({
      splitS,
      runs: outcomes.length,
      writes: sum(({ counts }) => counts.writes),
      deletions: sum(({ counts }) => counts.deletions),
      contested: sum(({ counts }) => counts.contested),
      givenUpPercent: 100 * median(outcomes.map(({ givenUp }) => givenUp))!,
      membersS: seconds(median(outcomes.flatMap(({ membersMs }) => membersMs ?? []))),
      equalS: seconds(median(equal)),
      equalWorstS: seconds(worst(equal)),
      unequal: outcomes.length - equal.length,
      wrong: both("wrong"),
      missing: both("missing"),
      resurrected: both("resurrected"),
      kibPerNode: median(outcomes.map(({ kibPerNode }) => kibPerNode)),
    });
    for (const ms of equal) this.#report.series(this.#plot, "each run").points.push([splitS, ms / 1000]);
    for (const [i, outcome] of outcomes.entries()) this.#judge(`split for ${splitS} s, run ${i + 1}`, outcome);
  }

  #judge(run: string, { equalMs, found, later, differed }: SplitOutcome): void {
    const { failures } = this.#report;
    const within = this.#withinMs / 1000;
    if (equalMs === undefined) failures.push(`${run}: not everybody had the same when the wait was over`);
    else if (equalMs > this.#withinMs) failures.push(`${run}: all the same after ${equalMs / 1000} s, not ${within}`);
    if (!differed) failures.push(`${run}: the sides never differed, so that nothing was put to the test`);
    const times = [
      ["after healing", found],
      ["later", later],
    ] as const;
    for (const [when, { wrong, missing, resurrected }] of times) {
      if (wrong > 0) failures.push(`${run}: ${when} ${wrong} keys have another value than was written last`);
      if (missing > 0) failures.push(`${run}: ${when} ${missing} keys are missing`);
      if (resurrected > 0) failures.push(`${run}: ${when} ${resurrected} deleted keys are there`);
    }
  }

  explain(): void {
    this.#report.notes.push(
      "Both sides write and delete shared keys, which are common to all, and members their own keys, taking turns, at " +
        "random times of the split. All the same: the hashes of all maps are equal at all nodes. Then each key at each " +
        `node is compared with what was done last, and again ${this.#watchMs / 1000} s later; keys are counted at all ` +
        "nodes, of all runs together.",
      "Who is a member is found out by Swim with LAN settings, beneath the state. What is sent is the state's alone.",
      `A run fails if all have the same later than ${this.#withinMs / 1000} s after healing, or not what was done last.`,
    );
  }
}
