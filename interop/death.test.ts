/** How members go, and how they come back: killed without a word, leaving, returning at another port. */
import { describe, expect, it } from "vitest";
import { type Agent, all, freePort, hasSerf, mendedMs, Pool, runCli, serfMembers, untilAllSee } from "./harness.ts";

describe.skipIf(!hasSerf).concurrent("the end of a member", () => {
  it("kill -9 of ours and of theirs is found by both sides", async () => {
    await using pool = new Pool("kill");
    const agents = await pool.mixed(3);
    await untilAllSee(agents, all(agents), mendedMs);

    const ours = agents[4]!;
    await ours.kill();
    const five = agents.filter((agent) => agent !== ours);
    await untilAllSee(five, { ...all(five), [ours.name]: "failed" }, 30_000);

    const theirs = agents[1]!;
    await theirs.kill();
    const four = five.filter((agent) => agent !== theirs);
    await untilAllSee(four, { ...all(four), [ours.name]: "failed", [theirs.name]: "failed" }, 30_000);
  });

  it("`hearsay why` names the failed probes, the accusers and the times", async () => {
    await using pool = new Pool("why");
    const theirs = await pool.serf();
    const ours = await Promise.all([1, 2, 3].map(() => pool.hearsay({ join: theirs })));
    await untilAllSee(pool.agents, all(pool.agents), mendedMs);
    await theirs.kill();
    await untilAllSee(ours, { ...all(ours), [theirs.name]: "failed" }, 30_000);

    const ask = (agent: Agent) => runCli("hearsay", ["why", theirs.name, `-rpc-addr=${agent.rpc}`]);
    const stories = await Promise.all(ours.map(ask));
    for (const story of stories) {
      expect(story).toMatch(/failed at \d\d:\d\d:\d\d\.\d{3}/);
      expect(story).toMatch(/\d\d:\d\d:\d\d\.\d{3} +\S+ suspects it/);
      expect(ours.some((agent) => story.includes(`${agent.name} suspects it`))).toBe(true);
    }
    // Only ours are left, so one of them was the first to accuse, and did so for its own probe.
    expect(stories.some((story) => /ping #\d+ had no answer within \d+ ms/.test(story))).toBe(true);
    expect(stories.some((story) => /probe #\d+ failed on every path after \d+ ms/.test(story))).toBe(true);
  });

  it("a leave ends as left on both sides, whoever leaves and whoever asks for it", async () => {
    await using pool = new Pool("leave");
    const agents = await pool.mixed(3);
    await untilAllSee(agents, all(agents), mendedMs);
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
      await untilAllSee(rest, states, mendedMs);
    }
  });

  it("a killed node that comes back under its name on another port is alive everywhere within 10 s", async () => {
    await using pool = new Pool("return");
    const agents = await pool.mixed(2);
    await untilAllSee(agents, all(agents), mendedMs);

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
