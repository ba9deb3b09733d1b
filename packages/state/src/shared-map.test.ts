import { describe, expect, it } from "vitest";
import { compareStamps, HybridClock, maxStampCount, noStamp } from "./hlc.ts";
import type { SharedWrite } from "./messages.ts";
import { SharedMap } from "./shared-map.ts";

const graceMs = 100_000;
const limits = { maxSharedKeys: 3, maxSharedBytes: 1e9, tombstoneGraceMs: graceMs, maxDriftMs: 1000 };
const value = Uint8Array.of(1);

function map(): SharedMap {
  return new SharedMap(
    limits,
    () => {},
    () => {},
  );
}

function write(key: string, ms: number, parts: Partial<SharedWrite> = {}): SharedWrite {
  return { key, ms, count: 0, writer: "n", ttlMs: 0, value, ...parts };
}

describe("HybridClock", () => {
  it("never goes back, and runs ahead of the wall clock only as far as it must", () => {
    const clock = new HybridClock();
    expect(clock.next(1000)).toEqual({ ms: 1000, count: 0 });
    expect(clock.next(1000)).toEqual({ ms: 1000, count: 1 });
    expect(clock.next(900.7)).toEqual({ ms: 1000, count: 2 });
    clock.witness({ ms: 2000, count: 7 });
    clock.witness({ ms: 1500, count: 9 });
    expect(clock.next(1001)).toEqual({ ms: 2000, count: 8 });
    expect(clock.next(2001)).toEqual({ ms: 2001, count: 0 });
  });

  it("borrows from the next ms when its counter is full", () => {
    const clock = new HybridClock();
    clock.witness({ ms: 5, count: maxStampCount });
    expect(clock.next(5)).toEqual({ ms: 6, count: 0 });
    expect(compareStamps({ ms: 6, count: 0 }, { ms: 5, count: maxStampCount })).toBeGreaterThan(0);
  });
});

describe("SharedMap", () => {
  it("drops a tombstone after its grace, not while others may not have heard of it", () => {
    const shared = map();
    shared.completeFromMs = 0;
    shared.write("k", value, 0, "n", 1000);
    shared.write("k", null, 0, "n", 2000);
    shared.collect(2000 + graceMs - 1, true);
    expect(shared.size).toBe(1);
    shared.collect(2000 + graceMs, false);
    expect(shared.size).toBe(1);
    shared.collect(2000 + graceMs, true);
    expect(shared.size).toBe(0);
    expect(shared.gc).toEqual({ ms: 2000, count: 0 });
  });

  it("does not vouch for the time before it was in touch", () => {
    const shared = map();
    shared.completeFromMs = 3000;
    shared.write("k", null, 0, "n", 2000);
    shared.collect(2000 + graceMs, true);
    expect(shared.size).toBe(0);
    expect(shared.gc).toEqual(noStamp);
    shared.becomeComplete({ ms: 2500, count: 1 });
    expect(shared.gc).toEqual({ ms: 2500, count: 1 });
    shared.becomeComplete({ ms: 2400, count: 1 });
    expect(shared.gc).toEqual({ ms: 2500, count: 1 });
  });

  it("takes what is below its watermark only from those who know as much", () => {
    const shared = map();
    shared.becomeComplete({ ms: 5000, count: 0 });
    expect(shared.apply(write("old", 4000), { ms: 4999, count: 0 }, 200_000)).toBe("leftover");
    expect(shared.apply(write("new", 5001), noStamp, 200_000)).toBe("applied");
    expect(shared.apply(write("old", 4000), { ms: 5000, count: 0 }, 200_000)).toBe("applied");
  });

  it("buries what another, who knows more, does not have", () => {
    const shared = map();
    shared.apply(write("old", 4000, { ttlMs: 999_999 }), noStamp, 200_000);
    shared.apply(write("new", 6000), noStamp, 200_000);
    const othersGc = { ms: 5000, count: 0 };
    expect(shared.isLeftover(shared.get("old")!, othersGc)).toBe(true);
    expect(shared.isLeftover(shared.get("old")!, { ms: 3999, count: 0 })).toBe(false);
    expect(shared.isLeftover(shared.get("new")!, othersGc)).toBe(false);
    const same = map();
    same.apply(write("old", 4000, { ttlMs: 999_999 }), noStamp, 200_000);
    shared.bury("old", 200_000);
    expect(shared.get("old")?.dead).toBe(true);
    // It spreads to those who have the same leftover, and is kept long enough to do so.
    expect(same.apply(shared.get("old")!, shared.gc, 200_000)).toBe("applied");
    shared.collect(200_000, true);
    expect(shared.get("old")?.dead).toBe(true);
    shared.collect(200_000 + graceMs, true);
    expect(shared.get("old")).toBeUndefined();
  });

  it("fetches neither what was deleted here, nor old tombstones, nor the future", () => {
    const shared = map();
    shared.becomeComplete({ ms: 5000, count: 0 });
    const line = { key: "k", count: 0, writer: "n", hash: 0 };
    expect(shared.isWorthFetching({ ...line, ms: 4000, dead: false }, noStamp, 6000)).toBe(false);
    expect(shared.isWorthFetching({ ...line, ms: 4000, dead: false }, shared.gc, 6000)).toBe(true);
    expect(shared.isWorthFetching({ ...line, ms: 5500, dead: false }, noStamp, 6000)).toBe(true);
    expect(shared.isWorthFetching({ ...line, ms: 5500, dead: true }, noStamp, 6000)).toBe(true);
    expect(shared.isWorthFetching({ ...line, ms: 5500, dead: true }, noStamp, 5500 + graceMs)).toBe(false);
    expect(shared.isWorthFetching({ ...line, ms: 7001, dead: false }, noStamp, 6000)).toBe(false);
  });

  it("takes no more keys from others than four times what one may write", () => {
    const shared = map();
    for (let k = 0; k < 12; k++) expect(shared.apply(write(`k${k}`, 5000), noStamp, 6000)).toBe("applied");
    expect(shared.apply(write("k12", 5000), noStamp, 6000)).toBe("too-many-keys");
    expect(shared.apply(write("k3", 5001), noStamp, 6000)).toBe("applied");
    expect(shared.hasRoomFor("k3", Uint8Array.of(1))).toBe(true);
    expect(shared.hasRoomFor("k99", Uint8Array.of(1))).toBe(false);
  });
});
