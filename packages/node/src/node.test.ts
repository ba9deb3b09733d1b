import { createSocket } from "node:dgram";
import { afterEach, describe, expect, test } from "vitest";
import type { HearsayNode, Member, MemberEvent, NodeOptions } from "./api.ts";
import { createNode } from "./node.ts";
import { until } from "./testing/fake-machine.ts";

/** The local profile, five times as fast: the tests wait for real failures. */
const fast: NodeOptions = {
  bind: "127.0.0.1:0",
  profile: "local",
  config: {
    probeIntervalMs: 200,
    probeTimeoutMs: 80,
    gossipIntervalMs: 20,
    suspicionMult: 2,
    settleIntervalMs: 100,
    reconnectIntervalMs: 500,
  },
};

const open: HearsayNode[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((node) => node.close()));
});

async function start(name: string, options: NodeOptions = {}): Promise<HearsayNode> {
  const node = await createNode({ ...fast, name, ...options });
  open.push(node);
  return node;
}

async function pool(size: number, options: NodeOptions = {}): Promise<HearsayNode[]> {
  const first = await start("n0", options);
  const others = await Promise.all(
    Array.from({ length: size - 1 }, (_, i) => start(`n${i + 1}`, { ...options, seeds: [at(first)] })),
  );
  const nodes = [first, ...others];
  await until(() => nodes.every((node) => node.stats().alive === size), "all to see all");
  return nodes;
}

function at(node: HearsayNode): string {
  return `${node.address}:${node.port}`;
}

function statuses(node: HearsayNode): string {
  return node
    .members()
    .map((member) => `${member.name} ${member.status}`)
    .join(", ");
}

describe("a pool of three", () => {
  test("all see all, with tags, addresses and versions; changed tags spread", async () => {
    const nodes = await pool(3, { tags: { role: "web" } });
    const [a, b] = nodes as [HearsayNode, HearsayNode, HearsayNode];
    for (const node of nodes) expect(statuses(node)).toBe("n0 alive, n1 alive, n2 alive");
    expect(a.member("n1")).toMatchObject({
      name: "n1",
      address: "127.0.0.1",
      port: b.port,
      tags: { role: "web" },
      state: "alive",
      protocolMin: 1,
      protocolMax: 5,
      protocolCur: 2,
      delegateMin: 2,
      delegateMax: 5,
      delegateCur: 5,
    });
    expect(Math.abs(a.member("n1")!.since.getTime() - Date.now())).toBeLessThan(5000);
    expect(a.member("nobody")).toBeUndefined();
    expect(a.why("nobody")).toBeUndefined();
    const updated = new Promise<Member>((resolve) => a.once("member-update", resolve));
    await b.setTags({ role: "db", zone: "1" });
    expect((await updated).tags).toEqual({ role: "db", zone: "1" });
    expect(b.local().tags).toEqual({ role: "db", zone: "1" });
    expect(a.why("n1")!.summary).toMatch(/^alive since/);
  });

  test("a goodbye is seen as left, and the node is closed", async () => {
    const [a, b, c] = (await pool(3)) as [HearsayNode, HearsayNode, HearsayNode];
    await Promise.all([b.leave(), b.leave()]);
    await until(() => a.member("n1")?.status === "left" && c.member("n1")?.status === "left");
    expect(a.why("n1")!.summary).toMatch(/^left at .*: it said goodbye itself/);
    await expect(b.setTags({})).rejects.toMatchObject({ code: "LEFT" });
    await expect(b.join([at(a)])).rejects.toMatchObject({ code: "LEFT" });
    await b.leave();
    await b.close();
  });

  test("a goodbye that nobody waits for any more is said all the same, and the node closes", async () => {
    const [a, b] = (await pool(3)) as [HearsayNode, HearsayNode, HearsayNode];
    const reading = (async () => {
      for await (const _ of b.events());
    })();
    await expect(b.leave({ signal: AbortSignal.timeout(1) })).rejects.toMatchObject({ code: "ABORTED" });
    await until(() => a.member("n1")?.status === "left");
    await reading;
    await expect(b.setTags({})).rejects.toMatchObject({ code: "LEFT" });
  });

  test("a death is found and explained; the name comes back on another port", async () => {
    const [a, b, c] = (await pool(3)) as [HearsayNode, HearsayNode, HearsayNode];
    const events: MemberEvent[] = [];
    const stop = new AbortController();
    const reading = (async () => {
      for await (const event of a.events({ signal: stop.signal })) events.push(event);
    })();
    const killedAt = Date.now();
    await c.close();
    await until(() => a.member("n2")?.status === "failed" && b.member("n2")?.status === "failed", "failure", 10_000);
    const why = a.why("n2")!;
    expect(why.summary).toMatch(
      /^failed at \d\d:\d\d:\d\d\.\d{3}: .*dead .* after the first suspicion \(incarnation \d+\)$/,
    );
    expect(why.evidence.some(({ type }) => type === "dead")).toBe(true);
    for (const { time } of why.evidence) {
      expect(time.getTime()).toBeGreaterThan(killedAt - 5000);
      expect(time.getTime()).toBeLessThanOrEqual(Date.now() + 50);
    }
    const back = await start("n2", { seeds: [at(a)] });
    expect(back.port).not.toBe(c.port);
    await until(
      () => [a, b].every((node) => node.member("n2")?.status === "alive" && node.member("n2")?.port === back.port),
      "the return",
    );
    await until(() => events.some(({ type, member }) => type === "member-join" && member.name === "n2"));
    stop.abort();
    await reading;
    const types = events.filter(({ member }) => member.name === "n2").map(({ type }) => type);
    expect(types.slice(0, 3)).toEqual(["member-suspect", "member-failed", "member-join"]);
  });

  test("a failed member can be forced out", async () => {
    const [a, b, c] = (await pool(3)) as [HearsayNode, HearsayNode, HearsayNode];
    await c.close();
    await until(() => a.member("n2")?.status === "failed", "failure", 10_000);
    await a.forceLeave("n2");
    await until(() => a.member("n2")?.status === "left" && b.member("n2")?.status === "left");
    await a.forceLeave("n2", { prune: true });
    await until(() => a.member("n2") === undefined && b.member("n2") === undefined);
  });

  test("drained: an unhealthy node is taken out and comes back", async () => {
    const [a, b] = (await pool(3)) as [HearsayNode, HearsayNode, HearsayNode];
    b.setHealthy(false);
    await until(() => a.member("n1")?.state !== "alive", "suspicion", 10_000);
    b.setHealthy(true);
    await until(() => a.member("n1")?.state === "alive", "refutation", 10_000);
  });
});

describe("joining", () => {
  test("counts who answered and says of each other why not", async () => {
    const a = await start("a");
    const b = await start("b");
    const gone = await start("gone");
    await gone.close();
    const result = await b.join([at(a), `x/${at(gone)}`, "nowhere.invalid", "1.2.3"]);
    expect(result.contacted).toBe(1);
    expect(Object.fromEntries(result.failures.map(({ address, error }) => [address, error]))).toEqual({
      [at(gone)]: `${at(gone)} cannot be reached (connection refused)`,
      "nowhere.invalid": expect.stringMatching(/^"nowhere.invalid": (no such host in DNS|the name server)/),
      "1.2.3": '"1.2.3" is no IP address',
    });
    expect(statuses(a)).toBe("a alive, b alive");
    expect(await b.join([])).toEqual({ contacted: 0, failures: [] });
  });

  test("signals: fired before, during; and closed in between", async () => {
    const a = await start("a", { config: { ...fast.config!, streamTimeoutMs: 5000 } });
    const silent = await silentServer();
    await expect(a.join([silent.at], { signal: AbortSignal.abort("no") })).rejects.toMatchObject({
      code: "ABORTED",
      cause: "no",
    });
    await expect(a.join([silent.at], { signal: AbortSignal.timeout(30) })).rejects.toMatchObject({ code: "ABORTED" });
    const joining = a.join([silent.at]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await a.close();
    await expect(joining).rejects.toMatchObject({ code: "CLOSED" });
    await expect(a.join([])).rejects.toMatchObject({ code: "CLOSED" });
    silent.close();
  });

  test("seeds that come up later are found without anybody's help", async () => {
    const reserved = await start("reserved");
    const seed = at(reserved);
    await reserved.close();
    const a = await start("a", { seeds: [seed] });
    expect(a.stats().alive).toBe(1);
    await start("b", { bind: seed });
    await until(() => a.stats().alive === 2, "the join", 10_000);
  });

  test("keys and labels keep pools apart, and drops are reported, not more than one a second for each reason", async () => {
    const key = Buffer.alloc(16, 1).toString("base64");
    const a = await start("a", { keys: [key], label: "blue" });
    const dropped: { reason: string; count: number }[] = [];
    a.on("dropped", (drop) => dropped.push(drop));
    const b = await start("b", { keys: [key], label: "blue", seeds: [at(a)] });
    expect(statuses(b)).toBe("a alive, b alive");
    const wrongKey = await start("c", { keys: [Buffer.alloc(32, 2)], label: "blue" });
    expect((await wrongKey.join([at(a)])).contacted).toBe(0);
    const wrongLabel = await start("d", { keys: [key] });
    expect((await wrongLabel.join([at(a)])).contacted).toBe(0);
    const flood = createSocket("udp4");
    for (let i = 0; i < 200; i++) flood.send(Uint8Array.of(99), a.port, a.address);
    await until(() => (a.stats().drops["label-mismatch"] ?? 0) >= 200);
    flood.close();
    expect(dropped.filter(({ reason }) => reason === "label-mismatch").length).toBeLessThanOrEqual(2);
    expect(statuses(a)).toBe("a alive, b alive");
    expect(a.stats().encrypted).toBe(true);
  });
});

describe("starting and stopping", () => {
  test("a taken port, a bad option, an aborted start: rejected, and nothing stays open", async () => {
    const a = await start("a");
    await expect(start("b", { bind: at(a) })).rejects.toMatchObject({ code: "ADDRESS_IN_USE" });
    await expect(start("b", { tags: { big: "x".repeat(600) } })).rejects.toMatchObject({
      code: "TAGS_TOO_LARGE",
      message: "tags: encoded they exceed 512 bytes; set fewer or shorter ones",
    });
    await expect(start("b", { bind: "no-such-host.invalid:1" })).rejects.toMatchObject({ code: "BAD_OPTION" });
    await expect(start("b", { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "ABORTED" });
    const silent = await silentServer();
    await expect(start("b", { seeds: [silent.at], signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      code: "ABORTED",
    });
    silent.close();
  });

  test("a signal closes the node; await using does too; events end", async () => {
    const controller = new AbortController();
    const a = await start("a", { signal: controller.signal });
    const reading = (async () => {
      for await (const _ of a.events());
    })();
    controller.abort();
    await reading;
    await expect(a.setTags({})).rejects.toMatchObject({ code: "CLOSED" });
    let port = 0;
    {
      await using b = await createNode({ ...fast, name: "b" });
      port = b.port;
    }
    await start("c", { bind: `127.0.0.1:${port}` });
  });

  test("leaves nothing behind", async () => {
    const kinds = () => process.getActiveResourcesInfo().filter((kind) => /UDP|TCP|Timeout/.test(kind));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const before = kinds().length;
    const nodes = await pool(3);
    const joining = nodes[0]!.join(["127.0.0.1:1"]).catch(() => {});
    await Promise.all(nodes.map((node) => node.close()));
    await joining;
    await until(() => kinds().length <= before, "handles to go");
  });

  test("a listener that throws does not stop the node", async () => {
    const errors: unknown[] = [];
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", (error) => errors.push(error));
    try {
      const a = await start("a");
      a.on("member-join", () => {
        throw new Error("listener's bug");
      });
      await start("b", { seeds: [at(a)] });
      await start("c", { seeds: [at(a)] });
      await until(() => a.stats().alive === 3 && errors.length >= 2);
      expect(String(errors[0])).toContain("listener's bug");
    } finally {
      process.removeAllListeners("uncaughtException");
      for (const listener of listeners) process.on("uncaughtException", listener);
    }
  });

  test("a logger that throws does not stop the node", async () => {
    const fail = () => {
      throw new Error("the log is full");
    };
    const a = await start("a", { logger: { trace: fail, debug: fail, info: fail, warn: fail, error: fail } });
    await start("b", { seeds: [at(a)] });
    await until(() => a.stats().alive === 2);
  });

  test("IPv6 and dual stack", async () => {
    const a = await start("a", { bind: "[::1]:0" });
    const b = await start("b", { bind: "[::1]:0", seeds: [`[::1]:${a.port}`] });
    expect(statuses(b)).toBe("a alive, b alive");
    expect(b.member("a")!.address).toBe("::1");
    const dual = await start("dual", { bind: "[::]:0", advertise: "127.0.0.1" });
    const four = await start("four", { seeds: [`127.0.0.1:${dual.port}`] });
    expect(statuses(four)).toBe("dual alive, four alive");
    await until(() => four.stats().packetsReceived > 2 && dual.stats().packetsReceived > 2);
    expect(statuses(dual)).toBe("dual alive, four alive");
  });
});

/** Takes connections and says nothing. */
async function silentServer() {
  const { createServer } = await import("node:net");
  const sockets = new Set<import("node:net").Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  }).listen(0, "127.0.0.1");
  await until(() => server.listening);
  return {
    at: `127.0.0.1:${(server.address() as { port: number }).port}`,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
