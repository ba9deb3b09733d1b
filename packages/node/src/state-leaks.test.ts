/** What replicated state opens, it closes: timers, files, listeners of signals. */

import { getEventListeners } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { readlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { createNode } from "./node.ts";
import { until } from "./testing/fake-machine.ts";

/** Files of the folder that this process has open. Where the system does not tell, none. */
async function openIn(folder: string): Promise<string[]> {
  const descriptors = process.platform === "linux" ? readdirSync("/proc/self/fd") : [];
  const paths = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")));
  return paths.filter((path) => path.startsWith(folder));
}

const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;

test("nothing is left of a node that has used all of it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hearsay-leaks-"));
  const controller = new AbortController();
  const { signal } = controller;
  const before = timers();
  for (const end of ["close", "leave"] as const) {
    const options = {
      profile: "local",
      bind: "127.61.3.1:0",
      stateFile: join(folder, end),
      stateSaveIntervalMs: 100,
    } as const;
    const node = await createNode({ name: "a", ...options });
    expect(await openIn(folder)).toEqual([`${options.stateFile}.log`]);
    const reading = (async () => {
      for await (const _ of node.state.watch("", { signal }));
      return "ended";
    })();
    node.shared.watch("", { signal, initial: true });
    node.aggregate("x", () => 1, { signal, roundMs: 20, epochRounds: 10 });
    await node.state.set("k", 1, { signal, ttl: 50 });
    await node.counter("n").add(1, { signal });
    await node.saveState({ signal });
    await until(() => node.state.get("k") === undefined, "the end of the key");
    expect(getEventListeners(signal, "abort")).toHaveLength(3);
    await node[end]();
    expect([await reading, getEventListeners(signal, "abort").length, await openIn(folder)]).toEqual(["ended", 0, []]);
    expect(
      readdirSync(folder)
        .filter((file) => file.startsWith(end))
        .sort(),
    ).toEqual([end, `${end}.log`]);
  }
  await until(() => timers() <= before, "the end of all timers");
  rmSync(folder, { recursive: true });
});

test("a start that fails has opened nothing", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hearsay-leaks-"));
  const good = await createNode({ name: "a", bind: "127.61.3.2:0", profile: "local", stateFile: join(folder, "x") });
  const bind = `127.61.3.2:${good.port}`;
  await expect(createNode({ name: "b", bind, stateFile: join(folder, "y") })).rejects.toMatchObject({
    code: "ADDRESS_IN_USE",
  });
  await good.close();
  const wrong = createNode({ name: "b", bind, stateFile: folder });
  await expect(wrong).rejects.toMatchObject({ code: "STATE_FILE", option: "stateFile" });
  expect([await openIn(folder), readdirSync(folder).sort()]).toEqual([[], ["x", "x.log"]]);
  // The place is free again.
  await (await createNode({ name: "b", bind, profile: "local" })).close();
  rmSync(folder, { recursive: true });
});

test("nothing is left of a node that could not be made", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hearsay-leaks-"));
  const sockets = () =>
    process.getActiveResourcesInfo().filter((kind) => kind === "UDPWrap" || kind === "TCPServerWrap");
  const options = { name: "a", bind: "127.63.0.2:0", stateFile: join(folder, "s"), snapshotPath: join(folder, "p") };
  // Beyond the numbers that lives may have.
  vi.spyOn(Date, "now").mockReturnValue(2 ** 52 + 2);
  await expect(createNode(options)).rejects.toThrow("generation");
  vi.restoreAllMocks();
  expect([await openIn(folder), sockets()]).toEqual([[], []]);
  rmSync(folder, { recursive: true });
});

test("a clock of another age is no reason not to start", async () => {
  for (const year of [1970, 2045, 2200]) {
    vi.spyOn(Date, "now").mockReturnValue(Date.UTC(year, 1));
    const node = await createNode({ name: "a", bind: "127.63.0.2:0" });
    await node.counter("n").add(2);
    await node.shared.set("k", year);
    expect([node.counter("n").value(), node.shared.get("k")]).toEqual([2n, year]);
    await node.close();
  }
  vi.restoreAllMocks();
});
