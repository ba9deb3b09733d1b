import { describe, expect, it } from "vitest";
import { CounterTable } from "./counter-table.ts";
import { CounterNet } from "./testing/counter-net.ts";

const limits = { maxCounters: 20_000 };

describe("a newcomer", () => {
  it("is told 10,000 counters of ten writers within 15 seconds, at a bounded rate, and then it is quiet", () => {
    const net = new CounterNet({ size: 3, limits });
    net.parted = () => true;
    for (let writer = 0; writer < 10; writer++) {
      const table = new CounterTable({ writer: `w${writer}`, life: 1, ...limits });
      for (let i = 0; i < 10_000; i++) table.add(`requests to page ${i}`, i + 1);
      for (const delta of table.deltas()) for (const at of [0, 1]) net.table(at).merge(delta);
    }
    net.parted = () => false;
    let seconds = 0;
    let busiest = 0;
    while (net.table(2).imprints().join() !== net.table(0).imprints().join() && seconds < 60) {
      const before = net.packets;
      net.run(1);
      seconds++;
      busiest = Math.max(busiest, net.packets - before);
    }
    expect(seconds).toBeLessThanOrEqual(15);
    expect(net.table(2).value("requests to page 9999")).toBe(100_000n);
    // Eight packets to each of eight digests, ten times a second, and what is said around them.
    expect(busiest).toBeLessThan(1_200);
    net.run(3);
    net.packets = 0;
    net.run(10);
    // Two questions a round by each.
    expect(net.packets).toBeLessThanOrEqual(3 * 2 * 13);
  }, 60_000);

  it("with a tenth of packets lost is still told all, mostly within 25 seconds", () => {
    const told = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((seed) => {
      const net = new CounterNet({ size: 3, loss: 0.1, limits, seed });
      for (let i = 0; i < 4_000; i++) net.table(0).add(`counter ${i}`, 1);
      const isTold = (at: number) => net.table(at).imprints().join() === net.table(0).imprints().join();
      let seconds = 0;
      for (; seconds < 60 && !(isTold(1) && isTold(2)); seconds++) net.run(1);
      return seconds;
    });
    told.sort((a, b) => a - b);
    expect(told[4]).toBeLessThanOrEqual(25);
    expect(told[8]).toBeLessThan(35);
  });

  it("does not make the others hurry where little happens at a time", () => {
    const [usual, never] = [100, 1e9].map((hurryMs) => {
      const net = new CounterNet({ size: 10, settings: { hurryMs } });
      for (let round = 0; round < 20; round++) {
        for (let at = 0; at < 10; at++) net.table(at).add("requests", 1);
        net.run(1);
      }
      return net.packets;
    });
    expect(usual).toBe(never);
  });
});
