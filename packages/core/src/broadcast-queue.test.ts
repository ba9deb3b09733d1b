import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BroadcastQueue, noKey } from "./broadcast-queue.ts";
import { retransmitLimit } from "./formulas.ts";
import { Rng } from "./rng.ts";
import { memberlistVectors } from "./testing/vectors.ts";

interface QueueVector {
  readonly name: string;
  readonly inputs: { readonly nodes: number; readonly retransmitMult: number };
  readonly steps: readonly {
    readonly op: "queue" | "get" | "prune";
    readonly kind?: "named" | "plain" | "unique";
    readonly broadcastName?: string;
    readonly message?: string;
    readonly overhead?: number;
    readonly limit?: number;
    readonly retain?: number;
    readonly sent: readonly string[];
    readonly finished: readonly string[];
    readonly queueAfter: readonly string[] | null;
  }[];
}

const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const text = (message: Uint8Array) => String.fromCharCode(...message);

describe("one class orders like memberlist's queue", () => {
  for (const { name, inputs, steps } of memberlistVectors<QueueVector>("queue")) {
    it(name, () => {
      const finished: string[] = [];
      const keys = new Map<string, number>();
      const keyOf = (key: string) => {
        if (!keys.has(key)) keys.set(key, keys.size);
        return keys.get(key)!;
      };
      const queue = new BroadcastQueue((broadcast) => finished.push(text(broadcast.bytes)));
      const limit = retransmitLimit(inputs.retransmitMult, inputs.nodes);
      for (const step of steps) {
        finished.length = 0;
        const sent: Uint8Array[] = [];
        if (step.op === "queue") {
          const key = step.kind === "unique" ? noKey : keyOf(`${step.kind}:${step.broadcastName}`);
          queue.queue(bytes(step.message!), key, 0);
        } else if (step.op === "get") {
          queue.take(sent, step.overhead ?? 0, step.limit!, 1000, limit);
        } else {
          queue.prune(step.retain!);
        }
        expect(sent.map(text)).toEqual(step.sent);
        expect([...finished].sort()).toEqual([...step.finished].sort());
        expect(queue.list().map((broadcast) => text(broadcast.bytes))).toEqual(step.queueAfter ?? []);
      }
    });
  }
});

describe("classes", () => {
  it("sends failure signals before leaves before joins, however often they went out already", () => {
    const queue = new BroadcastQueue(() => {});
    queue.queue(bytes("join-long"), 1, 2);
    queue.queue(bytes("left"), 2, 1);
    queue.queue(bytes("dead"), 3, 0);
    for (let round = 0; round < 3; round++) {
      const out: Uint8Array[] = [];
      queue.take(out, 2, 100, 10, 4);
      expect(out.map(text)).toEqual(["dead", "left", "join-long"]);
    }
  });

  it("replaces by key across classes", () => {
    const finished: string[] = [];
    const queue = new BroadcastQueue((broadcast) => finished.push(text(broadcast.bytes)));
    queue.queue(bytes("alive"), 7, 2);
    queue.queue(bytes("suspect"), 7, 0);
    expect(finished).toEqual(["alive"]);
    expect(queue.list().map((broadcast) => text(broadcast.bytes))).toEqual(["suspect"]);
  });
});

describe("whatever is queued", () => {
  it("is sent exactly its number of times, never twice in one packet, within the limit", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 62, max: 200 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 20 }),
        (lengths, limit, transmitLimit, maxParts) => {
          let finished = 0;
          const queue = new BroadcastQueue(() => finished++);
          const counts = new Map<Uint8Array, number>();
          for (const [i, length] of lengths.entries()) {
            const message = new Uint8Array(length);
            counts.set(message, 0);
            queue.queue(message, noKey, i % 3);
          }
          for (let packets = 0; queue.length > 0; packets++) {
            expect(packets).toBeLessThan(lengths.length * transmitLimit + 1);
            const out: Uint8Array[] = [];
            const used = queue.take(out, 2, limit, maxParts, transmitLimit);
            expect(new Set(out).size).toBe(out.length);
            expect(out.length).toBeLessThanOrEqual(maxParts);
            expect(used).toBe(out.reduce((sum, message) => sum + message.length + 2, 0));
            expect(used).toBeLessThanOrEqual(limit);
            for (const message of out) counts.set(message, counts.get(message)! + 1);
          }
          expect(finished).toBe(lengths.length);
          expect(queue.bytes).toBe(0);
          for (const count of counts.values()) expect(count).toBe(transmitLimit);
        },
      ),
    );
  });
});

interface Waiting {
  readonly message: Uint8Array;
  readonly key: number;
  readonly urgency: number;
  readonly age: number;
  sent: number;
}

it("keeps the send order of a list that is sorted anew each time", () => {
  const operation = fc.record({
    op: fc.constantFrom("queue", "queue", "queue", "take", "prune"),
    length: fc.integer({ min: 1, max: 9 }),
    key: fc.integer({ min: -1, max: 6 }),
    urgency: fc.integer({ min: 0, max: 2 }),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
      const finished: Uint8Array[] = [];
      const queue = new BroadcastQueue(({ bytes }) => finished.push(bytes));
      let naive: Waiting[] = [];
      const gone: Uint8Array[] = [];
      const sort = () =>
        naive.sort(
          (a, b) => a.urgency - b.urgency || a.sent - b.sent || b.message.length - a.message.length || b.age - a.age,
        );
      let age = 0;
      for (const { op, length, key, urgency } of operations) {
        if (op === "queue") {
          const message = new Uint8Array(length);
          gone.push(...naive.filter((other) => key !== noKey && other.key === key).map((other) => other.message));
          naive = naive.filter((other) => key === noKey || other.key !== key);
          naive.push({ message, key, urgency, age: ++age, sent: 0 });
          queue.queue(message, key, urgency);
        } else if (op === "take") {
          const out: Uint8Array[] = [];
          const limit = 6 * length;
          const used = queue.take(out, 2, limit, 5, 3);
          let room = limit;
          const taken: Waiting[] = [];
          for (const waiting of naive) {
            if (waiting.message.length + 2 > room || taken.length === 5) continue;
            taken.push(waiting);
            room -= waiting.message.length + 2;
          }
          expect(out).toEqual(taken.map((waiting) => waiting.message));
          expect(out.every((message, i) => message === taken[i]!.message)).toBe(true);
          expect(used).toBe(limit - room);
          for (const waiting of taken) if (++waiting.sent === 3) gone.push(waiting.message);
          naive = naive.filter((waiting) => waiting.sent < 3);
        } else {
          gone.push(...naive.splice(length).map((waiting) => waiting.message));
          queue.prune(length);
        }
        sort();
        const list = queue.list();
        expect(list.length).toBe(naive.length);
        expect(list.every(({ bytes, key: its }, i) => bytes === naive[i]!.message && its === naive[i]!.key)).toBe(true);
        expect(queue.bytes).toBe(naive.reduce((sum, waiting) => sum + waiting.message.length, 0));
        for (let k = 0; k <= 6; k++) expect(queue.has(k)).toBe(naive.some((waiting) => waiting.key === k));
      }
      expect(new Set(finished)).toEqual(new Set(gone));
      expect(finished.length).toBe(gone.length);
    }),
  );
});

describe("thousands at a time", () => {
  it("keep the order, and replace by key, like a sorted list", () => {
    interface Waiting {
      readonly key: number;
      readonly class: number;
      readonly bytes: Uint8Array;
      readonly serial: number;
      transmits: number;
    }
    for (const seed of [1, 2, 3]) {
      const rng = new Rng(seed);
      const queue = new BroadcastQueue(() => {});
      let naive: Waiting[] = [];
      let serial = 0;
      const sort = () =>
        naive.sort(
          (a, b) =>
            a.class - b.class || a.transmits - b.transmits || b.bytes.length - a.bytes.length || b.serial - a.serial,
        );
      const queueOne = () => {
        const message = new Uint8Array(20 + rng.below(5));
        const key = rng.below(8) === 0 ? noKey : rng.below(2500);
        const urgency = rng.below(3);
        queue.queue(message, key, urgency);
        if (key !== noKey) naive = naive.filter((waiting) => waiting.key !== key);
        naive.push({ key, class: urgency, bytes: message, serial: ++serial, transmits: 0 });
      };
      const takeOne = () => {
        sort();
        const expected = naive.filter((_, i) => i < 10);
        const taken: Uint8Array[] = [];
        queue.take(taken, 2, 100_000, 10, 3);
        expect(taken).toEqual(expected.map(({ bytes }) => bytes));
        for (const waiting of expected) waiting.transmits++;
        naive = naive.filter(({ transmits }) => transmits < 3);
      };
      for (let i = 0; i < 3000; i++) queueOne();
      for (let i = 0; i < 400; i++) {
        if (rng.below(2) === 0) queueOne();
        else takeOne();
      }
      sort();
      expect(queue.list().map(({ bytes, key }) => [bytes, key])).toEqual(naive.map(({ bytes, key }) => [bytes, key]));
      expect(naive.every(({ key }) => key === noKey || queue.has(key))).toBe(true);
      // And down through the point where no index is kept any more.
      queue.prune(150);
      naive = naive.slice(0, 150);
      for (let i = 0; i < 60; i++) takeOne();
      for (let i = 0; i < 50; i++) queueOne();
      sort();
      expect(queue.list().map(({ key }) => key)).toEqual(naive.map(({ key }) => key));
      expect(queue.length).toBe(naive.length);
    }
  });
});
