/** Flow control as its user sees it: writes that come too fast are held, told of, and made when there is leave to. */
import { Rng } from "@hearsay/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ReplicatedState } from "./replicated-state.ts";
import { bytes, endpointOf, Net, nameOf, text, wallStartMs } from "./testing/net.ts";

/** Two writes at once, then two a second; nothing changes the rate. */
const steady = { startRate: 2, minRate: 2, maxRate: 2 };

function alone(config: object = {}): ReplicatedState {
  const node = new ReplicatedState({ name: "n", generation: 1, rng: new Rng(1), config: { flow: steady, ...config } });
  node.start(0, wallStartMs);
  return node;
}

/** As a driver does: called when it asks for it. */
function runTo(node: ReplicatedState, until: number): void {
  for (let calls = 0; node.nextDeadline() <= until; calls++) {
    expect(calls).toBeLessThan(10_000);
    node.handleTimeout(node.nextDeadline());
  }
}

const flowEvents = (node: ReplicatedState) => {
  const told: [number, number][] = [];
  for (let event = node.pollEvent(); event; event = node.pollEvent())
    if (event.type === "flow") told.push([event.held, event.maxWriteRate]);
  return told;
};
const shown = (node: ReplicatedState) => node.entries().map(({ key, value, version }) => [key, text(value), version]);

describe("a writer that is too fast", () => {
  it("has its writes held, in the order of asking, and made at the rate that it may write at", () => {
    const node = alone();
    for (let k = 0; k < 6; k++) node.set(`k${k}`, bytes(`${k}`), 0);
    expect(shown(node).map(([key]) => key)).toEqual(["k0", "k1"]);
    expect([node.heldWrites, node.maxWriteRate, node.inspect().heldWrites]).toEqual([4, 2, 4]);
    runTo(node, 1100);
    expect(shown(node).map(([key]) => key)).toEqual(["k0", "k1", "k2", "k3"]);
    runTo(node, 5000);
    expect(shown(node)).toHaveLength(6);
    expect(node.heldWrites).toBe(0);
    expect(flowEvents(node)).toEqual([
      [1, 2],
      [0, 2],
    ]);
  });

  it("pays one version for a key that it writes again meanwhile, and reads what it wrote", () => {
    const node = alone();
    for (let k = 0; k < 3; k++) node.set(`k${k}`, bytes("first"), 0);
    for (let i = 0; i < 100; i++) {
      node.set("k2", bytes(`${i}`), i);
      node.set("k0", bytes(`${i}`), i);
    }
    expect([text(node.get("k2")), text(node.get("k0"))]).toEqual(["99", "99"]);
    expect(text(node.getOf("n", "k0"))).toBe("first");
    expect(node.heldWrites).toBe(2);
    runTo(node, 5000);
    expect(shown(node)).toEqual([
      ["k1", "first", 2],
      ["k2", "99", 3],
      ["k0", "99", 4],
    ]);
  });

  it("pays nothing for what it takes back in time", () => {
    const node = alone();
    node.set("a", bytes("1"), 0);
    node.set("b", bytes("1"), 0);
    node.set("new", bytes("1"), 0);
    node.set("a", bytes("2"), 0);
    expect(node.delete("new", 0)).toBe(true);
    expect(node.delete("new", 0)).toBe(false);
    node.set("a", bytes("1"), 0);
    expect(node.heldWrites).toBe(0);
    runTo(node, 5000);
    expect(shown(node)).toEqual([
      ["a", "1", 1],
      ["b", "1", 2],
    ]);
  });

  it("may delete, which is a write like another", () => {
    const node = alone();
    node.set("a", bytes("1"), 0);
    node.set("b", bytes("1"), 0);
    expect(node.delete("a", 0)).toBe(true);
    expect([node.get("a"), text(node.getOf("n", "a"))]).toEqual([undefined, "1"]);
    expect(node.delete("a", 0)).toBe(false);
    runTo(node, 600);
    expect(node.getOf("n", "a")).toBeUndefined();
  });

  it("has times to live count from the asking", () => {
    const node = alone();
    for (let k = 0; k < 6; k++) node.set(`k${k}`, bytes("v"), 0, k === 2 ? 600 : k === 5 ? 1000 : undefined);
    runTo(node, 550);
    expect(text(node.getOf("n", "k2"))).toBe("v");
    runTo(node, 601);
    expect(node.getOf("n", "k2")).toBeUndefined();
    runTo(node, 10_000);
    // Over before its turn came: nobody has heard of it.
    expect(shown(node).map(([key]) => key)).toEqual(["k0", "k1", "k3", "k4"]);
    expect(node.inspect().owners[0]).toMatchObject({ maxVersion: 6, tombstones: 1 });
  });

  it("is refused at the call what there is no room for, what is held counted in", () => {
    const node = alone({ maxKeysPerOwner: 3 });
    for (const key of ["a", "b", "c"]) node.set(key, bytes("1"), 0);
    const refused = expect.objectContaining({ code: "too-many-keys" });
    expect(() => node.set("d", bytes("1"), 0)).toThrow(refused);
    node.delete("a", 0);
    node.set("d", bytes("1"), 0);
    expect(() => node.set("a", bytes("1"), 0)).toThrow(refused);
    expect(() => node.set("e", new Uint8Array(70_000), 0)).toThrow(expect.objectContaining({ code: "value-too-long" }));
    node.delete("b", 0);
    node.set("a", bytes("2"), 0);
    runTo(node, 10_000);
    expect(
      node
        .entries()
        .map(({ key }) => key)
        .sort(),
    ).toEqual(["a", "c", "d"]);
  });

  it("ends with what it asked for, whatever that was, and never has more keys than it may", () => {
    const step = fc.record({
      key: fc.integer({ min: 0, max: 5 }),
      what: fc.constantFrom("set", "set", "delete", "wait"),
      value: fc.integer({ min: 0, max: 2 }),
      ttlMs: fc.option(fc.integer({ min: 1, max: 4000 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const node = alone({ maxKeysPerOwner: 4 });
        const wanted = new Map<string, { value: string; until: number }>();
        let now = 0;
        for (const { key: number, what, value, ttlMs } of steps) {
          const key = `k${number}`;
          for (const [known, { until }] of wanted) if (until <= now) wanted.delete(known);
          if (what === "wait") now += 300;
          else if (what === "delete") {
            node.delete(key, now);
            wanted.delete(key);
          } else if (wanted.has(key) || wanted.size < 4) {
            // Those over their time may still be there until the driver comes round: not asked for here.
            try {
              node.set(key, bytes(`${value}`), now, ttlMs);
              wanted.set(key, { value: `${value}`, until: now + (ttlMs ?? 1e9) });
            } catch (error) {
              expect(error).toMatchObject({ code: "too-many-keys" });
            }
          }
          runTo(node, now);
          expect(node.entries().length).toBeLessThanOrEqual(4);
        }
        runTo(node, now + 60_000);
        expect(node.heldWrites).toBe(0);
        const left = [...wanted]
          .filter(([, { until }]) => until > now + 60_000)
          .map(([key, { value }]) => [key, value]);
        expect(
          node
            .entries()
            .map(({ key, value }) => [key, text(value)])
            .sort(),
        ).toEqual(left.sort());
      }),
      { numRuns: 200 },
    );
  });
});

describe("without flow control", () => {
  it("nothing is held, and nothing is said of rates", () => {
    const net = new Net({ nodes: 2 });
    const [node] = net.nodes;
    for (let k = 0; k < 500; k++) node!.set(`k${k}`, bytes("v"), 0);
    expect([node!.heldWrites, node!.maxWriteRate, node!.entries().length]).toEqual([0, Number.POSITIVE_INFINITY, 500]);
    net.run(3000);
    expect(net.events.flat().filter(({ type }) => type === "flow")).toEqual([]);
  });
});

describe("a pool with flow control", () => {
  /** Exchanges neither raise nor lower rates: they move by sharing alone. */
  const sharing = { startRate: 2, minRate: 0.5, increase: 0.001, fullExchanges: 1000, easyExchanges: 1000 };

  it("lends the one who writes what the others do not need, and divides it among two", () => {
    const net = new Net({ nodes: 8, seed: 4, config: { flow: sharing, maxPacketBytes: 4096 } });
    let wrote = 0;
    const write = (writers: readonly number[], ms: number) => {
      for (const end = net.now + ms; net.now < end; net.run(50))
        for (const i of writers) net.nodes[i]!.set(`k${wrote++ % 50}`, bytes(`${wrote}`), net.now);
    };
    write([0], 30_000);
    const rates = () => net.nodes.map(({ maxWriteRate }) => maxWriteRate);
    // Of 16 in all the others keep the least.
    expect(rates()[0]).toBeGreaterThan(11);
    expect(rates().reduce((sum, rate) => sum + rate, 0)).toBeCloseTo(16, 0);
    write([0, 1], 60_000);
    expect(Math.abs(rates()[0]! - rates()[1]!)).toBeLessThan(2);
    expect(rates().reduce((sum, rate) => sum + rate, 0)).toBeCloseTo(16, 0);
    net.until(() => net.isEqual() && net.nodes.every(({ heldWrites }) => heldWrites === 0), 60_000);
  });

  it("costs an idle round one packet all the same", () => {
    const net = new Net({ nodes: 10, config: { flow: {} } });
    for (const node of net.nodes) node.set("k", bytes("v"), 0);
    net.until(() => net.isEqual(), 20_000);
    net.run(5000);
    const { packets } = net;
    net.run(20_000);
    expect((net.packets - packets) / (10 * 20)).toBeLessThan(1.1);
  });

  it("learns from full packets to write less, and from others to write more again", () => {
    const config = { flow: { startRate: 50, maxRate: 50 }, maxPacketWrites: 5, gossipNodes: 0, syncIntervalMs: 500 };
    const net = new Net({ nodes: 6, seed: 5, config: { ...config, streamThresholdBytes: 1e9 } });
    let wrote = 0;
    for (const end = 60_000; net.now < end; net.run(50))
      for (const node of net.nodes) node.set(`k${wrote++ % 64}`, bytes(`${wrote}`), net.now);
    const slow = net.nodes.map(({ maxWriteRate }) => maxWriteRate);
    // Twenty deltas a second reach each member, from five others.
    for (const rate of slow) expect(rate).toBeLessThan(8);
    net.until(() => net.isEqual() && net.nodes.every(({ heldWrites }) => heldWrites === 0), 400_000);
    net.run(60_000);
    for (const [i, node] of net.nodes.entries()) expect(node.maxWriteRate).toBeGreaterThan(slow[i]!);
  });

  it("counts rates that answer nothing, and is not moved by them", () => {
    const [answerer, asker, node] = [0, 1, 2].map(() => alone({ flow: { startRate: 2 } }));
    const out = { buffer: new Uint8Array(2000), length: 0, to: endpointOf(0) };
    for (let k = 0; k < 20; k++) asker!.set(`k${k}`, bytes("v"), 0);
    asker!.setPeer(nameOf(1), endpointOf(1), "alive", 0);
    runTo(asker!, 1500);
    while (asker!.pollTransmit(out)) answerer!.handlePacket(endpointOf(0), out.buffer.slice(0, out.length), 1500);
    expect(answerer!.maxWriteRate).toBeLessThan(2);
    while (answerer!.pollTransmit(out)) node!.handlePacket(endpointOf(1), out.buffer.slice(0, out.length), 1500);
    expect(node!.maxWriteRate).toBe(2);
    expect(node!.counters.drops.get("rates-unexpected")).toBeGreaterThan(0);
  });
});
