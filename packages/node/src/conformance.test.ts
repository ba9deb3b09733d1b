/**
 * A node in this thread and one in a worker are the same to their user: each case runs over both. The worker needs a
 * file to load, so the isolated half runs against the built package, and is skipped without one.
 */

import { createServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { HearsayNode } from "./api.ts";
import { until } from "./testing/fake-machine.ts";
import { at, outcome as code, Nodes, variants } from "./testing/variants.ts";

const aborted = { signal: AbortSignal.abort() };

/** What every wish comes to. */
const wishes = async (node: HearsayNode) => [
  await code(() => node.join([])),
  await code(() => node.setTags({})),
  await code(() => node.forceLeave("x")),
  await code(() => node.userEvent("x")),
  await code(() => node.query("x").started),
  await code(() => node.keys.list()),
  await code(() => void node.setHealthy(true)),
  await code(() => node.leave()),
  await code(() => node.leave(aborted)),
  await code(() => node.close()),
];

describe.each(variants)("$where", (variant) => {
  const here = test.skipIf(variant.missing);
  const nodes = new Nodes(variant);
  const start: Nodes["start"] = (name, options) => nodes.start(name, options);
  afterEach(() => nodes.close());

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
    expect(await wishes(b)).toEqual([...Array(6).fill("LEFT"), "threw LEFT", "resolved", "ABORTED", "resolved"]);
    expect(b.member("a")?.status).toBe("alive");
    expect(a.member("b")?.status).toBe("left");
  });

  here("after closing", async () => {
    const [, b] = await pair();
    await b.close();
    expect(await wishes(b)).toEqual([...Array(6).fill("CLOSED"), "threw CLOSED", "CLOSED", "ABORTED", "resolved"]);
  });

  here("a goodbye that was cut short by closing is no goodbye", async () => {
    const [, b] = await pair();
    const leaving = code(() => b.leave());
    const during = [await code(() => b.setTags({ role: "x" })), await code(() => b.leave(aborted))];
    await b.close();
    expect([...during, await leaving]).toEqual(["LEFT", "ABORTED", "CLOSED"]);
    expect(await wishes(b)).toEqual([...Array(6).fill("CLOSED"), "threw CLOSED", "CLOSED", "ABORTED", "resolved"]);
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
