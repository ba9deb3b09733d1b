/** Against a stand-in for the machine: who gets what, and that nobody is left waiting. */
import { SerfError, type SerfEvent, type SerfQueryEvent } from "@hearsay/serf";
import { expect, test } from "vitest";
import { checkQuery } from "./call-checks.ts";
import { closedError } from "./errors.ts";
import type { QueryOptions } from "./serf-api.ts";
import { SerfCalls, type SerfVerbs, userEventFor, type Wishes } from "./serf-calls.ts";
import { WallClock } from "./wall-clock.ts";

function setUp(verbs: Partial<SerfVerbs> = {}) {
  const asked: unknown[] = [];
  let handle = 0;
  const state = { closed: false };
  const serf: SerfVerbs = {
    userEvent: (...args) => asked.push(["userEvent", ...args]),
    query: (wish, now) => {
      asked.push(["query", wish.name, wish.timeoutMs, wish.requestAck]);
      return { handle: ++handle, lTime: handle, id: 9, deadline: now + 1000 };
    },
    endQuery: (of) => asked.push(["endQuery", of]),
    respond: (...args) => asked.push(["respond", ...args.slice(0, 2), [...args[2]]]),
    keys: (operation) => {
      asked.push(["keys", operation]);
      return ++handle;
    },
    ...verbs,
  };
  const refuse = () => {
    if (state.closed) throw closedError();
  };
  const wishes: Wishes = {
    get closed() {
      return state.closed;
    },
    run: (wish) => wish(5000),
    requireOpen: refuse,
    requireVoice: refuse,
  };
  const calls = new SerfCalls(serf, wishes, new WallClock());
  const query = (options: QueryOptions = {}) =>
    calls.query(() => checkQuery("load", undefined, options), options.signal);
  return { calls, asked, state, query };
}

async function names(records: AsyncIterable<{ readonly from: string }>): Promise<string[]> {
  const seen: string[] = [];
  try {
    for await (const { from } of records) seen.push(from);
  } catch (error) {
    seen.push((error as { code: string }).code);
  }
  return seen;
}

const answer = (handle: number, from: string): SerfEvent => ({
  type: "query-response",
  handle,
  from,
  payload: Uint8Array.of(1),
});

test("records go to the query they are for; the machine's end is the end", async () => {
  const { calls, asked, query } = setUp();
  const [first, second] = [query(), query({ timeout: 10, acks: false })];
  for (const event of [answer(2, "b"), answer(1, "a"), { type: "query-ack", handle: 1, from: "c" } as const])
    calls.onEvent(event);
  calls.onEvent({ type: "query-done", handle: 1 });
  calls.onEvent({ type: "query-done", handle: 2 });
  calls.onEvent(answer(1, "late"));
  expect([await names(first.records()), await names(second), [...first.acks]]).toEqual([["a", "c"], ["b"], ["c"]]);
  expect(asked).toEqual([
    ["query", "load", 0, true],
    ["query", "load", 10, false],
  ]);
  expect((await first.started).deadline).toBeInstanceOf(Date);
  expect(calls.pending).toBe(0);
});

test("an answer that comes while the query is being asked", async () => {
  const { calls, query } = setUp({
    query: (_, now) => {
      queueMicrotask(() => calls.onEvent({ type: "query-done", handle: 4 }));
      return { handle: 4, lTime: 1, id: 1, deadline: now };
    },
  });
  expect(await names(query())).toEqual([]);
});

test("whoever takes no more answers ends the query in the machine, once", async () => {
  const { calls, asked, query, state } = setUp();
  const closed = query();
  closed.close();
  closed.close();
  const controller = new AbortController();
  const cut = query({ signal: controller.signal });
  controller.abort();
  const left = query();
  calls.onEvent(answer(3, "x"));
  for await (const _ of left) break;
  const unread = query();
  state.closed = true;
  unread.close();
  expect(asked.filter((one) => (one as string[])[0] === "endQuery")).toEqual([
    ["endQuery", 1],
    ["endQuery", 2],
    ["endQuery", 3],
  ]);
  expect(await names(cut)).toEqual(["ABORTED"]);
});

test("what is wrong is told by the call, not thrown", async () => {
  const { calls, asked, query, state } = setUp();
  for (const options of [
    { relayFactor: 256 },
    { relayFactor: 1.5 },
    { timeout: -1 },
    { timeout: Number.NaN },
    { filterNodes: [] },
    { filterNodes: [7] },
    { filterTags: { role: 1 } },
    { acks: "yes" },
    { endEarly: 0 },
  ]) {
    const call = query(options as unknown as QueryOptions);
    await expect(call.started).rejects.toMatchObject({ code: "BAD_OPTION" });
    expect(await names(call)).toEqual(["BAD_OPTION"]);
  }
  state.closed = true;
  expect(await names(query())).toEqual(["CLOSED"]);
  expect([asked, calls.pending]).toEqual([[], 0]);
});

test("the machine's refusals keep their words", async () => {
  const refuse = (code: ConstructorParameters<typeof SerfError>[0], message: string) => () => {
    throw new SerfError(code, message);
  };
  const { calls, query } = setUp({
    userEvent: refuse("event-too-long", "user event exceeds configured limit of 512 bytes before encoding"),
    query: refuse("query-too-long", "query exceeds limit of 1024 bytes"),
    respond: refuse("response-sent", "response already sent"),
  });
  expect(() => calls.userEvent("x", null, false)).toThrow(
    expect.objectContaining({
      code: "EVENT_TOO_LARGE",
      message: "user event exceeds configured limit of 512 bytes before encoding",
      cause: expect.any(SerfError),
    }),
  );
  await expect(query().started).rejects.toMatchObject({ code: "QUERY_TOO_LARGE" });
  await expect(incoming(calls).respond("yes")).rejects.toMatchObject({ code: "ALREADY_ANSWERED" });
});

function incoming(calls: SerfCalls) {
  const payload = Uint8Array.of(1, 2);
  const event: SerfQueryEvent = { type: "query", name: "load", payload, lTime: 3, id: 8, from: "a", deadline: 6000 };
  const query = calls.incoming(event);
  payload.fill(0);
  return query;
}

test("answers go by time and number, texts as UTF-8; payloads are copies", async () => {
  const { calls, asked, state } = setUp();
  const query = incoming(calls);
  expect([...query.payload]).toEqual([1, 2]);
  await query.respond("é");
  await expect(query.respond(7 as unknown as string)).rejects.toMatchObject({ code: "BAD_OPTION" });
  expect(asked).toEqual([["respond", 3, 8, [0xc3, 0xa9]]]);
  state.closed = true;
  await expect(query.respond("late")).rejects.toMatchObject({ code: "CLOSED" });
  const event = { type: "user-event", name: "x", payload: null, lTime: 1, coalesce: true } as const;
  expect(userEventFor(event)).toEqual({ name: "x", payload: new Uint8Array(0), lTime: 1, coalesce: true });
});

const result = (error: string) => ({
  nodes: 2,
  responses: 1,
  errors: 0,
  messages: new Map([["__proto__", "hm"]]),
  keys: new Map([["AA==", 2]]),
  primaryKeys: new Map([["AA==", 1]]),
  silent: ["b"],
  error,
});
const turn = () => new Promise((resolve) => setImmediate(resolve));
const key = new Uint8Array(16);

test("key operations follow each other; whoever gives up hinders nobody", async () => {
  const { calls, asked } = setUp();
  const controller = new AbortController();
  const first = calls.keys.install(key, { signal: controller.signal });
  const second = calls.keys.list();
  await turn();
  controller.abort();
  await expect(first).rejects.toMatchObject({ code: "ABORTED" });
  await turn();
  expect(asked).toEqual([["keys", "install"]]);
  calls.onEvent({ type: "key-result", handle: 1, result: result("") });
  await turn();
  calls.onEvent({ type: "key-result", handle: 2, result: result("1/2 nodes reported success") });
  const listed = await second;
  expect(listed).toMatchObject({ ok: false, error: "1/2 nodes reported success", silent: ["b"], keys: { "AA==": 2 } });
  expect(Object.keys(listed.messages)).toEqual(["__proto__"]);
  await expect(calls.keys.use("secret!")).rejects.toMatchObject({ code: "BAD_KEY" });
});

test("closing ends everything that waits", async () => {
  const { calls, query, state } = setUp();
  const reading = names(query());
  const operations = [calls.keys.list(), calls.keys.list()].map((one) =>
    one.catch((error: { code: string }) => error.code),
  );
  await turn();
  state.closed = true;
  calls.close(closedError());
  expect([await reading, ...(await Promise.all(operations))]).toEqual([["CLOSED"], "CLOSED", "CLOSED"]);
  expect(calls.pending).toBe(0);
});
