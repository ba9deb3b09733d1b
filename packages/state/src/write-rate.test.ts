import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { flowSettings } from "./flow-config.ts";
import { sharedRate, WriteRate } from "./write-rate.ts";

const windowMs = 1000;
const rateOf = (settings: Parameters<typeof flowSettings>[0]) => new WriteRate(flowSettings(settings), windowMs);
/** What both have after one opened an exchange with the other and both wished so much. */
function share(first: WriteRate, second: WriteRate, held: readonly [number, number]): boolean {
  const answer = second.answer(first.open(held[0], 0), held[1], 0);
  return answer !== undefined && first.onAnswer(answer, 0);
}

describe("sharedRate", () => {
  it.each([
    ["enough for both: the rest in halves", [10, 2], [4, 6], 5],
    ["both want half or more: halves", [10, 20], [6, 30], 8],
    ["little for the one, the rest for the other", [10, 2], [4, 30], 2],
    ["the same the other way round", [10, 30], [4, 2], 12],
  ] as const)("%s", (_what, [rate, wish], [otherRate, otherWish], expected) => {
    expect(sharedRate({ rate, wish }, { rate: otherRate, wish: otherWish })).toBe(expected);
  });

  it("keeps the sum, and gives nobody who is short less than half of it or than it wants", () => {
    const each = fc.record({ rate: fc.nat({ max: 1e6 }), wish: fc.nat({ max: 1e6 }) });
    fc.assert(
      fc.property(each, each, (one, other) => {
        const sum = one.rate + other.rate;
        expect(sharedRate(one, other) + sharedRate(other, one)).toBeCloseTo(sum, 6);
        expect(sharedRate(one, other)).toBeGreaterThanOrEqual(Math.min(one.wish, sum / 2));
      }),
    );
  });
});

describe("a rate", () => {
  it("falls by a share after so many full exchanges in a row, and rises by a step after so many easy ones", () => {
    const rate = rateOf({ startRate: 8, decrease: 0.5, increase: 1, fullExchanges: 3, easyExchanges: 2 });
    const after = (...full: boolean[]) => {
      for (const isFull of full) rate.onExchange(isFull, 0);
      return rate.perSecond;
    };
    expect(after(true, true, false)).toBe(8);
    expect(after(true, true, true)).toBe(4);
    expect(after(true, false, true, false)).toBe(4);
    expect(after(false)).toBe(5);
    expect(after(false, false)).toBe(6);
  });

  it("stays within its bounds", () => {
    const rate = rateOf({ startRate: 2, minRate: 1, maxRate: 3, increase: 0.7 });
    for (let i = 0; i < 50; i++) rate.onExchange(true, 0);
    expect(rate.perSecond).toBe(1);
    for (let i = 0; i < 50; i++) rate.onExchange(false, 0);
    expect(rate.perSecond).toBe(3);
  });

  it("lets a round's worth through at once, and then as much as it says", () => {
    const rate = rateOf({ startRate: 5 });
    rate.start(1000);
    let taken = 0;
    while (rate.take(1000)) taken++;
    expect(taken).toBe(5);
    expect(rate.leaveAt).toBeCloseTo(1200, 0);
    expect(rate.take(1190)).toBe(false);
    expect(rate.take(1201)).toBe(true);
    for (let now = 1201; now < 11_201; now += 10) if (rate.take(now)) taken++;
    expect(taken).toBeGreaterThan(53);
    expect(taken).toBeLessThanOrEqual(55);
  });

  it("is there to the last of it when it says, whatever the rate", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.1, max: 1000, noNaN: true }), fc.nat({ max: 1e9 }), (startRate, start) => {
        const rate = rateOf({ startRate });
        rate.start(start);
        while (rate.take(start));
        for (let i = 0; i < 20; i++) expect(rate.take(rate.leaveAt)).toBe(true);
      }),
    );
  });
});

describe("two who meet", () => {
  const settings = { startRate: 10, minRate: 1, maxRate: 100 };

  it("leave all as it is where neither wants more than it has", () => {
    const [one, other] = [rateOf(settings), rateOf(settings)];
    expect(share(one, other, [9, 2])).toBe(false);
    expect([one.perSecond, other.perSecond]).toEqual([10, 10]);
  });

  it("give what one has too much to the other that wants it", () => {
    const [one, other] = [rateOf(settings), rateOf(settings)];
    expect(share(one, other, [30, 2])).toBe(true);
    expect([one.perSecond, other.perSecond]).toEqual([18, 2]);
    expect(share(one, other, [30, 0])).toBe(true);
    expect([one.perSecond, other.perSecond]).toEqual([19, 1]);
    expect(share(other, one, [30, 30])).toBe(true);
    expect([one.perSecond, other.perSecond]).toEqual([10, 10]);
  });

  it("keep the sum, also when exchanges overlap", () => {
    const all = [rateOf(settings), rateOf({ ...settings, startRate: 3 }), rateOf({ ...settings, startRate: 20.5 })];
    const sum = () => all.reduce((total, rate) => total + rate.perSecond, 0);
    const [a, b, c] = all as [WriteRate, WriteRate, WriteRate];
    // Both of a's openings are on their way at once, and c's is answered in between.
    const [toB, toC] = [a.open(40, 0), a.open(40, 0)];
    const fromC = c.answer(toC, 0, 0)!;
    share(c, a, [0, 40]);
    const fromB = b.answer(toB, 7, 0)!;
    expect(a.onAnswer(fromB, 0)).toBe(true);
    expect(a.onAnswer(fromC, 0)).toBe(true);
    expect(sum()).toBeCloseTo(33.5, 6);
  });

  it("share once: a second answer, or one to nothing, changes nothing", () => {
    const [one, other] = [rateOf(settings), rateOf(settings)];
    const answer = other.answer(one.open(50, 0), 0, 0)!;
    expect(one.onAnswer(answer, 0)).toBe(true);
    const { perSecond } = one;
    expect(one.onAnswer(answer, 0)).toBe(false);
    expect(one.onAnswer({ exchange: 77, rate: 1e9, wish: 0 }, 0)).toBe(false);
    expect(one.perSecond).toBe(perSecond);
    // Of openings that nobody answers only the last few are remembered.
    const first = one.open(50, 0);
    for (let i = 0; i < 100; i++) one.open(50, 0);
    expect(one.onAnswer({ ...first, rate: 1e9 }, 0)).toBe(false);
  });

  it("lose no more than half to one who claims whatever it likes, and gain no more than is allowed", () => {
    const rate = rateOf(settings);
    rate.answer({ exchange: 1, rate: 0, wish: 1e9 }, 50, 0);
    expect(rate.perSecond).toBe(5);
    for (let i = 0; i < 20; i++) rate.answer({ exchange: i, rate: 0, wish: 1e9 }, 50, 0);
    expect(rate.perSecond).toBe(1);
    for (let i = 0; i < 20; i++) rate.answer({ exchange: i, rate: 1e9, wish: 0 }, 1000, 0);
    expect(rate.perSecond).toBe(100);
  });
});

describe("settings of flow control", () => {
  it("are refused by name", () => {
    expect(() => flowSettings({ minRate: 0 })).toThrow("flow.minRate: 0 is not within 0.001 …");
    expect(() => flowSettings({ startRate: 2, maxRate: 1 })).toThrow("flow.startRate: 2 is not within 0.1 … 1");
    expect(() => flowSettings({ decrease: 1 })).toThrow("flow.decrease");
    expect(() => flowSettings({ increase: Number.NaN })).toThrow("flow.increase");
    expect(() => flowSettings({ easyExchanges: 0 })).toThrow("flow.easyExchanges");
    expect(flowSettings({ maxRate: 50 })).toMatchObject({ startRate: 10, maxRate: 50 });
  });
});
