/**
 * Three serf agents and three of ours, whose replicated state, counters and statistics are busy all the time: to Serf's
 * agents nothing of it exists, and what they are there for goes on.
 */
import { setTimeout as after } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RpcClient } from "../packages/agent/src/rpc/client.ts";
import {
  type Agent,
  all,
  hasSerf,
  type Kind,
  mendedMs,
  Pool,
  runCli,
  serfMembers,
  untilAllSee,
  waitFor,
} from "./harness.ts";
import { afterTheJoins } from "./stories.ts";

const trafficMs = 20_000;
/** Beside others' tests a probe may be late: agents of either kind then say so, whatever else they speak. */
const health =
  /Was able to (connect|reach)|network may be misconfigured|Refuting a|[Ss]uspect|is alive after all|Got ping for unexpected|degraded/;

describe.skipIf(!hasSerf)("three serf agents beside three busy ones of ours", () => {
  const pool = new Pool("busy");
  let agents: Agent[];
  const serfs = () => agents.slice(0, 3);
  const ours = () => agents.slice(3);

  beforeAll(async () => {
    agents = await pool.mixed(3, "serf");
    await untilAllSee(agents, all(agents), mendedMs);
  }, 120_000);
  afterAll(() => pool[Symbol.asyncDispose]());

  it("notice nothing, and do their work", async () => {
    const quiet = await afterTheJoins(agents);
    const traffic = await Traffic.start(ours());
    const until = performance.now() + trafficMs;
    let rounds = 0;
    let misses = 0;
    for (; performance.now() < until; rounds++) {
      const asker = agents[rounds % agents.length]!;
      misses += await heardByAll(asker, `news-${rounds}`);
      misses += await answeredByAll(asker);
    }
    const { adds, writes } = await traffic.end();
    // Otherwise nothing has been shown.
    expect(rounds).toBeGreaterThan(2);
    expect(adds).toBeGreaterThan(500);
    expect(writes).toBeGreaterThan(500);
    // Gossip may miss somebody by chance, in a pool of serf agents alone as well.
    expect(misses).toBeLessThan(3);

    await isEqualEverywhere(ours(), adds);
    await quiet();
    for (const agent of agents) expect(complaints(agent), agent.name).toEqual([]);
  });

  it("show the tag of ours, and have none", async () => {
    for (const viewer of agents) {
      const tags = Object.fromEntries((await serfMembers(viewer)).map(({ name, tags: { hs } }) => [name, hs]));
      for (const { name } of serfs()) expect(tags[name]).toBeUndefined();
      for (const { name } of ours()) expect(tags[name]).toBe("1sca");
    }
  });

  /** How many attempts it took too many. */
  async function heardByAll(teller: Agent, name: string): Promise<number> {
    await runCli(cliOf(agents.indexOf(teller)), ["event", `-rpc-addr=${teller.rpc}`, "-coalesce=false", name]);
    const deaf = () =>
      agents.filter(({ output }) => !output.includes(`user-event: ${name}\n`)).map((agent) => agent.name);
    try {
      await waitFor(() => deaf().length === 0, 4000);
      return 0;
    } catch {
      process.stderr.write(`${name} of ${teller.name} was not heard by ${deaf()}\n`);
      return 1;
    }
  }

  async function answeredByAll(asker: Agent): Promise<number> {
    const flags = ["-format=json", "-timeout=2s", `-rpc-addr=${asker.rpc}`];
    const text = await runCli(cliOf(agents.indexOf(asker) + 1), ["query", ...flags, "who"]);
    const { Acks } = JSON.parse(text) as { readonly Acks: readonly string[] | null };
    const silent = agents.filter(({ name }) => !Acks?.includes(name)).map(({ name }) => name);
    if (silent.length > 0) process.stderr.write(`${asker.name} had no answer from ${silent}\n`);
    return Math.min(silent.length, 1);
  }

  const cliOf = (i: number): Kind => (i % 2 === 0 ? "serf" : "hearsay");
});

/** What an agent warned of, or called an error. */
function complaints(agent: Agent): string[] {
  return agent.output.split("\n").filter((line) => /\[(WARN|ERR|ERROR)\]/.test(line) && !health.test(line));
}

/** The same keys and values, the exact sum, and a statistic over all three, at each of them. */
async function isEqualEverywhere(agents: readonly Agent[], adds: number): Promise<void> {
  let views: string[] = [];
  const settled = async () => {
    views = await Promise.all(agents.map(view));
    return new Set(views).size === 1 && views[0]!.includes(`"adds",${adds}]`);
  };
  await waitFor(settled, 20_000, () => `want ${adds} adds: ${views.map((text) => text.slice(-300)).join("\n")}`);
  const counted = async () => (await Promise.all(agents.map(members))).every((count) => Math.abs(count - 3) < 0.01);
  await waitFor(counted, 20_000, () => "the statistic is not one of three");
}

async function view(of: Agent): Promise<string> {
  await using client = await dial(of);
  const lines: unknown[] = [];
  for (const shared of [false, true]) {
    for await (const { member, key, value } of client.state.list({ shared })) lines.push([member, key, value]);
  }
  for (const { name, value } of await client.counters.list()) lines.push([name, Number(value)]);
  return JSON.stringify(lines);
}

async function members(of: Agent): Promise<number> {
  await using client = await dial(of);
  const [load] = await client.aggregates.list();
  return load?.reading?.count ?? 0;
}

function dial({ rpc }: Agent): Promise<RpcClient> {
  const [host, port] = rpc.split(":") as [string, string];
  return RpcClient.connect({ host, port: Number(port) });
}

/** Keys of each agent's own and shared ones, some large, some deleted; counters; a statistic: without a pause. */
class Traffic {
  readonly #clients: readonly RpcClient[];
  readonly #loops: Promise<void>[];
  readonly #stop = new AbortController();
  #adds = 0;
  #writes = 0;

  private constructor(clients: readonly RpcClient[]) {
    this.#clients = clients;
    this.#loops = clients.map((client, i) => this.#run(client, i));
  }

  static async start(agents: readonly Agent[]): Promise<Traffic> {
    const clients = await Promise.all(agents.map(dial));
    for (const [i, client] of clients.entries()) {
      await client.aggregates.set("load", i, { roundMs: 100, epochRounds: 20 });
    }
    return new Traffic(clients);
  }

  async #run(client: RpcClient, who: number): Promise<void> {
    for (let i = 0; !this.#stop.signal.aborted; i++) {
      await client.counters.add("adds", 1);
      this.#adds++;
      const value = i % 50 === 0 ? "x".repeat(20_000) : { i, who };
      await client.state.set(`own-${i % 40}`, value);
      await client.state.set(`shared-${i % 40}`, value, { shared: true, ...(i % 7 === 0 ? { ttl: 1000 } : {}) });
      if (i % 11 === 0) await client.state.delete(`own-${i % 40}`);
      this.#writes += 2;
      await after(5);
    }
  }

  async end(): Promise<{ readonly adds: number; readonly writes: number }> {
    this.#stop.abort();
    await Promise.all(this.#loops);
    for (const client of this.#clients) await client[Symbol.asyncDispose]();
    return { adds: this.#adds, writes: this.#writes };
  }
}
