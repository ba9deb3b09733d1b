import fc from "fast-check";
import { expect, it } from "vitest";
import { DeliveryQueue } from "./delivery-queue.ts";

interface Expected {
  readonly at: number;
  readonly serial: number;
  readonly bytes: number;
}

const from = 3;
const to = 7;
const packet = new Uint8Array(1);

// Few different times, so that ties are frequent.
const operation = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("packet" as const), at: fc.integer({ min: 0, max: 12 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("action" as const), at: fc.integer({ min: 0, max: 12 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("pop" as const), at: fc.constant(0) }) },
);

it("gives back what a sorted list would, whatever the order of putting in and taking out", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const queue = new DeliveryQueue();
      const naive: Expected[] = [];
      const ran: number[] = [];
      const pop = () => {
        const wanted = naive.shift()!;
        expect(queue.first).toMatchObject({ at: wanted.at, serial: wanted.serial });
        const entry = queue.pop();
        expect(entry).toMatchObject({ at: wanted.at, serial: wanted.serial });
        if (wanted.bytes === 0) {
          // Nothing is left of what the entry carried before.
          expect(entry.packet).toBeUndefined();
          entry.run!();
          expect(ran.pop()).toBe(wanted.serial);
        } else {
          expect(entry.run).toBeUndefined();
          expect([entry.from, entry.to, entry.packet, entry.bytes]).toEqual([from, to, packet, wanted.bytes]);
        }
        queue.release(entry);
      };
      let serial = 0;
      for (const { kind, at } of operations) {
        if (kind === "pop") {
          if (naive.length > 0) pop();
        } else {
          serial++;
          if (kind === "packet") queue.pushPacket(at, serial, from, to, packet, serial, 5);
          else {
            const mine = serial;
            queue.pushAction(at, serial, () => ran.push(mine));
          }
          naive.push({ at, serial, bytes: kind === "packet" ? serial : 0 });
          naive.sort((a, b) => a.at - b.at || a.serial - b.serial);
        }
        expect(queue.length).toBe(naive.length);
      }
      while (naive.length > 0) pop();
      expect(queue.first).toBeUndefined();
    }),
    { seed: 1, numRuns: 300 },
  );
});

it("an entry still held is not handed out again", () => {
  const queue = new DeliveryQueue();
  queue.pushAction(1, 1, () => {});
  const held = queue.pop();
  queue.pushAction(2, 2, () => {});
  expect(queue.first).not.toBe(held);
  expect(held.at).toBe(1);
  queue.release(held);
  queue.pushAction(0, 3, () => {});
  expect(queue.first).toBe(held);
});
