import type { UserEvent } from "@hearsay/node";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeNode, fakeMember } from "../../test/fake-node.ts";
import type { AgentEvent } from "./agent-event.ts";
import { EventPipeline } from "./event-pipeline.ts";

let node: FakeNode;
let pipeline: EventPipeline;
let told: string[];

beforeEach(() => {
  vi.useFakeTimers();
  node = new FakeNode(fakeMember("me"), [fakeMember("gone", { status: "failed" })]);
  pipeline = new EventPipeline(node);
  told = [];
  pipeline.follow((event) => told.push(text(event)));
});
afterEach(() => {
  pipeline.close();
  vi.useRealTimers();
});

function text(event: AgentEvent): string {
  if ("members" in event) return `${event.kind} ${event.members.map(({ name }) => name).join(",")}`;
  if (event.kind === "user") return `user ${event.event.name} ${event.event.lTime}`;
  return `query ${event.query.name}`;
}

const userEvent = (name: string, lTime: number, coalesce: boolean): UserEvent => ({
  name,
  lTime,
  coalesce,
  payload: new Uint8Array(0),
});

test("flushed, it tells what waits, once", () => {
  node.emit("user-event", userEvent("deploy", 1, true));
  pipeline.flush();
  expect(told).toEqual(["member-join me", "user deploy 1"]);
  pipeline.flush();
  vi.advanceTimersByTime(10_000);
  node.emit("user-event", userEvent("deploy", 2, true));
  vi.advanceTimersByTime(1001);
  expect(told).toEqual(["member-join me", "user deploy 1", "user deploy 2"]);
});

test("who was there at the start has joined; the quiet time is a second", () => {
  vi.advanceTimersByTime(999);
  expect(told).toEqual([]);
  vi.advanceTimersByTime(2);
  expect(told).toEqual(["member-join me"]);
});

test("a burst is told in one piece, three seconds after its beginning at the latest", () => {
  vi.advanceTimersByTime(1001);
  told.length = 0;
  for (let i = 0; i < 4; i++) {
    node.emit("member-join", fakeMember(`n${i}`));
    vi.advanceTimersByTime(900);
  }
  expect(told).toEqual(["member-join n0,n1,n2,n3"]);
  node.emit("member-failed", fakeMember("n1"));
  node.emit("member-leave", fakeMember("n0"));
  vi.advanceTimersByTime(1001);
  expect(told.slice(1)).toEqual(["member-leave n0", "member-failed n1"]);
});

test("queries, and user events that may not be gathered, pass at once; the others wait, the latest of each name", async () => {
  node.emit("user-event", userEvent("deploy", 1, true));
  node.emit("user-event", userEvent("now", 2, false));
  await node.query("load").started;
  node.emit("user-event", userEvent("deploy", 3, true));
  expect(told).toEqual(["user now 2", "query load"]);
  vi.advanceTimersByTime(1001);
  expect(told.slice(2)).toEqual(["member-join me", "user deploy 3"]);
});

test("the order is that of arrival when one event waits behind another's deadline", () => {
  vi.advanceTimersByTime(500);
  node.emit("user-event", userEvent("deploy", 1, true));
  vi.advanceTimersByTime(501);
  expect(told).toEqual(["member-join me"]);
  vi.advanceTimersByTime(500);
  expect(told).toEqual(["member-join me", "user deploy 1"]);
});

test("a follower that stops hears no more; one that follows twice stops once", () => {
  const seen: string[] = [];
  const listener = (event: AgentEvent) => void seen.push(text(event));
  const stop = pipeline.follow(listener);
  pipeline.follow(listener);
  node.emit("user-event", userEvent("a", 1, false));
  stop();
  stop();
  node.emit("user-event", userEvent("b", 2, false));
  expect(seen).toEqual(["user a 1", "user a 1", "user b 2"]);
});

test("closed, it has no timers and no listeners left", () => {
  node.emit("user-event", userEvent("deploy", 1, true));
  pipeline.close();
  expect(vi.getTimerCount()).toBe(0);
  for (const event of ["member-join", "member-reap", "user-event", "query"] as const)
    expect(node.listenerCount(event)).toBe(0);
  vi.advanceTimersByTime(5000);
  expect(told).toEqual([]);
});
