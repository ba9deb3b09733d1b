/** Phi accrual as the judge in pools of whole nodes: whom it accuses, and that trouble of one's own accuses nobody. */
import { describe, expect, it } from "vitest";
import { type ExtendedNode, ExtendedPool } from "./extended-pool.ts";

interface Accusation {
  readonly by: number;
  readonly name: string;
  readonly at: number;
}

/** Twelve nodes with 2 % loss that have heard each other for a while, and all accusations from then on. */
function listening() {
  const pool = new ExtendedPool({
    seed: 5,
    size: 12,
    fidelity: "objects",
    network: { loss: 0.02 },
    extensions: () => ({ detector: "phi" }),
  });
  pool.addConverged(12);
  pool.world.run(30_000);
  const accusations: Accusation[] = [];
  const failed: Accusation[] = [];
  pool.world.onEvent = (node, event, at) => {
    if (event.type === "phi-suspect") accusations.push({ by: node.index, name: event.name, at });
    if (event.type === "member-failed") failed.push({ by: node.index, name: event.member.name, at });
  };
  return { pool, watcher: pool.nodes[3]! as ExtendedNode, accusations, failed };
}

describe("with phi as the judge", () => {
  it("whoever crashes is accused by its silence and declared dead, and nobody else", () => {
    const { pool, accusations, failed } = listening();
    pool.world.run(120_000);
    expect(accusations).toEqual([]);
    const began = pool.world.now;
    pool.world.crash(pool.nodes[7]!, { host: true });
    pool.world.run(30_000);
    expect(pool.agreed()).toBe(true);
    expect(new Set(accusations.map(({ name }) => name))).toEqual(new Set(["node-07"]));
    expect(failed.map(({ name }) => name)).toEqual(new Array(11).fill("node-07"));
    // 4.6 mean intervals of about 1.1 s, less what it had been silent already; then 4 log10 12 = 4.3 s.
    expect(accusations[0]!.at - began).toBeGreaterThan(1500);
    expect(accusations[0]!.at - began).toBeLessThan(7000);
    expect(failed.at(-1)!.at - began).toBeLessThan(14_000);
    const reasons = pool.living().flatMap(({ machine }) => machine.serf.why("node-07").map(({ type }) => type));
    expect(reasons).toContain("silent");
  });

  it.each([
    [
      "whose process stood still for 20 s",
      ({ pool, watcher }: ReturnType<typeof listening>) => pool.world.stall(watcher, 20_000),
    ],
    [
      "whose messages waited for 20 s",
      ({ pool, watcher }: ReturnType<typeof listening>) => pool.world.block(watcher, 20_000),
    ],
    [
      "whose clock leapt by a minute",
      ({ pool, watcher }: ReturnType<typeof listening>) => pool.world.shiftClock(watcher, 60_000),
    ],
  ])("one %s accuses nobody", (_what, trouble) => {
    const pooled = listening();
    const { pool, watcher, accusations } = pooled;
    trouble(pooled);
    pool.world.run(60_000);
    expect(accusations.filter(({ by }) => by === watcher.index)).toEqual([]);
    expect(pool.agreed()).toBe(true);
    // And judges again: one that dies is accused by it, too.
    pool.world.crash(pool.nodes[7]!, { host: true });
    pool.world.run(30_000);
    expect(pool.agreed()).toBe(true);
    expect(watcher.machine.serf.member("node-07")?.status).toBe("failed");
  });

  it("one that hears nobody leaves the judgement to the probes: it does not stay alone with the dead for ever", () => {
    const { pool, watcher, accusations, failed } = listening();
    for (const node of pool.nodes) if (node !== watcher) pool.world.crash(node, { host: true });
    pool.world.run(180_000);
    expect(watcher.machine.swim.aliveCount).toBe(1);
    // Only of the last two silence says anything again: too few to be called everybody.
    expect(failed.length).toBe(11);
    expect(accusations.length).toBeLessThanOrEqual(2);
    expect(accusations.every(({ at }) => at > failed[0]!.at)).toBe(true);
  });
});
