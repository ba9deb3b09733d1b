import { describe, expect, it } from "vitest";
import type { SimNode } from "./sim-node.ts";
import { Puppet } from "./testing/puppet.ts";
import { World, type WorldOptions } from "./world.ts";

type Node = SimNode<Puppet, string>;

/** Nodes 10 ms apart, their logs emptied. */
function worldOf(count: number, options: Partial<WorldOptions> = {}) {
  const world = new World<Puppet, string>({
    seed: 1,
    ...options,
    network: { latency: { kind: "constant", ms: 10 }, ...options.network },
  });
  const nodes = Array.from({ length: count }, (_, i): Node => {
    return world.add(new Puppet(world.fidelity.codec), { address: `10.0.0.${i + 1}`, port: 7946 });
  });
  for (const node of nodes) node.machine.log.length = 0;
  const say = (from: Node, to: Node, text: string, bytes?: number) =>
    world.act(from, (machine) => machine.say(to.endpoint, text, bytes));
  const wakeAt = (node: Node, ...times: number[]) =>
    world.act(node, (machine) => {
      for (const time of times) machine.wakeAt(time);
    });
  return { world, nodes: nodes as [Node, Node, ...Node[]], say, wakeAt };
}

describe("time", () => {
  it("jumps from one thing to the next, in order of time and then of asking", () => {
    const { world, nodes, say, wakeAt } = worldOf(2);
    const [a, b] = nodes;
    wakeAt(b, 10, 30);
    say(a, b, "one");
    say(a, b, "two");
    world.at(10, () => b.machine.log.push("- action"));
    expect(world.step()).toBe(true);
    expect(world.now).toBe(10);
    world.run(50);
    expect(b.machine.log).toEqual(["10 alarm of 10", "10 heard one", "10 heard two", "- action", "30 alarm of 30"]);
    expect(world.now).toBe(60);
    expect(world.step()).toBe(false);
    expect(world.now).toBe(60);
  });

  it("past counts as now", () => {
    const { world } = worldOf(1);
    world.run(100);
    const times: number[] = [];
    world.at(5, () => times.push(world.now));
    world.run(0);
    expect(times).toEqual([100]);
  });

  it("runs until something holds, asked after each thing or at intervals, or until the limit", () => {
    const { world, nodes, wakeAt } = worldOf(1);
    const [a] = nodes;
    wakeAt(a, 100, 200, 5000);
    expect(world.runUntil(() => a.machine.log.length === 1, 1000)).toBe(100);
    expect(world.runUntil(() => a.machine.log.length === 2, 1000, 30)).toBe(120);
    expect(world.runUntil(() => a.machine.log.length === 3, 1000)).toBeUndefined();
    expect(world.now).toBe(1220);
    expect(world.runUntil(() => a.machine.log.length === 3, 1000, 300)).toBeUndefined();
    expect(world.now).toBe(2220);
    expect(world.runUntil(() => true, 1000)).toBe(0);
  });

  it("a wake that is set earlier counts, and one put off is only a look", () => {
    const { world, nodes, wakeAt } = worldOf(1);
    const [a] = nodes;
    wakeAt(a, 500);
    wakeAt(a, 100, 300);
    world.run(1000);
    expect(a.machine.log).toEqual(["100 alarm of 100", "300 alarm of 300", "500 alarm of 500"]);
  });
});

describe("events and packets", () => {
  it("are told to those who asked: the world first, then the node's own listener, which may act", () => {
    const { world, nodes, say } = worldOf(2);
    const [a, b] = nodes;
    const seen: string[] = [];
    world.onEvent = (node, event, now) => seen.push(`${now} world ${node.index} ${event}`);
    b.onEvent = (event, now) => {
      seen.push(`${now} node ${event}`);
      say(b, a, "thanks");
    };
    world.onPacket = (from, to, _packet, bytes, now) => seen.push(`${now} ${from.index} to ${to.address}: ${bytes}`);
    b.machine.onHeard = (text) => b.machine.report(text);
    say(a, b, "hello");
    world.run(20);
    expect(seen).toEqual(["0 0 to 10.0.0.2: 5", "10 world 1 hello", "10 node hello", "10 1 to 10.0.0.1: 6"]);
    expect(a.machine.log).toEqual(["20 heard thanks"]);
    expect(a.traffic).toMatchObject({ packetsSent: 1, bytesSent: 5, packetsReceived: 1, bytesReceived: 6 });
    expect(b.traffic).toMatchObject({ packetsSent: 1, bytesSent: 6, packetsReceived: 1, largestPacket: 6 });
  });

  it("to nobody are counted", () => {
    const { world, nodes } = worldOf(1);
    world.act(nodes[0], (machine) => machine.say({ address: "10.9.9.9", port: 7946 }, "hello"));
    expect(world.network.drops.nobody).toBe(1);
    expect(world.pending).toBe(0);
  });

  it("are not overwritten while under way", () => {
    const { world, nodes, say } = worldOf(2);
    say(nodes[0], nodes[1], "first");
    say(nodes[0], nodes[1], "other");
    world.run(10);
    expect(nodes[1].machine.log).toEqual(["10 heard first", "10 heard other"]);
  });
});

describe("addresses", () => {
  it("one address holds several ports, each with a process of its own", () => {
    const { world, nodes, say } = worldOf(2);
    const [a, b] = nodes;
    const ports = [8000, 8001].map((port) =>
      world.add(new Puppet(world.fidelity.codec), { address: b.endpoint.address, port }),
    ) as [Node, Node];
    for (const node of [b, ...ports]) expect(world.find(node.endpoint)).toBe(node);
    expect(world.find({ address: b.endpoint.address, port: 8002 })).toBeUndefined();
    expect(world.find({ address: "10.9.9.9", port: 8000 })).toBeUndefined();
    say(a, ports[0], "to 8000");
    say(a, ports[1], "to 8001");
    say(a, b, "to 7946");
    world.crash(ports[1]);
    world.run(20);
    expect(b.machine.log).toEqual(["10 heard to 7946"]);
    expect(ports[0].machine.log).toEqual(["0 started", "10 heard to 8000"]);
    expect(ports[1].machine.log).toEqual(["0 started"]);
  });

  it("are given once, to dead and living alike", () => {
    const { world, nodes } = worldOf(2);
    const other = world.add(new Puppet(world.fidelity.codec), { address: "10.0.0.2", port: 8000 });
    world.crash(nodes[1]);
    for (const node of [nodes[0], nodes[1], other]) {
      expect(() => world.add(new Puppet(world.fidelity.codec), node.endpoint)).toThrow(RangeError);
    }
    expect(world.nodes).toHaveLength(3);
  });
});

describe("a stall", () => {
  it("makes timers late, and what came waits in order; timers come first", () => {
    const { world, nodes, say, wakeAt } = worldOf(2);
    const [a, b] = nodes;
    wakeAt(b, 50, 70, 400);
    world.stall(b, 100);
    for (const text of ["one", "two", "three"]) {
      say(a, b, text);
      world.run(20);
    }
    expect(b.machine.log).toEqual([]);
    world.run(1000);
    expect(b.machine.log).toEqual([
      "100 alarm of 50",
      "100 alarm of 70",
      "100 heard one",
      "100 heard two",
      "100 heard three",
      "400 alarm of 400",
    ]);
  });

  it("may be made longer, not shorter, and what came keeps its order", () => {
    const { world, nodes, say, wakeAt } = worldOf(2);
    const [a, b] = nodes;
    wakeAt(b, 60);
    world.stall(b, 100);
    say(a, b, "one");
    world.run(50);
    world.stall(b, 10);
    say(a, b, "two");
    world.stall(b, 200);
    say(a, b, "three");
    world.run(300);
    say(a, b, "four");
    world.run(100);
    expect(b.machine.log).toEqual([
      "250 alarm of 60",
      "250 heard one",
      "250 heard two",
      "250 heard three",
      "360 heard four",
    ]);
  });

  it("holds as much as the socket's buffer, each packet with its overhead; the rest is lost", () => {
    const { world, nodes, say } = worldOf(2, { inboxBytes: 4500 });
    const [a, b] = nodes;
    world.stall(b, 100);
    for (let i = 0; i < 10; i++) say(a, b, `${i}`, 200);
    world.run(50);
    // 1000 bytes each with the kernel's 800.
    expect(world.network.drops.inbox).toBe(6);
    expect(b.inboxBytes).toBe(4000);
    world.run(100);
    expect(b.machine.log).toEqual(["100 heard 0", "100 heard 1", "100 heard 2", "100 heard 3"]);
    expect(b.inboxBytes).toBe(0);
    // The room is free again.
    world.stall(b, 100);
    for (let i = 0; i < 10; i++) say(a, b, `${i}`, 200);
    world.run(1000);
    expect(world.network.drops.inbox).toBe(12);
    expect(b.traffic.packetsReceived).toBe(8);
  });

  it("does not lose what waits when it is made longer at the limit", () => {
    const { world, nodes, say } = worldOf(2, { inboxBytes: 2000 });
    const [a, b] = nodes;
    world.stall(b, 100);
    say(a, b, "one", 200);
    world.run(50);
    world.stall(b, 200);
    say(a, b, "two", 200);
    say(a, b, "three", 200);
    world.run(1000);
    expect(b.machine.log).toEqual(["250 heard one", "250 heard two"]);
    expect(world.network.drops.inbox).toBe(1);
  });

  it("ends with the process", () => {
    const { world, nodes, say, wakeAt } = worldOf(2);
    const [a, b] = nodes;
    wakeAt(b, 50);
    world.stall(b, 100);
    say(a, b, "old");
    world.run(60);
    const next = new Puppet(world.fidelity.codec);
    world.restart(b, next);
    expect(b.inboxBytes).toBe(0);
    wakeAt(b, 80);
    say(a, b, "new");
    world.run(1000);
    expect(next.log).toEqual(["60 started", "70 heard new", "80 alarm of 80"]);
  });
});

describe("a block", () => {
  it("lets timers go on; what comes in and goes out waits", () => {
    const { world, nodes, say, wakeAt } = worldOf(2);
    const [a, b] = nodes;
    world.block(b, 100);
    wakeAt(b, 30, 60);
    say(a, b, "in");
    say(b, a, "out one");
    world.run(50);
    say(b, a, "out two");
    world.run(1000);
    expect(b.machine.log).toEqual(["30 alarm of 30", "60 alarm of 60", "100 heard in"]);
    expect(a.machine.log).toEqual(["110 heard out one", "110 heard out two"]);
  });

  it("may be made longer: nothing slips out in between, and all keeps its order", () => {
    const { world, nodes, say } = worldOf(2);
    const [a, b] = nodes;
    world.block(b, 100);
    say(b, a, "out one");
    say(a, b, "in one");
    world.run(50);
    world.block(b, 200);
    say(b, a, "out two");
    say(a, b, "in two");
    world.block(b, 10);
    world.run(1000);
    expect(a.machine.log).toEqual(["260 heard out one", "260 heard out two"]);
    expect(b.machine.log).toEqual(["250 heard in one", "250 heard in two"]);
  });

  it("ends with the process: what waited is gone", () => {
    const { world, nodes, say } = worldOf(2);
    const [a, b] = nodes;
    world.block(b, 100);
    say(b, a, "out");
    say(a, b, "in");
    world.run(50);
    const next = new Puppet(world.fidelity.codec);
    world.restart(b, next);
    say(b, a, "new");
    world.run(1000);
    expect(a.machine.log).toEqual(["60 heard new"]);
    expect(next.log).toEqual(["50 started"]);
  });
});

describe("a clock", () => {
  it("ahead: what is due by it comes at once, the rest as much sooner", () => {
    const { world, nodes, say, wakeAt } = worldOf(2);
    const [a, b] = nodes;
    wakeAt(b, 100, 600, 1000);
    world.run(50);
    world.shiftClock(b, 500);
    say(a, b, "hello");
    world.run(1000);
    expect(b.machine.log).toEqual(["550 alarm of 100", "560 heard hello", "600 alarm of 600", "1000 alarm of 1000"]);
  });

  it("back: it stands still until it is right again, and timers are as much later", () => {
    const { world, nodes, say, wakeAt } = worldOf(2);
    const [a, b] = nodes;
    wakeAt(b, 100, 300);
    world.run(150);
    world.shiftClock(b, -400);
    world.run(100);
    say(a, b, "hello");
    const times: number[] = [];
    world.onPacket = (_from, _to, _packet, _bytes, now) => times.push(now);
    b.machine.onHeard = () => b.machine.say(a.endpoint, "hello yourself");
    world.runUntil(() => b.machine.log.length === 3, 10_000);
    expect(b.machine.log).toEqual(["100 alarm of 100", "100 heard hello", "300 alarm of 300"]);
    expect(world.now).toBe(700);
    expect(times).toEqual([260]);
  });

  it.each([0.1, 1 / 3, -0.7, 12_345.678])("off by %d ms wakes once for each alarm all the same", (shift) => {
    const { world, nodes, wakeAt } = worldOf(2);
    const [a] = nodes;
    world.run(20_000.1);
    world.shiftClock(a, shift);
    for (let i = 0; i < 200; i++) wakeAt(a, 40_000 + i * 0.3);
    let steps = 0;
    while (world.step()) steps++;
    expect(a.machine.log).toHaveLength(200);
    expect(steps).toBeLessThanOrEqual(400);
    expect(world.now).toBeCloseTo(40_000 + 199 * 0.3 - shift, 6);
  });
});

describe("a crash", () => {
  it("ends timers and hearing; what was under way from it arrives", () => {
    const { world, nodes, say, wakeAt } = worldOf(2);
    const [a, b] = nodes;
    wakeAt(b, 50);
    say(b, a, "last words");
    say(a, b, "too late");
    world.crash(b);
    world.run(1000);
    expect(b.machine.log).toEqual([]);
    expect(a.machine.log).toEqual(["10 heard last words"]);
    expect([b.alive, b.hostUp, b.generation]).toEqual([false, true, 0]);
  });

  it("and a restart: another machine at the same place, one generation on", () => {
    const { world, nodes, say, wakeAt } = worldOf(2);
    const [a, b] = nodes;
    wakeAt(b, 50);
    world.crash(b, { host: true });
    expect([b.alive, b.hostUp]).toEqual([false, false]);
    world.run(20);
    say(a, b, "for whoever is there");
    const next = new Puppet(world.fidelity.codec);
    world.restart(b, next, (machine, now) => {
      machine.start(now);
      machine.wakeAt(now + 5);
    });
    world.run(1000);
    // A datagram does not care who listens; the old timer is gone.
    expect(next.log).toEqual(["20 started", "25 alarm of 25", "30 heard for whoever is there"]);
    expect(b).toMatchObject({ alive: true, hostUp: true, generation: 1, index: 1, machine: next });
    world.restart(b, new Puppet(world.fidelity.codec));
    expect(b.generation).toBe(2);
  });
});

describe("partitions", () => {
  it("keep groups apart, those named in none together; healing mends all", () => {
    const { world, nodes } = worldOf(6);
    const reach = () => {
      for (const node of nodes) node.machine.log.length = 0;
      for (const from of nodes) {
        for (const to of nodes) world.act(from, (machine) => machine.say(to.endpoint, String(from.index)));
      }
      world.run(20);
      return nodes.map(({ machine }) => machine.log.map((line) => line.split(" ")[2]).join(""));
    };
    const [a, b, c, d] = nodes as unknown as readonly [Node, Node, Node, Node];
    world.partition([a, b], [c, d]);
    expect(reach()).toEqual(["01", "01", "23", "23", "45", "45"]);
    world.partition([a, c]);
    expect(reach()).toEqual(["02", "1345", "02", "1345", "1345", "1345"]);
    world.network.cut(a, c);
    world.heal();
    expect(reach()).toEqual(Array(6).fill("012345"));
  });
});

describe("the digest", () => {
  const history = (seed: number, extra = false) => {
    const { world, nodes, say } = worldOf(3, {
      seed,
      digest: true,
      network: { loss: 0.2, latency: { kind: "lognormal", medianMs: 5, sigma: 1 }, duplicates: 0.1 },
    });
    for (const node of nodes) {
      // Each word is passed on, so that each loss and each delay shows in what comes after.
      node.machine.onHeard = (text, from) => {
        if (text.length < 12) node.machine.say(from, `${text}.`);
      };
    }
    for (let i = 0; i < 50; i++) say(nodes[i % 3]!, nodes[(i + 1) % 3]!, `w${i}`);
    if (extra) say(nodes[0], nodes[1], "w");
    world.act(nodes[0], (machine) => machine.dial(nodes[1].endpoint, "question"));
    world.run(5000);
    return { digest: String(world.digest), logs: nodes.map(({ machine }) => machine.log) };
  };

  it("is the same for the same seed, with the same history", () => {
    expect(history(7)).toEqual(history(7));
    expect(history(7).digest).toMatch(/^[0-9a-f]{16}$/);
  });

  it("is another for another seed, and for one packet more", () => {
    const digests = [history(7), history(8), history(9), history(7, true)].map(({ digest }) => digest);
    expect(new Set(digests).size).toBe(4);
  });

  it("is kept only when asked for", () => {
    expect(worldOf(1).world.digest).toBeUndefined();
  });
});
