/** Stories that are told at two lengths: short in `npm test`, and as long as promised in `long/`. */
import { expect } from "vitest";
import { type Agent, all, mendedMs, Pool, sleep, untilAllSee } from "./harness.ts";
import { Network } from "./network.ts";

/**
 * Three and three, with one direction cut on a link between the kinds, both ways round, and on one within each kind.
 * Nobody may notice for `ms`.
 */
export async function oneDirectionCut(ms: number): Promise<void> {
  await using network = new Network(6);
  await using pool = new Pool("oneway");
  const agents = await pool.mixed(3, "serf", (i) => ({ host: network.hosts[i]! }));
  await untilAllSee(agents, all(agents), mendedMs);
  const quiet = await afterTheJoins(agents);

  const [serf1, serf2, serf3, ours1, ours2, ours3] = network.hosts;
  network.cut(ours1!, serf1!);
  network.cut(serf2!, ours2!);
  network.cut(serf3!, serf1!);
  network.cut(ours3!, ours2!);
  await sleep(ms);
  // The cut is real: what the other sends back is missed.
  expect(agents[0]!.output).toContain(`Failed ping: ${agents[3]!.name}`);
  await quiet();
}

/** `count` agents of each kind that nothing happens to. Nobody may notice anything for `ms`. */
export async function idlePool(count: number, ms: number): Promise<void> {
  await using pool = new Pool("idle");
  const agents = await pool.mixed(count);
  await untilAllSee(agents, all(agents), 60_000);
  const quiet = await afterTheJoins(agents);
  await sleep(ms);
  await quiet();
}

/** Waits for the last of the join's events; what it gives tells whether another one came since, anywhere. */
export async function afterTheJoins(agents: readonly Agent[]): Promise<() => Promise<void>> {
  await sleep(3000);
  const before = agents.map((agent) => agent.events().length);
  for (const [i, agent] of agents.entries()) expect(before[i], agent.name).toBeGreaterThan(0);
  return async () => {
    for (const [i, agent] of agents.entries()) expect(agent.events().slice(before[i]), agent.name).toEqual([]);
    await untilAllSee(agents, all(agents), 1000);
  };
}
