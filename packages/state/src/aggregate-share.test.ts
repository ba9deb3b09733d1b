import { Rng } from "@hearsay/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type AggregateMessage,
  aggregateMessageType,
  decodeAggregateMessage,
  encodeAggregateMessage,
} from "./aggregate-codec.ts";
import { countOf, countOfExtrema, Share, type ShareMessage } from "./aggregate-share.ts";
import { Aggregates } from "./aggregates.ts";

const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 2, maxLength: 12 });

describe("shares", () => {
  it("keep their sum through exchanges whose halves lie apart, and go to the mean", () => {
    fc.assert(
      fc.property(values, fc.array(fc.tuple(fc.nat(11), fc.nat(11), fc.nat(3)), { maxLength: 80 }), (list, steps) => {
        const rng = new Rng(list.length);
        const shares = list.map((x) => new Share(x, 0.5, rng, 16, 8));
        const leaders = shares.reduce((sum, share) => sum + share.leaders.length, 0);
        const late: (() => void)[] = [];
        for (const [i, j, delay] of steps) {
          const [asker, asked] = [shares[i % list.length]!, shares[j % list.length]!];
          if (asker === asked) continue;
          // What is asked is a copy: the asker goes on meanwhile.
          const question = decoded(asker);
          const lack = decoded(asked.meet(question));
          late.push(() => asker.take(lack));
          if (late.length > delay) late.shift()!();
        }
        for (const take of late) take();
        const size = list.reduce((sum, x) => sum + Math.abs(x), 1);
        expect(total((share) => share.first) / size).toBeCloseTo(list.reduce((sum, x) => sum + x, 0) / size, 9);
        expect(total((share) => share.buckets.weights.reduce((sum, x) => sum + x, 0))).toBeCloseTo(list.length, 6);
        // Leaders beyond the eighth are dropped; of the others each is whole.
        if (leaders <= 8)
          expect(total((share) => share.leaders.reduce((sum, x) => sum + x.share, 0))).toBeCloseTo(leaders, 9);

        function total(of: (share: Share) => number): number {
          return shares.reduce((sum, share) => sum + of(share), 0);
        }
      }),
    );
  });

  it("count by the smallest draws to what the number of draws allows", () => {
    const rng = new Rng(4);
    const ratios = Array.from({ length: 40 }, () => {
      const shares = Array.from({ length: 500 }, () => new Share(1, 0, rng, 0, 64));
      for (const share of shares) shares[0]!.meet(share);
      expect(countOf(shares[0]!)).toBeUndefined();
      return countOfExtrema(shares[0]!.smallest) / 500 - 1;
    });
    const deviation = Math.sqrt(ratios.reduce((sum, x) => sum + x * x, 0) / ratios.length);
    expect(deviation).toBeGreaterThan(0.08);
    expect(deviation).toBeLessThan(0.18);
  });
});

describe("the messages", () => {
  const head = { name: "load", epoch: 3, ageMs: 1_234, exchange: 2 ** 44 - 1 };

  it("come back as they were, and cut short or lengthened they are refused", () => {
    fc.assert(
      fc.property(values, fc.nat(4_000), (list, cut) => {
        const share = new Share(list[0]!, 1, new Rng(cut), 32, 16);
        for (const x of list) share.meet(new Share(x, 1, new Rng(cut + Math.abs(x)), 32, 16));
        const message: AggregateMessage = { type: "answer", ...head, share: plain(share) };
        const bytes = encodeAggregateMessage(message);
        const back = decodeAggregateMessage(bytes)!;
        expect({ ...back, share: undefined }).toEqual({ ...message, share: undefined });
        expect({ ...back.share!, buckets: undefined }).toEqual({ ...message.share!, buckets: undefined });
        expect(back.share!.buckets.keys).toEqual(share.buckets.keys);
        expect(back.share!.buckets.weights).toEqual(share.buckets.weights.map(Math.fround));
        expect(decodeAggregateMessage(bytes.slice(0, cut % bytes.length))).toBeUndefined();
        expect(decodeAggregateMessage(Uint8Array.of(...bytes, 0))).toBeUndefined();
      }),
    );
    for (const type of ["busy", "ahead", "hello"] as const) {
      expect(decodeAggregateMessage(encodeAggregateMessage({ type, ...head }))).toEqual({ type, ...head });
    }
  });

  it("are refused when a number cannot be, and keep below a packet at their largest", () => {
    const share = plain(new Share(1, 1, new Rng(1), 96, 64));
    const spoilt = [
      { ...share, first: Number.NaN },
      { ...share, leaders: [{ id: 1, share: 5 }] },
      { ...share, smallest: [0] },
      { ...share, second: Number.POSITIVE_INFINITY },
      { ...share, smallest: [-1] },
      {
        ...share,
        leaders: [
          { id: 2, share: 1 },
          { id: 1, share: 1 },
        ],
      },
      { ...share, buckets: { level: 21, keys: [0], weights: [1] } },
      { ...share, buckets: { level: 0, keys: [5], weights: [1] } },
      { ...share, buckets: { level: 20, keys: [2 ** 20 + 2], weights: [1] } },
      { ...share, buckets: { level: 0, keys: [2 ** 20, 2 ** 20], weights: [1, 1] } },
    ];
    for (const bad of spoilt) {
      expect(decodeAggregateMessage(encodeAggregateMessage({ type: "ask", ...head, share: bad }))).toBeUndefined();
    }
    const largest = {
      ...share,
      leaders: Array.from({ length: 16 }, (_, id) => ({ id, share: 1 })),
      buckets: {
        level: 0,
        keys: Array.from({ length: 96 }, (_, i) => 2 ** 20 + i),
        weights: Array<number>(96).fill(1),
      },
    };
    const bytes = encodeAggregateMessage({
      type: "ask",
      ...head,
      epoch: 2 ** 48,
      name: "x".repeat(64),
      share: largest,
    });
    expect(decodeAggregateMessage(bytes)).toBeDefined();
    expect(bytes.length).toBeLessThanOrEqual(1_400);
  });

  it("do no harm when they are noise, and an aggregate we do not have is answered so", () => {
    const aggregates = new Aggregates({ count: () => 1, pick: () => "b" }, new Rng(1));
    aggregates.open("load", () => 1, 0);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (noise) => {
        aggregates.handlePacket(
          "b",
          Uint8Array.of(aggregateMessageType, 0x96, 0, 0xa4, 0x6c, 0x6f, 0x61, 0x64, ...noise),
          5,
        );
      }),
    );
    expect(aggregates.stats.malformed).toBe(100);
    const share = plain(new Share(1, 0, new Rng(1), 0, 8));
    aggregates.handlePacket("b", encodeAggregateMessage({ type: "ask", ...head, name: "other", share }), 5);
    expect(decodeAggregateMessage(aggregates.pollTransmit()!.bytes)).toMatchObject({ type: "busy", name: "other" });
    expect(() => aggregates.open("load", () => 1, 0)).toThrow("already");
    expect(() => aggregates.open("", () => 1, 0)).toThrow("0 bytes, where 1 to 64");
    expect(() => aggregates.open("x", () => 1, 0, { extrema: 3 })).toThrow("extrema is 3, where 8 to 64 may be");
    expect(aggregates.close("load")).toBe(true);
    expect(aggregates.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });
});

function decoded(share: ShareMessage): ShareMessage {
  const message = { type: "ask" as const, name: "x", epoch: 1, ageMs: 0, exchange: 1, share: plain(share) };
  return decodeAggregateMessage(encodeAggregateMessage(message))!.share!;
}

/** A copy with nothing but its numbers. */
function plain(share: ShareMessage): ShareMessage {
  const { first, second, min, max, leaders, buckets, smallest } = share;
  const { level, keys, weights } = buckets;
  const copy = { level, keys: [...keys], weights: [...weights] };
  return { first, second, min, max, leaders: [...leaders], smallest: [...smallest], buckets: copy };
}
