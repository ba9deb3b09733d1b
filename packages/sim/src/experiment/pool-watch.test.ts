import { describe, expect, it } from "vitest";
import { SwimPool } from "../pool.ts";
import { counted, sent, sizesSeen, viewsAgree, watchPool } from "./pool-watch.ts";

function poolOf(count: number): SwimPool {
  const pool = new SwimPool({ seed: 11, size: count, fidelity: "objects" });
  pool.addConverged(count);
  return pool;
}

describe("watchPool", () => {
  it("tells of a crash at every survivor, and who gave the verdict", () => {
    const pool = poolOf(12);
    const seen: string[] = [];
    const holders = new Set<number>();
    let verdicts = 0;
    watchPool(pool, {
      suspected: (observer, subject) => seen.push(`${observer.index} suspects ${subject}`),
      dead(observer, subject, now, declared) {
        expect(subject).toBe(3);
        expect(now).toBe(pool.world.now);
        expect(holders.has(observer.index)).toBe(false);
        holders.add(observer.index);
        if (declared) verdicts++;
      },
    });
    pool.world.crash(pool.nodes[3]!);
    pool.world.run(20_000);
    expect([...holders].sort((a, b) => a - b)).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(seen.length).toBe(11);
    expect(verdicts).toBeGreaterThan(0);
    expect(verdicts).toBeLessThan(11);
  });

  it("parts leaves from deaths, refutations from joins", () => {
    const pool = poolOf(8);
    const told = { left: 0, dead: 0, refuted: 0, joined: 0 };
    watchPool(pool, {
      left: () => told.left++,
      dead: () => told.dead++,
      refuted: () => told.refuted++,
      joined: () => told.joined++,
    });
    pool.world.act(pool.nodes[0]!, (machine, now) => machine.leave(now));
    pool.world.run(3000);
    expect(told).toEqual({ left: 8, dead: 0, refuted: 0, joined: 0 });
    pool.world.crash(pool.nodes[0]!);
    // Slow for longer than a probe takes, not for a whole suspicion.
    pool.world.block(pool.nodes[1]!, 3500);
    pool.world.run(15_000);
    expect(told.refuted).toBeGreaterThan(0);
    expect(told.dead).toBe(0);
    const newcomer = pool.add();
    pool.join(newcomer, pool.nodes[2]!);
    pool.world.run(5000);
    // The seven see it, it sees them and itself.
    expect(told.joined).toBeGreaterThanOrEqual(7 + 7);
  });
});

describe("looking at a pool", () => {
  it("agrees only when every running process sees exactly the running ones", () => {
    const pool = poolOf(8);
    expect(viewsAgree(pool)).toBe(true);
    pool.world.crash(pool.nodes[7]!);
    expect(viewsAgree(pool)).toBe(false);
    expect(sizesSeen(pool.living())).toEqual([8, 8, 8, 8, 8, 8, 8]);
    pool.world.run(20_000);
    expect(viewsAgree(pool)).toBe(true);
    expect(sizesSeen(pool.living())).toEqual([7, 7, 7, 7, 7, 7, 7]);
  });

  it("is not deceived by a right number of the wrong members", () => {
    const pool = poolOf(8);
    pool.world.crash(pool.nodes[7]!);
    // A stranger takes the place: eight run, everybody counts eight.
    const stranger = pool.add();
    expect(pool.living().length).toBe(8);
    expect(viewsAgree(pool, [pool.nodes[0]!])).toBe(false);
    expect(stranger.machine.aliveCount).toBe(1);
  });

  it("adds up what was sent and counted", () => {
    const pool = poolOf(8);
    pool.world.run(10_000);
    const { packets, bytes } = sent(pool.nodes);
    // A ping and an ack a second each, and probing begins within the first.
    expect(packets).toBeGreaterThan(8 * 9 * 2 - 1);
    expect(packets).toBeLessThan(8 * 11 * 2 + 1);
    expect(bytes).toBeGreaterThan(packets * 10);
    expect(counted(pool.nodes, "probes")).toBeGreaterThanOrEqual(8 * 9);
    expect(counted(pool.nodes, "deaths")).toBe(0);
  });
});
