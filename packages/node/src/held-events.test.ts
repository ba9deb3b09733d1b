import { expect, test } from "vitest";
import { HeldEvents } from "./held-events.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("held until the turn after the release, in order, with what listeners cause behind", async () => {
  const told: string[] = [];
  const events = new HeldEvents();
  events.tell(() => {
    told.push("first");
    events.tell(() => told.push("caused"));
  });
  events.tell(() => told.push("second"));
  events.release();
  await Promise.resolve();
  expect(told).toEqual([]);
  await turn();
  expect(told).toEqual(["first", "second", "caused"]);
  events.tell(() => told.push("later"));
  expect(told.at(-1)).toBe("later");
});

test("bounded, and dropped when the node goes", async () => {
  const told: number[] = [];
  const events = new HeldEvents();
  for (let i = 0; i < 2000; i++) events.tell(() => told.push(i));
  events.release();
  await turn();
  expect([told.length, told[0], told.at(-1)]).toEqual([1024, 976, 1999]);
  expect(events.lost).toBe(976);

  const gone = new HeldEvents();
  gone.tell(() => told.push(-1));
  gone.release();
  gone.drop();
  await turn();
  expect(told.at(-1)).toBe(1999);
});
