/** Three serf agents and three of ours in one pool: nobody can tell who is which. */
import { describe, expect, it } from "vitest";
import {
  type Agent,
  all,
  hasSerf,
  hearsayMembers,
  type ListedMember,
  mendedMs,
  Pool,
  runCli,
  serfMembers,
  untilAllSee,
} from "./harness.ts";

const key = "T9jncgl9mbLus+baTTa7q7nPSUrXwbDi2dhbtqir37s=";

const variants = [
  { title: "plain, through a serf agent", encrypt: undefined, first: "serf" },
  { title: "encrypted, through one of ours", encrypt: key, first: "hearsay" },
] as const;

describe.skipIf(!hasSerf).concurrent("three and three", () => {
  it.each(variants)(
    "all six see all six with equal tags, from both command lines: $title",
    async ({ encrypt, first }) => {
      await using pool = new Pool("six");
      const agents = await pool.mixed(3, first, (i) => ({
        tags: { role: i % 2 === 0 ? "web" : "db", rack: `r${i}`, note: "a=b, ünï" },
        ...(encrypt && { encrypt }),
      }));
      await untilAllSee(agents, all(agents), mendedMs);

      const expected = byName(await serfMembers(agents[0]!));
      expect(expected.map((member) => member.addr)).toEqual(agents.map((agent) => agent.gossip).sort());
      for (const [i, agent] of agents.entries()) {
        const tags = { role: i % 2 === 0 ? "web" : "db", rack: `r${i}`, note: "a=b, ünï" };
        // Ours say what they can beyond Serf, and Serf's agents carry it.
        expect(tagsOf(expected, agent)).toEqual(agent.kind === "hearsay" ? { ...tags, hs: "1sca" } : tags);
      }
      for (const viewer of agents) {
        expect(byName(await serfMembers(viewer)), `serf members at ${viewer.name}`).toEqual(expected);
        expect(byName(await hearsayMembers(viewer)), `hearsay members at ${viewer.name}`).toEqual(expected);
      }
    },
  );

  it("a command line changes the pool through the other side's agent", async () => {
    await using pool = new Pool("cross");
    const [theirs, ours] = await Promise.all([pool.serf(), pool.hearsay()]);
    await runCli("serf", ["join", `-rpc-addr=${ours.rpc}`, theirs.gossip]);
    await untilAllSee([theirs, ours], all([theirs, ours]), 10_000);

    const other = await pool.serf();
    await runCli("hearsay", ["join", `-rpc-addr=${other.rpc}`, ours.gossip]);
    await untilAllSee(pool.agents, all(pool.agents), mendedMs);

    await other.kill();
    await untilAllSee([theirs, ours], { ...all([theirs, ours]), [other.name]: "failed" }, 40_000);
    await runCli("serf", ["force-leave", `-rpc-addr=${ours.rpc}`, other.name]);
    await untilAllSee([theirs, ours], { ...all([theirs, ours]), [other.name]: "left" }, 10_000);
    await runCli("hearsay", ["force-leave", "-prune", `-rpc-addr=${theirs.rpc}`, other.name]);
    await untilAllSee([theirs, ours], all([theirs, ours]), 10_000);
  });

  it("another key is another pool", async () => {
    await using pool = new Pool("keys");
    const theirs = await pool.serf({ encrypt: key });
    const stranger = await pool.hearsay({ encrypt: Buffer.alloc(32, 7).toString("base64") });
    await expect(runCli("hearsay", ["join", `-rpc-addr=${stranger.rpc}`, theirs.gossip])).rejects.toThrow();
    const plain = await pool.hearsay();
    await expect(runCli("hearsay", ["join", `-rpc-addr=${plain.rpc}`, theirs.gossip])).rejects.toThrow();
    for (const agent of pool.agents) expect(await serfMembers(agent)).toHaveLength(1);
  });
});

function byName(list: readonly ListedMember[]): ListedMember[] {
  return [...list].sort((a, b) => (a.addr < b.addr ? -1 : 1));
}

function tagsOf(list: readonly ListedMember[], agent: Agent) {
  return list.find((member) => member.name === agent.name)?.tags;
}
