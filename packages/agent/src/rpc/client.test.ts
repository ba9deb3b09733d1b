import { createServer, type Server } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeHost } from "../../test/fake-host.ts";
import { FakeNode, fakeMember } from "../../test/fake-node.ts";
import { RpcClient } from "./client.ts";
import { encode } from "./messages.ts";
import { RpcServer } from "./server.ts";

let host: FakeHost;
let server: RpcServer;

beforeEach(async () => {
  const node = new FakeNode(fakeMember("a", { address: "10.0.0.1", tags: { role: "web", dc: "x" } }), [
    fakeMember("b", { address: "fd00::2", port: 65535, status: "failed", tags: { role: "db" } }),
  ]);
  host = new FakeHost(node);
  server = await RpcServer.listen(host, { host: "127.0.0.1", port: 0, token: "sesame" });
});
afterEach(() => server.close());

const dial = (token = "sesame") => RpcClient.connect({ host: "127.0.0.1", port: server.port, token });

describe("against our own server", () => {
  test("members, whole and filtered", async () => {
    await using client = await dial();
    const members = await client.members();
    expect(members.map(({ name, address, port, status, tags }) => [name, address, port, status, tags])).toEqual([
      ["a", "10.0.0.1", 7946, "alive", { role: "web", dc: "x" }],
      ["b", "fd00::2", 65535, "failed", { role: "db" }],
    ]);
    expect(members[0]).toMatchObject({ protocolMax: 5, delegateMin: 2, delegateCur: 5 });
    expect((await client.membersFiltered({ status: "failed" })).map(({ name }) => name)).toEqual(["b"]);
    expect((await client.membersFiltered({ tags: { role: "w.*" } })).map(({ name }) => name)).toEqual(["a"]);
  });

  test("join: a count, or the agent's words", async () => {
    await using client = await dial();
    host.node.reachable.add("10.0.0.9");
    expect(await client.join(["10.0.0.9", "10.0.0.8"])).toBe(1);
    await expect(client.join(["10.0.0.8"])).rejects.toMatchObject({
      code: "REFUSED",
      message: expect.stringContaining("Failed to join 10.0.0.8"),
    });
    expect(await client.join([])).toBe(0);
  });

  test("stats, force-leave, leave", async () => {
    await using client = await dial();
    expect((await client.stats()).agent).toEqual({ name: "a" });
    await client.forceLeave("b");
    await client.forceLeave("b", { prune: true });
    await client.leave();
    expect(host.node.calls).toEqual([["forceLeave", "b", false], ["forceLeave", "b", true], ["leave"]]);
    expect(host.ended).toBe(true);
  });

  test("calls made at once are answered each with its own", async () => {
    await using client = await dial();
    const [members, stats, failed] = await Promise.all([
      client.members(),
      client.stats(),
      client.membersFiltered({ status: "failed" }),
    ]);
    expect([members.length, stats.agent!.name, failed.length]).toEqual([2, "a", 1]);
  });
});

describe("failures", () => {
  test("the wrong token", async () => {
    await expect(dial("x")).rejects.toMatchObject({ code: "REFUSED", message: "Invalid authentication token" });
  });
  test("no token where one is wanted, also for a command that answers with a body", async () => {
    await using client = await dial("");
    await expect(client.members()).rejects.toMatchObject({ message: "Authentication required" });
    await expect(client.join(["x"])).rejects.toMatchObject({ message: "Authentication required" });
    await expect(client.stats()).rejects.toMatchObject({ message: "Authentication required" });
  });
  test("a request that the agent cannot read", async () => {
    await using client = await dial();
    await expect(client.membersFiltered({ name: "(" })).rejects.toMatchObject({ code: "CLOSED" });
    await expect(client.members()).rejects.toMatchObject({ code: "CLOSED" });
  });
  test("nobody there", async () => {
    await server.close();
    await expect(dial()).rejects.toMatchObject({ code: "UNREACHABLE" });
  });
  test("a signal, before and during a call", async () => {
    await expect(
      RpcClient.connect({ host: "127.0.0.1", port: server.port, signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: "ABORTED" });
    await using client = await dial();
    host.gate = new Promise(() => {});
    const controller = new AbortController();
    const joining = client.join(["x"], { signal: controller.signal });
    controller.abort();
    await expect(joining).rejects.toMatchObject({ code: "ABORTED" });
    await expect(client.members()).rejects.toMatchObject({ code: "ABORTED" });
  });
});

describe("against something else", () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const one of servers.splice(0)) one.close();
  });
  const answering = async (bytes: Uint8Array | undefined) => {
    const other = createServer((socket) => {
      socket.on("error", () => {});
      if (bytes !== undefined) socket.write(bytes);
    });
    servers.push(other);
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    return (other.address() as { port: number }).port;
  };

  test.each([
    ["a web server", new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n")],
    ["an answer to another request", encode({ Error: "", Seq: 77 })],
    ["a byte that begins nothing", Uint8Array.of(0xc1)],
    ["a text of four gigabytes", Uint8Array.of(0xdb, 0xff, 0xff, 0xff, 0xff)],
  ])("%s", async (_what, bytes) => {
    const port = await answering(bytes);
    await expect(RpcClient.connect({ host: "127.0.0.1", port })).rejects.toMatchObject({ code: "BAD_ANSWER" });
  });

  test("silence", async () => {
    const port = await answering(undefined);
    const started = performance.now();
    await expect(RpcClient.connect({ host: "127.0.0.1", port, timeoutMs: 50 })).rejects.toMatchObject({
      code: "TIMED_OUT",
    });
    expect(performance.now() - started).toBeLessThan(2000);
  });
});
