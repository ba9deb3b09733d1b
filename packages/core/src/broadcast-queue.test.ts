import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BroadcastQueue } from "./broadcast-queue.ts";
import { retransmitLimit } from "./formulas.ts";
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
      const queue = new BroadcastQueue(1, (broadcast) => finished.push(text(broadcast.bytes)));
      const limit = retransmitLimit(inputs.retransmitMult, inputs.nodes);
      for (const step of steps) {
        finished.length = 0;
        const sent: Uint8Array[] = [];
        if (step.op === "queue") {
          const key = step.kind === "unique" ? null : `${step.kind}:${step.broadcastName}`;
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
    const queue = new BroadcastQueue(3, () => {});
    queue.queue(bytes("join-long"), "a", 2);
    queue.queue(bytes("left"), "b", 1);
    queue.queue(bytes("dead"), "c", 0);
    for (let round = 0; round < 3; round++) {
      const out: Uint8Array[] = [];
      queue.take(out, 2, 100, 10, 4);
      expect(out.map(text)).toEqual(["dead", "left", "join-long"]);
    }
  });

  it("replaces by key across classes", () => {
    const finished: string[] = [];
    const queue = new BroadcastQueue(3, (broadcast) => finished.push(text(broadcast.bytes)));
    queue.queue(bytes("alive"), "m", 2);
    queue.queue(bytes("suspect"), "m", 0);
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
          const queue = new BroadcastQueue(3, () => finished++);
          const counts = new Map<Uint8Array, number>();
          for (const [i, length] of lengths.entries()) {
            const message = new Uint8Array(length);
            counts.set(message, 0);
            queue.queue(message, null, i % 3);
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
