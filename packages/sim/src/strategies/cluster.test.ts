import { describe, expect, it } from "vitest";
import { type Cluster, type ClusterOptions, createCluster, silenceMs, strategyNames } from "./cluster.ts";

function cluster(changes: Partial<ClusterOptions>): Cluster {
  return createCluster({
    strategy: "swim",
    seed: 1,
    nodes: 20,
    intervalMs: 1000,
    missed: 6,
    phi: 4,
    suspicionMult: 4,
    ...changes,
  });
}

function numbers(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

/** How many of the living hold a member for dead. */
function accusers(pool: Cluster, member: number): number {
  return pool.nodes.filter(({ alive, index }) => alive && index !== member && !pool.holdsAlive(index, member)).length;
}

describe.each(strategyNames)("a cluster under %s", (strategy) => {
  it("holds everyone for alive while nothing happens", () => {
    const pool = cluster({ strategy });
    pool.onVerdict = (observer, member) => {
      throw new Error(`${observer} changed its mind about ${member}`);
    };
    pool.run(60_000);
    for (const member of numbers(20)) expect(accusers(pool, member)).toBe(0);
  });

  it("tells of a crash everywhere, once", () => {
    const pool = cluster({ strategy });
    pool.run(10_000);
    const told: number[] = [];
    pool.onVerdict = (observer, member, alive) => {
      expect([member, alive]).toEqual([7, false]);
      told.push(observer);
    };
    pool.crash(7);
    pool.run(25_000);
    expect(told.sort((a, b) => a - b)).toEqual(numbers(20).filter((i) => i !== 7));
    for (const observer of told) expect(pool.since(observer, 7)).toBeGreaterThan(10_000);
  });

  it("takes back a verdict when the member is heard again", () => {
    const pool = cluster({ strategy });
    pool.run(5000);
    for (const other of pool.nodes) if (other.index !== 7) pool.network.cut(pool.nodes[7]!, other);
    pool.run(30_000);
    expect(accusers(pool, 7)).toBe(19);
    pool.network.heal(pool.nodes);
    pool.run(60_000);
    expect(numbers(20).map((member) => accusers(pool, member))).toEqual(new Array(20).fill(0));
  });

  it("has one history for a seed", () => {
    const history = (seed: number) => {
      const pool = cluster({ strategy, seed, network: { loss: 0.3 } });
      const lines: string[] = [];
      pool.onVerdict = (...verdict) => lines.push(verdict.join(" "));
      pool.run(20_000);
      pool.crash(3);
      pool.run(20_000);
      return lines.join("\n");
    };
    expect(history(5)).toBe(history(5));
    expect(history(5)).not.toBe(history(6));
  });
});

describe.each(["central", "all-to-all"] as const)("detection by %s", (strategy) => {
  it("takes the timeout, less the age of the last heartbeat", () => {
    const pool = cluster({ strategy });
    pool.run(4321);
    const times: number[] = [];
    pool.onVerdict = (_observer, _member, _alive, now) => times.push(now - 4321);
    for (const member of [3, 9, 15]) pool.crash(member);
    pool.run(10_000);
    expect(times).toHaveLength(3 * 17);
    for (const ms of times) {
      expect(ms).toBeGreaterThan(silenceMs(1000, 6) - 1000);
      // And a packet's way.
      expect(ms).toBeLessThan(silenceMs(1000, 6) + 10);
    }
  });
});

describe("messages of a node at rest, a second", () => {
  function perSecond(strategy: ClusterOptions["strategy"], nodes: number): number[] {
    const pool = cluster({ strategy, nodes });
    pool.run(2000);
    const before = pool.nodes.map(({ traffic }) => traffic.packetsSent);
    pool.run(20_000);
    return pool.nodes.map(({ traffic }, i) => (traffic.packetsSent - before[i]!) / 20);
  }

  it("central: one from each member, N − 1 from the master", () => {
    expect(perSecond("central", 30)).toEqual([29, ...new Array(29).fill(1)]);
  });

  it("all-to-all: N − 1 from each", () => {
    expect(perSecond("all-to-all", 30)).toEqual(new Array(30).fill(29));
  });

  it("gossip: three for each exchange, of which there are one or two; swim: a ping and an ack", () => {
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(perSecond("gossip", 30))).toBeGreaterThan(3);
    expect(mean(perSecond("gossip", 30))).toBeLessThan(4);
    expect(mean(perSecond("swim", 30))).toBeCloseTo(2, 1);
  });
});

describe("the central master", () => {
  it("repeats verdicts to a member that has not got them", () => {
    const pool = cluster({ strategy: "central" });
    pool.run(3000);
    pool.crash(7);
    pool.run(5000);
    // The verdict falls into these two seconds; the master's answers are missed for less than its timeout.
    pool.network.cut(pool.nodes[0]!, pool.nodes[5]!);
    pool.run(2000);
    expect(pool.holdsAlive(4, 7)).toBe(false);
    expect(pool.holdsAlive(5, 7)).toBe(true);
    pool.network.heal(pool.nodes);
    pool.run(1100);
    expect(pool.holdsAlive(5, 7)).toBe(false);
    expect(accusers(pool, 0)).toBe(0);
  });

  it("tells of more than a packet holds in several", () => {
    const pool = cluster({ strategy: "central", nodes: 260 });
    pool.run(3000);
    for (let member = 20; member < 260; member++) pool.crash(member);
    pool.run(10_000);
    for (let member = 20; member < 260; member++) expect(accusers(pool, member)).toBe(20);
    expect(pool.nodes[0]!.traffic.largestPacket).toBeLessThanOrEqual(1400);
  });

  it("leaves nobody who watches when it dies", () => {
    const pool = cluster({ strategy: "central" });
    pool.run(3000);
    pool.crash(0);
    pool.run(10_000);
    expect(accusers(pool, 0)).toBe(19);
    pool.crash(7);
    pool.run(120_000);
    expect(accusers(pool, 7)).toBe(0);
  });
});

describe("a dead link", () => {
  it("means nothing to those who ask around, and death to those who do not", () => {
    const accused = strategyNames.map((strategy) => {
      const pool = cluster({ strategy });
      pool.run(5000);
      pool.network.cut(pool.nodes[19]!, pool.nodes[0]!);
      pool.network.cut(pool.nodes[0]!, pool.nodes[19]!);
      pool.run(40_000);
      return [strategy, accusers(pool, 19), accusers(pool, 0)];
    });
    expect(accused).toEqual([
      ["central", 19, 1],
      ["all-to-all", 1, 1],
      ["gossip", 0, 0],
      ["swim", 0, 0],
    ]);
  });
});
