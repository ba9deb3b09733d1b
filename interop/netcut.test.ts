/** Networks that fail: split in two and mended, and one direction of one link gone. */
import { describe, expect, it } from "vitest";
import { all, canNetns, hasSerf, Pool, sleep, untilAllSee } from "./harness.ts";
import { Network } from "./network.ts";

describe.skipIf(!hasSerf || !canNetns).concurrent("cut networks", () => {
  it("three and three, apart until both have given the other up, are six again within 60 s", async () => {
    await using network = new Network(6);
    await using pool = new Pool("split");
    const agents = await pool.mixed(3, "serf", (i) => ({ host: network.hosts[i]! }));
    await untilAllSee(agents, all(agents), 15_000);

    // Both kinds on both sides.
    const one = [agents[0]!, agents[1]!, agents[3]!];
    const other = [agents[2]!, agents[4]!, agents[5]!];
    network.partition(
      one.map((agent) => agent.host!),
      other.map((agent) => agent.host!),
    );
    await Promise.all([
      untilAllSee(one, { ...all(one), ...all(other, "failed") }, 60_000),
      untilAllSee(other, { ...all(other), ...all(one, "failed") }, 60_000),
    ]);
    network.heal();
    await untilAllSee(agents, all(agents), 60_000);
  });

  // The five-minute version is long/one-way.mjs.
  it("with one direction of a link gone, both ends live on through the others", async () => {
    await using network = new Network(6);
    await using pool = new Pool("oneway");
    const agents = await pool.mixed(3, "serf", (i) => ({ host: network.hosts[i]! }));
    await untilAllSee(agents, all(agents), 15_000);
    await sleep(2000); // the last of the join's events
    const before = agents.map((agent) => agent.events().length);

    // Theirs loses what ours sends, ours what theirs sends, and one link within each kind.
    const [serf1, serf2, serf3, ours1, ours2, ours3] = network.hosts;
    network.cut(ours1!, serf1!);
    network.cut(serf2!, ours2!);
    network.cut(serf3!, serf1!);
    network.cut(ours3!, ours2!);
    await sleep(40_000);

    for (const [i, agent] of agents.entries()) expect(agent.events().slice(before[i]), agent.name).toEqual([]);
    await untilAllSee(agents, all(agents), 1000);
  });
});
