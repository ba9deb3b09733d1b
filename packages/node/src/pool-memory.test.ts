/** What a node writes down and finds again: over real files, and pools that have partly gone. */

import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import type { Logger } from "./api.ts";
import { until } from "./testing/fake-machine.ts";
import { at, eventsAt, Nodes, outcome, variants } from "./testing/variants.ts";

const folder = mkdtempSync(join(tmpdir(), "hearsay-memory-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const freshPath = () => join(folder, `${++files}.snapshot`);

const nodes = new Nodes(variants[0]!);
const silent: Server[] = [];
afterEach(async () => {
  await nodes.close();
  for (const server of silent.splice(0)) server.close();
});

/** A logger that keeps its lines. */
function keeper() {
  const lines: string[] = [];
  const keep = (level: string) => (_: object, message: string) => lines.push(`${level} ${message}`);
  const logger: Logger = {
    trace: keep("trace"),
    debug: keep("debug"),
    info: keep("info"),
    warn: keep("warn"),
    error: keep("error"),
  };
  return { lines, logger };
}

const linesOf = (path: string) => readFileSync(path, "utf8").split("\n").filter(Boolean);

test("joins, goodbyes and deaths are written, and the times that were seen", async () => {
  const path = freshPath();
  const [a, b, c] = await nodes.pool(["a", "b", "c"], (name) => (name === "a" ? { snapshotPath: path } : {}));
  await b.userEvent("told");
  await b.leave();
  await c.close();
  await until(() => a.member("b")?.status === "left" && a.member("c")?.status === "failed", "departures");
  const { memberTime, eventTime, queryTime } = a.stats();
  await a.close();
  const lines = linesOf(path);
  for (const node of [a, b, c]) expect(lines).toContain(`alive: ${node.name} ${at(node)}`);
  expect(lines).toContain("not-alive: b");
  expect(lines).toContain("not-alive: c");
  expect(lines).not.toContain("not-alive: a");
  expect(lines).toContain(`clock: ${memberTime - 1}`);
  expect(lines).toContain(`event-clock: ${eventTime - 1}`);
  expect(queryTime).toBeLessThanOrEqual(1);
});

test.each(["closed", "killed"])(
  "%s and started again, a node is told what it missed and nothing twice",
  async (end) => {
    const path = freshPath();
    const [b, a] = await nodes.pool(["b", "a"], (name) => (name === "a" ? { snapshotPath: path } : {}));
    // Stamped before the end of the one that will miss them, with the times of events that it sees.
    const lagging = await nodes.start("lagging");
    await lagging.userEvent("on its way");
    await lagging.userEvent("of equal time");
    const before = eventsAt(a);
    await b.userEvent("one");
    await a.userEvent("two", new TextEncoder().encode("payload"));
    await until(() => before.length === 2, "the events");
    let copy = path;
    if (end === "killed") {
      // The file as it is at some moment. Nothing of this process can be lost; that the system gets it in time, the torture
      // of the file shows.
      await until(() => linesOf(path).filter((line) => line.startsWith("# seen-event: ")).length === 2, "the lines");
      copyFileSync(path, (copy = freshPath()));
    }
    await a.close();
    await lagging.join([at(b)]);
    await b.userEvent("in its absence");

    const again = await nodes.start("a", { snapshotPath: copy });
    const seen = eventsAt(again);
    const missed = ["in its absence ", "of equal time ", "on its way "];
    await until(() => seen.length === missed.length, "what was missed");
    await again.join([at(b), at(lagging)], { replay: true });
    expect([...seen].sort()).toEqual(missed);
    await again.close();

    const third = await nodes.start("a", { snapshotPath: copy });
    const twice = eventsAt(third);
    await third.join([at(b), at(lagging)], { replay: true });
    await b.userEvent("last");
    await until(() => twice.length > 0, "the last");
    expect(twice).toEqual(["last "]);
  },
);

test("after a Serf agent had the file, all up to its time is of the past", async () => {
  const path = freshPath();
  const [b, a] = await nodes.pool(["b", "a"], (name) => (name === "a" ? { snapshotPath: path } : {}));
  const lagging = await nodes.start("lagging");
  for (const name of ["seen by serf", "past", "too"]) await lagging.userEvent(name);
  await b.userEvent("one");
  await until(() => a.stats().eventTime === 2, "the event");
  await a.close();
  // As Serf does: it names everybody whom it meets again, and times only if they are news.
  writeFileSync(path, `alive: a ${at(a)}\nalive: b ${at(b)}\nevent-clock: 2\n`, { flag: "a" });
  await lagging.join([at(b)]);
  const again = await nodes.start("a", { snapshotPath: path });
  const seen = eventsAt(again);
  await until(() => seen.length > 0, "what Serf had not seen");
  await again.join([at(b), at(lagging)], { replay: true });
  expect(seen).toEqual(["too "]);
});

test("a start that is given up has not seen what it told nobody", async () => {
  const path = freshPath();
  const [b, a] = await nodes.pool(["b", "a"], (name) => (name === "a" ? { snapshotPath: path } : {}));
  await a.close();
  await b.userEvent("missed");
  const controller = new AbortController();
  const { logger } = keeper();
  const debug = (_: object, line: string) => line === "user-event: missed" && controller.abort();
  const options = { snapshotPath: path, seeds: [at(b)], logger: { ...logger, debug }, signal: controller.signal };
  expect(await outcome(() => nodes.start("a", options))).toBe("ABORTED");
  const again = await nodes.start("a", { snapshotPath: path });
  const seen = eventsAt(again);
  await until(() => seen.length > 0, "the event again");
  expect(seen).toEqual(["missed "]);
});

test("a node that got another name does not take itself for company", async () => {
  const path = freshPath();
  const first = await nodes.start("old", { snapshotPath: path });
  const bind = at(first);
  await first.close();
  writeFileSync(path, "alive: gone 127.0.0.1:2\n", { flag: "a" });
  const { lines, logger } = keeper();
  await nodes.start("new", { snapshotPath: path, bind, logger });
  const verdict = () => lines.find((line) => /rejoined the pool|none of the/.test(line));
  await until(() => verdict() !== undefined, "the line");
  expect(verdict()).toBe("warn none of the 1 members of the snapshot can be reached");
});

test("a file from a Serf agent: its times are not seen again, its members are tried until one answers", async () => {
  // One that takes connections and says nothing, one that refuses, one that lives; and our own name, elsewhere.
  const mute = createServer(() => {}).listen(0, "127.0.0.1");
  silent.push(mute);
  await until(() => mute.listening);
  const other = await nodes.start("other node");
  const path = freshPath();
  writeFileSync(
    path,
    `alive: me 127.0.0.1:1\nalive: mute 127.0.0.1:${(mute.address() as { port: number }).port}\n` +
      `alive: gone 127.0.0.1:2\nalive: other node ${at(other)}\nclock: 70\nevent-clock: 80\nquery-clock: 90\n`,
  );
  const { lines, logger } = keeper();
  const began = performance.now();
  const config = { probeIntervalMs: 200, probeTimeoutMs: 80, gossipIntervalMs: 20, streamTimeoutMs: 1500 };
  const me = await nodes.start("me", { snapshotPath: path, logger, config });
  // In the background: the start does not wait for those that do not answer.
  expect(performance.now() - began).toBeLessThan(1000);
  expect(me.stats()).toMatchObject({ memberTime: expect.any(Number), eventTime: 81, queryTime: 91 });
  expect(me.stats().memberTime).toBeGreaterThan(70);
  await until(() => me.member("other node")?.status === "alive", "company");
  expect(lines).toContainEqual(expect.stringContaining(`rejoined the pool by way of other node ${at(other)}`));
  expect(lines.filter((line) => line.includes("127.0.0.1:1 "))).toEqual([]);
});

test("nobody of the file answers: one line, and a node all the same", async () => {
  const path = freshPath();
  writeFileSync(path, "alive: gone 127.0.0.1:2\nalive: away 127.0.0.1:3\n");
  const { lines, logger } = keeper();
  const me = await nodes.start("me", { snapshotPath: path, logger });
  await until(() => lines.some((line) => line.startsWith("warn none of the 2 members")), "the line");
  expect(me.members()).toHaveLength(1);
  await me.close();
  expect(lines.filter((line) => line.startsWith("error"))).toEqual([]);
});

test("closing while the remembered are tried leaves nothing behind", async () => {
  const mute = createServer(() => {}).listen(0, "127.0.0.1");
  silent.push(mute);
  await until(() => mute.listening);
  const path = freshPath();
  writeFileSync(path, `alive: mute 127.0.0.1:${(mute.address() as { port: number }).port}\n`);
  const { lines, logger } = keeper();
  const me = await nodes.start("me", { snapshotPath: path, logger });
  await me.close();
  expect(lines.filter((line) => /^(warn|error)/.test(line))).toEqual([]);
});

test("a goodbye is noted before it is said; with a file that cannot be read, nothing is started", async () => {
  const path = freshPath();
  const [a, b] = await nodes.pool(["a", "b"], (name) => (name === "a" ? { snapshotPath: path } : {}));
  // Whoever hears of the goodbye could read it.
  const noted = new Promise((resolve) => b.on("member-leave", () => resolve(linesOf(path).includes("leave"))));
  await a.leave();
  expect(await noted).toBe(true);
  expect(
    linesOf(path)
      .slice(linesOf(path).indexOf("leave") + 1)
      .filter((line) => !/clock: \d+$/.test(line)),
  ).toEqual([]);

  const { port } = a;
  expect(await outcome(() => nodes.start("c", { bind: `127.0.0.1:${port}`, snapshotPath: folder }))).toBe("SNAPSHOT");
  // The port is free again.
  await nodes.start("c", { bind: `127.0.0.1:${port}` });
});
