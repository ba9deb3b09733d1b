import type { SerfEvent } from "@hearsay/serf";
import { describe, expect, it } from "vitest";
import { type SerfNode, SerfPool, type SerfPoolOptions } from "./serf-pool.ts";

function poolOf(count: number, options: Partial<SerfPoolOptions> = {}) {
  const pool = new SerfPool({ seed: 1, size: count, ...options });
  const events: { readonly node: number; readonly event: SerfEvent }[] = [];
  pool.world.onEvent = (node, event) => events.push({ node: node.index, event });
  for (let i = 0; i < count; i++) {
    const node = pool.add({ tags: { rank: String(i) } });
    if (i > 0) pool.join(node, pool.nodes[0]!);
  }
  expect(pool.world.runUntil(() => pool.agreed(), 10_000)).toBeDefined();
  pool.world.run(5000);
  return { pool, nodes: pool.nodes as readonly [SerfNode, SerfNode, SerfNode, ...SerfNode[]], events };
}

describe.each(["bytes", "objects"] as const)("a pool in %s", (fidelity) => {
  it("joins with tags, and each says that it has: all know when", () => {
    const { nodes } = poolOf(12, { fidelity });
    expect(nodes[11]!.machine.name).toBe("node-11");
    for (const { machine } of nodes) {
      const members = machine.members().sort((a, b) => (a.name < b.name ? -1 : 1));
      expect(members.map(({ tags }) => tags.rank)).toEqual(nodes.map(({ index }) => String(index)));
      // A stamp above 0 comes from a join intent only.
      expect(members.filter(({ statusLTime }) => statusLTime === 0).map(({ name }) => name)).toEqual(["node-00"]);
    }
  });

  it("changes tags, leaves, and starts again under the same name with other tags", () => {
    const { pool, nodes, events } = poolOf(5, { fidelity });
    const [a, b, c] = nodes;
    const id = pool.setTags(b, { rank: "b" });
    pool.leave(c);
    const left = () => events.some(({ node, event }) => node === c.index && event.type === "left-pool");
    expect(pool.world.runUntil(left, 12_000)).toBeDefined();
    pool.world.crash(c);
    pool.world.run(3000);
    expect(a.machine.member("node-1")!.tags).toEqual({ rank: "b" });
    expect(events.some(({ event }) => event.type === "broadcast-done" && event.id === id)).toBe(true);
    expect(a.machine.member("node-2")!.status).toBe("left");
    pool.restart(c, a, { tags: { rank: "again" } });
    pool.world.run(5000);
    expect(pool.agreed()).toBe(true);
    for (const { machine } of nodes) {
      expect(machine.member("node-2")).toMatchObject({ status: "alive", tags: { rank: "again" } });
    }
    pool.restart(c, a);
    pool.world.run(10_000);
    expect(a.machine.member("node-2")).toMatchObject({ status: "alive", tags: { rank: "2" } });
    expect(pool.living()).toHaveLength(5);
  });
});

it("names, addresses, zones and single settings may be one's own", () => {
  const pool = new SerfPool({
    seed: 1,
    zoneOf: (index) => index,
    serfConfig: { reapIntervalMs: 700 },
    machine: (options, index) => (index === 1 ? { ...options, protocol: 4 } : options),
  });
  const a = pool.add({ name: "a", addr: Uint8Array.of(10, 1, 1, 1), port: 80 });
  const b = pool.add();
  pool.join(b, a);
  pool.world.run(5000);
  expect([a.endpoint, b.endpoint.address]).toEqual([{ address: "10.1.1.1", port: 80 }, "10.0.0.2"]);
  expect([a.zone, b.zone]).toEqual([0, 1]);
  expect(a.machine.member("node-001")!.vsn[5]).toBe(4);
  expect(b.machine.member("a")!.endpoint).toEqual(a.endpoint);
});

describe("a pool that begins converged", () => {
  it("knows its members and their tags at once, and keeps agreeing, with crashes noticed", () => {
    const pool = new SerfPool({ seed: 1, size: 12, fidelity: "objects" });
    pool.addConverged(12);
    expect(pool.agreed()).toBe(true);
    expect(pool.nodes[3]!.machine.members().map(({ status, tags }) => [status, tags])).toEqual(
      Array.from({ length: 12 }, () => ["alive", {}]),
    );
    pool.world.run(20_000);
    expect(pool.agreed()).toBe(true);
    for (const { machine } of pool.nodes) expect(machine.swim.counters.suspicions).toBe(0);
    pool.world.crash(pool.nodes[5]!);
    pool.world.run(15_000);
    expect(pool.agreed()).toBe(true);
    expect(pool.nodes[3]!.machine.member("node-05")!.status).toBe("failed");
    expect(() => pool.addConverged(2)).toThrow("addConverged: into an empty world only");
  });
});
