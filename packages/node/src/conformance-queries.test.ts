/** Events and queries over real sockets, the same for both kinds of node. */

import { afterEach, describe, expect, test } from "vitest";
import type { HearsayNode } from "./api.ts";
import type { IncomingQuery, QueryCall } from "./serf-api.ts";
import { until } from "./testing/fake-machine.ts";
import { eventsAt, Nodes, outcome, text, variants } from "./testing/variants.ts";

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
/** Answers everything; that the asker, or the node, has gone by then is no matter. */
const answering = (node: HearsayNode, answer: (query: IncomingQuery) => string) =>
  node.on("query", (query) => void query.respond(answer(query)).catch(() => {}));
describe.each(variants)("$where", (variant) => {
  const here = test.skipIf(variant.missing);
  const nodes = new Nodes(variant);
  afterEach(() => nodes.close());

  const pool: Nodes["pool"] = (names, options) => nodes.pool(names, options);

  here("answers as large as the settings allow, though no gossip could carry them", async () => {
    const [a, b] = await pool(["a", "b"], () => ({ queryResponseSizeLimit: 8192 }));
    answering(b, () => "y".repeat(8100));
    const options = { filterNodes: ["b"], acks: false, endEarly: true, timeout: 5000 };
    expect(await read(a.query("all of it", "", options))).toEqual([`b: ${"y".repeat(8100)}`]);
  });

  here("events reach everybody once, the teller included", async () => {
    const all = await pool(["a", "b", "c"]);
    const seen = all.map(eventsAt);
    const bytes = Uint8Array.of(0x78);
    await all[0].userEvent("deploy", bytes, { coalesce: true });
    bytes.fill(0);
    await all[1].userEvent("grüße", "é");
    await all[2].userEvent("bare");
    const want = ["bare ", "deploy x", "grüße é"];
    await until(() => seen.every((one) => one.length >= 3), "events");
    expect(seen[0]).toContain("deploy x (coalesce)");
    // What comes by a state exchange has lost that mark: the protocol has no room for it there.
    const unmarked = seen.map((one) => one.map((line) => line.replace(" (coalesce)", "")).sort());
    expect(unmarked).toEqual([want, want, want]);
    expect(all[0].stats().eventTime).toBeGreaterThanOrEqual(2);
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
    for (const node of all) answering(node, ({ payload }) => `${node.name} ${text(payload)}`);
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
    answering(b, () => "yes");
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
});
