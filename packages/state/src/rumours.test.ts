import { describe, expect, it } from "vitest";
import { decodeStateMessage } from "./codec.ts";
import { stateDefaults } from "./config.ts";
import type { StateMessage } from "./messages.ts";
import { NodeMaps } from "./node-maps.ts";
import { Rumours } from "./rumours.ts";
import { SharedMap } from "./shared-map.ts";
import { bytes, Net } from "./testing/net.ts";

function setUp() {
  const maps = new NodeMaps("n", 1, stateDefaults, () => {});
  const shared = new SharedMap(
    stateDefaults,
    () => {},
    () => {},
  );
  const rumours = new Rumours(maps, shared);
  const write = (key: string, size = 10) => {
    const from = maps.own.maxVersion;
    maps.set(key, new Uint8Array(size).fill(from), undefined, 0);
    rumours.addOwner("n", 1, from, maps.own.maxVersion);
  };
  const next = (limit: number) => {
    const packet = rumours.next(1300, 99, limit);
    return packet && (decodeStateMessage(packet, 65_536) as StateMessage);
  };
  return { maps, shared, rumours, write, next };
}

describe("Rumours", () => {
  it("send each write so many times, together with those before it that are still on their way", () => {
    const { write, next, rumours } = setUp();
    write("a");
    expect(next(2)!.deltas[0]).toMatchObject({ from: 0, to: 1 });
    write("b");
    expect(next(2)!.deltas[0]).toMatchObject({ from: 0, to: 2 });
    expect(next(2)!.deltas[0]).toMatchObject({ from: 1, to: 2 });
    expect(next(2)).toBeUndefined();
    expect(rumours.isEmpty).toBe(true);
  });

  it("send what is held at that time, and the least sent first", () => {
    const { shared, rumours, next } = setUp();
    const note = (key: string, size: number) => {
      shared.write(key, new Uint8Array(size), 0, "n", 1000);
      rumours.addKey(key);
    };
    note("a", 700);
    expect(next(3)!.writes.map(({ key }) => key)).toEqual(["a"]);
    note("b", 700);
    expect(next(3)!.writes.map(({ key }) => key)).toEqual(["b"]);
    shared.write("a", new Uint8Array(1), 0, "n", 2000);
    expect(next(3)!.writes.map(({ key, value }) => [key, value!.length])).toContainEqual(["a", 1]);
  });

  it("come to an end also where many writes at once were put together to more than a packet holds", () => {
    const { write, next, rumours, maps } = setUp();
    for (let k = 0; k < 300; k++) write(`k${k}`, 500);
    const told = new Set<number>();
    for (let packets = 0; !rumours.isEmpty; packets++) {
      expect(packets).toBeLessThan(1000);
      for (const { version } of next(2)!.deltas[0]!.writes) told.add(version);
    }
    expect(told.size).toBe(300);
    expect(maps.own.maxVersion).toBe(300);
  });

  it("leave to the exchange what no packet can hold", () => {
    const { write, next, rumours } = setUp();
    write("large", 2000);
    expect(next(3)).toBeUndefined();
    expect(rumours.isEmpty).toBe(true);
  });

  it("bring a burst of writes to nearly everyone without any anti-entropy", () => {
    const net = new Net({ nodes: 50, loss: 0.05, seed: 21, config: { syncIntervalMs: 1e9 } });
    for (let k = 0; k < 20; k++) {
      net.nodes[0]!.set(`k${k}`, bytes("v"), net.now);
      net.run(100);
    }
    net.run(5000);
    // Who misses one of a series cannot take the next: a gap. Overlapping stretches make that rare.
    expect(net.nodes.filter((node) => node.entries("node-0").length === 20).length).toBeGreaterThan(44);
  });
});

describe("NodeMaps", () => {
  it("take nothing about members that are unknown, long dead or forgotten", () => {
    const config = { ...stateDefaults, deadListedMs: 1000, deadKeptMs: 2000 };
    const maps = new NodeMaps("n", 1, config, () => {});
    const delta = (version: number) => ({
      owner: "o",
      generation: 1,
      from: 0,
      to: version,
      lastGcVersion: 0,
      writes: [{ key: "k", version, value: Uint8Array.of(version) }],
    });
    expect(maps.apply(delta(1), 0)).toBe("unknown-owner");
    maps.admit("o");
    expect(maps.apply(delta(1), 0)).toBe("applied");
    const root = maps.tree.root;
    maps.markDead("o", 0);
    expect(maps.apply(delta(2), 500)).toBe("applied");
    maps.collect(1000);
    expect(maps.apply(delta(3), 1000)).toBe("unknown-owner");
    expect(maps.isListed("o")).toBe(false);
    expect(maps.find("o")?.get("k")).toEqual(Uint8Array.of(2));
    maps.admit("o");
    expect(maps.isListed("o")).toBe(true);
    expect(maps.tree.root).not.toBe(root);
    maps.markDead("o", 1000);
    maps.collect(3000);
    expect(maps.find("o")).toBeUndefined();
    expect(maps.apply(delta(4), 3000)).toBe("unknown-owner");
  });
});
