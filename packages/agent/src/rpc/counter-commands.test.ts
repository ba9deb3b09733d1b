/** Counters and aggregates over RPC. */
import type { MsgpackInput } from "@hearsay/wire";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeHost } from "../../test/fake-host.ts";
import { FakeNode, fakeMember } from "../../test/fake-node.ts";
import { Peer, request } from "../../test/peer.ts";
import { decodeAggregates } from "./aggregate-messages.ts";
import { RpcClient } from "./client.ts";
import { decodeCounters } from "./counter-commands.ts";
import { encode } from "./messages.ts";
import { RpcServer } from "./server.ts";

let node: FakeNode;
let other: FakeNode;
let host: FakeHost;
let server: RpcServer;
let client: RpcClient;

beforeEach(async () => {
  node = new FakeNode(fakeMember("a"));
  other = new FakeNode(fakeMember("b"));
  FakeNode.link([node, other]);
  host = new FakeHost(node);
  server = await RpcServer.listen(host, { host: "127.0.0.1", port: 0 });
  client = await RpcClient.connect({ host: "127.0.0.1", port: server.port });
});
afterEach(async () => {
  await client.close();
  await server.close();
});

async function refusal(command: string, body: MsgpackInput): Promise<unknown> {
  const peer = await Peer.greeted(server.port);
  const header = await peer.send(request(command, 7), body).header();
  peer.socket.destroy();
  return header === "closed" ? header : header.error;
}

describe("counters", () => {
  test("up, down, and what others have counted", async () => {
    await other.counter("hits").add(10);
    expect(await client.counters.add("hits")).toEqual({ name: "hits", value: 11n, own: 1n });
    expect(await client.counters.add("hits", -4)).toEqual({ name: "hits", value: 7n, own: -3n });
    expect(await client.counters.get("hits")).toEqual({ name: "hits", value: 7n, own: -3n });
    expect(await client.counters.get("never")).toEqual({ name: "never", value: 0n, own: 0n });
    await client.counters.add("all", Number.MAX_SAFE_INTEGER);
    await other.counter("all").add(Number.MAX_SAFE_INTEGER);
    expect(await client.counters.list()).toEqual([
      { name: "all", value: 2n * BigInt(Number.MAX_SAFE_INTEGER), own: BigInt(Number.MAX_SAFE_INTEGER) },
      { name: "hits", value: 7n, own: -3n },
    ]);
  });

  test("a long list takes turns with others", async () => {
    for (let i = 0; i < 200; i++) await node.counter(`c${i}`).add();
    let looked = 0;
    const counter = node.counter.bind(node);
    node.counter = (name) => {
      looked++;
      const until = performance.now() + 1;
      while (performance.now() < until);
      return counter(name);
    };
    const list = client.counters.list();
    await expect.poll(() => looked, { interval: 1 }).toBeGreaterThan(0);
    await using second = await RpcClient.connect({ host: "127.0.0.1", port: server.port });
    await second.stats();
    expect(looked).toBeLessThan(150);
    expect(await list).toHaveLength(200);
  });

  test("a sum over 64 bits", () => {
    const body = { Counter: { Name: "n", Value: "-184467440737095516160", Own: "0" } };
    expect(decodeCounters(encode(body))).toEqual([{ name: "n", value: -184467440737095516160n, own: 0n }]);
    expect(() => decodeCounters(encode({ Counter: { Name: "n", Value: "1e9" } }))).toThrow("cannot be read");
  });

  test.each<[Record<string, MsgpackInput>, string]>([
    [{ Name: "" }, "a counter's name has 1 to 128 bytes"],
    [{ Name: "n", Amount: 2 ** 53 }, "closed"],
    [{ Name: "n", Amount: 2n ** 53n }, "The amount is no whole number between -(2^53 - 1) and 2^53 - 1"],
    [{ Name: "n", Amount: 1.5 }, "closed"],
    [{ Name: 5 }, "closed"],
  ])("%o is refused", async (body, error) => {
    expect(await refusal("counter-add", body)).toBe(error);
    expect(node.counters()).toEqual([]);
  });
});

describe("aggregates", () => {
  test("a number is told, told anew, and taken back", async () => {
    using _others = other.aggregate("load", () => 4);
    await expect(client.aggregates.get("load")).rejects.toMatchObject({ message: "No such aggregate" });
    await client.aggregates.set("load", -404);
    await expect(client.aggregates.get("load")).rejects.toMatchObject({ message: "No result yet" });
    expect(await client.aggregates.list()).toEqual([{ name: "load", value: -404, reading: undefined }]);
    await client.aggregates.set("load", 2);
    const { value, reading } = await client.aggregates.get("load");
    expect([value, reading]).toEqual([2, host.aggregates.get("load")!.reading]);
    expect(reading).toMatchObject({ count: 2, sum: 6, mean: 3, min: 2, max: 4, variance: 1, epoch: 3, age: 2100 });
    expect(reading!.quantiles).toEqual({ p01: 2, p05: 2, p25: 2, p50: 4, p75: 4, p95: 4, p99: 4 });
    await client.aggregates.unset("load");
    await expect(client.aggregates.unset("load")).rejects.toMatchObject({ message: "No such aggregate" });
    expect(await client.aggregates.list()).toEqual([]);
  });

  test("settings: given once they stay, others begin it anew, wrong ones are refused", async () => {
    const opened: unknown[] = [];
    const aggregate = node.aggregate.bind(node);
    node.aggregate = (name, source, options) => {
      opened.push(options);
      return aggregate(name, source, options);
    };
    await client.aggregates.set("x", 1, { roundMs: 50 });
    await client.aggregates.set("x", 2);
    await client.aggregates.set("x", 3, { roundMs: 50 });
    await client.aggregates.set("x", 4, { epochRounds: 10 });
    expect(opened).toEqual([{ roundMs: 50 }, { roundMs: 50, epochRounds: 10 }]);
    expect((await client.aggregates.get("x")).value).toBe(4);
    await expect(client.aggregates.set("y", 1, { roundMs: 1e9 })).rejects.toMatchObject({ code: "REFUSED" });
    await expect(client.aggregates.set("x", 5, { roundMs: 1e9 })).rejects.toMatchObject({ code: "REFUSED" });
    expect((await client.aggregates.get("x")).value).toBe(4);
    expect(opened.at(-1)).toEqual({ roundMs: 50, epochRounds: 10 });
    expect(node.aggregates()).toEqual(["x"]);
    host.aggregates.close();
    expect(node.aggregates()).toEqual([]);
  });

  test.each<[Record<string, MsgpackInput>, string]>([
    [{ Name: "x" }, "The value is no finite number"],
    [{ Name: "x", Value: Number.NaN }, "The value is no finite number"],
    [{ Name: "x", Value: Number.POSITIVE_INFINITY }, "The value is no finite number"],
    [{ Name: "", Value: 1 }, "an aggregate's name has 1 to 64 bytes"],
    [{ Name: "x", Value: "1" }, "closed"],
  ])("%j is refused", async (body, error) => {
    expect(await refusal("aggregate-set", body)).toBe(error);
    expect(node.aggregates()).toEqual([]);
  });

  test("a reading without a field that this program knows has no number there", () => {
    const [view] = decodeAggregates(encode({ Aggregate: { Name: "x", Value: 1, Reading: { Count: 2, New: 5 } } }));
    expect(view!.reading).toMatchObject({ count: 2, sum: Number.NaN, quantiles: { p50: Number.NaN } });
  });
});
