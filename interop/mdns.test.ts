/** Pools that nobody was told the address of: found by multicast, in a network of their own. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import {
  type Agent,
  all,
  canNetns,
  hasSerf,
  mendedMs,
  Pool,
  serfMembers,
  sleep,
  untilAllSee,
  waitFor,
} from "./harness.ts";
import { type Host, Network } from "./network.ts";

const program = fileURLToPath(new URL("discovering.mjs", import.meta.url));
/** Serf asks once a minute, for one second. */
const foundMs = 75_000;

/** Hosts at which Serf can ask: it leaves the way to the group to the routes. */
function multicastNetwork(count: number): Network {
  const network = new Network(count);
  for (const { namespace } of network.hosts) {
    execFileSync("ip", ["-n", namespace, "route", "add", "224.0.0.0/4", "dev", "eth0"]);
  }
  return network;
}

/** Our node and our discovery, in a program of its own. */
async function discovering(pool: Pool, host: Host, cluster: string) {
  const { name } = pool.place("program");
  const options = { name, bind: `${host.address}:7946`, cluster };
  const child = pool.run([...host.enter, process.execPath, program, JSON.stringify(options)]);
  const found = { name, output: "" };
  child.stdout!.setEncoding("utf8").on("data", (text: string) => (found.output += text));
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (found.output += text));
  await waitFor(
    () => found.output.includes("ready\n"),
    15_000,
    () => found.output,
  );
  return found;
}

describe.skipIf(!hasSerf || !canNetns).concurrent("discovery", () => {
  it("serf finds us, we find serf, and another cluster on the same network is left alone", async () => {
    await using network = multicastNetwork(5);
    await using pool = new Pool("mdns");
    const [one, two, three, four, five] = network.hosts;
    const flags = ["-discover=orchard"];
    const stranger = await pool.serf({ host: four!, flags: ["-discover=elsewhere"] });
    const first = await discovering(pool, one!, "orchard");
    // It asks three times at its start; past that, whoever comes has to find it.
    await sleep(4000);
    const serf = await pool.serf({ host: two!, flags });
    await untilAllSee([serf], { [first.name]: "alive", [serf.name]: "alive" }, foundMs);
    expect(serf.output).toMatch(/agent: joining: \[.*10\.77\.0\.1:7946.*\]/);
    expect(first.output).not.toContain("found 10.77.0.2:7946");

    const second = await discovering(pool, three!, "orchard");
    const statuses = { [first.name]: "alive", [serf.name]: "alive", [second.name]: "alive" };
    await untilAllSee([serf], statuses, mendedMs);
    expect(second.output).toMatch(/found .*10\.77\.0\.2:7946/);
    expect(second.output).toMatch(/found .*10\.77\.0\.1:7946/);
    expect(second.output).not.toContain("10.77.0.3:7946");

    // Theirs of the other cluster finds nobody, and neither does ours when it comes.
    const other = await discovering(pool, five!, "elsewhere");
    await untilAllSee([stranger], { [stranger.name]: "alive", [other.name]: "alive" }, mendedMs);
    expect(await serfMembers(serf)).toHaveLength(3);
  });

  it("agents of both kinds with -discover are one pool", async () => {
    await using network = multicastNetwork(4);
    await using pool = new Pool("mdns-agents");
    const flags = ["-discover=orchard"];
    const agents: Agent[] = [];
    for (const [i, host] of network.hosts.entries()) {
      agents.push(await pool[i % 2 === 0 ? "hearsay" : "serf"]({ host, flags }));
    }
    await untilAllSee(agents, all(agents), foundMs);
  });
});
