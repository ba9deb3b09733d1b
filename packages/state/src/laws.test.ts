/**
 * The laws of merging, whatever the network does: any interleaving, loss, duplication and replay of what was said before
 * ends in one state, which is that of a naive model that hears everything at once.
 */
import { Rng } from "@hearsay/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeStateMessage } from "./codec.ts";
import { noStamp } from "./hlc.ts";
import type { SharedWrite } from "./messages.ts";
import { ReplicatedState } from "./replicated-state.ts";
import { compareWrites, SharedMap } from "./shared-map.ts";
import { bytes, endpointOf, nameOf, text, wallStartMs } from "./testing/net.ts";

const limits = { maxSharedKeys: 100, maxSharedBytes: 1e9, tombstoneGraceMs: 3600_000, maxDriftMs: 1000 };

describe("the shared map", () => {
  const write: fc.Arbitrary<SharedWrite> = fc.record({
    key: fc.constantFrom("a", "b"),
    ms: fc.integer({ min: 5000, max: 5003 }),
    count: fc.integer({ min: 0, max: 1 }),
    writer: fc.constantFrom("n1", "n2"),
    // Deletions have no time to live; the values differ under one stamp too.
    value: fc.option(fc.uint8Array({ maxLength: 1, max: 2 })),
    ttlMs: fc.constant(0),
  });
  const merged = (writes: readonly SharedWrite[]) => {
    const map = new SharedMap(
      limits,
      () => {},
      () => {},
    );
    for (const each of writes) map.apply(each, noStamp, 6000);
    return Array.from(map.entries(), ({ key, ms, count, writer, value, hash }) => ({
      key,
      ms,
      count,
      writer,
      value,
      hash,
    }))
      .sort((x, y) => (x.key < y.key ? -1 : 1))
      .map((entry) => ({ ...entry, value: entry.value && Array.from(entry.value) }));
  };

  it("merges in any order and any number of times to the greatest of each key", () => {
    fc.assert(
      fc.property(fc.array(write, { maxLength: 12 }), fc.integer(), (writes, seed) => {
        const rng = new Rng(seed);
        const again = [...writes, ...writes.filter(() => rng.below(2) === 0)]
          .map((each) => ({ each, at: rng.float() }))
          .sort((x, y) => x.at - y.at)
          .map(({ each }) => each);
        const result = merged(writes);
        expect(merged(again)).toEqual(result);
        for (const { key, ms, count, writer } of result) {
          const greatest = writes
            .filter((each) => each.key === key)
            .reduce((x, y) => (compareWrites(x, y) < 0 ? y : x));
          expect({ ms, count, writer }).toEqual({ ms: greatest.ms, count: greatest.count, writer: greatest.writer });
        }
      }),
      { numRuns: 500 },
    );
  });

  it("merges states as it merges writes: commutative, associative, idempotent", () => {
    fc.assert(
      fc.property(
        fc.array(write, { maxLength: 6 }),
        fc.array(write, { maxLength: 6 }),
        fc.array(write, { maxLength: 6 }),
        (a, b, c) => {
          const join = (...parts: (readonly SharedWrite[])[]) =>
            merged(parts.flat()).map((entry) => ({
              ...entry,
              ttlMs: 0,
              value: entry.value && Uint8Array.from(entry.value),
            }));
          expect(join(a, b)).toEqual(join(b, a));
          expect(join(join(a, b), c)).toEqual(join(a, join(b, c)));
          expect(join(join(a, b), join(a, b))).toEqual(join(a, b));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("orders writes totally", () => {
    fc.assert(
      fc.property(write, write, write, (a, b, c) => {
        expect(Math.sign(compareWrites(a, b))).toBe(-Math.sign(compareWrites(b, a)) + 0);
        if (compareWrites(a, b) <= 0 && compareWrites(b, c) <= 0) expect(compareWrites(a, c)).toBeLessThanOrEqual(0);
      }),
      { numRuns: 1000 },
    );
  });

  it("a time to live ends by everyone's own clock; a fast one ends it for nobody else", () => {
    const slow = new SharedMap(
      limits,
      () => {},
      () => {},
    );
    const fast = new SharedMap(
      limits,
      () => {},
      () => {},
    );
    slow.write("k", bytes("v"), 5000, "n1", 10_000);
    for (const entry of slow.entries()) fast.apply(entry, noStamp, 10_000);
    fast.expire(20_000);
    expect(fast.get("k")?.dead).toBe(true);
    expect(slow.apply(fast.get("k")!, noStamp, 10_000)).toBe("stale");
    expect(slow.get("k")?.dead).toBe(false);
    expect(slow.get("k")?.hash).toBe(fast.get("k")?.hash);
    slow.expire(15_000);
    expect(slow.get("k")?.dead).toBe(true);
  });
});

type Step =
  | { readonly type: "set" | "delete"; readonly node: number; readonly key: number; readonly shared: boolean }
  | { readonly type: "meet"; readonly node: number; readonly other: number; readonly loseAt: number }
  | { readonly type: "rumour"; readonly node: number; readonly other: number }
  | { readonly type: "replay"; readonly to: number; readonly which: number };

const nodeCount = 4;
const node = fc.integer({ min: 0, max: nodeCount - 1 });
const key = fc.integer({ min: 0, max: 5 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant("set" as const), node, key, shared: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("delete" as const), node, key, shared: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("meet" as const),
      node,
      other: node,
      loseAt: fc.integer({ min: 0, max: 9 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("rumour" as const), node, other: node }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("replay" as const), to: node, which: fc.nat() }) },
);

/** The same with writes by two nodes to two keys of their own: deletions meet copies that have missed them. */
function crowded(each: Step): Step {
  if (each.type !== "set" && each.type !== "delete") return each;
  return { ...each, node: each.node % 2, key: each.key % 2, shared: false };
}

/** Machines whose packets are carried by hand. */
class Pool {
  readonly nodes: ReplicatedState[] = [];
  readonly log: { readonly from: number; readonly bytes: Uint8Array }[] = [];
  now = 1000;
  /** What a reader who hears everything at once knows. */
  readonly shared = new Map<string, string>();
  readonly maps: Map<string, string>[] = [];
  readonly #out = { buffer: new Uint8Array(65_536), length: 0, to: endpointOf(0) };

  constructor(seed: number, config = {}) {
    const rng = new Rng(seed);
    for (let i = 0; i < nodeCount; i++) {
      // Small packets, so that most exchanges are cut short.
      const options = { maxPacketBytes: 512, streamThresholdBytes: 1e9, retransmitMult: 1, ...config };
      const node = new ReplicatedState({ name: nameOf(i), generation: 1, rng: rng.fork(`${i}`), config: options });
      node.start(0, wallStartMs);
      this.nodes.push(node);
      this.maps.push(new Map());
    }
  }

  /** Everything that `i` wants to say, to whomever. */
  packets(i: number): Uint8Array[] {
    const packets: Uint8Array[] = [];
    while (this.nodes[i]!.pollTransmit(this.#out)) packets.push(this.#out.buffer.slice(0, this.#out.length));
    for (const bytes of packets) this.log.push({ from: i, bytes });
    return packets;
  }

  /** Makes `i` know only `j`, and lets it do what is due. */
  wake(i: number, j: number, aheadMs: number): Uint8Array[] {
    for (let k = 0; k < nodeCount; k++) if (k !== j) this.nodes[i]!.setPeer(nameOf(k), endpointOf(k), "dead", this.now);
    this.nodes[i]!.setPeer(nameOf(j), endpointOf(j), "alive", this.now);
    this.now += aheadMs;
    this.nodes[i]!.handleTimeout(this.now);
    const packets = this.packets(i);
    return packets;
  }

  deliver(from: number, to: number, bytes: Uint8Array): void {
    this.nodes[to]!.handlePacket(endpointOf(from), bytes, this.now);
  }

  /** A whole exchange, of which the message numbered `loseAt` is lost. */
  meet(i: number, j: number, loseAt = -1): void {
    let waiting = this.wake(i, j, 1500).map((bytes) => ({ from: i, to: j, bytes }));
    for (let count = 0; waiting.length > 0; count++) {
      if (count > 100) throw new Error("the exchange does not end");
      const { from, to, bytes } = waiting.shift()!;
      if (count !== loseAt) this.deliver(from, to, bytes);
      waiting = waiting.concat(this.packets(to).map((answer) => ({ from: to, to: from, bytes: answer })));
    }
  }

  admitAll(): void {
    for (let i = 0; i < nodeCount; i++)
      for (let j = 0; j < nodeCount; j++) this.nodes[i]!.setPeer(nameOf(j), endpointOf(j), "alive", this.now);
  }

  write(i: number, key: string, value: string | undefined, shared: boolean): void {
    this.now += 1;
    const node = this.nodes[i]!;
    const model = shared ? this.shared : this.maps[i]!;
    if (value !== undefined) {
      if (shared) node.setShared(key, bytes(value), this.now);
      else node.set(key, bytes(value), this.now);
      model.set(key, value);
    } else {
      const isGone = shared ? node.deleteShared(key, this.now) : node.delete(key, this.now);
      // Whoever has not heard of a key cannot delete it.
      if (isGone) model.delete(key);
    }
  }

  /** A copy is complete up to its highest version. */
  checkCopies(): void {
    for (const [p, owner] of this.nodes.entries()) {
      const own = new Map(owner.entries().map((entry) => [entry.key, entry]));
      const { lastGcVersion, maxVersion } = owner.inspect().owners.find(({ owner }) => owner === nameOf(p))!;
      for (const copy of this.nodes) {
        if (copy === owner) continue;
        const line = copy.inspect().owners.find(({ owner }) => owner === nameOf(p))!;
        const held = new Map(copy.entries(nameOf(p)).map((entry) => [entry.key, entry]));
        for (const entry of own.values()) {
          if (entry.version <= line.maxVersion) expect(held.get(entry.key)).toEqual(entry);
        }
        for (const entry of held.values()) {
          const now = own.get(entry.key);
          if (now === undefined) {
            expect(line.maxVersion).toBeLessThan(Math.max(lastGcVersion, maxVersion));
          } else if (now.version !== entry.version) expect(now.version).toBeGreaterThan(line.maxVersion);
        }
      }
    }
  }

  settle(): void {
    for (let round = 0; round < 60; round++) {
      for (let i = 0; i < nodeCount; i++) this.meet(i, (i + 1 + (round % (nodeCount - 1))) % nodeCount);
      if (new Set(this.nodes.map((node) => node.roots.join())).size === 1) return;
    }
    throw new Error("no convergence");
  }
}

function play(pool: Pool, steps: readonly Step[]): void {
  pool.admitAll();
  for (const [n, each] of steps.entries()) {
    switch (each.type) {
      case "set":
        pool.write(each.node, `k${each.key}`, `v${n}`.padEnd(60, "."), each.shared);
        break;
      case "delete":
        pool.write(each.node, `k${each.key}`, undefined, each.shared);
        break;
      case "meet":
        if (each.node !== each.other) pool.meet(each.node, each.other, each.loseAt);
        break;
      case "rumour":
        if (each.node !== each.other)
          for (const bytes of pool.wake(each.node, each.other, 250)) pool.deliver(each.node, each.other, bytes);
        for (let i = 0; i < nodeCount; i++) pool.packets(i);
        break;
      case "replay": {
        const old = pool.log[each.which % Math.max(1, pool.log.length)];
        if (old !== undefined) pool.deliver(old.from, each.to, old.bytes);
        for (let i = 0; i < nodeCount; i++) pool.packets(i);
      }
    }
    pool.checkCopies();
  }
}

describe("machines whose messages are lost, doubled, delayed and replayed", () => {
  it.each(["push-pull", "push", "pull"] as const)("converge to what a naive model says (%s)", (mode) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.nat(), (steps, seed) => {
        const pool = new Pool(seed, { mode });
        play(pool, steps);
        pool.settle();
        pool.checkCopies();
        for (const each of pool.nodes) {
          const shared = each.sharedEntries().map(({ key, value }) => [key, text(value)]);
          expect(new Map(shared as [string, string][])).toEqual(pool.shared);
          for (const [p, map] of pool.maps.entries()) {
            const own = each.entries(nameOf(p)).map(({ key, value }) => [key, text(value)]);
            expect(new Map(own as [string, string][])).toEqual(map);
          }
        }
      }),
      { numRuns: 120 },
    );
  });

  it("keep copies whole when tombstones are collected at any time", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(), (steps, seed) => {
        // Every meeting is longer than the grace period: everyone has always been away too long. Only own maps here, and
        // nothing old is told again: what is older than the grace period cannot be told from news.
        const pool = new Pool(seed, { tombstoneGraceMs: 2000, deadListedMs: 1e9, deadKeptMs: 2e9, maxKeysPerOwner: 6 });
        play(pool, steps.filter(({ type }) => type !== "replay").map(crowded));
        pool.settle();
        for (const each of pool.nodes) {
          for (const [p, map] of pool.maps.entries()) {
            const own = each.entries(nameOf(p)).map(({ key, value }) => [key, text(value)]);
            expect(new Map(own as [string, string][])).toEqual(map);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it("never write a packet over the limit, and read all that they write", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.nat(), (steps, seed) => {
        const pool = new Pool(seed);
        play(pool, steps);
        pool.settle();
        for (const { bytes } of pool.log) {
          expect(bytes.length).toBeLessThanOrEqual(512);
          expect(typeof decodeStateMessage(bytes, 65_536)).toBe("object");
        }
      }),
      { numRuns: 30 },
    );
  });
});
