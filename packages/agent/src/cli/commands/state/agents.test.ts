/** Replicated state among real agents, by the command line. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import {
  agent,
  cli,
  endAgents,
  failure,
  ok,
  type RunningAgent,
  running,
  signal,
} from "../../../../test/running-agents.ts";

const folder = mkdtempSync(join(tmpdir(), "hearsay-agents-"));
afterEach(endAgents);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const at = (of: RunningAgent) => `-rpc-addr=${of.rpc}`;
const everyone = { timeout: 10_000 };

/** Agents `n1` … that all know each other. */
async function pool(count: number, ...flags: string[]): Promise<RunningAgent[]> {
  const first = await agent("-node=n1", "-bind=127.62.2.1:0", ...flags);
  const agents = [first];
  for (let i = 2; i <= count; i++) {
    agents.push(await agent(`-node=n${i}`, `-bind=127.62.2.${i}:0`, `-join=${first.gossip}`, ...flags));
  }
  const sizes = () => Promise.all(agents.map(async (one) => (await ok("members", at(one))).split("\n").length - 1));
  await expect.poll(sizes, everyone).toEqual(agents.map(() => count));
  return agents;
}

test("what one sets, all others read, list and see change", async () => {
  const [a, b, c] = (await pool(3)) as [RunningAgent, RunningAgent, RunningAgent];
  const watch = cli("state", "watch", at(c), "-format=json", "-initial");
  await ok("state", "set", at(a), "-json", "load", '{"cpu":0.5}');
  await ok("state", "set", at(b), "-shared", "leader", "n2");
  await expect.poll(() => ok("state", "list", at(c)), everyone).toBe('n1  load  {"cpu":0.5}\n');
  await expect.poll(() => ok("state", "list", "-shared", at(c)), everyone).toMatch(/^leader {2}.* {2}n2 {2}n2\n$/);
  expect(await ok("state", "get", "-member=n1", "load", at(b))).toBe('{"cpu":0.5}\n');
  expect(await failure("state", "get", "load", at(b))).toBe('Error reading "load": No such key');
  expect(await failure("state", "delete", "load", at(b))).toBe('Error deleting "load": No such key');
  await ok("state", "delete", "load", at(a));
  await ok("state", "delete", "-shared", "leader", at(c));
  await expect.poll(() => ok("state", "list", at(b)), everyone).toBe("");
  await expect.poll(() => ok("state", "list", "-shared", at(a)), everyone).toBe("");
  await expect.poll(() => watch.out.split("\n").length, everyone).toBe(3);
  expect(watch.out.split("\n", 2).map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { member: "n1", key: "load", value: { cpu: 0.5 }, deleted: false, local: false, dropped: 0 },
    { member: "n1", key: "load", before: { value: { cpu: 0.5 } }, deleted: true, local: false, dropped: 0 },
  ]);
});

test("a key that ends by itself; one too large; names that are none", async () => {
  const [a] = (await pool(1)) as [RunningAgent];
  await ok("state", "set", at(a), "-ttl=3s", "k", "v");
  expect(await ok("state", "get", at(a), "k")).toBe("v\n");
  await expect.poll(() => cli("state", "get", at(a), "k").code, everyone).toBe(1);
  expect(await failure("state", "set", at(a), "big", "x".repeat(70_000))).toMatch(/^Error writing "big": .*65536/);
  expect(await failure("state", "set", at(a), "", "x")).toMatch(/^Error writing "": /);
  expect(await failure("state", "set", at(a), "y".repeat(256), "x")).toMatch(/^Error writing "y{63}…": /);
  expect(await failure("counter", "add", "", at(a))).toMatch(/^Error counting "": /);
  expect(await failure("counter", "add", "z".repeat(129), at(a))).toMatch(/^Error counting "z{63}…": /);
  expect(await failure("aggregate", "set", "", "1", at(a))).toMatch(/^Error taking part in "": /);
  expect(await failure("aggregate", "set", "x", "1", "-epoch=5", at(a))).toMatch(/^Error taking part in "x": .*10/);
  expect(await ok("aggregate", "list", at(a))).toBe("");
});

test("three agents count at once, and all agree on the sum", async () => {
  const agents = await pool(3);
  const work = agents.flatMap((one) =>
    Array.from({ length: 20 }, (_, i) => ok("counter", "add", "hits", `${i - 5}`, at(one))),
  );
  await Promise.all(work);
  const counts = () => Promise.all(agents.map((one) => ok("counter", "get", "hits", at(one))));
  await expect.poll(counts, everyone).toEqual(["270\n", "270\n", "270\n"]);
  expect(await ok("counter", "list", at(agents[1]!))).toBe("hits  270  own 90\n");
});

test("five agents, one statistic", async () => {
  const agents = await pool(5);
  const rounds = ["-round=30ms", "-epoch=30"];
  for (const [i, one] of agents.entries()) await ok("aggregate", "set", "load", `${i - 1}`, ...rounds, at(one));
  interface View {
    readonly reading: Record<string, number> | null;
  }
  const reading = async (of: RunningAgent) => {
    const { code, out } = await settled(cli("aggregate", "get", "load", "-format=json", at(of)));
    return code === 0 ? (JSON.parse(out) as View).reading : null;
  };
  for (const one of agents) {
    await expect.poll(async () => (await reading(one))?.count ?? 0, { timeout: 20_000 }).toBeCloseTo(5, 1);
    const found = (await reading(one))!;
    expect(found.mean).toBeCloseTo(1, 0);
    expect([found.min, found.max]).toEqual([-1, 3]);
  }
  expect(await ok("aggregate", "list", at(agents[4]!))).toMatch(/^load {2}own 3 {2}mean [\d.]+ of [\d.]+\n$/);
  await ok("aggregate", "unset", "load", at(agents[4]!));
  expect(await ok("aggregate", "list", at(agents[4]!))).toBe("");
}, 60_000);

async function settled(run: ReturnType<typeof cli>) {
  return { code: await run.code, out: run.out };
}

describe("agents of other kinds", () => {
  test("-state=false: the commands say so; others are as well off as before", async () => {
    const a = await agent("-node=a", "-bind=127.62.2.1:0");
    const b = await agent("-node=b", "-bind=127.62.2.2:0", `-join=${a.gossip}`, "-state=false");
    await ok("state", "set", at(a), "k", "v");
    for (const words of [
      ["state", "list"],
      ["state", "watch"],
      ["counter", "list"],
      ["aggregate", "set", "x", "1"],
    ]) {
      expect(await failure(...words, at(b))).toMatch(/: Replicated state is off on this agent$/);
    }
    expect(await ok("members", at(b))).toMatch(/^a .* alive {2}hs=1sca\nb .* alive\n$/);
  });

  test("-detector=phi: the same commands", async () => {
    const [a, b] = (await pool(2, "-detector=phi")) as [RunningAgent, RunningAgent];
    await ok("state", "set", at(a), "k", "v");
    await expect.poll(() => ok("state", "list", at(b)), everyone).toBe("n1  k  v\n");
    await ok("counter", "add", "c", "3", at(b));
    await expect.poll(() => ok("counter", "get", "c", at(a)), everyone).toBe("3\n");
  });
});

test("-state-file: shared keys and counters are there again after a restart, own keys are not", async () => {
  const flags = ["-node=a", "-bind=127.62.2.1:0", `-state-file=${join(folder, "state")}`];
  const first = await agent(...flags);
  await ok("state", "set", at(first), "-shared", "k", "v");
  await ok("state", "set", at(first), "own", "v");
  await ok("counter", "add", "hits", "7", at(first));
  signal("SIGTERM");
  await first.code;
  expect(running.size).toBe(0);
  const second = await agent(...flags);
  expect(await ok("state", "get", at(second), "-shared", "k")).toBe("v\n");
  expect(await ok("state", "list", at(second))).toBe("");
  expect(await ok("counter", "add", "hits", at(second))).toBe("8\n");
  signal("SIGTERM");
  await second.code;
  const nowhere = cli("agent", "-bind=127.62.2.1:0", "-rpc-addr=127.0.0.1:0", `-state-file=${join(folder, "no", "s")}`);
  expect(await nowhere.code).toBe(1);
  expect(nowhere.err).toContain("-state-file: ");
});
