import { Rng } from "@hearsay/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CounterMessage, decodeCounterMessage, encodeCounterMessage } from "./counter-codec.ts";
import { CounterSync } from "./counter-sync.ts";
import { CounterTable } from "./counter-table.ts";
import { CounterNet } from "./testing/counter-net.ts";

describe("the messages", () => {
  const id = fc.integer({ min: 0, max: 0xffff_ffff }).map((n) => n.toString(16).padStart(16, "a"));
  const version = fc.nat({ max: 2 ** 48 });
  const have = fc.uniqueArray(fc.record({ id, version }), { selector: (x) => x.id, maxLength: 20 });
  const life = fc
    .record({
      id,
      writer: fc.string({ maxLength: 40, unit: "grapheme" }),
      from: fc.nat(1000),
      tallies: fc.array(
        fc.record({
          counter: fc.string({ minLength: 1, maxLength: 20 }),
          plus: version,
          minus: version,
          step: fc.integer({ min: 1, max: 1e6 }),
        }),
        { minLength: 1, maxLength: 5 },
      ),
    })
    .map(({ tallies, ...rest }) => {
      let at = rest.from;
      const list = tallies.map(({ step, ...tally }) => ({ ...tally, version: (at += step) }));
      return { ...rest, to: at, tallies: list };
    });
  const message: fc.Arbitrary<CounterMessage> = fc.oneof(
    fc.record({ type: fc.constant("summary" as const), imprint: fc.nat(0xffff_ffff) }),
    fc.record({ type: fc.constant("buckets" as const), imprints: fc.uint32Array({ minLength: 64, maxLength: 64 }) }),
    fc.record({ first: id, last: id, have, seed: fc.nat() }).map(({ have, seed, ...rest }) => ({
      type: "digest" as const,
      ...rest,
      have,
      contents: Uint32Array.from(have, (_, i) => seed * (i + 1)),
    })),
    fc.record({ type: fc.constant("wants" as const), have }),
    fc.record({ type: fc.constant("delta" as const), lives: fc.array(life, { maxLength: 5 }) }),
  );

  it("come back as they were, and cut short they are refused", () => {
    fc.assert(
      fc.property(message, fc.double({ min: 0, max: 0.999, noNaN: true }), (sent, share) => {
        const bytes = encodeCounterMessage(sent);
        expect(decodeCounterMessage(bytes)).toEqual(sent);
        expect(decodeCounterMessage(bytes.slice(0, Math.floor(bytes.length * share)))).toBeUndefined();
      }),
    );
  });

  it.each([
    ["no tally at all", []],
    ["a tally below the life's version", [{ counter: "c", plus: 1, minus: 0, version: 50 }]],
  ])(
    "with a life that claims a version and tells %s are refused: who asked for the rest would never get it",
    (_what, tallies) => {
      const sync = new CounterSync(new CounterTable({ writer: "a", life: 1 }), new Rng(1), 0);
      const id = "ab".repeat(8);
      sync.handlePacket(
        "b",
        encodeCounterMessage({ type: "delta", lives: [{ id, writer: "w", from: 0, to: 100, tallies }] }),
      );
      // Told of, it would be sent to whoever lacks it, for ever.
      sync.handlePacket("b", encodeCounterMessage({ type: "wants", have: [{ id, version: 60 }] }));
      expect(sync.stats).toMatchObject({ malformed: 1, news: 0 });
      expect(sync.table.versionOf(id)).toBe(0);
    },
  );

  it("ask for what a table from a disk cannot tell, and are answered with nothing", () => {
    const table = new CounterTable({ writer: "a", life: 1 });
    const id = "ab".repeat(8);
    table.merge({ id, writer: "w", from: 0, to: 100, tallies: [] });
    const sync = new CounterSync(table, new Rng(1), 0);
    sync.handlePacket("b", encodeCounterMessage({ type: "wants", have: [{ id, version: 0 }] }));
    expect(sync.pollTransmit()).toBeUndefined();
  });

  it("do no harm when they are noise", () => {
    const sync = new CounterSync(new CounterTable({ writer: "a", life: 1 }), new Rng(1), 0);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(4), (noise, kind) => {
        const bytes = Uint8Array.of(0xe8, 0x92, kind, ...noise);
        sync.handlePacket("b", bytes);
        while (sync.pollTransmit());
      }),
    );
    expect(sync.stats.malformed).toBeGreaterThan(50);
    expect(sync.table.names()).toEqual([]);
  });
});

describe("a pool", () => {
  it("agrees within some rounds, in spite of loss, and then spends a packet or two a round", () => {
    const net = new CounterNet({ size: 50, loss: 0.2 });
    for (let i = 0; i < 50; i++) net.table(i).add("requests", i + 1);
    net.run(14);
    expect(net.values("requests")).toEqual(new Set([1275n]));
    net.loss = 0;
    net.bytes = 0;
    net.run(10);
    // Two summaries of eight bytes each.
    expect(net.bytes / 50 / 10).toBeLessThan(20);
  });

  it("counts exactly through crashes, restarts and a partition, with packets delivered twice", () => {
    const net = new CounterNet({ size: 10, loss: 0.1 });
    net.duplicates = 0.3;
    let expected = 0n;
    const rng = new Rng(5);
    for (let round = 0; round < 60; round++) {
      for (let i = 0; i < 10; i++) {
        const amount = rng.below(1_000) - 300;
        net.table(i).add("adds", amount);
        expected += BigInt(amount);
      }
      if (round === 10) net.parted = (a, b) => a % 2 !== b % 2;
      if (round === 30) net.parted = () => false;
      net.run(1);
      if (round % 20 === 5) {
        // What it counts is heard by somebody before it dies.
        net.run(8);
        net.restart(round % 10);
        for (let i = 0; i < 10; i++) net.table(i).fold(`n${(round + 3) % 10}`);
      }
    }
    net.run(20);
    expect(net.values("adds")).toEqual(new Set([expected]));
  });

  it("is exact after a million adds on ten nodes with loss and restarts under load", () => {
    const net = new CounterNet({ size: 10, loss: 0.01 });
    let expected = 0n;
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 10; i++) for (let n = 0; n < 5_000; n++) net.table(i).add("adds", n % 3 === 0 ? -1 : 2);
      // 1,667 of 5,000 take one, the others add two.
      expected += 10n * (3_333n * 2n - 1_667n);
      net.run(1);
      if (round % 5 !== 4) continue;
      // What a process dies with untold is lost, so that the last it did is told first.
      net.run(6);
      net.restart(round % 10);
    }
    net.run(12);
    expect(net.values("adds")).toEqual(new Set([expected]));
    // Ten, and three that followed; the fourth has added nothing yet, so that nobody tells of it.
    expect(net.table(0).lives).toBe(13);
  });

  it("tells a newcomer of thousands of lives and of many counters, packet by packet", () => {
    const net = new CounterNet({ size: 2 });
    for (let i = 0; i < 6_000; i++) {
      const table = new CounterTable({ writer: `writer-${i}`, life: 7 });
      for (let c = 0; c < 3; c++) table.add(`counter-${c}`, i);
      for (const delta of table.deltas()) net.table(0).merge(delta);
    }
    for (let c = 0; c < 500; c++)
      net.table(0).add(`a counter with a rather long name, so that few fit into a packet, ${c}`, 1);
    net.run(150);
    expect(net.values("counter-2")).toEqual(new Set([17_997_000n]));
    // The first writer added nothing, so nobody tells of it.
    expect(net.table(1).lives).toBe(6_001);
    expect(net.table(1).imprints()).toEqual(net.table(0).imprints());
    expect(net.largest).toBeLessThanOrEqual(1_200);
    // A bucket of these takes two digests: what the one does not name, the other does, and nothing is told for want of it.
    expect(net.stats(1).known).toBeLessThan(net.stats(1).news / 10);
  });
});
