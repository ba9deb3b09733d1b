/** Whole Hearsay nodes in one pool with nodes that speak Serf alone: what goes beyond Serf, and that it disturbs nobody. */

import type { SerfOptions } from "@hearsay/serf";
import { type ExtendedNode, ExtendedPool } from "@hearsay/sim";
import { createCodec } from "@hearsay/wire";
import { expect, test } from "vitest";

const text = (value: string) => Uint8Array.from(value, (letter) => letter.charCodeAt(0));
const ms = (pool: ExtendedPool, duration: number) => pool.world.run(duration);

function joined(count: number, options: Partial<ConstructorParameters<typeof ExtendedPool>[0]> = {}) {
  const pool = new ExtendedPool({ seed: 1, size: count, ...options });
  const nodes: ExtendedNode[] = [];
  for (let i = 0; i < count; i++) {
    const node = pool.add();
    nodes.push(node);
    if (i > 0) pool.join(node, nodes[0]!);
    ms(pool, 100);
  }
  ms(pool, 5000);
  expect(pool.agreed()).toBe(true);
  return { pool, nodes };
}

test("a key that one sets is everybody's within a second", () => {
  const { pool, nodes } = joined(12);
  pool.world.act(nodes[3]!, (machine, now) => machine.setState("load", text("0.7"), now));
  pool.world.act(nodes[5]!, (machine, now) => machine.setShared("leader", text("node-05"), now));
  ms(pool, 1000);
  for (const { machine } of nodes) {
    expect(machine.state.getOf("node-03", "load")).toEqual(text("0.7"));
    expect(machine.state.getShared("leader")).toMatchObject({ value: text("node-05"), writer: "node-05" });
  }
});

test("what no packet carries goes by stream", () => {
  const { pool, nodes } = joined(5);
  const large = new Uint8Array(60_000).fill(7);
  pool.world.act(nodes[1]!, (machine, now) => machine.setShared("large", large, now));
  ms(pool, 20_000);
  for (const { machine } of nodes) {
    const { value } = machine.state.getShared("large")!;
    expect(value.length === large.length && value.every((byte) => byte === 7)).toBe(true);
  }
});

test("counters are exact, and an aggregate knows the mean", () => {
  const { pool, nodes } = joined(8);
  for (const [i, node] of nodes.entries()) {
    pool.world.act(node, (machine, now) => {
      machine.addTo("requests", 1000 + i, now);
      machine.openAggregate("load", () => i, now, { roundMs: 100 });
    });
  }
  ms(pool, 12_000);
  for (const { machine } of nodes) {
    expect(machine.counters.value("requests")).toBe(8028n);
    expect(machine.estimate("load", pool.world.now)!.mean).toBeCloseTo(3.5, 3);
    expect(machine.estimate("load", pool.world.now)!.count).toBeCloseTo(8, 3);
  }
});

test("nodes that speak Serf alone get none of it and refuse nothing", () => {
  const { pool, nodes } = joined(8, { extensions: (name) => (Number(name.slice(-1)) % 2 === 0 ? {} : undefined) });
  for (const { machine } of nodes) {
    if (!machine.isExtended) continue;
    pool.world.act(nodes.find((node) => node.machine === machine)!, (one, now) => {
      one.setState("k", text(one.name), now);
      one.addTo("c", 1, now);
    });
  }
  ms(pool, 10_000);
  for (const { machine } of nodes) {
    expect(machine.swim.counters.drops).toEqual({});
    expect(machine.serf.members().every(({ status }) => status === "alive")).toBe(true);
    if (!machine.isExtended) continue;
    for (const name of ["node-0", "node-2", "node-4", "node-6"])
      if (nodes.some((node) => node.machine.name === name)) expect(machine.state.getOf(name, "k")).toEqual(text(name));
    expect(machine.counters.value("c")).toBe(4n);
  }
});

test("phi knows who is silent; as the judge it accuses, and the accusation is explained", () => {
  const { pool, nodes } = joined(10, { extensions: () => ({ detector: "phi" as const }) });
  ms(pool, 60_000);
  const [watcher, victim] = [nodes[0]!, nodes[9]!];
  expect(watcher.machine.phi("node-9", pool.world.now)).toMatchObject({ suspected: false });
  expect(pool.agreed()).toBe(true);
  pool.world.crash(victim);
  ms(pool, 60_000);
  expect(pool.agreed()).toBe(true);
  const types = nodes.slice(0, 9).flatMap(({ machine }) => machine.serf.why("node-9").map(({ type }) => type));
  expect(types).toContain("silent");
});

test("who has left is spoken to no more", () => {
  const { pool, nodes } = joined(4);
  pool.leave(nodes[2]!);
  ms(pool, 15_000);
  const machine = nodes[2]!.machine;
  const before = machine.state.counters.packetsSent;
  ms(pool, 10_000);
  expect(machine.state.counters.packetsSent).toBe(before);
});

test.each([
  ["small packets", { config: { maxPacketBytes: 600 } }],
  [
    "a label",
    {
      fidelity: "bytes" as const,
      machine: (options: SerfOptions) => ({
        ...options,
        codec: createCodec({ label: "pool", compression: false, maxPacketBytes: 9000 }),
      }),
    },
  ],
])("with %s, what goes beyond Serf is everybody's too", (_what, options) => {
  const { pool, nodes } = joined(6, options);
  pool.world.act(nodes[1]!, (machine, now) => machine.setState("k", text("v"), now));
  pool.world.act(nodes[2]!, (machine, now) => machine.setShared("large", new Uint8Array(20_000).fill(7), now));
  pool.world.act(nodes[3]!, (machine, now) => machine.addTo("c", 7, now));
  ms(pool, 20_000);
  for (const { machine } of nodes) {
    expect(machine.state.getOf("node-1", "k")).toEqual(text("v"));
    expect(machine.state.getShared("large")?.value.length).toBe(20_000);
    expect(machine.counters.value("c")).toBe(7n);
    expect(machine.swim.counters.drops).toEqual({});
  }
});

test("a member that comes back as one that speaks Serf alone is forgotten by those who speak more, and stays a member", () => {
  let plain = false;
  const { pool, nodes } = joined(5, { extensions: (name) => (plain && name === "node-4" ? undefined : {}) });
  pool.world.act(nodes[4]!, (machine, now) => machine.setState("k", text("v"), now));
  ms(pool, 5000);
  expect(nodes[0]!.machine.state.getOf("node-4", "k")).toEqual(text("v"));
  pool.world.crash(nodes[4]!);
  ms(pool, 30_000);
  plain = true;
  pool.restart(nodes[4]!, nodes[0]!);
  ms(pool, 60_000);
  expect(nodes[4]!.machine.isExtended).toBe(false);
  for (const { machine } of nodes.slice(0, 4)) {
    expect(machine.serf.members().find(({ name }) => name === "node-4")).toMatchObject({ status: "alive" });
    expect(machine.state.owners()).not.toContain("node-4");
  }
  const drops = { ...nodes[4]!.machine.swim.counters.drops };
  ms(pool, 30_000);
  expect(nodes[4]!.machine.swim.counters.drops).toEqual(drops);
});

test("who floods a member with what it cannot read costs it nothing but the count, and disturbs nobody", () => {
  const { pool, nodes } = joined(4);
  const [flooder, victim] = [nodes[3]!, nodes[0]!];
  for (let burst = 0; burst < 50; burst++) {
    pool.world.act(flooder, (machine, now) => {
      for (let i = 0; i < 100; i++) machine.serf.sendExtension(victim.endpoint, Uint8Array.of(0xe1, 1, 97, i), now);
      for (let i = 0; i < 100; i++) machine.serf.sendExtension(victim.endpoint, Uint8Array.of(0xe0 + (i % 32)), now);
    });
    ms(pool, 100);
  }
  ms(pool, 5000);
  const { drops } = victim.machine.swim.counters;
  expect((drops["extension-stranger"] ?? 0) + (drops["extension-malformed"] ?? 0)).toBeGreaterThan(5000);
  expect(pool.agreed()).toBe(true);
  pool.world.act(nodes[1]!, (machine, now) => machine.setState("k", text("v"), now));
  ms(pool, 3000);
  expect(victim.machine.state.getOf("node-1", "k")).toEqual(text("v"));
});

test("a member that comes back under its name at another address tells its new life there", () => {
  const { pool, nodes } = joined(5);
  pool.world.act(nodes[4]!, (machine, now) => machine.setState("k", text("old"), now));
  ms(pool, 5000);
  pool.world.crash(nodes[4]!);
  ms(pool, 30_000);
  const again = pool.add({ name: "node-4", addr: Uint8Array.of(10, 9, 9, 9) });
  pool.join(again, nodes[0]!);
  pool.world.act(again, (machine, now) => machine.setState("other", text("new"), now));
  ms(pool, 60_000);
  for (const { machine } of pool.living()) {
    expect(machine.state.entries("node-4").map(({ key }) => key)).toEqual(["other"]);
  }
  // And it has what the others have, by packets to where it is now.
  pool.world.act(nodes[0]!, (machine, now) => machine.setShared("shared", text("v"), now));
  ms(pool, 5000);
  expect(again.machine.state.getShared("shared")?.value).toEqual(text("v"));
});
