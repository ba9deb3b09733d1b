/** Networks that fail: split in two and mended, and one direction of one link gone. */
import { describe, it } from "vitest";
import { all, canNetns, hasSerf, mendedMs, Pool, untilAllSee } from "./harness.ts";
import { Network } from "./network.ts";
import { oneDirectionCut } from "./stories.ts";

describe.skipIf(!hasSerf || !canNetns).concurrent("cut networks", () => {
  it("three and three, apart until both have given the other up, are six again within 60 s", async () => {
    await using network = new Network(6);
    await using pool = new Pool("split");
    const agents = await pool.mixed(3, "serf", (i) => ({ host: network.hosts[i]! }));
    await untilAllSee(agents, all(agents), mendedMs);

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

  it("with one direction of a link gone, both ends live on through the others", () => oneDirectionCut(40_000));
});
