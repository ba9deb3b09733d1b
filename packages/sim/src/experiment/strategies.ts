/**
 * Four ways of telling who is there, on the same cluster, network and faults: a central heartbeat master, all-to-all
 * heartbeats, gossiped heartbeats and SWIM. What each costs, how soon it tells, how often it is wrong, and what becomes of
 * it when the master or a link dies: the table that every text on gossip prints, measured.
 */
import { Rng, suspicionMinMs } from "@hearsay/core";
import { type Cluster, createCluster, type StrategyName, silenceMs, strategyNames } from "../strategies/cluster.ts";
import { advance, type Experiment, type Progress, type Settings } from "./experiment.ts";
import type { Plot, Report } from "./report.ts";
import { largest, median, numberList } from "./spread-figures.ts";
import {
  type Cost,
  type Crash,
  headerBytes,
  measureCost,
  measureCrashes,
  measureFalseAlarms,
  warmIntervals,
  windowIntervals,
} from "./strategies-measure.ts";
import { strategiesSettings } from "./strategies-settings.ts";
import { behaviour, faultNames, meetTrouble } from "./strategies-trouble.ts";

/** Crashes in one cluster: at most one member in so many. */
const membersPerCrash = 20;

export const strategies: Experiment = {
  name: "strategies",
  summary: "Central master, all-to-all heartbeats, gossiped heartbeats and SWIM: cost, detection, mistakes, trouble",
  settings: strategiesSettings,
  *run(report, settings) {
    yield* new Strategies(report, settings).run();
  },
};

class Strategies {
  readonly #report: Report;
  readonly #settings: Settings;
  readonly #rng: Rng;
  readonly #names: readonly StrategyName[];
  readonly #sizes: readonly number[];
  readonly #losses: readonly number[];
  readonly #intervalMs: number;
  /** Work done of all there is, in packets as they are foreseen. */
  #done = 0;
  readonly #total: number;
  /** Shown last: a step that begins anew does not go back. */
  #shown = 0;

  constructor(report: Report, settings: Settings) {
    this.#report = report;
    this.#settings = settings;
    this.#rng = new Rng(report.seed).fork("strategies");
    this.#names = settings.strategy === "all" ? strategyNames : [settings.strategy as StrategyName];
    this.#sizes = numberList("nodes", settings.nodes, 4, 5000);
    this.#losses = numberList("losses", settings.losses, 0, 0.9);
    this.#intervalMs = Number(settings.intervalMs);
    const { lossNodes, troubleNodes } = this.#sizesOfTrouble;
    this.#total = this.#names.reduce((total, name) => {
      const sized = this.#sizes.reduce((sum, nodes) => sum + work(name, nodes), 0);
      const watched = this.#losses.length * work(name, lossNodes) + faultNames.length * work(name, troubleNodes);
      return total + sized + watched;
    }, 0);
  }

  *run(): Generator<Progress, void, void> {
    yield* this.#bySize();
    yield* this.#underLoss();
    yield* this.#inTrouble();
    this.#explain();
  }

  // Cost and detection

  *#bySize(): Generator<Progress, void, void> {
    const { report } = this;
    const who = [
      { key: "strategy", title: "strategy" },
      { key: "nodes", title: "nodes" },
    ];
    const cost = report.table("cost", "Cost of a healthy cluster", [
      ...who,
      { key: "messages", title: "messages/s sent by a node", digits: 2 },
      { key: "bytes", title: "bytes/s", digits: 0 },
      { key: "wireBytes", title: "bytes/s with headers", digits: 0 },
      { key: "busiestMessages", title: "busiest node: messages/s in and out", digits: 1 },
      { key: "busiestBytes", title: "busiest node: bytes/s", digits: 0 },
    ]);
    const detection = report.table("detection", "A member crashes (never the master)", [
      ...who,
      { key: "crashes", title: "crashes" },
      { key: "firstMs", title: "first knows, ms" },
      { key: "firstWorstMs", title: "worst" },
      { key: "everyoneMs", title: "everyone knows, ms" },
      { key: "everyoneWorstMs", title: "worst" },
      { key: "incomplete", title: "not known to all" },
    ]);
    const size = { title: "nodes", scale: "log" } as const;
    const busiest = report.plot("busiest", "Messages of the busiest node", size, {
      title: "messages/s in and out",
      scale: "log",
    });
    const known = report.plot("detection", "Until everyone knows of a crash (median)", size, { title: "seconds" });
    this.#theory(busiest, known);
    for (const nodes of this.#sizes) {
      for (const strategy of this.#names) {
        const { costs, crashes } = yield* this.#measure(strategy, nodes);
        cost.rows.push({ strategy, nodes, ...costs });
        const first = crashes.flatMap(({ firstMs }) => firstMs ?? []);
        const everyone = crashes.flatMap(({ everyoneMs }) => everyoneMs ?? []);
        detection.rows.push({
          strategy,
          nodes,
          crashes: crashes.length,
          firstMs: median(first),
          firstWorstMs: largest(first),
          everyoneMs: median(everyone),
          everyoneWorstMs: largest(everyone),
          incomplete: crashes.length - everyone.length,
        });
        report.series(busiest, strategy).points.push([nodes, costs.busiestMessages]);
        const everyoneMs = median(everyone);
        if (everyoneMs !== null) report.series(known, strategy).points.push([nodes, everyoneMs / 1000]);
      }
    }
  }

  /** As many clusters as it takes for all crashes; the first is measured at rest before. */
  *#measure(
    strategy: StrategyName,
    nodes: number,
  ): Generator<Progress, { readonly costs: Cost; readonly crashes: readonly Crash[] }, void> {
    const wanted = Number(this.#settings.crashes);
    const each = Math.max(1, Math.min(wanted, Math.floor(nodes / membersPerCrash)));
    const clusters = Math.ceil(wanted / each);
    const doing = this.#doing(work(strategy, nodes), `${strategy}, ${nodes} nodes`);
    const rng = this.#rng.fork(`crashes ${nodes}`);
    const crashes: Crash[] = [];
    let costs: Cost | undefined;
    for (let i = 0; i < clusters; i++) {
      const progress = () => doing(i / clusters);
      const cluster = yield* this.#warm(strategy, nodes, rng.fork(`cluster ${i}`).uint32(), 0, progress);
      costs ??= yield* measureCost(cluster, windowIntervals[strategy] * this.#intervalMs, progress);
      const count = Math.min(each, wanted - crashes.length);
      // The same victims at the same moments under each strategy.
      crashes.push(...(yield* measureCrashes(cluster, count, this.#intervalMs, rng.fork(`victims ${i}`), progress)));
    }
    this.#done += work(strategy, nodes);
    return { costs: costs!, crashes };
  }

  #theory(busiest: Plot, known: Plot): void {
    const { report } = this;
    const missed = Number(this.#settings.missed);
    for (const nodes of this.#sizes) {
      if (this.#names.includes("all-to-all") || this.#names.includes("central")) {
        const perSecond = 1000 / this.#intervalMs;
        report.series(busiest, "2 (N - 1)", "theory").points.push([nodes, 2 * (nodes - 1) * perSecond]);
        const silent = (silenceMs(this.#intervalMs, missed) - this.#intervalMs / 2) / 1000;
        report.series(known, "heartbeats, theory", "theory").points.push([nodes, silent]);
      }
      if (!this.#names.includes("swim")) continue;
      const suspicion = suspicionMinMs(Number(this.#settings.suspicionMult), nodes, this.#intervalMs);
      const swim = this.#intervalMs * (Math.LN2 + 1) + suspicion;
      report.series(known, "swim, theory", "theory").points.push([nodes, swim / 1000]);
    }
  }

  // Mistakes

  *#underLoss(): Generator<Progress, void, void> {
    const { lossNodes, lossMs } = this.#sizesOfTrouble;
    const title = `Nobody crashes, packets are lost: ${lossNodes} nodes for ${lossMs / 1000} s`;
    const table = this.report.table("false-alarms", title, [
      { key: "strategy", title: "strategy" },
      { key: "loss", title: "loss", digits: 3 },
      { key: "verdicts", title: "false verdicts" },
      { key: "episodes", title: "episodes" },
      { key: "accused", title: "members accused" },
      { key: "perMemberHour", title: "episodes per member and hour", digits: 3 },
      { key: "longestMs", title: "longest, ms" },
    ]);
    for (const loss of this.#losses) {
      for (const strategy of this.#names) {
        const doing = this.#doing(work(strategy, lossNodes), `${strategy}, ${lossNodes} nodes, loss ${loss}`);
        const seed = this.#rng.fork(`loss ${loss}`).uint32();
        const cluster = yield* this.#warm(strategy, lossNodes, seed, loss, doing);
        const { verdicts, episodes, accused, longestMs } = yield* measureFalseAlarms(cluster, lossMs, doing);
        const perMemberHour = episodes / lossNodes / (lossMs / 3_600_000);
        table.rows.push({ strategy, loss, verdicts, episodes, accused, perMemberHour, longestMs });
        this.#done += work(strategy, lossNodes);
      }
    }
  }

  // Trouble

  *#inTrouble(): Generator<Progress, void, void> {
    const { troubleNodes, faultMs } = this.#sizesOfTrouble;
    const title = `Trouble: ${troubleNodes} nodes, each fault for ${faultMs / 1000} s`;
    const table = this.report.table("trouble", title, [
      { key: "fault", title: "fault" },
      { key: "strategy", title: "strategy" },
      { key: "wrongMembers", title: "living held for dead" },
      { key: "wrongVerdicts", title: "wrong verdicts" },
      { key: "views", title: "different views" },
      { key: "changes", title: "changed verdicts" },
      { key: "behaviour", title: "what happens" },
    ]);
    for (const fault of faultNames) {
      for (const strategy of this.#names) {
        const doing = this.#doing(work(strategy, troubleNodes), `${strategy}, ${fault}`);
        const seed = this.#rng.fork(`trouble ${fault}`).uint32();
        const cluster = yield* this.#warm(strategy, troubleNodes, seed, 0, doing);
        const facts = yield* meetTrouble(cluster, fault, faultMs, doing);
        table.rows.push({
          fault,
          strategy,
          wrongMembers: new Set(facts.wrong.map(({ member }) => member)).size,
          wrongVerdicts: facts.wrong.length,
          views: facts.views,
          changes: facts.changes,
          behaviour: behaviour(facts),
        });
        this.#done += work(strategy, troubleNodes);
      }
    }
  }

  *#warm(
    strategy: StrategyName,
    nodes: number,
    seed: number,
    loss: number,
    doing: (share: number) => Progress,
  ): Generator<Progress, Cluster, void> {
    const { intervalMs } = this.#settings;
    const cluster = createCluster({
      strategy,
      seed,
      nodes,
      network: { loss },
      intervalMs: Number(intervalMs),
      missed: Number(this.#settings.missed),
      phi: Number(this.#settings.phi),
      suspicionMult: Number(this.#settings.suspicionMult),
    });
    yield* advance(cluster, warmIntervals[strategy] * this.#intervalMs, () => doing(0));
    return cluster;
  }

  #explain(): void {
    const { missed, phi, suspicionMult } = this.#settings;
    const { troubleNodes } = this.#sizesOfTrouble;
    const silence = silenceMs(this.#intervalMs, Number(missed)) / 1000;
    const arrivals = (Number(phi) * Math.LN10).toFixed(1);
    this.report.notes.push(
      `One heartbeat or probe in ${this.#intervalMs / 1000} s each. Dead is: to the master and to all-to-all, who was silent ` +
        `for ${silence} s (${missed} heartbeats missing, and half an interval); in gossip, of whom there was no news for ` +
        `${arrivals} mean intervals (phi ${phi} under the exponential model t / (mean ln 10); Cassandra's 8 is 18.4); in ` +
        `SWIM, who did not answer a probe, direct or through three others or by stream, and did not refute within the ` +
        `suspicion (multiplier ${suspicionMult}).`,
      "The defaults are chosen for about as many false alarms in 100 nodes under 10 % loss: 6 heartbeats in a row are lost " +
        "once in a million times, and phi 4 was the lowest whole number that raised as few. The table of false alarms says " +
        "how near that comes. SWIM keeps memberlist's LAN profile.",
      "Messages are datagrams; a stream (SWIM's push/pull and its second try by TCP) counts as two at the node that opened " +
        `it. Bytes are payload; headers are ${headerBytes} more for each datagram. Heartbeats carry no names and SWIM's ` +
        "pings carry two and an address, as its members may come and move; the others know a fixed list.",
      "A gossip digest lists every member: at 1,000 it fills eleven datagrams, so its messages grow with N as its bytes do.",
      `Trouble at ${troubleNodes} nodes. "node 0 dies": the master, a seed of gossip, and nobody in particular to the others; ` +
        `then three more die. "link dies": node ${troubleNodes - 1} and node 0 do not reach each other. "one-way link": ` +
        `what node ${troubleNodes - 1} sends to node 0 is lost. "mute": all that node ${troubleNodes - 1} sends is lost; it ` +
        "hears everyone. The words are made from the verdicts counted at the end of the fault.",
    );
  }

  get report(): Report {
    return this.#report;
  }

  get #sizesOfTrouble() {
    const { lossNodes, lossMs, troubleNodes, faultMs } = this.#settings;
    return {
      lossNodes: Number(lossNodes),
      lossMs: Number(lossMs),
      troubleNodes: Number(troubleNodes),
      faultMs: Number(faultMs),
    };
  }

  #doing(amount: number, doing: string): (share: number) => Progress {
    return (share) => {
      this.#shown = Math.min(1, Math.max(this.#shown, (this.#done + amount * share) / this.#total));
      return { share: this.#shown, doing };
    };
  }
}

/** What a strategy's clusters of that size cost to simulate, roughly: for the progress alone. */
function work(strategy: StrategyName, nodes: number): number {
  const perNode = strategy === "all-to-all" ? nodes : strategy === "gossip" ? 10 + nodes / 2 : 10;
  return nodes * perNode;
}
