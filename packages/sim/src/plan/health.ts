/**
 * How long loss makes members probe: the health score of Lifeguard (IV-A, LHA-Probe) as a chain of chances, and with it how
 * many probes and accusations there are. A point is taken away by a probe that succeeds; points are added
 *
 *   by a probe that fails    one for each nack that did not come, and without nacks one (`core/src/probe.ts`)
 *   by an accusation         one, when it is refuted (`core/src/claims.ts`)
 *
 * A probe at score s lasts up to s + 1 periods. The score falls by single points only, so what goes up across a score comes
 * down across it, and that gives one score's share from those below.
 */
import { chanceWithin, type ProbeChances, probeChances, type StreamTimers, systemTimers } from "./chance.ts";
import type { PlanInputs } from "./inputs.ts";

export interface Health {
  /** Mean score of a member. */
  readonly score: number;
  /** Begun by one member, in a probe interval. */
  readonly probes: number;
  /** Members that one member accuses, in a probe interval. */
  readonly accusations: number;
}

/** When a relay's nack goes out, as a share of the probe timeout (`core/src/relay.ts`). */
const nackShare = 0.8;
/** From this score on longer probes no longer change what becomes of them. */
const longest = 24;
/** A share that nothing would be seen of. */
const negligible = 1e-12;
/** The chance of being accused comes from everybody's score, which it changes a little: rounds until both agree. */
const rounds = 12;

export function health(inputs: PlanInputs, timers: StreamTimers = systemTimers): Health {
  const scores = inputs.config.awarenessMaxMult;
  const levels: Level[] = [];
  const at = (score: number): Level =>
    (levels[Math.min(score, longest)] ??= level(inputs, timers, Math.min(score, longest)));
  let found = summary([1], at);
  for (let i = 0; i < rounds && found.accusations > negligible; i++) {
    found = summary(shares(scores, at, found.accusations), at);
  }
  return found;
}

/** At one score. */
interface Level {
  readonly fails: number;
  readonly packetsFail: number;
  /** P(a probe that fails adds more than so many points). */
  readonly adds: readonly number[];
}

function level(inputs: PlanInputs, timers: StreamTimers, score: number): Level {
  const chances = probeChances(inputs, timers, score);
  return { fails: chances.accused, packetsFail: chances.packetsFail, adds: addedPoints(inputs, chances, score) };
}

/** P(more than i points), for i from 0 on: nacks that do not come are independent of each other. */
function addedPoints(inputs: PlanInputs, chances: ProbeChances, score: number): number[] {
  const relays = Math.min(inputs.config.indirectChecks, Math.max(0, inputs.nodes - 2));
  if (!inputs.config.nacks || relays === 0) return [1];
  const missing = 1 - nackChance(inputs, chances, score);
  const exactly = new Array<number>(relays + 1).fill(0);
  exactly[0] = 1;
  for (let relay = 1; relay <= relays; relay++) {
    for (let i = relay; i >= 0; i--) exactly[i] = exactly[i]! * (1 - missing) + (i > 0 ? exactly[i - 1]! * missing : 0);
  }
  const more: number[] = [];
  for (let i = relays - 1, sum = 0; i >= 0; i--) {
    sum += exactly[i + 1]!;
    more[i] = sum;
  }
  return more;
}

/** P(a relay's nack comes in time), once it is known that its ack does not: request and nack arrive, what is between fails. */
function nackChance({ config, loss, latencyMs }: PlanInputs, { relay }: ProbeChances, score: number): number {
  const arrives = 1 - loss;
  const restMs = (score + 1) * config.probeIntervalMs - config.probeTimeoutMs;
  const answered = arrives ** 2 * chanceWithin(2, nackShare * config.probeTimeoutMs, latencyMs);
  const comes = arrives ** 2 * chanceWithin(2, restMs - nackShare * config.probeTimeoutMs, latencyMs);
  return relay >= 1 ? 0 : Math.min(1, (comes * (1 - answered)) / (1 - relay));
}

/** Probe intervals that a probe takes up: one that lasts to its end lets every other tick pass (`core/src/probe.ts`). */
function intervals(score: number, { packetsFail }: Level): number {
  return 1 + packetsFail * (score + 0.5);
}

/** The share of time at each score; where the rest is negligible it ends. */
function shares(scores: number, at: (score: number) => Level, accused: number): number[] {
  const found = [1];
  let total = 1;
  for (let score = 1; score < scores; score++) {
    let up = found[score - 1]! * accused;
    for (let from = score - 1; from >= 0; from--) {
      const { fails, adds } = at(from);
      const chance = adds[score - 1 - from];
      if (chance === undefined) break;
      up += (found[from]! * fails * chance) / intervals(from, at(from));
    }
    const here = at(score);
    const share = (up * intervals(score, here)) / Math.max(negligible, 1 - here.fails);
    found.push(share);
    total += share;
    if (share < negligible * total) break;
  }
  return found.map((share) => share / total);
}

function summary(byScore: readonly number[], at: (score: number) => Level): Health {
  let [score, probes, accusations] = [0, 0, 0];
  for (const [s, share] of byScore.entries()) {
    const here = at(s);
    const rate = share / intervals(s, here);
    score += s * share;
    probes += rate;
    accusations += rate * here.fails;
  }
  return { score, probes, accusations };
}
