import { Rng } from "@hearsay/core";
import { describe, expect, it } from "vitest";
import { decodeStateMessage, encodeHeartbeat, MessageBuilder, messageOverhead } from "./codec.ts";
import { checkedConfig, type StateConfig, stateDefaults } from "./config.ts";
import { Heartbeats } from "./heartbeats.ts";
import { Lives, lifeHash } from "./lives.ts";
import type { StateMessage } from "./messages.ts";
import { type Heartbeat, Section } from "./messages.ts";
import { NodeMaps } from "./node-maps.ts";
import { OwnerMap } from "./owner-map.ts";
import { Peers } from "./peers.ts";
import { ReplicatedState } from "./replicated-state.ts";
import { endpointOf, Net, nameOf, wallStartMs } from "./testing/net.ts";

/** One machine's heartbeats, with others `o1` … that have lives of generation 1. */
function setUp(others: number, settings: Partial<StateConfig> = {}) {
  const config = checkedConfig({ heartbeatIntervalMs: 1000, ...settings });
  const maps = new NodeMaps("n", 1, config, () => {});
  const peers = new Peers();
  const told: Heartbeat[] = [];
  const state = new ReplicatedState({ name: "n", generation: 1, rng: new Rng(1) });
  const beats = new Heartbeats(config, maps, peers, state.counters, (beat) => told.push(beat));
  for (let i = 1; i <= others; i++) begin(maps, `o${i}`, 1);
  for (let i = 1; i <= others; i++) peers.set({ name: `o${i}`, endpoint: endpointOf(i), status: "alive" });
  const hear = (owner: string, beat: number, now: number, generation = 1) =>
    beats.takeShort({ hash: lifeHash(owner, generation), beat }, now);
  const packet = (room = 1300) => {
    const builder = new MessageBuilder(room);
    beats.fill(builder);
    return read(builder);
  };
  return { maps, peers, beats, told, hear, packet };
}

function begin(maps: NodeMaps, owner: string, generation: number): void {
  maps.admit(owner);
  maps.apply({ owner, generation, from: 0, to: 0, lastGcVersion: 0, writes: [] }, 0);
}

function read(builder: MessageBuilder): StateMessage {
  const gc = { ms: 0, count: 0 };
  const bytes = builder.finish({ mode: "push", initiator: true, rumour: true, gc, roots: undefined });
  return decodeStateMessage(bytes, 100) as StateMessage;
}

describe("heartbeats on their way", () => {
  it("are sent three times each, ours first, then the least sent, and the newest of each", () => {
    const { beats, hear, packet } = setUp(3);
    const hashes = () => packet().shortBeats.map(({ hash, beat }) => [name(hash), beat]);
    const name = (hash: number) => ["n", "o1", "o2", "o3"].find((owner) => lifeHash(owner, 1) === hash);
    expect(hashes()).toEqual([]);
    hear("o1", 5, 0);
    expect(hashes()).toEqual([["o1", 5]]);
    hear("o2", 7, 0);
    beats.beat();
    expect(hashes()).toEqual([
      ["n", 1],
      ["o2", 7],
      ["o1", 5],
    ]);
    hear("o1", 6, 0);
    expect(hashes()).toEqual([
      ["n", 1],
      ["o1", 6],
      ["o2", 7],
    ]);
    expect(hashes()).toEqual([
      ["n", 1],
      ["o1", 6],
      ["o2", 7],
    ]);
    expect(hashes()).toEqual([["o1", 6]]);
    expect(hashes()).toEqual([]);
    expect(beats.waiting).toBe(0);
  });

  it("pass nobody over when there is more news than room", () => {
    const { hear, packet } = setUp(100, { heartbeatsPerPacket: 10 });
    const told = new Map<number, number>();
    for (let round = 1; round <= 20; round++) {
      for (let i = 1; i <= 100; i++) hear(`o${i}`, round, 1000 * round);
      const { shortBeats } = packet();
      expect(shortBeats).toHaveLength(10);
      for (const { hash } of shortBeats) told.set(hash, (told.get(hash) ?? 0) + 1);
    }
    expect(told.size).toBe(100);
    expect([...told.values()].every((times) => times === 2)).toBe(true);
  });

  it("take no more room than there is, in either form", () => {
    const { hear, packet, beats } = setUp(100);
    for (let i = 1; i <= 100; i++) hear(`o${i}`, 1, 0);
    const { shortBeats } = packet(400);
    // 3 for their length, 5 for each.
    expect(shortBeats).toHaveLength(Math.floor((400 - messageOverhead - 3) / 5));
    expect(packet(messageOverhead).shortBeats).toEqual([]);
    expect(beats.waiting).toBe(100);
  });

  it("of a life that has ended are told no more, nor taken", () => {
    const { maps, hear, packet, beats, told } = setUp(2);
    hear("o1", 50, 0);
    hear("o2", 50, 0);
    begin(maps, "o1", 2);
    maps.forget("o2");
    expect(beats.waiting).toBe(0);
    expect(hear("o1", 51, 1000)).toBe("beat-unknown");
    expect(hear("o2", 51, 1000)).toBe("beat-unknown");
    expect(hear("o1", 1, 1000, 2)).toBe("news");
    expect(packet().shortBeats).toEqual([{ hash: lifeHash("o1", 2), beat: 1 }]);
    expect(told.map(({ generation, beat }) => [generation, beat])).toEqual([
      [1, 50],
      [1, 50],
      [2, 1],
    ]);
  });
});

describe("our interval", () => {
  it("keeps what each has to hear within the budget", () => {
    for (const [others, everyMs] of [
      [0, 1000],
      [9, 1000],
      [32, 1000],
      [99, 3094],
      [999, 31_219],
    ] as const) {
      const { beats } = setUp(others);
      expect(beats.everyMs).toBeCloseTo(everyMs, -1);
      expect((1000 * others) / beats.everyMs).toBeLessThanOrEqual(32);
    }
    expect(setUp(999, { heartbeatBudgetPerSecond: 999 }).beats.everyMs).toBe(1000);
    expect(setUp(999, { heartbeatIntervalMs: 0 }).beats.everyMs).toBe(0);
  });

  it("follows the pool, also while it waits", () => {
    const state = new ReplicatedState({
      name: "n",
      generation: 1,
      rng: new Rng(2),
      config: { heartbeatIntervalMs: 1000, syncIntervalMs: 1e9 },
    });
    state.start(0, wallStartMs);
    for (let i = 1; i < 1000; i++) state.setPeer(nameOf(i), endpointOf(i), "alive", 0);
    expect(state.heartbeatEveryMs).toBeCloseTo(31_219, 0);
    const beat = () => state.inspect().owners[0]!.beat;
    // It has no timer: something else that calls, every second.
    let now = 0;
    const runTo = (end: number) => {
      for (; now <= end; now += 1000) state.handleTimeout(now);
    };
    runTo(312_190);
    // Ten intervals, each a tenth longer or shorter at most, the first cut short by chance.
    expect(beat()).toBeGreaterThan(8);
    expect(beat()).toBeLessThan(12);
    const before = beat();
    for (let i = 1; i < 999; i++) state.removePeer(nameOf(i));
    runTo(322_190);
    expect(beat() - before).toBeGreaterThan(8);
  });
});

describe("a heartbeat out of line", () => {
  it("above what time allows is refused, and silences nobody", () => {
    const { hear, maps } = setUp(1);
    for (let beat = 1; beat <= 10; beat++) expect(hear("o1", 100 + beat, 1000 * beat)).toBe("news");
    // 32 either way, and four for each second since.
    expect(hear("o1", 110 + 32 + 5, 11_000)).toBe("beat-leap");
    expect(hear("o1", 2 ** 52, 11_000)).toBe("beat-leap");
    expect(hear("o1", 2 ** 52, 11_001)).toBe("beat-leap");
    expect(maps.find("o1")!.beat).toBe(110);
    expect(hear("o1", 111, 11_000)).toBe("news");
    expect(hear("o1", 109, 11_000)).toBe("known");
    expect(hear("o1", 111 + 32 + 4 * 60, 71_000)).toBe("news");
  });

  it("is believed when the next goes on from it: we slept, or the one held was forged", () => {
    const { hear, told } = setUp(2);
    hear("o1", 10, 0);
    expect(hear("o1", 5000, 1000)).toBe("beat-leap");
    expect(hear("o1", 5001, 2000)).toBe("news");
    expect(hear("o1", 5002, 3000)).toBe("news");
    // The very first that is heard cannot be compared with anything.
    expect(hear("o2", 2 ** 52, 0)).toBe("news");
    expect(hear("o2", 700, 1000)).toBe("beat-leap");
    expect(hear("o2", 701, 2000)).toBe("news");
    expect(hear("o2", 2 ** 52, 2500)).toBe("beat-leap");
    expect(hear("o2", 702, 3000)).toBe("news");
    expect(told.filter(({ owner }) => owner === "o2").map(({ beat }) => beat)).toEqual([2 ** 52, 701, 702]);
  });

  it("is counted, in a pool where one node is lied to about all others", () => {
    const net = new Net({ nodes: 10, seed: 37, config: { heartbeatIntervalMs: 1000 } });
    net.run(30_000);
    const builder = new MessageBuilder(1300);
    for (let i = 1; i < 10; i++)
      builder.add(Section.beats, encodeHeartbeat({ owner: nameOf(i), generation: wallStartMs, beat: 1e9 }));
    const gc = { ms: 0, count: 0 };
    const lie = builder.finish({ mode: "push", initiator: true, rumour: true, gc, roots: undefined });
    net.nodes[0]!.handlePacket(endpointOf(99), lie, net.now);
    expect(net.nodes[0]!.counters.drops.get("beat-leap")).toBe(9);
    for (const events of net.events) events.length = 0;
    net.run(20_000);
    for (const events of net.events) {
      const beats = events.filter((event) => event.type === "heartbeat");
      expect(new Set(beats.map(({ owner }) => owner)).size).toBe(9);
      expect(Math.max(...beats.map(({ beat }) => beat))).toBeLessThan(60);
    }
  });
});

describe("two lives of one hash", () => {
  /** Generations of the first two nodes with one hash: some ten pairs are to be expected among so many. */
  function twins(): [number, number] {
    const first = new Map<number, number>();
    for (let g = wallStartMs; g < wallStartMs + 200_000; g++) first.set(lifeHash(nameOf(0), g), g);
    for (let g = wallStartMs; g < wallStartMs + 200_000; g++) {
      const twin = first.get(lifeHash(nameOf(1), g));
      if (twin !== undefined) return [twin, g];
    }
    throw new Error("no two lives of one hash");
  }

  it("are told apart, since they are spoken of at length", () => {
    const [a, b] = twins();
    const net = new Net({ nodes: 0, seed: 38, config: { heartbeatIntervalMs: 1000 } });
    for (const [i, generation] of [a, b, ...new Array<number>(6).fill(wallStartMs)].entries()) net.boot(i, generation);
    net.introduceAll();
    net.run(20_000);
    for (const node of net.nodes) node.counters.drops.clear();
    for (const events of net.events) events.length = 0;
    net.run(30_000);
    for (const [i, events] of net.events.entries()) {
      for (const [j, generation] of [a, b].entries()) {
        if (i === j) continue;
        const beats = events.filter((event) => event.type === "heartbeat" && event.owner === nameOf(j));
        expect(beats.length).toBeGreaterThan(5);
        expect(beats.every((event) => event.type === "heartbeat" && event.generation === generation)).toBe(true);
      }
    }
    for (const node of net.nodes) expect([...node.counters.drops.keys()]).toEqual([]);
    // One of them is gone: the other is spoken of briefly again.
    net.up.delete(0);
    for (const i of net.up) net.nodes[i]!.removePeer(nameOf(0));
    net.events[5]!.length = 0;
    net.run(20_000);
    const beats = net.events[5]!.filter((event) => event.type === "heartbeat" && event.owner === nameOf(1));
    expect(beats.length).toBeGreaterThan(3);
  });

  it("in few bytes are nobody's", () => {
    const [a, b] = twins();
    const lives = new Lives();
    const maps = [new OwnerMap(nameOf(0), a), new OwnerMap(nameOf(1), b)] as const;
    const hash = lifeHash(nameOf(0), a);
    lives.begin(maps[0]);
    expect(lives.find(hash)).toMatchObject({ map: maps[0] });
    lives.begin(maps[1]);
    expect(lives.find(hash)).toBe("ambiguous");
    lives.end(nameOf(0));
    expect(lives.find(hash)).toMatchObject({ map: maps[1] });
    lives.begin(maps[0]);
    maps[1].generation = b + 1;
    lives.begin(maps[1]);
    expect(lives.find(hash)).toMatchObject({ map: maps[0] });
    lives.end(nameOf(0));
    expect(lives.find(hash)).toBeUndefined();
  });
});

describe("at rest, with heartbeats", () => {
  it.each([20, 100])("a round of %d is one small packet", (nodes) => {
    const net = new Net({ nodes, tickMs: 50, config: { heartbeatIntervalMs: 1000 } });
    net.until(() => net.isEqual(), 20_000);
    net.run(15_000);
    const { packets, packetBytes } = net;
    net.run(20_000);
    expect((net.packets - packets) / (nodes * 20)).toBeLessThan(1.1);
    // 32 beats a second, three or four times, of six bytes: for any size of the pool.
    expect((net.packetBytes - packetBytes) / (nodes * 20)).toBeLessThan(650);
    // Three times that of a round without: heartbeats did ride.
    expect((net.packetBytes - packetBytes) / (nodes * 20)).toBeGreaterThan(3 * 19);
  });

  it("and without peers nobody wakes more often for gossip", () => {
    const config = { heartbeatIntervalMs: 1000, heartbeatSpread: "gossip" as const };
    const [node] = new Net({ nodes: 1, config }).nodes;
    let calls = 0;
    for (let now = node!.nextDeadline(); now < 60_000; now = node!.nextDeadline()) {
      node!.handleTimeout(now);
      calls++;
    }
    expect(calls).toBeLessThan(140);
  });
});

describe("settings of heartbeats", () => {
  it.each([
    [{ heartbeatBudgetPerSecond: 0 }, "heartbeatBudgetPerSecond: 0 is not 0.001 or more"],
    [{ heartbeatMult: 0 }, "heartbeatMult: 0 is not 1 or more"],
    [{ heartbeatsPerPacket: 0 }, "heartbeatsPerPacket: 0 is not 1 or more"],
    [{ heartbeatSpread: "all" as "gossip" }, 'heartbeatSpread: all is not "rounds" or "gossip"'],
  ])("out of range are refused: %o", (settings, message) => {
    expect(() => checkedConfig({ ...stateDefaults, ...settings })).toThrow(message);
  });
});
