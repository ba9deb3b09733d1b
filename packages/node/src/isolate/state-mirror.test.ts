/** Both sides of the mirror of replicated state: what the worker saves up, and what the main thread sees and tells of it. */

import { CounterTable } from "@hearsay/state";
import { expect, test, vi } from "vitest";
import type { RawChange, RawSharedChange, StoredShared } from "../state/state-port.ts";
import type { AggregateReading } from "../state-api.ts";
import { MirroredState } from "./mirrored-state.ts";
import { StateMirror } from "./state-mirror.ts";
import type { StateBatch } from "./state-protocol.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const time = new Date(0);

/** A worker's state by hand, its mirror, and a main thread that takes batches. */
function pair() {
  const maps = new Map<string, Map<string, Uint8Array>>();
  const shared = new Map<string, StoredShared>();
  const phis = new Map<string, number>();
  const readings = new Map<string, AggregateReading>();
  const counters = new CounterTable({ writer: "w", life: 7 });
  let news = 0;
  const mirror = new StateMirror(() => news++);
  mirror.attach(counters);
  const told: [string, readonly unknown[]][] = [];
  const main = new MirroredState({
    name: "w",
    maxValueBytes: 1024,
    requireOpen: () => {},
    call: async (method, args) => void told.push([method, args]),
    tell: (method, args) => void told.push([method, args]),
  });
  const source = {
    calls: {
      get: (owner: string, key: string) => maps.get(owner)?.get(key),
      entries: (owner: string) => Array.from(maps.get(owner) ?? [], ([key, value]) => ({ key, value })),
      owners: () => maps.keys(),
      getShared: (key: string) => shared.get(key),
      sharedEntries: () => shared.values(),
      phi: (member: string) => phis.get(member),
      reading: (name: string) => readings.get(name),
    },
    members: () => phis.keys(),
  };
  const set = (member: string, key: string, after: Uint8Array | undefined) => {
    const map = maps.get(member) ?? new Map<string, Uint8Array>();
    const before = map.get(key);
    if (after) map.set(key, after);
    else map.delete(key);
    maps.set(member, map);
    mirror.changed({ member, key, before, after, isLocal: member === "w", time });
  };
  const setShared = (key: string, after: Uint8Array | undefined, writer: string) => {
    if (after) shared.set(key, { key, value: after, writer, ms: 5 });
    else shared.delete(key);
    mirror.sharedChanged({ key, before: undefined, after, writer, isLocal: false, time });
  };
  /** Brings a batch over; what the main thread tells of it. */
  const sync = (): string[] => {
    const batch: StateBatch = structuredClone(mirror.take(source));
    const line = (whose: string, { key, before, after }: RawChange | RawSharedChange) =>
      `${whose}/${key} ${before ?? "-"} > ${after ?? "-"}`;
    const lines: string[] = [];
    main.apply(batch)({
      changed: (change) => lines.push(line(change.member, change)),
      sharedChanged: (change) => lines.push(line(`shared by ${change.writer}`, change)),
      lost: () => lines.push("lost"),
    });
    return lines;
  };
  return { mirror, source, main, maps, shared, phis, readings, counters, set, setShared, sync, told, news: () => news };
}

test("of each key the latest is told, once", () => {
  const { mirror, main, set, setShared, sync, news } = pair();
  set("a", "k", bytes(1));
  expect(sync()).toEqual(["a/k - > 1"]);
  expect(mirror.empty).toBe(true);
  for (let i = 2; i < 9; i++) set("a", "k", bytes(i));
  set("a", "gone", bytes(1));
  set("a", "gone", undefined);
  set("w", "own", bytes(0));
  setShared("s", bytes(3), "b");
  expect(sync()).toEqual(["a/k 1 > 8", "w/own - > 0", "shared by b/s - > 3"]);
  setShared("s", bytes(3), "c");
  setShared("t", undefined, "c");
  expect(sync()).toEqual(["shared by c/s 3 > 3"]);
  setShared("s", undefined, "a");
  set("a", "k", undefined);
  expect(sync()).toEqual(["a/k 8 > -", "shared by a/s 3 > -"]);
  expect([[...main.owners()], main.entries("a"), main.getShared("s"), sync()]).toEqual([["w"], [], undefined, []]);
  expect(news()).toBe(16);
});

test("after a loss everything is told anew, and only what differs is a change", () => {
  const { mirror, maps, shared, set, setShared, sync } = pair();
  set("a", "same", bytes(1));
  set("a", "dropped", bytes(2));
  set("b", "of one forgotten", bytes(3));
  setShared("old", bytes(4), "a");
  sync();
  maps.get("a")!.delete("dropped");
  maps.get("a")!.set("new", bytes(5));
  maps.delete("b");
  shared.delete("old");
  mirror.lost();
  expect(mirror.empty).toBe(false);
  expect(sync()).toEqual(["a/dropped 2 > -", "b/of one forgotten 3 > -", "a/new - > 5", "shared by a/old 4 > -"]);
});

test("counters come life by life, with what is new of each", () => {
  const { mirror, main, counters, sync } = pair();
  sync();
  counters.add("n", 5);
  counters.merge({
    id: "00000000000000aa",
    writer: "x",
    from: 0,
    to: 1,
    tallies: [{ counter: "n", plus: 0, minus: 7, version: 1 }],
  });
  expect(mirror.empty).toBe(false);
  sync();
  expect([
    main.counters.value("n"),
    main.counters.contribution("x", "n"),
    main.counters.contribution("w", "n"),
  ]).toEqual([-2n, -7n, 5n]);
  counters.add("m", 2 ** 53 - 1);
  counters.add("n", 1);
  sync();
  expect([main.counters.value("m"), main.counters.value("n"), mirror.empty]).toEqual([2n ** 53n - 1n, -1n, true]);
  main.forget("x");
  expect([main.counters.contribution("x", "n"), main.counters.value("n")]).toEqual([0n, -1n]);
});

test("phi and aggregates are told once a second", () => {
  const { mirror, source, main, phis, readings, sync, news } = pair();
  sync();
  mirror.drained(5_000, source);
  expect([mirror.empty, news()]).toEqual([true, 0]);
  phis.set("a", 0.5);
  mirror.drained(10_000, source);
  sync();
  phis.set("a", 2);
  mirror.drained(10_999, source);
  expect([mirror.empty, main.phi("a"), main.phi("w"), main.phi("b")]).toEqual([true, 0.5, 0, undefined]);
  const reading = { age: 100, mean: 3 } as AggregateReading;
  readings.set("load", reading);
  main.openAggregate("load", () => 3, { roundMs: 1000, epochRounds: 50, least: 0, greatest: 100 });
  mirror.opened("load");
  mirror.drained(11_000, source);
  sync();
  expect([main.phi("a"), main.reading("load")?.mean]).toEqual([2, 3]);
  expect(main.reading("load")!.age).toBeGreaterThanOrEqual(100);
  main.closeAggregate("load");
  mirror.closed("load");
  expect(main.reading("load")).toBeUndefined();
  phis.clear();
  for (const now of [12_000, 13_000]) {
    mirror.drained(now, source);
    expect(mirror.empty).toBe(now > 12_000);
    sync();
  }
  expect(main.phi("a")).toBeUndefined();
});

test("a source is asked in this thread, and what is new is told", async () => {
  const { main, told } = pair();
  let value: number | undefined = 1;
  let asked = 0;
  const ask = () => {
    asked++;
    return value;
  };
  main.openAggregate("x", ask, { roundMs: 20, epochRounds: 10, least: 0, greatest: 100 });
  await expect.poll(() => asked).toBeGreaterThan(3);
  value = undefined;
  await expect.poll(() => told.length).toBe(2);
  main.closeAggregate("x");
  const before = asked;
  expect(told).toEqual([
    ["openAggregate", ["x", { roundMs: 20, epochRounds: 10, least: 0, greatest: 100 }, 1]],
    ["aggregateValue", ["x", undefined]],
    ["closeAggregate", ["x"]],
  ]);
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(asked).toBe(before);
});

test("a source that closes the node is not asked again", () => {
  vi.useFakeTimers();
  let isOpen = true;
  let asked = 0;
  const told: string[] = [];
  const main = new MirroredState({
    name: "w",
    maxValueBytes: 1024,
    requireOpen: () => {
      if (!isOpen) throw new Error("closed");
    },
    call: async () => {},
    tell: (method) => void told.push(method),
  });
  const close = () => {
    asked++;
    isOpen = false;
    return 1;
  };
  const terms = { roundMs: 50, epochRounds: 10, least: 0, greatest: 1 };
  expect(() => main.openAggregate("load", close, terms)).toThrow("closed");
  vi.advanceTimersByTime(1000);
  expect([asked, told, vi.getTimerCount()]).toEqual([1, [], 0]);
  vi.useRealTimers();
});
