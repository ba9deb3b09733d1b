/** How members go, and how they come back: killed without a word, leaving, returning at another port. */
import { describe, expect, it } from "vitest";
import { type Agent, all, freePort, hasSerf, Pool, runCli, serfMembers, untilAllSee } from "./harness.ts";

describe.skipIf(!hasSerf).concurrent("the end of a member", () => {
  it("kill -9 is found by both sides, and `hearsay why` tells how", async () => {
    await using pool = new Pool("kill");
    const agents = await pool.mixed(3);
    await untilAllSee(agents, all(agents), 15_000);

    const ours = agents[4]!;
    await ours.kill();
    const five = agents.filter((agent) => agent !== ours);
    await untilAllSee(five, { ...all(five), [ours.name]: "failed" }, 30_000);

    const theirs = agents[1]!;
    await theirs.kill();
    const four = five.filter((agent) => agent !== theirs);
    const states = { ...all(four), [ours.name]: "failed", [theirs.name]: "failed" };
    await untilAllSee(four, states, 30_000);

    const asked = four.filter((agent) => agent.kind === "hearsay");
    const stories = await Promise.all(
      asked.map((agent) => runCli("hearsay", ["why", theirs.name, `-rpc-addr=${agent.rpc}`])),
    );
    for (const story of stories) {
      expect(story).toMatch(/failed/);
      // Accusers by name, and clock times.
      expect(four.some((agent) => story.includes(agent.name))).toBe(true);
      expect(story).toMatch(/\d\d:\d\d:\d\d/);
    }
    // At least one of ours met it by probing, and names the probes.
    expect(stories.join("\n")).toMatch(/ping|probe/);
  });

  it("a leave ends as left on both sides, whoever leaves and whoever asks for it", async () => {
    await using pool = new Pool("leave");
    const agents = await pool.mixed(3);
    await untilAllSee(agents, all(agents), 15_000);
    const states = all(agents);
    const leavers = [
      { agent: agents[1]!, cli: "serf" },
      { agent: agents[2]!, cli: "hearsay" },
      { agent: agents[4]!, cli: "hearsay" },
      { agent: agents[5]!, cli: "serf" },
    ] as const;
    for (const { agent, cli } of leavers) {
      await runCli(cli, ["leave", `-rpc-addr=${agent.rpc}`]);
      expect((await agent.exited).code).toBe(0);
      states[agent.name] = "left";
      const rest = agents.filter((other) => other.running);
      await untilAllSee(rest, states, 15_000);
    }
  });

  it("a killed node that comes back under its name on another port is alive everywhere within 10 s", async () => {
    await using pool = new Pool("return");
    const agents = await pool.mixed(2);
    await untilAllSee(agents, all(agents), 15_000);

    const victim = agents[3]!;
    await victim.kill();
    const rest = agents.filter((agent) => agent !== victim);
    await untilAllSee(rest, { ...all(rest), [victim.name]: "failed" }, 30_000);

    const back = await pool.hearsay({
      name: victim.name,
      address: victim.address,
      port: await freePort(victim.address),
      join: rest[0]!,
    });
    await untilAllSee([...rest, back], all([...rest, back]), 10_000);
    for (const viewer of rest) expect(await addressAt(viewer, back.name)).toBe(back.gossip);
  });
});

async function addressAt(viewer: Agent, name: string): Promise<string | undefined> {
  return (await serfMembers(viewer)).find((member) => member.name === name)?.addr;
}
