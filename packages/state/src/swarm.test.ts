import { Rng } from "@hearsay/core";
import { describe, expect, it } from "vitest";
import { bytes, Net, wallStartMs } from "./testing/net.ts";

const modes = ["push", "pull", "push-pull"] as const;

/** Eight nodes that write, delete, split, heal, start again with any clock; packets lost and doubled; short grace or long. */
describe("whatever happens", () => {
  it.each(Array.from({ length: 24 }, (_, i) => i + 1))("seed %d: once healed, all have the same", (seed) => {
    const rng = new Rng(seed);
    const config = {
      mode: modes[seed % 3]!,
      tombstoneGraceMs: seed % 2 ? 1e8 : 30_000,
      maxPacketBytes: 600,
      deadListedMs: 1e6,
      deadKeptMs: 1e7,
    };
    const net = new Net({ nodes: 8, seed, loss: rng.float() * 0.3, tickMs: 50, config });
    net.duplicate = seed % 4 === 0;
    for (let step = 0; step < 120; step++) {
      const i = rng.below(8);
      const key = `k${rng.below(12)}`;
      const value = bytes("x".repeat(rng.below(300)));
      const ttlMs = rng.below(4) === 0 ? 3000 : undefined;
      const draw = rng.below(9);
      if (draw < 2) net.nodes[i]!.set(key, value, net.now, ttlMs);
      else if (draw < 4) net.nodes[i]!.setShared(key, value, net.now, ttlMs);
      else if (draw === 4) net.nodes[i]!.delete(key, net.now);
      else if (draw === 5) net.nodes[i]!.deleteShared(key, net.now);
      else if (draw === 6) {
        const parts = 1 + rng.below(3);
        net.split((n) => n % parts);
      } else if (draw === 7) net.heal();
      else if (rng.below(4) === 0) {
        // A life of its own number, above or below the one before.
        net.boot(i, wallStartMs + rng.below(1000) + step * 1000 * (rng.below(2) === 0 ? 1 : -1));
        net.introduceAll();
      }
      net.run(rng.below(10) === 0 ? 20_000 : 500);
    }
    net.heal();
    // At a loss of 30 % one exchange of five packets in six comes through: the last pair may wait for a minute.
    net.until(() => net.isEqual(), 120_000);
    for (let i = 1; i < 8; i++) expect(net.view(i)).toEqual(net.view(0));
    expect(net.largestPacket).toBeLessThanOrEqual(600);
  });
});

/** A byte changed is now and then a message that nobody wrote, and is understood: another version, life, stamp, value, watermark. */
describe("packets spoilt on the way", () => {
  it.each(Array.from({ length: 12 }, (_, i) => i + 1))(
    "seed %d: once there are no more, all have what each owner has",
    (seed) => {
      const rng = new Rng(seed);
      const config = { maxPacketBytes: 600, deadListedMs: 1e6, deadKeptMs: 1e7, maxDriftMs: 20_000 };
      const net = new Net({ nodes: 6, seed, tickMs: 50, config });
      net.corruption = 0.5;
      for (let step = 0; step < 150; step++) {
        const node = net.nodes[rng.below(6)]!;
        const key = `k${rng.below(8)}`;
        const draw = rng.below(6);
        if (draw < 2) node.set(key, bytes("x".repeat(rng.below(100))), net.now);
        else if (draw === 2) node.delete(key, net.now);
        else if (draw === 3) node.deleteShared(key, net.now);
        else node.setShared(key, bytes("y".repeat(rng.below(100))), net.now);
        net.run(300);
      }
      net.corruption = 0;
      net.until(() => net.isEqual(), 120_000);
      for (let i = 1; i < 6; i++) expect(net.view(i)).toEqual(net.view(0));
      expect([...net.nodes[0]!.counters.drops.values()].reduce((sum, count) => sum + count)).toBeGreaterThan(20);
      // And what is written from now on counts.
      for (const [i, node] of net.nodes.entries()) node.setShared(`last-${i}`, bytes("z"), net.now);
      net.until(() => net.isEqual(), 60_000);
      expect(net.nodes[3]!.sharedEntries().filter(({ key }) => key.startsWith("last-"))).toHaveLength(6);
    },
  );
});
