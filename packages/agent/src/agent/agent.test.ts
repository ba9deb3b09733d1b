/** Agents with real nodes and sockets, on loopback. */
import { createNode } from "@hearsay/node";
import { afterEach, expect, test, vi } from "vitest";
import { AgentLog } from "../log/agent-log.ts";
import { Agent } from "./agent.ts";
import { type AgentConfig, DEFAULT_CONFIG } from "./config.ts";

const HOST = "127.0.0.1";
const agents: Agent[] = [];
afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.close()));
});

async function start(config: Partial<AgentConfig>, keys: readonly string[] = []): Promise<[Agent, () => string]> {
  let text = "";
  const write = (line: string) => {
    text += line;
  };
  const log = new AgentLog({ level: "INFO", format: "text", write });
  log.open();
  const whole = { ...DEFAULT_CONFIG, bind: `${HOST}:0`, rpcAddr: `${HOST}:0`, profile: "local" as const, ...config };
  const agent = await Agent.start(whole, keys, log, createNode);
  agents.push(agent);
  return [agent, () => text];
}

/** A port that was free a moment ago, for an agent that must know it before it starts. */
async function freePort(): Promise<number> {
  const node = await createNode({ name: "probe", bind: `${HOST}:0` });
  await node.close();
  return node.port;
}

test("-retry-join with our own address in the list goes on until somebody else is there", async () => {
  const [own, other] = [await freePort(), await freePort()];
  const list = [`${HOST}:${own}`, `${HOST}:${other}`];
  const [a, log] = await start({ nodeName: "a", bind: list[0]!, retryJoin: list, retryIntervalMs: 50 });
  await vi.waitFor(() => expect(log().split("only this agent itself answered").length).toBeGreaterThan(2));
  expect(log()).not.toContain("Join completed");
  // It joins nobody: the first has to come by itself.
  await start({ nodeName: "b", bind: list[1]! });
  await vi.waitFor(() => expect(log()).toContain("Join completed. Synced with 2 initial agents"), 5000);
  expect(a.node.members().map(({ name }) => name)).toEqual(["a", "b"]);
});

test("-retry-join of nobody but ourselves ends with -retry-max", async () => {
  const address = `${HOST}:${await freePort()}`;
  const [agent] = await start({ bind: address, retryJoin: [address], retryIntervalMs: 10, retryMaxAttempts: 1 });
  expect(await agent.ended).toEqual({
    type: "failed",
    message: "gave up joining after 2 tries: only this agent itself answered",
  });
});

test("an encrypted pool, and an agent without a key", async () => {
  const [a] = await start({ nodeName: "a" }, [Buffer.alloc(32, 1).toString("base64")]);
  const [b, log] = await start({ nodeName: "b" });
  const address = `${HOST}:${a.node.port}`;
  const error = "that pool is encrypted and this agent has no key (-encrypt)";
  expect(await b.join([address], false)).toEqual({ contacted: 0, failures: [{ address, error }] });
  expect(log()).toContain(`error joining ${address}: ${error}`);
  const [c] = await start({ nodeName: "c" }, [Buffer.alloc(32, 2).toString("base64")]);
  expect((await c.join([address], false)).failures[0]?.error).not.toContain("-encrypt");
});

test("the address chosen for a wildcard is told, one that was given is not", async () => {
  const [a, log] = await start({ bind: "0.0.0.0:0" });
  const address = `${a.node.address}:${a.node.port}`;
  expect(log()).toContain(`agent: advertising ${address} (set -advertise to choose another)`);
  const [, given] = await start({ bind: "0.0.0.0:0", advertise: HOST });
  expect(given()).not.toContain("advertising");
  const [, bound] = await start({});
  expect(bound()).not.toContain("advertising");
});
