/** Replicated state over real sockets and files, the same for both kinds of node. */

import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import type { HearsayNode, NodeOptions } from "./api.ts";
import { WallWatch } from "./state/wall-watch.ts";
import type { SharedChange, StateChange, StateValue } from "./state-api.ts";
import { until } from "./testing/fake-machine.ts";
import { at, Nodes, outcome, variants } from "./testing/variants.ts";

const folder = mkdtempSync(join(tmpdir(), "hearsay-state-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const freshPath = () => join(folder, `${++files}`);

const aborted = { signal: AbortSignal.abort() };
/** Rounds are shorter than people want them, and longer than a loaded machine needs. */
const quick: NodeOptions = { bind: "127.61.0.1:0", state: { syncIntervalMs: 200, gossipIntervalMs: 20 } };

async function take<T>(changes: AsyncIterable<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  for await (const change of changes) if (taken.push(change) === count) break;
  return taken;
}

describe.each(variants)("$where", (variant) => {
  const here = test.skipIf(variant.missing);
  const nodes = new Nodes(variant);
  afterEach(() => nodes.close());
  const start = (name: string, options: NodeOptions = {}) => nodes.start(name, { ...quick, ...options });
  const pool = (names: readonly string[], options: (name: string) => NodeOptions = () => ({})) =>
    nodes.pool(names, (name) => ({ ...quick, ...options(name) }));

  here("a member's keys are read by all, and end with it", async () => {
    const [a, b] = await pool(["a", "b"]);
    await a.state.set("load", { cpu: 0.5, jobs: [1, 2] });
    await a.state.set("raw", new Uint8Array([0, 1, 255]));
    expect(a.state.get("load")).toEqual({ cpu: 0.5, jobs: [1, 2] });
    expect(a.state.of("a").get("raw")).toEqual(new Uint8Array([0, 1, 255]));
    await until(() => b.state.of("a").entries().length === 2, "the keys");
    expect(b.state.of("a").entries()).toEqual([
      { key: "load", value: { cpu: 0.5, jobs: [1, 2] } },
      { key: "raw", value: new Uint8Array([0, 1, 255]) },
    ]);
    expect(
      b.state
        .of("a")
        .entries("l")
        .map(({ key }) => key),
    ).toEqual(["load"]);
    expect([b.state.members(), b.state.get("load"), b.state.of("nobody").entries()]).toEqual([["a"], undefined, []]);
    expect([await a.state.delete("load"), await a.state.delete("load")]).toEqual([true, false]);
    await until(() => b.state.of("a").get("load") === undefined, "the deletion");
    await a.state.set("brief", 1, { ttl: 150 });
    await until(() => b.state.of("a").get("brief") === 1, "the brief key");
    await until(() => a.state.get("brief") === undefined && b.state.of("a").get("brief") === undefined, "its end");
    // A process that starts again begins with none.
    await a.close();
    const again = await start("a", { seeds: [at(b)] });
    await until(() => b.state.of("a").get("raw") === undefined, "the end of the old life", 10_000);
    expect(again.state.entries()).toEqual([]);
  });

  here("values are the reader's to keep, and the writer's to change", async () => {
    const a = await start("a");
    const value = { list: [1] };
    const bytes = new Uint8Array([1]);
    await Promise.all([a.state.set("x", value), a.state.set("y", bytes)]);
    value.list.push(2);
    bytes[0] = 9;
    (a.state.get("x") as typeof value).list.push(3);
    (a.state.get("y") as Uint8Array)[0] = 7;
    expect([a.state.get("x"), a.state.get("y")]).toEqual([{ list: [1] }, new Uint8Array([1])]);
  });

  here("a scan gives what the list does, from behind any key on", async () => {
    const a = await start("a");
    for (const key of ["b", "a1", "a2", "a10"])
      await Promise.all([a.state.set(key, { key }), a.shared.set(key, [key])]);
    expect([...a.state.scan()]).toEqual(a.state.entries());
    expect([...a.state.of("a").scan("a", "a1")]).toEqual(a.state.entries("a").slice(1));
    expect([...a.shared.scan()]).toEqual(a.shared.entries());
    expect([...a.shared.scan("a", "a10")]).toEqual(a.shared.entries("a").slice(2));
    expect([a.state.count(), a.state.of("nobody").count(), a.shared.count()]).toEqual([4, 0, 4]);
    expect([[...a.shared.scan("", "b")], [...a.state.of("nobody").scan()]]).toEqual([[], []]);
    // What is written meanwhile is for the next one.
    const scan = a.shared.scan("a");
    scan.next();
    await a.shared.delete("a10");
    expect([...scan].map(({ key }) => key)).toEqual(["a10", "a2"]);
  });

  here("of two writes to a shared key the later wins everywhere", async () => {
    const [a, b, c] = await pool(["a", "b", "c"]);
    await a.shared.set("mode", "fast");
    await until(() => [b, c].every((node) => node.shared.get("mode") === "fast"), "the first write");
    await c.shared.set("mode", "slow");
    expect(c.shared.get("mode")).toBe("slow");
    await until(() => [a, b].every((node) => node.shared.get("mode") === "slow"), "the second write");
    const [entry] = a.shared.entries("mo");
    expect(entry).toMatchObject({ key: "mode", value: "slow", writer: "c" });
    expect(Math.abs(entry!.time.getTime() - Date.now())).toBeLessThan(60_000);
    // At the same moment: anyone's, but the same one.
    await Promise.all([a, b, c].map((node) => node.shared.set("race", node.name)));
    await until(() => new Set([a, b, c].map((node) => node.shared.get("race"))).size === 1, "agreement");
    await b.shared.set("brief", 1, { ttl: 200 });
    await until(() => a.shared.get("brief") === 1, "the brief key");
    expect(await a.shared.delete("mode")).toBe(true);
    expect([a.shared.get("mode"), await a.shared.delete("mode")]).toEqual([undefined, false]);
    await until(() => c.shared.entries().length === 1, "the ends");
    expect(c.shared.entries().map(({ key }) => key)).toEqual(["race"]);
  });

  here("changes are told, as events and to those who watch a prefix", async () => {
    const [a, b] = await pool(["a", "b"]);
    await b.state.set("x/0", "there before");
    const events: (StateChange | SharedChange)[] = [];
    for (const name of ["state-change", "shared-change"] as const) b.on(name, (change) => events.push(change));
    const all = take(b.state.watch("x/", { initial: true }), 3);
    const shared = take(b.shared.watch(), 2);
    await a.state.set("y", 0);
    await a.state.set("x/1", { n: 1 });
    await until(() => b.state.of("a").get("x/1") !== undefined, "the first");
    await a.state.delete("x/1");
    expect(await all).toEqual([
      expect.objectContaining({ member: "b", key: "x/0", before: undefined, after: "there before", isLocal: true }),
      expect.objectContaining({ member: "a", key: "x/1", before: undefined, after: { n: 1 }, isLocal: false }),
      expect.objectContaining({ member: "a", key: "x/1", before: { n: 1 }, after: undefined, dropped: 0 }),
    ]);
    await b.shared.set("k", 1);
    await until(() => a.shared.get("k") === 1, "the shared key");
    await a.shared.set("k", 2);
    expect(await shared).toEqual([
      expect.objectContaining({ key: "k", before: undefined, after: 1, writer: "b", isLocal: true, dropped: 0 }),
      expect.objectContaining({ key: "k", before: 1, after: 2, writer: "a", isLocal: false, dropped: 0 }),
    ]);
    expect(events.map(({ key }) => key).sort()).toEqual(["k", "k", "x/1", "x/1", "y"]);
    expect(events.every(({ time }) => time instanceof Date)).toBe(true);
    // Streams end with their signal, and with the node.
    const ended = take(b.state.watch("", { signal: AbortSignal.timeout(10) }), 99);
    expect(await ended).toEqual([]);
    const open = take(b.shared.watch("", { initial: true }), 99);
    await b.close();
    expect((await open).map(({ after }) => after)).toEqual([2]);
    expect(await take(b.state.watch(), 1)).toEqual([]);
    expect(b.shared.get("k")).toBe(2);
  });

  here("counters are exact over three nodes", async () => {
    const all = await pool(["a", "b", "c"]);
    const [a] = all;
    await Promise.all(all.flatMap((node, i) => [node.counter("hits").add(), node.counter("hits").add(-10 * i)]));
    await a.counter("big").add(Number.MAX_SAFE_INTEGER);
    await all[1].counter("big").add(Number.MAX_SAFE_INTEGER);
    expect(a.counter("big").contribution()).toBe(2n ** 53n - 1n);
    await until(() => all.every((node) => node.counter("hits").value() === -27n), "the sum");
    await until(() => all.every((node) => node.counter("big").value() === 2n ** 54n - 2n), "the large sum");
    expect(all.map((node) => a.counter("hits").contribution(node.name))).toEqual([1n, -9n, -19n]);
    expect([all[2].counters(), a.counter("none").value()]).toEqual([["big", "hits"], 0n]);
    // A node that starts again counts on; what its earlier life told others is not lost.
    await all[2].close();
    const again = await start("c", { seeds: [at(a)] });
    await again.counter("hits").add(27);
    await until(() => [a, all[1], again].every((node) => node.counter("hits").value() === 0n), "zero", 10_000);
    expect(a.counter("hits").contribution("c")).toBe(8n);
  });

  here("what was acknowledged survives in stateFile, exactly", async () => {
    const stateFile = freshPath();
    const a = await start("a", { stateFile, stateSaveIntervalMs: 3_600_000 });
    await a.shared.set("kept", { deep: [true] });
    await a.saveState();
    const adds = Array.from({ length: 500 }, (_, i) => a.counter(i % 2 ? "odd" : "even").add(i));
    await Promise.all(adds);
    // As kill -9 leaves it: the log is ahead of the file.
    const crashed = [readFileSync(stateFile), readFileSync(`${stateFile}.log`)] as const;
    expect(crashed[1].length).toBeGreaterThan(0);
    // What is counted in one turn goes as one line; from another thread each call is a turn of its own.
    const lines = crashed[1].toString().split("\n").length - 1;
    expect(lines).toBeLessThanOrEqual(variant.isolate ? adds.length : 1);
    await a.close();
    const copy = freshPath();
    writeFileSync(copy, crashed[0]);
    writeFileSync(`${copy}.log`, crashed[1]);
    for (const path of [copy, stateFile]) {
      const again = await start("a", { stateFile: path });
      expect([again.shared.get("kept"), again.counters()]).toEqual([{ deep: [true] }, ["even", "odd"]]);
      expect(["even", "odd"].map((name) => again.counter(name).value())).toEqual([62_250n, 62_500n]);
      expect(again.counter("odd").contribution("a")).toBe(62_500n);
      // Once more, so that nothing is counted twice by having been restored.
      await again.counter("odd").add(1);
      await again.close();
      const third = await start("a", { stateFile: path });
      expect([third.counter("odd").value(), third.counter("even").value()]).toEqual([62_501n, 62_250n]);
      await third.close();
    }
  });

  here("a torn log is cut off with a line; a damaged file is refused", async () => {
    const stateFile = freshPath();
    const lines: string[] = [];
    const log = (_: object, line: string) => void lines.push(line);
    const logger = { trace: log, debug: log, info: log, warn: log, error: log };
    const a = await start("a", { stateFile, stateSaveIntervalMs: 3_600_000 });
    await a.counter("n").add(3);
    const kept = readFileSync(`${stateFile}.log`);
    await a.close();
    rmSync(stateFile);
    writeFileSync(`${stateFile}.log`, kept);
    appendFileSync(`${stateFile}.log`, kept.subarray(0, -5));
    const again = await start("a", { stateFile, logger });
    expect(again.counter("n").value()).toBe(3n);
    await until(() => lines.some((line) => /the last \d+ bytes of .*\.log" were not written/.test(line)), "the line");
    await again.close();
    // In the middle it is damage.
    writeFileSync(`${stateFile}.log`, Buffer.concat([kept.subarray(0, -5), Buffer.from("\n"), kept]));
    expect(await outcome(() => start("a", { stateFile }))).toBe("STATE_FILE");
    writeFileSync(`${stateFile}.log`, "");
    const whole = readFileSync(stateFile);
    for (const bad of [whole.subarray(0, -3), Buffer.from("hello\n"), flipped(whole, 200)]) {
      writeFileSync(stateFile, bad);
      const error = await start("a", { stateFile }).catch((reason: Error) => reason);
      expect(error).toMatchObject({
        code: "STATE_FILE",
        option: "stateFile",
        message: expect.not.stringContaining("\n"),
      });
      expect(readFileSync(stateFile)).toEqual(bad);
    }
    expect(await outcome(() => start("a", { stateFile: join(folder, "none", "x") }))).toBe("STATE_FILE");
    expect(await outcome(() => start("a", { stateFile: folder }))).toBe("STATE_FILE");
  });

  here("the file is written when there is news, and not else", async () => {
    const stateFile = freshPath();
    const a = await start("a", { stateFile, stateSaveIntervalMs: 100 });
    const first = statSync(stateFile);
    await a.shared.set("x", 1);
    await until(() => statSync(stateFile).ino !== first.ino, "the file anew");
    const second = statSync(stateFile);
    await a.saveState();
    expect(statSync(stateFile).ino).not.toBe(second.ino);
    const b = await start("b");
    expect(await outcome(() => b.saveState())).toBe("BAD_OPTION");
  });

  here("what no disk takes counts all the same, and who counted is told", async () => {
    const home = freshPath();
    mkdirSync(home);
    const a = await start("a", { stateFile: join(home, "state") });
    const n = a.counter("n");
    await n.add(5);
    rmSync(home, { recursive: true });
    // It is looked for once a second.
    const end = performance.now() + 10_000;
    while ((await outcome(() => n.add())) === "resolved") expect(performance.now()).toBeLessThan(end);
    const counted = n.value();
    expect([await outcome(() => n.add(2)), n.value()]).toEqual(["STATE_FILE", counted + 2n]);
    mkdirSync(home);
    await n.add(-1);
    expect(readFileSync(join(home, "state.log"), "utf8")).toContain(`["n",${counted + 2n},1,`);
  });

  here("an aggregate over three nodes", async () => {
    const all = await pool(["a", "b", "c"]);
    const terms = { roundMs: 60, epochRounds: 30 };
    const values: Record<string, number | undefined> = { a: 10, b: 20, c: 60 };
    const open = all.map((node) => node.aggregate("load", () => values[node.name], terms));
    expect([open[0]!.read(), all[0].aggregates()]).toEqual([undefined, ["load"]]);
    const good = () =>
      open.every((one) => {
        const reading = one.read();
        return (
          reading && reading.meanError < 0.05 && Math.abs(reading.mean - 30) < 0.5 && Math.round(reading.count) === 3
        );
      });
    await until(good, "the mean", 20_000);
    const { age, min, max, quantiles, sum, variance } = open[1]!.read()!;
    expect([min, max]).toEqual([10, 60]);
    expect(Math.abs(sum - 90)).toBeLessThan(3);
    expect(Math.abs(variance - 466.7)).toBeLessThan(20);
    expect(Math.abs(quantiles.p50 - 20)).toBeLessThan(1);
    expect(age).toBeGreaterThanOrEqual(0);
    // Who has no number is not counted; who closes takes no part.
    values.c = undefined;
    await until(() => Math.round(open[0]!.read()?.count ?? 0) === 2, "two of them", 20_000);
    open[0]!.close();
    open[0]!.close();
    expect([all[0].aggregates(), open[0]!.read()?.count]).toEqual([[], expect.closeTo(2, 0)]);
    const stop = new AbortController();
    all[0].aggregate("load", () => 1, { ...terms, signal: stop.signal });
    stop.abort();
    expect(all[0].aggregates()).toEqual([]);
  });

  here("what an aggregate's values can be is held to, of others and of our own", async () => {
    const [a, b, c] = await pool(["a", "b", "c"]);
    const terms = { roundMs: 60, epochRounds: 30 };
    const values: Record<string, number> = { a: 0.2, b: 0.4, c: 1e9 };
    const [one] = [a, b].map((node) =>
      node.aggregate("share", () => values[node.name], { ...terms, least: 0, greatest: 1 }),
    );
    // Who does not know the bounds would move everybody's mean to its own.
    c.aggregate("share", () => values.c, terms);
    const refused = () => a.stats().drops["aggregates: implausible"] ?? 0;
    await until(() => refused() > 0 && Math.round(one!.read()?.count ?? 0) === 2, "two of three", 20_000);
    expect(one!.read()!.mean).toBeCloseTo(0.3, 1);
    values.b = 1.5;
    await until(() => Math.round(one!.read()!.count) === 1, "one of three", 20_000);
    expect([one!.read()!.mean, one!.read()!.max]).toEqual([0.2, 0.2]);
  });

  here("heartbeats are heard of members that have them, and capabilities are told", async () => {
    const [a, b] = await pool(["a", "b"], (name) => ({ tags: { role: name } }));
    const c = await start("c", { state: false, seeds: [at(a)], tags: { role: "c" } });
    await until(() => a.member("c") !== undefined && c.member("b") !== undefined, "company");
    await until(() => a.phi("b") !== undefined && b.phi("a") !== undefined, "heartbeats", 10_000);
    expect([a.phi("a"), a.phi("c"), a.phi("nobody")]).toEqual([0, undefined, undefined]);
    expect(a.member("b")?.phi).toBeGreaterThanOrEqual(0);
    expect(a.members().map((member) => [member.capabilities, member.tags, "phi" in member])).toEqual([
      ["sca", { role: "a" }, true],
      ["sca", { role: "b" }, true],
      ["", { role: "c" }, false],
    ]);
    await a.setTags({ role: "new" });
    await until(() => b.member("a")?.tags.role === "new", "the tag");
    expect(b.member("a")).toMatchObject({ capabilities: "sca", tags: { role: "new" } });
    expect(await outcome(() => a.setTags({ hs: "1" }))).toBe("BAD_OPTION");
    expect(await outcome(() => start("d", { tags: { hs: "1" } }))).toBe("BAD_OPTION");
    expect(await outcome(() => a.setTags({ big: "x".repeat(502) }))).toBe("TAGS_TOO_LARGE");
    // Without it, nothing of it.
    const asked = [() => c.state.get("x"), () => c.shared.entries(), () => c.counters(), () => c.counter("x")];
    const asked2 = [() => c.state.watch(), () => c.aggregate("x", () => 1), () => c.phi("a"), () => c.aggregates()];
    for (const ask of [...asked, ...asked2]) expect(ask).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
    expect(await outcome(() => c.state.set("x", 1))).toBe("UNSUPPORTED");
    expect(await outcome(() => c.saveState())).toBe("UNSUPPORTED");
  });

  here("what is wrong is refused, and changes nothing", async () => {
    const a = await start("a", { state: { maxValueBytes: 100, maxKeysPerOwner: 2 } });
    const set = (key: unknown, value: unknown, options = {}) =>
      outcome(() => a.state.set(key as string, value as StateValue, options));
    expect(await set("", 1)).toBe("BAD_KEY_NAME");
    expect(await set("k".repeat(256), 1)).toBe("BAD_KEY_NAME");
    expect(await set("\ud800", 1)).toBe("BAD_KEY_NAME");
    expect(await set(1, 1)).toBe("BAD_KEY_NAME");
    expect(await set("k", undefined)).toBe("BAD_VALUE");
    expect(await set("k", "x".repeat(98))).toBe("VALUE_TOO_LARGE");
    expect(await set("k", new Uint8Array(100))).toBe("VALUE_TOO_LARGE");
    expect(await set("k", new Uint8Array(99))).toBe("resolved");
    expect(await set("k", 1, { ttl: 0 })).toBe("BAD_OPTION");
    expect(await set("k", 1, { ttl: 1.5 })).toBe("BAD_OPTION");
    expect(await set("l", 1)).toBe("resolved");
    expect(await set("m", 1)).toBe("TOO_MANY_KEYS");
    expect(await set("k", 1, aborted)).toBe("ABORTED");
    expect(await outcome(() => a.shared.set("", 1))).toBe("BAD_KEY_NAME");
    expect(await outcome(() => a.shared.delete("x", aborted))).toBe("ABORTED");
    const noSignal = { signal: {} as AbortSignal };
    expect(await set("k", 1, noSignal)).toBe("BAD_OPTION");
    expect(await outcome(() => a.state.delete("k", noSignal))).toBe("BAD_OPTION");
    expect(await outcome(() => a.counter("n").add(1, noSignal))).toBe("BAD_OPTION");
    expect(await outcome(async () => a.state.entries(/k/ as unknown as string))).toBe("BAD_OPTION");
    expect([a.state.get("k"), a.shared.entries()]).toEqual([new Uint8Array(99), []]);
    expect(a.state.of(undefined as unknown as string).entries()).toEqual([]);
    expect(await outcome(() => a.counter("n").add(0.5))).toBe("BAD_OPTION");
    expect(await outcome(() => a.counter("n").add(2 ** 53))).toBe("BAD_OPTION");
    expect(await outcome(() => a.counter("n").add(1, aborted))).toBe("ABORTED");
    await a.counter("n").add(Number.MAX_SAFE_INTEGER);
    expect(await outcome(() => a.counter("n").add(1))).toBe("COUNTER_OVERFLOW");
    expect(a.counter("n").value()).toBe(2n ** 53n - 1n);
    await Promise.all(Array.from({ length: 1023 }, (_, i) => a.counter(`c${i}`).add()));
    expect(await outcome(() => a.counter("one more").add())).toBe("TOO_MANY_COUNTERS");
    expect(await outcome(() => Promise.resolve(a.counter("")))).toBe("threw BAD_KEY_NAME");
    const open = (name: string, options = {}) => outcome(async () => a.aggregate(name, () => 1, options));
    expect([await open("x"), await open("x")]).toEqual(["resolved", "ALREADY_OPEN"]);
    expect([await open(""), await open("é".repeat(33))]).toEqual(["BAD_KEY_NAME", "BAD_KEY_NAME"]);
    expect([await open("y", { roundMs: 0 }), await open("y", { epochRounds: 5 })]).toEqual([
      "BAD_OPTION",
      "BAD_OPTION",
    ]);
    const bounds = [{ least: 1, greatest: 1 }, { least: Number.NaN }, { greatest: "1" }];
    for (const bound of bounds) expect(await open("y", bound)).toBe("BAD_OPTION");
    for (let i = 1; i < 256; i++) a.aggregate(`a${i}`, () => undefined);
    expect(await open("one more")).toBe("TOO_MANY_AGGREGATES");
  });

  here("after leaving and closing, looks answer and wishes do not", async () => {
    const [a, b] = await pool(["a", "b"]);
    await b.state.set("x", 1);
    await b.counter("n").add(4);
    const wishes = async (node: HearsayNode) => [
      await outcome(() => node.state.set("y", 1)),
      await outcome(() => node.state.delete("x")),
      await outcome(() => node.shared.set("y", 1)),
      await outcome(() => node.counter("n").add()),
      await outcome(() => node.saveState()),
      await outcome(() => Promise.resolve(node.aggregate("z", () => 1))),
    ];
    await b.leave();
    expect(await wishes(b)).toEqual([...Array(5).fill("LEFT"), "threw LEFT"]);
    await a.close();
    expect(await wishes(a)).toEqual([...Array(5).fill("CLOSED"), "threw CLOSED"]);
    expect([b.state.get("x"), b.counter("n").value(), b.counters()]).toEqual([1, 4n, ["n"]]);
  });
});

test("a wall clock that was set is noticed, at most once a second", () => {
  let wall = 1_000_000;
  const watch = new WallWatch(1_000_000, () => wall);
  expect(watch.look(0)).toBeUndefined();
  wall += 60_000;
  expect(watch.look(999)).toBeUndefined();
  expect(watch.look(1_000)).toBe(1_060_000);
  wall += 1_049;
  expect(watch.look(2_000)).toBeUndefined();
  wall -= 61_000;
  expect(watch.look(3_000)).toBe(1_000_049);
});

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at % copy.length]! ^= 1;
  return copy;
}
