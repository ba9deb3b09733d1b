import { expect, test } from "vitest";
import type { Member, MemberEvent } from "../api.ts";
import { NodeError } from "../errors.ts";
import { Mirror } from "./mirror.ts";
import { type MirrorEvent, plainError, reviveError } from "./protocol.ts";

const member = (name: string): Member => ({ name }) as Member;
const event = (n: number) =>
  ({
    kind: "member",
    event: { type: "member-join", member: member(`m${n}`), time: new Date(n) } as MemberEvent,
  }) as const;
const source = {
  member: (name: string) => (name === "gone" ? undefined : member(name)),
  evidence: () => [],
  place: (name: string) => (name === "gone" ? undefined : { vec: [1], error: 1, adjustment: 0, height: 0 }),
  drops: () => ({ "crc-mismatch": 2 }),
};

test("the latest state of each name, once, however often it changed", () => {
  const mirror = new Mirror();
  for (let i = 0; i < 10_000; i++) mirror.change(`m${i % 5}`);
  mirror.change("gone");
  const batch = mirror.take(source);
  expect(batch.members.map(({ name }) => name)).toEqual(["m0", "m1", "m2", "m3", "m4"]);
  expect(batch.forgotten).toEqual(["gone"]);
  expect(batch.drops).toEqual({ "crc-mismatch": 2 });
  expect(mirror.empty).toBe(true);
  expect(mirror.take(source).members).toEqual([]);
});

test("events and log lines are bounded, the newest stay", () => {
  const mirror = new Mirror();
  for (let i = 0; i < 5000; i++) {
    mirror.event(event(i));
    mirror.line({ level: "info", fields: {}, message: String(i) });
  }
  const batch = mirror.take(source);
  expect(batch.events).toHaveLength(1024);
  expect(batch.droppedEvents).toBe(5000 - 1024);
  expect(batch.events.at(-1)).toEqual(event(4999));
  expect(batch.lines).toHaveLength(256);
  expect(batch.lines.at(-1)?.message).toBe("4999");
});

test("a flood of user events takes no room from members' ones, and the order stays", () => {
  const mirror = new Mirror();
  const told = (n: number): MirrorEvent => ({
    kind: "plain",
    event: { name: "user-event", args: [{ name: String(n), payload: new Uint8Array(), lTime: n, coalesce: false }] },
  });
  mirror.event(event(0));
  for (let i = 0; i < 3000; i++) mirror.event(told(i));
  mirror.event(event(1));
  const batch = mirror.take(source);
  expect([batch.droppedEvents, batch.droppedOthers]).toEqual([0, 3000 - 1024]);
  expect([batch.events[0], batch.events[1], batch.events.at(-1)]).toEqual([event(0), told(3000 - 1024), event(1)]);
  expect(mirror.take(source)).toMatchObject({ events: [], droppedOthers: 0 });
});

test("places go by name, the latest once", () => {
  const mirror = new Mirror();
  for (let i = 0; i < 100; i++) mirror.place(`m${i % 2}`);
  mirror.place("gone");
  expect(mirror.empty).toBe(false);
  expect(mirror.take(source).places.map(([name, place]) => [name, place?.vec])).toEqual([
    ["m0", [1]],
    ["m1", [1]],
    ["gone", undefined],
  ]);
  expect(mirror.empty).toBe(true);
});

test("errors keep code, text, option and cause on their way", () => {
  const cause = Object.assign(new Error("bind EADDRINUSE"), { code: "EADDRINUSE" });
  const error = new NodeError("ADDRESS_IN_USE", "bind: taken", { cause, option: "bind" });
  const revived = reviveError(structuredClone(plainError(error)));
  expect(revived).toBeInstanceOf(NodeError);
  expect(revived).toMatchObject({ code: "ADDRESS_IN_USE", message: "bind: taken", option: "bind" });
  expect(revived.cause).toMatchObject({ code: "EADDRINUSE", message: "bind EADDRINUSE", stack: cause.stack });
  expect(plainError("odd")).toMatchObject({ code: "INTERNAL", message: "odd" });
});
