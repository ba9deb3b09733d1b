import { describe, expect, test } from "vitest";
import { type Coordinate, distanceMs, freshCoordinate } from "./coordinate.ts";
import { CoordinateWriter, decodeCoordinate } from "./coordinate-codec.ts";
import { Solo } from "./testing/solo.ts";

const there: Coordinate = { vec: [0.02, 0, 0, 0, 0, 0, 0, 0], error: 0.5, adjustment: 0, height: 0.001 };
const encoded = new CoordinateWriter().write(there);

/** Alone with n2, whom it pings each second. */
class Pair extends Solo {
  constructor(coordinates = true) {
    super({ coordinates }, { probeIntervalMs: 1000 });
    this.meet(2);
    this.clear();
  }

  /** Its next ping is answered, so late. */
  round(payload: Uint8Array | null, rttMs = 30): void {
    this.pings.length = 0;
    while (this.pings.length === 0) this.advance(this.serf.nextDeadline() - this.now);
    this.advance(rttMs);
    this.ack(this.pings.at(-1)!.seqNo, payload);
  }

  take(type: string): unknown[] {
    const taken = this.events.filter((event) => event.type === type);
    this.clear();
    return taken;
  }

  get refused(): number {
    return this.serf.swim.counters.drops["serf-coordinate"] ?? 0;
  }
}

describe("a node that measures", () => {
  test("tells its place in acks, as it is then", () => {
    const pair = new Pair();
    pair.ping();
    expect(pair.acks.map((payload) => decodeCoordinate(payload!))).toEqual([freshCoordinate()]);
    pair.round(encoded);
    pair.ping();
    expect(decodeCoordinate(pair.acks[1]!)).toEqual(pair.serf.coordinate());
    expect(pair.acks[1]).not.toEqual(pair.acks[0]);
  });

  test("learns its place, and keeps the peer's, from direct acks", () => {
    const pair = new Pair();
    expect(pair.serf.coordinateOf("n2")).toBeUndefined();
    expect(pair.serf.coordinate()).toEqual(freshCoordinate());
    pair.round(encoded);
    expect(pair.take("coordinate")).toEqual([
      { type: "coordinate", name: "n1" },
      { type: "coordinate", name: "n2" },
    ]);
    expect(pair.serf.coordinateOf("n2")).toEqual(there);
    expect(pair.serf.coordinateOf("n1")).toBe(pair.serf.coordinate());
    for (let i = 0; i < 100; i++) pair.round(encoded);
    expect(distanceMs(pair.serf.coordinate(), pair.serf.coordinateOf("n2")!)).toBeCloseTo(30, 0);
    expect(pair.refused).toBe(0);
    expect(pair.serf.stats().coordinateResets).toBe(0);
  });

  test("counts a place that cannot be, and stays where it is", () => {
    const pair = new Pair();
    pair.round(encoded);
    const before = [pair.serf.coordinate(), pair.serf.coordinateOf("n2")];
    pair.clear();
    for (const payload of [
      new CoordinateWriter().write({ ...there, height: Number.NaN }),
      Uint8Array.of(2, ...encoded.slice(1)),
      Uint8Array.of(1),
      Uint8Array.of(0xff, 0xff),
    ]) {
      pair.round(payload);
      expect(pair.take("dropped")).toEqual([{ type: "dropped", reason: "serf-coordinate", peer: "10.0.0.2:7946" }]);
    }
    expect(pair.refused).toBe(4);
    expect([pair.serf.coordinate(), pair.serf.coordinateOf("n2")]).toEqual(before);
    expect(pair.serf.swim.counters.probesFailed, "an ack it is all the same").toBe(0);
  });

  test("says nothing of one that tells none", () => {
    const pair = new Pair();
    pair.round(null);
    pair.round(new Uint8Array(0));
    expect([pair.take("coordinate"), pair.refused, pair.serf.coordinateOf("n2")]).toEqual([[], 0, undefined]);
  });

  test("forgets the place of whoever is erased, for good or to come back", () => {
    const pair = new Pair();
    pair.round(encoded);
    pair.lose(2);
    expect(pair.serf.coordinateOf("n2"), "who has only failed may be back").toEqual(there);
    pair.act((serf, now) => serf.forceLeave("n2", true, now));
    expect(pair.serf.member("n2")).toBeUndefined();
    expect(pair.serf.coordinateOf("n2")).toBeUndefined();
    pair.meet(2, { incarnation: 5 });
    expect(pair.serf.coordinateOf("n2")).toBeUndefined();
    pair.round(encoded);
    expect(pair.serf.coordinateOf("n2")).toEqual(there);
  });

  test("keeps nothing of a member erased while its answer was under way", () => {
    const pair = new Pair();
    pair.round(encoded);
    pair.pings.length = 0;
    while (pair.pings.length === 0) pair.advance(pair.serf.nextDeadline() - pair.now);
    pair.lose(2);
    pair.act((serf, now) => serf.forceLeave("n2", true, now));
    pair.ack(pair.pings[0]!.seqNo, encoded);
    expect(pair.serf.coordinateOf("n2")).toBeUndefined();
  });
});

test("a node that does not measure neither tells nor listens", () => {
  const pair = new Pair(false);
  pair.ping();
  expect(pair.acks).toEqual([null]);
  pair.round(encoded);
  expect(pair.take("ping-complete")).toHaveLength(1);
  pair.round(Uint8Array.of(2));
  expect([pair.take("coordinate"), pair.refused]).toEqual([[], 0]);
  expect([pair.serf.coordinateOf("n2"), pair.serf.coordinateOf("n1")]).toEqual([undefined, undefined]);
  expect(pair.serf.coordinate()).toEqual(freshCoordinate());
});
