/** What everybody needs to know, in a pool of five agents of ours with a `serf agent` among them: real processes. */
import { describe, expect, it } from "vitest";
import { type Agent, all, CliError, hasSerf, Pool, program, runCli, untilAllSee, waitFor } from "./harness.ts";

const run = (of: Agent, ...words: readonly string[]) =>
  runCli("hearsay", [...words.slice(0, 2), `-rpc-addr=${of.rpc}`, ...words.slice(2)]);

/** Whether every one of them prints that. */
const allPrint = async (agents: readonly Agent[], text: string, ...words: readonly string[]) =>
  (await Promise.all(agents.map((agent) => run(agent, ...words)))).every((out) => out === text);

async function pool(label: string) {
  const pool = new Pool(label);
  const first = await pool.hearsay();
  const rest: Agent[] = [];
  for (let i = 0; i < 4; i++) rest.push(await pool.hearsay({ join: first, flags: i === 3 ? ["-isolate"] : [] }));
  const serf = await pool.serf({ join: first });
  const ours = [first, ...rest] as [Agent, Agent, Agent, Agent, Agent];
  await untilAllSee([...ours, serf], all([...ours, serf]), 65_000);
  return { pool, ours, serf };
}

/** `hearsay state watch` in a process of its own: its lines, with the time at which each came. */
function watch(pool: Pool, of: Agent, ...flags: readonly string[]) {
  const lines: { readonly text: string; readonly at: number }[] = [];
  const child = pool.run([...program("hearsay"), "state", "watch", `-rpc-addr=${of.rpc}`, ...flags]);
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    for (const line of text.split("\n").slice(0, -1)) lines.push({ text: line, at: performance.now() });
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const seen = (part: string, ms: number) =>
    waitFor(
      () => lines.some(({ text }) => text.includes(part)),
      ms,
      () => `"${part}" in ${JSON.stringify(lines)}`,
    );
  const interrupt = () => {
    child.kill("SIGINT");
    return ended;
  };
  return { lines, seen, interrupt };
}

describe.skipIf(!hasSerf)("keys, counters and statistics", () => {
  it("a watch sees what another process sets within a second, own keys and shared ones", async () => {
    const { pool: agents, ours, serf } = await pool("watch");
    await using _ = agents;
    const [a, b, c] = ours;
    await run(c, "state", "set", "ready", "yes");
    const everybodys = watch(agents, ours[4], "-initial");
    const shared = watch(agents, ours[3], "-shared", "-initial", "-format=json");
    await run(c, "state", "set", "-shared", "ready", "yes");
    await everybodys.seen("ready = yes", 10_000);
    await shared.seen('"ready"', 10_000);
    for (let i = 0; i < 3; i++) {
      await run(a, "state", "set", `own-${i}`, "1");
      const ownSet = performance.now();
      await run(b, "state", "set", "-shared", `all-${i}`, "1");
      const sharedSet = performance.now();
      await everybodys.seen(`own-${i} = 1`, 5000);
      await shared.seen(`"all-${i}"`, 5000);
      const came = (of: typeof shared, part: string) => of.lines.find(({ text }) => text.includes(part))!.at;
      expect(came(everybodys, `own-${i}`) - ownSet).toBeLessThan(1000);
      expect(came(shared, `"all-${i}"`) - sharedSet).toBeLessThan(1000);
    }
    expect([await everybodys.interrupt(), await shared.interrupt()]).toEqual([0, 0]);
    await expect(runCli("hearsay", ["state", "list", `-rpc-addr=${serf.rpc}`])).rejects.toThrow(
      "this is a Serf agent, which has no replicated state; ask a Hearsay agent of the same pool",
    );
    // Who does not understand it is not spoken to of it.
    expect(serf.output).not.toMatch(/(memberlist|serf): .*(unknown|unrecogni[sz]ed|not supported|decod)/i);
  });

  it("three agents count at once; all five have the exact sum, also after one of them was killed", async () => {
    const { pool: agents, ours } = await pool("count");
    await using _ = agents;
    const adds = ours.slice(0, 3).map(async (agent) => {
      for (let i = 1; i <= 10; i++) await run(agent, "counter", "add", "hits", String(i));
    });
    await Promise.all(adds);
    await waitFor(() => allPrint(ours, "165\n", "counter", "get", "hits"), 15_000);
    await ours[1].kill();
    const rest = ours.filter((agent) => agent !== ours[1]);
    expect(await allPrint(rest, "165\n", "counter", "get", "hits")).toBe(true);
    await run(ours[0], "counter", "add", "hits", "-65");
    await waitFor(() => allPrint(rest, "100\n", "counter", "get", "hits"), 15_000);
  });

  it("a statistic over all five", async () => {
    const { pool: agents, ours } = await pool("load");
    await using _ = agents;
    const rounds = ["-round=100ms", "-epoch=30"];
    await Promise.all(ours.map((agent, i) => run(agent, "aggregate", "set", ...rounds, "load", String(10 * i))));
    interface Reading {
      readonly count: number;
      readonly mean: number;
      readonly min: number;
      readonly max: number;
    }
    const read = async (agent: Agent): Promise<Reading | undefined> => {
      try {
        const text = await run(agent, "aggregate", "get", "-format=json", "load");
        return (JSON.parse(text) as { readonly reading: Reading }).reading;
      } catch (error) {
        if (error instanceof CliError) return undefined;
        throw error;
      }
    };
    for (const agent of ours) {
      await waitFor(async () => Math.abs(((await read(agent))?.count ?? 0) - 5) < 0.05, 30_000);
      const { mean, min, max } = (await read(agent))!;
      expect(mean).toBeGreaterThan(19);
      expect(mean).toBeLessThan(21);
      expect([min, max]).toEqual([0, 40]);
    }
  });
});
