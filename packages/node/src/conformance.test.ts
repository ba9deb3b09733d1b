/**
 * A node in this thread and one in a worker are the same to their user: each case runs over both. The worker needs a
 * file to load, so the isolated half runs against the built package, and is skipped without one.
 */

import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import type { HearsayNode, NodeOptions } from "./api.ts";
import { createNode } from "./node.ts";
import { until } from "./testing/fake-machine.ts";

const built = fileURLToPath(new URL("../dist/index.js", import.meta.url));
type Create = typeof createNode;
const createBuilt: Create = async (options) => {
  const { createNode: create } = (await import(built)) as { createNode: Create };
  return create(options);
};

const open: HearsayNode[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((node) => node.close()));
});

const code = (act: () => Promise<unknown> | undefined): Promise<string> => {
  try {
    return Promise.resolve(act()).then(
      () => "resolved",
      (error: { code: string }) => error.code,
    );
  } catch (error) {
    return Promise.resolve(`threw ${(error as { code: string }).code}`);
  }
};
const at = (node: HearsayNode) => `${node.address}:${node.port}`;
const aborted = { signal: AbortSignal.abort() };

/** What every wish comes to. */
const wishes = async (node: HearsayNode) => [
  await code(() => node.join([])),
  await code(() => node.setTags({})),
  await code(() => node.forceLeave("x")),
  await code(() => void node.setHealthy(true)),
  await code(() => node.leave()),
  await code(() => node.leave(aborted)),
  await code(() => node.close()),
];

describe.each([
  { where: "in this thread", isolate: false, create: createNode },
  { where: "isolated (built package)", isolate: true, create: createBuilt },
])("$where", ({ isolate, create }) => {
  const here = test.skipIf(isolate && !existsSync(built));

  async function start(name: string, options: NodeOptions = {}): Promise<HearsayNode> {
    const config = { probeIntervalMs: 200, probeTimeoutMs: 80, gossipIntervalMs: 20 };
    const node = await create({ name, bind: "127.0.0.1:0", profile: "local", config, isolate, ...options });
    open.push(node);
    return node;
  }

  async function pair(): Promise<[HearsayNode, HearsayNode]> {
    const a = await start("a");
    const b = await start("b", { seeds: [at(a)] });
    await until(() => a.members().length === 2 && b.members().length === 2);
    return [a, b];
  }

  here("after leaving", async () => {
    const [a, b] = await pair();
    expect(await Promise.all([code(() => b.leave()), code(() => b.leave()), code(() => b.leave(aborted))])).toEqual([
      "resolved",
      "resolved",
      "ABORTED",
    ]);
    expect(await wishes(b)).toEqual(["LEFT", "LEFT", "LEFT", "threw LEFT", "resolved", "ABORTED", "resolved"]);
    expect(b.member("a")?.status).toBe("alive");
    expect(a.member("b")?.status).toBe("left");
  });

  here("after closing", async () => {
    const [, b] = await pair();
    await b.close();
    expect(await wishes(b)).toEqual(["CLOSED", "CLOSED", "CLOSED", "threw CLOSED", "CLOSED", "ABORTED", "resolved"]);
  });

  here("a goodbye that was cut short by closing is no goodbye", async () => {
    const [, b] = await pair();
    const leaving = code(() => b.leave());
    const during = [await code(() => b.setTags({ role: "x" })), await code(() => b.leave(aborted))];
    await b.close();
    expect([...during, await leaving]).toEqual(["LEFT", "ABORTED", "CLOSED"]);
    expect(await wishes(b)).toEqual(["CLOSED", "CLOSED", "CLOSED", "threw CLOSED", "CLOSED", "ABORTED", "resolved"]);
  });

  here("a goodbye goes on though nobody waits for it any more", async () => {
    const [a, b] = await pair();
    const controller = new AbortController();
    const leaving = code(() => b.leave({ signal: controller.signal }));
    controller.abort();
    expect(await leaving).toBe("ABORTED");
    expect(await code(() => b.leave())).toBe("resolved");
    await until(() => a.member("b")?.status === "left");
  });

  here("calls under way when the node closes or their signal fires", async () => {
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await until(() => silent.listening);
    const target = `127.0.0.1:${(silent.address() as { port: number }).port}`;
    const a = await start("a");
    expect(await code(() => a.join([target], { signal: AbortSignal.timeout(30) }))).toBe("ABORTED");
    const joining = code(() => a.join([target]));
    const reading = (async () => {
      for await (const _ of a.events());
      return "ended";
    })();
    await a.close();
    expect([await joining, await reading]).toEqual(["CLOSED", "ended"]);
    silent.close();
  });

  here("wrong arguments reject, and change nothing", async () => {
    const a = await start("a");
    expect(await code(() => a.join("127.0.0.1" as unknown as string[]))).toBe("BAD_OPTION");
    expect(await code(() => a.forceLeave(""))).toBe("BAD_OPTION");
    expect(await code(() => a.setTags({ role: 1 as unknown as string }))).toBe("BAD_OPTION");
    expect(await code(() => a.setTags({ big: "x".repeat(600) }))).toBe("TAGS_TOO_LARGE");
    expect(await code(() => a.join([], aborted))).toBe("ABORTED");
    expect(await code(() => a.setTags({ role: "x" }, aborted))).toBe("ABORTED");
    expect(a.local().tags).toEqual({});
  });
});
