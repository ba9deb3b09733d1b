import fc from "fast-check";
import { expect, it } from "vitest";
import { WakeQueue } from "./wake-queue.ts";

const never = Number.POSITIVE_INFINITY;

/** Node numbers reach beyond the first capacity; few times, so that ties are frequent. */
const setting = fc.record({
  node: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 300 })),
  time: fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 0, max: 15 }) },
    { weight: 1, arbitrary: fc.constant(never) },
  ),
});

it("knows who is first, as a sorted list would, after each change of mind", () => {
  fc.assert(
    fc.property(fc.array(setting, { maxLength: 200 }), (settings) => {
      const queue = new WakeQueue();
      const naive = new Map<number, { readonly node: number; readonly time: number; readonly serial: number }>();
      for (const [serial, { node, time }] of settings.entries()) {
        queue.set(node, time, serial);
        if (time === never) naive.delete(node);
        else naive.set(node, { node, time, serial });
        const [first] = [...naive.values()].sort((a, b) => a.time - b.time || a.serial - b.serial);
        const found = { node: first && queue.node, time: queue.time, serial: queue.serial };
        expect(found).toEqual(first ?? { node: undefined, time: never, serial: never });
        expect(queue.timeOf(node)).toBe(time);
      }
      const all = Array.from({ length: 400 }, (_, node) => node);
      expect(all.map((node) => queue.timeOf(node))).toEqual(all.map((node) => naive.get(node)?.time ?? never));
      const order: number[] = [];
      while (queue.time < never) {
        order.push(queue.node);
        queue.set(queue.node, never, 0);
      }
      const wanted = [...naive.values()].sort((a, b) => a.time - b.time || a.serial - b.serial);
      expect(order).toEqual(wanted.map(({ node }) => node));
    }),
    { seed: 1, numRuns: 200 },
  );
});

it("an empty one wakes nobody, and what was never set may be cleared", () => {
  const queue = new WakeQueue();
  expect([queue.time, queue.serial]).toEqual([never, never]);
  queue.set(1000, never, 1);
  expect(queue.timeOf(1000)).toBe(never);
  expect(queue.time).toBe(never);
});
