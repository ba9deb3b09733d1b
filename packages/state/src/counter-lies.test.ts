import { describe, expect, it } from "vitest";
import { decodeCounterMessage, encodeCounterMessage } from "./counter-codec.ts";
import { CounterTable, type LifeDelta } from "./counter-table.ts";
import { CounterNet } from "./testing/counter-net.ts";

/** A lie about a life: that it added so much to "x", and is as far as this. */
function lie(id: string, to: number, plus = 1): LifeDelta {
  return { id, writer: "n0", from: 0, to, tallies: [{ counter: "x", plus, minus: 0, version: to }] };
}

describe("a lie about a writer's own life", () => {
  it("does not silence it: it goes on under another life, and all agree", () => {
    const net = new CounterNet({ size: 5 });
    net.table(0).add("x", 5);
    net.table(0).add("y", 7);
    net.run(5);
    const before = net.table(0).ownId;
    // Told to one other, of the highest version there may be: nothing that the writer says could be newer.
    net.sync(3).handlePacket("n4", encodeCounterMessage({ type: "delta", lives: [lie(before, 2 ** 48)] }));
    net.table(0).add("y", 100);
    net.run(10);
    expect(net.table(0).ownId).not.toBe(before);
    expect(net.table(0).ownIds).toEqual([before, net.table(0).ownId]);
    net.table(0).add("x", 10);
    net.run(5);
    expect(net.values("x")).toEqual(new Set([15n]));
    expect(net.values("y")).toEqual(new Set([107n]));
    expect(net.stats(0).own).toBeGreaterThan(0);
  });

  it("of a version that it has reached itself is found by its contents", () => {
    const net = new CounterNet({ size: 5 });
    net.run(1);
    net.table(0).add("x", 5);
    net.table(0).add("y", 7);
    // One hears the lie before the truth, and would hold the truth for known.
    net.table(3).merge(lie(net.table(0).ownId, 2));
    net.run(15);
    expect(net.values("x")).toEqual(new Set([5n]));
    expect(net.values("y")).toEqual(new Set([7n]));
    expect(new Set(Array.from({ length: 5 }, (_, i) => net.table(i).imprints().join()))).toHaveProperty("size", 1);
  });

  it("may also be two processes under one life: they part, and what either adds after that counts", () => {
    const [one, two] = [1, 2].map(() => new CounterTable({ writer: "a", life: 9 })) as [CounterTable, CounterTable];
    one.add("x", 5);
    two.add("y", 3);
    for (let i = 0; i < 3; i++) {
      for (const delta of one.deltas()) two.merge(delta);
      for (const delta of two.deltas()) one.merge(delta);
      one.add("x", 1);
      two.add("x", 1);
    }
    for (const delta of one.deltas()) two.merge(delta);
    for (const delta of two.deltas()) one.merge(delta);
    expect(one.ownId).not.toBe(two.ownId);
    expect([one.value("x"), one.value("y")]).toEqual([two.value("x"), two.value("y")]);
    expect(one.value("y")).toBe(3n);
    // 5, and six ones of which those before they had parted may have been taken for the same.
    expect(one.value("x")).toBeGreaterThanOrEqual(9n);
  });
});

describe("forged messages", () => {
  it("of versions that cannot be are malformed", () => {
    const bytes = encodeCounterMessage({ type: "delta", lives: [lie("0".repeat(16), 2 ** 48 + 1)] });
    expect(decodeCounterMessage(bytes)).toBeUndefined();
  });

  it("that grow a folded life cost no more than they bring", () => {
    const table = new CounterTable({ writer: "a", life: 1, maxCounters: 65_535 });
    const id = "ab".repeat(8);
    const began = process.cpuUsage().user;
    for (let at = 0; at < 40_000; at += 20) {
      const tallies = Array.from({ length: 20 }, (_, i) => ({
        // In an order that is not that of the numbers.
        counter: `c${((at + i) * 7_919) % 40_000}`,
        plus: 1,
        minus: 0,
        version: at + i + 1,
      }));
      expect(table.merge({ id, writer: "", from: at, to: at + 20, tallies })).toBe("news");
    }
    expect(table.foldedLives).toBe(1);
    expect(table.deltaOf(id, 39_990)!.tallies.map(({ version }) => version)).toEqual(
      Array.from({ length: 10 }, (_, i) => 39_991 + i),
    );
    // Some tenths of a second; unpacked and packed for each of the 40,000 it would be minutes.
    expect((process.cpuUsage().user - began) / 1e6).toBeLessThan(15);
  });
});
