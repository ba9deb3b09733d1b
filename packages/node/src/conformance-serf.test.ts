/** Serf's upper half over real sockets, the same for both kinds of node: events, queries, keys, distances, snapshots. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import type { HearsayNode, NodeOptions } from "./api.ts";
import type { IncomingQuery, QueryCall, UserEvent } from "./serf-api.ts";
import { until } from "./testing/fake-machine.ts";
import { at, Nodes, outcome, variants } from "./testing/variants.ts";

const folder = mkdtempSync(join(tmpdir(), "hearsay-node-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const freshPath = () => join(folder, `${++files}`);

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const key = (fill: number) => new Uint8Array(32).fill(fill);
const base64 = (fill: number) => Buffer.from(key(fill)).toString("base64");

/** What a query gave: `ack a`, `a: text`; and the error's code, if it ended with one. */
async function read(call: QueryCall): Promise<string[]> {
  const lines: string[] = [];
  try {
    for await (const record of call.records()) {
      lines.push(record.type === "ack" ? `ack ${record.from}` : `${record.from}: ${text(record.payload)}`);
    }
  } catch (error) {
    lines.push((error as { code: string }).code);
  }
  return lines;
}

const queriesAt = (node: HearsayNode): IncomingQuery[] => {
  const seen: IncomingQuery[] = [];
  node.on("query", (query) => seen.push(query));
  return seen;
};
const eventsAt = (node: HearsayNode): string[] => {
  const seen: string[] = [];
  node.on("user-event", ({ name, payload, coalesce }: UserEvent) =>
    seen.push(`${name} ${text(payload)}${coalesce ? " (coalesce)" : ""}`),
  );
  return seen;
};

describe.each(variants)("$where", (variant) => {
  const here = test.skipIf(variant.missing);
  const nodes = new Nodes(variant);
  afterEach(() => nodes.close());

  async function pool(names: readonly string[], options: (name: string) => NodeOptions = () => ({})) {
    const all: HearsayNode[] = [];
    for (const name of names) {
      all.push(await nodes.start(name, { seeds: all.slice(0, 1).map(at), ...options(name) }));
    }
    await until(() => all.every((node) => node.members().length === names.length), "company");
    return all as [HearsayNode, HearsayNode, HearsayNode];
  }

  here("events reach everybody once, the teller included", async () => {
    const all = await pool(["a", "b", "c"]);
    const seen = all.map(eventsAt);
    const bytes = Uint8Array.of(0x78);
    await all[0].userEvent("deploy", bytes, { coalesce: true });
    bytes.fill(0);
    await all[1].userEvent("grüße", "é");
    await all[2].userEvent("bare");
    const want = ["bare ", "deploy x (coalesce)", "grüße é"];
    await until(() => seen.every((one) => one.length >= 3), "events");
    expect(seen.map((one) => one.sort())).toEqual([want, want, want]);
    expect(all[0].stats().eventTime).toBeGreaterThanOrEqual(3);
  });

  here("what is too large or wrong is refused at the call, and nothing is sent", async () => {
    const [a, b] = await pool(["a", "b"], () => ({ userEventSizeLimit: 9216, querySizeLimit: 100 }));
    const seen = eventsAt(b);
    const before = a.stats().eventTime;
    expect(await outcome(() => a.userEvent("x", new Uint8Array(9200)))).toBe("EVENT_TOO_LARGE");
    // Within the limit, but no packet holds it: Serf would take it and never send it.
    expect(await outcome(() => a.userEvent("x", new Uint8Array(2000)))).toBe("EVENT_TOO_LARGE");
    expect(await outcome(() => a.userEvent(7 as unknown as string))).toBe("BAD_OPTION");
    expect(await outcome(() => a.userEvent("x", {} as Uint8Array))).toBe("BAD_OPTION");
    expect(await outcome(() => a.userEvent("x", "", { signal: AbortSignal.abort() }))).toBe("ABORTED");
    expect(a.stats().eventTime).toBe(before);
    const large = a.query("x", "y".repeat(200));
    expect([await read(large), await outcome(() => large.started)]).toEqual([["QUERY_TOO_LARGE"], "QUERY_TOO_LARGE"]);
    expect(await read(a.query("x", undefined, { filterTags: { role: "(" } }))).toEqual(["BAD_OPTION"]);
    expect(await read(a.query("x", undefined, { relayFactor: 256 }))).toEqual(["BAD_OPTION"]);
    await a.userEvent("small");
    await until(() => seen.length > 0, "the event");
    expect(seen).toEqual(["small "]);
  });

  here("a query: filters, acknowledgements and answers, each member once", async () => {
    const all = await pool(["a", "b", "c"], (name) => ({ tags: { role: name === "a" ? "db" : "web" } }));
    const seen = all.map(queriesAt);
    for (const node of all) node.on("query", (query) => void query.respond(`${node.name} ${text(query.payload)}`));
    const call = all[0].query("load", "now", { filterTags: { role: "^web$" }, relayFactor: 1, timeout: 700 });
    const { deadline, id, lTime } = await call.started;
    expect(Math.abs(deadline.getTime() - Date.now() - 700)).toBeLessThan(300);
    expect((await read(call)).sort()).toEqual(["ack b", "ack c", "b: b now", "c: c now"]);
    expect([...call.acks].sort()).toEqual(["b", "c"]);
    expect(seen.map((one) => one.length)).toEqual([0, 1, 1]);
    expect(seen[1]![0]).toMatchObject({ name: "load", from: "a", id, lTime });
    expect(seen[1]![0]!.deadline).toBeInstanceOf(Date);

    // Oneself is asked like everybody; acknowledgements are not sent unless wanted.
    const own = all[0].query("load", "?", { filterNodes: ["a", "c"], acks: false, endEarly: true, timeout: 5000 });
    const answers: string[] = [];
    for await (const { from, payload } of own) answers.push(`${from}: ${text(payload)}`);
    expect([answers.sort(), own.acks.size]).toEqual([["a: a ?", "c: c ?"], 0]);
    expect(all[0].stats().queryTime).toBeGreaterThanOrEqual(2);
  });

  here("an answer: once, in time, and of a size", async () => {
    const [a, b] = await pool(["a", "b"], () => ({ queryResponseSizeLimit: 200 }));
    const seen = queriesAt(b);
    const call = a.query("load", undefined, { filterNodes: ["b"], timeout: 400 });
    await until(() => seen.length === 1, "the query");
    const query = seen[0]!;
    expect(await outcome(() => query.respond("x".repeat(300)))).toBe("RESPONSE_TOO_LARGE");
    expect(await outcome(() => query.respond(7 as unknown as string))).toBe("BAD_OPTION");
    expect(await outcome(() => query.respond("yes"))).toBe("resolved");
    expect(await outcome(() => query.respond("again"))).toBe("ALREADY_ANSWERED");
    expect(await read(call)).toEqual(["ack b", "b: yes"]);

    const short = a.query("load", undefined, { filterNodes: ["b"], timeout: 150 });
    await until(() => seen.length === 2, "the query");
    expect(await read(short)).toEqual(["ack b"]);
    await until(() => Date.now() > seen[1]!.deadline.getTime() + 20, "the deadline");
    expect(await outcome(() => seen[1]!.respond("late"))).toBe("TOO_LATE");
    await b.close();
    expect(await outcome(() => seen[1]!.respond("late"))).toBe("CLOSED");
  });

  here("a query ends when its reader, its signal or its node ends", async () => {
    const [a, b] = await pool(["a", "b"]);
    b.on("query", (query) => void query.respond("yes"));
    const options = { timeout: 20_000 };
    for await (const { from } of a.query("load", undefined, options)) {
      expect(from).toBe("b");
      break;
    }
    const cut = a.query("load", undefined, { ...options, acks: false, signal: AbortSignal.timeout(100) });
    expect((await read(cut)).at(-1)).toBe("ABORTED");
    const closed = a.query("load", undefined, options);
    await closed.started;
    closed.close();
    expect(["resolved", "ABORTED"]).toContain(await outcome(() => closed.started));
    const last = read(a.query("load", undefined, options));
    const unread = a.query("load", undefined, options);
    const other = read(b.query("load", undefined, { ...options, acks: false, filterNodes: ["nobody"] }));
    await unread.started;
    await until(() => b.stats().queryTime >= a.stats().queryTime, "the queries");
    const leaving = outcome(() => b.leave());
    expect([await other, await leaving]).toEqual([["LEFT"], "resolved"]);
    await a.close();
    expect((await last).at(-1)).toBe("CLOSED");
    expect((await read(unread)).at(-1)).toBe("CLOSED");
    expect(await read(a.query("load"))).toEqual(["CLOSED"]);
  });

  here("keys change in the whole pool, and in the file", async () => {
    const path = freshPath();
    writeFileSync(path, JSON.stringify([base64(1)]));
    const [a, b] = await pool(["a", "b"], (name) => (name === "a" ? { keyringFile: path } : { keys: [key(1)] }));
    expect([a.stats().encrypted, b.stats().encrypted]).toEqual([true, true]);
    const all = { ok: true, error: "", nodes: 2, responses: 2, errors: 0, silent: [] };
    // Asked at once, they follow each other.
    const [installed, used] = await Promise.all([b.keys.install(base64(2)), b.keys.use(key(2))]);
    expect([installed, used]).toEqual([expect.objectContaining(all), expect.objectContaining(all)]);
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual([base64(2), base64(1)]);
    expect(await a.keys.list()).toMatchObject({
      ...all,
      keys: { [base64(1)]: 2, [base64(2)]: 2 },
      primaryKeys: { [base64(2)]: 2 },
    });
    expect(await a.keys.remove(key(2))).toMatchObject({
      ok: false,
      error: "2/2 nodes reported failure",
      errors: 2,
      messages: { a: "removing the primary key is not allowed", b: "removing the primary key is not allowed" },
    });
    expect(await a.keys.remove(key(1))).toMatchObject(all);
    expect(readFileSync(path, "utf8")).toBe(`[\n  "${base64(2)}"\n]`);
    expect(await outcome(() => a.keys.install("secret!"))).toBe("BAD_KEY");
    expect(await outcome(() => a.keys.list({ signal: AbortSignal.abort() }))).toBe("ABORTED");
    // Still one pool, and one that starts again reads what the file says now.
    const seen = eventsAt(b);
    await a.close();
    const again = await nodes.start("c", { keyringFile: path, seeds: [at(b)] });
    await until(() => again.member("b")?.status === "alive", "company");
    await again.userEvent("hello");
    await until(() => seen.length > 0, "the event");
  });

  here("without encryption there are no keys; a missing file is told at the start", async () => {
    const [a] = await pool(["a"]);
    expect(await a.keys.list()).toMatchObject({
      ok: false,
      nodes: 1,
      messages: { a: "Keyring is empty (encryption not enabled)" },
    });
    expect(a.stats().encrypted).toBe(false);
    expect(await outcome(() => nodes.start("b", { keyringFile: freshPath() }))).toBe("KEYRING_FILE");
    expect(await outcome(() => nodes.start("b", { snapshotPath: join(folder, "\u{1f}".repeat(300)) }))).toBe(
      "SNAPSHOT",
    );
  });

  here("distances are known of those that were probed", async () => {
    const [a, b] = await pool(["a", "b"]);
    await until(() => a.rtt("b") !== undefined && b.rtt("a", "b") !== undefined, "distances", 10_000);
    expect(a.rtt("b")).toBeGreaterThanOrEqual(0);
    expect(a.rtt("b")).toBeLessThan(1000);
    expect(a.rtt("a", "b")).toBe(a.rtt("b"));
    expect(a.coordinate()?.vec).toHaveLength(8);
    expect([a.rtt("nobody"), a.coordinate("nobody")]).toEqual([undefined, undefined]);
    expect(a.stats().coordinateResets).toBe(0);
    const c = await nodes.start("c", { seeds: [at(a)], coordinates: false });
    expect([c.coordinate(), c.rtt("a")]).toEqual([undefined, undefined]);
  });

  here("a snapshot brings a node back without seeds, and without what it has seen", async () => {
    const snapshotPath = freshPath();
    const [a, b] = await pool(["a", "b"], (name) => (name === "a" ? { snapshotPath } : {}));
    const seen = eventsAt(a);
    await b.userEvent("before");
    await until(() => seen.length === 1, "the event");
    await a.close();
    await b.userEvent("missed");
    const again = await nodes.start("a", { snapshotPath });
    const later = eventsAt(again);
    await until(() => again.member("b")?.status === "alive", "company");
    await until(() => later.length > 0, "what it missed");
    await b.userEvent("after");
    await until(() => later.length === 2, "what comes");
    expect(later).toEqual(["missed ", "after "]);
    // After a goodbye nobody is remembered.
    await again.leave();
    const alone = await nodes.start("a", { snapshotPath });
    await until(() => alone.stats().memberTime > 0, "the start");
    expect(alone.members().map(({ name }) => name)).toEqual(["a"]);
  });

  here("with rejoinAfterLeave also after a goodbye", async () => {
    const options = { snapshotPath: freshPath(), rejoinAfterLeave: true };
    const [a] = await pool(["a", "b"], (name) => (name === "a" ? options : {}));
    await a.leave();
    const again = await nodes.start("a", options);
    await until(() => again.member("b")?.status === "alive", "company");
  });
});
