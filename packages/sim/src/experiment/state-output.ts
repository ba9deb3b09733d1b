/** What the experiment `state` has to show: tables, pictures, and what their figures mean. */
import type { Rng } from "@hearsay/core";
import { type Epidemic, roundsToShare, runEpidemic, theoryRounds, uninformedCurve } from "../epidemic.ts";
import { type FullState, fullState, memberlistIntervalMs } from "./full-state.ts";
import { mean, median, worst } from "./quantile.ts";
import type { Column, Plot, Report, Table } from "./report.ts";
import { type Change, changeShareMs, type MapKind, type StatePoint, type StateWork } from "./state-measure.ts";

/** Seeds of each synchronous epidemic. */
const epidemicRuns = 30;
/** Points of a curve in a round. */
const pointsInRound = 4;
const mostRounds = 60;

const timeColumns: readonly Column[] = [
  { key: "halfMs", title: "50 %, ms" },
  { key: "mostMs", title: "99 %, ms" },
  { key: "everyoneMs", title: "100 %, ms" },
  { key: "worstMs", title: "worst, ms" },
];
const costColumns: readonly Column[] = [
  { key: "packets", title: "packets a node", digits: 1 },
  { key: "bytes", title: "bytes a node" },
  { key: "incomplete", title: "not to everyone" },
];

export class StateOutput {
  readonly #report: Report;
  readonly #base: Omit<StateWork, "seed" | "nodes">;
  readonly #rng: Rng;
  readonly #rest: Table;
  readonly #changes: Table;
  readonly #growth: Plot;
  readonly #restPlot: Plot;
  #modes: Table | undefined;
  #curves: Plot | undefined;

  constructor(report: Report, base: Omit<StateWork, "seed" | "nodes">, rng: Rng) {
    this.#report = report;
    this.#base = base;
    this.#rng = rng;
    const seconds = base.syncIntervalMs / 1000;
    this.#rest = report.table(
      "rest",
      "While nothing changes: sent by each node, beside sending the whole state both ways",
      [
        { key: "nodes", title: "nodes" },
        { key: "keys", title: "keys in all" },
        { key: "stateKib", title: "whole state, KiB", digits: 1 },
        { key: "packets", title: "packets/s", digits: 2 },
        { key: "bytes", title: "bytes/s", digits: 1 },
        { key: "fullEveryS", title: "whole state every, s" },
        { key: "fullBytes", title: "bytes/s", digits: 1 },
        { key: "times", title: "times ours", digits: 1 },
        { key: "sameBytes", title: `whole state every ${seconds} s: bytes/s` },
        { key: "sameTimes", title: "times ours" },
      ],
    );
    this.#changes = report.table("changes", "One change: until everybody has it, and what is sent for it", [
      { key: "nodes", title: "nodes" },
      { key: "map", title: "map" },
      ...timeColumns,
      { key: "ticks", title: "100 %, ticks", digits: 1 },
      { key: "log", title: "log2 of nodes", digits: 1 },
      ...costColumns,
      { key: "kib", title: "KiB in all", digits: 1 },
      { key: "fullS", title: "whole state: 100 %, s" },
      { key: "fullKib", title: "KiB a node meanwhile", digits: 1 },
    ]);
    this.#growth = report.plot(
      "growth",
      "One change: ticks until everybody has it",
      { title: "nodes", scale: "log" },
      { title: base.gossipNodes > 0 ? "gossip ticks" : "rounds of anti-entropy" },
    );
    this.#restPlot = report.plot(
      "rest",
      "Sent by each node while nothing changes",
      { title: "nodes", scale: "log" },
      { title: "bytes per second", scale: "log" },
    );
  }

  /** Sizes ascending. */
  addSize(point: StatePoint): void {
    const { nodes, syncIntervalMs } = point.work;
    const scaled = this.#fullState(point, memberlistIntervalMs(nodes));
    this.#addRest(point, scaled, this.#fullState(point, syncIntervalMs));
    for (const map of ["own", "shared"] as const) this.#addChanges(point, map, scaled);
    const { gossipNodes, mode } = point.work;
    const theory: Epidemic =
      gossipNodes > 0 ? { mode: "push", nodes, fanout: gossipNodes, loss: 0 } : { mode, nodes, fanout: 1, loss: 0 };
    const name = `${theory.mode} to ${theory.fanout} in synchronous rounds`;
    this.#report.series(this.#growth, name, "theory").points.push([nodes, theoryRounds(theory, 1)]);
    this.#report.series(this.#growth, "log2 of nodes", "theory").points.push([nodes, Math.log2(nodes)]);
  }

  #fullState({ work, fullStateBytes }: StatePoint, intervalMs: number): FullState {
    return fullState(work.nodes, fullStateBytes, intervalMs, this.#rng);
  }

  #addRest({ work, restPackets, restBytes, fullStateBytes }: StatePoint, scaled: FullState, same: FullState): void {
    const { nodes, keysPerNode, syncIntervalMs } = work;
    this.#rest.rows.push({
      nodes,
      keys: nodes * keysPerNode + 1,
      stateKib: fullStateBytes / 1024,
      packets: restPackets,
      bytes: restBytes,
      fullEveryS: scaled.intervalMs / 1000,
      fullBytes: scaled.bytesPerNodeSecond,
      times: scaled.bytesPerNodeSecond / restBytes,
      sameBytes: same.bytesPerNodeSecond,
      sameTimes: same.bytesPerNodeSecond / restBytes,
    });
    const add = (name: string, bytes: number) => this.#report.series(this.#restPlot, name).points.push([nodes, bytes]);
    add("comparing hashes", restBytes);
    add("whole state, memberlist's interval", scaled.bytesPerNodeSecond);
    add(`whole state every ${syncIntervalMs / 1000} s`, same.bytesPerNodeSecond);
  }

  #addChanges({ work, changes }: StatePoint, map: MapKind, full: FullState): void {
    const { nodes } = work;
    const some = changes.filter((change) => change.map === map);
    const row = changeRow(some, nodes);
    const ticks = row.everyoneMs === null ? null : row.everyoneMs / this.#tickMs;
    this.#changes.rows.push({
      nodes,
      map,
      ...row,
      ticks,
      log: Math.log2(nodes),
      kib: (row.bytes * nodes) / 1024,
      fullS: full.everyoneMs / 1000,
      fullKib: full.bytesPerNode / 1024,
    });
    if (ticks !== null) this.#report.series(this.#growth, `${map} key`).points.push([nodes, ticks]);
  }

  get #tickMs(): number {
    const { gossipNodes, gossipIntervalMs, syncIntervalMs } = this.#base;
    return gossipNodes > 0 ? gossipIntervalMs : syncIntervalMs;
  }

  // Modes

  beginModes(nodes: number): void {
    this.#modes = this.#report.table("modes", `${nodes} nodes: the modes of exchange by themselves, and with rumours`, [
      { key: "mode", title: "mode" },
      { key: "rumours", title: "rumours" },
      ...timeColumns,
      { key: "rounds", title: "100 %, rounds", digits: 1 },
      { key: "theory", title: "in synchronous rounds", digits: 1 },
      ...costColumns,
    ]);
    this.#curves = this.#report.plot(
      "modes",
      `${nodes} nodes: share without a change, anti-entropy alone`,
      { title: "rounds after it was written" },
      { title: "share without it", scale: "log" },
    );
  }

  addMode({ work, changes }: StatePoint): void {
    const { nodes, mode, gossipNodes, syncIntervalMs } = work;
    const row = changeRow(changes, nodes);
    const alone = gossipNodes === 0;
    const epidemic: Epidemic = { mode, nodes, fanout: 1, loss: 0 };
    this.#modes?.rows.push({
      mode,
      rumours: alone ? "none" : `to ${gossipNodes}`,
      ...row,
      rounds: row.everyoneMs === null ? null : row.everyoneMs / syncIntervalMs,
      theory: alone ? this.#synchronous(epidemic) : null,
    });
    if (alone && this.#curves !== undefined) this.#addCurve(this.#curves, work, changes, epidemic);
  }

  #synchronous(epidemic: Epidemic): number | null {
    const { nodes, mode } = epidemic;
    const rounds = Array.from({ length: epidemicRuns }, (_, i) =>
      roundsToShare(runEpidemic(epidemic, this.#rng.fork(`${mode} ${i}`)), nodes, 1),
    );
    return median(rounds.filter((count) => count !== undefined));
  }

  /** The mean over all changes, and the recurrence, down to less than one node. */
  #addCurve(
    plot: Plot,
    { nodes, mode, syncIntervalMs }: StateWork,
    changes: readonly Change[],
    epidemic: Epidemic,
  ): void {
    const { points } = this.#report.series(plot, mode);
    for (let i = 0; i <= mostRounds * pointsInRound; i++) {
      const ms = (i * syncIntervalMs) / pointsInRound;
      const share = mean(changes.map((change) => 1 - change.timesMs.filter((time) => time <= ms).length / nodes))!;
      if (share <= 0) break;
      points.push([i / pointsInRound, share]);
    }
    const theory = this.#report.series(plot, `${mode}, synchronous`, "theory").points;
    for (const [round, share] of uninformedCurve(epidemic, mostRounds).entries()) {
      if (share < 1 / nodes) break;
      theory.push([round, share]);
    }
  }

  // Words

  explain(): void {
    const { gossipNodes, gossipIntervalMs, syncIntervalMs, keysPerNode, valueBytes, changes } = this.#base;
    const tick = gossipNodes > 0 ? `the gossip interval, ${gossipIntervalMs} ms` : `a round, ${syncIntervalMs} ms`;
    this.#report.notes.push(
      `Every node has ${keysPerNode} keys with values of ${valueBytes} bytes, and everybody holds all of them at the ` +
        `beginning, with one shared key. Times are medians of ${changes} changes; packets and bytes are means, above ` +
        "what is sent at rest, until the last who heard of it has told it as often as anyone does. A tick is " +
        `${tick}. Bytes are payloads, without UDP's and IP's headers.`,
      "Whole state: reckoned, not run. Its size is that of one message with everything in it, as it is really encoded. " +
        "Each node begins one exchange in an interval and is asked once on average; each time it sends its whole state: " +
        "2 x size / interval. Memberlist's interval is 30 s, and one more 30 s for every doubling begun above 32 " +
        "members. A change needs as many intervals to come to everyone as a push-pull epidemic with one partner " +
        `needs rounds (median of ${epidemicRuns}); meanwhile everything is sent over and over, as at rest.`,
      `Modes: both kinds of changes together. A round is the mean time between two exchanges that a node opens, ` +
        `${syncIntervalMs} ms; nodes do not keep step, so whoever gets news may pass it on within the same round, which ` +
        "synchronous rounds do not allow. The curves are means over all changes, the dashed ones the recurrences of " +
        "synchronous rounds.",
    );
  }
}

function changeRow(changes: readonly Change[], nodes: number) {
  const ms = (share: number) => changes.flatMap((change) => changeShareMs(change, nodes, share) ?? []);
  return {
    halfMs: median(ms(0.5)),
    mostMs: median(ms(0.99)),
    everyoneMs: median(ms(1)),
    worstMs: worst(ms(1)),
    packets: mean(changes.map(({ packets }) => packets / nodes)) ?? 0,
    bytes: mean(changes.map(({ bytes }) => bytes / nodes)) ?? 0,
    incomplete: changes.length - ms(1).length,
  };
}
