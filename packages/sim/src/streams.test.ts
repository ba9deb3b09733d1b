import { Rng } from "@hearsay/core";
import { encodeUtf8 } from "@hearsay/wire";
import { describe, expect, it } from "vitest";
import type { NetworkConditions } from "./network.ts";
import type { SimNode } from "./sim-node.ts";
import { Puppet } from "./testing/puppet.ts";
import { World } from "./world.ts";

type Node = SimNode<Puppet, string>;

/** Two nodes 10 ms apart: a dials, b answers "yes". */
function pair(network: NetworkConditions = {}, seed = 1) {
  const world = new World<Puppet, string>({ seed, network: { latency: { kind: "constant", ms: 10 }, ...network } });
  const add = (host: number): Node => {
    const node = world.add(new Puppet(world.fidelity.codec), { address: `10.0.0.${host}`, port: 7946 });
    node.machine.log.length = 0;
    return node;
  };
  const a = add(1);
  const b = add(2);
  const dial = (options: Parameters<Puppet["dial"]>[2] = {}) =>
    world.act(a, (machine) => machine.dial(b.endpoint, "question", options));
  return { world, a, b, dial };
}

describe("a stream", () => {
  it("connects in a round trip, is asked one way later, and answered after another", () => {
    const { world, a, b, dial } = pair();
    dial();
    world.run(5000);
    expect(a.machine.log).toEqual(["20 connected", "40 told yes"]);
    expect(b.machine.log).toEqual(["30 asked question"]);
    expect(a.traffic).toMatchObject({ streamsOpened: 1, packetsSent: 0 });
    expect(a.traffic.streamBytesSent).toBe(b.machine.codec.encodeStream(user("question"), true).length);
    expect(b.traffic.streamBytesSent).toBe(b.machine.codec.encodeStream(user("yes"), false).length);
  });

  it("without a reply to wait for ends well once it is taken in", () => {
    const { world, a, b, dial } = pair();
    dial({ reply: false });
    world.run(5000);
    expect(a.machine.log).toEqual(["20 connected", "30 over well"]);
    expect(b.machine.log).toEqual(["30 asked question"]);
  });

  it("that is answered with a hang-up is closed", () => {
    const { world, a, b, dial } = pair();
    b.machine.answer = undefined;
    dial();
    world.run(5000);
    expect(a.machine.log).toEqual(["20 connected", "40 over closed"]);
  });

  it("that is no longer wanted once it is open writes nothing and hears nothing", () => {
    const { world, a, b, dial } = pair();
    a.machine.changesItsMind = true;
    dial();
    world.run(5000);
    expect(a.machine.log).toEqual(["20 connected"]);
    expect(b.machine.log).toEqual([]);
  });

  it("takes the time that its bytes need", () => {
    const { world, a, b } = pair({ bandwidth: { bytesPerSecond: 100_000, queueBytes: 1_000_000 } });
    world.act(a, (machine) => machine.dial(b.endpoint, "x".repeat(50_000), { timeoutMs: 5000 }));
    world.run(5000);
    const asked = Number.parseFloat(b.machine.log[0]!);
    expect(asked).toBeGreaterThan(530);
    expect(asked).toBeLessThan(531);
  });
});

describe("a dial", () => {
  it("to a host without the process is refused after a round trip", () => {
    const { world, a, b, dial } = pair();
    world.crash(b);
    dial();
    world.run(5000);
    expect(a.machine.log).toEqual(["20 over refused"]);
  });

  it.each(["user", "ping", "push-pull"] as const)("to a host that is down times out (%s)", (kind) => {
    const { world, a, b, dial } = pair();
    world.crash(b, { host: true });
    dial({ kind });
    world.run(5000);
    expect(a.machine.log).toEqual(["1000 over timeout"]);
  });

  it("to where nobody ever was times out", () => {
    const { world, a } = pair();
    world.act(a, (machine) => machine.dial({ address: "10.9.9.9", port: 7946 }, "question"));
    world.run(5000);
    expect(a.machine.log).toEqual(["1000 over timeout"]);
  });

  it.each([
    ["there", (from: Node, to: Node) => [from, to] as const],
    ["back", (from: Node, to: Node) => [to, from] as const],
  ])("times out when the way %s is cut", (_name, way) => {
    const { world, a, b, dial } = pair();
    world.network.cut(...way(a, b));
    dial();
    world.run(5000);
    expect(a.machine.log).toEqual(["1000 over timeout"]);
    expect(b.machine.log).toEqual([]);
  });
});

describe("a cut midway", () => {
  it("while the question is under way does not stop it; the answer finds no way", () => {
    const { world, a, b, dial } = pair();
    dial();
    world.run(25);
    world.network.cut(b, a);
    world.run(5000);
    expect(b.machine.log).toEqual(["30 asked question"]);
    // The time to connect is over; that to write and read began at 20.
    expect(a.machine.log).toEqual(["20 connected", "1020 over timeout"]);
  });

  it("before the question is written leaves the other without it", () => {
    const { world, a, b, dial } = pair();
    dial();
    world.run(15);
    world.network.cut(a, b);
    world.run(5000);
    expect(b.machine.log).toEqual([]);
    expect(a.machine.log).toEqual(["20 connected", "1020 over timeout"]);
  });
});

describe("time", () => {
  const slow = { latency: { kind: "constant", ms: 300 } } as const;

  it("to connect is one thing, to write and read another", () => {
    const { world, a, dial } = pair(slow);
    dial({ timeoutMs: 700 });
    world.run(5000);
    expect(a.machine.log).toEqual(["600 connected", "1200 told yes"]);
  });

  it("of a ping is one for all of it; a reply after that counts for nothing", () => {
    const { world, a, b, dial } = pair(slow);
    dial({ timeoutMs: 700, kind: "ping" });
    world.run(5000);
    expect(a.machine.log).toEqual(["600 connected", "700 over timeout"]);
    expect(b.machine.log).toEqual(["900 asked question"]);
  });

  it("is over before the reply: the other has acted on the question, we have not on the answer", () => {
    const { world, a, b, dial } = pair();
    dial({ timeoutMs: 25 });
    world.run(22);
    world.network.set(slow);
    world.run(5000);
    expect(b.machine.log).toEqual(["30 asked question"]);
    expect(a.machine.log).toEqual(["20 connected", "45 over timeout"]);
  });
});

describe("loss", () => {
  it("delays as TCP does, and by nothing else", () => {
    const world = new World<Puppet, string>({ seed: 3, network: { latency: { kind: "constant", ms: 10 }, loss: 0.2 } });
    const [a, b] = [1, 2].map((host) =>
      world.add(new Puppet(world.fidelity.codec), { address: `10.0.0.${host}`, port: 7946 }),
    ) as [Node, Node];
    const times: number[] = [];
    for (let i = 0; i < 400; i++) {
      const began = world.now;
      a.machine.log.length = 0;
      world.act(a, (machine) => machine.dial(b.endpoint, "question", { timeoutMs: 60_000 }));
      expect(world.runUntil(() => a.machine.log.length === 2, 120_000)).toBeDefined();
      expect(a.machine.log[1]).toMatch(/told yes$/);
      times.push(Math.round(world.now - began));
    }
    // Four ways of 10 ms, each put off by 200, 600, 1400 … ms: 0.8^4 of the streams have no loss at all.
    for (const time of times) expect((time - 40) % 200).toBe(0);
    const undisturbed = times.filter((time) => time === 40).length / times.length;
    expect(Math.abs(undisturbed - 0.8 ** 4)).toBeLessThan(4 * Math.sqrt((0.41 * 0.59) / 400));
  });
});

describe("a peer that stands still", () => {
  it.each(["stall", "block"] as const)("takes the question when it moves again (%s)", (how) => {
    const { world, a, b, dial } = pair();
    world[how](b, 200);
    dial();
    world.run(5000);
    // Its kernel connects meanwhile.
    expect(a.machine.log).toEqual(["20 connected", "210 told yes"]);
    expect(b.machine.log).toEqual(["200 asked question"]);
  });

  it("longer than the time allowed gets the question all the same", () => {
    const { world, a, b, dial } = pair();
    world.stall(b, 3000);
    dial();
    world.run(5000);
    expect(a.machine.log).toEqual(["20 connected", "1020 over timeout"]);
    expect(b.machine.log).toEqual(["3000 asked question"]);
  });

  it("for longer than it seemed at first is waited for to the end", () => {
    const { world, a, b, dial } = pair();
    world.stall(b, 100);
    dial();
    world.run(50);
    world.stall(b, 400);
    world.run(5000);
    expect(a.machine.log).toEqual(["20 connected", "460 told yes"]);
  });
});

describe("an asker that stands still", () => {
  it.each([
    ["before it is connected", 5, ["305 connected", "325 told yes"]],
    ["before the answer", 25, ["20 connected", "325 told yes"]],
  ])("%s goes on when it moves again", (_name, at, log) => {
    const { world, a, dial } = pair();
    dial();
    world.run(at);
    world.stall(a, 300);
    world.run(5000);
    expect(a.machine.log).toEqual(log);
  });

  it.each(["refused", "closed", "well", "timeout"])("hears no sooner that it is over: %s", (reason) => {
    const { world, a, b, dial } = pair();
    if (reason === "refused") world.crash(b);
    if (reason === "timeout") world.crash(b, { host: true });
    if (reason === "closed") b.machine.answer = undefined;
    dial({ reply: reason !== "well", timeoutMs: 100 });
    const early = reason === "refused" || reason === "timeout";
    world.run(early ? 5 : 25);
    world.stall(a, 300);
    world.run(5000);
    expect(a.machine.log.at(-1)).toBe(`${early ? 305 : 325} over ${reason}`);
  });
});

describe("a process that ends midway", () => {
  it("is a closed connection to the asker, if its host is still there", () => {
    const { world, a, b, dial } = pair();
    dial();
    world.run(25);
    world.crash(b);
    world.run(5000);
    expect(a.machine.log).toEqual(["20 connected", "40 over closed"]);
  });

  it("says nothing any more when the host went too", () => {
    const { world, a, b, dial } = pair();
    dial();
    world.run(25);
    world.crash(b, { host: true });
    world.run(5000);
    expect(a.machine.log).toEqual(["20 connected", "1020 over timeout"]);
  });

  it("and is followed by another: that one knows nothing of the question", () => {
    const { world, a, b, dial } = pair();
    dial();
    world.run(25);
    const next = new Puppet(world.fidelity.codec);
    world.restart(b, next);
    world.run(5000);
    expect(a.machine.log).toEqual(["20 connected", "40 over closed"]);
    expect(next.log).toEqual(["25 started"]);
  });

  it("as the asker: nobody is told, and its successor neither", () => {
    const { world, a, b, dial } = pair();
    dial();
    world.run(25);
    const next = new Puppet(world.fidelity.codec);
    world.restart(a, next);
    world.run(5000);
    expect(next.log).toEqual(["25 started"]);
    expect(b.machine.log).toEqual(["30 asked question"]);
  });
});

it("many at once keep apart, and one seed gives one history", () => {
  const history = (seed: number) => {
    const { world, a, b } = pair({ loss: 0.1, latency: { kind: "uniform", minMs: 1, maxMs: 40 } }, seed);
    const rng = new Rng(seed);
    for (let i = 0; i < 200; i++) {
      world.at(rng.below(2000), () =>
        world.act(a, (machine) => machine.dial(b.endpoint, `q${i}`, { timeoutMs: 30_000 })),
      );
    }
    world.run(200_000);
    const asked = b.machine.log.filter((line) => line.includes("asked")).map((line) => line.split(" ")[2]);
    expect(new Set(asked).size).toBe(200);
    expect(a.machine.log.filter((line) => line.includes("told yes"))).toHaveLength(200);
    return [...a.machine.log, ...b.machine.log];
  };
  expect(history(4)).toEqual(history(4));
  expect(history(5)).not.toEqual(history(4));
});

function user(text: string) {
  return { type: 8, payload: encodeUtf8(text) } as const;
}
