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

interface Program {
  readonly name: string;
  output: string;
}

/** Our node and our discovery, in a program of its own. */
async function discovering(pool: Pool, host: Host, discovery: object, bind = `${host.address}:7946`): Promise<Program> {
  const { name } = pool.place("program");
  const child = pool.run([...host.enter, process.execPath, program, JSON.stringify({ name, bind, discovery })]);
  const started: Program = { name, output: "" };
  child.stdout!.setEncoding("utf8").on("data", (text: string) => (started.output += text));
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (started.output += text));
  await waitFor(
    () => started.output.includes("ready\n"),
    15_000,
    () => started.output,
  );
  return started;
}

const untilFound = (by: Program, address: string) =>
  waitFor(
    () => by.output.split("\n").some((line) => line.startsWith("found ") && line.split(" ").includes(address)),
    foundMs,
    () => `${by.name} has not found ${address}:\n${by.output}`,
  );

describe.skipIf(!hasSerf || !canNetns).concurrent("discovery", () => {
  it("serf finds us, we find serf, and another cluster on the same network is left alone", async () => {
    await using network = multicastNetwork(5);
    await using pool = new Pool("mdns");
    const [one, two, three, four, five] = network.hosts;
    const flags = ["-discover=orchard"];
    const stranger = await pool.serf({ host: four!, flags: ["-discover=elsewhere"] });
    const first = await discovering(pool, one!, { cluster: "orchard" });
    // It asks three times at its start; past that, whoever comes has to find it.
    await sleep(4000);
    const serf = await pool.serf({ host: two!, flags });
    await untilAllSee([serf], { [first.name]: "alive", [serf.name]: "alive" }, foundMs);
    expect(serf.output).toMatch(/agent: joining: \[.*10\.77\.0\.1:7946.*\]/);
    expect(first.output).not.toContain("found 10.77.0.2:7946");

    const second = await discovering(pool, three!, { cluster: "orchard" });
    const statuses = { [first.name]: "alive", [serf.name]: "alive", [second.name]: "alive" };
    await untilAllSee([serf], statuses, mendedMs);
    expect(second.output).toMatch(/found .*10\.77\.0\.2:7946/);
    expect(second.output).toMatch(/found .*10\.77\.0\.1:7946/);
    expect(second.output).not.toContain("10.77.0.3:7946");

    // Theirs of the other cluster finds nobody, and neither does ours when it comes.
    const other = await discovering(pool, five!, { cluster: "elsewhere" });
    await untilAllSee([stranger], { [stranger.name]: "alive", [other.name]: "alive" }, mendedMs);
    expect(await serfMembers(serf)).toHaveLength(3);
  });

  it("on one host, without a route to the group, by IPv6 alone, and on an interface that comes later", async () => {
    await using network = new Network(3);
    await using pool = new Pool("mdns-links");
    const [one, two, three] = network.hosts as [Host, Host, Host];
    const ip = (host: Host, ...args: string[]) => execFileSync("ip", ["-n", host.namespace, ...args]);
    for (const [i, host] of network.hosts.entries())
      ip(host, "addr", "add", `fd77::${i + 1}/64`, "dev", "eth0", "nodad");
    // Something has to be there from the start: a cable from the host to itself.
    ip(three, "link", "add", "self0", "type", "veth", "peer", "name", "self1");
    ip(three, "addr", "add", "10.99.0.1/24", "dev", "self0");
    for (const end of ["self0", "self1"]) ip(three, "link", "set", end, "up");
    ip(three, "link", "set", "eth0", "down");
    const late = await discovering(pool, three, { cluster: "four" }, "0.0.0.0:7946");

    const four = { cluster: "four", ipv6: false };
    const first = await discovering(pool, one, four);
    await discovering(pool, one, { ...four, interfaceName: "eth0" }, "10.77.0.1:7956");
    await untilFound(first, "10.77.0.1:7956");
    const second = await discovering(pool, two, four);
    await untilFound(second, "10.77.0.1:7946");
    await untilFound(second, "10.77.0.1:7956");

    const six = { cluster: "six", ipv4: false };
    const sixth = await discovering(pool, one, six, "[fd77::1]:7950");
    await discovering(pool, two, six, "[fd77::2]:7950");
    await untilFound(sixth, "[fd77::2]:7950");

    ip(three, "link", "set", "eth0", "up");
    await untilFound(late, "10.77.0.2:7946");
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
