import { describe, expect, it } from "vitest";
import { encodeAggregateMessage } from "./aggregate-codec.ts";
import { AggregateNet, meanOf, worst } from "./testing/aggregate-net.ts";

const light = { maxBuckets: 0, extrema: 16 };
const skewed = (node: number): number => Math.exp((node % 977) / 200);

describe("quantiles", () => {
  it("come out within the sketch's stated error", () => {
    const net = new AggregateNet({ size: 300, value: (node) => (node % 2 ? -1 : 1) * (node + 1) });
    net.runTo(2, 1);
    const sorted = [...net.values].sort((a, b) => a - b);
    for (const x of net.estimates()) {
      for (const q of [0.1, 0.5, 0.9, 0.99]) {
        const truth = sorted[Math.ceil(q * 300) - 1]!;
        const next = sorted[Math.ceil(q * 300)]!;
        const found = x.quantile(q)!;
        const off = Math.min(Math.abs(found / truth - 1), Math.abs(found / next - 1));
        expect(off).toBeLessThanOrEqual(x.quantileError * 1.000001);
      }
      expect(x.quantile(0)).toBeGreaterThanOrEqual(x.min);
      expect(x.quantileError).toBeLessThan(0.09);
    }
    expect(net.largest).toBeLessThanOrEqual(1_400);
  });
});

describe("the error that an estimate states", () => {
  it("covers the error that it has, nearly always, and is not idle", () => {
    const net = new AggregateNet({ size: 500, loss: 0.1, value: skewed, settings: light });
    const truth = meanOf(net.values);
    let uncovered = 0;
    let asked = 0;
    for (let round = 5; round < 50; round += 5) {
      net.runTo(1, round);
      for (const x of net.presents()) {
        asked += 2;
        // An error of 1 says that nothing is known yet: a count may then be off by more.
        if (x.meanError < 1 && Math.abs(x.mean / truth - 1) > x.meanError) uncovered++;
        if (x.countError < 1 && Math.abs(x.count / 500 - 1) > x.countError) uncovered++;
      }
    }
    expect(asked).toBe(9_000);
    expect(uncovered / asked).toBeLessThan(0.02);
    for (const x of net.presents()) expect(x.countError).toBeLessThan(1e-3);
  });

  it("is rough, and says so, when every leader is dead: the smallest draws still count", () => {
    const net = new AggregateNet({ size: 200, value: skewed, settings: { maxBuckets: 0, extrema: 64 } });
    net.runTo(1, 0.1);
    // The lot falls on about six, when their epoch begins; they die before long, with all whom they could tell.
    while (net.presents().every((x) => x.ageMs < 9_000)) {
      net.tick();
      for (let at = led(); at >= 0; at = led()) net.kill(at);
    }
    const size = net.ids.length;
    expect(size).toBeGreaterThan(150);
    net.runTo(1, 40);
    for (const x of net.presents()) {
      expect(x.countedBy).toBe("extrema");
      expect(x.countError).toBeGreaterThan(1 / 8);
      expect(Math.abs(x.count / size - 1)).toBeLessThan(4 / Math.sqrt(62));
    }

    function led(): number {
      return net.ids.findIndex((id) => net.at(id).present("load", net.now)?.countedBy === "averaged");
    }
  });
});

describe("epochs", () => {
  it("follow values that change and members that come and go", () => {
    const net = new AggregateNet({ size: 30, value: () => 1, settings: light });
    net.runTo(1, 15);
    net.value = () => 5;
    for (let i = 0; i < 10; i++) net.join();
    net.runTo(2, 1);
    // The values were taken at the epoch's start, and its count was of those who were there.
    const finished = net.estimates().filter((x) => x.finished);
    expect(finished).toHaveLength(30);
    for (const x of finished) expect([x.mean, Math.round(x.count)]).toEqual([1, 30]);
    net.runTo(2, 30);
    for (let i = 0; i < 5; i++) net.kill();
    net.runTo(3, 1);
    for (const x of net.estimates()) expect([Math.round(x.mean * 1e6) / 1e6, Math.round(x.count)]).toEqual([5, 40]);
    net.runTo(4, 1);
    for (const x of net.estimates()) expect(Math.round(x.count)).toBe(35);
    expect(net.estimates()[0]!.ageMs).toBeGreaterThan(50_000);
  });

  it("let one that joins in the middle wait for the next", () => {
    const net = new AggregateNet({ size: 20, value: () => 2, settings: light });
    net.runTo(1, 25);
    const id = net.join();
    net.runTo(1, 45);
    expect(net.at(id).estimate("load", net.now)).toBeUndefined();
    net.runTo(2, 20);
    expect(net.at(id).estimate("load", net.now)).toMatchObject({ epoch: 2 });
    expect(net.at(id).estimate("load", net.now)!.count).toBeCloseTo(21, 1);
  });

  it("are asked for by one that joins, so that no loss makes it take itself for the first", () => {
    const net = new AggregateNet({ size: 100, loss: 0.3, value: (node) => (node < 100 ? 1 : 1_000), settings: light });
    net.runTo(1, 20);
    const ids = Array.from({ length: 100 }, () => net.join());
    net.runTo(1, 45);
    for (const id of ids) expect(net.at(id).present("load", net.now)).toBeUndefined();
    for (const x of net.presents()) expect(x.mean).toBe(1);
  });

  it("come together again after a partition", () => {
    const net = new AggregateNet({ size: 20, value: (node) => node, settings: light });
    net.runTo(1, 10);
    net.parted = (a, b) => a < 7 !== b < 7;
    net.run(130);
    net.parted = () => false;
    net.run(130);
    const found = net.estimates();
    expect(new Set(found.map((x) => x.epoch)).size).toBe(1);
    expect(
      worst(
        found.map((x) => x.mean),
        9.5,
      ),
    ).toBeLessThan(1e-3);
    expect(
      worst(
        found.map((x) => x.count),
        20,
      ),
    ).toBeLessThan(1e-3);
  });

  it("count a member alone, and nobody who has no value", () => {
    const alone = new AggregateNet({ size: 1, value: () => 7 });
    alone.run(10);
    expect(alone.estimates()[0]).toMatchObject({ count: 1, mean: 7, sum: 7, variance: 0, countError: 0 });
    expect(alone.estimates()[0]!.quantile(0.5)).toBe(7);
    const net = new AggregateNet({
      size: 20,
      value: (node) => (node < 5 ? undefined : node === 5 ? Number.NaN : 1),
      settings: light,
    });
    net.runTo(2, 1);
    net.run(30);
    const found = net.estimates();
    expect(found).toHaveLength(14);
    expect(
      worst(
        found.map((x) => x.count),
        14,
      ),
    ).toBeLessThan(1e-2);
  });

  it("are not carried off by one that cannot be", () => {
    const net = new AggregateNet({ size: 2, value: () => 1, settings: light });
    net.runTo(1, 1);
    const forged = { name: "load", epoch: 2 ** 40, ageMs: 0, exchange: 1 };
    net.at(0).handlePacket("n1", encodeAggregateMessage({ type: "ahead", ...forged }), net.now);
    expect(net.presents()[0]!.epoch).toBe(1);
    expect(net.at(0).statsOf("load")!.leaps).toBe(1);
  });
});

describe("a run", () => {
  it("is the same for the same seed", () => {
    const [a, b, c] = [1, 1, 2].map((seed) => {
      const net = new AggregateNet({ size: 40, seed, loss: 0.2, value: skewed });
      net.runTo(1, 20);
      return JSON.stringify([net.packets, net.bytes, net.presents()]);
    });
    expect(a).toBe(b);
    expect(a).not.toBe(c);
  });
});
