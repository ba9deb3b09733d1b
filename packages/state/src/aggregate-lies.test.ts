import { Rng } from "@hearsay/core";
import { describe, expect, it } from "vitest";
import { type AggregateMessage, encodeAggregateMessage } from "./aggregate-codec.ts";
import { EpochClaims, maxEpoch } from "./aggregate-epochs.ts";
import { Share, type ShareMessage } from "./aggregate-share.ts";
import { AggregateNet, meanOf, worst } from "./testing/aggregate-net.ts";

const light = { maxBuckets: 0, extrema: 16 };

function claim(epoch: number, ageMs = 0): Uint8Array {
  return encodeAggregateMessage({ type: "ahead", name: "load", epoch, ageMs, exchange: 1 });
}

/** A question of the node's present epoch, with a share of the forger's making. */
function question(net: AggregateNet, to: number, changes: Partial<ShareMessage>): Uint8Array {
  const { epoch, ageMs } = net.at(to).present("load", net.now)!;
  const plain = new Share(1, 0, new Rng(1), 0, 8);
  const { first, second, min, max, leaders, smallest } = plain;
  const share = { first, second, min, max, leaders, smallest, buckets: plain.buckets, ...changes };
  const message: AggregateMessage = { type: "ask", name: "load", epoch, ageMs, exchange: 2 ** 47, share };
  return encodeAggregateMessage(message);
}

function epochs(net: AggregateNet): Set<number | undefined> {
  return new Set(net.ids.map((id) => net.at(id).epochOf("load")));
}

describe("a forged epoch", () => {
  it("leads nobody astray before a pool's first, whoever tells of it alone", () => {
    const net = new AggregateNet({ size: 20, value: () => 1, settings: light });
    net.run(1);
    for (const id of net.ids) net.at(id).handlePacket("n3", claim(2 ** 48), net.now);
    net.run(14);
    expect(epochs(net)).toEqual(new Set([1]));
  });

  it("leads no newcomer astray", () => {
    const net = new AggregateNet({ size: 20, value: () => 1, settings: light });
    net.runTo(3, 20);
    const id = net.join();
    net.at(id).handlePacket("n3", claim(2 ** 48), net.now);
    net.runTo(4, 20);
    expect(epochs(net)).toEqual(new Set([4]));
    expect(net.at(id).statsOf("load")!.unconfirmed).toBeGreaterThan(0);
  });

  it("cuts no epoch short, though it be the next", () => {
    const net = new AggregateNet({ size: 20, value: () => 1, settings: light });
    net.runTo(1, 20);
    for (const id of net.ids) net.at(id).handlePacket("n3", claim(2), net.now);
    net.run(2);
    expect(epochs(net)).toEqual(new Set([1]));
    // Two who say so are believed: it may be the other half of a pool that was parted.
    for (const id of net.ids) net.at(id).handlePacket("n4", claim(2), net.now);
    expect(epochs(net)).toEqual(new Set([2]));
  });

  it("that two told a newcomer is left again, since nobody else is there", () => {
    const net = new AggregateNet({ size: 20, value: () => 1, settings: light });
    net.runTo(2, 20);
    const id = net.join();
    for (const from of ["n3", "n4"]) net.at(id).handlePacket(from, claim(2 ** 40), net.now);
    expect(net.at(id).epochOf("load")).toBe(2 ** 40);
    net.runTo(4, 20);
    expect(epochs(net)).toEqual(new Set([4]));
  });

  it("of the last number there is does not end all epochs: the first follows", () => {
    const net = new AggregateNet({ size: 10, value: () => 3, settings: { ...light, epochRounds: 20 } });
    net.run(1);
    for (const id of net.ids) for (const from of ["a", "b"]) net.at(id).handlePacket(from, claim(maxEpoch), net.now);
    expect(epochs(net)).toEqual(new Set([maxEpoch]));
    net.run(38);
    expect(epochs(net)).toEqual(new Set([1]));
    net.run(20);
    expect(epochs(net)).toEqual(new Set([2]));
    for (const x of net.estimates()) {
      expect(x.mean).toBe(3);
      expect(x.count).toBeCloseTo(10, 1);
    }
  });
});

describe("claims", () => {
  const standing = { epoch: 5, endsAt: 100_000, alone: false };

  it("are believed of the next epoch when ours is over, else of a second witness, or of the same one later", () => {
    const claims = new EpochClaims(1_000, 50);
    const hear = (from: string, epoch: number, now: number, ageMs = 0) =>
      claims.hear({ from, epoch, ageMs }, standing, now);
    expect(hear("a", 6, 98_500)).toBe("believed");
    expect(hear("a", 6, 97_000)).toBe("unconfirmed");
    expect(hear("a", 6, 97_500)).toBe("unconfirmed");
    expect(hear("b", 9, 97_500)).toBe("unconfirmed");
    expect(hear("b", 6, 97_500)).toBe("believed");
    expect(hear("a", 6, 98_000, 100_000)).toBe("believed");
    expect(hear("c", 4, 98_000)).toBeUndefined();
    expect(hear("c", 2 ** 40, 98_000)).toBe("leap");
    expect(claims.hear({ from: "c", epoch: 2 ** 40, ageMs: 0 }, { ...standing, alone: true }, 98_000)).toBe(
      "unconfirmed",
    );
  });

  it("do not pile up", () => {
    const claims = new EpochClaims(1_000, 50);
    for (let i = 0; i < 100; i++)
      expect(claims.hear({ from: `f${i}`, epoch: 1_000 + 10 * i, ageMs: 0 }, standing, 5)).toBe("unconfirmed");
    // The first is forgotten, one of the last is not.
    expect(claims.hear({ from: "x", epoch: 1_000, ageMs: 0 }, standing, 5)).toBe("unconfirmed");
    expect(claims.hear({ from: "x", epoch: 1_980, ageMs: 0 }, standing, 5)).toBe("believed");
  });
});

describe("a forged share", () => {
  const value = (node: number): number => (node % 10) / 10;

  it("spoils an epoch without bounds, and not the next", () => {
    const net = new AggregateNet({ size: 50, value, settings: light });
    net.runTo(1, 10);
    net.at(0).handlePacket("n1", question(net, 0, { first: 1e100 }), net.now);
    net.runTo(2, 1);
    expect(net.estimates()[5]!.mean).toBeGreaterThan(1e90);
    net.runTo(3, 1);
    for (const x of net.estimates()) expect(x.mean).toBeCloseTo(meanOf(net.values), 6);
  });

  it("moves the mean by no more than its part where values have bounds", () => {
    const net = new AggregateNet({ size: 50, value, settings: { ...light, least: 0, greatest: 1 } });
    net.runTo(1, 10);
    const lies: Partial<ShareMessage>[] = [{ first: 1e100 }, { first: -2 }, { second: 1e30 }, { min: -5 }, { max: 17 }];
    for (const [i, lie] of lies.entries()) net.at(0).handlePacket(`n${i + 1}`, question(net, 0, lie), net.now);
    expect(net.at(0).statsOf("load")!.implausible).toBe(5);
    net.at(0).handlePacket("n9", question(net, 0, { first: 1.9, second: 1 }), net.now);
    net.runTo(2, 1);
    const found = net.estimates();
    expect(
      worst(
        found.map((x) => x.mean),
        meanOf(net.values),
      ),
    ).toBeLessThan(1 / 25);
    expect(Math.max(...found.map((x) => x.max))).toBe(1);
  });

  it("makes no count of more than twice those whom a member knows, nor of none", () => {
    const net = new AggregateNet({ size: 50, value, settings: light });
    net.runTo(1, 10);
    const tiny = Array.from({ length: 8 }, (_, id) => ({ id, share: 1e-200 }));
    net.at(0).handlePacket("n1", question(net, 0, { leaders: tiny }), net.now);
    net.runTo(2, 1);
    for (const x of net.estimates()) {
      expect(x.count).toBeGreaterThanOrEqual(1);
      expect(x.count).toBeLessThanOrEqual(100);
      expect(Number.isFinite(x.sum)).toBe(true);
    }
    net.runTo(3, 1);
    for (const x of net.estimates()) expect(x.count).toBeCloseTo(50, 1);
  });

  it("of a sketch makes no share that others must refuse, or larger than a packet", () => {
    const net = new AggregateNet({ size: 10, value: (node) => 1 + node, settings: { extrema: 8 } });
    net.runTo(1, 10);
    for (let i = 0; i < 30; i++) {
      const keys = Array.from({ length: 255 }, (_, k) => 2 ** 20 + (i * 255 + k));
      const buckets = { level: i % 2 ? 20 : i % 7, keys, weights: keys.map(() => 1) };
      net.at(0).handlePacket(`f${i}`, question(net, 0, { buckets }), net.now);
    }
    net.run(20);
    for (let id = 1; id < 10; id++) expect(net.at(id).stats.malformed).toBe(0);
    expect(net.largest).toBeLessThanOrEqual(1_400);
    for (const x of net.presents()) expect(Number.isFinite(x.quantile(0.5)!)).toBe(true);
    net.runTo(3, 1);
    for (const x of net.estimates()) expect(Math.abs(x.quantile(0.5)! - 5)).toBeLessThan(1);
  });

  it("is no value of a source beyond its bounds either", () => {
    const settings = { ...light, least: 0, greatest: 1 };
    const net = new AggregateNet({ size: 10, value: (node) => (node === 3 ? 7 : 0.5), settings });
    net.runTo(2, 1);
    expect(net.estimates().every((x) => Math.round(x.count) === 9 && x.mean === 0.5)).toBe(true);
    expect(net.at(3).statsOf("load")!.valueless).toBeGreaterThan(0);
    expect(() => new AggregateNet({ size: 1, value, settings: { least: 1, greatest: 1 } })).toThrow("not below");
  });
});
