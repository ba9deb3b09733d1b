import { Rng } from "@hearsay/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeStateMessage, MessageBuilder } from "./codec.ts";
import { type DeltaOrder, stateDefaults } from "./config.ts";
import type { OwnerDelta, StateMessage } from "./messages.ts";
import { OwnerMap } from "./owner-map.ts";
import { Missed, packDeltas } from "./packing.ts";
import { ReplicatedState } from "./replicated-state.ts";
import { bytes, Net, nameOf } from "./testing/net.ts";

const orders: readonly DeltaOrder[] = ["depth", "breadth"];

interface Limits {
  readonly bytes: number;
  readonly writes: number;
}

function pack(wanted: ReadonlyMap<OwnerMap, number>, order: DeltaOrder, limits: Limits, seed = 1) {
  const builder = new MessageBuilder(limits.bytes, limits.writes);
  const missed = new Missed();
  packDeltas(wanted, builder, order, builder.room, missed, new Rng(seed));
  const gc = { ms: 0, count: 0 };
  const packet = builder.finish({ mode: "push", initiator: true, rumour: false, gc, roots: undefined });
  return { deltas: (decodeStateMessage(packet, 2000) as StateMessage).deltas, missed, bytes: packet.length };
}

/** One map for each number, of so many keys. */
function owners(...counts: number[]): OwnerMap[] {
  return counts.map((count, i) => {
    const map = new OwnerMap(`o${i}`, 1);
    for (let k = 0; k < count; k++) map.write(`k${k}`, new Uint8Array(60), 0);
    return map;
  });
}

const fromZero = (maps: readonly OwnerMap[]) => new Map(maps.map((map) => [map, 0]));
const taken = (deltas: readonly OwnerDelta[]) =>
  Object.fromEntries(deltas.map(({ owner, writes }) => [owner, writes.length]));

describe("a full packet", () => {
  it("in depth order holds all of the owner with most to tell, before any of the others", () => {
    const { deltas, missed } = pack(fromZero(owners(3, 9, 5)), "depth", { bytes: 900, writes: 99 });
    expect(deltas.map(({ owner, to }) => [owner, to])[0]).toEqual(["o1", 9]);
    expect(missed.bytes).toBeGreaterThan(0);
    expect(missed.oversize).toBe(false);
    expect(taken(pack(fromZero(owners(3, 9, 5)), "depth", { bytes: 9000, writes: 12 }).deltas)).toEqual({
      o1: 9,
      o2: 3,
    });
  });

  it("in breadth order holds one write of every owner, then the second of every owner", () => {
    const maps = owners(1, 9, 5, 3);
    const first = (writes: number) => taken(pack(fromZero(maps), "breadth", { bytes: 9000, writes }).deltas);
    expect(first(4)).toEqual({ o0: 1, o1: 1, o2: 1, o3: 1 });
    expect(first(7)).toEqual({ o0: 1, o1: 2, o2: 2, o3: 2 });
    expect(first(12)).toEqual({ o0: 1, o1: 4, o2: 4, o3: 3 });
    const { deltas, missed } = pack(fromZero(maps), "breadth", { bytes: 900, writes: 99 });
    const counts = Object.values(taken(deltas));
    expect(counts.length).toBe(4);
    expect(Math.max(...counts) - Math.min(...counts.filter((count) => count > 1))).toBeLessThanOrEqual(1);
    expect(missed.bytes).toBeGreaterThan(0);
  });

  it.each(orders)("in %s order has equals come at random", (order) => {
    const maps = owners(4, 4, 4, 4, 4, 4);
    const firsts = new Set<string>();
    for (let seed = 0; seed < 60; seed++) {
      for (const { owner } of pack(fromZero(maps), order, { bytes: 9000, writes: 3 }, seed).deltas) firsts.add(owner);
    }
    expect(firsts.size).toBe(6);
  });

  it.each(orders)("in %s order tells too that there is nothing left, where writes are used up", (order) => {
    // Above its first version nothing is left of it but the version.
    const [plain, collected] = owners(2, 1);
    collected!.write("k0", null, 0);
    collected!.collect(0, 0);
    const { deltas } = pack(new Map([...fromZero([plain!]), [collected!, 0]]), order, { bytes: 900, writes: 2 });
    expect(deltas.find(({ owner }) => owner === "o1")).toMatchObject({ to: 2, writes: [] });
  });

  it("never has a gap, whatever the sizes, limits and order", () => {
    const write = fc.record({ key: fc.integer({ min: 0, max: 6 }), size: fc.integer({ min: 0, max: 300 }) });
    const scene = fc.record({
      maps: fc.array(fc.array(write, { maxLength: 12 }), { minLength: 1, maxLength: 6 }),
      froms: fc.array(fc.nat({ max: 12 }), { minLength: 6, maxLength: 6 }),
      order: fc.constantFrom(...orders),
      limits: fc.record({ bytes: fc.integer({ min: 100, max: 1300 }), writes: fc.integer({ min: 1, max: 12 }) }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(scene, ({ maps, froms, order, limits, seed }) => {
        const wanted = new Map<OwnerMap, number>();
        for (const [i, writes] of maps.entries()) {
          const map = new OwnerMap(`o${i}`, 1);
          for (const { key, size } of writes) map.write(`k${key}`, new Uint8Array(size), 0);
          wanted.set(map, Math.min(froms[i]!, map.maxVersion));
        }
        const packed = pack(wanted, order, limits, seed);
        expect(packed.bytes).toBeLessThanOrEqual(limits.bytes);
        expect(packed.deltas.reduce((sum, { writes }) => sum + writes.length, 0)).toBeLessThanOrEqual(limits.writes);
        for (const [map, from] of wanted) {
          const delta = packed.deltas.find(({ owner }) => owner === map.owner);
          if (delta === undefined) continue;
          const within = map.entriesAbove(from).filter(({ version }) => version <= delta.to);
          expect(delta.from).toBe(from);
          expect(delta.writes.map(({ version }) => version)).toEqual(within.map(({ version }) => version));
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("a pool whose packets are too small for its writes", () => {
  const step = fc.record({
    node: fc.nat({ max: 4 }),
    key: fc.nat({ max: 5 }),
    what: fc.constantFrom("set" as const, "set" as const, "delete" as const, "run" as const),
  });

  it.each(orders)("in %s order keeps every copy complete up to its version, at any time, and ends equal", (order) => {
    const config = { order, maxPacketWrites: 3, gossipNodes: 0, syncIntervalMs: 100, streamThresholdBytes: 1e9 };
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat({ max: 1000 }), (steps, seed) => {
        const net = new Net({ nodes: 5, seed, loss: 0.1, config });
        for (const { node, key, what } of steps) {
          if (what === "set") net.nodes[node]!.set(`k${key}`, bytes(`${net.now} ${key}`), net.now);
          else if (what === "delete") net.nodes[node]!.delete(`k${key}`, net.now);
          net.run(what === "run" ? 100 : 20);
          for (const one of net.nodes) for (let owner = 0; owner < 5; owner++) expectComplete(net, one, owner);
        }
        net.until(() => net.isEqual(), 60_000);
        for (let i = 1; i < 5; i++) expect(net.view(i)).toEqual(net.view(0));
      }),
      { numRuns: 20 },
    );
  });

  /** A copy's key is the owner's, or the owner has written that key above the copy's version. */
  function expectComplete(net: Net, one: ReplicatedState, owner: number): void {
    const truth = new Map(net.nodes[owner]!.entries().map((entry) => [entry.key, entry]));
    const known = one.inspect().owners.find((line) => line.owner === nameOf(owner))?.maxVersion ?? 0;
    for (const { key, version } of truth.values()) {
      if (version > known) continue;
      expect(one.entries(nameOf(owner)).find((entry) => entry.key === key)?.version).toBe(version);
    }
  }
});

describe("settings of packets", () => {
  it("are refused by name", () => {
    const make = (config: object) => new ReplicatedState({ name: "n", generation: 1, rng: new Rng(1), config });
    expect(() => make({ order: "widest" })).toThrow('order: "widest" is neither "depth" nor "breadth"');
    expect(() => make({ maxPacketWrites: 0 })).toThrow("maxPacketWrites: 0 is not 1 or more");
    expect(make({}).config).toMatchObject({ order: "depth", maxPacketWrites: stateDefaults.maxPacketWrites });
  });
});
