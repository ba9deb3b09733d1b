/**
 * Runs a scenario: a generator like an experiment's, that fills a result while it goes, shows how far it is, and can be
 * broken off after any yield. One seed, one transcript, byte for byte.
 */
import { type Progress, stepMs } from "../experiment/experiment.ts";
import { holds, type Known, missing } from "./conditions.ts";
import { passingMs } from "./ends.ts";
import { applyFault, notRunning } from "./faults.ts";
import { createPool } from "./layers.ts";
import { News } from "./news.ts";
import type { MemberLine, NewsKind, Pool } from "./pool.ts";
import type { Outcome, ScenarioResult } from "./result.ts";
import type { Command, Condition } from "./scenario.ts";
import { nodesText } from "./syntax.ts";
import { TrafficMeter } from "./traffic.ts";

/** How often a wait asks whether it is over: virtual ms. Times in transcripts are as fine as this. */
const askEveryMs = 10;
/**
 * Of large pools, so little virtual time passes between two yields: when ten thousand nodes have news of a hundred crashes,
 * a millisecond takes some tenths of a second, and whoever breaks the run off wants it to end.
 */
const largePool = 2000;
const largeStepMs = 1;
/** How long Serf's joins before a warm start may take: virtual ms. */
const warmLimitMs = 600_000;
/** Points of the plot, about. */
const samples = 200;

/** Fills the result; `complete` in its report is for whoever breaks it off. */
export function* runScenario(result: ScenarioResult): Generator<Progress, void, void> {
  yield* new Run(result).all();
}

class Run {
  readonly #result: ScenarioResult;
  readonly #news: News;
  readonly #pool: Pool;
  readonly #falselyDead: number[] = [];
  readonly #traffic: TrafficMeter;
  readonly #plannedMs: number;
  readonly #sampleEveryMs: number;
  #nextSample = 0;
  #broadcast = 0;
  /** World ms at which the transcript's clock shows 0. */
  #origin = 0;
  #warming = false;
  #doing = "";
  /** What the commands done were planned to take, and the present one: ms. */
  #doneMs = 0;

  constructor(result: ScenarioResult) {
    this.#result = result;
    const { settings, commands } = result.scenario;
    this.#news = new News(settings.nodes);
    this.#pool = createPool({ ...settings, seed: result.report.seed }, (observer, kind, about) =>
      this.#onNews(observer, kind, about),
    );
    this.#traffic = new TrafficMeter(this.#pool);
    this.#plannedMs = Math.max(
      1,
      commands.reduce((sum, { action }) => sum + passingMs(action), 0),
    );
    this.#sampleEveryMs = Math.max(100, this.#plannedMs / samples);
  }

  *all(): Generator<Progress, void, void> {
    for (const command of this.#result.scenario.commands) {
      this.#doing = command.text;
      const began = this.#now;
      this.#result.begin(command, began);
      // A run that is broken off ends inside this: what the nodes have said by then is kept.
      let outcome: Outcome = { lines: ["broken off here"] };
      try {
        outcome = yield* this.#do(command);
      } finally {
        this.#result.end(command, began, this.#now, this.#news.take(), outcome);
      }
      this.#doneMs += passingMs(command.action);
      yield this.#progress(0);
    }
    this.#nextSample = 0;
    this.#sample();
    this.#result.finish();
  }

  get #now(): number {
    return this.#pool.now - this.#origin;
  }

  *#do({ action }: Command): Generator<Progress, Outcome, void> {
    switch (action.type) {
      case "warm":
        return yield* this.#warm(action.nodes);
      case "advance":
        yield* this.#pass(action.ms, () => false);
        return { lines: [] };
      case "until":
        return yield* this.#until(action.condition, action.withinMs);
      case "expect": {
        const instead = missing(action.condition, this.#known);
        return instead === undefined ? { lines: ["yes"] } : { lines: [], failure: instead };
      }
      case "broadcast":
        if (!this.#pool.runs(action.from)) return { lines: [notRunning([action.from])] };
        this.#broadcast = this.#pool.broadcast(action.from, action.text);
        return { lines: [`broadcast ${this.#broadcast}`] };
      case "members":
        return { lines: memberLines(this.#pool, action.node) };
      case "traffic":
        return { lines: this.#traffic.lines() };
      default:
        return applyFault(this.#pool, action);
    }
  }

  *#warm(nodes: readonly number[]): Generator<Progress, Outcome, void> {
    this.#warming = true;
    for (const _ of this.#pool.warm(nodes)) yield this.#progress(0);
    const isReady = () => this.#pool.agreed() && this.#pool.quiet();
    const ready = (yield* this.#pass(warmLimitMs, isReady)) !== undefined;
    this.#warming = false;
    this.#origin = this.#pool.now;
    this.#nextSample = 0;
    this.#traffic.reset();
    if (!ready) return { lines: [], failure: "the pool did not form; too hard a network?" };
    return { lines: [`${nodesText(nodes)} know each other`] };
  }

  *#until(condition: Condition, withinMs: number): Generator<Progress, Outcome, void> {
    const tookMs = yield* this.#pass(withinMs, () => holds(condition, this.#known));
    if (tookMs !== undefined) return { lines: [tookMs === 0 ? "at once" : `after ${(tookMs / 1000).toFixed(2)} s`] };
    return { lines: [], failure: `not in that time: ${missing(condition, this.#known)}` };
  }

  /** Lets time pass until `done`; returns the ms it took, or undefined when the time was over first. */
  *#pass(ms: number, done: () => boolean): Generator<Progress, number | undefined, void> {
    const start = this.#pool.now;
    const isLarge = this.#pool.size > largePool;
    const step = isLarge ? largeStepMs : stepMs(this.#pool.size);
    let yieldAt = start + step;
    this.#sample();
    while (!done()) {
      const left = start + ms - this.#pool.now;
      if (left <= 0) return undefined;
      const askAt = this.#pool.now + Math.min(askEveryMs, left);
      while (this.#pool.now < askAt) {
        this.#pool.run(isLarge ? Math.min(largeStepMs, askAt - this.#pool.now) : askAt - this.#pool.now);
        if (this.#pool.now < yieldAt) continue;
        yieldAt = this.#pool.now + step;
        yield this.#progress(this.#pool.now - start);
      }
      this.#sample();
    }
    return this.#pool.now - start;
  }

  #progress(insideMs: number): Progress {
    const share = this.#warming ? 0 : (this.#doneMs + insideMs) / this.#plannedMs;
    return { share: Math.min(1, share), doing: this.#doing };
  }

  #sample(): void {
    if (this.#warming || this.#now < this.#nextSample) return;
    this.#nextSample = this.#now + this.#sampleEveryMs;
    const running = this.#pool.running();
    if (running.length === 0) return;
    let fewest = Number.POSITIVE_INFINITY;
    let most = 0;
    for (const node of running) {
      const count = this.#pool.aliveCount(node);
      if (count < fewest) fewest = count;
      if (count > most) most = count;
    }
    this.#result.sample(this.#now, running.length, fewest, most);
  }

  #onNews(observer: number, kind: NewsKind, about: number): void {
    if (this.#warming) return;
    this.#news.add(observer, kind, about, this.#now);
    if (kind === "dead" && this.#pool.runs(about)) this.#falselyDead.push(about);
  }

  get #known(): Known {
    return { pool: this.#pool, broadcast: this.#broadcast, falselyDead: this.#falselyDead };
  }
}

/** `alive 0..9 (incarnation 1)`, a line for each state and incarnation. */
function memberLines(pool: Pool, node: number): string[] {
  if (!pool.runs(node)) return [notRunning([node])];
  const groups = new Map<string, { readonly first: MemberLine; readonly nodes: number[] }>();
  const members = pool.members(node).sort((a, b) => a.node - b.node);
  for (const member of members) {
    const key = `${member.state} ${member.incarnation}`;
    const group = groups.get(key) ?? { first: member, nodes: [] };
    groups.set(key, group);
    group.nodes.push(member.node);
  }
  return [...groups.values()].map(({ first, nodes }) => {
    return `${first.state.padEnd(7)}  ${nodesText(nodes, 20)}  (incarnation ${first.incarnation})`;
  });
}
