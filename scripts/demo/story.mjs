// @ts-check
/**
 * The story: five agents find each other; one is killed; it is suspected, given up, and explained; it comes back. Each
 * step waits for what the agents really say and think, within limits; a limit that passes is a StoryError.
 */
import { setTimeout as sleep } from "node:timers/promises";

/** @typedef {import("./cluster.mjs").Agent} Agent */
/** @typedef {import("./cluster.mjs").Cluster} Cluster */

/** Something that should have happened did not. */
export class StoryError extends Error {}

/**
 * What shows the story.
 * @typedef {object} Teller
 * @property {(text: string) => void} say what is going on now, one or two sentences
 * @property {(round: number) => void} round a new round begins
 * @property {(command: string, lines: readonly string[]) => void} why the explanation of a death
 * @property {() => void} forget the explanation is old
 */

/** @param {{ cluster: Cluster, view: Teller, once: boolean, signal: AbortSignal }} options */
export async function tell({ cluster, view, once, signal }) {
  const { agents } = cluster;
  view.say("Five agents start on this machine. Each is told where the others might be.");
  await cluster.start();
  const gathered = await until(() => agents.every((viewer) => allAlive(viewer, agents)), {
    ms: 30_000,
    signal,
    problem: () => `five agents did not find each other:\n${complaints(agents)}`,
  });
  view.say(`After ${seconds(gathered)} all five see all five. From now on each pings one other every second.`);
  await sleep(4000, undefined, { signal });

  for (let round = 1; ; round++) {
    view.round(round);
    const victim = /** @type {Agent} */ (agents[(round * 2) % agents.length]);
    await die(cluster, view, victim, signal);
    await sleep(once ? 2000 : 9000, undefined, { signal });
    await comeBack(cluster, view, victim, signal);
    if (once) return;
    await sleep(7000, undefined, { signal });
    view.forget();
  }
}

/** @param {Cluster} cluster
 *  @param {Teller} view
 *  @param {Agent} victim
 *  @param {AbortSignal} signal */
async function die(cluster, view, victim, signal) {
  const others = cluster.agents.filter((agent) => agent !== victim);
  const { name } = victim;
  const pid = victim.child?.pid;
  await cluster.kill(victim);
  const started = Date.now();
  view.say(`${name} (process ${pid}) was killed with SIGKILL: no goodbye, and nobody is told.`);

  const gaveUp = (/** @type {Agent} */ viewer) => viewer.opinion(name) === "failed";
  const doubts = (/** @type {Agent} */ viewer) => viewer.opinion(name) === "suspect";
  await until(() => others.some(doubts), {
    ms: 20_000,
    signal,
    problem: () => `nobody suspected ${name}`,
  });
  const since = (/** @type {Agent} */ viewer) => viewer.suspects.get(name) ?? Number.POSITIVE_INFINITY;
  const first = others.reduce((a, b) => (since(b) < since(a) ? b : a));
  view.say(
    `${first.name} had no answer from ${name}, neither directly, nor through others, nor over TCP. ` +
      `It accuses ${name}, which has a few seconds to contradict.`,
  );
  await until(() => others.every(gaveUp), {
    ms: 40_000,
    signal,
    problem: () => `not everyone gave ${name} up`,
  });
  view.say(
    `${name} said nothing. ${seconds(Date.now() - started)} after its death all others hold it failed. Ask ${first.name} why:`,
  );
  const { command, lines } = await cluster.why(first, name);
  if (!lines.some((line) => line.includes("suspect"))) throw new StoryError(`no evidence:\n${lines.join("\n")}`);
  view.why(command, lines);
}

/** @param {Cluster} cluster
 *  @param {Teller} view
 *  @param {Agent} victim
 *  @param {AbortSignal} signal */
async function comeBack(cluster, view, victim, signal) {
  const { agents } = cluster;
  view.say(`${victim.name} is started again, under its old name.`);
  cluster.launch(victim);
  const ms = await until(() => agents.every((viewer) => allAlive(viewer, agents)), {
    ms: 20_000,
    signal,
    problem: () => `${victim.name} did not come back everywhere:\n${complaints(agents)}`,
  });
  view.say(`${victim.name}: failed → alive, everywhere, ${seconds(ms)} after its start.`);
}

/** @param {Agent} viewer
 *  @param {readonly Agent[]} agents */
function allAlive(viewer, agents) {
  return agents.every((agent) => viewer.opinion(agent.name) === "alive");
}

/** Why it may have gone wrong: last words of agents that ended by themselves.
 *  @param {readonly Agent[]} agents */
function complaints(agents) {
  const ended = agents.filter((agent) => !agent.running);
  return ended.map(({ name, tail }) => `${name} ended: ${tail.slice(-5).join("\n")}`).join("\n");
}

/** @param {number} ms */
function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** Waits for `done`; gives the ms that took.
 *  @param {() => boolean} done
 *  @param {{ ms: number, signal: AbortSignal, problem: () => string }} limits */
async function until(done, { ms, signal, problem }) {
  const started = Date.now();
  while (!done()) {
    if (Date.now() - started > ms) throw new StoryError(`${problem()} (waited ${seconds(ms)})`);
    await sleep(50, undefined, { signal });
  }
  return Date.now() - started;
}
