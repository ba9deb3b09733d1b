/** A program that computes for 30 s without a pause, with a node of ours inside. */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type Agent, all, hasSerf, type LoggedEvent, mendedMs, Pool, sleep, untilAllSee, waitFor } from "./harness.ts";

const program = fileURLToPath(new URL("embedded.mjs", import.meta.url));
const blockMs = 30_000;

describe.skipIf(!hasSerf).concurrent("a main thread blocked for 30 s", () => {
  it("with isolate, not one member event anywhere", async () => {
    await using pool = new Pool("isolated");
    const { agents, embedded } = await poolWith(pool, true);
    const before = agents.map((agent) => agent.events().length);
    embedded.block(blockMs);
    await embedded.until("unblocked", blockMs + 5000);
    await sleep(5000); // an accusation would have come by now

    for (const [i, agent] of agents.entries()) expect(agent.events().slice(before[i]), agent.name).toEqual([]);
    expect(embedded.since("blocked").map((event) => event.type)).toEqual(["unblocked"]);
  });

  it("without, it is found failed, comes back by itself, and accuses no one", async () => {
    await using pool = new Pool("blocked");
    const { agents, embedded } = await poolWith(pool, false);
    const before = agents.map((agent) => agent.events().length);
    embedded.block(blockMs);
    await untilAllSee(agents, { ...all(agents), [embedded.name]: "failed" }, blockMs);
    await embedded.until("unblocked", blockMs + 5000);
    await untilAllSee(agents, { ...all(agents), [embedded.name]: "alive" }, mendedMs);
    await sleep(5000); // an accusation would have come by now

    for (const [i, agent] of agents.entries()) {
      const others = agent
        .events()
        .slice(before[i])
        .filter((event) => event.member !== embedded.name);
      expect(others, agent.name).toEqual([]);
    }
    const bad = ["member-failed", "member-suspect", "member-leave"];
    expect(embedded.since("blocked").filter((event) => bad.includes(event.type))).toEqual([]);
  });
});

/** Two agents of each kind and the program, all knowing each other. */
async function poolWith(pool: Pool, isolate: boolean) {
  const agents = await pool.mixed(2);
  const embedded = new Embedded(pool, agents, isolate);
  await embedded.until("ready", 10_000);
  await untilAllSee(agents, { ...all(agents), [embedded.name]: "alive" }, mendedMs);
  await sleep(3000); // the last of the join's events
  return { agents, embedded };
}

class Embedded {
  readonly name: string;
  readonly #child;
  #output = "";

  constructor(pool: Pool, seeds: readonly Agent[], isolate: boolean) {
    const { name, address } = pool.place("embedded");
    this.name = name;
    const options = { name, bind: `${address}:7946`, seeds: seeds.map((agent) => agent.gossip), isolate };
    this.#child = pool.run([process.execPath, program, JSON.stringify(options)]);
    this.#child.stdout!.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
  }

  get events(): LoggedEvent[] {
    const lines = this.#output.slice(0, this.#output.lastIndexOf("\n") + 1).split("\n");
    return lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as LoggedEvent);
  }

  block(ms: number): void {
    this.#child.stdin!.write(`block ${ms}\n`);
  }

  /** Events after the first of this type. */
  since(type: string): LoggedEvent[] {
    return this.events.slice(this.events.findIndex((event) => event.type === type) + 1);
  }

  async until(type: string, ms: number): Promise<void> {
    await waitFor(
      () => this.events.some((event) => event.type === type),
      ms,
      () => `no "${type}" from the program:\n${this.#output}`,
    );
  }
}
