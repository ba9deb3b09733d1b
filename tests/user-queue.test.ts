import { expect, it } from "vitest";
import { Solo } from "./solo.ts";

it("a queue of user messages is bounded, however many peers make us pass on", () => {
  const solo = new Solo();
  for (let i = 0; i < 5000; i++) solo.swim.broadcastUser(Uint8Array.of(3, i >> 8, i & 0xff), 2, solo.now);
  expect(solo.swim.queueLength(2)).toBe(4096);
  solo.drain();
  expect(solo.events.filter((event) => event.type === "broadcast-done")).toHaveLength(904);
});

it("and may have another bound", () => {
  const solo = new Solo({}, { maxUserQueue: 10 });
  for (let i = 0; i < 50; i++) solo.swim.broadcastUser(Uint8Array.of(3, 0, i), 0, solo.now);
  expect(solo.swim.queueLength(0)).toBe(10);
});
