/**
 * The laws of merging for writes with a time to live, for deletions that are collected, and for one owner's map, each beside a
 * model that is as simple as can be.
 */
import { Rng } from "@hearsay/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeStateMessage, MessageBuilder } from "./codec.ts";
import { noStamp } from "./hlc.ts";
import type { OwnerDelta, SharedWrite } from "./messages.ts";
import { Section } from "./messages.ts";
import { OwnerMap } from "./owner-map.ts";
import { packDelta } from "./packing.ts";
import { compareWrites, SharedMap } from "./shared-map.ts";

const limits = { maxSharedKeys: 100, maxSharedBytes: 1e9, tombstoneGraceMs: 3600_000, maxDriftMs: 1000 };
const sharedMap = () =>
  new SharedMap(
    limits,
    () => {},
    () => {},
  );
const contents = (map: SharedMap) =>
  Array.from(map.entries(), ({ key, hash, dead, value }) =>
    [key, hash, dead, value && Array.from(value)].join(),
  ).sort();

describe("shared writes with a time to live", () => {
  const write: fc.Arbitrary<SharedWrite> = fc
    .record({
      key: fc.constantFrom("a", "b"),
      ms: fc.integer({ min: 5000, max: 5003 }),
      count: fc.integer({ min: 0, max: 1 }),
      writer: fc.constantFrom("n1", "n2"),
      value: fc.option(fc.uint8Array({ maxLength: 1, max: 2 })),
      ttlMs: fc.constantFrom(0, 1, 100, 101, 2000),
    })
    .map((each) => (each.value === null ? { ...each, ttlMs: 0 } : each));

  it("end in one state, in any order, doubled, whenever each was ended", () => {
    fc.assert(
      fc.property(fc.array(write, { maxLength: 12 }), fc.integer(), (writes, seed) => {
        const rng = new Rng(seed);
        const maps = [sharedMap(), sharedMap(), sharedMap()];
        for (const map of maps) {
          const order = [...writes, ...writes.filter(() => rng.below(2) === 0)]
            .map((each) => ({ each, at: rng.float() }))
            .sort((x, y) => x.at - y.at);
          for (const { each } of order) {
            map.apply(each, noStamp, 5050 + rng.below(100));
            if (rng.below(3) === 0) map.expire(5050 + rng.below(100));
          }
          // What each has it tells the others, ended or not.
          for (const other of maps) for (const entry of [...map.entries()]) other.apply(entry, noStamp, 5200);
        }
        for (const map of maps)
          for (const other of maps) for (const each of [...map.entries()]) other.apply(each, noStamp, 5200);
        for (const map of maps) map.expire(5300);
        for (const map of maps) expect(contents(map)).toEqual(contents(maps[0]!));
        // The model: the greatest of each key, without a value when its time is over.
        for (const key of ["a", "b"]) {
          const greatest = writes
            .filter((each) => each.key === key)
            .sort(compareWrites)
            .at(-1);
          const held = maps[0]!.get(key);
          expect(held?.ms).toBe(greatest?.ms);
          const isOver =
            greatest && (greatest.value === null || (greatest.ttlMs > 0 && greatest.ms + greatest.ttlMs <= 5300));
          expect(held?.dead ?? isOver).toBe(isOver);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("copies of one owner's map", () => {
  type Step =
    | { readonly type: "write"; readonly key: number; readonly isDeletion: boolean }
    | {
        readonly type: "tell";
        readonly from: number;
        readonly to: number;
        readonly room: number;
        readonly isFresh: boolean;
      }
    | { readonly type: "replay"; readonly to: number; readonly which: number }
    | { readonly type: "collect"; readonly at: number };
  const copies = 4;
  const place = fc.integer({ min: 0, max: copies - 1 });
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ type: fc.constant("write" as const), key: fc.nat(4), isDeletion: fc.boolean() }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        type: fc.constant("tell" as const),
        from: place,
        to: place,
        room: fc.integer({ min: 60, max: 250 }),
        isFresh: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("replay" as const), to: place, which: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant("collect" as const), at: place }) },
  );

  function deltaOf(map: OwnerMap, from: number, room: number): OwnerDelta | undefined {
    const packed = packDelta(map, from, room, Number.POSITIVE_INFINITY);
    if (packed === undefined) return undefined;
    const builder = new MessageBuilder(10_000);
    builder.add(Section.deltas, packed.bytes);
    const message = decodeStateMessage(
      builder.finish({ mode: "push", initiator: true, rumour: false, gc: noStamp, roots: undefined }),
      1000,
    );
    return typeof message === "string" ? undefined : message.deltas[0];
  }

  const valuesOf = (map: OwnerMap) =>
    new Map(
      Array.from(map.entries()).flatMap(({ key, value }) => (value === null ? [] : [[key, value.join()] as const])),
    );

  it("are what the owner has, however they heard of it, and equal hashes then say so", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const owner = new OwnerMap("o", 1);
        const maps = [owner, ...Array.from({ length: copies - 1 }, () => new OwnerMap("o", 0))];
        const model = new Map<string, string>();
        const told: OwnerDelta[] = [];
        for (const [now, each] of steps.entries()) {
          if (each.type === "write") {
            const value = each.isDeletion ? null : new Uint8Array(20).fill(now);
            if (value === null && owner.get(`k${each.key}`) === null) continue;
            owner.write(`k${each.key}`, value, now);
            if (value === null) model.delete(`k${each.key}`);
            else model.set(`k${each.key}`, value.join());
          } else if (each.type === "tell") {
            const [from, to] = [maps[each.from]!, maps[each.to]!];
            const needed = from.generation === 0 || from === to ? undefined : from.neededFrom(to.line());
            const delta = needed === undefined ? undefined : deltaOf(from, needed, each.room);
            if (delta === undefined) continue;
            told.push(delta);
            if (to !== owner && each.isFresh) to.apply(delta, 100, now, () => {});
          } else if (each.type === "collect") maps[each.at]!.collect(now - 5, 100);
          else if (each.to > 0 && told.length > 0) {
            // Nothing from before a collection: what is older than the grace period cannot be told from news.
            const old = told[each.which % told.length]!;
            if (old.lastGcVersion === owner.lastGcVersion) maps[each.to]!.apply(old, 100, now, () => {});
          }
        }
        for (let round = 0; round < 40; round++) {
          for (const copy of maps.slice(1)) {
            const needed = owner.neededFrom(copy.line());
            const delta = needed === undefined ? undefined : deltaOf(owner, needed, 300);
            if (delta) copy.apply(delta, 100, 1000, () => {});
          }
        }
        expect(valuesOf(owner)).toEqual(model);
        for (const copy of maps.slice(1)) {
          if (owner.maxVersion === 0) continue;
          expect(valuesOf(copy)).toEqual(model);
          expect(copy.line()).toMatchObject({ generation: 1, maxVersion: owner.maxVersion, hash: owner.hash });
          expect(copy.bytes).toBe(
            Array.from(copy.entries()).reduce((sum, { key, value }) => sum + 64 + key.length + (value?.length ?? 0), 0),
          );
        }
      }),
      { numRuns: 400 },
    );
  });
});
