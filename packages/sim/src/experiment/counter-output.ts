/** The table and the picture of `counter`. */
import type { Outcome, Trouble } from "./counter.ts";
import type { CounterPool } from "./counter-pool.ts";
import { seconds } from "./quantile.ts";
import type { SettingReader } from "./read-settings.ts";
import type { Column, Plot, Report, Table } from "./report.ts";

export class CounterOutput {
  readonly #report: Report;
  readonly #table: Table;
  readonly #plot: Plot;

  constructor(report: Report, read: SettingReader) {
    this.#report = report;
    const nodes = read.number("nodes");
    const rate = nodes * read.number("addsPerSecond");
    this.#table = report.table("counter", `${nodes} members, ${rate} adds a second in all`, columns);
    this.#plot = report.plot(
      "behind",
      "What the member that has heard least is behind",
      { title: "seconds" },
      { title: "share of the total" },
    );
    report.notes.push(
      "Exact: every living member has, of each counter, the sum of all adds but the lost ones, to the unit. Lost: acknowledged by a process that was killed before it had told anybody, and that had not stored it. With a disk a process stores what it wrote under its name before it acknowledges an add, and its next process restores that and writes under a new life: none may be lost but those of members that die for good, with their disk.",
      `Adds have amounts of -200 to 799, to one of ${read.number("counters")} counters. Partition: members of even and odd numbers, for a quarter of the time. Deaths for good fall into it where there is one, are known after ${read.number("detectMs") / 1000} s, and are collected by each member at its own time.`,
      `All know: from the last add, at ${read.number("runMs") / 1000} s, until all living members say the same of everything. A member asks two others every ${read.number("roundMs") / 1000} s. At rest: bytes sent by a member in a second once all agree. Kept: lives that a member keeps, one for each process that ever added; folded are those collected. File: what \`save\` makes of it.`,
    );
  }

  add({ name }: Trouble, outcome: Outcome): void {
    this.#table.rows.push({
      trouble: name,
      adds: outcome.adds,
      exact: outcome.exact ? "yes" : outcome.agreed ? "NO" : "NO, members differ",
      lost: outcome.lost,
      agreedS: seconds(outcome.agreedMs ?? null),
      busyBytes: outcome.busyBytes,
      restBytes: outcome.restBytes,
      lives: outcome.lives,
      folded: outcome.folded,
      savedBytes: outcome.savedBytes,
    });
  }

  /** How far the last is behind at this time. */
  draw({ name }: Trouble, now: number, pool: CounterPool): void {
    const totals = pool.totals();
    let least = totals[0] ?? 0n;
    for (const total of totals) if (total < least) least = total;
    const behind = pool.added === 0n ? 0 : Number(pool.added - least) / Number(pool.added);
    this.#report.series(this.#plot, name).points.push([now / 1000, behind]);
  }
}

const columns: Column[] = [
  { key: "trouble", title: "trouble" },
  { key: "adds", title: "adds" },
  { key: "exact", title: "exact" },
  { key: "lost", title: "adds lost with their process" },
  { key: "agreedS", title: "all know, s", digits: 2 },
  { key: "busyBytes", title: "bytes/s and member, busy" },
  { key: "restBytes", title: "at rest" },
  { key: "lives", title: "lives kept" },
  { key: "folded", title: "of them folded" },
  { key: "savedBytes", title: "file, bytes" },
];
