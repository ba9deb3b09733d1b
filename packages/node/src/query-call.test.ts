import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { closedError } from "./errors.ts";
import { RunningQuery } from "./query-call.ts";
import type { QueryRecord } from "./serf-api.ts";

const start = { lTime: 7, id: 1, deadline: new Date(0) };
const ack = (from: string): QueryRecord => ({ type: "ack", from });
const response = (from: string): QueryRecord => ({ type: "response", from, payload: Uint8Array.of(1) });

/** A query that has begun, and how often it ended. */
function begun(signal?: AbortSignal) {
  const ends = { count: 0 };
  const query = new RunningQuery(signal, () => ends.count++);
  query.begin(start);
  return { query, ends };
}

async function read(records: AsyncIterable<{ readonly from: string }>): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { from } of records) names.push(from);
  } catch (error) {
    names.push((error as { code: string }).code);
  }
  return names;
}

describe("reading", () => {
  test("answers without acknowledgements, which are kept apart", async () => {
    const { query, ends } = begun();
    query.push(ack("a"));
    const reading = read(query);
    query.push(response("a"));
    query.push(ack("b"));
    query.push(response("b"));
    query.done();
    expect(await reading).toEqual(["a", "b"]);
    expect([...query.acks]).toEqual(["a", "b"]);
    expect(ends.count).toBe(1);
    expect(await query.started).toEqual(start);
  });

  test("records in the order they came, early or while somebody waits", async () => {
    const { query } = begun();
    query.push(response("b"));
    const reader = query.records()[Symbol.asyncIterator]();
    expect((await reader.next()).value).toEqual(response("b"));
    const [first, second] = [reader.next(), reader.next()];
    query.push(ack("a"));
    query.done();
    expect([(await first).value, (await second).done]).toEqual([ack("a"), true]);
  });

  test("once", async () => {
    const { query } = begun();
    query.done();
    expect(await read(query.records())).toEqual([]);
    expect(() => query.records()).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
    expect(() => query[Symbol.asyncIterator]()).toThrow("are being read already");
  });

  test("a second reader, which is refused, takes nothing from the first", async () => {
    const { query } = begun();
    const reading = read(query.records());
    expect(() => query[Symbol.asyncIterator]()).toThrow("are being read already");
    query.push(ack("a"));
    query.done();
    expect(await reading).toEqual(["a"]);
  });
});

describe("ending", () => {
  test("`close` keeps what has come, `return` does not wait for more", async () => {
    const { query, ends } = begun();
    query.push(response("a"));
    query.close();
    query.push(response("late"));
    expect([await read(query), ends.count]).toEqual([["a"], 1]);

    const other = begun();
    const reader = other.query.records()[Symbol.asyncIterator]();
    const waiting = reader.next();
    expect(await reader.return!()).toEqual({ done: true, value: undefined });
    expect([await waiting, other.ends.count]).toEqual([{ done: true, value: undefined }, 1]);
  });

  test("leaving the loop ends the query", async () => {
    const { query, ends } = begun();
    query.push(response("a"));
    query.push(response("b"));
    for await (const _ of query) break;
    expect([query.ended, ends.count]).toEqual([true, 1]);
  });

  test("a signal ends it with ABORTED, now, and leaves no listener", async () => {
    const controller = new AbortController();
    const { query, ends } = begun(controller.signal);
    query.push(response("a"));
    const finished = begun(controller.signal);
    finished.query.done();
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(1);
    controller.abort();
    expect([await read(query), ends.count]).toEqual([["ABORTED"], 1]);
    expect(await query.started).toEqual(start);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
    expect(await read(finished.query)).toEqual([]);
  });

  test("a signal that has fired", async () => {
    const query = new RunningQuery(AbortSignal.abort(), () => {});
    query.begin(start);
    expect(await read(query)).toEqual(["ABORTED"]);
    await expect(query.started).rejects.toMatchObject({ code: "ABORTED" });
  });

  test("what the node failed with comes after what was answered", async () => {
    const { query } = begun();
    query.push(response("a"));
    query.fail(closedError());
    expect(await read(query)).toEqual(["a", "CLOSED"]);
  });

  test("refused at the start: both tell, and nobody has to look", async () => {
    const query = new RunningQuery(undefined, () => {});
    query.fail(closedError());
    expect(await read(query)).toEqual(["CLOSED"]);
    await expect(query.started).rejects.toMatchObject({ code: "CLOSED" });
  });

  test("closed while it is being asked: it is asked all the same", async () => {
    const query = new RunningQuery(undefined, () => {});
    query.close();
    query.begin(start);
    expect(await query.started).toEqual(start);
  });
});
