import { Rng } from "@hearsay/core";
import { describe, expect, it } from "vitest";
import { encodeDelta, encodeHeartbeat, MessageBuilder } from "./codec.ts";
import { HeartbeatWatch } from "./heartbeat-watch.ts";
import { Section } from "./messages.ts";
import { ReplicatedState } from "./replicated-state.ts";
import { endpointOf, Net, nameOf, wallStartMs } from "./testing/net.ts";
import { WatchNet } from "./testing/watch-net.ts";

describe("heartbeats of sixty members, one packet in twenty lost", () => {
  it.each(["rounds", "gossip"] as const)(
    "by %s: everyone hears everyone, on average once an interval and one and a half rounds",
    (heartbeatSpread) => {
      const config = { heartbeatIntervalMs: 1000, heartbeatSpread };
      const net = new Net({ nodes: 60, seed: 31, loss: 0.05, tickMs: 50, config });
      net.until(() => net.isEqual(), 20_000);
      const [first] = net.nodes;
      expect(first!.heartbeatEveryMs).toBeCloseTo((1000 * 59) / 32, 6);
      const spent = 120_000;
      net.run(20_000);
      for (const events of net.events) events.length = 0;
      net.run(spent);
      const meansMs: number[] = [];
      for (const [i, events] of net.events.entries()) {
        const counts = new Map<string, number>();
        for (const event of events)
          if (event.type === "heartbeat") counts.set(event.owner, (counts.get(event.owner) ?? 0) + 1);
        for (let j = 0; j < 60; j++) if (j !== i) meansMs.push(spent / (counts.get(nameOf(j)) ?? 0));
      }
      const mean = meansMs.reduce((sum, ms) => sum + ms, 0) / meansMs.length;
      // By rounds 3.3 s, by gossip 2.1 s.
      expect(mean / first!.heartbeatHeardMs).toBeGreaterThan(0.85);
      expect(mean / first!.heartbeatHeardMs).toBeLessThan(1.15);
      expect(Math.max(...meansMs) / mean).toBeLessThan(1.8);
      expect(net.largestPacket).toBeLessThanOrEqual(1300);
    },
  );
});

describe("a member that crashes", () => {
  it.each([
    ["rounds", 100, 75_000],
    ["gossip", 50, 25_000],
  ] as const)(
    "by %s, among %d: all suspect it within %d ms, and nobody anyone else; a new life clears it",
    (...row) => {
      const [heartbeatSpread, nodes, withinMs] = row;
      const pool = new WatchNet({ nodes, seed: 32, loss: 0.05, config: { heartbeatSpread } });
      const { net, watches, verdicts } = pool;
      pool.run(60_000);
      net.up.delete(7);
      const tookMs = pool.until(() => pool.phis(7).every((phi) => phi >= 8), withinMs);
      expect(tookMs).toBeGreaterThan(watches[0]!.state.heartbeatHeardMs * 3);
      pool.run(300);
      expect(new Set(verdicts.map(({ name }) => name))).toEqual(new Set([nameOf(7)]));
      expect(verdicts).toHaveLength(nodes - 1);
      expect(verdicts.every(({ suspected }) => suspected)).toBe(true);
      net.boot(7, wallStartMs + net.now);
      net.introduceAll();
      verdicts.length = 0;
      pool.until(() => verdicts.length === nodes - 1, withinMs);
      expect(verdicts.every(({ name, suspected }) => name === nameOf(7) && !suspected)).toBe(true);
      expect(Math.max(...pool.phis(7))).toBeLessThan(1);
      expect(watches[0]!.inspect(nameOf(7), net.now)).toMatchObject({ suspected: false, suspectPhi: 8 });
    },
  );

  it("is judged no more once it is known to be dead, whatever others still tell", () => {
    const pool = new WatchNet({ nodes: 10, seed: 33 });
    pool.run(20_000);
    const [watch] = pool.watches;
    watch!.setPeer(nameOf(4), endpointOf(4), "dead", pool.net.now);
    watch!.removePeer(nameOf(5));
    pool.run(10_000);
    for (const i of [4, 5]) {
      expect(watch!.inspect(nameOf(i), pool.net.now)).toBeUndefined();
      expect(watch!.phi(nameOf(i), pool.net.now)).toBe(0);
    }
    expect(watch!.inspect(nameOf(6), pool.net.now)?.samples).toBeGreaterThan(5);
    watch!.setPeer(nameOf(4), endpointOf(4), "alive", pool.net.now);
    pool.run(10_000);
    expect(watch!.inspect(nameOf(4), pool.net.now)?.samples).toBeGreaterThan(2);
  });
});

describe("a pause of our own", () => {
  it.each([30_000, 120_000])("of %d ms accuses nobody, here or there", (pauseMs) => {
    const pool = new WatchNet({ nodes: 50, seed: 34, loss: 0.05 });
    const { net, verdicts } = pool;
    pool.run(40_000);
    net.up.delete(3);
    // The others do not sit in judgement here: to them it is silent.
    net.run(pauseMs);
    net.up.add(3);
    pool.run(60_000);
    expect(verdicts.filter(({ by }) => by === 3)).toEqual([]);
    net.up.delete(9);
    pool.until(() => verdicts.some(({ by, name }) => by === 3 && name === nameOf(9)), 60_000);
  });
});

describe("silence of everybody", () => {
  it("is our own: nobody is accused for it, and what comes afterwards counts again", () => {
    const { pool, net, verdicts, watch } = cutOff([3]);
    expect(watch.isDeaf(net.now)).toBe(true);
    expect(verdicts.filter(({ by }) => by === 3)).toEqual([]);
    expect(new Set(verdicts.map(({ name }) => name))).toEqual(new Set([nameOf(3)]));
    net.heal();
    pool.run(20_000);
    expect(watch.isDeaf(net.now)).toBe(false);
    expect(verdicts.filter(({ by }) => by === 3)).toEqual([]);
    net.up.delete(9);
    pool.until(() => verdicts.some(({ by, name }) => by === 3 && name === nameOf(9)), 60_000);
  });

  it("is not that of all but a few", () => {
    const { net, verdicts, watch } = cutOff([3, 4, 5, 6]);
    expect(watch.isDeaf(net.now)).toBe(false);
    const accused = verdicts.filter(({ by }) => by === 3).map(({ name }) => name);
    expect(accused.sort()).toEqual([0, 1, 2, 7, 8, 9].map(nameOf));
  });
});

/** Ten members of which some hear each other only, for two minutes. The watch is member 3's. */
function cutOff(members: readonly number[]) {
  const pool = new WatchNet({ nodes: 10, seed: 37, config: { heartbeatSpread: "gossip" } });
  pool.run(20_000);
  pool.net.split((node) => (members.includes(node) ? 1 : 0));
  pool.run(120_000);
  return { pool, net: pool.net, verdicts: pool.verdicts, watch: pool.watches[3]! };
}

describe("a pool that grows at once", () => {
  it("from ten to a hundred is not taken for silence", () => {
    const pool = new WatchNet({ nodes: 10, seed: 35, loss: 0.02 });
    const { net, watches, verdicts } = pool;
    pool.run(120_000);
    expect(watches[0]!.inspect(nameOf(1), net.now)?.meanMs).toBeLessThan(3000);
    for (let i = 10; i < 100; i++) net.boot(i, wallStartMs + net.now);
    net.introduceAll();
    expect(net.nodes[0]!.heartbeatEveryMs).toBeCloseTo(3094, 0);
    pool.run(60_000);
    expect(verdicts).toEqual([]);
    expect(watches[0]!.inspect(nameOf(1), net.now)?.meanMs).toBeGreaterThan(3000);
  });
});

describe("a thousand watched", () => {
  it("are judged a few times a second at most, and a silent one in time", () => {
    const state = new ReplicatedState({
      name: nameOf(0),
      generation: 1,
      rng: new Rng(36),
      config: { heartbeatIntervalMs: 1000, maxEvents: 4096 },
    });
    const watch = new HeartbeatWatch(state);
    watch.start(0, wallStartMs);
    for (let i = 1; i <= 1000; i++) watch.setPeer(nameOf(i), endpointOf(i), "alive", 0);
    const tell = (beat: number, count: number, now: number) => {
      watch.handlePacket(endpointOf(1), beatsOf(count, beat), now);
      for (let event = watch.pollEvent(); event !== undefined; event = watch.pollEvent());
    };
    watch.handlePacket(endpointOf(1), livesOf(1000), 0);
    let calls = 0;
    let now = 0;
    let suspectedAt = 0;
    let toldAt = 0;
    for (let beat = 1; now < 600_000; ) {
      if (now >= toldAt) {
        // The last one falls silent after the fifth.
        tell(beat, beat <= 5 ? 1000 : 999, now);
        beat++;
        toldAt += state.heartbeatHeardMs;
      }
      now = Math.min(watch.nextDeadline(), toldAt);
      watch.handleTimeout(now);
      calls++;
      for (const { name, suspected } of watch.sweep(now)) {
        expect([name, suspected]).toEqual([nameOf(1000), true]);
        suspectedAt = now;
      }
    }
    // One of each second is a round's.
    expect(calls / 600).toBeLessThan(5.5);
    const saidAt = 4 * state.heartbeatHeardMs;
    expect(suspectedAt).toBeGreaterThan(saidAt + 5 * state.heartbeatEveryMs);
    expect(suspectedAt).toBeLessThan(saidAt + 7.5 * state.heartbeatHeardMs);
  });
});

/** Lives of the first so many, each of generation 1. */
function livesOf(count: number): Uint8Array {
  const builder = new MessageBuilder(1e6);
  for (let i = 1; i <= count; i++)
    builder.add(Section.deltas, encodeDelta({ owner: nameOf(i), generation: 1, from: 0, to: 0, lastGcVersion: 0 }, []));
  return finished(builder);
}

function beatsOf(count: number, beat: number): Uint8Array {
  const builder = new MessageBuilder(1e6);
  for (let i = 1; i <= count; i++)
    builder.add(Section.beats, encodeHeartbeat({ owner: nameOf(i), generation: 1, beat }));
  return finished(builder);
}

function finished(builder: MessageBuilder): Uint8Array {
  const gc = { ms: 0, count: 0 };
  return builder.finish({ mode: "push-pull", initiator: true, rumour: true, gc, roots: undefined });
}
