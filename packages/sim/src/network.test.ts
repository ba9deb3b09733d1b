import { Rng } from "@hearsay/core";
import { describe, expect, it } from "vitest";
import { Network, type NetworkConditions } from "./network.ts";
import { Place } from "./sim-node.ts";

const packets = 20_000;

interface Rig {
  readonly network: Network;
  readonly a: Place;
  readonly b: Place;
  readonly c: Place;
}

function rig(conditions: NetworkConditions = {}, seed = 1): Rig {
  const place = (index: number) => new Place(index, { address: `10.0.0.${index + 1}`, port: 7946 }, 0);
  const constant = { latency: { kind: "constant", ms: 5 } } as const;
  const network = new Network(new Rng(seed), { ...constant, ...conditions });
  return { network, a: place(0), b: place(1), c: place(2) };
}

/** The share of packets that do not arrive. */
function lostShare(network: Network, from: Place, to: Place): number {
  let lost = 0;
  for (let i = 0; i < packets; i++) if (network.route(from, to, 100, i) === 0) lost++;
  return lost / packets;
}

/** A measured share within four deviations of what it should be. */
function expectShare(measured: number, share: number, count = packets): void {
  expect(Math.abs(measured - share)).toBeLessThanOrEqual(4 * Math.sqrt((share * (1 - share)) / count));
}

describe("without conditions", () => {
  it("each packet arrives once, after the delay", () => {
    const { network, a, b } = rig();
    expect(network.route(a, b, 100, 40)).toBe(1);
    expect(network.arrivals[0]).toBe(45);
    expect(lostShare(network, a, b)).toBe(0);
    expect(network.drops).toEqual({ lost: 0, cut: 0, queue: 0, inbox: 0, nobody: 0 });
  });
});

describe("loss", () => {
  it.each([0.01, 0.1, 0.5, 1])("anywhere of %d is as frequent as asked", (loss) => {
    const { network, a, b } = rig({ loss });
    const share = lostShare(network, a, b);
    expectShare(share, loss);
    expect(network.drops.lost).toBe(share * packets);
  });

  it("at one place counts on its own ways only", () => {
    const { network, a, b, c } = rig();
    a.egressLoss = 0.3;
    b.ingressLoss = 0.2;
    network.uneven();
    expectShare(lostShare(network, a, c), 0.3);
    expectShare(lostShare(network, c, b), 0.2);
    expectShare(lostShare(network, a, b), 1 - 0.7 * 0.8);
    expect(lostShare(network, b, a)).toBe(0);
    expect(lostShare(network, b, c)).toBe(0);
  });

  it("on one link counts there, in one direction, until it is taken away", () => {
    const { network, a, b, c } = rig({ loss: 0.1 });
    network.setLinkLoss(a, b, 0.4);
    expectShare(lostShare(network, a, b), 1 - 0.9 * 0.6);
    expectShare(lostShare(network, b, a), 0.1);
    expectShare(lostShare(network, a, c), 0.1);
    network.setLinkLoss(a, b, 0);
    expectShare(lostShare(network, a, b), 0.1);
  });
});

describe("bursts", () => {
  const bursts = { everyMs: 1000, lengthMs: 250, loss: 0.8 };
  /** One packet each 25 ms for 4000 s: some 3000 bursts at each end. */
  function outcomes(seed: number): boolean[] {
    const { network, a, b } = rig({ bursts }, seed);
    return Array.from({ length: 160_000 }, (_, i) => network.route(a, b, 100, 25 * i) === 0);
  }
  const share = (all: readonly boolean[]) => all.filter((lost) => lost).length / all.length;

  it.each([1, 2])("take their share of time, at both ends (seed %d)", (seed) => {
    // A fifth of the time at either end; alternating pauses and lengths of 3200 cycles average to within 3 % of it.
    const wanted = 0.8 * (1 - 0.8 ** 2);
    expect(Math.abs(share(outcomes(seed)) / wanted - 1)).toBeLessThan(0.1);
  });

  it("lose packets in a row", () => {
    const all = outcomes(3);
    const afterLoss = all.filter((_, i) => i > 0 && all[i - 1]);
    // 25 ms later nine in ten bursts go on, and four in five of their packets are lost.
    expect(share(afterLoss)).toBeGreaterThan(2 * share(all));
    expect(share(afterLoss)).toBeGreaterThan(0.65);
  });
});

describe("duplicates", () => {
  it("are as frequent as asked, and travel by themselves", () => {
    const { network, a, b } = rig({ duplicates: 0.2, latency: { kind: "uniform", minMs: 1, maxMs: 9 } });
    let twice = 0;
    let overtakes = 0;
    for (let i = 0; i < packets; i++) {
      if (network.route(a, b, 100, 0) !== 2) continue;
      twice++;
      if (network.arrivals[1] < network.arrivals[0]) overtakes++;
      for (const at of network.arrivals) expect(at >= 1 && at <= 9).toBe(true);
    }
    expectShare(twice / packets, 0.2);
    expectShare(overtakes / twice, 0.5, twice);
  });
});

describe("reordering", () => {
  it("holds a share of the packets back, evenly up to the most", () => {
    const { network, a, b } = rig({ reorder: { share: 0.25, ms: 40 } });
    let late = 0;
    let sum = 0;
    for (let i = 0; i < packets; i++) {
      network.route(a, b, 100, 0);
      const more = network.arrivals[0] - 5;
      expect(more >= 0 && more <= 40).toBe(true);
      if (more > 0) late++;
      sum += more;
    }
    expectShare(late / packets, 0.25);
    // The mean of `late` even draws from 0 … 40 deviates by 40 / sqrt(12 late).
    expect(Math.abs(sum / late - 20)).toBeLessThan((4 * 40) / Math.sqrt(12 * late));
  });
});

describe("bandwidth", () => {
  const bandwidth = { bytesPerSecond: 1000, queueBytes: 250 };

  it("sends packets one after another, and those that find too much waiting are lost", () => {
    const { network, a, b, c } = rig({ bandwidth });
    const arrivals: number[] = [];
    for (let i = 0; i < 6; i++) if (network.route(a, b, 100, 0) === 1) arrivals.push(network.arrivals[0]);
    // 100 ms each; the fourth would find 300 bytes waiting.
    expect(arrivals).toEqual([105, 205, 305]);
    expect(network.drops.queue).toBe(3);
    // The link is the sender's: whoever it sends to waits, others do not.
    expect(network.route(a, c, 100, 60)).toBe(1);
    expect(network.arrivals[0]).toBe(405);
    expect(network.route(b, c, 100, 60)).toBe(1);
    expect(network.arrivals[0]).toBe(165);
    // Idle time is not saved up.
    expect(network.route(a, b, 50, 10_000)).toBe(1);
    expect(network.arrivals[0]).toBe(10_055);
  });

  it("is used up by what is lost further on, too", () => {
    const { network, a, b } = rig({ bandwidth, loss: 1 });
    expect(network.route(a, b, 100, 0)).toBe(0);
    network.set({ loss: 0 });
    expect(network.route(a, b, 100, 0)).toBe(1);
    expect(network.arrivals[0]).toBe(205);
  });

  it("carries what it can over a long time, and no more", () => {
    const { network, a, b } = rig({ bandwidth });
    let sent = 0;
    for (let now = 0; now < 100_000; now += 10) sent += network.route(a, b, 100, now);
    expect(sent).toBeGreaterThanOrEqual(1000);
    expect(sent).toBeLessThanOrEqual(1003);
  });
});

describe("cuts", () => {
  it("are one way, until mended", () => {
    const { network, a, b } = rig();
    network.cut(a, b);
    expect([network.open(a, b), network.open(b, a)]).toEqual([false, true]);
    expect(network.route(a, b, 100, 0)).toBe(0);
    expect(network.route(b, a, 100, 0)).toBe(1);
    expect(network.drops).toMatchObject({ cut: 1, lost: 0 });
    network.mend(a, b);
    expect(network.route(a, b, 100, 0)).toBe(1);
  });

  it("by partition part those with different numbers", () => {
    const { network, a, b, c } = rig();
    c.partition = 1;
    network.uneven();
    expect([network.open(a, b), network.open(a, c), network.open(c, b), network.open(c, c)]).toEqual([
      true,
      false,
      false,
      true,
    ]);
    expect(network.route(a, c, 100, 0)).toBe(0);
    expect(network.drops.cut).toBe(1);
  });

  it("and partial losses end with healing; global conditions stay", () => {
    const { network, a, b, c } = rig({ loss: 0.1 });
    network.cut(a, b);
    network.setLinkLoss(b, c, 1);
    a.egressLoss = 1;
    b.ingressLoss = 1;
    c.partition = 4;
    network.uneven();
    network.heal([a, b, c]);
    for (const [from, to] of [
      [a, b],
      [b, c],
      [a, c],
    ] as const) {
      expect(network.open(from, to)).toBe(true);
      expectShare(lostShare(network, from, to), 0.1);
    }
    // And what is cut after that is cut again.
    network.cut(a, c);
    expect(network.open(a, c)).toBe(false);
    expect(network.open(a, b)).toBe(true);
  });
});

describe("one direction of a stream", () => {
  it("takes the delay, and its bytes' time on the link", () => {
    expect(rig().network.streamDelay(rig().a, rig().b, 4000, 0)).toBe(5);
    const { network, a, b } = rig({ bandwidth: { bytesPerSecond: 1000, queueBytes: 1 } });
    expect(network.streamDelay(a, b, 4000, 0)).toBe(4005);
  });

  it("has no end without a way", () => {
    const { network, a, b } = rig();
    network.cut(a, b);
    expect(network.streamDelay(a, b, 1, 0)).toBe(Number.POSITIVE_INFINITY);
    expect(network.streamDelay(b, a, 1, 0)).toBe(5);
  });

  it("is repeated after pauses that double where packets are lost", () => {
    const { network, a, b } = rig({ loss: 0.3 });
    const counts = new Map<number, number>();
    for (let i = 0; i < packets; i++) {
      const delay = network.streamDelay(a, b, 100, 0);
      counts.set(delay, (counts.get(delay) ?? 0) + 1);
    }
    // 0, 1, 2 … losses in a row: 200, 200 + 400, 200 + 400 + 800 ms more.
    for (let losses = 0; losses < 6; losses++) {
      const delay = 5 + 200 * (2 ** losses - 1);
      expectShare((counts.get(delay) ?? 0) / packets, 0.7 * 0.3 ** losses);
      counts.delete(delay);
    }
    for (const delay of counts.keys()) expect(delay).toBeGreaterThan(5 + 200 * (2 ** 5 - 1));
  });

  it("gets through once a burst is over", () => {
    const { network, a, b } = rig({ bursts: { everyMs: 60_000, lengthMs: 1000, loss: 1 } });
    let slow = 0;
    for (let now = 0; now < 10_000_000; now += 500) {
      const delay = network.streamDelay(a, b, 100, now);
      if (delay > 5) slow++;
      // Bursts this long are rare: exp(-12) of them. Where one ends, the next retransmission passes.
      expect(delay).toBeLessThan(5 + 200 * (2 ** 7 - 1));
    }
    expect(slow).toBeGreaterThan(100);
  });
});

describe("conditions", () => {
  it("change while it runs, one by one, and are switched off by undefined", () => {
    const { network, a, b } = rig({ loss: 1, duplicates: 1 });
    network.set({ loss: 0 });
    expect(network.route(a, b, 100, 0)).toBe(2);
    network.set({ duplicates: undefined as never, latency: { kind: "constant", ms: 9 } });
    expect(network.route(a, b, 100, 0)).toBe(1);
    expect(network.arrivals[0]).toBe(9);
    network.set({ bandwidth: { bytesPerSecond: 1, queueBytes: 1 } });
    expect(network.route(a, b, 100, 0)).toBe(1);
    expect(network.route(a, b, 100, 0)).toBe(0);
    network.set({ bandwidth: undefined });
    expect(network.route(a, b, 100, 0)).toBe(1);
    expect(network.conditions).toMatchObject({ loss: 0, bandwidth: undefined });
  });

  it.each<NetworkConditions>([
    { loss: -0.1 },
    { loss: 1.1 },
    { loss: Number.NaN },
    { duplicates: 2 },
    { bursts: { everyMs: 0, lengthMs: 1, loss: 0.5 } },
    { bursts: { everyMs: 1, lengthMs: Number.POSITIVE_INFINITY, loss: 0.5 } },
    { bursts: { everyMs: 1, lengthMs: 1, loss: 7 } },
    { reorder: { share: 3, ms: 1 } },
    { reorder: { share: 0.1, ms: -1 } },
    { bandwidth: { bytesPerSecond: 0, queueBytes: 1 } },
    { bandwidth: { bytesPerSecond: 1, queueBytes: Number.NaN } },
    { latency: { kind: "constant", ms: -4 } },
  ])("that cannot be are refused, and nothing changes: %j", (conditions) => {
    const { network, a, b } = rig({ loss: 0 });
    const before = network.conditions;
    expect(() => network.set({ duplicates: 1, ...conditions })).toThrow(RangeError);
    expect(network.conditions).toEqual(before);
    expect(network.route(a, b, 100, 0)).toBe(1);
  });
});
