import { describe, expect, it } from "vitest";
import { HashTree, isUnder, leafOf } from "./hash-tree.ts";
import { OwnerMap } from "./owner-map.ts";
import { packDelta } from "./packing.ts";

const value = Uint8Array.of(1);
const ignore = () => {};
const delta = { owner: "o", generation: 1, lastGcVersion: 0, from: 0, to: 0, writes: [] };

describe("OwnerMap", () => {
  it("takes nothing that begins above what it has, and nothing old", () => {
    const copy = new OwnerMap("o", 0);
    expect(copy.apply({ ...delta, from: 1, to: 2 }, 9, 0, ignore)).toBe("gap");
    expect(copy.apply({ ...delta, to: 2, writes: [{ key: "a", version: 2, value }] }, 9, 0, ignore)).toBe("applied");
    expect(copy.apply({ ...delta, from: 3, to: 4 }, 9, 0, ignore)).toBe("gap");
    expect(copy.apply({ ...delta, from: 0, to: 2 }, 9, 0, ignore)).toBe("stale");
    expect(copy.apply({ ...delta, generation: 0, from: 2, to: 9 }, 9, 0, ignore)).toBe("stale");
    expect(copy.apply({ ...delta, generation: 2, from: 2, to: 9 }, 9, 0, ignore)).toBe("gap");
    expect(copy.line()).toMatchObject({ generation: 1, maxVersion: 2 });
  });

  it("begins anew below another's watermark, and tells what that took away", () => {
    const owner = new OwnerMap("o", 1);
    owner.write("a", value, 0);
    owner.write("b", value, 0);
    const copy = new OwnerMap("o", 0);
    copy.apply({ ...owner.line(), from: 0, to: 2, writes: [...owner.entries()] }, 9, 0, ignore);
    owner.write("a", null, 0);
    owner.collect(1, 9);
    expect(owner.lastGcVersion).toBe(3);
    expect(owner.neededFrom(copy.line())).toBe(0);
    const changes: unknown[] = [];
    const writes = [...owner.entries()];
    expect(copy.apply({ ...owner.line(), from: 0, to: 2, writes }, 9, 0, (...change) => changes.push(change))).toBe(
      "applied",
    );
    expect(changes).toEqual([["a", value, null]]);
    // Cut short, it is below the watermark still, but it goes on from where it is.
    expect(owner.neededFrom(copy.line())).toBe(2);
  });

  it("forgets the oldest deletions beyond the most that are kept, at no more cost the more there are", () => {
    const owner = new OwnerMap("o", 1);
    owner.write("first", value, 0);
    for (let i = 0; i < 100_000; i++) {
      for (const written of [value, null]) {
        owner.write(`k${i}`, written, 0);
        owner.collect(Number.NEGATIVE_INFINITY, 1000);
      }
    }
    expect([owner.liveCount, owner.tombstoneCount, owner.maxVersion]).toEqual([1, 1000, 200_001]);
    expect(owner.lastGcVersion).toBe(200_001 - 2 * 1000);
    expect([owner.entry("k98999"), owner.entry("k99000")?.value]).toEqual([undefined, null]);
  });

  it("refuses, whole, what has more keys than anyone may have", () => {
    const copy = new OwnerMap("o", 0);
    const writes = Array.from({ length: 5 }, (_, i) => ({ key: `k${i}`, version: i + 1, value }));
    expect(copy.apply({ ...delta, to: 5, writes }, 2, 0, ignore)).toBe("too-many-keys");
    expect(copy.line()).toMatchObject({ generation: 0, maxVersion: 0 });
  });

  it("packs from the oldest on, never leaving one out", () => {
    const owner = new OwnerMap("o", 1);
    owner.write("a", new Uint8Array(100), 0);
    owner.write("b", new Uint8Array(2000), 0);
    owner.write("c", new Uint8Array(10), 0);
    expect(packDelta(owner, 0, 500, 9)).toMatchObject({ to: 1, isComplete: false });
    expect(packDelta(owner, 1, 500, 9)).toBeUndefined();
    expect(packDelta(owner, 2, 500, 9)).toMatchObject({ to: 3, isComplete: true });
    owner.write("b", value, 0);
    expect(packDelta(owner, 0, 500, 9)).toMatchObject({ to: 4, isComplete: true });
    expect(packDelta(owner, 0, 500, 2)).toMatchObject({ to: 3, writes: 2, isComplete: false });
    expect(packDelta(owner, 0, 500, 0)).toBeUndefined();
  });
});

describe("HashTree", () => {
  it("is the same whatever the order of changes, and tells where two differ", () => {
    const a = new HashTree();
    const b = new HashTree();
    for (let i = 0; i < 1000; i++) a.set(`n${i}`, i * 2654435761);
    for (let i = 999; i >= 0; i--) b.set(`n${i}`, 7);
    for (let i = 0; i < 1000; i++) b.set(`n${i}`, i * 2654435761);
    expect(b.root).toBe(a.root);
    expect(a.size).toBe(1000);
    b.set("n500", 1);
    expect(b.root).not.toBe(a.root);
    expect(b.hash(leafOf("n500"))).not.toBe(a.hash(leafOf("n500")));
    const top = Array.from({ length: 16 }, (_, i) => 1 + i).filter((node) => a.hash(node) !== b.hash(node));
    expect(top).toHaveLength(1);
    expect(isUnder("n500", top[0]!)).toBe(true);
    expect([...a.names(top[0]!)]).toContain("n500");
    expect([...a.names(0)]).toHaveLength(1000);
    for (let i = 0; i < 1000; i++) b.delete(`n${i}`);
    expect([b.root, b.size, b.count(leafOf("n500"))]).toEqual([0, 0, 0]);
  });
});
